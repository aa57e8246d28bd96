//! The claims of the page `state_representations`.

use math_foundations::linear_systems::{dormand_prince, free_response};
use math_foundations::state_representations::{
    DcMotor, Equilibrium, GRAVITY, Matrices, Pendulum, companion, dc_motor, linearize,
    linearized_pendulum, mass_spring_damper, rlc,
};
use nalgebra::{Complex, DMatrix, DVector, dmatrix, dvector};
use proptest::collection::vec;
use proptest::prelude::*;
use std::f64::consts::{PI, TAU};

/// Accepts a difference of `relative` of the reference, or of `relative` itself near zero.
fn expect_close(at: &str, expected: f64, found: f64, relative: f64) {
    let apart = (expected - found).abs();
    assert!(
        apart <= relative * (1.0 + expected.abs()),
        "{at}: expected {expected}, found {found}, {apart:e} apart"
    );
}

fn expect_close_complex(at: &str, expected: Complex<f64>, found: Complex<f64>, relative: f64) {
    let apart = (expected - found).norm();
    assert!(
        apart <= relative * (1.0 + expected.norm()),
        "{at}: expected {expected}, found {found}, {apart:e} apart"
    );
}

fn expect_close_matrix(expected: &DMatrix<f64>, found: &DMatrix<f64>, relative: f64) {
    assert_eq!(expected.shape(), found.shape());
    let apart = (expected - found).amax();
    assert!(apart <= relative * (1.0 + expected.amax()), "expected {expected}, found {found}");
}

/// p(s) for coefficients in the order of powers.
fn polynomial(coefficients: &[f64], s: Complex<f64>) -> Complex<f64> {
    coefficients.iter().rev().fold(Complex::ZERO, |sum, &coefficient| sum * s + coefficient)
}

/// Some points of the complex plane, off the axes and away from eigenvalues of ordinary size.
fn some_s() -> [Complex<f64>; 3] {
    [Complex::new(0.3, 2.1), Complex::new(1.7, -0.4), Complex::new(-0.2, 5.0)]
}

/// A motion with its first two derivatives: `q(t) = a cos(w t) + b t²`.
fn motion(a: f64, w: f64, b: f64, t: f64) -> [f64; 3] {
    let (sin, cos) = (w * t).sin_cos();
    [a * cos + b * t * t, -a * w * sin + 2.0 * b * t, -a * w * w * cos + 2.0 * b]
}

proptest! {
    #[test]
    fn eq_1_5_every_motion_that_obeys_newton_obeys_the_four_matrices(
        mass in 0.1..10.0, damping in 0.0..5.0, stiffness in 0.0..20.0,
        a in -2.0..2.0, w in 0.1..5.0, b in -1.0..1.0, t in 0.0..3.0,
    ) {
        // Left: whatever the motion, Newton's law says which force makes it.
        let [position, velocity, acceleration] = motion(a, w, b, t);
        let force = mass * acceleration + damping * velocity + stiffness * position;
        // Right: the four matrices, given state and force.
        let system = mass_spring_damper(mass, damping, stiffness).unwrap();
        let (x, u) = (dvector![position, velocity], dvector![force]);
        let moved = system.derivative(&x, &u).unwrap();
        expect_close("q'", velocity, moved[0], 1e-13);
        // Terms of up to some 2000 cancel.
        expect_close("q''", acceleration, moved[1], 1e-11);
        prop_assert_eq!(system.output(&x, &u).unwrap(), dvector![position]);
    }

    #[test]
    fn eq_1_5_every_current_that_obeys_kirchhoff_obeys_the_four_matrices(
        resistance in 0.0..10.0, inductance in 0.1..5.0, capacitance in 0.1..5.0,
        a in -2.0..2.0, w in 0.1..5.0, b in -1.0..1.0, t in 0.0..3.0,
    ) {
        let [charge, current, change] = motion(a, w, b, t);
        let voltage = inductance * change + resistance * current + charge / capacitance;
        let system = rlc(resistance, inductance, capacitance).unwrap();
        let (x, u) = (dvector![charge, current], dvector![voltage]);
        let moved = system.derivative(&x, &u).unwrap();
        expect_close("q'", current, moved[0], 1e-13);
        expect_close("q''", change, moved[1], 1e-11);
        expect_close("y", charge / capacitance, system.output(&x, &u).unwrap()[0], 1e-13);
    }

    #[test]
    fn a_circuit_is_a_mass_on_a_spring_in_other_words(
        resistance in 0.0..10.0, inductance in 0.1..5.0, capacitance in 0.1..5.0,
    ) {
        let circuit = rlc(resistance, inductance, capacitance).unwrap();
        let spring = mass_spring_damper(inductance, resistance, 1.0 / capacitance).unwrap();
        prop_assert_eq!(&circuit.a, &spring.a);
        prop_assert_eq!(&circuit.b, &spring.b);
        // The meters differ: one shows the charge, the other the voltage it makes.
        prop_assert_eq!(&circuit.c, &(&spring.c / capacitance));
    }

    #[test]
    fn companion_has_the_characteristic_polynomial_of_its_equation(
        mut ode in vec(-3.0..3.0, 2..8), leading in 0.5..3.0,
    ) {
        *ode.last_mut().unwrap() = leading;
        let system = companion(&ode, &[1.0]).unwrap();
        let n = ode.len() - 1;
        let a = system.a.map(|entry| Complex::new(entry, 0.0));
        for s in some_s() {
            let determinant = (DMatrix::identity(n, n) * s - &a).determinant();
            expect_close_complex("det(sI - A)", polynomial(&ode, s) / leading, determinant, 1e-12);
        }
    }

    #[test]
    fn companion_answers_exponentials_as_its_equation_does(
        mut ode in vec(-3.0..3.0, 2..7), leading in 0.5..3.0, input in vec(-3.0..3.0, 1..7),
    ) {
        *ode.last_mut().unwrap() = leading;
        let input = &input[..input.len().min(ode.len())];
        let system = companion(&ode, input).unwrap();
        for s in some_s() {
            // y = G e^{st}: every derivative is a power of s.
            let expected = polynomial(input, s) / polynomial(&ode, s);
            expect_close_complex("G(s)", expected, system.transfer(s).unwrap()[(0, 0)], 1e-10);
        }
    }

    #[test]
    fn coordinates_change_the_state_and_nothing_that_is_seen(
        entries in vec(-1.0..1.0, 9), t in 0.0..5.0,
    ) {
        let system = companion(&[6.0, 11.0, 6.0, 1.0], &[2.0, 1.0, 0.0, 0.5]).unwrap();
        // Diagonally dominant, so that T is well conditioned.
        let coordinates = DMatrix::from_vec(3, 3, entries) + DMatrix::identity(3, 3) * 4.0;
        let told = system.change_coordinates(&coordinates).unwrap();
        let expected = system.impulse_response(t).unwrap();
        expect_close_matrix(&expected, &told.impulse_response(t).unwrap(), 1e-13);
        expect_close_matrix(&system.step_response(t).unwrap(), &told.step_response(t).unwrap(), 1e-13);
        for s in some_s() {
            let expected = system.transfer(s).unwrap()[(0, 0)];
            expect_close_complex("G(s)", expected, told.transfer(s).unwrap()[(0, 0)], 1e-12);
        }
        // What A and T⁻¹AT share: trace and determinant, as all of the characteristic polynomial.
        expect_close("trace", system.a.trace(), told.a.trace(), 1e-13);
        expect_close("determinant", system.a.determinant(), told.a.determinant(), 1e-12);
        let back = told.change_coordinates(&coordinates.try_inverse().unwrap()).unwrap();
        expect_close_matrix(&system.a, &back.a, 1e-12);
    }

    #[test]
    fn a_voltage_held_for_long_turns_the_motor_at_the_speed_of_the_formula(
        resistance in 0.5..5.0, inductance in 1e-3..1e-2, torque_constant in 0.02..0.2,
        inertia in 1e-5..1e-4, friction in 0.0..1e-4,
    ) {
        let parts = DcMotor { resistance, inductance, torque_constant, inertia, friction };
        let formula = torque_constant / (resistance * friction + torque_constant * torque_constant);
        // The slowest time constant here is J R / K² = 1.25 s.
        let speed = dc_motor(&parts).unwrap().step_response(60.0).unwrap()[(0, 0)];
        expect_close("ω", formula, speed, 1e-9);
    }

    #[test]
    fn a_motor_turns_electric_power_into_motion_and_heat_and_nothing_else(
        speed in -100.0..100.0, current in -5.0..5.0, voltage in -12.0..12.0,
    ) {
        let parts = DcMotor::default();
        let (x, u) = (dvector![speed, current], dvector![voltage]);
        let moved = dc_motor(&parts).unwrap().derivative(&x, &u).unwrap();
        let stored = parts.inertia * speed * moved[0] + parts.inductance * current * moved[1];
        let heat = parts.resistance * current * current + parts.friction * speed * speed;
        // Terms of up to some 60 W cancel.
        expect_close("power", voltage * current, stored + heat, 1e-12);
    }

    #[test]
    fn linearize_finds_the_matrices_of_a_linear_system(
        entries in vec(-3.0..3.0, 6), at in vec(-5.0..5.0, 3),
    ) {
        let a = DMatrix::from_column_slice(2, 2, &entries[..4]);
        let b = DMatrix::from_column_slice(2, 1, &entries[4..]);
        let f = |x: &DVector<f64>, u: &DVector<f64>| &a * x + &b * u;
        let near = linearize(f, &dvector![at[0], at[1]], &dvector![at[2]]).unwrap();
        // The difference quotient of values up to 45 over 1e-5 rounds at 1e-9.
        expect_close_matrix(&a, &near.a, 1e-8);
        expect_close_matrix(&b, &near.b, 1e-8);
        prop_assert_eq!(near.c, DMatrix::identity(2, 2));
        prop_assert_eq!(near.d, DMatrix::zeros(2, 1));
    }
}

/// The textbook's answer to an impulse: under-, critically and overdamped.
fn impulse_by_the_textbook(mass: f64, damping: f64, stiffness: f64, t: f64) -> f64 {
    let decay = damping / (2.0 * mass);
    let rest = stiffness / mass - decay * decay;
    let ringing = match rest {
        0.0 => t,
        rest if rest > 0.0 => (rest.sqrt() * t).sin() / rest.sqrt(),
        rest => ((-rest).sqrt() * t).sinh() / (-rest).sqrt(),
    };
    (-decay * t).exp() * ringing / mass
}

#[test]
fn a_struck_spring_rings_creeps_or_does_neither_as_the_textbook_says() {
    for (mass, damping, stiffness) in [(1.0, 0.4, 1.0), (2.0, 4.0, 2.0), (0.5, 3.0, 1.5)] {
        let spring = mass_spring_damper(mass, damping, stiffness).unwrap();
        for step in 0..=40 {
            let t = 0.25 * f64::from(step);
            let expected = impulse_by_the_textbook(mass, damping, stiffness, t);
            let found = spring.impulse_response(t).unwrap()[(0, 0)];
            expect_close(&format!("c = {damping}, t = {t}"), expected, found, 1e-14);
        }
    }
}

#[test]
fn a_loaded_spring_settles_where_the_textbook_says() {
    // q(t) = (1 - e^{-σt} (cos ωt + σ/ω sin ωt)) / k for c² < 4 k m.
    let (mass, damping, stiffness) = (2.0, 0.8, 5.0);
    let spring = mass_spring_damper(mass, damping, stiffness).unwrap();
    let sigma: f64 = damping / (2.0 * mass);
    let omega = (stiffness / mass - sigma * sigma).sqrt();
    for step in 0..=40 {
        let t = 0.5 * f64::from(step);
        let (sin, cos) = (omega * t).sin_cos();
        let expected = (1.0 - (-sigma * t).exp() * (cos + sigma / omega * sin)) / stiffness;
        let found = spring.step_response(t).unwrap()[(0, 0)];
        expect_close(&format!("t = {t}"), expected, found, 1e-14);
    }
    expect_close("for long", 1.0 / stiffness, spring.step_response(200.0).unwrap()[(0, 0)], 1e-12);
}

#[test]
fn the_step_response_of_a_free_mass_needs_no_inverse() {
    let free = mass_spring_damper(2.0, 0.0, 0.0).unwrap();
    assert_eq!(free.a.determinant(), 0.0);
    for t in [0.0, 0.5, 3.0, 20.0] {
        expect_close("t²/4", t * t / 4.0, free.step_response(t).unwrap()[(0, 0)], 1e-14);
    }
}

#[test]
fn the_damper_takes_what_the_energy_loses() {
    let (mass, damping, stiffness) = (1.0, 0.4, 1.0);
    let spring = mass_spring_damper(mass, damping, stiffness).unwrap();
    let energy = |x: &DVector<f64>| (mass * x[1] * x[1] + stiffness * x[0] * x[0]) / 2.0;
    // Simpson's rule over 2000 intervals of 5 ms: its error is far below 1e-12.
    let (panels, delta) = (1000, 0.005);
    let times: Vec<f64> = (0..=2 * panels).map(|k| k as f64 * delta).collect();
    let states = free_response(&spring.a, &dvector![1.0, 0.0], &times).unwrap().states;
    let heat = |k: usize| damping * states[k][1] * states[k][1];
    let lost: f64 = (0..panels)
        .map(|p| (heat(2 * p) + 4.0 * heat(2 * p + 1) + heat(2 * p + 2)) * delta / 3.0)
        .sum();
    expect_close("energy", energy(&states[0]) - energy(&states[2 * panels]), lost, 1e-10);
    assert!(lost > 0.45, "most of the half joule is heat by now: {lost}");
}

#[test]
fn a_hanging_pendulum_is_a_spring_and_an_upright_one_is_a_spring_that_pushes_away() {
    let Pendulum { mass, length, damping } = Pendulum { mass: 0.5, length: 2.0, damping: 0.3 };
    let pendulum = Pendulum { mass, length, damping };
    let spring =
        mass_spring_damper(mass * length * length, damping, mass * GRAVITY * length).unwrap();
    let hanging = linearized_pendulum(&pendulum, Equilibrium::Hanging).unwrap();
    expect_close_matrix(&spring.a, &hanging.a, 1e-15);
    assert_eq!((&spring.b, &spring.c, &spring.d), (&hanging.b, &hanging.c, &hanging.d));
    let upright = linearized_pendulum(&pendulum, Equilibrium::Upright).unwrap();
    assert_eq!(upright.a[(1, 0)], -hanging.a[(1, 0)]);
    assert_eq!(upright.a[(1, 1)], hanging.a[(1, 1)]);
}

#[test]
fn linearize_finds_the_linearized_pendulum_at_both_points_of_rest() {
    let pendulum = Pendulum { mass: 0.5, length: 2.0, damping: 0.3 };
    let f = |x: &DVector<f64>, u: &DVector<f64>| {
        DVector::from_column_slice(&pendulum.derivative([x[0], x[1]], u[0]))
    };
    for (angle, equilibrium) in [(0.0, Equilibrium::Hanging), (PI, Equilibrium::Upright)] {
        let exact = linearized_pendulum(&pendulum, equilibrium).unwrap();
        let near = linearize(f, &dvector![angle, 0.0], &dvector![0.0]).unwrap();
        expect_close_matrix(&exact.a, &near.a, 1e-9);
        expect_close_matrix(&exact.b, &near.b, 1e-9);
    }
}

#[test]
fn an_undamped_small_swing_takes_two_pi_root_of_length_over_g() {
    let pendulum = Pendulum { damping: 0.0, ..Pendulum::default() };
    let hanging = linearized_pendulum(&pendulum, Equilibrium::Hanging).unwrap();
    let period = TAU * (pendulum.length / GRAVITY).sqrt();
    let x = free_response(&hanging.a, &dvector![0.1, 0.0], &[period]).unwrap();
    expect_close("angle", 0.1, x.states[0][0], 1e-14);
}

#[test]
fn the_error_of_a_linearized_swing_grows_with_the_cube_of_the_swing() {
    let pendulum = Pendulum::default();
    let hanging = linearized_pendulum(&pendulum, Equilibrium::Hanging).unwrap();
    let error = |angle: f64| {
        let x0 = dvector![angle, 0.0];
        let f = |_: f64, x: &DVector<f64>| {
            DVector::from_column_slice(&pendulum.derivative([x[0], x[1]], 0.0))
        };
        let whole = dormand_prince(f, &x0, (0.0, 2.0), 1e-12).unwrap();
        let small = free_response(&hanging.a, &x0, &[2.0]).unwrap();
        (whole.at(2.0).unwrap() - small.last().unwrap()).norm()
    };
    // Twice the swing, eight times the error; the next term of the sine is some percent of it.
    let ratio = error(0.2) / error(0.1);
    assert!((7.5..8.5).contains(&ratio), "{ratio}");
}

#[test]
fn a_voltage_reaches_the_speed_by_way_of_two_delays() {
    // The textbook's G(s) = K / ((J s + b)(L s + R) + K²).
    let parts = DcMotor::default();
    let DcMotor { resistance, inductance, torque_constant, inertia, friction } = parts;
    let motor = dc_motor(&parts).unwrap();
    for s in [Complex::new(0.0, 3.0), Complex::new(40.0, -100.0), Complex::new(0.0, 0.0)] {
        let expected = torque_constant
            / ((s * inertia + friction) * (s * inductance + resistance)
                + torque_constant * torque_constant);
        expect_close_complex("G(s)", expected, motor.transfer(s).unwrap()[(0, 0)], 1e-13);
    }
}

#[test]
fn companion_of_the_springs_equation_is_the_spring() {
    for (mass, damping, stiffness) in [(1.0, 0.4, 1.0), (0.3, 0.0, 7.0), (9.0, 2.0, 0.0)] {
        assert_eq!(
            companion(&[stiffness, damping, mass], &[1.0]).unwrap(),
            mass_spring_damper(mass, damping, stiffness).unwrap()
        );
    }
}

#[test]
fn companion_of_first_order_is_one_number_each() {
    // 3 y + 2 y' = 5 u + 4 u': y = 2 u + (5 - 6) ξ with 3 ξ + 2 ξ' = u.
    let system = companion(&[3.0, 2.0], &[5.0, 4.0]).unwrap();
    let expected =
        Matrices { a: dmatrix![-1.5], b: dmatrix![0.5], c: dmatrix![-1.0], d: dmatrix![2.0] };
    assert_eq!(system, expected);
}

#[test]
fn a_step_is_felt_at_once_where_d_is_not_zero() {
    // 3 y + 2 y' = 5 u + 4 u': y jumps to 4/2 and settles at 5/3.
    let system = companion(&[3.0, 2.0], &[5.0, 4.0]).unwrap();
    for t in [0.0, 0.2, 1.0, 4.0] {
        let fading = f64::exp(-1.5 * t);
        let step = system.step_response(t).unwrap()[(0, 0)];
        expect_close(&format!("step, t = {t}"), 5.0 / 3.0 + fading / 3.0, step, 1e-14);
        let impulse = system.impulse_response(t).unwrap()[(0, 0)];
        expect_close(&format!("impulse, t = {t}"), -0.5 * fading, impulse, 1e-14);
    }
}

#[test]
fn companion_has_the_roots_of_its_equation_as_eigenvalues() {
    use math_foundations::eigendecomposition::eigenvalues;
    // (s + 1)(s + 2)(s + 3)(s + 4)
    let system = companion(&[24.0, 50.0, 35.0, 10.0, 1.0], &[1.0]).unwrap();
    let lambda = eigenvalues(&system.a).unwrap();
    for (expected, found) in [-1.0, -2.0, -3.0, -4.0].into_iter().zip(lambda.iter()) {
        expect_close_complex("λ", Complex::new(expected, 0.0), *found, 1e-11);
    }
}

#[test]
fn parameters_without_a_meaning_are_refused_by_name() {
    let says = |result: Result<Matrices, _>, sentence: &str| {
        let error: math_foundations::validation::InputError = result.unwrap_err();
        assert_eq!(error.to_string(), sentence);
    };
    says(mass_spring_damper(0.0, 1.0, 1.0), "expected the mass to be finite and positive, found 0");
    says(
        mass_spring_damper(1.0, -0.1, 1.0),
        "expected the damping to be finite and not negative, found -0.1",
    );
    says(
        mass_spring_damper(1.0, 0.0, f64::NAN),
        "expected the stiffness to be finite and not negative, found NaN",
    );
    says(
        rlc(1.0, 1.0, f64::INFINITY),
        "expected the capacitance to be finite and positive, found inf",
    );
    says(rlc(-1.0, 1.0, 1.0), "expected the resistance to be finite and not negative, found -1");
    says(rlc(1.0, 0.0, 1.0), "expected the inductance to be finite and positive, found 0");
    let motor = DcMotor { inertia: -1.0, ..DcMotor::default() };
    says(dc_motor(&motor), "expected the inertia to be finite and positive, found -1");
    let pendulum = Pendulum { length: 0.0, ..Pendulum::default() };
    says(
        linearized_pendulum(&pendulum, Equilibrium::Hanging),
        "expected the length to be finite and positive, found 0",
    );
    says(
        companion(&[1.0], &[1.0]),
        "expected the number of ODE coefficients to be at least 2, found 1",
    );
    let too_many = "expected the number of input coefficients to be \
                    at least 1 and at most that of the ODE coefficients, found ";
    says(companion(&[1.0, 1.0], &[]), &format!("{too_many}0"));
    says(companion(&[1.0, 1.0], &[1.0, 1.0, 1.0]), &format!("{too_many}3"));
    says(
        companion(&[1.0, 1.0, 0.0], &[1.0]),
        "expected the last ODE coefficient to be other than 0, found 0",
    );
    says(
        companion(&[1.0, f64::NAN, 1.0], &[1.0]),
        "expected every entry of the ODE coefficients to be finite, found NaN at row 1, column 0",
    );
}

#[test]
fn systems_that_do_not_fit_are_refused() {
    let spring = mass_spring_damper(1.0, 0.4, 1.0).unwrap();
    let (x, u) = (dvector![1.0, 0.0], dvector![0.0]);
    let error = spring.derivative(&dvector![1.0], &u).unwrap_err();
    assert_eq!(error.to_string(), "expected x to be 2 x 1, found 1 x 1");
    let error = spring.output(&x, &dvector![0.0, 1.0]).unwrap_err();
    assert_eq!(error.to_string(), "expected u to be 1 x 1, found 2 x 1");
    let error = Matrices { b: dmatrix![1.0], ..spring.clone() }.step_response(1.0).unwrap_err();
    assert_eq!(error.to_string(), "expected B to be 2 x 1, found 1 x 1");
    let error = spring.impulse_response(-1.0).unwrap_err();
    assert_eq!(error.to_string(), "expected t to be finite and not negative, found -1");
    let error = spring.change_coordinates(&dmatrix![1.0, 2.0; 2.0, 4.0]).unwrap_err();
    assert_eq!(error.to_string(), "expected T to be invertible, found a singular matrix");
    let undamped = mass_spring_damper(1.0, 0.0, 1.0).unwrap();
    let error = undamped.transfer(Complex::I).unwrap_err();
    assert_eq!(
        error.to_string(),
        "expected s to differ from every eigenvalue of A, found s = 0+1i"
    );
    let error = linearize(|x, _| dvector![x[0]], &x, &u).unwrap_err();
    assert_eq!(error.to_string(), "expected f to be 2 x 1, found 1 x 1");
    let error = linearize(|x, _| x.map(f64::sqrt), &dvector![0.0], &u).unwrap_err();
    assert_eq!(
        error.to_string(),
        "expected every entry of the slopes of f to be finite, found NaN at row 0, column 0"
    );
}
