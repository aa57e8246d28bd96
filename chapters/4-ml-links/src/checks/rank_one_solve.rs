//! Exercise `rank_one_solve`, of the page `structured_matrices`.

use nalgebra::{DMatrix, DVector};
use workbench::exercise::{Exercise, Level, Mismatch, expect_close, expect_equal};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/rank_one_solve.rs"]
mod blank;
#[path = "../../solutions/rank_one_solve.rs"]
mod solution;

type Answer = fn(&[f64], &[f64], &[f64], &[f64]) -> Option<Vec<f64>>;

pub fn exercise() -> Exercise {
    Exercise::new("rank_one_solve", Level::Core, "four lines", 10)
        .page("4-ml-links/structured-matrices")
        .hints([
            "If you knew the single number s = vᵀx, what would x be?",
            "What equation for s do you get when you multiply that x by vᵀ?",
        ])
        .notice(
            "What to notice: you have derived Woodbury's identity for r = 1, the formula of Sherman and Morrison. \
             The capacitance is one number, and it is 0 just where the sum has no inverse.",
        )
        .sources(
            include_str!("../../exercises/rank_one_solve.rs"),
            include_str!("../../solutions/rank_one_solve.rs"),
        )
        .answers::<Answer>(
            check,
            blank::rank_one_solve,
            solution::rank_one_solve,
            vec![solves_the_difference, forgets_the_one, divides_by_zero],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    for (d, u, v, b) in [
        (vec![2.0], vec![3.0], vec![1.0], vec![10.0]),
        (vec![1.0, -2.0, 4.0], vec![0.5, 1.0, -1.0], vec![2.0, 0.3, 1.0], vec![1.0, 0.0, -3.0]),
    ] {
        let column = |numbers: &[f64]| DVector::from_column_slice(numbers);
        let sum = DMatrix::from_diagonal(&column(&d)) + column(&u) * column(&v).transpose();
        let expected = sum.lu().solve(&column(&b)).unwrap_or_default();
        let at = format!("at D = {d:?}, u = {u:?}, v = {v:?}, b = {b:?}");
        match answer(&d, &u, &v, &b) {
            Some(x) => expect_close(at, "x", expected, x, 1e-13)?,
            None => return Err(Mismatch::new(at, "a solution", "None")),
        }
    }
    let at = "at D = [1, 2], u = [1, 0], v = [-1, 0], where the sum is singular";
    expect_equal(at, "x", None, answer(&[1.0, 2.0], &[1.0, 0.0], &[-1.0, 0.0], &[1.0, 1.0]))
}

fn solves_the_difference(d: &[f64], u: &[f64], v: &[f64], b: &[f64]) -> Option<Vec<f64>> {
    let u: Vec<f64> = u.iter().map(|u| -u).collect();
    solution::rank_one_solve(d, &u, v, b)
}

fn forgets_the_one(d: &[f64], u: &[f64], v: &[f64], b: &[f64]) -> Option<Vec<f64>> {
    let through = |push: &[f64]| (0..d.len()).map(|n| v[n] / d[n] * push[n]).sum::<f64>();
    let share = through(b) / through(u);
    Some((0..d.len()).map(|n| (b[n] - u[n] * share) / d[n]).collect())
}

fn divides_by_zero(d: &[f64], u: &[f64], v: &[f64], b: &[f64]) -> Option<Vec<f64>> {
    solution::rank_one_solve(d, u, v, b).or_else(|| Some(vec![f64::NAN; d.len()]))
}
