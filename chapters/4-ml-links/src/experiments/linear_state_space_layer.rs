//! The experiment of the page `linear_state_space_layer`.

use std::error::Error;
use std::hint::black_box;

use math_foundations::introduction::attention_multiply_adds;
use ml_links::linear_state_space_layer::{LayerError, LinearStateSpaceLayer};
use nalgebra::{DMatrix, DVector};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::count;
use super::dual_computation::seconds;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// How many channels
    #[arg(long, default_value_t = 4, value_parser = count(1 << 12), allow_negative_numbers = true)]
    width: usize,
    /// How many states each channel has
    #[arg(long, default_value_t = 32, value_parser = count(1 << 8), allow_negative_numbers = true)]
    d_state: usize,
    /// How many tokens
    #[arg(long, default_value_t = 1000, value_parser = count(1 << 20), allow_negative_numbers = true)]
    length: usize,
    /// How many tokens a chunk has
    #[arg(long, default_value_t = 100, value_parser = count(1 << 20), allow_negative_numbers = true)]
    chunk: usize,
    /// Measures the time of a token and of a sequence instead (add --release after cargo run)
    #[arg(long)]
    time: bool,
}

/// The layer whose price is told, and the attention that it is compared with.
const WIDTH: usize = 64;
const STATES: usize = 64;

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    if options.time {
        return time();
    }
    let (most, states) = (1 << 24, options.width * options.d_state * options.length);
    if states > most {
        let factors = "--width times --d-state times --length";
        return Err(
            format!("expected at most {most} states in all, {factors}, found {states}").into()
        );
    }
    faces(options)?;
    println!();
    prices()
}

fn random_inputs(width: usize, length: usize) -> DMatrix<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(2);
    DMatrix::from_fn(width, length, |_, _| random.random_range(-1.0..1.0))
}

/// One sequence, read in every way.
fn faces(options: &Options) -> Result<(), Box<dyn Error>> {
    let Options { width, d_state, length, chunk, .. } = *options;
    let layer = LinearStateSpaceLayer::memories(width, d_state, (0.001, 0.1), 1)?;
    println!(
        "{width} channels of {d_state} HiPPO-LegS states, clocks from 0.001 to 0.1, {length} tokens, against steps"
    );
    println!();
    println!("{:<44} {:>18}", "", "largest difference");
    let u = random_inputs(width, length);
    let (y, _) = stepped(&layer, &u, layer.initial_state())?;
    let compare = |way: String, found: &DMatrix<f64>| {
        let off = (found - &y).amax() / y.amax();
        println!(
            "{way:<44} {:>18}",
            if off < 1e-11 { format!("{off:.0e}") } else { format!("{off:.6}") }
        );
    };
    compare("convolved at once".to_owned(), &layer.convolve(&u)?);
    let carried = in_chunks(
        &u,
        chunk,
        |piece, state| layer.convolve_from(piece, state),
        layer.initial_state(),
    )?;
    compare(format!("in chunks of {chunk}, the state carried on"), &carried);
    let half = length.div_ceil(2);
    let mut state = layer.initial_state();
    let mut mixed = layer.convolve_from(&u.columns(0, half).into_owned(), &mut state)?;
    let (second, _) = stepped(&layer, &u.columns(half, length - half).into_owned(), state)?;
    mixed = mixed.resize_horizontally(length, 0.0);
    mixed.columns_mut(half, length - half).copy_from(&second);
    compare("half convolved, the other half stepped".to_owned(), &mixed);
    let forgotten = in_chunks(&u, chunk, |piece, _| layer.convolve(piece), layer.initial_state())?;
    compare(format!("in chunks of {chunk}, the state forgotten"), &forgotten);
    Ok(())
}

fn stepped(
    layer: &LinearStateSpaceLayer,
    u: &DMatrix<f64>,
    mut state: DMatrix<f64>,
) -> Result<(DMatrix<f64>, DMatrix<f64>), LayerError> {
    let mut y = DMatrix::zeros(u.nrows(), u.ncols());
    for (k, u_k) in u.column_iter().enumerate() {
        y.set_column(k, &layer.step(&u_k.into_owned(), &mut state)?);
    }
    Ok((y, state))
}

fn in_chunks(
    u: &DMatrix<f64>,
    chunk: usize,
    read: impl Fn(&DMatrix<f64>, &mut DMatrix<f64>) -> Result<DMatrix<f64>, LayerError>,
    mut state: DMatrix<f64>,
) -> Result<DMatrix<f64>, LayerError> {
    let mut y = DMatrix::zeros(u.nrows(), u.ncols());
    for start in (0..u.ncols()).step_by(chunk) {
        let length = chunk.min(u.ncols() - start);
        let piece = read(&u.columns(start, length).into_owned(), &mut state)?;
        y.columns_mut(start, length).copy_from(&piece);
    }
    Ok(y)
}

/// What one more token costs, by counting.
fn prices() -> Result<(), Box<dyn Error>> {
    let layer = LinearStateSpaceLayer::memories(WIDTH, STATES, (0.001, 0.1), 1)?;
    println!("One more token of width {WIDTH}: multiply-adds, and numbers kept of the past");
    println!();
    println!("{:>8} {:^30} {:^30}", "", format!("layer, N = {STATES}"), "attention, one head");
    println!(
        "{:>8} {:>18} {:>11} {:>18} {:>11}",
        "token", "multiply-adds", "kept", "multiply-adds", "kept"
    );
    let kept = layer.initial_state().len();
    let width = WIDTH as u64;
    let of_attention =
        |token| attention_multiply_adds(width, token) - attention_multiply_adds(width, token - 1);
    for token in [1, 16, 256, 4096, 65_536] {
        println!(
            "{token:>8} {:>18} {kept:>11} {:>18} {:>11}",
            layer.multiply_adds_per_step(),
            of_attention(token),
            2 * width * token,
        );
    }
    println!();
    let cheaper = (1..).find(|&token| of_attention(token) > layer.multiply_adds_per_step() as u64);
    let smaller = (1..).find(|&token| 2 * width * token > kept as u64);
    if let (Some(cheaper), Some(smaller)) = (cheaper, smaller) {
        println!(
            "The layer keeps less from token {smaller} on, and computes less from token {cheaper} on."
        );
    }
    Ok(())
}

/// What one more token takes, by the clock, and what a sequence takes.
fn time() -> Result<(), Box<dyn Error>> {
    let layer = LinearStateSpaceLayer::memories(WIDTH, STATES, (0.001, 0.1), 1)?;
    println!(
        "Microseconds for one more token of width {WIDTH}, one thread, the best of five rounds"
    );
    println!();
    println!("{:>8} {:>16} {:>22}", "token", format!("layer, N = {STATES}"), "attention, one head");
    let u = random_inputs(WIDTH, 1);
    let u_k = u.column(0).into_owned();
    let mut state = layer.initial_state();
    let mut read = 0;
    for power in [0, 2, 4, 6, 8, 10, 12, 14, 16] {
        let token = 1 << power;
        // The state really is that of this token; the cache may hold anything.
        while read < token.min(4096) {
            layer.step(&u_k, &mut state)?;
            read += 1;
        }
        let mut scratch = state.clone();
        let step = seconds(|| {
            let _ = black_box(layer.step(black_box(&u_k), &mut scratch));
        });
        let (keys, values) = (random_inputs(WIDTH, token), random_inputs(WIDTH, token));
        let mut scores = DVector::zeros(token);
        let mut mix = DVector::zeros(WIDTH);
        let attention = seconds(|| {
            scores.gemv_tr(1.0 / (WIDTH as f64).sqrt(), &keys, black_box(&u_k), 0.0);
            let largest = scores.max();
            scores.apply(|score| *score = (*score - largest).exp());
            mix.gemv(1.0 / scores.sum(), &values, &scores, 0.0);
            black_box(&mix);
        });
        println!("{token:>8} {:>16.1} {:>22.2}", 1e6 * step, 1e6 * attention);
    }
    println!();
    const LENGTH: usize = 1024;
    println!("Milliseconds for {LENGTH} tokens of {WIDTH} channels");
    println!();
    let u = random_inputs(WIDTH, LENGTH);
    let steps = seconds(|| drop(black_box(stepped(&layer, &u, layer.initial_state()))));
    let unroll = seconds(|| drop(black_box(layer.unroll(LENGTH))));
    let mut unrolled = layer.unroll(LENGTH)?;
    let mut state = layer.initial_state();
    let chunk = seconds(|| drop(black_box(unrolled.convolve(&u, &mut state))));
    println!("{:<48} {:>9.2}", "token by token", 1e3 * steps);
    println!("{:<48} {:>9.2}", "unrolling the layer, once", 1e3 * unroll);
    println!("{:<48} {:>9.2}", "as one chunk, unrolled", 1e3 * chunk);
    println!(
        "{:<48} {:>9.1}",
        "megabytes that the unrolled layer keeps",
        8e-6 * unrolled.numbers() as f64
    );
    Ok(())
}
