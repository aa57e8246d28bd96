//! Exercise `first_bias` of the page `mamba_block`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/first_bias.rs"]
mod blank;
#[path = "../../solutions/first_bias.rs"]
mod solution;

type Answer = fn(f64, f64, f64) -> f64;

pub fn exercise() -> Exercise {
    Exercise::new("first_bias", Level::Core, "four lines", 10)
        .page("6-mamba/mamba-block")
        .hints([
            "Which number lies halfway between 0.001 and 0.1, if what counts is by how much they are multiplied?",
            "The logarithm of e^s - 1: which factor can be taken out of it so that nothing overflows?",
        ])
        .notice(
            "What to notice: the biases lie between about -7 and -2, and there the softplus is nearly an exponential. So steps of the \
             optimizer on the bias make a channel slower or faster by so many percent, whatever its speed.",
        )
        .sources(
            include_str!("../../exercises/first_bias.rs"),
            include_str!("../../solutions/first_bias.rs"),
        )
        .answers::<Answer>(
            check,
            blank::first_bias,
            solution::first_bias,
            vec![evenly, the_step_itself, on_paper, without_a_floor],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
    let expect = |chance, [shortest, longest]: [f64; 2], step: f64| {
        let at = format!("at chance {chance} between {shortest} and {longest}");
        let found = softplus(answer(chance, shortest, longest)) / step;
        expect_close(at, "softplus(bias) / step", 1.0, found, 1e-12)
    };
    expect(0.0, [0.001, 0.1], 0.001)?;
    expect(0.5, [0.001, 0.1], 0.01)?;
    expect(1.0, [0.001, 0.1], 0.1)?;
    expect(0.25, [0.0001, 1.0], 0.001)?;
    expect(0.5, [1e-9, 1e-7], 1e-4)?;
    expect(0.5, [100.0, 10_000.0], 1000.0)
}

fn inverse(step: f64) -> f64 {
    step + (-(-step).exp_m1()).ln()
}

fn evenly(chance: f64, shortest: f64, longest: f64) -> f64 {
    inverse((shortest + (longest - shortest) * chance).max(1e-4))
}

fn the_step_itself(chance: f64, shortest: f64, longest: f64) -> f64 {
    (shortest * (longest / shortest).powf(chance)).max(1e-4)
}

fn on_paper(chance: f64, shortest: f64, longest: f64) -> f64 {
    ((shortest * (longest / shortest).powf(chance)).max(1e-4).exp() - 1.0).ln()
}

fn without_a_floor(chance: f64, shortest: f64, longest: f64) -> f64 {
    inverse(shortest * (longest / shortest).powf(chance))
}
