//! Exercise `delay_line` of the page `hippo`.

use classical_ssm::state_space::{Continuous, StateSpace};
use nalgebra::{Complex, DMatrix};
use s4::hippo::{HippoError, Measure, hippo};
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_imports, unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/delay_line.rs"]
mod blank;
#[path = "../../solutions/delay_line.rs"]
mod solution;

type Answer = fn(usize, f64) -> Result<StateSpace<Continuous>, HippoError>;

pub fn exercise() -> Exercise {
    Exercise::new("delay_line", Level::Stretch, "five lines", 20)
        .page("5-s4/hippo")
        .hints([
            "The memory says u(t - τ) ≈ Σ g_n(τ) x_n. Which τ is asked for, and which matrix is that sum?",
            "Everything should happen `window` times as slowly: which of the matrices know about time?",
        ])
        .notice(
            "What to notice: no number is kept and handed on, and yet the input comes out a window later. An exact delay has \
             infinitely many states; this one is right up to about N/2 turns a window.",
        )
        .sources(
            include_str!("../../exercises/delay_line.rs"),
            include_str!("../../solutions/delay_line.rs"),
        )
        .answers::<Answer>(
            check,
            blank::delay_line,
            solution::delay_line,
            vec![reads_the_present, forgets_the_clock, slows_only_the_state],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    for (d_state, window) in [(1, 1.0), (6, 1.0), (12, 1.0), (12, 2.5), (12, 0.1)] {
        let delay = answer(d_state, window)?;
        // A constant comes out as it is; a wave of half a turn a window upside down.
        let waves: &[f64] = if d_state < 6 { &[0.0] } else { &[0.0, 0.5, 1.0] };
        for &turns in waves {
            let omega = std::f64::consts::TAU * turns;
            let found = delay.transfer(Complex::new(0.0, omega / window))?[(0, 0)];
            let expected = Complex::new(0.0, -omega).exp();
            let at = format!("N = {d_state}, window {window}: a wave of {turns} turns a window");
            let tolerance = if d_state < 12 && turns > 0.5 { 1e-2 } else { 1e-3 };
            expect_close(at, "what it becomes", expected, found, tolerance)?;
        }
    }
    Ok(())
}

fn read(memory: &StateSpace<Continuous>, age: f64) -> DMatrix<f64> {
    let curves = Measure::LegT.basis(memory.d_state(), age);
    DMatrix::from_row_slice(1, curves.len(), curves.as_slice())
}

fn reads_the_present(d_state: usize, window: f64) -> Result<StateSpace<Continuous>, HippoError> {
    let memory = hippo(Measure::LegT, d_state)?;
    let (a, b, c) = (memory.a() / window, memory.b() / window, read(&memory, 0.0));
    Ok(StateSpace::continuous(a, b, c, DMatrix::zeros(1, 1))?)
}

fn forgets_the_clock(d_state: usize, _: f64) -> Result<StateSpace<Continuous>, HippoError> {
    solution::delay_line(d_state, 1.0)
}

fn slows_only_the_state(d_state: usize, window: f64) -> Result<StateSpace<Continuous>, HippoError> {
    let memory = hippo(Measure::LegT, d_state)?;
    let (a, b, c) = (memory.a() / window, memory.b().clone(), read(&memory, 1.0));
    Ok(StateSpace::continuous(a, b, c, DMatrix::zeros(1, 1))?)
}
