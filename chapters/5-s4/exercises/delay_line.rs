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
    todo!()
}
