//! The experiment of the page `feedback`.

use std::error::Error;

use classical_ssm::feedback::{
    Attempt, Balance, ackermann, balance, heated_rod, joint_dynamics, place,
};
use classical_ssm::singular_values::singular_values;
use math_foundations::eigendecomposition::eigenvalues;
use nalgebra::{Complex, DMatrix, DVector};

#[derive(Debug, clap::Args)]
pub struct Options {
    /// How far from upright the pendulum is let go, in rad
    #[arg(long, default_value_t = 0.2)]
    start: f64,
    /// How noisy the angle is, a standard deviation in rad
    #[arg(long, default_value_t = 0.01)]
    noise: f64,
    /// The largest torque of the motor, in N m
    #[arg(long, default_value_t = 20.0)]
    limit: f64,
    /// How many times faster than the pendulum the observer's errors die away
    #[arg(long, default_value_t = 3.0)]
    haste: f64,
    /// Which noise is drawn
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Instead: how well two methods place the poles of a heated rod
    #[arg(long)]
    digits: bool,
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    if options.digits {
        return digits();
    }
    let Options { start, noise, limit, haste, seed, .. } = *options;
    let balance = balance(&Balance { start, noise, limit, haste, seed, ..Balance::default() })?;

    println!(
        "A pendulum upright, in steps of {} s; only its angle is seen, through noise",
        Balance::default().delta
    );
    println!();
    println!("{:<34} {}", "its own factors a step", list(&eigenvalues(balance.system.a())?));
    println!("{:<34} {}", "feedback F, by price", row(balance.feedback.iter()));
    println!("{:<34} {}", "observer gain G, by poles", row(balance.gain.iter()));
    let joint = joint_dynamics(&balance.system, &balance.feedback, &balance.gain)?;
    println!(
        "{:<34} {}",
        "factors of A - B F",
        list(&eigenvalues(&(balance.system.a() - balance.system.b() * &balance.feedback))?)
    );
    println!(
        "{:<34} {}",
        "factors of A - G C A",
        list(&eigenvalues(
            &(balance.system.a() - &balance.gain * balance.system.c() * balance.system.a())
        )?)
    );
    println!("{:<34} {}", "factors of pendulum and guess", list(&eigenvalues(&joint)?));
    println!();
    println!(
        "{:>5} {:>13} {:>13} {:>14} {:>12}",
        "t", "left alone", "by difference", "by observer", "guess of it"
    );
    for k in [0, 10, 20, 40, 60, 80, 100, 200, 300] {
        let angle = |run: &Attempt| format!("{:.4}", run.angles[k]);
        println!(
            "{:>5.2} {:>13} {:>13} {:>14} {:>12.4}",
            balance.times[k],
            angle(&balance.alone),
            angle(&balance.by_difference),
            angle(&balance.by_observer),
            balance.by_observer.guessed_angles[k],
        );
    }
    println!();
    println!(
        "{:<34} {:>13} {:>14}",
        "in the last two seconds, rms of", "by difference", "by observer"
    );
    for (what, of) in [
        ("the angle (rad)", (|run: &Attempt| run.angles.clone()) as fn(&Attempt) -> Vec<f64>),
        ("the torque (N m)", |run: &Attempt| run.torques.clone()),
        ("the error of the speed (rad/s)", |run: &Attempt| {
            run.speeds.iter().zip(&run.guessed_speeds).map(|(x, guess)| guess - x).collect()
        }),
    ] {
        let late = |run: &Attempt| rms(&of(run)[of(run).len() - 200..]);
        println!(
            "{what:<34} {:>13.4} {:>14.4}",
            late(&balance.by_difference),
            late(&balance.by_observer)
        );
    }
    Ok(())
}

fn rms(values: &[f64]) -> f64 {
    (values.iter().map(|value| value * value).sum::<f64>() / values.len() as f64).sqrt()
}

fn row<'a>(numbers: impl Iterator<Item = &'a f64>) -> String {
    numbers.map(|number| format!("{number:.4}")).collect::<Vec<_>>().join("  ")
}

/// The modes, a conjugate pair as one word.
fn list(modes: &DVector<Complex<f64>>) -> String {
    let words = |mode: &Complex<f64>| {
        if mode.im.abs() < 1e-9 {
            format!("{:.4}", mode.re)
        } else {
            format!("{:.4} ± {:.4}i", mode.re, mode.im)
        }
    };
    let upper = modes.iter().filter(|mode| mode.im > -1e-9);
    upper.map(words).collect::<Vec<_>>().join("  ")
}

/// The error of the poles of a rod, each mode asked to die away faster by 1/2.
fn digits() -> Result<(), Box<dyn Error>> {
    println!("A rod of N cells with a heater along it; every mode is to die away faster by 1/2");
    println!();
    println!("{:>4} {:>14} {:>27}", "", "condition of", "worst error of a pole by");
    println!("{:>4} {:>14} {:>13} {:>13}", "N", "(B, AB, …)", "Ackermann", "place");
    for cells in [2, 4, 6, 8, 10, 12, 16, 20] {
        let (a, b) = heated_rod(cells);
        let n = a.nrows();
        let poles: Vec<_> = eigenvalues(&a)?.iter().map(|mode| mode - 0.5).collect();
        let error = |feedback: DMatrix<f64>| -> Result<String, Box<dyn Error>> {
            let worst = farthest(&eigenvalues(&(&a - &b * feedback))?, &poles);
            Ok(format!("{:.0e}", worst.max(1e-16)))
        };
        let powers =
            std::iter::successors(Some(b.column(0).into_owned()), |column| Some(&a * column));
        let spread =
            singular_values(&DMatrix::from_columns(&powers.take(n).collect::<Vec<_>>())).sigma;
        println!(
            "{n:>4} {:>14} {:>13} {:>13}",
            format!("{:.0e}", spread.max() / spread.min()),
            error(ackermann(&a, &b, &poles)?)?,
            error(place(&a, &b, &poles)?)?,
        );
    }
    Ok(())
}

/// The largest distance of a pole that was asked for from the nearest that was found.
fn farthest(found: &DVector<Complex<f64>>, asked: &[Complex<f64>]) -> f64 {
    let nearest = |pole: &Complex<f64>| {
        found.iter().map(|other| (other - pole).norm()).fold(f64::INFINITY, f64::min)
    };
    asked.iter().map(nearest).fold(0.0, f64::max)
}
