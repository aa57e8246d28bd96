//! Figures of the page `controllability`.

use std::f64::consts::PI;

use classical_ssm::controllability::{
    Carts, ControllabilityError, balanced_truncation, hankel_singular_values,
    popov_belevitch_hautus,
};
use classical_ssm::state_space::{Continuous, StateSpace};
use nalgebra::Complex;
use workbench::plot::{Plot, panels};
use workbench::svg::{Anchor, Canvas, Role};

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[
    Figure {
        name: "pushed-carts",
        page: "2-classical-ssm/controllability",
        draw: || draw_pushed_carts(&PushedCarts::default()).unwrap_or_default(),
    },
    Figure {
        name: "hankel-bound",
        page: "2-classical-ssm/controllability",
        draw: || draw_hankel_bound(&HankelBound::default()).unwrap_or_default(),
    },
];

/// What the figure `pushed-carts` shows.
#[derive(Debug, Clone, PartialEq)]
pub struct PushedCarts {
    /// How many carts, at most four.
    pub count: usize,
    /// The cart that is pushed, from 0.
    pub pushed: usize,
}

impl Default for PushedCarts {
    fn default() -> Self {
        Self { count: 3, pushed: 1 }
    }
}

/// Each mode of a row of carts at the end of its swing, with the push above the cart that gets it.
///
/// # Errors
/// Those of [`Carts::system`] and of [`popov_belevitch_hautus`].
pub fn draw_pushed_carts(parameters: &PushedCarts) -> Result<String, ControllabilityError> {
    let PushedCarts { count, pushed } = *parameters;
    let carts = Carts { pushed, ..Carts::row(count) }.system()?;
    let mut modes = popov_belevitch_hautus(&carts)?;
    modes.retain(|mode| mode.lambda.im > 0.0);
    modes.sort_by(|one, other| one.lambda.im.total_cmp(&other.lambda.im));
    let height = 8.0 + 108.0 * modes.len() as f64;
    let mut canvas = Canvas::new(
        640.0,
        height,
        "Three carts between springs, pushed in the middle: of their three ways to swing, the push does \
         not reach the one in which the middle cart stands still",
    );
    let (left, right) = (24.0, 476.0);
    let gap = (right - left) / (count as f64 + 1.0);
    for (row, mode) in modes.iter().enumerate() {
        let y = 58.0 + 108.0 * row as f64;
        let shape =
            |cart: usize| (PI * ((row + 1) * (cart + 1)) as f64 / (count as f64 + 1.0)).sin();
        let rest = |cart: usize| left + gap * (cart as f64 + 1.0);
        let place = |cart: usize| rest(cart) + 0.24 * gap * shape(cart);
        let half = 0.17 * gap;
        for wall in [left, right] {
            canvas.line(Role::Ink.wide(2.4), (wall, y - 24.0), (wall, y + 24.0));
        }
        for joint in 0..=count {
            let from = if joint == 0 { left } else { place(joint - 1) + half };
            let to = if joint == count { right } else { place(joint) - half };
            let zigzag = (0..8).map(|i| {
                let along = from + 6.0 + (to - from - 12.0) * (f64::from(i) + 0.5) / 8.0;
                (along, if i % 2 == 0 { y - 8.0 } else { y + 8.0 })
            });
            let ends = [(from, y), (from + 6.0, y)];
            let spring: Vec<_> =
                ends.into_iter().chain(zigzag).chain([(to - 6.0, y), (to, y)]).collect();
            canvas.polyline(Role::Ink.wide(1.1), &spring);
        }
        for cart in 0..count {
            let corner = (place(cart) - half, y - 17.0);
            canvas.rect(Role::State.tinted(0.14), corner, (2.0 * half, 34.0), 4.0);
            canvas.line(Role::Reference, (rest(cart), y + 22.0), (rest(cart), y + 38.0));
            if shape(cart).abs() > 1e-9 {
                canvas.arrow(Role::State, (rest(cart), y + 30.0), (place(cart), y + 30.0));
            }
        }
        canvas.arrow(
            Role::Input.wide(2.6),
            (place(pushed) - 30.0, y - 34.0),
            (place(pushed) + 30.0, y - 34.0),
        );
        canvas.text(Role::Input, (place(pushed) - 40.0, y - 28.0), Anchor::End, "u");
        let rate = format!("$λ$ = {:.2} ± {:.2}$i$", mode.lambda.re, mode.lambda.im);
        canvas.text(Role::State, (628.0, y - 6.0), Anchor::End, &rate.replace('-', "−"));
        let reach = if mode.is_reachable() { format!("{:.4}", mode.reach) } else { "0".to_owned() };
        canvas.text(Role::Ink, (628.0, y + 22.0), Anchor::End, &format!("$σ_{{min}}$ = {reach}"));
    }
    Ok(canvas.finish())
}

/// What the figure `hankel-bound` shows.
#[derive(Debug, Clone, PartialEq)]
pub struct HankelBound {
    /// How many carts; the first is pushed, the last is watched.
    pub count: usize,
    /// The orders of the models compared.
    pub orders: [usize; 2],
}

impl Default for HankelBound {
    fn default() -> Self {
        Self { count: 10, orders: [6, 12] }
    }
}

/// The Hankel singular values of a row of carts, and how far two smaller models are off at each frequency.
///
/// # Errors
/// Those of [`Carts::system`] and of [`balanced_truncation`].
pub fn draw_hankel_bound(parameters: &HankelBound) -> Result<String, ControllabilityError> {
    let HankelBound { count, orders } = *parameters;
    let carts = Carts::row(count).system()?;
    let sigma = hankel_singular_values(&carts)?;
    let values: Vec<_> = sigma.iter().enumerate().map(|(i, &s)| ((i + 1) as f64, s)).collect();
    let values =
        Plot::new("The Hankel singular values of ten carts fall in pairs, slowly, then fast")
            .title("$σ_i$")
            .x_label("i")
            .log_y()
            .x_range(0.0, sigma.len() as f64 + 1.0)
            .y_range(3e-8, 0.1)
            .points(Role::State, "", &values);
    let mut errors = Plot::new(
        "At every frequency the smaller model errs by less than twice the sum of the values left out",
    )
    .title("$|G - G_r|$")
    .x_label("$ω$")
    .log_x()
    .log_y()
    .x_range(1.0, 60.0)
    .y_range(1e-6, 0.2);
    errors = errors.line(Role::Output, "", &gains(&carts, None)).note(
        Role::Output,
        (1.1, 4e-3),
        Anchor::Start,
        "$|G|$",
    );
    for order in orders {
        let reduced = balanced_truncation(&carts, order)?;
        let bound = reduced.error_bound;
        let error = gains(&carts, Some(&reduced.system));
        errors = errors
            .line(Role::State, "", &error)
            .note(Role::State, (1.1, 1.35 * error[0].1), Anchor::Start, format!("$r$ = {order}"))
            .reference("", &[(1.0, bound), (60.0, bound)])
            .note(Role::Ink, (58.0, 1.25 * bound), Anchor::End, "$2Σσ$");
    }
    Ok(panels(&[values, errors]))
}

/// The modulus of the transfer function, or of its difference to another's, at each frequency.
fn gains(sys: &StateSpace<Continuous>, other: Option<&StateSpace<Continuous>>) -> Vec<(f64, f64)> {
    (0..=400)
        .map(|i| 60.0_f64.powf(f64::from(i) / 400.0))
        .map(|omega| {
            let s = Complex::new(0.0, omega);
            let at = |sys: &StateSpace<Continuous>| {
                sys.matrices().transfer(s).map_or(Complex::ZERO, |g| g[(0, 0)])
            };
            (omega, (at(sys) - other.map_or(Complex::ZERO, at)).norm())
        })
        .collect()
}
