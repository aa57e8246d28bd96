//! Figures of the page `kalman_filter`.

use classical_ssm::kalman_filter::{Belief, KalmanError, Ride, innovation_whiteness, ride, rider};
use workbench::plot::{Plot, panels};
use workbench::svg::{Anchor, Role};

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[
    Figure {
        name: "tunnel",
        page: "2-classical-ssm/kalman-filter",
        draw: || draw_tunnel(&Ride::default()).unwrap_or_default(),
    },
    Figure {
        name: "white-surprises",
        page: "2-classical-ssm/kalman-filter",
        draw: || draw_white_surprises(&WhiteSurprises::default()).unwrap_or_default(),
    },
];

/// A ride with a tunnel: what was believed at the time (left), and afterwards (right), each as a band of
/// two standard deviations around the mean, with the truth dashed and the measurements as dots.
///
/// # Errors
/// Those of [`ride`].
pub fn draw_tunnel(parameters: &Ride) -> Result<String, KalmanError> {
    let ridden = ride(parameters)?;
    let at_the_time: Vec<Belief> =
        ridden.filtered.steps.iter().map(|step| step.belief.clone()).collect();
    let truth: Vec<_> = (0..).map(f64::from).zip(ridden.states.iter().map(|x| x[0])).collect();
    let dots: Vec<_> = (0..)
        .map(f64::from)
        .zip(&ridden.measurements)
        .filter_map(|(t, y)| Some((t, y.as_ref()?[0])))
        .collect();
    let panel = |label: &str, title: &str, beliefs: &[Belief]| {
        let edge = |side: f64| -> Vec<(f64, f64)> {
            let value = |belief: &Belief| belief.mean[0] + side * belief.covariance[(0, 0)].sqrt();
            (0..).map(f64::from).zip(beliefs.iter().map(value)).collect()
        };
        Plot::new(label)
            .title(title)
            .x_label("t")
            .y_label("$x_1$")
            .x_range(0.0, ridden.states.len() as f64)
            .y_range(-70.0, 175.0)
            .x_ticks(&[
                (0.0, "0".to_owned()),
                (parameters.enter as f64, parameters.enter.to_string()),
                (
                    (parameters.enter + parameters.tunnel) as f64,
                    (parameters.enter + parameters.tunnel).to_string(),
                ),
                (parameters.seconds as f64, parameters.seconds.to_string()),
            ])
            .band(Role::State, "", &edge(-2.0), &edge(2.0))
            .points(Role::Output.wide(0.1).opacity(0.7), "", &dots)
            .line(Role::State.wide(2.0), "", &edge(0.0))
            .reference("", &truth)
            .note(Role::Output, (20.0, -20.0), Anchor::Start, "y")
            .note(Role::State, (62.0, 140.0), Anchor::Start, "x̂ ± 2σ")
    };
    Ok(panels(&[
        panel(
            "in the tunnel the doubt of the filter opens like a trumpet and the first measurement \
             behind it closes it",
            "$x̂_k$",
            &at_the_time,
        ),
        panel(
            "looking back, the doubt in the tunnel is a lens, held at both ends",
            "$x̂_{k|L}$",
            &ridden.smoothed,
        ),
    ]))
}

/// What the figure `white-surprises` compares.
#[derive(Debug, Clone, PartialEq)]
pub struct WhiteSurprises {
    /// The factors by which the filters get q wrong.
    pub factors: [f64; 3],
    /// The true q, in m²/s³.
    pub wander: f64,
    /// In m.
    pub noise: f64,
    /// How many measurements.
    pub steps: usize,
    /// Which ride is drawn.
    pub seed: u64,
}

impl Default for WhiteSurprises {
    fn default() -> Self {
        Self { factors: [0.01, 1.0, 100.0], wander: 0.1, noise: 5.0, steps: 400, seed: 4 }
    }
}

/// How the surprises of three filters correlate with those before: one too stiff, one right, one too loose.
///
/// # Errors
/// Those of [`rider`] and of the filter.
pub fn draw_white_surprises(parameters: &WhiteSurprises) -> Result<String, KalmanError> {
    let WhiteSurprises { factors, wander, noise, steps, seed } = *parameters;
    let truth = rider(1.0, wander, noise)?;
    let start = Ride::default().start();
    let (_, measured) = truth.draw(&start.mean, steps, seed)?;
    let measured: Vec<_> = measured.into_iter().map(Some).collect();
    let mut plots = Vec::new();
    for factor in factors {
        let filtered = rider(1.0, factor * wander, noise)?.filter(&start, &measured)?;
        let whiteness = innovation_whiteness(&filtered, 20)?;
        let chance = 2.0 / (whiteness.count as f64).sqrt();
        let lags: Vec<_> =
            (1..).map(f64::from).zip(whiteness.autocorrelation.iter().copied()).collect();
        let (label, title) = if factor < 1.0 {
            ("a filter that is too stiff is surprised the same way again and again", "q / 100")
        } else if factor > 1.0 {
            ("one that is too loose is surprised the other way", "100 q")
        } else {
            ("the surprises of a right filter have no memory", "q")
        };
        let mut plot = Plot::new(label)
            .title(title)
            .x_label("l")
            .x_range(0.0, 21.0)
            .y_range(-0.6, 0.8)
            .stems(Role::Output, "", &lags);
        for level in [-chance, chance] {
            plot = plot.reference("", &[(0.0, level), (21.0, level)]);
        }
        plots.push(plot);
    }
    Ok(panels(&plots))
}
