//! Figures of the page `diagonal`.

use std::error::Error;

use discretization::diagonalization::ScalarStep;
use s4::diagonal::{Spectrum, echo, readable, without_low_rank};
use workbench::plot::{Plot, Side, panels};
use workbench::svg::Role;

use crate::Figure;

const PAGE: &str = "5-s4/diagonal";

/// The figures of this page.
pub const FIGURES: &[Figure] = &[
    Figure {
        name: "without-low-rank",
        page: PAGE,
        draw: || draw_without_low_rank(&WithoutLowRank::default()).unwrap_or_default(),
    },
    Figure {
        name: "three-spectra",
        page: PAGE,
        draw: || draw_three_spectra(&ThreeSpectra::default()).unwrap_or_default(),
    },
];

/// What the figure `without-low-rank` shows.
#[derive(Debug, Clone, PartialEq)]
pub struct WithoutLowRank {
    /// How many states the memories of the two panels have.
    pub d_state: [usize; 2],
    /// The step over which the echo is averaged.
    pub delta: f64,
}

impl Default for WithoutLowRank {
    fn default() -> Self {
        Self { d_state: [8, 24], delta: 0.1 }
    }
}

/// The first echo of LegS (dashed), and that of its diagonal part as it is and in steps, for two sizes of memory.
///
/// # Errors
/// Those of [`without_low_rank`], and of a step that is not positive.
pub fn draw_without_low_rank(parameters: &WithoutLowRank) -> Result<String, Box<dyn Error>> {
    const AGES: usize = 900;
    const LONGEST: f64 = 2.0;
    let WithoutLowRank { d_state, delta } = *parameters;
    let ages = (0..=AGES).map(|i| LONGEST * i as f64 / AGES as f64);
    let mut plots = Vec::new();
    for (d_state, label) in d_state.into_iter().zip([
        "The echo of a small diagonal memory rattles about that of LegS",
        "with more states it rattles as loudly, only faster, and averages over steps follow LegS closely",
    ]) {
        let diagonal = without_low_rank(d_state)?;
        let exact: Vec<(f64, f64)> = ages.clone().map(|age| (age, (-age).exp())).collect();
        let found: Vec<(f64, f64)> =
            ages.clone().map(|age| (age, echo(&diagonal, age)[0])).collect();
        let held = diagonal
            .discretize(ScalarStep::zero_order_hold, delta)?
            .kernel((LONGEST / delta).round() as usize);
        // Each average stands for its whole step.
        let held: Vec<(f64, f64)> = held
            .iter()
            .enumerate()
            .flat_map(|(l, k)| [l, l + 1].map(|end| (end as f64 * delta, k[(0, 0)] / delta)))
            .collect();
        plots.push(
            Plot::new(label)
                .title(format!("$N$ = {d_state}"))
                .x_label("$t$")
                .x_range(0.0, LONGEST)
                .y_range(-0.4, 2.2)
                .line(Role::State.wide(1.0), "", &found)
                .line(Role::Output, "", &held)
                .reference("", &exact),
        );
    }
    Ok(panels(&plots))
}

/// What the figure `three-spectra` shows.
#[derive(Debug, Clone, PartialEq)]
pub struct ThreeSpectra {
    /// How many states, two to a wave.
    pub d_state: usize,
    /// The step.
    pub delta: f64,
    /// What a reader takes for rounding.
    pub precision: f64,
}

impl Default for ThreeSpectra {
    fn default() -> Self {
        Self { d_state: 64, delta: 0.01, precision: 1e-3 }
    }
}

/// The waves of two spectra, from the slowest to the fastest; and how much of a white input of each age three
/// spectra keep.
///
/// # Errors
/// Those of [`Spectrum::modes`] and of [`readable`].
pub fn draw_three_spectra(parameters: &ThreeSpectra) -> Result<String, Box<dyn Error>> {
    const LONGEST: f64 = 4.0;
    let ThreeSpectra { d_state, delta, precision } = *parameters;
    let mut waves = Plot::new(
        "LegS has a few very fast waves and many slow ones; those of S4D-Lin are evenly spaced",
    )
    .title("Im $λ$")
    .x_label("$n$")
    .log_y()
    .y_range(0.2, 2000.0);
    let mut memory = Plot::new(
        "S4D-Lin keeps two units of time evenly and little beyond; LegS keeps the recent past best and the distant past too; \
         modes that do not turn keep only the last moments",
    )
    .title("kept, %")
    .x_label("age")
    .x_range(0.0, LONGEST)
    .y_range(0.0, 36.0);
    for (spectrum, role, name, at) in [
        (Spectrum::Lin, Role::Input, "Lin", 0.35),
        (Spectrum::Legs, Role::State, "LegS", 0.7),
        (Spectrum::Real, Role::Reference, "Real", 0.3),
    ] {
        let modes = spectrum.modes(d_state)?;
        let mut rates: Vec<f64> = modes.iter().map(|lambda| lambda.im).collect();
        rates.sort_by(f64::total_cmp);
        let points: Vec<(f64, f64)> =
            rates.iter().enumerate().map(|(n, &rate)| (n as f64 + 1.0, rate)).collect();
        if spectrum != Spectrum::Real {
            let side = if spectrum == Spectrum::Lin { Side::Above } else { Side::Below };
            waves = waves.line(role, name, &points).label_at(0.5, side);
        }
        let shares = readable(&modes, delta, (2.0 * LONGEST / delta) as usize, precision)?;
        let points: Vec<(f64, f64)> = shares
            .iter()
            .enumerate()
            .map(|(age, share)| (age as f64 * delta, 100.0 * share))
            .filter(|(age, _)| *age <= LONGEST)
            .collect();
        memory = memory.line(role, name, &points).label_at(at, Side::Above);
    }
    Ok(panels(&[waves, memory]))
}
