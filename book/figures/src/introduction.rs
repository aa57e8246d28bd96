//! Figures of the introduction.

use math_foundations::introduction::{Forgetting, attention_multiply_adds};
use math_foundations::validation::InputError;
use workbench::plot::Plot;
use workbench::svg::{Anchor, Role};

use crate::Figure;

pub mod journey;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[
    Figure { name: "cost", page: "introduction", draw: || draw_cost(&Cost::default()) },
    Figure {
        name: "forgetting",
        page: "introduction",
        draw: || draw_forgetting(&Forgetting::default()).unwrap_or_default(),
    },
    Figure {
        name: "journey",
        page: "introduction",
        draw: || journey::draw(&journey::Journey::default()).unwrap_or_default(),
    },
];

/// What the figure `cost` compares.
#[derive(Debug, Clone, PartialEq)]
pub struct Cost {
    /// The numbers in a token, and in the recurrence's state.
    pub width: u64,
    /// The longest sequence.
    pub longest: u64,
}

impl Default for Cost {
    fn default() -> Self {
        Self { width: 64, longest: 65_536 }
    }
}

/// Multiply-adds against length: attention (ink) and a recurrence whose state is as wide as a
/// token (state), and the length from which attention costs more.
pub fn draw_cost(parameters: &Cost) -> String {
    let Cost { width, longest } = *parameters;
    let recurrence = |length: u64| 3 * width * width * length;
    let lengths = std::iter::successors(Some(1_u64), |length| Some(2 * length));
    let lengths: Vec<u64> = lengths.take_while(|length| *length <= longest).collect();
    let curve = |cost: &dyn Fn(u64) -> u64| -> Vec<(f64, f64)> {
        lengths.iter().map(|&length| (length as f64, cost(length) as f64)).collect()
    };
    let crossing = 3 * width - 1;
    Plot::new(format!(
        "The work of attention grows with the square of the length L, that of a recurrence with \
         L; from L = {crossing} on attention costs more"
    ))
    .log_x()
    .log_y()
    .x_label("L")
    .y_label("× +")
    .line(Role::Ink, "L^2", &curve(&|length| attention_multiply_adds(width, length)))
    .line(Role::State, "L", &curve(&recurrence))
    .points(Role::Ink, "", &[(crossing as f64, recurrence(crossing) as f64)])
    .note(
        Role::Ink,
        (1.3 * crossing as f64, 0.25 * recurrence(crossing) as f64),
        Anchor::Start,
        format!("$L$ = {crossing}"),
    )
    .to_svg()
}

/// How far a change of x_0 still moves x_k: networks (ink, named by their gain) and the linear
/// recurrence (state, named by the modulus of its eigenvalues).
///
/// # Errors
/// Those of [`Forgetting::measure`].
pub fn draw_forgetting(parameters: &Forgetting) -> Result<String, InputError> {
    let curves = parameters.measure()?;
    let points = |stretches: &[f64]| -> Vec<(f64, f64)> {
        stretches.iter().enumerate().map(|(k, stretch)| (k as f64, *stretch)).collect()
    };
    let mut plot = Plot::new(
        "A network forgets its first state or lets it explode, by its gain; a linear recurrence \
         keeps it at the rate of its eigenvalues",
    )
    .log_y()
    .x_label("k")
    .y_label("$‖dx_k/dx_0‖$")
    .y_range(1e-12, 1e8);
    for (gain, stretches) in parameters.gains.iter().zip(&curves.networks) {
        plot = plot.line(Role::Ink, format!("{gain:.1}"), &points(stretches));
    }
    Ok(plot.line(Role::State, format!("{}", parameters.modulus), &points(&curves.linear)).to_svg())
}
