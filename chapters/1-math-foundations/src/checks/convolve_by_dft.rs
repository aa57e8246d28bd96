//! Exercise `convolve_by_dft` of the page `fourier`.

use math_foundations::fourier::{causal_convolution, dft, inverse_dft};
use nalgebra::Complex;
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_imports, unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/convolve_by_dft.rs"]
mod blank;
#[path = "../../solutions/convolve_by_dft.rs"]
mod solution;

type Answer = fn(&[f64], &[f64]) -> Vec<f64>;

pub fn exercise() -> Exercise {
    Exercise::new("convolve_by_dft", Level::Core, "eight lines", 15)
        .page("1-math-foundations/fourier")
        .hints([
            "The last input has index u.len() - 1: at which index is its last echo heard?",
            "On a circle of that many samples, which index comes after the last echo?",
        ])
        .notice("What to notice: one sample fewer, and the last echo of the last input falls on the first output.")
        .sources(
            include_str!("../../exercises/convolve_by_dft.rs"),
            include_str!("../../solutions/convolve_by_dft.rs"),
        )
        .answers::<Answer>(
            check,
            blank::convolve_by_dft,
            solution::convolve_by_dft,
            vec![not_padded, one_sample_short, forgets_the_order, every_output],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let y = answer(&[0.0, 1.0, 0.0], &[1.0, 2.0, 3.0]);
    expect_close("at K = (0, 1, 0), u = (1, 2, 3)", "y", [0.0, 1.0, 2.0], y, 1e-12)?;
    let y = answer(&[1.0, 1.0, 1.0], &[1.0, 1.0]);
    expect_close("at K = (1, 1, 1), u = (1, 1)", "y", [1.0, 2.0], y, 1e-12)?;
    for (taps, length) in [(5, 5), (9, 4), (4, 9), (1, 3), (3, 1)] {
        let kernel: Vec<f64> = (0..taps).map(|j| 0.9_f64.powi(j)).collect();
        let u: Vec<f64> = (0..length).map(|k| f64::from(k * k % 5) - 1.5).collect();
        let at = format!("at a kernel of {taps} and an input of {length} samples");
        expect_close(at, "y", causal_convolution(&kernel, &u), answer(&kernel, &u), 1e-12)?;
    }
    Ok(())
}

fn on_a_circle_of(length: usize, kernel: &[f64], u: &[f64]) -> Vec<f64> {
    let spectrum = |signal: &[f64]| {
        let mut padded: Vec<_> = signal.iter().map(|&value| Complex::new(value, 0.0)).collect();
        padded.resize(length, Complex::ZERO);
        dft(&padded)
    };
    let y_hat: Vec<_> = spectrum(kernel).iter().zip(spectrum(u)).map(|(k, u)| k * u).collect();
    inverse_dft(&y_hat).iter().map(|y_k| y_k.re).collect()
}

fn not_padded(kernel: &[f64], u: &[f64]) -> Vec<f64> {
    on_a_circle_of(u.len(), kernel, u)
}

fn one_sample_short(kernel: &[f64], u: &[f64]) -> Vec<f64> {
    let mut y = on_a_circle_of((u.len() + kernel.len() - 2).max(1), kernel, u);
    y.resize(u.len(), 0.0);
    y
}

fn forgets_the_order(kernel: &[f64], u: &[f64]) -> Vec<f64> {
    let mut y = on_a_circle_of(u.len() + kernel.len() - 1, kernel, u);
    y.reverse();
    y.truncate(u.len());
    y
}

fn every_output(kernel: &[f64], u: &[f64]) -> Vec<f64> {
    on_a_circle_of(u.len() + kernel.len() - 1, kernel, u)
}
