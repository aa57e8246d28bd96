//! Exercise `zeros_of_invertible_d` of the page `transfer_functions`.

use classical_ssm::state_space::{Continuous, StateSpace};
use classical_ssm::transfer_functions::zeros;
use math_foundations::eigendecomposition::eigenvalues;
use math_foundations::state_representations::Matrices;
use nalgebra::{Complex, DVector, dmatrix};
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, unused_imports, reason = "a blank does not use them yet")]
#[path = "../../exercises/zeros_of_invertible_d.rs"]
mod blank;
#[path = "../../solutions/zeros_of_invertible_d.rs"]
mod solution;

type Answer = fn(&Matrices) -> DVector<Complex<f64>>;

pub fn exercise() -> Exercise {
    Exercise::new("zeros_of_invertible_d", Level::Core, "four lines", 10)
        .page("2-classical-ssm/transfer-functions")
        .hints([
            "The output is to stay at zero: which input does that take while the state is x?",
            "With that input, which matrix moves the state, and what are the λ of its e^{λt}?",
        ])
        .notice(
            "What to notice: the zeros are the poles of the system that runs backwards, from y to u. A \
             zero on the right means that undoing the system takes a growing input.",
        )
        .sources(
            include_str!("../../exercises/zeros_of_invertible_d.rs"),
            include_str!("../../solutions/zeros_of_invertible_d.rs"),
        )
        .answers::<Answer>(
            check,
            blank::zeros_of_invertible_d,
            solution::zeros_of_invertible_d,
            vec![pushes_the_wrong_way, forgets_to_invert, answers_with_poles],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let (one, two) = (
        Matrices { a: dmatrix![-3.0], b: dmatrix![2.0], c: dmatrix![1.0], d: dmatrix![0.5] },
        Matrices {
            a: dmatrix![0.0, 1.0, 0.0; -2.0, -1.0, 0.5; 0.0, 0.3, -4.0],
            b: dmatrix![0.0, 1.0; 1.0, 0.0; 0.5, 2.0],
            c: dmatrix![1.0, 0.0, 1.0; 0.0, 2.0, -1.0],
            d: dmatrix![1.0, 0.5; 0.0, 4.0],
        },
    );
    for (name, system) in [("at one input", one), ("at two inputs", two)] {
        let whole = StateSpace::from_matrices(system.clone(), Continuous)?;
        expect_close(name, "zeros", sorted(&zeros(&whole)?), sorted(&answer(&system)), 1e-9)?;
    }
    Ok(())
}

fn sorted(zeros: &DVector<Complex<f64>>) -> Vec<Complex<f64>> {
    let mut zeros: Vec<_> = zeros.iter().copied().collect();
    zeros.sort_by(|x, y| {
        (y.re, y.im).partial_cmp(&(x.re, x.im)).unwrap_or(std::cmp::Ordering::Equal)
    });
    zeros
}

fn pushes_the_wrong_way(system: &Matrices) -> DVector<Complex<f64>> {
    solution::zeros_of_invertible_d(&Matrices { d: -&system.d, ..system.clone() })
}

fn forgets_to_invert(Matrices { a, b, c, d }: &Matrices) -> DVector<Complex<f64>> {
    eigenvalues(&(a - b * d * c)).expect("a finite matrix")
}

fn answers_with_poles(system: &Matrices) -> DVector<Complex<f64>> {
    eigenvalues(&system.a).expect("a finite matrix")
}
