//! The experiment of the page `state_representations`.

use std::error::Error;
use std::f64::consts::TAU;

use clap::{Args, Subcommand};
use math_foundations::eigendecomposition::eigenvalues;
use math_foundations::state_representations::{
    DcMotor, Equilibrium, Matrices, Pendulum, companion, dc_motor, linearized_pendulum,
    mass_spring_damper, rlc,
};
use nalgebra::{Complex, DMatrix};

#[derive(Debug, Args)]
pub struct Options {
    #[command(subcommand)]
    system: Option<System>,
}

#[derive(Debug, Subcommand)]
enum System {
    /// A mass on a spring beside a damper (the default)
    MassSpringDamper(Spring),
    /// A resistor, a coil and a capacitor in one loop
    Rlc(Circuit),
    /// A direct-current motor
    DcMotor(Motor),
    /// A pendulum near one of its two points of rest
    Pendulum(Swing),
    /// Any equation a_0 y + a_1 y' + … = b_0 u + b_1 u' + …
    Ode(Ode),
}

#[derive(Debug, Args)]
struct Spring {
    /// In kg
    #[arg(long, default_value_t = 1.0)]
    mass: f64,
    /// In N s/m
    #[arg(long, default_value_t = 0.4)]
    damping: f64,
    /// In N/m
    #[arg(long, default_value_t = 1.0)]
    stiffness: f64,
}

#[derive(Debug, Args)]
struct Circuit {
    /// In Ω
    #[arg(long, default_value_t = 0.4)]
    resistance: f64,
    /// In H
    #[arg(long, default_value_t = 1.0)]
    inductance: f64,
    /// In F
    #[arg(long, default_value_t = 1.0)]
    capacitance: f64,
}

#[derive(Debug, Args)]
struct Motor {
    /// Of the winding, in Ω
    #[arg(long, default_value_t = DcMotor::default().resistance)]
    resistance: f64,
    /// Of the winding, in H
    #[arg(long, default_value_t = DcMotor::default().inductance)]
    inductance: f64,
    /// In N m/A, which is V s/rad
    #[arg(long, default_value_t = DcMotor::default().torque_constant)]
    torque_constant: f64,
    /// Of all that turns, in kg m²
    #[arg(long, default_value_t = DcMotor::default().inertia)]
    inertia: f64,
    /// Of the bearings, in N m s/rad
    #[arg(long, default_value_t = DcMotor::default().friction)]
    friction: f64,
}

#[derive(Debug, Args)]
struct Swing {
    /// In kg
    #[arg(long, default_value_t = Pendulum::default().mass)]
    mass: f64,
    /// In m
    #[arg(long, default_value_t = Pendulum::default().length)]
    length: f64,
    /// In N m s/rad
    #[arg(long, default_value_t = Pendulum::default().damping)]
    damping: f64,
    /// Standing on its pivot instead of hanging from it
    #[arg(long)]
    upright: bool,
}

#[derive(Debug, Args)]
struct Ode {
    /// a_0, a_1, …, a_n: entry i belongs to derivative i of y
    #[arg(long, value_delimiter = ',', allow_hyphen_values = true, default_values_t = [6.0, 11.0, 6.0, 1.0])]
    output: Vec<f64>,
    /// b_0, b_1, …: entry i belongs to derivative i of u
    #[arg(long, value_delimiter = ',', allow_hyphen_values = true, default_values_t = [1.0])]
    input: Vec<f64>,
}

/// The system, and in words: what it is, and what x, u and y are.
fn described(system: &System) -> Result<(Matrices, [String; 2]), Box<dyn Error>> {
    Ok(match system {
        System::MassSpringDamper(Spring { mass, damping, stiffness }) => (
            mass_spring_damper(*mass, *damping, *stiffness)?,
            [
                format!("a mass of {mass} kg, a spring of {stiffness} N/m, a damper of {damping} N s/m"),
                "u = force [N]   x = (position [m], velocity [m/s])   y = position [m]".into(),
            ],
        ),
        System::Rlc(Circuit { resistance, inductance, capacitance }) => (
            rlc(*resistance, *inductance, *capacitance)?,
            [
                format!("{resistance} Ω, {inductance} H and {capacitance} F in one loop"),
                "u = voltage [V]   x = (charge [C], current [A])   y = voltage of the capacitor [V]"
                    .into(),
            ],
        ),
        System::DcMotor(motor) => {
            let Motor { resistance, inductance, torque_constant, inertia, friction } = *motor;
            let parts = DcMotor { resistance, inductance, torque_constant, inertia, friction };
            let speed = torque_constant / (resistance * friction + torque_constant.powi(2));
            (
                dc_motor(&parts)?,
                [
                    format!("a motor that one volt turns at {speed:.4} rad/s in the end"),
                    "u = voltage [V]   x = (speed [rad/s], current [A])   y = speed [rad/s]".into(),
                ],
            )
        }
        System::Pendulum(Swing { mass, length, damping, upright }) => {
            let pendulum = Pendulum { mass: *mass, length: *length, damping: *damping };
            let (place, equilibrium) = match upright {
                true => ("standing upright", Equilibrium::Upright),
                false => ("hanging", Equilibrium::Hanging),
            };
            (
                linearized_pendulum(&pendulum, equilibrium)?,
                [
                    format!("{mass} kg on a rod of {length} m, {place}, damped by {damping} N m s/rad"),
                    "u = torque [N m]   x = (angle [rad], speed [rad/s])   y = angle [rad]".into(),
                ],
            )
        }
        System::Ode(Ode { output, input }) => (
            companion(output, input)?,
            [
                format!("{} = {}", equation(output, "y"), equation(input, "u")),
                "u = input   x = (ξ, ξ', …)   y = a mixture of them".into(),
            ],
        ),
    })
}

fn equation(coefficients: &[f64], name: &str) -> String {
    let term = |(i, coefficient): (usize, &f64)| format!("{coefficient} {name}{}", "'".repeat(i));
    coefficients.iter().enumerate().map(term).collect::<Vec<_>>().join(" + ")
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let spring = System::MassSpringDamper(Spring { mass: 1.0, damping: 0.4, stiffness: 1.0 });
    let (system, words) = described(options.system.as_ref().unwrap_or(&spring))?;
    println!("{}\n{}\n", words[0], words[1]);
    print_beside(("A", &system.a), ("B", &system.b));
    print_beside(("C", &system.c), ("D", &system.d));
    println!();

    println!("{:<24} what it means", "eigenvalue");
    let lambda = eigenvalues(&system.a)?;
    for lambda_i in lambda.iter() {
        println!("{:<24} {}", complex(*lambda_i), meaning(*lambda_i));
    }
    println!();

    let slowest = lambda.iter().map(|lambda_i| time_scale(*lambda_i)).fold(0.0, f64::max);
    println!("{:>10} {:>12} {:>12}", "t [s]", "impulse: y", "step: y");
    for count in 0..=6 {
        let t = slowest * f64::from(count);
        let (impulse, step) =
            (system.impulse_response(t)?[(0, 0)], system.step_response(t)?[(0, 0)]);
        println!("{:>10} {:>12} {:>12}", number(t), number(impulse), number(step));
    }
    Ok(())
}

/// Real and imaginary part, either zero when it is only the rounding of the other.
fn parts(lambda: Complex<f64>) -> (f64, f64) {
    // A double eigenvalue is known to half the digits, and may come out as a pair.
    let clean = |part: f64| {
        if part.abs() > 1e-7 * lambda.norm() { part } else { 0.0 }
    };
    (clean(lambda.re), clean(lambda.im))
}

fn meaning(lambda: Complex<f64>) -> String {
    let (re, im) = parts(lambda);
    let time = number(1.0 / re.abs());
    let swing = match im {
        im if im < 0.0 => return "the same swing, turning the other way".into(),
        im if im > 0.0 => format!("swings once in {} s, ", number(TAU / im)),
        _ => String::new(),
    };
    swing
        + &match re {
            re if re < 0.0 => format!("fades to 1/e in {time} s"),
            re if re > 0.0 => format!("grows by a factor e in {time} s"),
            _ => "stays for ever".into(),
        }
}

/// The time after which something has visibly happened.
fn time_scale(lambda: Complex<f64>) -> f64 {
    match parts(lambda) {
        (0.0, 0.0) => 1.0,
        (0.0, im) => 0.125 * TAU / im.abs(),
        (re, _) => 1.0 / re.abs(),
    }
}

fn print_beside(left: (&str, &DMatrix<f64>), right: (&str, &DMatrix<f64>)) {
    for row in 0..left.1.nrows() {
        let of = |(name, matrix): (&str, &DMatrix<f64>)| {
            let sign = if row == 0 { format!("{name} =") } else { String::new() };
            let entry = |column| format!("{:>9}", number(matrix[(row, column)]));
            let entries = (0..matrix.ncols()).map(entry);
            format!("{sign:<4}{}", entries.collect::<String>())
        };
        println!("{}     {}", of(left), of(right));
    }
}

fn complex(lambda: Complex<f64>) -> String {
    match parts(lambda) {
        (re, 0.0) => number(re),
        (re, im) => {
            let sign = if im < 0.0 { '-' } else { '+' };
            format!("{} {sign} {}i", number(re), number(im.abs()))
        }
    }
}

/// Five significant digits, without trailing zeros.
fn number(value: f64) -> String {
    let rounded: f64 = format!("{value:.4e}").parse().unwrap_or(value);
    match rounded.abs() {
        0.0 => "0".into(),
        size if (1e-4..1e6).contains(&size) => rounded.to_string(),
        _ => format!("{rounded:e}"),
    }
}
