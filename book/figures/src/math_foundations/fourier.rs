//! Figures of the page `fourier`.

use math_foundations::fourier::{
    FourierError, NoisyTones, causal_convolution, circular_convolution, dft, frequency, strongest,
    to_complex,
};
use math_foundations::validation::InputError;
use workbench::plot::{Frame, Plot, Side, panels};
use workbench::svg::{Anchor, Canvas, Role};

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[
    Figure {
        name: "wrap-around",
        page: "1-math-foundations/fourier",
        draw: || draw_wrap_around(&WrapAround::default()).unwrap_or_default(),
    },
    Figure {
        name: "tones-in-noise",
        page: "1-math-foundations/fourier",
        draw: || draw_tones_in_noise(&NoisyTones::default()).unwrap_or_default(),
    },
];

/// What the figure `wrap-around` convolves.
#[derive(Debug, Clone, PartialEq)]
pub struct WrapAround {
    /// The kernel is `keep^j`.
    pub keep: f64,
    /// How many samples.
    pub length: usize,
    /// The impulses: when, and how strong.
    pub impulses: Vec<(usize, f64)>,
}

impl Default for WrapAround {
    fn default() -> Self {
        Self { keep: 0.93, length: 64, impulses: vec![(14, 1.0), (34, 0.6), (56, 1.2)] }
    }
}

/// The same impulses and the same kernel, convolved on a line (above) and on a circle (below): the
/// tail that runs over the end comes in at the beginning.
///
/// # Errors
/// None for the impulses of one line; those of [`circular_convolution`].
pub fn draw_wrap_around(parameters: &WrapAround) -> Result<String, FourierError> {
    let WrapAround { keep, length, impulses } = parameters;
    let kernel: Vec<f64> = (0..*length).map(|j| keep.powf(j as f64)).collect();
    let mut u = vec![0.0; *length];
    for &(k, strength) in impulses {
        if let Some(u_k) = u.get_mut(k) {
            *u_k += strength;
        }
    }
    let causal = causal_convolution(&kernel, &u);
    let circular = circular_convolution(&kernel, &u)?;
    let against_time = |signal: &[f64]| -> Vec<(f64, f64)> {
        signal.iter().enumerate().map(|(k, value)| (k as f64, *value)).collect()
    };
    let inputs: Vec<_> = impulses.iter().map(|&(k, strength)| (k as f64, strength)).collect();
    let highest = circular.iter().copied().fold(0.0, f64::max);
    let plot =
        || Plot::new("").x_label("k").x_range(0.0, *length as f64).y_range(0.0, 1.15 * highest);
    let (causal, circular) = (against_time(&causal), against_time(&circular));
    let line = plot()
        .steps(Role::Output, "y_k", &causal)
        .stems(Role::Input, "u_k", &inputs)
        .label_at(0.0, Side::Left);
    let mut circle = plot()
        .band(Role::Output, "", &staircase(&causal), &staircase(&circular))
        .steps(Role::Output, "y_k", &circular)
        .stems(Role::Input, "", &inputs);
    // Whose echo it is that comes in at the beginning.
    if let Some(last) = impulses.last() {
        let inside = (0.03 * *length as f64, 0.3 * circular[0].1);
        circle = circle.note(Role::Input, inside, Anchor::Start, format!("u_{{{}}}", last.0));
    }

    let mut canvas = Canvas::new(
        640.0,
        430.0,
        "On a line the echo of the last impulse runs out of the picture; on a circle it comes in \
         again at the beginning, before any impulse",
    );
    line.draw(&mut canvas, Frame { left: 0.0, top: 22.0, width: 640.0, height: 185.0 });
    circle.draw(&mut canvas, Frame { left: 0.0, top: 242.0, width: 640.0, height: 185.0 });

    // Time as a line, time as a circle.
    let ink = Role::Ink.wide(1.6);
    canvas.arrow(ink, (8.0, 16.0), (56.0, 16.0));
    canvas.path(ink, "M 33.4 218.6 A 12 12 0 1 1 26.6 218.6");
    canvas.head(ink, (30.5, 217.2), (1.0, -0.35));
    Ok(canvas.finish())
}

/// The corners of the steps through these points.
fn staircase(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    points.iter().flat_map(|&(k, value)| [(k, value), (k + 1.0, value)]).collect()
}

/// Tones in noise: in time (left) nothing is to be seen, in frequency (right) each tone stands alone.
///
/// # Errors
/// Those of [`NoisyTones::sample`].
pub fn draw_tones_in_noise(tones: &NoisyTones) -> Result<String, InputError> {
    let u = tones.sample()?;
    let shown = u.iter().take(64).enumerate();
    let in_time: Vec<_> = shown.map(|(k, u_k)| (k as f64, *u_k)).collect();
    let u_hat = dft(&to_complex(&u));
    let amplitude = |m: usize| 2.0 * u_hat[m].norm() / u.len() as f64;
    let hertz = |m: usize| frequency(m, u.len(), tones.rate);
    let in_frequency: Vec<_> = (0..=u.len() / 2).map(|m| (hertz(m), amplitude(m))).collect();
    let mut spectrum = Plot::new("its spectrum has a peak at each tone")
        .x_label("Hz")
        .y_label("$2|û_m|/n$")
        .y_range(0.0, 1.25)
        .line(Role::Ink.wide(0.8).opacity(0.7), "", &in_frequency);
    for m in strongest(&u_hat, tones.frequencies.len()) {
        spectrum = spectrum.stems(Role::Input, "", &[(hertz(m), amplitude(m))]);
        let above = (hertz(m), amplitude(m) + 0.07);
        spectrum = spectrum.note(Role::Input, above, Anchor::Middle, format!("{:.0}", hertz(m)));
    }
    let signal = Plot::new("A signal that looks like noise").x_label("k").y_label("u_k").stems(
        Role::Input,
        "",
        &in_time,
    );
    Ok(panels(&[signal, spectrum]))
}
