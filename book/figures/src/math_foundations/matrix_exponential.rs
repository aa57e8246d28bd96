//! Figures of the page `matrix_exponential`.

use math_foundations::eigendecomposition::eigendecomposition;
use math_foundations::matrix_exponential::{
    MatrixExponentialError, exponential_by_eigenvectors, matrix_exponential, taylor_exponential,
};
use nalgebra::{DMatrix, dmatrix};
use workbench::plot::{Plot, Side};
use workbench::svg::Role;

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[
    Figure {
        name: "taylor-hump",
        page: "1-math-foundations/matrix-exponential",
        draw: || draw_taylor_hump(&TaylorHump::default()).unwrap_or_default(),
    },
    Figure {
        name: "parallel-eigenvectors",
        page: "1-math-foundations/matrix-exponential",
        draw: || draw_parallel_eigenvectors(&ParallelEigenvectors::default()).unwrap_or_default(),
    },
];

/// What the figure `taylor-hump` shows: the spring `x'' + d x' + x = 0` at some times.
#[derive(Debug, Clone, PartialEq)]
pub struct TaylorHump {
    /// The damping d, below 2.
    pub damping: f64,
    /// The times, the longest last.
    pub times: Vec<f64>,
    /// The largest number of terms.
    pub terms: usize,
}

impl Default for TaylorHump {
    fn default() -> Self {
        Self { damping: 0.4, times: vec![1.0, 10.0, 40.0], terms: 160 }
    }
}

/// Errors below this are drawn here: a result that is right to the last bit has none.
const FLOOR: f64 = 2e-17;

/// The relative error of the series for `e^{At}` against the number of its terms, and that of
/// scaling and squaring.
///
/// # Errors
/// Those of [`taylor_exponential`] and [`matrix_exponential`].
pub fn draw_taylor_hump(parameters: &TaylorHump) -> Result<String, MatrixExponentialError> {
    let last = parameters.terms as f64;
    let mut plot = Plot::new(
        "For a long time the error of the series rises to a hump, and settles above 1: no digit of \
         the sum is right, while scaling and squaring keeps fourteen",
    )
    .x_label("n")
    .y_label("‖S_n − e^{At}‖ / ‖e^{At}‖")
    .log_y()
    .x_range(0.0, last)
    .y_range(1e-19, 1e23);
    let mut kept = FLOOR;
    for &t in &parameters.times {
        let a = dmatrix![0.0, 1.0; -1.0, -parameters.damping] * t;
        let exact = spring(parameters.damping, t);
        let errors: Result<Vec<(f64, f64)>, MatrixExponentialError> = (0..=parameters.terms)
            .map(|n| Ok((n as f64, relative_error(&taylor_exponential(&a, n)?, &exact))))
            .collect();
        plot = plot.line(Role::State, format!("$t$ = {t}"), &errors?);
        kept = relative_error(&matrix_exponential(&a)?, &exact);
    }
    let name = "(e^{At/2^s})^{2^s}";
    Ok(plot
        .reference(name, &[(0.0, kept), (0.18 * last, kept), (last, kept)])
        .label_at(0.5, Side::Above)
        .to_svg())
}

/// The exponential of a weakly damped spring by the formula of a textbook.
fn spring(damping: f64, t: f64) -> DMatrix<f64> {
    let (mean, omega) = (0.5 * damping, (1.0 - 0.25 * damping * damping).sqrt());
    let (cos, sin) = ((omega * t).cos(), (omega * t).sin() / omega);
    dmatrix![cos + mean * sin, sin; -sin, cos - mean * sin] * (-mean * t).exp()
}

fn relative_error(found: &DMatrix<f64>, exact: &DMatrix<f64>) -> f64 {
    ((found - exact).norm() / exact.norm()).max(FLOOR)
}

/// What the figure `parallel-eigenvectors` shows: `A = [-1, 1; 0, -1 - gap]`.
#[derive(Debug, Clone, PartialEq)]
pub struct ParallelEigenvectors {
    /// The gaps are 1, 1/r, 1/r², … with this many gaps to a power of ten.
    pub per_decade: u32,
    /// The powers of ten that they span.
    pub decades: u32,
}

impl Default for ParallelEigenvectors {
    fn default() -> Self {
        Self { per_decade: 3, decades: 13 }
    }
}

/// The relative error of `e^A` through eigenvectors, and by scaling and squaring, against the
/// condition number of V.
///
/// # Errors
/// Those of [`exponential_by_eigenvectors`] and [`matrix_exponential`].
pub fn draw_parallel_eigenvectors(
    parameters: &ParallelEigenvectors,
) -> Result<String, MatrixExponentialError> {
    let (mut through_modes, mut squared) = (Vec::new(), Vec::new());
    for step in 0..=parameters.per_decade * parameters.decades {
        let gap = 10f64.powf(-f64::from(step) / f64::from(parameters.per_decade));
        let a = dmatrix![-1.0, 1.0; 0.0, -1.0 - gap];
        let slow = (-1f64).exp();
        let exact = dmatrix![slow, -slow * (-gap).exp_m1() / gap; 0.0, (-1.0 - gap).exp()];
        let condition = eigendecomposition(&a)?.condition_number();
        let found = exponential_by_eigenvectors(&a)?;
        through_modes.push((condition, relative_error(&found, &exact)));
        squared.push((condition, relative_error(&matrix_exponential(&a)?, &exact)));
    }
    let most = 10f64.powi(parameters.decades as i32 + 1);
    let bound = [1.0, 1e-3 * most, most].map(|condition| (condition, condition * f64::EPSILON));
    let plot = Plot::new(
        "Through eigenvectors the error grows with the condition number of V, digit for digit; by \
         scaling and squaring it stays at rounding",
    )
    .x_label("κ(V)")
    .y_label("‖X − e^A‖ / ‖e^A‖")
    .log_x()
    .log_y()
    .x_range(1.0, most)
    .y_range(1e-17, 1.0)
    .reference("κ(V) ε", &bound)
    .label_at(0.5, Side::Left)
    .points(Role::State, "V e^Λ V^{-1}", &through_modes)
    .points(Role::Ink.hollow(), "(e^{A/2^s})^{2^s}", &squared);
    Ok(plot.to_svg())
}
