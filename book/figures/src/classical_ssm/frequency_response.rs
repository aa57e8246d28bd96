//! Figures of the page `frequency_response`.

use std::f64::consts::PI;

use classical_ssm::frequency_response::{
    FrequencyError, Sweep, alias, bode, decibels, margins, nyquist,
};
use classical_ssm::responses::{servo, servo_loop};
use classical_ssm::state_space::StateSpace;
use math_foundations::linear_systems::held_input_step;
use workbench::plot::{Plot, Side, panels};
use workbench::svg::{Anchor, Role};

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[
    Figure {
        name: "servo-bode",
        page: "2-classical-ssm/frequency-response",
        draw: || draw_servo_bode(&ServoLoop::default()).unwrap_or_default(),
    },
    Figure {
        name: "servo-nyquist",
        page: "2-classical-ssm/frequency-response",
        draw: || draw_servo_nyquist(&ServoLoop::default()).unwrap_or_default(),
    },
    Figure {
        name: "folded-waves",
        page: "2-classical-ssm/frequency-response",
        draw: || draw_folded_waves(&FoldedWaves::default()).unwrap_or_default(),
    },
];

/// What the figures `servo-bode` and `servo-nyquist` show: the servo's loop before it is closed.
#[derive(Debug, Clone, PartialEq)]
pub struct ServoLoop {
    /// Volts for each radian that the angle lacks.
    pub gain: f64,
}

impl Default for ServoLoop {
    fn default() -> Self {
        Self { gain: 5.0 }
    }
}

/// Frequencies from `from` to `to`, evenly on a logarithmic axis.
fn logarithmic(from: f64, to: f64, count: u32) -> Vec<f64> {
    (0..=count).map(|k| from * (to / from).powf(f64::from(k) / f64::from(count))).collect()
}

/// Gain and phase against frequency, with the margins as stretches between curve and edge.
///
/// # Errors
/// Those of [`bode`] and [`margins`].
pub fn draw_servo_bode(parameters: &ServoLoop) -> Result<String, Box<dyn std::error::Error>> {
    let open = servo_loop(parameters.gain, 2e-3)?;
    let bode = bode(&open, &logarithmic(3.0, 3000.0, 300))?;
    let found = margins(&open)?;
    let mut gain =
        Plot::new("The gain passes 1, 0 dB, at 69 rad/s and is 20 dB lower at 251 rad/s")
            .x_label("ω [rad/s]")
            .title("gain [dB]")
            .log_x()
            .x_range(3.0, 3000.0)
            .y_range(-70.0, 40.0)
            .reference("", &[(3.0, 0.0), (3000.0, 0.0)])
            .line(Role::Output, "", &bode.gain_curve());
    let mut phase =
        Plot::new("The phase is 40 degrees above -180 at the first of these frequencies")
            .x_label("ω [rad/s]")
            .title("phase")
            .log_x()
            .x_range(3.0, 3000.0)
            .y_range(-270.0, -60.0)
            .y_ticks(&[(-90.0, "−90°"), (-180.0, "−180°"), (-270.0, "−270°")])
            .reference("", &[(3.0, -180.0), (3000.0, -180.0)])
            .line(Role::Output, "", &bode.phase_curve());
    if let (Some(crossing), Some(edge)) = (found.phase_margin(), found.gain_margin()) {
        let (at, degrees) = (crossing.omega, crossing.degrees);
        phase = phase.line(Role::Ink.wide(3.0), "", &[(at, -180.0), (at, degrees - 180.0)]).note(
            Role::Ink,
            (at * 0.85, -165.0),
            Anchor::End,
            format!("{degrees:.0}°"),
        );
        gain = gain.points(Role::Ink, "", &[(at, 0.0)]);
        let (at, below) = (edge.omega, -decibels(edge.factor));
        gain = gain.line(Role::Ink.wide(3.0), "", &[(at, 0.0), (at, below)]).note(
            Role::Ink,
            (at * 1.2, -9.0),
            Anchor::Start,
            format!("{:.0} dB", -below),
        );
        phase = phase.points(Role::Ink, "", &[(at, -180.0)]);
    }
    Ok(panels(&[gain, phase]))
}

/// The curve of G in the complex plane, with the phase margin as an arc.
///
/// # Errors
/// Those of [`nyquist`] and [`margins`].
pub fn draw_servo_nyquist(parameters: &ServoLoop) -> Result<String, Box<dyn std::error::Error>> {
    let open = servo_loop(parameters.gain, 2e-3)?;
    let curve = nyquist(&open, 20.0, 1e5)?;
    let curve: Vec<(f64, f64)> = curve.into_iter().map(|(_, g)| (g.re, g.im)).collect();
    let mirrored: Vec<(f64, f64)> = curve.iter().map(|&(re, im)| (re, -im)).collect();
    let arc = |from: f64, to: f64| -> Vec<(f64, f64)> {
        (0..=120)
            .map(|k| from + (to - from) * f64::from(k) / 120.0)
            .map(|angle: f64| (angle.to_radians().cos(), angle.to_radians().sin()))
            .collect()
    };
    let found = margins(&open)?;
    let mut plot = Plot::new(
        "The curve keeps away from -1: on the unit circle by an arc of 40 degrees, on the real axis by a \
         factor of 10",
    )
    .x_label("Re $G$")
    .y_label("Im $G$")
    .equal_aspect()
    .x_range(-2.6, 1.6)
    .y_range(-1.5, 1.5)
    .reference("", &arc(0.0, 360.0))
    .line(Role::Output.wide(1.4).opacity(0.7), "", &mirrored)
    .line(Role::Output, "", &curve)
    .arrows_along(2)
    .note(Role::Output, (-1.45, -1.3), Anchor::Middle, "G(iω)");
    if let Some(crossing) = found.phase_margin() {
        plot = plot.line(Role::Ink.wide(3.4), "", &arc(180.0, 180.0 + crossing.degrees)).note(
            Role::Ink,
            (-1.12, -0.4),
            Anchor::End,
            format!("{:.0}°", crossing.degrees),
        );
    }
    if let Some(edge) = found.gain_margin() {
        let at = -1.0 / edge.factor;
        plot = plot.points(Role::Ink, "", &[(at, 0.0)]).note(
            Role::Ink,
            (at, 0.12),
            Anchor::Middle,
            format!("−1/{:.0}", edge.factor),
        );
    }
    plot =
        plot.points(Role::Ink, "", &[(-1.0, 0.0)]).note(Role::Ink, (-1.12, 0.1), Anchor::End, "−1");
    Ok(plot.to_svg())
}

/// What the figure `folded-waves` shows: a wave faster than half a turn a step, and the sampled servo.
#[derive(Debug, Clone, PartialEq)]
pub struct FoldedWaves {
    /// The step, in seconds.
    pub delta: f64,
    /// The wave, in half turns a step: above 1.
    pub half_turns: f64,
}

impl Default for FoldedWaves {
    fn default() -> Self {
        Self { delta: 0.01, half_turns: 1.8 }
    }
}

/// A wave and its alias through the same samples, and the gain of the sampled servo beside the servo's.
///
/// # Errors
/// Those of [`Sweep`] and [`alias`].
pub fn draw_folded_waves(parameters: &FoldedWaves) -> Result<String, Box<dyn std::error::Error>> {
    let (delta, fastest) = (parameters.delta, PI / parameters.delta);
    let omega = parameters.half_turns * fastest;
    let slow = alias(omega, delta)?;
    let wave = |omega: f64| -> Vec<(f64, f64)> {
        (0..=400).map(|k| f64::from(k) / 40.0).map(|k| (k, (omega * delta * k).cos())).collect()
    };
    let samples: Vec<(f64, f64)> =
        (0..=10).map(f64::from).map(|k| (k, (omega * delta * k).cos())).collect();
    let waves = Plot::new("A fast wave and a slow one pass through the same samples")
        .x_label("t / Δ")
        .title("one set of samples")
        .y_range(-1.3, 1.3)
        .line(Role::Ink.wide(1.0).opacity(0.6), "", &wave(omega))
        .line(Role::Output, "", &wave(slow))
        .points(Role::Step, "", &samples);

    let flow = servo(5.0, 2e-3)?;
    let (a, b) = held_input_step(flow.a(), flow.b(), delta)?;
    let steps = StateSpace::discrete(a, b, flow.c().clone(), flow.d().clone(), delta)?;
    let (flowing, stepping) = (Sweep::new(&flow)?, Sweep::new(&steps)?);
    let omegas: Vec<f64> = (0..=600).map(|k| 3.0 * fastest * f64::from(k) / 600.0).collect();
    let gains = |gain: &dyn Fn(f64) -> Result<f64, FrequencyError>| {
        let point = |&omega: &f64| Ok::<_, FrequencyError>((omega / fastest, gain(omega)?));
        omegas.iter().map(point).collect::<Result<Vec<_>, _>>()
    };
    let of_flow = gains(&|omega| Ok(flowing.at(omega)?[0].norm()))?;
    let of_steps = gains(&|omega| Ok(stepping.at(omega)?[0].norm()))?;
    let edges = |at: f64| [(at, 0.0), (at, 2.0)];
    let gains = Plot::new(
        "The gain of steps repeats: beyond half a turn a step it mirrors, the flow's does not",
    )
    .x_label("ω Δ / π")
    .title("|G|")
    .x_range(0.0, 3.0)
    .y_range(0.0, 1.7)
    .reference("", &edges(1.0))
    .line(Role::State, "", &of_flow)
    .line(Role::Output, "", &of_steps)
    .note(Role::State, (1.25, 0.12), Anchor::Start, "flow")
    .note(Role::Output, (2.0, 1.56), Anchor::Middle, "steps");
    Ok(panels(&[waves.label_at(0.5, Side::Above), gains]))
}
