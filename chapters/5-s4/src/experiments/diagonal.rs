//! The experiment of the page `diagonal`.

use std::error::Error;
use std::f64::consts::PI;

use discretization::diagonalization::{DiagonalSystem, ScalarStep};
use math_foundations::validation::{non_negative, positive};
use nalgebra::{Complex, DVector};
use s4::diagonal::{Spectrum, answer, echo, legs_waves, missed, readable, without_low_rank};

use super::count;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// How many states the memories of the first table have
    #[arg(
        long,
        value_delimiter = ',',
        default_values_t = [8, 32, 128],
        value_parser = count(512),
        allow_negative_numbers = true
    )]
    d_state: Vec<usize>,
    /// A wave, in radians a unit of time, of which the table says how much each memory is off
    #[arg(long, default_value_t = 1.0, allow_negative_numbers = true)]
    wave: f64,
    /// How many states the spectra have: an even number
    #[arg(long, default_value_t = 64, value_parser = count(256), allow_negative_numbers = true)]
    states: usize,
    /// The step, in the unit of time of LegS
    #[arg(long, default_value_t = 0.01, allow_negative_numbers = true)]
    delta: f64,
    /// To how many digits a reader knows the state
    #[arg(long, default_value_t = 3.0, allow_negative_numbers = true)]
    digits: f64,
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    // Before anything is printed.
    positive("the wave", options.wave)?;
    positive("Δ", options.delta)?;
    if !(0.001..=1.0).contains(&options.delta) {
        let value = options.delta;
        return Err(format!("expected Δ to be from 0.001 to 1, found {value}").into());
    }
    non_negative("the digits", options.digits)?;
    let spectra = Spectrum::ALL
        .into_iter()
        .map(|spectrum| Ok((spectrum, spectrum.modes(options.states)?)))
        .collect::<Result<Vec<_>, Box<dyn Error>>>()?;
    what_is_lost(options)?;
    println!();
    which_waves(&spectra);
    println!();
    what_is_readable(&spectra, options)
}

/// LegS beside its diagonal.
fn what_is_lost(options: &Options) -> Result<(), Box<dyn Error>> {
    let wave = options.wave;
    println!("LegS without its low-rank part, and with half of its input: what x_0 is off");
    println!();
    println!(
        "          its echo, 0 < t < 4    a wave of          at its fastest wave, the size of x_0"
    );
    println!(
        "     N    as it is  averaged    {wave:>6} rad        wave   N²/π - π/6     LegS   diagonal"
    );
    for &d_state in &options.d_state {
        let diagonal = without_low_rank(d_state)?;
        let (as_it_is, averaged) = off(&diagonal)?;
        let share = missed(d_state, Complex::new(0.0, wave));
        print!("{d_state:>6} {as_it_is:>11.4} {averaged:>9.4}");
        print!(" {:>13.4}", (share / (1.0 + share)).norm());
        // One state does not turn.
        let fastest = legs_waves(d_state).iter().copied().reduce(f64::max).unwrap_or(0.0);
        let (size, s) = (d_state as f64, Complex::new(0.0, fastest));
        let (heard, sung) = ((1.0 + s).inv().norm(), answer(&diagonal, s)[0].norm());
        let formula = size * size / PI - PI / 6.0;
        println!(" {fastest:>11.3} {formula:>12.3} {heard:>8.4} {sung:>10.4}");
    }
    println!();
    println!("Averaged over steps of {STEP}: as held inputs hear it.");
    Ok(())
}

/// The frequencies of each spectrum.
fn which_waves(spectra: &[(Spectrum, DVector<Complex<f64>>)]) {
    let modes = spectra[0].1.len();
    println!("{modes} waves of each kind, in radians a unit of time; and how fast they fade");
    println!();
    println!("            slowest     next   middle     next to last    fastest   fading");
    for (spectrum, modes) in spectra {
        let mut waves: Vec<f64> = modes.iter().map(|lambda| lambda.im).collect();
        waves.sort_by(f64::total_cmp);
        let fading = |pick: fn(f64, f64) -> f64| {
            modes.iter().map(|lambda| -lambda.re).reduce(pick).unwrap_or_default()
        };
        let (least, most) = (fading(f64::min), fading(f64::max));
        let fades = if most - least < 1e-9 {
            format!("{least:.1}")
        } else {
            format!("{least:.0} to {most:.0}")
        };
        let last = waves.len() - 1;
        let [slowest, next, middle, before, fastest] =
            [0, 1.min(last), last / 2, last.saturating_sub(1), last].map(|n| waves[n]);
        println!(
            "{:<9} {slowest:>9.3} {next:>8.3} {middle:>8.3} {before:>16.3} {fastest:>10.3}   {fades}",
            spectrum.name()
        );
    }
}

/// What can be read back of noise, by age.
fn what_is_readable(
    spectra: &[(Spectrum, DVector<Complex<f64>>)],
    options: &Options,
) -> Result<(), Box<dyn Error>> {
    // Stretches of time, in units; beyond the last there is nothing worth a column.
    const STRETCHES: [f64; 5] = [0.25, 0.5, 1.0, 2.0, 4.0];
    const LONGEST: f64 = 8.0;
    let ages = (LONGEST / options.delta).ceil();
    println!(
        "Of a white noise, Δ = {}, a state known to {} digits: how many numbers can be read back",
        options.delta, options.digits
    );
    println!();
    print!("age below");
    STRETCHES.iter().for_each(|stretch| print!(" {stretch:>8}"));
    println!("      all   of");
    for (spectrum, modes) in spectra {
        let shares = readable(modes, options.delta, ages as usize, 10.0_f64.powf(-options.digits))?;
        print!("{:<9}", spectrum.name());
        for stretch in STRETCHES {
            let below = (stretch / options.delta).round() as usize;
            print!(" {:>8.2}", shares.iter().take(below).sum::<f64>());
        }
        println!(" {:>8.2}   {}", shares.iter().sum::<f64>(), options.states);
    }
    Ok(())
}

/// The step over which echoes are averaged.
const STEP: f64 = 0.1;

/// The root mean square of what the echo of the first number is off `e^{-t}`, and the same averaged over steps.
fn off(diagonal: &DiagonalSystem) -> Result<(f64, f64), Box<dyn Error>> {
    const AGES: usize = 1000;
    let size =
        |off: Vec<f64>| (off.iter().map(|off| off * off).sum::<f64>() / off.len() as f64).sqrt();
    let ages = (0..AGES).map(|i| 4.0 * (i as f64 + 0.5) / AGES as f64);
    let as_it_is = ages.map(|age| echo(diagonal, age)[0] - (-age).exp()).collect();
    let kernel = diagonal.discretize(ScalarStep::zero_order_hold, STEP)?.kernel(40);
    let exact = |l: usize| -(-STEP).exp_m1() * (-STEP * l as f64).exp();
    let held = kernel.iter().enumerate().map(|(l, k)| (k[(0, 0)] - exact(l)) / STEP).collect();
    Ok((size(as_it_is), size(held)))
}
