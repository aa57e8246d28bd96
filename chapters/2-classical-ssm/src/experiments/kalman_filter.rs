//! The experiment of the page `kalman_filter`.

use std::error::Error;

use classical_ssm::kalman_filter::{Belief, Ride, innovation_whiteness, ride, rider};

#[derive(Debug, clap::Args)]
pub struct Options {
    /// How many seconds the tunnel takes
    #[arg(long, default_value_t = 30)]
    tunnel: usize,
    /// How noisy a measured place is, a standard deviation in m
    #[arg(long, default_value_t = 5.0)]
    noise: f64,
    /// How much the rider's speed wanders, in m²/s³
    #[arg(long, default_value_t = 0.1)]
    wander: f64,
    /// How much the filter believes that it wanders; the truth, if not given
    #[arg(long)]
    believed: Option<f64>,
    /// Which ride is drawn
    #[arg(long, default_value_t = 4)]
    seed: u64,
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let Options { tunnel, noise, wander, believed, seed } = *options;
    let ridden = ride(&Ride { tunnel, noise, wander, believed, seed, ..Ride::default() })?;
    println!("A rider, seen once a second to within {noise} m, and for {tunnel} s not at all");
    println!("(metres ahead of a steady pace; ± is one standard deviation)");
    println!();
    println!("{:>5} {:>9} {:>9} {:>17} {:>19}", "t", "truth", "measured", "filter", "looking back");
    let enter = Ride::default().enter;
    let mut shown: Vec<usize> = vec![0, 1, 2, 5, 10, 30, enter - 1];
    shown.extend((1..=5).map(|part| enter + part * tunnel / 5).map(|k| k.saturating_sub(1)));
    shown.extend([0, 1, 2, 5].map(|k| enter + tunnel + k));
    shown.push(ridden.states.len() - 1);
    shown.retain(|&k| k < ridden.states.len());
    shown.dedup();
    for k in shown {
        let words = |belief: &Belief| {
            format!("{:.2} ± {:.2}", belief.mean[0], belief.covariance[(0, 0)].sqrt())
        };
        let measured = ridden.measurements[k]
            .as_ref()
            .map_or_else(|| "-".to_owned(), |y| format!("{:.2}", y[0]));
        println!(
            "{k:>5} {:>9.2} {measured:>9} {:>17} {:>19}",
            ridden.states[k][0],
            words(&ridden.filtered.steps[k].belief),
            words(&ridden.smoothed[k]),
        );
    }

    println!();
    println!("Four hundred seconds without a tunnel, by filters that believe in different q");
    println!();
    println!(
        "{:>8} {:>15} {:>13} {:>16} {:>12}",
        "q / true", "log-likelihood", "mean square", "correlation", "verdict"
    );
    println!("{:>8} {:>15} {:>13} {:>16}", "", "", "of surprises", "with the last");
    let truth = rider(1.0, wander, noise)?;
    let start = Ride::default().start();
    let (_, measured) = truth.draw(&start.mean, 400, seed)?;
    let measured: Vec<_> = measured.into_iter().map(Some).collect();
    for part in [0.01, 0.1, 0.5, 1.0, 2.0, 10.0, 100.0] {
        let filtered = rider(1.0, wander * part, noise)?.filter(&start, &measured)?;
        let whiteness = innovation_whiteness(&filtered, 10)?;
        println!(
            "{part:>8} {:>15.1} {:>13.3} {:>16.3} {:>12}",
            filtered.log_likelihood(),
            whiteness.mean_square,
            whiteness.autocorrelation[0],
            if whiteness.is_plausible() { "plausible" } else { "wrong" },
        );
    }
    Ok(())
}
