//! Figures of the page `transfer_functions`.

use classical_ssm::state_space::{Continuous, StateSpace};
use classical_ssm::transfer_functions::{
    TransferFunction, TransferFunctionError, controllable_form, modal_form, poles, zeros,
};
use math_foundations::introduction::random_orthogonal;
use math_foundations::state_representations::{DcMotor, dc_motor};
use nalgebra::{Complex, DMatrix, DVector, dmatrix};
use workbench::plot::{Plot, Side};
use workbench::svg::{Anchor, Role};

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[
    Figure {
        name: "root-locus",
        page: "2-classical-ssm/transfer-functions",
        draw: || draw_root_locus(&RootLocus::default()).unwrap_or_default(),
    },
    Figure {
        name: "digits-of-forms",
        page: "2-classical-ssm/transfer-functions",
        draw: || draw_digits_of_forms(&DigitsOfForms::default()).unwrap_or_default(),
    },
];

/// What the figure `root-locus` shows: chapter 1's motor behind the controller `k (s + zero) / s`.
#[derive(Debug, Clone, PartialEq)]
pub struct RootLocus {
    /// Where the controller has its zero, in 1/s to the left.
    pub zero: f64,
    /// The largest gain k.
    pub largest: f64,
    /// How many gains are tried.
    pub steps: usize,
}

impl Default for RootLocus {
    fn default() -> Self {
        Self { zero: 200.0, largest: 0.6, steps: 400 }
    }
}

/// The poles of the loop while the gain grows from nothing.
///
/// # Errors
/// Those of [`poles`] and [`zeros`].
pub fn draw_root_locus(parameters: &RootLocus) -> Result<String, TransferFunctionError> {
    let motor = StateSpace::try_from(dc_motor(&DcMotor::default())?)?;
    let controller = TransferFunction::new(&[parameters.zero, 1.0], &[0.0, 1.0])?;
    let ahead = controller.to_continuous()?.series(&motor)?;
    let mut branches = vec![Vec::new(); ahead.d_state()];
    let mut before: Vec<Complex<f64>> = poles(&ahead)?.iter().copied().collect();
    for step in 0..=parameters.steps {
        // Denser where the gain is small and poles move fast.
        let share = step as f64 / parameters.steps as f64;
        let gain = parameters.largest * share * share;
        let mut found: Vec<Complex<f64>> =
            poles(&ahead.feedback_gain(&dmatrix![gain])?)?.iter().copied().collect();
        // Each branch goes on with the pole that is nearest to where it was.
        for (branch, last) in branches.iter_mut().zip(&mut before) {
            let near = (0..found.len())
                .min_by(|&i, &j| (found[i] - *last).norm().total_cmp(&(found[j] - *last).norm()))
                .unwrap_or(0);
            *last = found.swap_remove(near);
            branch.push((last.re, last.im));
        }
    }
    let plane = |roots: DVector<Complex<f64>>| -> Vec<(f64, f64)> {
        roots.iter().map(|root| (root.re, root.im)).collect()
    };
    let mut plot = Plot::new(
        "As the gain grows the two slow poles meet, leave the axis and run away to ever faster \
         oscillation, while the third walks to the zero and stays there",
    )
    .x_label("$Re s$")
    .y_label("$Im s$")
    .x_range(-1020.0, 120.0)
    .y_range(-420.0, 420.0)
    .reference("", &[(0.0, -420.0), (0.0, 420.0)]);
    for branch in &branches {
        plot = plot.line(Role::State, "", branch).arrows_along(2);
    }
    for (re, im) in plane(zeros(&ahead)?) {
        plot = plot.note(Role::Ink.size(24.0), (re, im - 21.0), Anchor::Middle, "○");
    }
    Ok(plot
        .points(Role::State, "", &plane(poles(&ahead)?))
        .note(Role::Ink, (-parameters.zero, 34.0), Anchor::Middle, "zero")
        .note(Role::State, (-930.0, -52.0), Anchor::Middle, "$p_3$")
        .note(Role::State, (-105.0, -52.0), Anchor::Middle, "$p_2$")
        .note(Role::State, (12.0, -52.0), Anchor::Start, "$p_1$")
        .to_svg())
}

/// What the figure `digits-of-forms` shows: `1/(s+1) + … + 1/(s+N)`.
#[derive(Debug, Clone, PartialEq)]
pub struct DigitsOfForms {
    /// The largest N.
    pub largest: usize,
}

impl Default for DigitsOfForms {
    fn default() -> Self {
        Self { largest: 14 }
    }
}

/// How far off the poles are after the system was written in companion and in modal form.
///
/// # Errors
/// Those of [`modal_form`]; a refused controllable form ends its curve.
pub fn draw_digits_of_forms(parameters: &DigitsOfForms) -> Result<String, TransferFunctionError> {
    let (mut companion, mut modal) = (Vec::new(), Vec::new());
    for n in 1..=parameters.largest {
        let lags = lags(n)?;
        if let Ok(form) = controllable_form(&lags) {
            companion.push((n as f64, error(&form.system)?));
        }
        modal.push((n as f64, error(&modal_form(&lags)?.system)?));
    }
    let end = parameters.largest as f64;
    Ok(Plot::new(
        "In companion form the poles lose a digit and a half with every two states, and beyond eleven \
         states the form is refused; in modal form they keep all digits",
    )
    .x_label("N")
    .y_label("error of the poles")
    .log_y()
    .x_range(0.0, end + 1.0)
    .y_range(1e-17, 1e-6)
    .line(Role::State, "companion", &companion)
    .points(Role::State, "", &companion)
    .line(Role::Ink.wide(1.0), "modal", &modal)
    .label_at(0.9, Side::Above)
    .points(Role::Ink.hollow(), "", &modal)
    .to_svg())
}

fn lags(n: usize) -> Result<StateSpace<Continuous>, TransferFunctionError> {
    let q = random_orthogonal(n, 22);
    let rates = DMatrix::from_diagonal(&DVector::from_fn(n, |k, _| -(k as f64 + 1.0)));
    let ones = DMatrix::from_element(n, 1, 1.0);
    let (b, c) = (&q * &ones, ones.transpose() * q.transpose());
    Ok(StateSpace::continuous(&q * rates * q.transpose(), b, c, dmatrix![0.0])?)
}

/// The largest relative error of the poles, which are -1, …, -N.
fn error(system: &StateSpace<Continuous>) -> Result<f64, TransferFunctionError> {
    let found = poles(system)?;
    let off = |k: usize| (found[k - 1] + k as f64).norm() / k as f64;
    Ok((1..=found.len()).map(off).fold(2e-17, f64::max))
}
