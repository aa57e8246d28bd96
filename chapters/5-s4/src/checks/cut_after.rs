//! Exercise `cut_after`, of the page `kernel`.

use ml_links::structured_matrices::Dplr;
use nalgebra::{Complex, DMatrix, DVector};
use s4::kernel::truncate;
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/cut_after.rs"]
mod blank;
#[path = "../../solutions/cut_after.rs"]
mod solution;

type Numbers<'a> = &'a [Complex<f64>];
type Answer = fn(Numbers, Numbers, usize) -> Vec<Complex<f64>>;

pub fn exercise() -> Exercise {
    Exercise::new("cut_after", Level::WarmUp, "one line", 5)
        .page("5-s4/kernel")
        .hints([
            "What is left of z^L where z is an L-th root of unity?",
            "What remains of c (1 - ā^L z^L) then, for each mode?",
        ])
        .notice(
            "What to notice: an infinite kernel minus the same kernel L steps late. S4 learns c̃ itself, and saves itself \
             the power until it has to run step by step.",
        )
        .sources(
            include_str!("../../exercises/cut_after.rs"),
            include_str!("../../solutions/cut_after.rs"),
        )
        .answers::<Answer>(
            check,
            blank::cut_after,
            solution::cut_after,
            vec![one_too_few, keeps_the_tail, one_too_many],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    for (size, length) in [(1, 1), (2, 3), (4, 10)] {
        let number = |n: usize| Complex::from_polar(0.5 + 0.1 * n as f64, 0.4 + n as f64);
        let a_bar: Vec<_> = (0..size).map(number).collect();
        let c: Vec<_> = (0..size).map(|n| number(n + 1) * 3.0).collect();
        let none = DMatrix::zeros(size, 1);
        let diagonal = Dplr::new(DVector::from(a_bar.clone()), none.clone(), none)?;
        let expected = truncate(&diagonal, &DVector::from(c.clone()), length)?;
        let at = format!("at N = {size}, L = {length}");
        expect_close(at, "c̃", expected, answer(&a_bar, &c, length), 1e-13)?;
    }
    Ok(())
}

fn one_too_few(a_bar: Numbers, c: Numbers, length: usize) -> Vec<Complex<f64>> {
    solution::cut_after(a_bar, c, length - 1)
}

fn keeps_the_tail(a_bar: Numbers, c: Numbers, length: usize) -> Vec<Complex<f64>> {
    solution::cut_after(a_bar, c, length).iter().zip(c).map(|(cut, c)| c - cut).collect()
}

fn one_too_many(a_bar: Numbers, c: Numbers, length: usize) -> Vec<Complex<f64>> {
    solution::cut_after(a_bar, c, length + 1)
}
