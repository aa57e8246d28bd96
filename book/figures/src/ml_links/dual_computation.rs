//! Figures of the page `dual_computation`.

use std::error::Error;

use classical_ssm::state_space::{Discrete, StateSpace};
use discretization::zero_order_hold::zero_order_hold;
use math_foundations::state_representations::mass_spring_damper;
use ml_links::dual_computation::{crossover, kernel, recurrence};
use workbench::plot::{Plot, panels};
use workbench::svg::{Anchor, Role};

use crate::Figure;

const PAGE: &str = "4-ml-links/dual-computation";

/// The figures of this page.
pub const FIGURES: &[Figure] = &[
    Figure {
        name: "steps-or-echoes",
        page: PAGE,
        draw: || draw_steps_or_echoes(&StepsOrEchoes::default()).unwrap_or_default(),
    },
    Figure { name: "crossover", page: PAGE, draw: draw_crossover },
];

/// What the figure `steps-or-echoes` shows: a spring, struck a few times, held for `delta` seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct StepsOrEchoes {
    /// The damping of the spring.
    pub damping: f64,
    /// The step, in seconds.
    pub delta: f64,
    /// When it is struck, and how hard.
    pub blows: Vec<(usize, f64)>,
    /// How many steps are drawn.
    pub length: usize,
}

impl Default for StepsOrEchoes {
    fn default() -> Self {
        let blows = vec![(2, 1.0), (11, 0.8), (24, -0.9)];
        Self { damping: 0.4, delta: 0.5, blows, length: 40 }
    }
}

impl StepsOrEchoes {
    fn system(&self) -> Result<StateSpace<Discrete>, Box<dyn Error>> {
        let parts = mass_spring_damper(1.0, self.damping, 1.0)?;
        // Read in units in which a blow of 1 is seen about as high as it is drawn.
        let flow = StateSpace::continuous(parts.a, parts.b, parts.c * 2.0, parts.d)?;
        Ok(zero_order_hold(&flow, self.delta)?.held()?)
    }
}

/// Left, each output from the state before; right, the same outputs as the sum of the echoes of three blows.
///
/// # Errors
/// Those of [`zero_order_hold`] and of [`recurrence`].
pub fn draw_steps_or_echoes(parameters: &StepsOrEchoes) -> Result<String, Box<dyn Error>> {
    let StepsOrEchoes { blows, length, .. } = parameters;
    let system = parameters.system()?;
    let mut u = vec![0.0; *length];
    for &(k, blow) in blows.iter().filter(|(k, _)| k < length) {
        u[k] = blow;
    }
    let over = |signal: &[f64], from: usize| -> Vec<(f64, f64)> {
        signal.iter().enumerate().map(|(k, &value)| ((from + k) as f64, value)).collect()
    };
    let y = over(&recurrence(&system, &u)?, 0);
    let struck: Vec<(f64, f64)> = blows.iter().map(|&(k, blow)| (k as f64, blow)).collect();
    let end = *length as f64 - 1.0;
    let panel = |label: &str, title: &str| {
        Plot::new(label).title(title).x_label("k").x_range(0.0, end).y_range(-1.3, 1.3)
    };
    let left = panel(
        "A struck spring, each step from the step before",
        "$x_k$ = $A$ $x_{k-1}$ + $B$ $u_k$",
    )
    .line(Role::State, "", &y)
    .points(Role::Output, "", &y)
    .stems(Role::Input, "", &struck);
    let mut right = panel(
        "the same outputs as the sum of three echoes, which know nothing of each other",
        "$y_k$ = Σ_j $K_j$ $u_{k-j}$",
    );
    let kernel = kernel(&system, *length)?;
    for &(k, blow) in blows {
        let echo: Vec<f64> = kernel[..length - k].iter().map(|k_j| blow * k_j).collect();
        right = right.line(Role::Output.wide(1.0).opacity(0.8), "", &over(&echo, k));
    }
    let right = right.line(Role::Output, "", &y).stems(Role::Input, "", &struck);
    Ok(panels(&[left, right]))
}

const MEASURED: &str = include_str!("../../../../chapters/4-ml-links/recorded/dual-time.txt");

/// The rows of a recorded table: those that begin with a whole number and have this many columns.
pub(super) fn rows(recorded: &str, columns: usize) -> Vec<Vec<f64>> {
    let row = |line: &str| -> Option<Vec<f64>> {
        let cells: Vec<&str> = line.split_whitespace().collect();
        let first_is_whole = cells.first().is_some_and(|first| first.parse::<u64>().is_ok());
        let numbers: Option<Vec<f64>> = cells.iter().map(|cell| cell.parse().ok()).collect();
        numbers.filter(|numbers| first_is_whole && numbers.len() == columns)
    };
    recorded.lines().filter_map(row).collect()
}

/// The measured time of each way against the length, and where two of them cost the same.
pub fn draw_crossover() -> String {
    let rows = rows(MEASURED, 6);
    let column =
        |index: usize| -> Vec<(f64, f64)> { rows.iter().map(|row| (row[0], row[index])).collect() };
    let (steps, sum, transforms) = (column(1), column(3), column(4));
    let costs: Vec<(usize, f64, f64)> =
        rows.iter().map(|row| (row[0] as usize, row[3], row[4])).collect();
    let mut plot = Plot::new(
        "Measured: the sum as it stands is the fastest way for short signals; from the crossover on transforms are, and \
         they grow about as slowly as the steps",
    )
    .x_label("$L$")
    .y_label("µs")
    .log_x()
    .log_y()
    .x_range(16.0, 65_536.0)
    .line(Role::State, "", &steps)
    .line(Role::Ink, "", &sum)
    .line(Role::Output, "", &transforms);
    let named =
        |plot: Plot, role: Role, points: &[(f64, f64)], at: usize, name: &str, up: f64, anchor| {
            let (x, y) = points.get(at).copied().unwrap_or((16.0, 1.0));
            plot.note(role, (x, y * up), anchor, name)
        };
    plot = named(plot, Role::State, &steps, 2, "$x_k$ step by step", 3.0, Anchor::Middle);
    plot = named(plot, Role::Ink, &sum, 8, "Σ_j $K_j$ $u_{k-j}$", 0.2, Anchor::Start);
    plot = named(plot, Role::Output, &transforms, 9, "FFT", 0.35, Anchor::Start);
    if let Some(length) = crossover(&costs) {
        let lowest = transforms.first().map_or(0.01, |&(_, y)| y);
        let height = transforms.iter().rev().find(|(x, _)| *x <= length).map_or(1.0, |&(_, y)| y);
        // The recorded times have two decimals, which do not tell 18 from 19.
        plot = plot.reference("", &[(length, lowest / 20.0), (length, height * 1.3)]).note(
            Role::Ink,
            (length * 1.15, lowest / 4.0),
            Anchor::Start,
            format!("$L$ ≈ {:.0}", 10.0 * (length / 10.0).round()),
        );
    }
    plot.to_svg()
}
