//! Figures of the page `simulate`.

use std::f64::consts::PI;

use math_foundations::simulate::{Method, SimulateError, System, simulate};
use workbench::plot::{Frame, Plot};
use workbench::svg::{Canvas, Role};

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[Figure {
    name: "four-systems",
    page: "1-math-foundations/simulate",
    draw: || draw_four_systems().unwrap_or_default(),
}];

/// Phase portraits of four non-linear systems, each from several starts.
///
/// # Errors
/// Those of [`simulate`].
pub fn draw_four_systems() -> Result<String, SimulateError> {
    let (width, height) = (320.0, 306.0);
    let mut canvas = Canvas::new(
        2.0 * width,
        2.0 * height,
        "A pendulum swings or goes over the top; Van der Pol's oscillator ends on one cycle from \
         inside and outside; hares and foxes go round for ever; Lorenz's air never repeats itself",
    );
    let plots = [
        pendulum()?,
        portrait("van-der-pol", "$b$", &[&[0.1, 0.0], &[-2.2, 4.2]], (30.0, 0.02), 1)?,
        portrait(
            "lotka-volterra",
            "$c$",
            &[&[1.1, 0.6], &[1.5, 1.0], &[2.1, 1.5]],
            (9.5, 0.02),
            2,
        )?
        .x_label("h")
        .y_label("f"),
        portrait("lorenz", "$d$", &[&[1.0, 1.0, 1.0]], (25.0, 0.01), 0)?,
    ];
    for (index, plot) in plots.iter().enumerate() {
        let (left, top) = (width * (index % 2) as f64, height * (index / 2) as f64);
        plot.draw(&mut canvas, Frame { left, top, width, height });
    }
    Ok(canvas.finish())
}

/// Fixed steps of sums and products: the same picture on every machine, chaotic or not.
fn path(system: &System, step: f64) -> Result<Vec<(f64, f64)>, SimulateError> {
    let run = simulate(system, Method::RungeKutta { step }, 2)?;
    let (across, up) = system.plot.unwrap_or((0, 0));
    Ok(run.trajectory.phase(across, up))
}

fn portrait(
    name: &str,
    title: &str,
    starts: &[&[f64]],
    (duration, step): (f64, f64),
    heads: usize,
) -> Result<Plot, SimulateError> {
    let mut system = System::named(name)?;
    system.duration = duration;
    let (across, up) = system.plot.unwrap_or((0, 0));
    let mut plot = Plot::new(system.about.clone())
        .title(title)
        .x_label(&system.states[across])
        .y_label(&system.states[up]);
    for start in starts {
        system.start_from(start.to_vec())?;
        plot = plot.line(Role::State, "", &path(&system, step)?).arrows_along(heads);
    }
    Ok(plot)
}

/// Swings of three widths, a turn in either direction, and the path that just reaches the top.
fn pendulum() -> Result<Plot, SimulateError> {
    let mut system = System::named("pendulum")?;
    let mut plot = Plot::new(system.about.clone())
        .title("$a$")
        .x_label("θ")
        .y_label("ω")
        .x_ticks(&[(-PI, "-π"), (0.0, "0"), (PI, "π")])
        .x_range(-4.2, 4.2)
        .y_range(-2.8, 2.8);
    for sign in [1.0, -1.0] {
        let top = |theta: f64| (theta, sign * 2.0 * (theta / 2.0).cos());
        let edge: Vec<(f64, f64)> = (-84..=84).map(|k| top(f64::from(k) / 20.0)).collect();
        plot = plot.reference("", &edge);
    }
    // Each for its own period.
    for (start, duration) in [
        ([0.0, 0.7], 6.49),
        ([0.0, 1.4], 7.38),
        ([0.0, 1.95], 11.9),
        ([-4.2, 1.5], 6.0),
        ([4.2, -1.5], 6.0),
    ] {
        system.start_from(start.to_vec())?;
        system.duration = duration;
        plot = plot.line(Role::State, "", &path(&system, 0.02)?).arrows_along(1);
    }
    Ok(plot)
}
