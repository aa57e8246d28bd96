//! The experiment of the page `transfer_functions`.

use std::error::Error;

use classical_ssm::state_space::{Continuous, StateSpace};
use classical_ssm::transfer_functions::{
    CanonicalForm, TransferFunction, TransferFunctionError, controllable_form, dc_gain, modal_form,
    poles, transfer_function, zeros,
};
use math_foundations::eigendecomposition::eigenvalues;
use math_foundations::introduction::random_orthogonal;
use math_foundations::state_representations::{DcMotor, dc_motor};
use nalgebra::{Complex, DMatrix, DVector, dmatrix};

#[derive(Debug, clap::Args)]
pub struct Options {
    /// The gain of the controller, in V for each rad/s
    #[arg(long, default_value_t = 0.1)]
    gain: f64,
    /// Where the controller has its zero, in 1/s to the left
    #[arg(long, default_value_t = 200.0)]
    zero: f64,
    /// How many lags to write in canonical form
    #[arg(long, value_delimiter = ',', default_values_t = [2, 4, 6, 8, 10, 12, 14])]
    states: Vec<usize>,
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    motor_from_outside(options)?;
    println!();
    zeros_without_d()?;
    println!();
    digits_of_forms(&options.states)
}

/// Poles, zeros and gains of a motor, before and after its loop is closed.
fn motor_from_outside(options: &Options) -> Result<(), Box<dyn Error>> {
    let motor = StateSpace::try_from(dc_motor(&DcMotor::default())?)?;
    let fraction =
        TransferFunction::new(&[options.gain * options.zero, options.gain], &[0.0, 1.0])?;
    let ahead = fraction.to_continuous()?.series(&motor)?;
    let closed = ahead.feedback_gain(&dmatrix![1.0])?;
    for (name, system) in
        [("The motor", &motor), ("Controller and motor", &ahead), ("Their loop", &closed)]
    {
        println!("{name}: {}", transfer_function(system)?[(0, 0)].in_words("s"));
        println!("    poles  {}", listed(&poles(system)?));
        println!("    zeros  {}", listed(&zeros(system)?));
        match dc_gain(system) {
            Ok(gain) => println!("    gain   {:.6}", gain[(0, 0)]),
            Err(TransferFunctionError::Integrates { lambda }) => {
                println!("    gain   none: a pole at {lambda} sums up what comes in");
            }
            Err(other) => return Err(other.into()),
        }
    }
    Ok(())
}

fn listed(roots: &DVector<Complex<f64>>) -> String {
    let near = |value: f64| if value.abs() < 1e-9 { 0.0 } else { value };
    let each = roots.iter().map(|root| match root.im {
        0.0 => format!("{:.3}", near(root.re)),
        im => format!("{:.3} {} {:.3}i", near(root.re), if im < 0.0 { '-' } else { '+' }, im.abs()),
    });
    let each: Vec<String> = each.collect();
    if each.is_empty() { "none".to_owned() } else { each.join("   ") }
}

/// How many choices of coordinates each error is the median of.
const TURNS: u64 = 21;

/// A small number in the place of D = 0, and the zeros that come out.
fn zeros_without_d() -> Result<(), Box<dyn Error>> {
    // One zero, at -3, and one or three more poles than that.
    let near = TransferFunction::new(&[3.0, 1.0], &[2.0, 3.0, 1.0])?.to_continuous()?;
    let far =
        TransferFunction::new(&[3.0, 1.0], &[40.0, 78.0, 49.0, 12.0, 1.0])?.to_continuous()?;
    println!(
        "The zero of (s + 3) / (…), at -3: how far off it is found, in coordinates nobody chose"
    );
    println!();
    println!("{:<16} {:>9} {:>9}", "", "2 poles", "4 poles");
    let nearest = |found: DVector<Complex<f64>>| {
        found.iter().map(|z| (z + 3.0).norm()).fold(f64::INFINITY, f64::min)
    };
    for power in [-2, -4, -6, -8, -10, -12, -14] {
        // With D = d, the zeros are the eigenvalues of A - B D^{-1} C.
        let d = 10f64.powi(power);
        let error = |turned: &StateSpace<Continuous>| -> Result<f64, Box<dyn Error>> {
            Ok(nearest(eigenvalues(&(turned.a() - turned.b() * turned.c() / d))?))
        };
        let (near, far) = (median(&near, error)?, median(&far, error)?);
        println!("{:<16} {:>9} {:>9}", format!("1e{power} for D"), size(near), size(far));
    }
    let error = |turned: &StateSpace<Continuous>| -> Result<f64, Box<dyn Error>> {
        Ok(nearest(zeros(turned)?))
    };
    let (near, far) = (median(&near, error)?, median(&far, error)?);
    println!("{:<16} {:>9} {:>9}", "D cut down to", size(near), size(far));
    Ok(())
}

/// The median of an error over some random turns of the state.
fn median(
    system: &StateSpace<Continuous>,
    error: impl Fn(&StateSpace<Continuous>) -> Result<f64, Box<dyn Error>>,
) -> Result<f64, Box<dyn Error>> {
    let mut errors = Vec::new();
    for seed in 0..TURNS {
        let turn = random_orthogonal(system.d_state(), seed);
        errors.push(error(&system.change_coordinates(&turn)?)?);
    }
    errors.sort_by(f64::total_cmp);
    Ok(errors[errors.len() / 2])
}

/// Lags 1/(s+1) + … + 1/(s+N).
fn digits_of_forms(states: &[usize]) -> Result<(), Box<dyn Error>> {
    println!("1/(s+1) + … + 1/(s+N): errors of the poles and of G(i), written in another form");
    println!();
    println!("{:<4} {:^28} {:^28}", "", "controllable form", "modal form");
    println!(
        "{:<4} {:>8} {:>9} {:>9} {:>8} {:>9} {:>9}",
        "N", "κ(T)", "poles", "G(i)", "κ(T)", "poles", "G(i)"
    );
    for &n in states {
        let rates = DMatrix::from_diagonal(&DVector::from_fn(n, |k, _| -(k as f64 + 1.0)));
        let ones = DMatrix::from_element(n, 1, 1.0);
        let lags = StateSpace::continuous(rates, ones.clone(), ones.transpose(), dmatrix![0.0])?;
        let [controllable, modal] = [cells(&lags, controllable_form)?, cells(&lags, modal_form)?];
        println!("{n:<4} {controllable} {modal}");
    }
    Ok(())
}

type Form = fn(&StateSpace<Continuous>) -> Result<CanonicalForm<Continuous>, TransferFunctionError>;

/// The condition number of a form, and its errors.
fn cells(lags: &StateSpace<Continuous>, form: Form) -> Result<String, Box<dyn Error>> {
    let turned = lags.change_coordinates(&random_orthogonal(lags.d_state(), 0))?;
    let Ok(CanonicalForm { condition, .. }) = form(&turned) else {
        return Ok(format!("{:>8} {:>9} {:>9}", "refused", "", ""));
    };
    let worst_pole = median(lags, |turned| Ok(errors(&form(turned)?.system)?[0]))?;
    let answer = median(lags, |turned| Ok(errors(&form(turned)?.system)?[1]))?;
    Ok(format!("{:>8} {:>9} {:>9}", format!("{condition:.0e}"), size(worst_pole), size(answer)))
}

/// How far off the poles -1, …, -N are at worst, and the answer at s = i.
fn errors(system: &StateSpace<Continuous>) -> Result<[f64; 2], Box<dyn Error>> {
    let n = system.d_state();
    let exact: Complex<f64> = (1..=n).map(|k| 1.0 / Complex::new(k as f64, 1.0)).sum();
    let answer = (system.transfer(Complex::I)?[(0, 0)] - exact).norm() / exact.norm();
    let found = poles(system)?;
    let off = |k: usize| (found[k - 1] + k as f64).norm() / k as f64;
    Ok([(1..=n).map(off).fold(0.0, f64::max), answer])
}

/// An error is rounding, and only its power of ten means something.
fn size(error: f64) -> String {
    if error < 1e-15 { "1e-16".to_owned() } else { format!("1e{}", error.log10().round()) }
}
