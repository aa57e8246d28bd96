//! Exercise `overlap_add` of the page `dual_computation`.

use ml_links::dual_computation::convolve;
use workbench::exercise::{Exercise, Level, Mismatch, expect_close};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/overlap_add.rs"]
mod blank;
#[path = "../../solutions/overlap_add.rs"]
mod solution;

type Whole = fn(&[f64], &[f64]) -> Vec<f64>;
type Answer = fn(&[f64], &[Vec<f64>], Whole) -> Vec<f64>;

pub fn exercise() -> Exercise {
    Exercise::new("overlap_add", Level::Core, "ten lines", 15)
        .page("4-ml-links/dual-computation")
        .hints([
            "A block of p inputs has p outputs now: what becomes of the other echoes?",
            "If a block is shorter than the tail, what of the tail is still waiting afterwards?",
        ])
        .notice("What to notice: the tail is a state. It tells the past by what it will still say, in as many numbers as the kernel has.")
        .sources(
            include_str!("../../exercises/overlap_add.rs"),
            include_str!("../../solutions/overlap_add.rs"),
        )
        .answers::<Answer>(
            check,
            blank::overlap_add,
            solution::overlap_add,
            vec![forgets_the_tail, keeps_every_echo, loses_a_tail_longer_than_a_block],
        )
}

/// The convolution with all its echoes.
fn whole(kernel: &[f64], u: &[f64]) -> Vec<f64> {
    let mut padded = u.to_vec();
    padded.resize(u.len() + kernel.len() - 1, 0.0);
    convolve(kernel, &padded)
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let u: Vec<f64> = (0..24).map(|k| f64::from(k * k % 7) - 2.5).collect();
    for (taps, sizes) in
        [(1, vec![4, 20]), (3, vec![8, 8, 8]), (9, vec![1, 2, 0, 12, 3, 6]), (30, vec![5, 19])]
    {
        let kernel: Vec<f64> =
            (0..taps).map(|j| 0.8_f64.powi(j) * f64::from(1 - 2 * (j % 2))).collect();
        let (mut blocks, mut rest) = (Vec::new(), &u[..]);
        for &size in &sizes {
            let (block, later) = rest.split_at(size);
            blocks.push(block.to_vec());
            rest = later;
        }
        let at = format!("for a kernel of {taps} taps and blocks of {sizes:?}");
        expect_close(at, "y", convolve(&kernel, &u), answer(&kernel, &blocks, whole), 1e-12)?;
    }
    Ok(())
}

fn forgets_the_tail(kernel: &[f64], blocks: &[Vec<f64>], whole: Whole) -> Vec<f64> {
    let blocks = blocks.iter().filter(|block| !block.is_empty());
    blocks.flat_map(|block| whole(kernel, block)[..block.len()].to_vec()).collect()
}

fn keeps_every_echo(kernel: &[f64], blocks: &[Vec<f64>], whole: Whole) -> Vec<f64> {
    blocks.iter().filter(|block| !block.is_empty()).flat_map(|block| whole(kernel, block)).collect()
}

fn loses_a_tail_longer_than_a_block(kernel: &[f64], blocks: &[Vec<f64>], whole: Whole) -> Vec<f64> {
    let (mut y, mut tail) = (Vec::new(), Vec::<f64>::new());
    for block in blocks.iter().filter(|block| !block.is_empty()) {
        let mut echoes = whole(kernel, block);
        let later = echoes.split_off(block.len());
        for (echo, &waiting) in echoes.iter_mut().zip(&tail) {
            *echo += waiting;
        }
        tail = later;
        y.extend(echoes);
    }
    y
}
