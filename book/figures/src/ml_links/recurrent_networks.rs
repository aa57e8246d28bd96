//! Figures of the page `recurrent_networks`.

use math_foundations::introduction::random_tokens;
use math_foundations::validation::InputError;
use ml_links::recurrent_networks::{
    Cell, ElmanCell, GruCell, Weights, log_stretches, lyapunov_exponents,
};
use nalgebra::DVector;
use workbench::plot::{Plot, Side, panels};
use workbench::svg::Role;

use crate::Figure;

const PAGE: &str = "4-ml-links/recurrent-networks";

/// The figures of this page.
pub const FIGURES: &[Figure] = &[
    Figure {
        name: "vanish",
        page: PAGE,
        draw: || draw_vanish(&Vanish::default()).unwrap_or_default(),
    },
    Figure { name: "recall", page: PAGE, draw: || draw_recall(RECORDED).unwrap_or_default() },
];

/// What the figure `vanish` shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Vanish {
    /// The units of each network.
    pub units: usize,
    /// How many steps a change is followed.
    pub steps: usize,
    /// The spectral radii of the left panel.
    pub radii: Vec<f64>,
    /// The inputs of the left panel are uniform in plus and minus this.
    pub loudness: f64,
    /// The same for the right panel, one curve each.
    pub louder: Vec<f64>,
    /// How many steps the GRU's gates are set to remember.
    pub memory: f64,
    /// Of weights and inputs.
    pub seed: u64,
}

impl Default for Vanish {
    fn default() -> Self {
        Self {
            units: 32,
            steps: 200,
            radii: vec![0.9, 1.1, 1.5],
            loudness: 0.5,
            louder: vec![0.5, 1.0, 2.0],
            memory: 100.0,
            seed: 1,
        }
    }
}

/// Left, what is left of a change after k steps, in Elman networks and in a GRU whose gates are set. Right, the rate of that
/// over the spectral radius, one curve a loudness.
///
/// # Errors
/// Those of the cells: no units, a radius that is not positive.
pub fn draw_vanish(parameters: &Vanish) -> Result<String, InputError> {
    let Vanish { units: n, steps, radii, loudness, louder, memory, seed } = parameters;
    let inputs = random_tokens(*steps, *n, *loudness, seed + 1);
    let decades = |cell: &dyn Cell, inputs: &[DVector<f64>]| {
        let logs = log_stretches(cell, &DVector::zeros(*n), inputs)?;
        let points = logs.iter().enumerate().map(|(k, log)| ((k + 1) as f64, log.exp()));
        Ok::<_, InputError>(std::iter::once((0.0, 1.0)).chain(points).collect::<Vec<_>>())
    };
    let mut left = Plot::new(
        "What is left of a change falls or grows by a steady factor a step in Elman networks, and slowly in a GRU \
         whose gates are set",
    )
    .title("‖$J_k$ … $J_1$‖")
    .x_label("$k$")
    .log_y()
    .x_range(0.0, *steps as f64)
    .y_range(1e-12, 1e3);
    // Steep lines leave through the bottom: their names stand beside them, half way down.
    for (index, rho) in radii.iter().enumerate() {
        let cell = ElmanCell::random(*n, *rho, *seed)?;
        left = left.line(Role::Ink, format!("ρ = {rho}"), &decades(&cell, &inputs)?);
        left = match index {
            0 => left.label_at(0.9, Side::Left),
            1 => left.label_at(0.6, Side::Right),
            _ => left,
        };
    }
    let gated = Weights::random(3, *n, *n, *seed).with_memory(*memory)?;
    let gated = GruCell::from_weights(gated)?;
    left = left.line(Role::State, "gates", &decades(&gated, &inputs)?).label_at(0.6, Side::Above);

    let mut right = Plot::new("the rate of an Elman network depends on how loud its inputs are")
        .title("$λ_1$")
        .x_label("ρ")
        .x_range(0.5, 1.6)
        .y_range(-1.2, 0.6);
    let grid: Vec<f64> = (0..=22).map(|i| 0.5 + 0.05 * f64::from(i)).collect();
    let logarithm: Vec<(f64, f64)> = grid.iter().map(|rho| (*rho, rho.ln())).collect();
    right = right
        .line(Role::Ink.wide(0.8).opacity(0.6), "", &[(0.5, 0.0), (1.6, 0.0)])
        .reference("ln ρ", &logarithm)
        .label_at(0.95, Side::Left);
    for loudness in louder {
        let inputs = random_tokens(400, *n, *loudness, seed + 1);
        let rates = grid.iter().map(|rho| {
            let cell = ElmanCell::random(*n, *rho, *seed)?;
            let lambda = lyapunov_exponents(&cell, &DVector::zeros(*n), &inputs, 1, 50)?;
            Ok((*rho, lambda[0]))
        });
        let rates = rates.collect::<Result<Vec<_>, InputError>>()?;
        right = right.line(Role::Input, format!("±{loudness}"), &rates);
    }
    Ok(panels(&[left, right]))
}

/// What `recall` printed, once.
const RECORDED: &str = include_str!("../../../../chapters/4-ml-links/recorded/recall.txt");

/// The rows of numbers under a heading of a recorded table, up to the next empty line.
fn rows<'a>(recorded: &'a str, heading: &'a str) -> impl Iterator<Item = (f64, Vec<f64>)> + 'a {
    let below = recorded.lines().skip_while(move |line| !line.starts_with(heading)).skip(1);
    below.take_while(|line| !line.is_empty()).filter_map(|line| {
        let numbers: Option<Vec<f64>> =
            line.split_whitespace().map(|word| word.parse().ok()).collect();
        let numbers = numbers?;
        Some((numbers[0], numbers[1..].to_vec()))
    })
}

/// Left, how far the answer moves with each input before training; right, the error while training: what was recorded.
///
/// `None` when the recorded output has no such tables.
pub fn draw_recall(recorded: &str) -> Option<String> {
    let names = ["Elman", "GRU", "GRU, gates set", "state space"];
    let pens = [
        Role::Ink.wide(1.6),
        Role::Ink.wide(1.6).dashed(),
        Role::Step.wide(1.6),
        Role::State.wide(2.4),
    ];
    let mut left = Plot::new(
        "Before training, the first input moves the answer of an Elman network and of a GRU hardly at all; that of \
         a GRU with set gates and of a state space it does",
    )
    .title("∂$y$/∂$u_k$, untrained")
    .x_label("$k$")
    .x_range(0.0, 100.0)
    .log_y();
    let mut right = Plot::new("the two that see it learn, the two that do not never do")
        .title("error while training")
        .x_label("batch")
        .x_range(0.0, 300.0)
        .y_range(0.0, 0.4);
    let reach: Vec<_> = rows(recorded, "how far the answer moves with input k, before").collect();
    let errors: Vec<_> = rows(recorded, "error, mean of the batches up to").collect();
    if reach.is_empty() || errors.is_empty() {
        return None;
    }
    for (index, (name, pen)) in names.into_iter().zip(pens).enumerate() {
        let column = |rows: &[(f64, Vec<f64>)]| -> Option<Vec<(f64, f64)>> {
            rows.iter().map(|(at, numbers)| Some((*at, *numbers.get(index)?))).collect()
        };
        left = left.line(pen, "", &column(&reach)?);
        right = right.line(pen, name, &column(&errors)?);
    }
    Some(panels(&[left, right]))
}
