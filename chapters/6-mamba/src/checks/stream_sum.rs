//! Exercise `stream_sum` of the page `mamba_lm`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, unused_mut, reason = "a blank does not use them yet")]
#[path = "../../exercises/stream_sum.rs"]
mod blank;
#[path = "../../solutions/stream_sum.rs"]
mod solution;

type Block = fn(&[f64]) -> Vec<f64>;
type Answer = fn(Vec<f64>, &[Block]) -> Vec<f64>;

pub fn exercise() -> Exercise {
    Exercise::new("stream_sum", Level::Core, "six lines", 10)
        .page("6-mamba/mamba-lm")
        .hints([
            "What leaves the stack if every block answers zeros?",
            "Does the second block hear the first one's answer, or the stream with that answer in it?",
        ])
        .notice(
            "What to notice: nothing is ever taken out of the stream. What a block wants to be gone it must cancel, by adding the \
             opposite; and the norm hears how loud the sum has become, so what is added late counts for less.",
        )
        .sources(
            include_str!("../../exercises/stream_sum.rs"),
            include_str!("../../solutions/stream_sum.rs"),
        )
        .answers::<Answer>(
            check,
            blank::stream_sum,
            solution::stream_sum,
            vec![replaces, norms_the_sum, hears_it_unnormed, hears_the_beginning],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let expect = |at: &str, v: &[f64], blocks: &[Block], expected: &[f64]| {
        expect_close(at, "the stream", expected.to_vec(), answer(v.to_vec(), blocks), 1e-12)
    };
    expect("with no block", &[3.0, 4.0], &[], &[3.0, 4.0])?;
    expect("with a block that says nothing", &[3.0, 4.0], &[|v| vec![0.0; v.len()]], &[3.0, 4.0])?;
    // 1 and 7: the mean of the squares is 25.
    let root = (25.0_f64 + 1e-5).sqrt();
    let echo: Block = |v| v.to_vec();
    expect("with an echo", &[1.0, 7.0], &[echo], &[1.0 + 1.0 / root, 7.0 + 7.0 / root])?;
    // The first block makes it 5 and 5, and the second hears ones, nearly.
    let blocks: [Block; 2] = [|_| vec![4.0, -2.0], |v| vec![v[0], -v[1]]];
    let one = 5.0 / root;
    expect("with two blocks", &[1.0, 7.0], &blocks, &[5.0 + one, 5.0 - one])
}

fn normed(v: &[f64]) -> Vec<f64> {
    let root = (v.iter().map(|v| v * v).sum::<f64>() / v.len() as f64 + 1e-5).sqrt();
    v.iter().map(|v| v / root).collect()
}

fn plus(v: &[f64], said: &[f64]) -> Vec<f64> {
    v.iter().zip(said).map(|(v, said)| v + said).collect()
}

fn replaces(v: Vec<f64>, blocks: &[Block]) -> Vec<f64> {
    blocks.iter().fold(v, |v, block| block(&normed(&v)))
}

fn norms_the_sum(v: Vec<f64>, blocks: &[Block]) -> Vec<f64> {
    blocks.iter().fold(v, |v, block| normed(&plus(&v, &block(&v))))
}

fn hears_it_unnormed(v: Vec<f64>, blocks: &[Block]) -> Vec<f64> {
    blocks.iter().fold(v, |v, block| plus(&v, &block(&v)))
}

fn hears_the_beginning(v: Vec<f64>, blocks: &[Block]) -> Vec<f64> {
    let heard = normed(&v);
    blocks.iter().fold(v, |v, block| plus(&v, &block(&heard)))
}
