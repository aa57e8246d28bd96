use classical_ssm::state_space::{Continuous, StateSpace};
use nalgebra::DMatrix;
use s4::hippo::{HippoError, Measure, hippo};

/// A flow with `d_state` states that says what its input was `window` seconds ago:
/// `y(t) ≈ u(t - window)`.
///
/// The memory is there: `hippo(Measure::LegT, d_state)`, whose unit of time is the
/// window. What is missing is how to read it at its far end, and a clock of seconds.
///
/// Size: five lines. Time: 20 minutes.
pub fn delay_line(d_state: usize, window: f64) -> Result<StateSpace<Continuous>, HippoError> {
    let memory = hippo(Measure::LegT, d_state)?;
    // The curves at age 1: √(2n+1), with alternating signs.
    let c = DMatrix::from_fn(1, d_state, |_, n| Measure::LegT.basis(d_state, 1.0)[n]);
    let (a, b) = (memory.a() / window, memory.b() / window);
    Ok(StateSpace::continuous(a, b, c, DMatrix::zeros(1, 1))?)
}
