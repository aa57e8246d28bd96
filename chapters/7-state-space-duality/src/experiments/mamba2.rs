//! The commands of the page `mamba2`: a block beside chapter 6's, and what a folder with a model of either kind says.

use std::error::Error;
use std::time::Instant;

use burn::tensor::{Device, Tensor};
use clap::Args;
use mamba::config::MambaConfig;
use mamba::inference::Runner;
use mamba::mamba_block::MambaBlock;
use mamba::pretrained::layout;
use mamba::text_commands::{self, Reading, Writing};
use ml_links::testing::noise;
use state_space_duality::mamba2::Mamba2Block;
use state_space_duality::mamba2_config::Mamba2Config;
use state_space_duality::mamba2_runner::{AnyMamba, Mamba2Runner, load};
use workbench::command_line::count;

/// The folder of the model that comes with this book: a Mamba.
const OUR_MODEL: &str = "chapters/6-mamba/model";

pub fn write(options: &Writing) -> Result<(), Box<dyn Error>> {
    options.choice()?;
    match load(&options.model.folder(OUR_MODEL)?, options.model.keep())? {
        AnyMamba::Mamba(model) => {
            let (runner, end) = (&mut Runner::new(&model.weights), model.config.eos_token_id);
            text_commands::write(options, runner, &model.tokenizer, end)?;
        }
        AnyMamba::Mamba2(model) => {
            let (runner, end) = (&mut Mamba2Runner::new(&model.weights), model.config.eos_token_id);
            text_commands::write(options, runner, &model.tokenizer, end)?;
        }
    }
    Ok(())
}

pub fn read(options: &Reading) -> Result<(), Box<dyn Error>> {
    match load(&options.model.folder(OUR_MODEL)?, options.model.keep())? {
        AnyMamba::Mamba(model) => {
            text_commands::read(options, &mut Runner::new(&model.weights), &model.tokenizer)?;
        }
        AnyMamba::Mamba2(model) => {
            text_commands::read(options, &mut Mamba2Runner::new(&model.weights), &model.tokenizer)?;
        }
    }
    Ok(())
}

#[derive(Debug, Args)]
pub struct Options {
    /// The width of the stream
    #[arg(long, default_value_t = 768, value_parser = count(8192))]
    d_model: usize,
    /// Channels of a head
    #[arg(long, default_value_t = 64, value_parser = count(1024))]
    head_dim: usize,
    /// Numbers that a channel of a Mamba-2 keeps
    #[arg(long, default_value_t = 128, value_parser = count(1024))]
    d_state: usize,
    /// Blocks of which a model is made
    #[arg(long, default_value_t = 24, value_parser = count(1024))]
    layers: usize,
    /// Measures both blocks on this machine, for a text of so many tokens
    #[arg(long, value_name = "TOKENS", value_parser = count(1 << 14))]
    time: Option<usize>,
}

/// A line of the table: what is counted, of a Mamba and of a Mamba-2.
type Line = (&'static str, [usize; 2]);

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let old = MambaConfig {
        vocab_size: 1,
        hidden_size: options.d_model,
        num_hidden_layers: 1,
        ..MambaConfig::default()
    };
    let new = Mamba2Config {
        vocab_size: 1,
        num_hidden_layers: 1,
        ..Mamba2Config::of_width(options.d_model, options.head_dim, options.d_state)
    };
    old.check()?;
    new.check()?;
    let (heads, d_inner) = (new.num_heads, new.d_inner());
    println!(
        "d_model {}, d_inner {d_inner}; Mamba-2: {heads} heads of {} channels",
        options.d_model, options.head_dim
    );
    println!("{:<44}  {:>10}  {:>10}", "one block", "Mamba", "Mamba-2");
    for (name, counts) in table(&old, &new, options.layers) {
        println!("{name:<44}  {:>10}  {:>10}", counts[0], counts[1]);
    }
    match options.time {
        Some(tokens) => costs(&old, &new, tokens),
        None => Ok(()),
    }
}

fn table(old: &MambaConfig, new: &Mamba2Config, layers: usize) -> Vec<Line> {
    let numbers = |layout: Vec<(String, Vec<usize>)>| -> usize {
        let of_block = layout.into_iter().filter(|(name, _)| name.contains(".mixer."));
        of_block.map(|(_, shape)| shape.iter().product::<usize>()).sum()
    };
    let (d_inner, n) = (old.d_inner(), old.state_size);
    let states = [d_inner * n, new.d_inner() * new.state_size];
    let heard = [d_inner * old.conv_kernel, new.conv_channels() * new.conv_kernel];
    vec![
        ("parameters", [numbers(layout(old)), numbers(new.layout())]),
        ("matrices that wait for each other", [4, 2]),
        ("channels that the convolution hears", [d_inner, new.conv_channels()]),
        ("numbers that its states keep", states),
        ("steps \u{394} a token", [d_inner, new.num_heads]),
        ("exponentials a token", [d_inner * n, new.num_heads]),
        ("products a token for the states, in steps", [4 * states[0], 3 * states[1]]),
        ("bytes that all blocks remember, 32 bits each", {
            [0, 1].map(|i| 4 * layers * (states[i] + heard[i]))
        }),
    ]
}

/// Milliseconds of one call: the best of many rounds, so that other work falls between them.
fn milliseconds(call: &dyn Fn()) -> f64 {
    let (began, mut best, mut rounds) = (Instant::now(), f64::INFINITY, 0);
    while rounds < 3 || (began.elapsed().as_secs_f64() < 4.0 && rounds < 100) {
        let start = Instant::now();
        call();
        best = best.min(start.elapsed().as_secs_f64());
        rounds += 1;
    }
    1e3 * best
}

fn costs(old: &MambaConfig, new: &Mamba2Config, tokens: usize) -> Result<(), Box<dyn Error>> {
    let device = Device::flex();
    let on_tape = device.clone().autodiff();
    let v = noise([1, tokens, old.hidden_size], 2, &device);
    let (mamba, mamba_2) =
        (MambaBlock::init(old, 1, &device)?, Mamba2Block::init(new, 1, &device)?);
    let there = [
        milliseconds(&|| drop(mamba.forward(v.clone()))),
        milliseconds(&|| drop(mamba_2.forward(v.clone()))),
    ];
    let v = Tensor::from_inner(v);
    let (mamba, mamba_2) =
        (MambaBlock::init(old, 1, &on_tape)?, Mamba2Block::init(new, 1, &on_tape)?);
    let back = [
        milliseconds(&|| drop(mamba.forward(v.clone()).sum().backward())),
        milliseconds(&|| drop(mamba_2.forward(v.clone()).sum().backward())),
    ];
    println!("{tokens} tokens at once");
    println!("{:<44}  {:>10.2}  {:>10.2}", "milliseconds", there[0], there[1]);
    println!("{:<44}  {:>10.2}  {:>10.2}", "milliseconds, there and back", back[0], back[1]);
    Ok(())
}
