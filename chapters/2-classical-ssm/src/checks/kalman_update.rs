//! Exercise `kalman_update` of the page `kalman_filter`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/kalman_update.rs"]
mod blank;
#[path = "../../solutions/kalman_update.rs"]
mod solution;

type Answer = fn(f64, f64, f64, f64) -> (f64, f64);

pub fn exercise() -> Exercise {
    Exercise::new("kalman_update", Level::WarmUp, "two lines", 5)
        .page("2-classical-ssm/kalman-filter")
        .hints([
            "With equal variances, how far does the mean move towards y?",
            "If the measurement is perfect, what is the gain, and what is left of the variance?",
        ])
        .notice("What to notice: precisions, the inverses of variances, add. The new variance does not depend on y: how much we learn is known before we look.")
        .sources(
            include_str!("../../exercises/kalman_update.rs"),
            include_str!("../../solutions/kalman_update.rs"),
        )
        .answers::<Answer>(
            check,
            blank::kalman_update,
            solution::kalman_update,
            vec![always_half, adds_variances, gain_by_deviations],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    for ((mean, variance, y, noise), expected) in [
        ((0.0, 1.0, 2.0, 1.0), (1.0, 0.5)),
        ((3.0, 4.0, 7.0, 12.0), (4.0, 3.0)),
        ((1.0, 2.0, 5.0, 0.0), (5.0, 0.0)),
        ((1.0, 0.0, 5.0, 2.0), (1.0, 0.0)),
    ] {
        let at = format!("believing {mean} with variance {variance}, measuring {y} with {noise}");
        let found = answer(mean, variance, y, noise);
        expect_close(&at, "the mean", expected.0, found.0, 1e-14)?;
        expect_close(&at, "the variance", expected.1, found.1, 1e-14)?;
    }
    Ok(())
}

fn always_half(mean: f64, variance: f64, y: f64, noise: f64) -> (f64, f64) {
    (0.5 * (mean + y), 0.25 * (variance + noise))
}

fn adds_variances(mean: f64, variance: f64, y: f64, noise: f64) -> (f64, f64) {
    let gain = variance / (variance + noise);
    (mean + gain * (y - mean), variance + noise)
}

fn gain_by_deviations(mean: f64, variance: f64, y: f64, noise: f64) -> (f64, f64) {
    let gain = variance.sqrt() / (variance.sqrt() + noise.sqrt());
    (mean + gain * (y - mean), (1.0 - gain) * variance)
}
