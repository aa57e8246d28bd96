//! Exercise `real_mode`, of the page `diagonalization`.

use nalgebra::{Complex, DMatrix, dmatrix};
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, unused_imports, reason = "a blank does not use them yet")]
#[path = "../../exercises/real_mode.rs"]
mod blank;
#[path = "../../solutions/real_mode.rs"]
mod solution;

type Real = (DMatrix<f64>, DMatrix<f64>, DMatrix<f64>);
type Answer = fn(Complex<f64>, Complex<f64>, Complex<f64>) -> Real;

pub fn exercise() -> Exercise {
    Exercise::new("real_mode", Level::WarmUp, "four lines", 8)
        .page("3-discretization/diagonalization")
        .hints([
            "What are the real and the imaginary part of λx, for λ = σ + iω and x = p + iq?",
            "And the real part of cx: which sign has the product of the two imaginary parts?",
        ])
        .notice(
            "What to notice: A is a rotation and a decay, [σ, -ω; ω, σ], and it is normal: this real form of \
             modes loses no digits. The digits are lost on the way into it.",
        )
        .sources(
            include_str!("../../exercises/real_mode.rs"),
            include_str!("../../solutions/real_mode.rs"),
        )
        .answers::<Answer>(
            check,
            blank::real_mode,
            solution::real_mode,
            vec![turns_the_other_way, reads_once, conjugates_c],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    for (lambda, b, c) in [
        (Complex::new(-0.2, 1.5), Complex::new(1.0, 0.0), Complex::new(0.5, 0.0)),
        (Complex::new(-0.2, 1.5), Complex::new(0.3, -0.7), Complex::new(-1.0, 2.0)),
    ] {
        let (a, b_real, c_real) = answer(lambda, b, c);
        let at = format!("at λ = {lambda}, b = {b}, c = {c}");
        let turn = dmatrix![lambda.re, -lambda.im; lambda.im, lambda.re];
        expect_close(&at, "A", turn, a, 1e-14)?;
        expect_close(&at, "B", dmatrix![b.re; b.im], b_real, 1e-14)?;
        // What any state reads as, here 1 and i.
        let read = dmatrix![2.0 * c.re, 2.0 * (c * Complex::i()).re];
        expect_close(&at, "C", read, c_real, 1e-14)?;
    }
    Ok(())
}

fn turns_the_other_way(lambda: Complex<f64>, b: Complex<f64>, c: Complex<f64>) -> Real {
    let (a, b, c) = solution::real_mode(lambda, b, c);
    (a.transpose(), b, c)
}

fn reads_once(lambda: Complex<f64>, b: Complex<f64>, c: Complex<f64>) -> Real {
    let (a, b, c) = solution::real_mode(lambda, b, c);
    (a, b, c * 0.5)
}

fn conjugates_c(lambda: Complex<f64>, b: Complex<f64>, c: Complex<f64>) -> Real {
    solution::real_mode(lambda, b, c.conj())
}
