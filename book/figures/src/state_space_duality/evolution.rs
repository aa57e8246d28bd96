//! Figures of the page `evolution`.

use state_space_duality::evolution::{EvolutionError, Model, Setting, signal};
use workbench::svg::{Anchor, Canvas, Point, Role};

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[Figure {
    name: "nine-models",
    page: "7-state-space-duality/evolution",
    draw: || draw_nine_models(&NineModels::default()).unwrap_or_default(),
}];

/// What the figure `nine-models` shows: a signal, and what models make of it.
#[derive(Debug, Clone, PartialEq)]
pub struct NineModels {
    /// Steps of the signal.
    pub length: usize,
    /// The memories that hear it.
    pub setting: Setting,
}

impl Default for NineModels {
    fn default() -> Self {
        Self { length: 400, setting: Setting::default() }
    }
}

/// A track a model; those that say the same share one.
///
/// # Errors
/// Those of the models.
pub fn draw_nine_models(parameters: &NineModels) -> Result<String, EvolutionError> {
    let NineModels { length, setting } = parameters;
    let u = signal(*length);
    let tracks = [
        ("HiPPO", Model::Hippo),
        ("LSSL, S4", Model::S4),
        ("S4D, S5", Model::S4d),
        ("H3", Model::H3),
        ("Mamba, Mamba-2", Model::Mamba),
        ("Mamba-3", Model::Mamba3),
    ];
    let (left, right, top, row) = (138.0, 632.0, 58.0, 62.0);
    let mut canvas = Canvas::new(
        640.0,
        top + row * (tracks.len() as f64 + 1.0),
        "HiPPO, LSSL, S4, S4D and S5 echo the waves of a signal fifty steps later; H3 says the echo only where something loud asks \
         for it; Mamba and Mamba-2 hold the last loud number; Mamba-3 changes with each of them between 0 and 1",
    );
    let place = |track: usize, k: usize, height: f64| -> Point {
        let x = left + (right - left) * k as f64 / (*length - 1).max(1) as f64;
        (x, top + row * track as f64 - 13.0 * height)
    };
    let line = |track: usize, y: &[f64]| -> Vec<Point> {
        y.iter().enumerate().map(|(k, y)| place(track, k, *y)).collect()
    };
    let base = |canvas: &mut Canvas, track: usize, name: &str| {
        let (from, to) = (place(track, 0, 0.0), place(track, *length - 1, 0.0));
        canvas.line(Role::Ink.opacity(0.3), from, to);
        canvas.text(Role::Ink.size(16.0), (2.0, from.1 + 5.0), Anchor::Start, name);
    };
    base(&mut canvas, 0, "");
    canvas.text(Role::Input, (2.0, top + 5.0), Anchor::Start, "u");
    let quiet: Vec<f64> = u.iter().map(|u| if *u > 2.0 { f64::NAN } else { *u }).collect();
    canvas.polyline(Role::Input.wide(1.2), &line(0, &quiet));
    for (k, loud) in u.iter().enumerate().filter(|(_, u)| **u > 2.0) {
        canvas.stem(Role::Input, place(0, k, 0.0), place(0, k, *loud));
    }
    for (i, (name, model)) in tracks.into_iter().enumerate() {
        let track = i + 1;
        base(&mut canvas, track, name);
        if i < 3 {
            let late: Vec<f64> = (0..*length)
                .map(|k| k.checked_sub(setting.age).map_or(f64::NAN, |k| quiet[k]))
                .collect();
            canvas.polyline(Role::Reference.wide(1.0), &line(track, &late));
        }
        let y = model.run(&u, setting)?;
        // What stands alone is a stem, what goes on is a line.
        if model == Model::H3 {
            for (k, y) in y.iter().enumerate().filter(|(_, y)| y.abs() > 1e-3) {
                canvas.stem(Role::Output.wide(1.6), place(track, k, 0.0), place(track, k, *y));
            }
        } else {
            canvas.polyline(Role::Output.wide(2.0), &line(track, &y));
        }
    }
    Ok(canvas.finish())
}
