//! Exercise `absorber` of the page `transfer_functions`.

use classical_ssm::state_space::StateSpace;
use classical_ssm::transfer_functions::zeros;
use nalgebra::{Complex, dmatrix};
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/absorber.rs"]
mod blank;
#[path = "../../solutions/absorber.rs"]
mod solution;

type Answer = fn(f64, f64) -> f64;

pub fn exercise() -> Exercise {
    Exercise::new("absorber", Level::WarmUp, "one line", 5)
        .page("2-classical-ssm/transfer-functions")
        .hints([
            "If the bridge stands still, what does the second mass feel?",
            "With what frequency does a mass on a spring swing when the other end is held?",
        ])
        .notice(
            "What to notice: neither the bridge nor the ground occurs. A zero belongs to the part that is \
             left when the output is held at zero.",
        )
        .sources(
            include_str!("../../exercises/absorber.rs"),
            include_str!("../../solutions/absorber.rs"),
        )
        .answers::<Answer>(
            check,
            blank::absorber,
            solution::absorber,
            vec![|mass, omega| mass * omega, |mass, omega| omega * omega / mass, |mass, omega| {
                (omega / mass).sqrt()
            }],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    for (mass, omega) in [(1.0, 1.0), (200.0, 12.0), (0.5, 3.0)] {
        let at = format!("at m = {mass}, ω = {omega}");
        // A bridge of 10,000 kg on a stiff ground, and what was hung below it.
        let (bridge, ground, k) = (1e4, 4e6, answer(mass, omega));
        // Places first, then speeds.
        let a = dmatrix![
            0.0, 0.0, 1.0, 0.0;
            0.0, 0.0, 0.0, 1.0;
            -(ground + k) / bridge, k / bridge, 0.0, 0.0;
            k / mass, -k / mass, 0.0, 0.0
        ];
        let (b, c) = (dmatrix![0.0; 0.0; 1.0 / bridge; 0.0], dmatrix![1.0, 0.0, 0.0, 0.0]);
        let whole = StateSpace::continuous(a, b, c, dmatrix![0.0])?;
        let found = zeros(&whole)?;
        let expected = [Complex::new(0.0, omega), Complex::new(0.0, -omega)];
        expect_close(&at, "the zeros", expected, found.as_slice(), 1e-9)?;
    }
    Ok(())
}
