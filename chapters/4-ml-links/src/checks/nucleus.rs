//! Exercise `nucleus`, of the page `language_model`.

use ml_links::language_model::top_p;
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/nucleus.rs"]
mod blank;
#[path = "../../solutions/nucleus.rs"]
mod solution;

type Answer = fn(&[f64], f64) -> Vec<f64>;

pub fn exercise() -> Exercise {
    Exercise::new("nucleus", Level::Core, "ten lines", 15)
        .page("4-ml-links/language-model")
        .hints([
            "In which order do the characters have to be asked?",
            "Does the character belong to the nucleus that carries its sum across the mass?",
        ])
        .notice(
            "What to notice: where the model is sure, one character is left; where it is not, thirty are. Top-k takes as \
             many in both cases.",
        )
        .sources(
            include_str!("../../exercises/nucleus.rs"),
            include_str!("../../solutions/nucleus.rs"),
        )
        .answers::<Answer>(
            check,
            blank::nucleus,
            solution::nucleus,
            vec![leaves_out_the_last, takes_the_first, forgets_to_normalise],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let cases: [(&[f64], f64); 5] = [
        (&[0.5, 0.25, 0.25], 0.4),
        (&[0.125, 0.5, 0.375], 0.75),
        (&[0.25, 0.125, 0.5, 0.125], 0.75),
        (&[0.0625, 0.9375], 0.99),
        (&[0.5, 0.375, 0.125], 1.0),
    ];
    for (p, mass) in cases {
        let (expected, found) = (top_p(p, mass), answer(p, mass));
        let place = format!("for p = {p:?}, mass {mass}");
        expect_close(&place, "the nucleus", expected, found, 1e-12)?;
    }
    Ok(())
}

fn nucleus_by(p: &[f64], mass: f64, likeliest_first: bool, with_last: bool) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    if likeliest_first {
        order.sort_by(|&i, &j| p[j].total_cmp(&p[i]));
    }
    let (mut kept, mut sum) = (vec![0.0; p.len()], 0.0);
    for i in order {
        if sum + p[i] >= mass && !with_last && sum > 0.0 {
            break;
        }
        kept[i] = p[i];
        sum += p[i];
        if sum >= mass {
            break;
        }
    }
    kept.iter().map(|p| p / sum).collect()
}

fn leaves_out_the_last(p: &[f64], mass: f64) -> Vec<f64> {
    nucleus_by(p, mass, true, false)
}

fn takes_the_first(p: &[f64], mass: f64) -> Vec<f64> {
    nucleus_by(p, mass, false, true)
}

fn forgets_to_normalise(p: &[f64], mass: f64) -> Vec<f64> {
    top_p(p, mass).iter().zip(p).map(|(kept, p)| if *kept > 0.0 { *p } else { 0.0 }).collect()
}
