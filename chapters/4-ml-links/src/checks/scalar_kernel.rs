//! Exercise `scalar_kernel` of the page `dual_computation`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/scalar_kernel.rs"]
mod blank;
#[path = "../../solutions/scalar_kernel.rs"]
mod solution;

type Answer = fn([f64; 4], usize) -> Vec<f64>;

pub fn exercise() -> Exercise {
    Exercise::new("scalar_kernel", Level::WarmUp, "five lines", 5)
        .page("4-ml-links/dual-computation")
        .hints([
            "After the blow at step 0, what is x_0, and what is it multiplied by at each step from then on?",
            "At which steps does d have anything to multiply?",
        ])
        .notice("What to notice: the kernel is one run of the recurrence. Whoever has the kernel has paid for a run, once.")
        .sources(
            include_str!("../../exercises/scalar_kernel.rs"),
            include_str!("../../solutions/scalar_kernel.rs"),
        )
        .answers::<Answer>(
            check,
            blank::scalar_kernel,
            solution::scalar_kernel,
            vec![state_has_not_seen_the_input, shortcut_at_every_step, no_first_entry],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let at = "at a = 0.5, b = 1, c = 3, d = 7";
    expect_close(at, "K", [10.0, 1.5, 0.75, 0.375], answer([0.5, 1.0, 3.0, 7.0], 4), 1e-14)?;
    let at = "at a = -1, b = 2, c = 0.5, d = 0";
    expect_close(at, "K", [1.0, -1.0, 1.0], answer([-1.0, 2.0, 0.5, 0.0], 3), 1e-14)?;
    let at = "at a = 0, b = 1, c = 1, d = 1";
    expect_close(at, "K", [2.0, 0.0], answer([0.0, 1.0, 1.0, 1.0], 2), 1e-14)?;
    expect_close("for no entries", "K", Vec::<f64>::new(), answer([0.5, 1.0, 1.0, 1.0], 0), 0.0)
}

fn state_has_not_seen_the_input([a, b, c, d]: [f64; 4], length: usize) -> Vec<f64> {
    (0..length).map(|j| if j == 0 { d } else { c * a.powi(j as i32 - 1) * b }).collect()
}

fn shortcut_at_every_step([a, b, c, d]: [f64; 4], length: usize) -> Vec<f64> {
    (0..length).map(|j| c * a.powi(j as i32) * b + d).collect()
}

fn no_first_entry([a, b, c, _]: [f64; 4], length: usize) -> Vec<f64> {
    (1..=length).map(|j| c * a.powi(j as i32) * b).collect()
}
