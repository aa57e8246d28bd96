//! Figures of the page `nplr`.

use std::error::Error;

use math_foundations::eigendecomposition::{eigendecomposition, eigenvalues};
use nalgebra::{Complex, DMatrix};
use s4::nplr::Nplr;
use workbench::plot::{Plot, Side};
use workbench::svg::{Anchor, Role};

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[
    Figure {
        name: "low-rank-switched-on",
        page: "5-s4/nplr",
        draw: || draw_low_rank_switched_on(&LowRankSwitchedOn::default()).unwrap_or_default(),
    },
    Figure {
        name: "digits-kept",
        page: "5-s4/nplr",
        draw: || draw_digits_kept(&DigitsKept::default()).unwrap_or_default(),
    },
];

/// What the figure `low-rank-switched-on` shows: the modes of `S - share PPᵀ` for HiPPO-LegS.
#[derive(Debug, Clone, PartialEq)]
pub struct LowRankSwitchedOn {
    /// N.
    pub d_state: usize,
    /// The share of the low rank at the end of the paths.
    pub share: f64,
    /// How many shares on the way.
    pub steps: usize,
}

impl Default for LowRankSwitchedOn {
    fn default() -> Self {
        Self { d_state: 8, share: 1.0, steps: 400 }
    }
}

/// The paths of the modes while the low rank is switched on.
///
/// # Errors
/// Where a memory or its modes are not found.
pub fn draw_low_rank_switched_on(parameters: &LowRankSwitchedOn) -> Result<String, Box<dyn Error>> {
    let LowRankSwitchedOn { d_state, share, steps } = *parameters;
    let memory = Nplr::legs(d_state)?;
    let low_rank = memory.p() * memory.p().transpose();
    let mut paths: Vec<Vec<Complex<f64>>> = Vec::new();
    for step in 0..=steps {
        // The modes are in a hurry at the end: steps become as fine there as the tenth power of what is left.
        let part = share * (1.0 - (1.0 - step as f64 / steps as f64).powi(10));
        let modes = eigenvalues(&(memory.normal() - &low_rank * part))?;
        if paths.is_empty() {
            paths = modes.iter().map(|&mode| vec![mode]).collect();
            continue;
        }
        // Each path goes on to the nearest mode that is still free.
        let mut free: Vec<Complex<f64>> = modes.iter().copied().collect();
        for path in &mut paths {
            let last = path[path.len() - 1];
            let distance = |&index: &usize| (free[index] - last).norm();
            let nearest = (0..free.len()).min_by(|i, j| distance(i).total_cmp(&distance(j)));
            path.extend(nearest.map(|index| free.swap_remove(index)));
        }
    }
    let place = |mode: Complex<f64>| (mode.re, mode.im);
    let ends = |of: fn(&[Complex<f64>]) -> Option<&Complex<f64>>| -> Vec<(f64, f64)> {
        paths.iter().filter_map(|path| of(path)).map(|&mode| place(mode)).collect()
    };
    let highest = 1.12 * paths.iter().map(|path| path[0].im).fold(1.0, f64::max);
    let left = -1.5 * d_state as f64;
    let mut plot = Plot::new(
        "The modes of the normal part lie on a vertical line; the low rank leads them to the whole numbers on \
         the real axis",
    )
    .x_label("Re λ")
    .y_label("Im λ")
    .x_range(left, 1.0)
    .y_range(-highest, highest)
    .reference("", &[(-0.5, -highest), (-0.5, highest)])
    .reference("", &[(left, 0.0), (1.0, 0.0)]);
    for path in &paths {
        let path: Vec<_> = path.iter().map(|&mode| place(mode)).collect();
        plot = plot.line(Role::State, "", &path);
    }
    let plot = plot
        .points(Role::Ink, "", &ends(|path| path.first()))
        .points(Role::Output, "", &ends(|path| path.last()))
        .note(Role::Ink, (-0.85, 0.9 * highest), Anchor::End, "S")
        .note(Role::Output, (-0.75 * d_state as f64, 0.1 * highest), Anchor::Middle, "$S − PP^⊤$");
    Ok(plot.to_svg())
}

/// What the figure `digits-kept` shows: HiPPO-LegS of growing size.
#[derive(Debug, Clone, PartialEq)]
pub struct DigitsKept {
    /// The largest N.
    pub largest: usize,
}

impl Default for DigitsKept {
    fn default() -> Self {
        Self { largest: 64 }
    }
}

/// How far A is from what its own eigenvectors, and those of its normal part, make of it.
///
/// # Errors
/// Where a memory or its modes are not found.
pub fn draw_digits_kept(parameters: &DigitsKept) -> Result<String, Box<dyn Error>> {
    let (mut own, mut normal) = (Vec::new(), Vec::new());
    for d_state in (2..=parameters.largest).step_by(2) {
        let memory = Nplr::legs(d_state)?;
        let error =
            |again: &DMatrix<f64>| ((again - memory.a()).norm() / memory.a().norm()).max(1e-17);
        normal.push((d_state as f64, error(&memory.diagonalize()?.rebuild())));
        if d_state <= 28 {
            let modes = eigendecomposition(memory.a())?;
            let scaled = &modes.v * DMatrix::from_diagonal(&modes.lambda);
            if let Some(again) = modes.v.transpose().lu().solve(&scaled.transpose()) {
                let again = again.transpose().map(|entry: Complex<f64>| entry.re);
                own.push((d_state as f64, error(&again)));
            }
        }
    }
    let end = parameters.largest as f64;
    let plot = Plot::new(
        "Through its own eigenvectors HiPPO-LegS is lost at 24 states; through those of its normal part it \
         comes back to fourteen digits at 64",
    )
    .x_label("N")
    .y_label("$‖A' − A‖ / ‖A‖$")
    .log_y()
    .x_range(0.0, end)
    .y_range(1e-17, 1e3)
    .reference("ε", &[(0.0, f64::EPSILON), (end, f64::EPSILON)])
    .points(Role::State, "$V Λ V^{−1}$", &own)
    .label_at(0.6, Side::Left)
    .points(Role::Output, "", &normal)
    .note(Role::Output, (0.6 * end, 1e-13), Anchor::Middle, "$V Λ V^* − PP^⊤$");
    Ok(plot.to_svg())
}
