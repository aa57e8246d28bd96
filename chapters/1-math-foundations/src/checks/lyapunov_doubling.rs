//! Exercise `lyapunov_doubling` of the page `stability`.

use math_foundations::stability::solve_discrete_lyapunov;
use nalgebra::{DMatrix, dmatrix};
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/lyapunov_doubling.rs"]
mod blank;
#[path = "../../solutions/lyapunov_doubling.rs"]
mod solution;

type Answer = fn(&DMatrix<f64>, &DMatrix<f64>, u32) -> DMatrix<f64>;

pub fn exercise() -> Exercise {
    Exercise::new("lyapunov_doubling", Level::Core, "five lines", 15)
        .page("1-math-foundations/stability")
        .hints([
            "If X holds the first n terms, what does Aⁿ X (Aⁿ)ᵀ hold?",
            "Which power of A does each round need, and what is it one round later?",
        ])
        .notice("What to notice: two halves of a sum are merged by one product, and the halves need not wait for each other. Chapter 4 calls this a scan.")
        .sources(
            include_str!("../../exercises/lyapunov_doubling.rs"),
            include_str!("../../solutions/lyapunov_doubling.rs"),
        )
        .answers::<Answer>(
            check,
            blank::lyapunov_doubling,
            solution::lyapunov_doubling,
            vec![one_term_a_round, transposed, squares_first],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let (half, one) = (dmatrix![0.5], dmatrix![1.0]);
    for (rounds, expected) in [(0, 1.0), (1, 1.25), (2, 1.328125)] {
        let at = format!("at A = 1/2, Q = 1, {rounds} rounds");
        expect_close(at, "X", dmatrix![expected], answer(&half, &one, rounds), 1e-14)?;
    }
    let (a, q) = (dmatrix![0.5, 1.0; -0.3, 0.2], dmatrix![1.0, 0.5; 0.5, 2.0]);
    let two_terms = &q + &a * &q * a.transpose();
    let found = answer(&a, &q, 1);
    expect_close("at A = [0.5, 1; -0.3, 0.2], 1 round", "X", two_terms, found, 1e-14)?;
    let all_terms = solve_discrete_lyapunov(&a, &q)?;
    let found = answer(&a, &q, 8);
    expect_close("at A = [0.5, 1; -0.3, 0.2], 8 rounds", "X", all_terms, found, 1e-12)
}

fn one_term_a_round(a: &DMatrix<f64>, q: &DMatrix<f64>, rounds: u32) -> DMatrix<f64> {
    (0..rounds).fold(q.clone(), |x, _| q + a * x * a.transpose())
}

fn transposed(a: &DMatrix<f64>, q: &DMatrix<f64>, rounds: u32) -> DMatrix<f64> {
    solution::lyapunov_doubling(&a.transpose(), q, rounds)
}

fn squares_first(a: &DMatrix<f64>, q: &DMatrix<f64>, rounds: u32) -> DMatrix<f64> {
    let (mut power, mut x) = (a.clone(), q.clone());
    for _ in 0..rounds {
        power = &power * &power;
        x = &x + &power * &x * power.transpose();
    }
    x
}
