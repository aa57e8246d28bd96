//! Exercise `prewarp`, of the page `bilinear`.

use discretization::bilinear::tustin_map;
use nalgebra::Complex;
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/prewarp.rs"]
mod blank;
#[path = "../../solutions/prewarp.rs"]
mod solution;

type Answer = fn(f64, f64) -> f64;

pub fn exercise() -> Exercise {
    Exercise::new("prewarp", Level::WarmUp, "one line", 10)
        .page("3-discretization/bilinear")
        .hints([
            "What is (z - 1)/(z + 1) at z = e^{iφ}, if you divide both by e^{iφ/2}?",
            "It is i tan(φ/2): which h makes 2/h times that equal to iω?",
        ])
        .notice(
            "What to notice: h is a little more than Δ, and much more near ωΔ = π, where the tangent has no end. To prewarp is to run the flow's clock faster, by one number for all its modes.",
        )
        .sources(
            include_str!("../../exercises/prewarp.rs"),
            include_str!("../../solutions/prewarp.rs"),
        )
        .answers::<Answer>(
            check,
            blank::prewarp,
            solution::prewarp,
            vec![does_nothing, forgets_the_half, warps_the_other_way],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    for (omega, delta) in [(1.0, 0.1), (2.0, 0.8), (0.01, 1.0), (3.0, 1.0), (10.0, 0.3)] {
        let h = answer(omega, delta);
        let z = Complex::from_polar(1.0, omega * delta);
        let found = tustin_map(z, h);
        let at = format!("at ω = {omega}, Δ = {delta}");
        expect_close(at, "s", Complex::new(0.0, omega), found, 1e-9)?;
    }
    Ok(())
}

fn does_nothing(_omega: f64, delta: f64) -> f64 {
    delta
}

fn forgets_the_half(omega: f64, delta: f64) -> f64 {
    (omega * delta).tan() / omega
}

fn warps_the_other_way(omega: f64, delta: f64) -> f64 {
    2.0 * (0.5 * omega * delta).atan() / omega
}
