//! Figures of the page `how-to-read`.

use math_foundations::introduction::LinearRecurrence;
use math_foundations::validation::InputError;
use nalgebra::{DVector, dmatrix, dvector};
use workbench::svg::{Anchor, Canvas, Point, Role};

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[Figure {
    name: "house-colours",
    page: "how-to-read",
    draw: || draw_house_colours(&Bucket::default()).unwrap_or_default(),
}];

/// A leaky bucket, `x_k = Ā x_{k-1} + B̄ u_k`, that is filled, left to leak, and filled again.
#[derive(Debug, Clone, PartialEq)]
pub struct Bucket {
    /// What is left after a step, Ā.
    pub kept: f64,
    /// The output for each unit of state, C.
    pub gain: f64,
}

impl Default for Bucket {
    fn default() -> Self {
        Self { kept: 0.8, gain: 1.6 }
    }
}

/// Input, state, output and step, each in its colour and its second sign.
///
/// # Errors
/// [`InputError::NotFinite`] for parameters that are not numbers.
pub fn draw_house_colours(parameters: &Bucket) -> Result<String, InputError> {
    let Bucket { kept, gain } = *parameters;
    let bucket = LinearRecurrence::new(dmatrix![kept], dmatrix![1.0 - kept], dmatrix![gain])?;
    let mut x = DVector::zeros(1);
    let place = |k: i32, height: f64| (30.0 + 29.0 * f64::from(k), 195.0 - 130.0 * height);
    let (mut inputs, mut states, mut outputs): (Vec<Point>, Vec<_>, Vec<_>) = Default::default();
    for k in 0..=20 {
        let u_k = if (7..14).contains(&k) { 0.0 } else { 1.0 };
        let y_k = bucket.step(&dvector![u_k], &mut x)?;
        inputs.push(place(k, u_k));
        states.push(place(k, x[0]));
        outputs.push(place(k, y_k[0]));
    }

    let mut canvas = Canvas::new(
        640.0,
        245.0,
        "The input u as stems with round heads, the state x as a thin line, the output y as a \
         thick line, the step Δ as tick marks",
    );
    let (left, right) = (place(0, 0.0), place(20, 0.0));
    canvas.line(Role::Ink.opacity(0.3), left, right);
    canvas.stems(Role::Input, left.1, &inputs);
    canvas.polyline(Role::State, &states);
    canvas.polyline(Role::Output, &outputs);
    // One tick a step.
    let ruler = 225.0;
    canvas.line(Role::Step, (left.0, ruler), (right.0, ruler));
    for (at, _) in &inputs {
        canvas.line(Role::Step, (*at, ruler - 6.0), (*at, ruler + 6.0));
    }
    for (role, name, height) in [
        (Role::Input, "u", inputs[20].1),
        (Role::State, "x", states[20].1),
        (Role::Output, "y", outputs[20].1),
        (Role::Step, "Δ", ruler),
    ] {
        canvas.text(role, (right.0 + 10.0, height + 5.0), Anchor::Start, name);
    }
    Ok(canvas.finish())
}
