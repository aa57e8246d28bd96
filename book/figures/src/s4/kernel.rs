//! Figures of the page `kernel`.

use std::error::Error;

use math_foundations::fourier::root_of_unity;
use s4::hippo::Measure;
use s4::kernel::{KernelSpectrum, as_printed, truncate_paired};
use s4::nplr::Nplr;
use workbench::plot::{Plot, panels};
use workbench::svg::{Anchor, Role};

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[
    Figure {
        name: "one-value-missing",
        page: "5-s4/kernel",
        draw: || draw_one_value_missing(&OneValueMissing::default()).unwrap_or_default(),
    },
    Figure {
        name: "kernel-times",
        page: "5-s4/kernel",
        draw: || draw_kernel_times(MEASURED).unwrap_or_default(),
    },
];

/// What the command `kernel --time` said.
const MEASURED: &str = include_str!("../../../../chapters/5-s4/recorded/kernel-time.txt");

/// What the figure `one-value-missing` shows: LegS, asked for what came in at some age.
#[derive(Debug, Clone, PartialEq)]
pub struct OneValueMissing {
    /// N.
    pub d_state: usize,
    /// L, an even number.
    pub length: usize,
    /// Δ.
    pub delta: f64,
    /// The age that is asked for.
    pub age: f64,
}

impl Default for OneValueMissing {
    fn default() -> Self {
        Self { d_state: 16, length: 48, delta: 0.05, age: 0.7 }
    }
}

/// The values of the generating function at the roots of unity, as printed, and the kernel that they should make.
///
/// # Errors
/// Where there is no such memory or kernel.
pub fn draw_one_value_missing(parameters: &OneValueMissing) -> Result<String, Box<dyn Error>> {
    let OneValueMissing { d_state, length, delta, age } = *parameters;
    let basis = Nplr::legs(d_state)?.diagonalize()?;
    let c = basis.output(&Measure::LegS.basis(d_state, age))?;
    let c_tilde = truncate_paired(&basis.modes, &c, delta, length)?;
    let kernel = KernelSpectrum::<f64>::new(&basis.modes, &c_tilde, delta)?.kernel(length)?;

    let (a, b) = basis.modes.both_halves()?;
    let (lambda, p, q) = a.parts();
    let (p, q) = (p.column(0).into_owned(), q.column(0).into_owned());
    let whole = basis.modes.unfold(&c_tilde);
    let values: Vec<(f64, f64)> = (0..length)
        .map(|root| {
            let z = root_of_unity(root, length);
            (root as f64, as_printed(lambda, &p, &q, &b, &whole, delta, z).norm())
        })
        .collect();
    let highest = values.iter().map(|value| value.1).filter(|v| v.is_finite()).fold(0.0, f64::max);
    let middle = length as f64 / 2.0;
    let frequencies = Plot::new(
        "Of the values at the roots of unity one is missing, that at z = -1; the kernel needs them all",
    )
    .x_label("m")
    .y_label("$|K̂|$")
    .x_range(-1.0, length as f64)
    .y_range(0.0, 1.1 * highest)
    .stems(Role::Output, "", &values)
    .note(Role::Ink, (middle, 0.1 * highest), Anchor::Middle, "?");
    let taps: Vec<_> = kernel.iter().enumerate().map(|(k, &value)| (k as f64, value)).collect();
    let time = Plot::new("a kernel that rings around the age that was asked for")
        .x_label("k")
        .y_label("$K̄_k$")
        .x_range(-1.0, length as f64)
        .stems(Role::Output, "", &taps);
    Ok(panels(&[frequencies, time]))
}

/// The numbers behind a name in one of the tables of a recording; those that come before a `-`.
fn measured(recording: &str, table: &str, name: &str) -> Result<Vec<f64>, Box<dyn Error>> {
    let lines = recording.lines().skip_while(|line| !line.ends_with(table));
    let line = lines.skip(1).find_map(|line| line.strip_prefix(name));
    let line = line.ok_or_else(|| format!("nothing was measured for {name}"))?;
    let numbers = line.split_whitespace().take_while(|word| *word != "-");
    Ok(numbers.map(str::parse).collect::<Result<_, _>>()?)
}

/// The measured time of a kernel against L and against N, all axes logarithmic.
///
/// # Errors
/// When a name or a number is missing in the recording.
pub fn draw_kernel_times(recording: &str) -> Result<String, Box<dyn Error>> {
    let panel = |conclusion: &str, table: &str, axis: &str| -> Result<Plot, Box<dyn Error>> {
        let sizes = measured(recording, table, axis)?;
        let line = |name: &str| -> Result<Vec<(f64, f64)>, Box<dyn Error>> {
            Ok(sizes.iter().copied().zip(measured(recording, table, name)?).collect())
        };
        let ticks: Vec<_> = sizes.iter().map(|&size| (size, format!("{size}"))).collect();
        Ok(Plot::new(conclusion)
            .x_label(axis)
            .y_label("ms")
            .log_x()
            .log_y()
            .x_ticks(&ticks)
            .reference("$A$", &line("matrix, N² a step")?)
            .line(Role::State, "$Λ − PP^*$", &line("Λ - PP*, 3N a step")?)
            .line(Role::Output, "$z^L = 1$", &line("roots, f64")?)
            .line(Role::Step, "$Σ u^k$", &line("roots, clusters")?))
    };
    Ok(panels(&[
        panel(
            "With the length all ways grow alike",
            "N = 64 (the best of many rounds, one core)",
            "L",
        )?,
        panel(
            "with the state the matrix grows by its square, the roots in proportion, clusters hardly",
            "N in the state (the best of many rounds, one core)",
            "N",
        )?,
    ]))
}
