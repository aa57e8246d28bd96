//! Figures of the page `state_representations`.

use math_foundations::state_representations::{RepresentationError, mass_spring_damper};
use workbench::plot::{Plot, Side};
use workbench::svg::{Anchor, Canvas, Role};

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[
    Figure {
        name: "spring-and-matrices",
        page: "1-math-foundations/state-representations",
        draw: draw_spring_and_matrices,
    },
    Figure {
        name: "damping",
        page: "1-math-foundations/state-representations",
        draw: || draw_damping(&Damping::default()).unwrap_or_default(),
    },
];

/// A mass on a spring beside a damper, and below it the same thing as four matrices and an integrator.
pub fn draw_spring_and_matrices() -> String {
    let mut canvas = Canvas::new(
        640.0,
        440.0,
        "A pushed mass on a spring and a damper is the same thing as an integrator that holds the state, \
         fed back through A, pushed through B and seen through C and D",
    );
    draw_machine(&mut canvas);
    draw_blocks(&mut canvas);
    canvas.finish()
}

fn draw_machine(canvas: &mut Canvas) {
    let ink = Role::Ink.wide(1.6);
    let (wall, floor) = (110.0, 150.0);

    // The wall and the floor, hatched on the side that does not move.
    canvas.line(ink, (wall, 20.0), (wall, floor));
    canvas.line(ink, (wall, floor), (520.0, floor));
    for step in 0..9 {
        let y = 26.0 + 14.0 * f64::from(step);
        canvas.line(Role::Ink.wide(1.0).opacity(0.6), (wall, y), (wall - 9.0, y + 9.0));
    }

    // The spring, above.
    let (left, right, y) = (wall + 24.0, 296.0, 52.0);
    let mut spring = vec![(wall, y), (left, y)];
    let zigzag = (0..10).map(|i| {
        let x = left + (right - left) * (f64::from(i) + 0.5) / 10.0;
        (x, if i % 2 == 0 { y - 13.0 } else { y + 13.0 })
    });
    spring.extend(zigzag);
    spring.extend([(right, y), (320.0, y)]);
    canvas.polyline(ink, &spring);
    canvas.text(Role::Ink, (215.0, 30.0), Anchor::Middle, "k");

    // The damper, below: a piston in a pot.
    let y = 112.0;
    canvas.line(ink, (wall, y), (196.0, y));
    canvas.polyline(
        ink,
        &[(236.0, y - 15.0), (196.0, y - 15.0), (196.0, y + 15.0), (236.0, y + 15.0)],
    );
    canvas.line(ink, (222.0, y - 10.0), (222.0, y + 10.0));
    canvas.line(ink, (222.0, y), (320.0, y));
    canvas.text(Role::Ink, (215.0, 92.0), Anchor::Middle, "c");

    // The mass on its wheels, its push and its place.
    canvas.rect(Role::Ink.wide(1.8).tinted(0.06), (320.0, 30.0), (110.0, 104.0), 4.0);
    canvas.circle(ink, (345.0, 142.0), 7.0);
    canvas.circle(ink, (405.0, 142.0), 7.0);
    canvas.text(Role::Ink.size(20.0), (375.0, 88.0), Anchor::Middle, "m");
    canvas.arrow(Role::Input.wide(2.6), (432.0, 82.0), (505.0, 82.0));
    canvas.text(Role::Input, (516.0, 88.0), Anchor::Start, "u");
    canvas.line(Role::Ink.dashed().wide(1.0), (375.0, floor), (375.0, 182.0));
    canvas.arrow(Role::State, (375.0, 176.0), (440.0, 176.0));
    canvas.text(Role::State, (448.0, 182.0), Anchor::Start, "$q, q'$");
}

fn draw_blocks(canvas: &mut Canvas) {
    let (main, below, above) = (330.0, 410.0, 250.0);
    let mut block = |x: f64, y: f64, name: &str| {
        canvas.rect(Role::Ink.tinted(0.06), (x - 26.0, y - 21.0), (52.0, 42.0), 4.0);
        canvas.text(Role::Ink.size(20.0), (x, y + 7.0), Anchor::Middle, name);
    };
    block(145.0, main, "B");
    block(310.0, main, "∫");
    block(455.0, main, "C");
    block(310.0, below, "A");
    block(310.0, above, "D");

    // The input, through B to the state and through D past it.
    let input = Role::Input.wide(1.8);
    canvas.text(Role::Input.size(20.0), (34.0, main + 6.0), Anchor::Middle, "u");
    canvas.arrow(input, (50.0, main), (118.0, main));
    canvas.dot(input, (80.0, main), 4.0);
    canvas.polyline(input, &[(80.0, main), (80.0, above), (258.0, above)]);
    canvas.head(input, (283.0, above), (1.0, 0.0));
    canvas.line(input, (258.0, above), (276.0, above));

    // The state and its derivative, in a loop through A.
    let state = Role::State.wide(1.6);
    canvas.arrow(state, (172.0, main), (202.0, main));
    canvas.arrow(state, (229.0, main), (283.0, main));
    canvas.text(Role::State, (252.0, main - 12.0), Anchor::Middle, "$x'$");
    canvas.arrow(state, (337.0, main), (428.0, main));
    canvas.text(Role::State, (362.0, main - 12.0), Anchor::Middle, "x");
    canvas.dot(state, (385.0, main), 3.6);
    canvas.polyline(state, &[(385.0, main), (385.0, below), (346.0, below)]);
    canvas.head(state, (337.0, below), (-1.0, 0.0));
    canvas.polyline(state, &[(283.0, below), (215.0, below), (215.0, main + 22.0)]);
    canvas.head(state, (215.0, main + 13.0), (0.0, -1.0));

    // What is seen.
    let output = Role::Output;
    canvas.arrow(output, (482.0, main), (534.0, main));
    canvas.polyline(output, &[(337.0, above), (548.0, above), (548.0, main - 24.0)]);
    canvas.head(output, (548.0, main - 13.0), (0.0, 1.0));
    canvas.arrow(output, (562.0, main), (606.0, main));
    canvas.text(Role::Output.size(20.0), (622.0, main + 6.0), Anchor::Middle, "y");

    for x in [215.0, 548.0] {
        canvas.circle(Role::Ink.wide(1.4).hollow(), (x, main), 13.0);
        canvas.text(Role::Ink, (x, main + 6.0), Anchor::Middle, "+");
    }
}

/// What the figure `damping` compares.
#[derive(Debug, Clone, PartialEq)]
pub struct Damping {
    /// In kg.
    pub mass: f64,
    /// In N/m.
    pub stiffness: f64,
    /// In N s/m, one curve each.
    pub dampings: Vec<f64>,
    /// In s.
    pub until: f64,
}

impl Default for Damping {
    fn default() -> Self {
        Self { mass: 1.0, stiffness: 1.0, dampings: vec![0.4, 2.0, 6.0], until: 20.0 }
    }
}

/// A force of 1 N set on a resting spring and left there: position against time, a damper each.
///
/// # Errors
/// Those of [`mass_spring_damper`] and of its step response.
pub fn draw_damping(parameters: &Damping) -> Result<String, RepresentationError> {
    let Damping { mass, stiffness, dampings, until } = parameters;
    let mut plot = Plot::new(
        "Pushed by a constant force, a weakly damped spring overshoots and rings, a critically damped \
         one arrives without overshoot, a strongly damped one creeps",
    )
    .x_label("t")
    .y_label("y")
    .y_range(0.0, 1.7 / stiffness)
    .reference("$u/k$", &[(0.0, 1.0 / stiffness), (*until, 1.0 / stiffness)]);
    for damping in dampings {
        let system = mass_spring_damper(*mass, *damping, *stiffness)?;
        let times = (0..=400).map(|step| until * f64::from(step) / 400.0);
        let points = times
            .map(|t| Ok((t, system.step_response(t)?[(0, 0)])))
            .collect::<Result<Vec<_>, RepresentationError>>()?;
        // Named at its highest point, or under its way up when it has none.
        let name = format!("$c$ = {damping}");
        let highest = points.iter().map(|point| point.1).fold(0.0, f64::max);
        plot = match points.iter().position(|point| point.1 == highest) {
            Some(first) if first < 200 => {
                plot.line(Role::Output, name, &points).label_at(first as f64 / 400.0, Side::Above)
            }
            _ => {
                let (t, y) = points[56];
                let under = (t + 0.015 * until, y - 0.1 / stiffness);
                plot.line(Role::Output, "", &points).note(Role::Output, under, Anchor::Start, name)
            }
        };
    }
    Ok(plot.to_svg())
}
