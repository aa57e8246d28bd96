//! Figures of the page `s4_layer`.

use std::error::Error;

use s4::hippo::Measure;
use s4::kernel::{KernelSpectrum, s4_kernel, truncate_paired};
use s4::nplr::Nplr;
use workbench::plot::{Plot, panels};
use workbench::svg::Role;

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[Figure {
    name: "whose-length",
    page: "5-s4/s4-layer",
    draw: || draw_whose_length(&WhoseLength::default()).unwrap_or_default(),
}];

/// What the figure `whose-length` shows: LegS, asked for what came in at some age.
#[derive(Debug, Clone, PartialEq)]
pub struct WhoseLength {
    /// N.
    pub d_state: usize,
    /// L, for which c̃ is made.
    pub length: usize,
    /// Δ.
    pub delta: f64,
    /// The age that is asked for.
    pub age: f64,
}

impl Default for WhoseLength {
    fn default() -> Self {
        Self { d_state: 16, length: 32, delta: 0.02, age: 0.8 }
    }
}

/// A kernel of L and one of 2L numbers, from c and from the c̃ of L.
///
/// # Errors
/// Where there is no such memory or kernel.
pub fn draw_whose_length(parameters: &WhoseLength) -> Result<String, Box<dyn Error>> {
    let WhoseLength { d_state, length, delta, age } = *parameters;
    let basis = Nplr::legs(d_state)?.diagonalize()?;
    let c = basis.output(&Measure::LegS.basis(d_state, age))?;
    let c_tilde = truncate_paired(&basis.modes, &c, delta, length)?;
    let spectrum = KernelSpectrum::<f64>::new(&basis.modes, &c_tilde, delta)?;
    let points = |kernel: &[f64]| -> Vec<(f64, f64)> {
        kernel.iter().enumerate().map(|(k, &value)| (k as f64, value)).collect()
    };
    let from_c = s4_kernel::<f64>(&basis.modes, &c, delta, 2 * length)?;
    let from_c_tilde = spectrum.kernel(2 * length)?;
    let all = || from_c.iter().chain(&from_c_tilde);
    let (low, high) = (all().copied().fold(0.0, f64::min), all().copied().fold(0.0, f64::max));
    let panel = |conclusion: &str, longer: &[f64]| -> Plot {
        Plot::new(conclusion)
            .x_label("k")
            .y_label("$K̄_k$")
            .x_range(-1.0, 2.0 * length as f64)
            .y_range(1.1 * low, 1.1 * high)
            .line(Role::State, "", &points(longer))
            .stems(Role::Output, "", &points(&from_c[..length]))
    };
    Ok(panels(&[
        panel("From C a kernel of twice the length begins with the shorter one", &from_c),
        panel(
            "from the C̃ of one length it is another kernel from its first number on",
            &from_c_tilde,
        ),
    ]))
}
