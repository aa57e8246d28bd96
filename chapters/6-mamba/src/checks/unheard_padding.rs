//! Exercise `unheard_padding` of the page `selective_scan`.

use mamba::selective_scan::{ScanSlices, Sizes, selective_scan};
use workbench::exercise::{Exercise, Level, Mismatch, expect_close, expect_equal};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/unheard_padding.rs"]
mod blank;
#[path = "../../solutions/unheard_padding.rs"]
mod solution;

type Answer = fn(&[f64], usize, f64) -> Vec<f64>;

pub fn exercise() -> Exercise {
    Exercise::new("unheard_padding", Level::Core, "four lines", 10)
        .page("6-mamba/selective-scan")
        .hints([
            "Which Δ changes no state, whatever B and u are?",
            "Of which number is that the softplus? Is the answer still right when a bias is added?",
        ])
        .notice(
            "What to notice: zeros are no padding. A δ of 0 is a step of softplus(bias), and a model may have learned a large bias.",
        )
        .sources(
            include_str!("../../exercises/unheard_padding.rs"),
            include_str!("../../solutions/unheard_padding.rs"),
        )
        .answers::<Answer>(
            check,
            blank::unheard_padding,
            solution::unheard_padding,
            vec![zeros, takes_the_bias_back, cuts_the_padding_off, silences_all],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let delta = [0.4, -1.0, 0.9, 0.3, -0.2];
    for (real, bias) in [(3, -4.6), (3, 2.0), (5, 0.0), (0, 1.0)] {
        let at = format!("with {real} real tokens of 5 and a bias of {bias}");
        let padded = answer(&delta, real, bias);
        expect_equal(&at, "how many steps", delta.len(), padded.len())?;
        expect_close(&at, "the real steps", delta[..real].to_vec(), padded[..real].to_vec(), 0.0)?;
        let expected = last_state(&delta[..real], bias)?;
        expect_close(&at, "the last state", expected, last_state(&padded, bias)?, 0.0)?;
    }
    Ok(())
}

/// Where one state ends after as many tokens as there are steps.
fn last_state(delta: &[f64], bias: f64) -> Result<f64, Mismatch> {
    let ones = vec![1.0; delta.len()];
    let scan = ScanSlices {
        sizes: Sizes { batch: 1, length: delta.len(), d_inner: 1, groups: 1, d_state: 1 },
        u: &ones,
        delta,
        a: &[-1.0],
        b: &ones,
        c: &ones,
        d: &[0.0],
        z: &ones,
        delta_bias: &[bias],
    };
    Ok(selective_scan(&scan, &[0.0])?.state[0])
}

fn zeros(delta: &[f64], real: usize, _: f64) -> Vec<f64> {
    let mut padded = delta.to_vec();
    padded[real..].fill(0.0);
    padded
}

fn takes_the_bias_back(delta: &[f64], real: usize, bias: f64) -> Vec<f64> {
    let mut padded = delta.to_vec();
    padded[real..].fill(-bias);
    padded
}

fn cuts_the_padding_off(delta: &[f64], real: usize, _: f64) -> Vec<f64> {
    delta[..real].to_vec()
}

fn silences_all(delta: &[f64], _: usize, _: f64) -> Vec<f64> {
    vec![f64::NEG_INFINITY; delta.len()]
}
