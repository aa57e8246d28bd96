//! Exercise `modal_kernel`, of the page `diagonalization`.

use discretization::diagonalization::{DiagonalSystem, ScalarStep};
use nalgebra::{Complex, DMatrix, DVector};
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/modal_kernel.rs"]
mod blank;
#[path = "../../solutions/modal_kernel.rs"]
mod solution;

type Numbers<'a> = &'a [Complex<f64>];
type Answer = fn(Numbers, Numbers, Numbers, f64, usize) -> Vec<f64>;

pub fn exercise() -> Exercise {
    Exercise::new("modal_kernel", Level::Core, "eight lines", 15)
        .page("3-discretization/diagonalization")
        .hints([
            "What does one mode contribute to K_0, and by what is that multiplied from each k to the next?",
            "Where is the real part taken: of each factor, or of their product?",
        ])
        .notice(
            "What to notice: you have written the kernel of S4D, the layer of chapter 5. The powers of all ā are \
             a Vandermonde matrix, and no matrix was multiplied: O(N L).",
        )
        .sources(
            include_str!("../../exercises/modal_kernel.rs"),
            include_str!("../../solutions/modal_kernel.rs"),
        )
        .answers::<Answer>(
            check,
            blank::modal_kernel,
            solution::modal_kernel,
            vec![reads_half_of_the_pair, starts_a_step_late, takes_real_parts_too_early],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let numbers = |parts: &[(f64, f64)]| -> Vec<Complex<f64>> {
        parts.iter().map(|&(re, im)| Complex::new(re, im)).collect()
    };
    for (lambda, b, c) in [
        (&[(-0.5, 2.0)][..], &[(1.0, 0.0)][..], &[(1.0, 0.0)][..]),
        (
            &[(-0.5, 3.1), (-0.5, 6.3), (-2.0, 0.4)],
            &[(1.0, 0.0), (0.2, -1.0), (0.7, 0.7)],
            &[(0.3, 0.5), (-1.0, 0.1), (0.0, 2.0)],
        ),
    ] {
        let (lambda, b, c) = (numbers(lambda), numbers(b), numbers(c));
        for (delta, length) in [(0.1, 12), (1.0, 5), (0.3, 0)] {
            let flow = DiagonalSystem {
                lambda: DVector::from(lambda.clone()),
                b: DMatrix::from_column_slice(b.len(), 1, &b),
                c: DMatrix::from_row_slice(1, c.len(), &c),
                d: DMatrix::zeros(1, 1),
                weight: DVector::repeat(lambda.len(), 2.0),
            };
            let steps = flow.discretize(ScalarStep::zero_order_hold, delta)?;
            let expected: Vec<f64> = steps.kernel(length).iter().map(|k| k[(0, 0)]).collect();
            let at = format!("with {} modes, Δ = {delta}, length {length}", lambda.len());
            expect_close(at, "K", expected, answer(&lambda, &b, &c, delta, length), 1e-12)?;
        }
    }
    Ok(())
}

fn reads_half_of_the_pair(
    l: Numbers,
    b: Numbers,
    c: Numbers,
    delta: f64,
    length: usize,
) -> Vec<f64> {
    solution::modal_kernel(l, b, c, delta, length).iter().map(|k| 0.5 * k).collect()
}

fn starts_a_step_late(l: Numbers, b: Numbers, c: Numbers, delta: f64, length: usize) -> Vec<f64> {
    solution::modal_kernel(l, b, c, delta, length + 1).split_off(1)
}

fn takes_real_parts_too_early(
    l: Numbers,
    b: Numbers,
    c: Numbers,
    delta: f64,
    length: usize,
) -> Vec<f64> {
    let part = |k: usize, n: usize| {
        let a_bar = (l[n] * delta).exp();
        2.0 * (c[n] * b[n]).re * (a_bar.powu(k as u32) * (a_bar - 1.0) / l[n]).re
    };
    (0..length).map(|k| (0..l.len()).map(|n| part(k, n)).sum()).collect()
}
