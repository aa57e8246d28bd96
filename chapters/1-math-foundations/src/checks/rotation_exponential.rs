//! Exercise `rotation_exponential`, of the page `matrix-exponential`.

use std::f64::consts::PI;

use math_foundations::matrix_exponential::exponential_2x2;
use nalgebra::Matrix2;
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/rotation_exponential.rs"]
mod blank;
#[path = "../../solutions/rotation_exponential.rs"]
mod solution;

type Answer = fn(f64, f64) -> Matrix2<f64>;

pub fn exercise() -> Exercise {
    Exercise::new("rotation_exponential", Level::WarmUp, "two lines", 5)
        .page("1-math-foundations/matrix-exponential")
        .hints([
            "How far has (1, 0) turned after the time t, and where is it then?",
            "The columns of a matrix are the images of (1, 0) and (0, 1): what are they here?",
        ])
        .notice(
            "What to notice: A is skew-symmetric, so e^{At} keeps every length: its columns stay orthonormal for \
             all t. Mamba-3's complex states are this matrix, with an ω that depends on the input.",
        )
        .sources(
            include_str!("../../exercises/rotation_exponential.rs"),
            include_str!("../../solutions/rotation_exponential.rs"),
        )
        .answers::<Answer>(
            check,
            blank::rotation_exponential,
            solution::rotation_exponential,
            vec![turns_clockwise, forgets_the_time, exponentiates_entries],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    for (omega, t, at) in [
        (2.0, 0.0, "at ω = 2, t = 0"),
        (PI / 2.0, 1.0, "at ω = π/2, t = 1"),
        (0.5, 3.0, "at ω = 0.5, t = 3"),
        (-1.0, 0.7, "at ω = -1, t = 0.7"),
    ] {
        let a = Matrix2::new(0.0, -omega, omega, 0.0);
        expect_close(at, "e^{At}", exponential_2x2(&(a * t))?, answer(omega, t), 1e-12)?;
    }
    Ok(())
}

fn turns_clockwise(omega: f64, t: f64) -> Matrix2<f64> {
    let (sin, cos) = (omega * t).sin_cos();
    Matrix2::new(cos, sin, -sin, cos)
}

fn forgets_the_time(omega: f64, _: f64) -> Matrix2<f64> {
    let (sin, cos) = omega.sin_cos();
    Matrix2::new(cos, -sin, sin, cos)
}

fn exponentiates_entries(omega: f64, t: f64) -> Matrix2<f64> {
    (Matrix2::new(0.0, -omega, omega, 0.0) * t).map(f64::exp)
}
