//! Exercise `mean_so_far` of the page `mnist`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/mean_so_far.rs"]
mod blank;
#[path = "../../solutions/mean_so_far.rs"]
mod solution;

type Answer = fn(&mut [f64], &[f64], usize);

pub fn exercise() -> Exercise {
    Exercise::new("mean_so_far", Level::WarmUp, "three lines", 5)
        .page("5-s4/mnist")
        .hints([
            "How large a share of the mean of five numbers has the last of them?",
            "By how much does a mean move if the new number is the mean itself?",
        ])
        .notice(
            "What to notice: a classifier that runs pixel by pixel has an opinion at every step, and needs ten numbers \
             for it, not 784 times ten.",
        )
        .sources(
            include_str!("../../exercises/mean_so_far.rs"),
            include_str!("../../solutions/mean_so_far.rs"),
        )
        .answers::<Answer>(
            check,
            blank::mean_so_far,
            solution::mean_so_far,
            vec![one_too_few, a_sum, half_and_half],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    // What an old run left in the mean is not to matter at step 0.
    let mut mean = vec![7.0, -3.0];
    let mut sum = [0.0; 2];
    for (k, y_k) in
        [[1.0, 2.0], [3.0, -2.0], [0.5, 0.0], [4.0, 4.0], [1.0e3, 1.0]].iter().enumerate()
    {
        answer(&mut mean, y_k, k);
        for (channel, name) in ["first", "second"].into_iter().enumerate() {
            sum[channel] += y_k[channel];
            let expected = sum[channel] / (k + 1) as f64;
            expect_close(
                format!("after step {k}"),
                &format!("the {name} mean"),
                expected,
                mean[channel],
                1e-12,
            )?;
        }
    }
    Ok(())
}

fn one_too_few(mean: &mut [f64], y_k: &[f64], k: usize) {
    for (mean, y) in mean.iter_mut().zip(y_k) {
        *mean += (y - *mean) / k.max(1) as f64;
    }
}

fn a_sum(mean: &mut [f64], y_k: &[f64], k: usize) {
    for (mean, y) in mean.iter_mut().zip(y_k) {
        *mean = if k == 0 { *y } else { *mean + y };
    }
}

fn half_and_half(mean: &mut [f64], y_k: &[f64], k: usize) {
    for (mean, y) in mean.iter_mut().zip(y_k) {
        *mean = if k == 0 { *y } else { 0.5 * (*mean + y) };
    }
}
