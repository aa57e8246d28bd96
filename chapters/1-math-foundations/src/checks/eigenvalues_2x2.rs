//! Exercise `eigenvalues_2x2` of the page `eigendecomposition`.

use math_foundations::eigendecomposition::eigenvalues;
use nalgebra::{Complex, DMatrix, Matrix2, matrix};
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/eigenvalues_2x2.rs"]
mod blank;
#[path = "../../solutions/eigenvalues_2x2.rs"]
mod solution;

type Answer = fn(&Matrix2<f64>) -> [Complex<f64>; 2];

pub fn exercise() -> Exercise {
    Exercise::new("eigenvalues_2x2", Level::Core, "ten lines", 20)
        .page("1-math-foundations/eigendecomposition")
        .hints([
            "Of half_trace + root and half_trace - root, which one adds two numbers of one sign?",
            "Once you know that root, what does the product of both tell you about the other?",
        ])
        .notice(
            "What to notice: with damping 1e9 the textbook formula says that the slow mode has \
             λ = 0, a spring that never returns. The product of both roots saves all its digits.",
        )
        .sources(
            include_str!("../../exercises/eigenvalues_2x2.rs"),
            include_str!("../../solutions/eigenvalues_2x2.rs"),
        )
        .answers::<Answer>(
            check,
            blank::eigenvalues_2x2,
            solution::eigenvalues_2x2,
            vec![textbook, real_roots_only, unordered, halves_the_trace_only],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let cases = [
        ("at the spring of damping 0.4", matrix![0.0, 1.0; -1.0, -0.4]),
        ("at the spring of damping 2.5", matrix![0.0, 1.0; -1.0, -2.5]),
        ("at the spring of damping 2", matrix![0.0, 1.0; -1.0, -2.0]),
        ("at a quarter turn", matrix![0.0, -1.0; 1.0, 0.0]),
        ("at diag(1, 3)", matrix![1.0, 0.0; 0.0, 3.0]),
        ("at A = 0", Matrix2::zeros()),
    ];
    for (at, a) in cases {
        let entries = DMatrix::from_iterator(2, 2, a.iter().copied());
        let expected = eigenvalues(&entries)?;
        expect_close(at, "λ", expected.as_slice(), answer(&a).as_slice(), 1e-12)?;
    }

    // Scaled by 1e9, so that the slow mode counts as much as the fast one.
    let damping = 1e9;
    let [slow, fast] = answer(&matrix![0.0, 1.0; -1.0, -damping]);
    let at = "at the spring of damping 1e9";
    expect_close(at, "λ₂ / 1e9", Complex::from(-1.0), fast / damping, 1e-12)?;
    expect_close(at, "1e9 λ₁", Complex::from(-1.0), slow * damping, 1e-12)
}

fn textbook(a: &Matrix2<f64>) -> [Complex<f64>; 2] {
    let half_trace = a.trace() / 2.0;
    let root = Complex::from(half_trace * half_trace - a.determinant()).sqrt();
    [half_trace + root, half_trace - root]
}

fn real_roots_only(a: &Matrix2<f64>) -> [Complex<f64>; 2] {
    let half_trace = a.trace() / 2.0;
    let root = (half_trace * half_trace - a.determinant()).sqrt();
    let far = half_trace + root.copysign(half_trace);
    [far.max(a.determinant() / far), far.min(a.determinant() / far)].map(Complex::from)
}

fn unordered(a: &Matrix2<f64>) -> [Complex<f64>; 2] {
    let [first, second] = solution::eigenvalues_2x2(a);
    if first.norm() < second.norm() { [second, first] } else { [first, second] }
}

fn halves_the_trace_only(a: &Matrix2<f64>) -> [Complex<f64>; 2] {
    let half_trace = a.trace() / 2.0;
    let root = Complex::from(a.trace() * a.trace() - a.determinant()).sqrt();
    [half_trace + root, half_trace - root]
}
