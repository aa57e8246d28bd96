//! Figures of the page `responses`.

use classical_ssm::responses::{
    Between, ResponseError, forced_response, servo, step_figures, step_response,
};
use nalgebra::{DVector, dvector};
use workbench::plot::{Plot, Side, panels};
use workbench::svg::{Anchor, Role};

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[
    Figure {
        name: "sum-of-pushes",
        page: "2-classical-ssm/responses",
        draw: || draw_sum_of_pushes(&SumOfPushes::default()).unwrap_or_default(),
    },
    Figure {
        name: "servo-step",
        page: "2-classical-ssm/responses",
        draw: || draw_servo_step(&ServoStep::default()).unwrap_or_default(),
    },
];

/// What the figure `sum-of-pushes` shows: the servo told to go to some angles in turn.
#[derive(Debug, Clone, PartialEq)]
pub struct SumOfPushes {
    /// Volts for each radian that the angle lacks.
    pub gain: f64,
    /// When it is told, in milliseconds, and where to go.
    pub told: Vec<(f64, f64)>,
    /// The end, in milliseconds.
    pub end: f64,
}

impl Default for SumOfPushes {
    fn default() -> Self {
        Self { gain: 5.0, told: vec![(0.0, 1.0), (60.0, 1.5), (100.0, 0.5)], end: 220.0 }
    }
}

/// An input of several jumps, the answer to each jump alone, and their sum.
///
/// # Errors
/// Those of [`forced_response`].
pub fn draw_sum_of_pushes(parameters: &SumOfPushes) -> Result<String, ResponseError> {
    let system = servo(parameters.gain, 2e-3)?;
    let times: Vec<f64> = (0..=440).map(|k| parameters.end * f64::from(k) / 440.0).collect();
    let seconds: Vec<f64> = times.iter().map(|t| 1e-3 * t).collect();
    let answer = |level: &dyn Fn(f64) -> f64| -> Result<Vec<(f64, f64)>, ResponseError> {
        let u: Vec<DVector<f64>> = times.iter().map(|&t| dvector![level(t)]).collect();
        let y = forced_response(&system, &DVector::zeros(3), &seconds, &u, Between::Held)?;
        Ok(times.iter().zip(&y.outputs).map(|(&t, y)| (t, y[0])).collect())
    };
    let wanted = |t: f64| {
        parameters.told.iter().take_while(|(at, _)| *at <= t).last().map_or(0.0, |told| told.1)
    };
    let stairs: Vec<(f64, f64)> = times.iter().map(|&t| (t, wanted(t))).collect();
    let input = Plot::new("The input goes to 1, to 1.5 and down to 0.5")
        .x_label("t [ms]")
        .x_range(0.0, parameters.end)
        .y_range(-1.5, 2.0)
        .title("what it is told")
        .steps(Role::Input, "u", &stairs);

    let mut output =
        Plot::new("The answer is the sum of the answers to three jumps, each later and alike")
            .x_label("t [ms]")
            .x_range(0.0, parameters.end)
            .y_range(-1.5, 2.0)
            .title("what it does");
    let mut before = 0.0;
    for &(at, level) in &parameters.told {
        let jump = level - before;
        before = level;
        let alone = answer(&|t| if t >= at { jump } else { 0.0 })?;
        let alone: Vec<(f64, f64)> = alone.into_iter().filter(|(t, _)| *t >= at).collect();
        output = output.line(Role::Output.wide(1.2).opacity(0.8), "", &alone);
    }
    output = output.line(Role::Output, "y", &answer(&wanted)?);
    Ok(panels(&[input, output]))
}

/// What the figure `servo-step` shows: the step response of the servo, measured.
#[derive(Debug, Clone, PartialEq)]
pub struct ServoStep {
    /// Volts for each radian that the angle lacks.
    pub gain: f64,
    /// The end, in milliseconds.
    pub end: f64,
}

impl Default for ServoStep {
    fn default() -> Self {
        Self { gain: 5.0, end: 180.0 }
    }
}

/// A step response with its rise, overshoot and settling marked.
///
/// # Errors
/// Those of [`step_response`] and [`step_figures`].
pub fn draw_servo_step(parameters: &ServoStep) -> Result<String, ResponseError> {
    let system = servo(parameters.gain, 2e-3)?;
    let figures = step_figures(&system)?;
    let seconds: Vec<f64> =
        (0..=600).map(|k| 1e-3 * parameters.end * f64::from(k) / 600.0).collect();
    let y = step_response(&system, &seconds)?.channel(0, 0);
    let y: Vec<(f64, f64)> = y.into_iter().map(|(t, y)| (1e3 * t, y)).collect();
    let first = |level: f64| y.iter().find(|(_, y)| *y >= level).map_or(0.0, |point| point.0);
    let (from, to) = (first(0.1), first(0.1) + 1e3 * figures.rise_time);
    let (settled, top) = (1e3 * figures.settling_time, 1.0 + figures.overshoot);
    let peak = 1e3 * figures.peak_time.unwrap_or(0.0);
    let edges = [(0.0, parameters.end)]
        .map(|(a, b)| [vec![(a, 0.98), (b, 0.98)], vec![(a, 1.02), (b, 1.02)]]);
    let plot = Plot::new(
        "The servo is there after 17 ms, shoots 29 percent too far, and stays within 2 percent only \
         after 133 ms",
    )
    .x_label("t [ms]")
    .x_range(0.0, parameters.end)
    .y_range(0.0, 1.45)
    .y_ticks(&[(0.0, "0"), (0.1, "10 %"), (0.9, "90 %"), (1.0, ""), (top, "129 %")])
    .band(Role::Ink.tinted(0.15), "± 2 %", &edges[0][0], &edges[0][1])
    .line(Role::Reference, "", &[(from, 0.0), (from, 0.1)])
    .line(Role::Reference, "", &[(to, 0.0), (to, 0.9)])
    .line(Role::Ink.wide(2.5), "", &[(from, 0.06), (to, 0.06)])
    .note(Role::Ink, (to + 2.0, 0.06), Anchor::Start, "rise")
    .line(Role::Ink.wide(2.5), "", &[(peak, 1.0), (peak, top)])
    .note(Role::Ink, (peak + 12.0, 1.33), Anchor::Start, "overshoot")
    .line(Role::Reference, "", &[(settled, 0.0), (settled, 0.98)])
    .note(Role::Ink, (settled - 3.0, 0.4), Anchor::End, "settled from here on")
    .line(Role::Output, "y", &y)
    .label_at(0.55, Side::Below);
    Ok(plot.to_svg())
}
