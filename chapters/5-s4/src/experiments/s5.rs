//! The experiment of the page `s5`.

use std::error::Error;
use std::sync::atomic::AtomicUsize;

use ml_links::parameterization::normal;
use ml_links::scans::{Affine, Waiting, counting, scan, scan_blelloch, scan_chunked};
use nalgebra::{Complex, DVector};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use s4::hippo::share_lost;
use s4::s5::{S5, cost, cost_of_bank, hear, two_waves};

use super::count;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// How many channels share the state
    #[arg(long, default_value_t = 4, value_parser = count(256), allow_negative_numbers = true)]
    channels: usize,
    /// How many states it has
    #[arg(long, default_value_t = 64, value_parser = count(512), allow_negative_numbers = true)]
    d_state: usize,
    /// In how many blocks, each with the waves of its own LegS
    #[arg(long, default_value_t = 2, value_parser = count(256), allow_negative_numbers = true)]
    blocks: usize,
    /// How many steps, each as long as it likes
    #[arg(long, default_value_t = 1000, value_parser = count(65_536), allow_negative_numbers = true)]
    length: usize,
    /// Which numbers are drawn
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let Options { channels, d_state, blocks, length, seed } = *options;
    let layer = S5::hippo(channels, d_state, blocks, seed)?;
    same_numbers(&layer, length, seed)?;
    println!();
    println!("Of each step: the numbers kept, and the real multiplications");
    println!();
    println!(
        "           a bank of S4D, 64 states each    S5, {d_state:>4} states        S5, H states"
    );
    println!("     H     kept       work     mixing     kept       work     kept       work");
    for channels in [16, 64, 256, 1024] {
        let (bank, small, wide) =
            (cost_of_bank(channels, 64), cost(channels, d_state), cost(channels, channels));
        println!(
            "{channels:>6} {:>8} {:>10} {:>10} {:>8} {:>10} {:>8} {:>10}",
            bank.state,
            bank.multiplications,
            channels * channels,
            small.state,
            small.multiplications,
            wide.state,
            wide.multiplications
        );
    }
    println!();
    at_odd_times(seed)
}

/// One answer by every way.
fn same_numbers(layer: &S5, length: usize, seed: u64) -> Result<(), Box<dyn Error>> {
    type Step = Affine<Complex<f64>>;
    let (channels, modes) = (layer.flow().b.ncols(), layer.delta().len());
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let u: Vec<_> =
        (0..length).map(|_| DVector::from_fn(channels, |_, _| normal(&mut random))).collect();
    let lasts: Vec<f64> = (0..length).map(|_| normal(&mut random).exp()).collect();
    let expected = layer.run(&u, &lasts)?;
    let off = |y: &[DVector<f64>]| -> f64 {
        y.iter().zip(&expected).map(|(y, expected)| (y - expected).amax()).fold(0.0, f64::max)
    };

    println!(
        "One state of {} numbers for {channels} channels, {length} steps of many lengths",
        2 * modes
    );
    println!();
    println!("                          compositions   one after the other   off the loop");
    println!("  a loop over the steps              -            {length:>10}              -");
    let then = |one: &Step, next: &Step| one.then(*next);
    type Scan = fn(
        &[Waiting<Step>],
        &dyn Fn(&Waiting<Step>, &Waiting<Step>) -> Waiting<Step>,
    ) -> Vec<Waiting<Step>>;
    let ways: [(&str, Scan); 2] = [
        ("a scan, as a loop", |steps, then| scan(steps, then)),
        ("a scan, as a tree", |steps, then| scan_blelloch(steps, then)),
    ];
    for (name, way) in ways {
        let work = AtomicUsize::new(0);
        let rounds = AtomicUsize::new(0);
        let y = layer.run_by_scan(&u, &lasts, |steps| {
            let items: Vec<_> = steps.iter().map(|&item| Waiting { item, rounds: 0 }).collect();
            let scanned = way(&items, &counting(then, &work));
            let longest = scanned.iter().map(|at| at.rounds).max().unwrap_or(0);
            rounds.fetch_max(longest, std::sync::atomic::Ordering::Relaxed);
            scanned.into_iter().map(|at| at.item).collect()
        })?;
        let (work, rounds) = (work.into_inner(), rounds.into_inner());
        println!("  {name:<22} {work:>13} {rounds:>21} {:>14.0e}", off(&y));
    }
    let y = layer.run_by_scan(&u, &lasts, |steps| scan_chunked(steps, 8, then))?;
    println!("  {:<22} {:>13} {:>21} {:>14.0e}", "a scan, in 8 pieces", "-", "-", off(&y));
    let mut sum = vec![DVector::zeros(channels); length];
    for m in 0..channels {
        let heard: Vec<_> = u.iter().map(|u| DVector::from_element(1, u[m])).collect();
        let said = layer.listener(m)?.run(&heard, &lasts)?;
        sum.iter_mut().zip(said).for_each(|(sum, y)| *sum += y);
    }
    let name = format!("{channels} listeners, added up");
    println!("  {name:<22} {:>13} {:>21} {:>14.0e}", "-", "-", off(&sum));
    Ok(())
}

/// A memory with a clock, and one that counts steps.
fn at_odd_times(seed: u64) -> Result<(), Box<dyn Error>> {
    println!(
        "A signal of two slow waves, read back one unit of time later by 64 numbers: the share lost"
    );
    println!();
    println!("  samples every          how many    by the clock    by counting steps");
    for (gaps, name) in [
        ((0.02, 0.02), "0.02"),
        ((0.01, 0.05), "0.01 to 0.05"),
        ((0.005, 0.2), "0.005 to 0.2"),
        ((0.002, 0.5), "0.002 to 0.5"),
    ] {
        let heard = hear(two_waves, gaps, 30.0, seed)?;
        let lost = |said: &[f64]| share_lost(&said[heard.warm..], &heard.truth[heard.warm..]);
        println!(
            "  {name:<18} {:>11} {:>15.3} {:>20.3}",
            heard.times.len(),
            lost(&heard.by_clock),
            lost(&heard.by_steps)
        );
    }
    Ok(())
}
