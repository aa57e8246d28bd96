//! Exercise `value_at_root`, of the page `kernel`.

use ml_links::structured_matrices::Dplr;
use nalgebra::{Complex, DMatrix, DVector};
use s4::kernel::generating_function;
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/value_at_root.rs"]
mod blank;
#[path = "../../solutions/value_at_root.rs"]
mod solution;

type Answer = fn(Complex<f64>, Complex<f64>, f64, Complex<f64>) -> Complex<f64>;

pub fn exercise() -> Exercise {
    Exercise::new("value_at_root", Level::Core, "two lines", 10)
        .page("5-s4/kernel")
        .hints([
            "By what do you multiply s - λ, so that nothing is divided by 1 + z any more?",
            "What does the factor 2/(1+z) become under the same multiplication?",
        ])
        .notice(
            "What to notice: at z = -1 the value is c̃ Δ/2, whatever λ is. The fastest wave that steps can show changes its \
             sign at each of them, and no mode has the time to do anything about it.",
        )
        .sources(
            include_str!("../../exercises/value_at_root.rs"),
            include_str!("../../solutions/value_at_root.rs"),
        )
        .answers::<Answer>(
            check,
            blank::value_at_root,
            solution::value_at_root,
            vec![as_it_is_printed, fills_the_hole_with_nothing, forgets_the_half],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let (lambda, c_tilde) = (Complex::new(-0.5, 3.0), Complex::new(0.7, -0.2));
    let none = DMatrix::zeros(1, 1);
    let mode = Dplr::new(DVector::from_element(1, lambda), none.clone(), none)?;
    let one = |number| DVector::from_element(1, number);
    for delta in [0.1, 2.0] {
        for z in [Complex::ONE, Complex::I, Complex::from_polar(1.0, 2.5), -Complex::ONE] {
            let expected = generating_function(&mode, &one(Complex::ONE), &one(c_tilde), delta, z);
            let found = answer(lambda, c_tilde, delta, z);
            expect_close(format!("at Δ = {delta}, z = {z:.2}"), "K̂", expected, found, 1e-13)?;
        }
    }
    Ok(())
}

fn as_it_is_printed(
    lambda: Complex<f64>,
    c_tilde: Complex<f64>,
    delta: f64,
    z: Complex<f64>,
) -> Complex<f64> {
    let s = 2.0 / delta * (1.0 - z) / (1.0 + z);
    2.0 / (1.0 + z) * c_tilde / (s - lambda)
}

fn fills_the_hole_with_nothing(
    lambda: Complex<f64>,
    c_tilde: Complex<f64>,
    delta: f64,
    z: Complex<f64>,
) -> Complex<f64> {
    let value = as_it_is_printed(lambda, c_tilde, delta, z);
    if value.re.is_nan() { Complex::ZERO } else { value }
}

fn forgets_the_half(
    lambda: Complex<f64>,
    c_tilde: Complex<f64>,
    delta: f64,
    z: Complex<f64>,
) -> Complex<f64> {
    c_tilde * delta / (1.0 - z - (1.0 + z) * lambda * delta)
}
