//! Exercise `hurwitz_cubic` of the page `stability`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_equal};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/hurwitz_cubic.rs"]
mod blank;
#[path = "../../solutions/hurwitz_cubic.rs"]
mod solution;

type Answer = fn(f64, f64, f64) -> bool;

pub fn exercise() -> Exercise {
    Exercise::new("hurwitz_cubic", Level::WarmUp, "one line", 5)
        .page("1-math-foundations/stability")
        .hints([
            "The first two rows are 1, b and a, c. What are the next two?",
            "When do the four numbers of the first column have one sign, and none is zero?",
        ])
        .notice("What to notice: three positive coefficients are not enough. At s³ + s² + s + 2 the roots on the right are a pair: a cubic can lose its stability by starting to swing.")
        .sources(
            include_str!("../../exercises/hurwitz_cubic.rs"),
            include_str!("../../solutions/hurwitz_cubic.rs"),
        )
        .answers::<Answer>(
            check,
            blank::hurwitz_cubic,
            solution::hurwitz_cubic,
            vec![positive_is_enough, only_the_product, axis_counts_as_stable],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let cases = [
        ("(s + 1)(s + 2)(s + 3)", (6.0, 11.0, 6.0), true),
        ("s³ + s² + s + 2", (1.0, 1.0, 2.0), false),
        ("(s - 1)(s - 2)(s - 3)", (-6.0, 11.0, -6.0), false),
        ("(s + 2)(s² + 1)", (2.0, 1.0, 2.0), false),
        ("(s - 1)(s + 2)(s + 3)", (4.0, 1.0, -6.0), false),
        ("s(s + 1)²", (2.0, 1.0, 0.0), false),
        ("(s + 4)(s² + 0.1 s + 1)", (4.1, 1.4, 4.0), true),
        ("(s + 4)(s² - 0.1 s + 1)", (3.9, 0.6, 4.0), false),
    ];
    for (name, (a, b, c), stable) in cases {
        expect_equal(format_args!("at {name}"), "stable", stable, answer(a, b, c))?;
    }
    Ok(())
}

fn positive_is_enough(a: f64, b: f64, c: f64) -> bool {
    a > 0.0 && b > 0.0 && c > 0.0
}

fn only_the_product(a: f64, b: f64, c: f64) -> bool {
    a * b > c
}

fn axis_counts_as_stable(a: f64, b: f64, c: f64) -> bool {
    a >= 0.0 && c >= 0.0 && a * b >= c
}
