//! Exercise `shift_register` of the page `dual_computation`.

use classical_ssm::state_space::StateSpace;
use math_foundations::state_representations::Matrices;
use ml_links::dual_computation::kernel;
use nalgebra::DMatrix;
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_imports, unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/shift_register.rs"]
mod blank;
#[path = "../../solutions/shift_register.rs"]
mod solution;

type Answer = fn(&[f64]) -> Matrices;

pub fn exercise() -> Exercise {
    Exercise::new("shift_register", Level::Core, "six lines", 15)
        .page("4-ml-links/dual-computation")
        .hints([
            "What must a state remember, so that any kernel of n taps can be read off it?",
            "If the state is the last n inputs, the newest first, which matrix moves each one place on?",
        ])
        .notice(
            "What to notice: every convolution is a recurrence, if the state may be as long as the kernel. \
             What a state space model adds is a short state for a long kernel.",
        )
        .sources(
            include_str!("../../exercises/shift_register.rs"),
            include_str!("../../solutions/shift_register.rs"),
        )
        .answers::<Answer>(
            check,
            blank::shift_register,
            solution::shift_register,
            vec![shifts_backwards, goes_round, one_step_late],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    for taps in [vec![2.0], vec![1.0, -0.5], vec![0.0, 3.0, 0.0, 1.0, -4.0]] {
        let Matrices { a, b, c, d } = answer(&taps);
        let system = StateSpace::discrete(a, b, c, d, 1.0)?;
        let mut expected = taps.clone();
        expected.resize(taps.len() + 3, 0.0);
        expect_close(
            format!("for K = {taps:?}"),
            "K",
            expected,
            kernel(&system, taps.len() + 3)?,
            1e-14,
        )?;
    }
    Ok(())
}

fn shifts_backwards(kernel: &[f64]) -> Matrices {
    let right = solution::shift_register(kernel);
    Matrices { a: right.a.transpose(), ..right }
}

fn goes_round(kernel: &[f64]) -> Matrices {
    let (right, n) = (solution::shift_register(kernel), kernel.len());
    let a = DMatrix::from_fn(n, n, |row, column| if row == (column + 1) % n { 1.0 } else { 0.0 });
    Matrices { a, ..right }
}

fn one_step_late(kernel: &[f64]) -> Matrices {
    // The control texts' habit: D is the first tap, and the state has not seen the input yet.
    let right = solution::shift_register(&kernel[1..]);
    if kernel.len() == 1 {
        return solution::shift_register(kernel);
    }
    Matrices { d: DMatrix::from_element(1, 1, kernel[0]), ..right }
}
