//! Figures of the page `feedback`.

use classical_ssm::feedback::{Attempt, Balance, FeedbackError, balance};
use workbench::plot::{Plot, panels};
use workbench::svg::{Anchor, Role};

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[Figure {
    name: "balanced-pendulum",
    page: "2-classical-ssm/feedback",
    draw: || draw_balanced_pendulum(&Balance::default()).unwrap_or_default(),
}];

/// The angle of a pendulum let go near upright, left alone and under feedback (left), and the torque that
/// the feedback asks for with two ways to guess the speed (right).
///
/// # Errors
/// Those of [`balance`].
pub fn draw_balanced_pendulum(parameters: &Balance) -> Result<String, FeedbackError> {
    let ran = balance(parameters)?;
    let over_time = |values: &[f64]| -> Vec<(f64, f64)> {
        ran.times.iter().copied().zip(values.iter().copied()).collect()
    };
    let until = 2.0;
    let angle = |attempt: &Attempt| over_time(&attempt.angles);
    let fall =
        Plot::new("left alone the pendulum falls, with feedback from its noisy angle it stands")
            .x_label("t")
            .y_label("θ")
            .x_range(0.0, until)
            .y_range(-0.3, 1.5)
            .reference("", &angle(&ran.alone))
            .note(Role::Reference, (0.8, 1.3), Anchor::End, "u = 0")
            .line(Role::State.wide(2.5), "", &angle(&ran.by_observer))
            .note(Role::State, (0.75, 0.1), Anchor::Start, "$u = -Fx̂$");
    let torque = |attempt: &Attempt| over_time(&attempt.torques[1..]);
    let effort = Plot::new(
        "with the speed from differences the torque is noise, with an observer it is calm",
    )
    .x_label("t")
    .y_label("u")
    .x_range(0.0, until)
    .y_range(-21.0, 27.0)
    .steps(Role::Output.wide(0.8).opacity(0.6), "", &torque(&ran.by_difference))
    .note(Role::Output, (0.15, 23.0), Anchor::Start, "$Δy/Δ$")
    .steps(Role::State.wide(2.5), "", &torque(&ran.by_observer))
    .note(Role::State, (1.95, 23.0), Anchor::End, "x̂");
    Ok(panels(&[fall, effort]))
}
