//! Figures of the page `stability`.

use std::f64::consts::{PI, TAU};

use math_foundations::matrix_exponential::matrix_exponential;
use math_foundations::stability::{
    StabilityError, lyapunov_certificate, numerical_abscissa, spectral_abscissa, transient_growth,
};
use nalgebra::{DMatrix, DVector, dmatrix, dvector};
use workbench::plot::{Plot, Side, panels};
use workbench::svg::{Anchor, Role};

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[
    Figure {
        name: "energy-bowl",
        page: "1-math-foundations/stability",
        draw: || draw_energy_bowl(&EnergyBowl::default()).unwrap_or_default(),
    },
    Figure {
        name: "transient-growth",
        page: "1-math-foundations/stability",
        draw: || draw_transient_growth(&TransientGrowth::default()).unwrap_or_default(),
    },
];

/// What the figure `energy-bowl` shows: a spring of mass 1 and stiffness 1.
#[derive(Debug, Clone, PartialEq)]
pub struct EnergyBowl {
    /// In N s/m.
    pub damping: f64,
    /// Where the spring is let go, at rest.
    pub start: f64,
    /// In s.
    pub until: f64,
}

impl Default for EnergyBowl {
    fn default() -> Self {
        Self { damping: 0.4, start: 1.25, until: 9.0 }
    }
}

/// One trajectory over the level curves of Lyapunov's energy (left), and that energy beside the
/// spring's own as time goes on (right): the one falls without a pause, the other rests wherever
/// the spring turns round.
///
/// # Errors
/// Those of [`lyapunov_certificate`]: without damping there is no such energy.
pub fn draw_energy_bowl(parameters: &EnergyBowl) -> Result<String, StabilityError> {
    let EnergyBowl { damping, start, until } = *parameters;
    let a = dmatrix![0.0, 1.0; -1.0, -damping];
    let energy = lyapunov_certificate(&a, &DMatrix::identity(2, 2))?;
    let steps = 240;
    let delta = until / f64::from(steps);
    let step = matrix_exponential(&(&a * delta))?;
    let states = std::iter::successors(Some(dvector![start, 0.0]), |x| Some(&step * x));
    let states: Vec<DVector<f64>> = states.take(steps as usize + 1).collect();

    let mut bowl = Plot::new("The spring crosses every ellipse of Lyapunov's energy inward")
        .title("$x^TPx$")
        .x_label("q")
        .y_label("$q'$")
        .x_range(-1.4, 1.4)
        .y_range(-1.4, 1.4)
        .equal_aspect();
    for ring in 1..=6 {
        bowl = bowl.reference("", &level_curve(&energy.p, f64::from(ring) / 5.0));
    }
    let path: Vec<_> = states.iter().map(pair).collect();
    bowl = bowl.line(Role::State, "", &path).arrows_along(9);

    // Each energy as a fraction of what it was at the start.
    let over_time = |p: &DMatrix<f64>| -> Vec<(f64, f64)> {
        let values: Vec<f64> = states.iter().map(|x| x.dot(&(p * x))).collect();
        (0..=steps).zip(&values).map(|(k, v)| (f64::from(k) * delta, v / values[0])).collect()
    };
    let own = over_time(&DMatrix::identity(2, 2));
    // It turns round twice a period, and the damper makes the period longer.
    let half_period = PI / (1.0 - 0.25 * damping * damping).sqrt();
    let turns = [(0.0, "0"), (half_period, "t_1"), (2.0 * half_period, "t_2")];
    let fall = Plot::new("it falls without a pause; the spring's own energy rests at every turn")
        .x_label("t")
        .x_ticks(&turns)
        .y_range(0.0, 1.05)
        .reference("", &own)
        .note(Role::Reference, (1.35, 0.86), Anchor::Start, "$½q^2 + ½q'^2$")
        .line(Role::State, "", &over_time(&energy.p))
        .note(Role::State, (0.4, 0.3), Anchor::Start, "$x^TPx$");
    Ok(panels(&[bowl, fall]))
}

fn pair(x: &DVector<f64>) -> (f64, f64) {
    (x[0], x[1])
}

/// The ellipse `xᵀPx = constant` of the same area as the circle of this radius.
fn level_curve(p: &DMatrix<f64>, radius: f64) -> Vec<(f64, f64)> {
    let level = radius * radius * p.determinant().sqrt();
    (0..=72)
        .map(|i| {
            let (sin, cos) = (TAU * f64::from(i) / 72.0).sin_cos();
            let towards = dvector![cos, sin];
            pair(&(&towards * (level / towards.dot(&(p * &towards))).sqrt()))
        })
        .collect()
}

/// What the figure `transient-growth` compares.
#[derive(Debug, Clone, PartialEq)]
pub struct TransientGrowth {
    /// The two eigenvalues, on the diagonal.
    pub eigenvalues: (f64, f64),
    /// The entry above the diagonal.
    pub shear: f64,
    /// In s.
    pub until: f64,
}

impl Default for TransientGrowth {
    fn default() -> Self {
        Self { eigenvalues: (-1.0, -2.0), shear: 10.0, until: 6.0 }
    }
}

/// The largest growth of any state for two matrices with the same eigenvalues, with what the
/// beginning, the certificate and the end allow.
///
/// # Errors
/// Those of [`transient_growth`] and of [`lyapunov_certificate`].
pub fn draw_transient_growth(parameters: &TransientGrowth) -> Result<String, StabilityError> {
    let TransientGrowth { eigenvalues: (first, second), shear, until } = *parameters;
    let sheared = dmatrix![first, shear; 0.0, second];
    let curve = |a: &DMatrix<f64>| -> Result<Vec<(f64, f64)>, StabilityError> {
        let growth = transient_growth(a, until, 240)?;
        Ok(growth.times.into_iter().zip(growth.norms).collect())
    };
    let bound = lyapunov_certificate(&sheared, &DMatrix::identity(2, 2))?.growth_bound();
    let omega = numerical_abscissa(&sheared)?;
    let alpha = spectral_abscissa(&sheared)?;
    let begins: Vec<_> = (0..=20)
        .map(|i| bound.ln() / omega * f64::from(i) / 20.0)
        .map(|t| (t, (omega * t).exp()))
        .collect();
    let straight = dmatrix![first, 0.0; 0.0, second];
    Ok(Plot::new(format!(
        "Two matrices with the eigenvalues {first} and {second}: one shrinks every state from the \
         beginning, the other lets some grow first; in the end both fall at the rate {alpha}"
    ))
    .x_label("t")
    .y_label("$‖e^{At}‖$")
    .log_y()
    .x_range(0.0, until)
    .y_range(2e-3, 3.0 * bound)
    .reference("$e^{ωt}$", &begins)
    .label_at(0.7, Side::Right)
    .reference("$√κ(P)$", &[0.0, 0.5, 1.0].map(|part| (part * until, bound)))
    .label_at(0.5, Side::Above)
    .line(Role::State, "", &curve(&straight)?)
    .note(Role::State, (1.1, 0.07), Anchor::Start, "$a_{12} = 0$")
    .line(Role::State.wide(3.0), "", &curve(&sheared)?)
    .note(Role::State, (2.6, 1.3), Anchor::Start, format!("$a_{{12}} = {shear}$"))
    .to_svg())
}
