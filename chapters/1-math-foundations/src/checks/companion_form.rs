//! Exercise `companion_form` of the page `state_representations`.

use math_foundations::state_representations::companion;
use nalgebra::{DMatrix, DVector};
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/companion_form.rs"]
mod blank;
#[path = "../../solutions/companion_form.rs"]
mod solution;

type Answer = fn(&[f64]) -> (DMatrix<f64>, DVector<f64>);

pub fn exercise() -> Exercise {
    Exercise::new("companion_form", Level::Core, "ten lines", 15)
        .page("1-math-foundations/state-representations")
        .hints([
            "If x = (y, y', y''), which entry of x is the derivative of x_0, and of x_1?",
            "Only one derivative is not an entry of x: what does the equation say it is?",
        ])
        .notice(
            "What to notice: an equation of any order became one of first order, and its \
             coefficients are the last row. Its solutions e^{st} are the eigenvalues s of A.",
        )
        .sources(
            include_str!("../../exercises/companion_form.rs"),
            include_str!("../../solutions/companion_form.rs"),
        )
        .answers::<Answer>(
            check,
            blank::companion_form,
            solution::companion_form,
            vec![forgets_the_sign, reads_backwards, forgets_to_divide, pushes_the_first],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    for ode in [&[3.0, 2.0][..], &[1.0, 0.4, 1.0], &[3.0, 0.5, 2.0], &[24.0, 50.0, 35.0, 10.0, 1.0]]
    {
        let at = format!("at a = {ode:?}");
        let expected = companion(ode, &[1.0])?;
        let (a, b) = answer(ode);
        expect_close(&at, "A", &expected.a, a, 1e-12)?;
        expect_close(&at, "B", expected.b.as_slice(), b.as_slice(), 1e-12)?;
    }
    Ok(())
}

fn forgets_the_sign(ode: &[f64]) -> (DMatrix<f64>, DVector<f64>) {
    let (mut a, b) = solution::companion_form(ode);
    let mut last = a.row_mut(ode.len() - 2);
    last *= -1.0;
    (a, b)
}

fn reads_backwards(ode: &[f64]) -> (DMatrix<f64>, DVector<f64>) {
    let reversed: Vec<f64> = ode.iter().rev().copied().collect();
    solution::companion_form(&reversed)
}

fn forgets_to_divide(ode: &[f64]) -> (DMatrix<f64>, DVector<f64>) {
    let mut monic = ode.to_vec();
    monic[ode.len() - 1] = 1.0;
    solution::companion_form(&monic)
}

fn pushes_the_first(ode: &[f64]) -> (DMatrix<f64>, DVector<f64>) {
    let (a, mut b) = solution::companion_form(ode);
    b.as_mut_slice().reverse();
    (a, b)
}
