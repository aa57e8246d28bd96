//! The experiment `gate` of the page `selection`.

use std::error::Error;

use mamba::selection::{
    Copier, Example, Heard, InductionHead, InductionHeads, Puzzle, SelectiveCopy, share_right,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use workbench::command_line::count;

/// What `gate` takes.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// How many tokens are to be copied
    #[arg(long, default_value_t = 4, value_parser = count(1 << 12), allow_negative_numbers = true)]
    copied: usize,
    /// Among how many steps they are hidden
    #[arg(long, default_value_t = 12, value_parser = count(1 << 16), allow_negative_numbers = true)]
    length: usize,
    /// How many different tokens there are
    #[arg(long, default_value_t = 16, value_parser = count(1 << 16), allow_negative_numbers = true)]
    vocabulary: usize,
    /// Of the sequences
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Shows Δ step by step while two machines, set by hand, read; then how often they are right.
pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let &Options { copied, length, vocabulary, seed } = options;
    let copy = SelectiveCopy::new(vocabulary, copied, length)?;
    let induction = InductionHeads::new(vocabulary, length)?;
    let mut random = ChaCha8Rng::seed_from_u64(seed);

    let example = copy.draw(&mut random);
    println!("Selective copying: {copied} tokens among {length} steps");
    println!();
    println!("{:>17} {:>24}", "Δ by the token", "Δ = 1");
    println!("{:>5} {:>6} {:>8} {:>8} {:>10} {:>8}", "k", "token", "Δ", "says", "Δ", "says");
    let selective = Copier::selective(&copy).read(&example.tokens);
    let constant = Copier::time_invariant(&copy).read(&example.tokens);
    for (k, token) in example.tokens.iter().enumerate() {
        let asked = *token == copy.ask();
        let name = match *token {
            token if token == copy.ask() => "?".to_owned(),
            0 => "·".to_owned(),
            token => token.to_string(),
        };
        let one = |heard: Heard| (step(heard.delta), said(heard, asked));
        let ((delta, says), (always, then)) = (one(selective[k]), one(constant[k]));
        println!("{k:>5} {name:>6} {delta:>8} {says:>8} {always:>10} {then:>8}");
    }

    let example = induction.draw(&mut random);
    let special = induction.special();
    println!();
    println!("Induction: {length} tokens, * is the special one");
    println!();
    println!("{:>5} {:>6} {:>8} {:>8}", "k", "token", "Δ", "holds");
    let heard = InductionHead::new(&induction).read(&example.tokens);
    for (k, (token, heard)) in example.tokens.iter().zip(heard).enumerate() {
        let name = if *token == special { "*".to_owned() } else { token.to_string() };
        println!("{k:>5} {name:>6} {:>8} {:>8}", step(heard.delta), said(heard, true));
    }

    println!();
    println!("Right answers, of 100 sequences each");
    println!();
    println!("{:>8} {:>16} {:>8} {:>12}", "length", "Δ by the token", "Δ = 1", "induction");
    for times in [1, 16, 256] {
        let examples = |puzzle: &dyn Fn(&mut ChaCha8Rng) -> Example| -> Vec<Example> {
            let random = &mut ChaCha8Rng::seed_from_u64(seed);
            (0..100).map(|_| puzzle(random)).collect()
        };
        let (copy, induction) =
            (copy.at_length(times * length)?, induction.at_length(times * length)?);
        let copying = examples(&|random| copy.draw(random));
        let inducing = examples(&|random| induction.draw(random));
        let by_token = share_right(&copying, |tokens| Copier::selective(&copy).answer(tokens));
        let always = share_right(&copying, |tokens| Copier::time_invariant(&copy).answer(tokens));
        let head = InductionHead::new(&induction);
        let recalled = share_right(&inducing, |tokens| vec![head.answer(tokens)]);
        let [by_token, always, recalled] =
            [by_token, always, recalled].map(|share| format!("{:.1} %", 100.0 * share));
        println!("{:>8} {by_token:>16} {always:>8} {recalled:>12}", times * length);
    }
    Ok(())
}

/// A step: with a few digits, or how small it is.
fn step(delta: f64) -> String {
    if delta < 1e-3 { format!("{delta:.0e}") } else { format!("{delta:.3}") }
}

/// What is said, where something is asked; without the sign of a rounded 0.
fn said(heard: Heard, asked: bool) -> String {
    if asked { format!("{:.3}", (1000.0 * heard.y).round() / 1000.0 + 0.0) } else { String::new() }
}
