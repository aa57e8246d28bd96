//! Exercise `first_order_wave` of the page `frequency_response`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/first_order_wave.rs"]
mod blank;
#[path = "../../solutions/first_order_wave.rs"]
mod solution;

type Answer = fn(f64, f64, f64) -> (f64, f64);

pub fn exercise() -> Exercise {
    Exercise::new("first_order_wave", Level::WarmUp, "three lines", 5)
        .page("2-classical-ssm/frequency-response")
        .hints([
            "Put u = e^{iωt} and x = G e^{iωt} into the equation: what is G?",
            "Ten times the logarithm of a power is how many times the logarithm of an amplitude?",
        ])
        .notice(
            "What to notice: at ω = -a the gain has fallen by 3 dB and the phase by 45°. Beyond it each \
             factor of ten costs 20 dB: a mode is a filter, and its rate is the corner.",
        )
        .sources(
            include_str!("../../exercises/first_order_wave.rs"),
            include_str!("../../solutions/first_order_wave.rs"),
        )
        .answers::<Answer>(
            check,
            blank::first_order_wave,
            solution::first_order_wave,
            vec![power_for_amplitude, leads_where_it_lags, in_radians],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let corner = -3.010_299_956_639_812;
    for (at, a, b, omega, decibels, degrees) in [
        ("at a = -2, b = 2, ω = 0", -2.0, 2.0, 0.0, 0.0, 0.0),
        ("at a = -2, b = 2, ω = 2", -2.0, 2.0, 2.0, corner, -45.0),
        ("at a = -1, b = 10, ω = 1", -1.0, 10.0, 1.0, 20.0 + corner, -45.0),
        ("at a = -1, b = 1, ω = √3", -1.0, 1.0, 3f64.sqrt(), 2.0 * corner, -60.0),
    ] {
        let found = answer(a, b, omega);
        expect_close(at, "the gain", decibels, found.0, 1e-12)?;
        expect_close(at, "the phase", degrees, found.1, 1e-12)?;
    }
    Ok(())
}

fn power_for_amplitude(a: f64, b: f64, omega: f64) -> (f64, f64) {
    let (decibels, degrees) = solution::first_order_wave(a, b, omega);
    (0.5 * decibels, degrees)
}

fn leads_where_it_lags(a: f64, b: f64, omega: f64) -> (f64, f64) {
    let (decibels, degrees) = solution::first_order_wave(a, b, omega);
    (decibels, -degrees)
}

fn in_radians(a: f64, b: f64, omega: f64) -> (f64, f64) {
    let (decibels, degrees) = solution::first_order_wave(a, b, omega);
    (decibels, degrees.to_radians())
}
