//! Exercise `half_life_gate` of the page `recurrent_networks`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/half_life_gate.rs"]
mod blank;
#[path = "../../solutions/half_life_gate.rs"]
mod solution;

type Answer = fn(f64) -> f64;

pub fn exercise() -> Exercise {
    Exercise::new("half_life_gate", Level::WarmUp, "two lines", 5)
        .page("4-ml-links/recurrent-networks")
        .hints([
            "How much of the state is left after h steps, as a power of 1 + e^z?",
            "Which function gives e^x - 1 without the subtraction, when x is tiny?",
        ])
        .notice(
            "What to notice: for a long memory the answer is ln(ln 2 / h), about -ln h. A gate that is moved along \
             its axis at a steady pace runs through the time scales in octaves.",
        )
        .sources(
            include_str!("../../exercises/half_life_gate.rs"),
            include_str!("../../solutions/half_life_gate.rs"),
        )
        .answers::<Answer>(
            check,
            blank::half_life_gate,
            solution::half_life_gate,
            vec![subtracts, other_sign, forgets_by_a_factor_e],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    expect_close("at a half-life of 1 step", "z", 0.0, answer(1.0), 1e-14)?;
    // (1 + e^z)² = 2.
    let z = (2f64.sqrt() - 1.0).ln();
    expect_close("at a half-life of 2 steps", "z", z, answer(2.0), 1e-14)?;
    let z = 3f64.ln();
    expect_close("at a half-life of half a step", "z", z, answer(0.5), 1e-14)?;
    // e^x - 1 = x (1 + x/2 + …): the next term is beyond sixteen digits.
    for half_life in [1e9_f64, 1e15] {
        let x = 2f64.ln() / half_life;
        let z = x.ln() + x / 2.0;
        let at = format!("at a half-life of {half_life:e} steps");
        expect_close(at, "z", z, answer(half_life), 1e-14)?;
    }
    Ok(())
}

fn subtracts(half_life: f64) -> f64 {
    (2f64.powf(1.0 / half_life) - 1.0).ln()
}

fn other_sign(half_life: f64) -> f64 {
    -(2f64.ln() / half_life).exp_m1().ln()
}

fn forgets_by_a_factor_e(half_life: f64) -> f64 {
    (1.0 / half_life).exp_m1().ln()
}
