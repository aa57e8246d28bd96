//! The experiment of the page `applications`: what a model carries, and how much of it can be asked for.

use std::error::Error;

use clap::Args;
use state_space_duality::applications::{Facts, Stack, capacity};
use workbench::command_line::count;

/// A stack of layers, and what is asked of one head of one of them.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Layers in all
    #[arg(long, default_value_t = 32, value_parser = count(1 << 12))]
    layers: usize,
    /// Of which so many have attention
    #[arg(long, default_value_t = 4)]
    attention: usize,
    /// Numbers of a token's key, over all heads that have keys of their own
    #[arg(long, default_value_t = 1024, value_parser = count(1 << 20))]
    key_width: usize,
    /// Channels of a layer with a state
    #[arg(long, default_value_t = 8192, value_parser = count(1 << 20))]
    channels: usize,
    /// States of each channel
    #[arg(long, default_value_t = 16, value_parser = count(1 << 12))]
    states: usize,
    /// Numbers of a key, when a head is asked
    #[arg(long, default_value_t = 16, value_parser = count(1 << 12))]
    width: usize,
    /// How many different values there are
    #[arg(long, default_value_t = 64, value_parser = count(1 << 12))]
    symbols: usize,
    /// Which pairs are drawn
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let &Options { layers, attention, width, symbols, seed, .. } = options;
    if attention > layers {
        return Err(
            format!("expected at most {layers} layers with attention, found {attention}").into()
        );
    }
    let stack = Stack {
        attention,
        recurrent: layers - attention,
        key_width: options.key_width,
        d_inner: options.channels,
        d_state: options.states,
        taps: 4,
    };
    let all = |attention| Stack { attention, recurrent: layers - attention, ..stack };
    println!("carried from token to token, in MiB, by {layers} layers");
    println!();
    println!(
        "{:>9} {:>14} {:>14} {:>14}",
        "tokens",
        "all attention",
        format!("{attention} of them"),
        "none"
    );
    for tokens in [1 << 10, 1 << 13, 1 << 16, 1 << 18, 1 << 20] {
        let mebibytes = |stack: Stack| stack.carried(tokens) as f64 / f64::from(1 << 20);
        println!(
            "{tokens:>9} {:>14.1} {:>14.1} {:>14.1}",
            mebibytes(all(layers)),
            mebibytes(stack),
            mebibytes(all(0))
        );
    }
    println!();
    println!("A layer's cache outgrows a layer's state after {} tokens.", stack.even_after());
    println!();
    println!("recalled of pairs filed under keys of {width} numbers, {symbols} values");
    println!();
    println!("{:>9} {:>14} {:>14}", "pairs", "by a cache", "by a state");
    for pairs in [16, 32, 64, 128, 256, 512, 1024] {
        let facts = Facts::draw(pairs, width, symbols, seed)?;
        let state = facts.state();
        println!(
            "{pairs:>9} {:>12.0} % {:>12.0} %",
            100.0 * facts.share_recalled(|key| facts.look_up(key, 100.0)),
            100.0 * facts.share_recalled(|key| &state * key)
        );
    }
    println!();
    println!(
        "A state of {} numbers: good for about {:.0} pairs.",
        width * symbols,
        capacity(width, symbols)
    );
    Ok(())
}
