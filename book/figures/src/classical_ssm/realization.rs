//! Figures of the page `realization`.

use std::f64::consts::PI;

use classical_ssm::controllability::Carts;
use classical_ssm::realization::{
    RealizationError, disturbed, hankel_spectrum, ho_kalman, markov_parameters, noise_floor, prony,
};
use math_foundations::eigendecomposition::eigenvalues;
use math_foundations::linear_systems::held_input_step;
use nalgebra::{Complex, DMatrix, DVector};
use workbench::plot::{Plot, panels};
use workbench::svg::{Anchor, Role};

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[
    Figure {
        name: "singular-value-cliff",
        page: "2-classical-ssm/realization",
        draw: || draw_singular_value_cliff(&SingularValueCliff::default()).unwrap_or_default(),
    },
    Figure {
        name: "eigenvalue-clouds",
        page: "2-classical-ssm/realization",
        draw: || draw_eigenvalue_clouds(&EigenvalueClouds::default()).unwrap_or_default(),
    },
];

/// Three carts, struck at the first, heard at the last, ten times a second: A and the kernel.
fn heard(samples: usize) -> Option<(DMatrix<f64>, Vec<DMatrix<f64>>)> {
    let flow = Carts::row(3).system().ok()?;
    let (a, b) = held_input_step(flow.a(), flow.b(), 0.1).ok()?;
    let steps = classical_ssm::state_space::StateSpace::discrete(
        a,
        b,
        flow.c().clone(),
        flow.d().clone(),
        0.1,
    )
    .ok()?;
    Some((steps.a().clone(), markov_parameters(&steps, samples)))
}

fn loudest(kernel: &[DMatrix<f64>]) -> f64 {
    kernel.iter().map(DMatrix::amax).fold(0.0, f64::max)
}

/// What the figure `singular-value-cliff` shows.
#[derive(Debug, Clone, PartialEq)]
pub struct SingularValueCliff {
    /// How many samples are taken.
    pub samples: usize,
    /// Relative to the loudest sample, with their names.
    pub noise: [(f64, &'static str); 3],
    /// Of the noise.
    pub seed: u64,
}

impl Default for SingularValueCliff {
    fn default() -> Self {
        let noise = [(0.0, "exact"), (1e-4, "0.01 %"), (1e-2, "1 %")];
        Self { samples: 60, noise, seed: 1 }
    }
}

/// The singular values of the Hankel matrix of one blow, exact and with noise, and what noise alone can do.
///
/// # Errors
/// Those of [`hankel_spectrum`].
pub fn draw_singular_value_cliff(
    parameters: &SingularValueCliff,
) -> Result<String, RealizationError> {
    let SingularValueCliff { samples, noise, seed } = *parameters;
    let Some((_, kernel)) = heard(samples) else {
        return Ok(String::new());
    };
    let last = 12.0;
    let mut plot = Plot::new(
        "Without noise the singular values fall off a cliff after the sixth; noise fills the sea below it, \
         and at one per cent only a step is left",
    )
    .x_label("i")
    .y_label("$σ_i$")
    .log_y()
    .x_range(0.5, last + 1.6)
    .y_range(1e-19, 1.0);
    for (level, name) in noise {
        let disturbed = disturbed(&kernel, level * loudest(&kernel), seed)?;
        let sigma = hankel_spectrum(&disturbed)?;
        let points: Vec<_> = (1..=12).map(|i| (f64::from(i), sigma[i as usize - 1])).collect();
        plot = plot.line(Role::State.wide(1.0), name, &points).points(Role::State, "", &points);
        let floor = noise_floor(&disturbed, level * loudest(&kernel));
        if level > 0.0 {
            plot = plot.reference("", &[(6.5, floor), (last, floor)]);
        }
    }
    Ok(plot.to_svg())
}

/// What the figure `eigenvalue-clouds` shows.
#[derive(Debug, Clone, PartialEq)]
pub struct EigenvalueClouds {
    /// How many samples are taken.
    pub samples: usize,
    /// Relative to the loudest sample.
    pub noise: f64,
    /// How many blows are struck.
    pub blows: u64,
}

impl Default for EigenvalueClouds {
    fn default() -> Self {
        Self { samples: 60, noise: 0.01, blows: 60 }
    }
}

/// The eigenvalues found from many blows, by Ho and Kalman's method and by Prony's, over the true ones.
///
/// # Errors
/// Those of [`ho_kalman`] and of [`prony`].
pub fn draw_eigenvalue_clouds(parameters: &EigenvalueClouds) -> Result<String, RealizationError> {
    let EigenvalueClouds { samples, noise, blows } = *parameters;
    let Some((a, kernel)) = heard(samples) else {
        return Ok(String::new());
    };
    let upper = |spectrum: &DVector<Complex<f64>>| -> Vec<(f64, f64)> {
        spectrum.iter().filter(|z| z.im > 1e-9).map(|z| (z.re, z.im)).collect()
    };
    let truth = upper(&eigenvalues(&a)?);
    let order = a.nrows();
    let (mut by_hankel, mut by_prony) = (Vec::new(), Vec::new());
    for seed in 0..blows {
        let blow = disturbed(&kernel, noise * loudest(&kernel), seed)?;
        by_hankel.extend(upper(&eigenvalues(&ho_kalman(&blow, order)?.matrices.a)?));
        let scalars: Vec<f64> = blow.iter().map(|h| h[(0, 0)]).collect();
        by_prony.extend(upper(&prony(&scalars, order)?));
    }
    let circle: Vec<_> = (0..=90)
        .map(|i| (PI * f64::from(i) / 90.0).sin_cos())
        .map(|(sin, cos)| (cos, sin))
        .collect();
    // A point that is not finite lifts the pen.
    let crosses: Vec<_> = truth
        .iter()
        .flat_map(|&(x, y)| {
            let arm = 0.1;
            let lift = (f64::NAN, f64::NAN);
            [(x - arm, y), (x + arm, y), lift, (x, y - arm), (x, y + arm), lift]
        })
        .collect();
    let plane = |label: &str, title: &str, found: &[(f64, f64)]| {
        Plot::new(label)
            .title(title)
            .x_range(-0.75, 1.05)
            .y_range(0.0, 1.12)
            .equal_aspect()
            .reference("", &circle)
            .points(Role::State.opacity(0.35), "", found)
            .line(Role::Ink.wide(1.6), "", &crosses)
    };
    let note = |plot: Plot| plot.note(Role::Reference, (0.2, 1.03), Anchor::Start, "$|z| = 1$");
    Ok(panels(&[
        note(plane(
            "Found from the whole Hankel matrix, the eigenvalues of sixty noisy blows lie around the true \
             ones, closely for the two modes that last",
            "Ho, Kalman",
            &by_hankel,
        )),
        note(plane(
            "Found by linear prediction, they miss the third mode and are drawn into the circle",
            "Prony",
            &by_prony,
        )),
    ]))
}
