//! The experiment `turn` of the page `mamba3`.

use std::error::Error;
use std::f64::consts::PI;

use mamba::selection::Puzzle;
use math_foundations::validation::InputError;
use ml_links::parameterization::normal;
use nalgebra::{DMatrix, DVector};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use state_space_duality::mamba3::{Memory, Parity, Token, fading_answers, step_cost, toggle};
use workbench::command_line::count;

/// What `turn` takes.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// How many bits are read
    #[arg(long, default_value_t = 12, value_parser = count(1 << 16), allow_negative_numbers = true)]
    length: usize,
    /// Inputs and outputs of a head
    #[arg(long, default_value_t = 4, value_parser = count(1 << 6), allow_negative_numbers = true)]
    rank: usize,
    /// Of the bits, the tokens and the heads
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Shows a pair of states that counts to two, three ways to read, and how often what fades can change its mind.
pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let &Options { length, rank, seed } = options;
    let mut random = ChaCha8Rng::seed_from_u64(seed);

    let example = Parity::of_each_beginning(length)?.draw(&mut random);
    println!("Half a turn and a push for each 1");
    println!();
    println!("{:>5} {:>5} {:>8} {:>8} {:>8}", "k", "bit", "θ/π", "says", "odd?");
    let mut memory = Memory::at_rest(1, 2, 1);
    for (k, (bit, odd)) in example.tokens.iter().zip(&example.answers).enumerate() {
        let y = memory.step(&toggle(*bit == 1))?[0];
        // Without the sign of a rounded 0.
        let [theta, y] = [memory.theta[0] / PI, y].map(|number| (1e3 * number).round() / 1e3 + 0.0);
        println!("{k:>5} {bit:>5} {theta:>8.3} {y:>8.3} {odd:>8}");
    }

    println!();
    println!(
        "200 random tokens of a head with 8 entries and 16 states, rank {rank}: how far apart"
    );
    println!();
    println!("{:>22} {:>14} {:>14}", "read", "what is said", "last state");
    let tokens: Vec<Token> = (0..200).map(|_| draw(8, 16, rank, &mut random)).collect();
    let mut stepped = Memory::at_rest(8, 16, rank);
    let said = tokens.iter().map(|token| stepped.step(token)).collect::<Result<Vec<_>, _>>()?;
    let loudest = said.iter().map(DMatrix::amax).fold(0.0, f64::max);
    for chunk in [200, 64, 16, 3] {
        let (memory, found) = in_chunks(&tokens, chunk, Memory::at_rest(8, 16, rank))?;
        let apart = said.iter().zip(&found).map(|(a, b)| (a - b).amax()).fold(0.0, f64::max);
        let state = (&memory.x - &stepped.x).amax() / stepped.x.amax();
        let name =
            if chunk == 200 { "at once".to_owned() } else { format!("in chunks of {chunk}") };
        println!("{name:>22} {:>14.0e} {state:>14.0e}", apart / loudest);
    }

    println!();
    println!(
        "10000 random layers that only fade, on 64 ones: how often the sign of the answer changes"
    );
    println!();
    println!("{:>8} {:>12} {:>12}", "heads", "most often", "at most");
    for heads in [1, 2, 3, 4, 8] {
        let most = (0..10_000).map(|_| sign_changes(heads, &mut random)).max().unwrap_or(0);
        println!("{heads:>8} {most:>12} {heads:>12}");
    }
    println!("{:>8} {:>12}", "parity", 63);

    println!();
    println!("A step of a head with 64 entries and 128 states");
    println!();
    println!("{:>8} {:>12} {:>15} {:>15}", "inputs", "operations", "numbers moved", "a number");
    for rank in [1, 2, 4, 8] {
        let [work, moved] = step_cost(64, 128, rank);
        println!("{rank:>8} {work:>12} {moved:>15} {:>15.1}", work as f64 / moved as f64);
    }
    Ok(())
}

/// A token drawn at random.
fn draw(head_dim: usize, d_state: usize, rank: usize, random: &mut ChaCha8Rng) -> Token {
    let mut matrix = |rows: usize| DMatrix::from_fn(rows, rank, |_, _| normal(random));
    let (b, c, u) = (matrix(d_state), matrix(d_state), matrix(head_dim));
    let delta = random.random::<f64>();
    Token {
        decay: -0.2 * delta * random.random::<f64>(),
        delta,
        lambda: random.random(),
        turn: DVector::from_fn(d_state / 2, |_, _| {
            PI * delta * (2.0 * random.random::<f64>() - 1.0)
        }),
        b,
        c,
        u,
    }
}

type Said = Vec<DMatrix<f64>>;

fn in_chunks(
    tokens: &[Token],
    chunk: usize,
    mut memory: Memory,
) -> Result<(Memory, Said), InputError> {
    let mut said = Vec::new();
    for piece in tokens.chunks(chunk) {
        said.extend(memory.attend(piece)?);
    }
    Ok((memory, said))
}

/// Of a layer whose every number is drawn, the bias so that it is near what is said.
fn sign_changes(heads: usize, random: &mut ChaCha8Rng) -> usize {
    // From fast to slow, by orders of magnitude.
    let decays: Vec<f64> =
        (0..heads).map(|_| (-f64::powf(10.0, 3.0 * random.random::<f64>() - 2.0)).exp()).collect();
    let reads: Vec<f64> = decays.iter().map(|decay| (1.0 - decay) * normal(random)).collect();
    let spread = fading_answers(&decays, &reads, 0.0, 64);
    let bias = -spread[random.random_range(0..spread.len())] - 1e-9;
    let answers = fading_answers(&decays, &reads, bias, 64);
    answers.windows(2).filter(|pair| pair[0] * pair[1] < 0.0).count()
}
