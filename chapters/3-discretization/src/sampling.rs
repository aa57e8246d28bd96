//! # Sampling
//!
//! *What does a computer see of a world that flows, if it looks only now and then?*
//!
//! ```text
//! x_k = Ā x_{k-1} + B̄ u_k + B̄₋ u_{k-1}         y_k = C x_k + D u_k         x_{-1} = 0, u_{-1} = 0
//! ```
//!
//! Every rule of this chapter is such a [`Recurrence`]: it says how much of the input at the end of a step
//! (u_k) and of the input at its beginning (u_{k-1}) goes into the state.

use classical_ssm::state_space::{Discrete, StateSpace, StateSpaceError};
use math_foundations::state_representations::Matrices;
use nalgebra::DMatrix;

// ANCHOR: recurrence
/// One step of a flow, as a rule for numbers: `x_k = Ā x_{k-1} + B̄ u_k + B̄₋ u_{k-1}`.
#[derive(Debug, Clone, PartialEq)]
pub struct Recurrence {
    /// What becomes of the state: `[N, N]`.
    pub a_bar: DMatrix<f64>,
    /// What the input at the end of the step adds: `[N, M]`.
    pub b_bar: DMatrix<f64>,
    /// What the input at the beginning of the step adds: `[N, M]`.
    pub b_bar_previous: DMatrix<f64>,
    /// What of the state is seen: `[P, N]`.
    pub c: DMatrix<f64>,
    /// What of the input is seen at once: `[P, M]`.
    pub d: DMatrix<f64>,
    /// The step, in seconds.
    pub delta: f64,
}
// ANCHOR_END: recurrence

impl Recurrence {
    /// The recurrence of inputs that do not change during a step, as sequence models use it:
    /// `x_k = Ā x_{k-1} + (B̄ + B̄₋) u_k`.
    ///
    /// # Errors
    /// [`StateSpaceError`] if the fields do not fit together.
    pub fn held(&self) -> Result<StateSpace<Discrete>, StateSpaceError> {
        let b_bar = &self.b_bar + &self.b_bar_previous;
        StateSpace::discrete(self.a_bar.clone(), b_bar, self.c.clone(), self.d.clone(), self.delta)
    }

    /// The four matrices of control texts, `z_{k+1} = A z_k + B u_k`, `y_k = C z_k + D u_k`, whose state
    /// `z_k = Ā x_{k-1} + B̄₋ u_{k-1}` has not seen u_k yet.
    ///
    /// ```text
    /// A = Ā       B = Ā B̄ + B̄₋       C = C       D = D + C B̄
    /// ```
    pub fn control_form(&self) -> Matrices {
        Matrices {
            a: self.a_bar.clone(),
            b: &self.a_bar * &self.b_bar + &self.b_bar_previous,
            c: self.c.clone(),
            d: &self.d + &self.c * &self.b_bar,
        }
    }
}
