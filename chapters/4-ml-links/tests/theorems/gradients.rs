//! What the page *Gradients* claims.

use burn::tensor::{DType, Device, Tensor, TensorData};
use classical_ssm::responses::{discrete_impulse_response, simulate};
use classical_ssm::state_space::{Discrete, StateSpace};
use math_foundations::linear_systems::held_input_step;
use ml_links::gradients::{
    GradientError, PushedSpring, adjoint_states, central_difference, complex_step, correlate,
    forward_difference, gradients_in_segments, held_step_gradients, input_gradient_by_dual,
    recurrence_gradients, states_backwards, system_gradients,
};
use ml_links::operations::{causal_convolution, linear_scan};
use ml_links::scans::scan_recurrence;
use nalgebra::{DMatrix, DVector, dmatrix, dvector};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn noise(count: usize, seed: u64) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..count).map(|_| rng.random_range(-1.0..1.0)).collect()
}

fn random_matrix(rows: usize, columns: usize, seed: u64) -> DMatrix<f64> {
    DMatrix::from_vec(rows, columns, noise(rows * columns, seed))
}

/// A system with three states, two inputs and two outputs, whose states die away.
fn system() -> StateSpace<Discrete> {
    let a = random_matrix(3, 3, 1) * 0.5;
    StateSpace::discrete(
        a,
        random_matrix(3, 2, 2),
        random_matrix(2, 3, 3),
        random_matrix(2, 2, 4),
        1.0,
    )
    .unwrap()
}

fn vectors(count: usize, width: usize, seed: u64) -> Vec<DVector<f64>> {
    noise(count * width, seed).chunks(width).map(DVector::from_column_slice).collect()
}

fn close(found: f64, expected: f64, tolerance: f64) -> bool {
    (found - expected).abs() <= tolerance * (1.0 + expected.abs())
}

/// λ by the sum over all later losses, each scaled by the product of what lies between: what the recursion stands for.
#[test]
fn eq_4_7_gathers_every_consequence() {
    let (a, by_state) = (noise(30, 1), noise(30, 2));
    let lambda = adjoint_states(&a, &by_state).unwrap();
    for k in 0..30 {
        let consequences: f64 =
            (k..30).map(|j| a[k + 1..=j].iter().product::<f64>() * by_state[j]).sum();
        assert!(close(lambda[k], consequences, 1e-15), "at {k}: {} or {consequences}", lambda[k]);
    }
}

/// The loss is a polynomial of degree two in each number: the central difference is exact for a step as large as 1.
#[test]
fn eq_4_7_is_the_slope_of_the_loss() {
    let length = 25;
    let (a, b, initial, weights) = (noise(length, 1), noise(length, 2), 0.7, noise(length, 3));
    let loss = |a: &[f64], b: &[f64], initial: f64| -> f64 {
        let x = scan_recurrence(a, b, initial).unwrap();
        x.iter().zip(&weights).map(|(x, w)| w * x * x / 2.0).sum()
    };
    let x = scan_recurrence(&a, &b, initial).unwrap();
    let by_state: Vec<f64> = x.iter().zip(&weights).map(|(x, w)| w * x).collect();
    let gradients = recurrence_gradients(&a, &x, initial, &by_state).unwrap();
    let moved = |row: &[f64], k: usize, number: f64| {
        let mut row = row.to_vec();
        row[k] = number;
        row
    };
    for k in 0..length {
        let slope =
            central_difference(|number| loss(&moved(&a, k, number), &b, initial), a[k], 1.0);
        assert!(close(gradients.a[k], slope, 1e-12), "a, {k}: {} or {slope}", gradients.a[k]);
        let slope =
            central_difference(|number| loss(&a, &moved(&b, k, number), initial), b[k], 1.0);
        assert!(close(gradients.b[k], slope, 1e-12), "b, {k}: {} or {slope}", gradients.b[k]);
    }
    let slope = central_difference(|initial| loss(&a, &b, initial), initial, 1.0);
    assert!(close(gradients.initial, slope, 1e-12));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// ⟨gradient, change of the outcome⟩ is one number, whichever way it is computed.
    #[test]
    fn forwards_and_backwards_agree_on_every_change(length in 0usize..40, seed in 0u64..1000) {
        let (a, x) = (noise(length, seed), noise(length, seed + 1));
        let (change, by_state) = (noise(length, seed + 2), noise(length, seed + 3));
        let forth = scan_recurrence(&a, &change, 0.0).unwrap();
        let back = recurrence_gradients(&a, &x, 0.0, &by_state).unwrap().b;
        let one: f64 = forth.iter().zip(&by_state).map(|(x, g)| x * g).sum();
        let other: f64 = change.iter().zip(&back).map(|(b, l)| b * l).sum();
        prop_assert!((one - other).abs() < 1e-12);
    }

    #[test]
    fn segments_change_nothing_but_the_cost(length in 1usize..60, every in 1usize..70, seed in 0u64..1000) {
        let (a, b, by_state) = (noise(length, seed), noise(length, seed + 1), noise(length, seed + 2));
        let x = scan_recurrence(&a, &b, 0.3).unwrap();
        let (found, cost) = gradients_in_segments(&a, &b, 0.3, &by_state, every).unwrap();
        prop_assert_eq!(found, recurrence_gradients(&a, &x, 0.3, &by_state).unwrap());
        prop_assert!(cost.kept <= length.div_ceil(every) + every);
    }
}

#[test]
fn every_matrix_has_the_slope_of_the_loss() {
    let (system, steps) = (system(), 12);
    let (u, weights) = (vectors(steps, 2, 5), vectors(steps, 2, 6));
    let loss_of = |a: &DMatrix<f64>,
                   b: &DMatrix<f64>,
                   c: &DMatrix<f64>,
                   d: &DMatrix<f64>,
                   u: &[DVector<f64>]|
     -> f64 {
        let system = StateSpace::discrete(a.clone(), b.clone(), c.clone(), d.clone(), 1.0).unwrap();
        let y = simulate(&system, u).unwrap().outputs;
        y.iter().zip(&weights).map(|(y, w)| y.component_mul(y).dot(w) / 2.0).sum()
    };
    let y = simulate(&system, &u).unwrap().outputs;
    let by_output: Vec<_> = y.iter().zip(&weights).map(|(y, w)| y.component_mul(w)).collect();
    let gradients = system_gradients(&system, &u, &by_output).unwrap();
    let (a, b, c, d) = (system.a(), system.b(), system.c(), system.d());
    // Not a polynomial of degree two in A, so the step is the usual one: the cube root of the rounding unit.
    let check = |name: &str,
                 matrix: &DMatrix<f64>,
                 gradient: &DMatrix<f64>,
                 loss: &dyn Fn(&DMatrix<f64>) -> f64| {
        for i in 0..matrix.len() {
            let at = |number: f64| {
                let mut moved = matrix.clone();
                moved[i] = number;
                loss(&moved)
            };
            let slope = central_difference(at, matrix[i], 6e-6);
            assert!(close(gradient[i], slope, 1e-9), "{name}, {i}: {} or {slope}", gradient[i]);
        }
    };
    check("A", a, &gradients.a, &|a| loss_of(a, b, c, d, &u));
    check("B", b, &gradients.b, &|b| loss_of(a, b, c, d, &u));
    check("C", c, &gradients.c, &|c| loss_of(a, b, c, d, &u));
    check("D", d, &gradients.d, &|d| loss_of(a, b, c, d, &u));
    for k in 0..steps {
        let here = DMatrix::from_column_slice(2, 1, u[k].as_slice());
        let gradient = DMatrix::from_column_slice(2, 1, gradients.u[k].as_slice());
        check("u", &here, &gradient, &|moved| {
            let mut u = u.clone();
            u[k] = moved.column(0).into_owned();
            loss_of(a, b, c, d, &u)
        });
    }
}

#[test]
fn the_dual_run_backwards_is_the_gradient_by_the_inputs() {
    let (system, by_output) = (system(), vectors(20, 2, 7));
    let by_input = input_gradient_by_dual(&system, &by_output).unwrap();
    let gradients = system_gradients(&system, &vectors(20, 2, 8), &by_output).unwrap();
    for (one, other) in by_input.iter().zip(&gradients.u) {
        assert!((one - other).amax() < 1e-14);
    }
}

#[test]
fn both_faces_have_one_gradient() {
    let spring = PushedSpring::default();
    let system = spring.system(0.4).unwrap();
    let by_output = noise(40, 9);
    let columns: Vec<_> = by_output.iter().map(|&g| dvector![g]).collect();
    let by_recurrence = input_gradient_by_dual(&system, &columns).unwrap();
    let kernel: Vec<f64> =
        discrete_impulse_response(&system, 40).unwrap().outputs.iter().map(|k| k[(0, 0)]).collect();
    for (one, other) in by_recurrence.iter().zip(correlate(&kernel, &by_output)) {
        assert!(close(one[0], other, 1e-14));
    }
}

#[test]
fn gradients_reach_the_flow_and_its_step() {
    let spring = PushedSpring::default();
    for delta in [0.05, 0.4, 1.3] {
        let (_, by_flow) = spring.gradients(delta).unwrap();
        let slope = complex_step(|delta| spring.loss(delta).unwrap(), delta, 1e-100);
        assert!(close(by_flow.delta, slope, 1e-13), "Δ = {delta}: {} or {slope}", by_flow.delta);
        let by_stiffness = central_difference(
            |stiffness| PushedSpring { stiffness, ..spring.clone() }.loss(delta).unwrap(),
            spring.stiffness,
            6e-6,
        );
        // A has -stiffness below its diagonal.
        assert!(close(-by_flow.a[(1, 0)], by_stiffness, 1e-8));
        let by_damping = central_difference(
            |damping| PushedSpring { damping, ..spring.clone() }.loss(delta).unwrap(),
            spring.damping,
            6e-6,
        );
        assert!(close(-by_flow.a[(1, 1)], by_damping, 1e-8));
    }
}

#[test]
fn gradients_through_the_hold_survive_a_singular_flow() {
    // A mass on ice, for which (Ā - I)A⁻¹B has no meaning.
    let (a, b) = (dmatrix![0.0, 1.0; 0.0, 0.0], dmatrix![0.0; 1.0]);
    let (by_a_bar, by_b_bar) = (random_matrix(2, 2, 1), random_matrix(2, 1, 2));
    let loss = |a: &DMatrix<f64>, b: &DMatrix<f64>, delta: f64| {
        let (a_bar, b_bar) = held_input_step(a, b, delta).unwrap();
        a_bar.dot(&by_a_bar) + b_bar.dot(&by_b_bar)
    };
    let gradients = held_step_gradients(&a, &b, 2.0, &by_a_bar, &by_b_bar).unwrap();
    let slope = central_difference(|delta| loss(&a, &b, delta), 2.0, 6e-6);
    assert!(close(gradients.delta, slope, 1e-9));
    for i in 0..4 {
        let at = |number: f64| {
            let mut moved = a.clone();
            moved[i] = number;
            loss(&moved, &b, 2.0)
        };
        assert!(close(gradients.a[i], central_difference(at, a[i], 6e-6), 1e-9), "A, {i}");
    }
    for i in 0..2 {
        let at = |number: f64| {
            let mut moved = b.clone();
            moved[i] = number;
            loss(&a, &moved, 2.0)
        };
        assert!(close(gradients.b[i], central_difference(at, b[i], 6e-6), 1e-9), "B, {i}");
    }
}

#[test]
fn a_difference_has_a_best_step_and_a_step_aside_has_none() {
    let spring = PushedSpring::default();
    let exact = spring.gradients(0.4).unwrap().1.delta;
    let loss = |delta: f64| spring.loss(delta).unwrap();
    let error = |slope: f64| (slope / exact - 1.0).abs();
    let central = |step: f64| error(central_difference(loss, 0.4, step));
    let forward = |step: f64| error(forward_difference(loss, 0.4, step));
    // Too long, right, too short: a V.
    assert!(central(1e-5) < 1e-8 && central(1e-2) > 1e-4 && central(1e-12) > 1e-6);
    assert!(forward(1e-8) < 1e-5 && forward(1e-3) > 1e-4 && forward(1e-14) > 1e-4);
    // Two digits for each in the step, as long as truncation is what hurts.
    let (far, near) = (central(1e-2), central(1e-3));
    assert!((80.0..120.0).contains(&(far / near)), "{}", far / near);
    for step in [1e-10, 1e-30, 1e-100, 1e-200] {
        let aside = complex_step(|delta| spring.loss(delta).unwrap(), 0.4, step);
        assert!(error(aside) < 1e-13, "{step}: {}", error(aside));
    }
}

#[test]
fn running_the_states_backwards_loses_them() {
    let (a, b) = (vec![0.9; 400], noise(400, 1));
    let x = scan_recurrence(&a, &b, 0.5).unwrap();
    let back = states_backwards(&a, &b, x[399]);
    let error =
        |steps: usize| (back[steps - 1] - if steps == 400 { 0.5 } else { x[399 - steps] }).abs();
    assert!(error(10) < 1e-13, "ten steps back: {}", error(10));
    // A digit every 22 steps: 0.9^22 = 0.098.
    assert!((1e-8..1e-4).contains(&error(220)), "220 steps back: {}", error(220));
    assert!(error(400) > 1.0, "400 steps back: {}", error(400));
}

#[test]
fn burn_agrees() {
    let device = Device::flex().autodiff();
    let (channels, length) = (3, 50);
    let (a, b, initial) = (noise(150, 1), noise(150, 2), noise(3, 3));
    let weights = noise(150, 4);
    let tensor = |numbers: &[f64]| {
        Tensor::<3>::from_data(
            TensorData::new(numbers.to_vec(), [1, channels, length]),
            (&device, DType::F64),
        )
    };
    let (a_tensor, b_tensor) = (tensor(&a).require_grad(), tensor(&b).require_grad());
    let start = Tensor::<2>::from_data(
        TensorData::new(initial.clone(), [1, channels]),
        (&device, DType::F64),
    );
    let start = start.require_grad();
    let x = linear_scan(a_tensor.clone(), b_tensor.clone(), start.clone());
    let gradients = (x * tensor(&weights)).sum().backward();
    let numbers = |tensor: Tensor<3>| tensor.into_data().try_to_vec::<f64>().unwrap();
    let by_a = numbers(a_tensor.grad(&gradients).unwrap());
    let by_b = numbers(b_tensor.grad(&gradients).unwrap());
    let by_start = start.grad(&gradients).unwrap().into_data().try_to_vec::<f64>().unwrap();
    for row in 0..channels {
        let part = row * length..(row + 1) * length;
        let (a, b) = (&a[part.clone()], &b[part.clone()]);
        let x = scan_recurrence(a, b, initial[row]).unwrap();
        let ours = recurrence_gradients(a, &x, initial[row], &weights[part.clone()]).unwrap();
        for k in 0..length {
            assert!(close(by_a[row * length + k], ours.a[k], 1e-14));
            assert!(close(by_b[row * length + k], ours.b[k], 1e-14));
        }
        assert!(close(by_start[row], ours.initial, 1e-14));
    }
    // The other face: burn's gradient of a convolution is the correlation.
    let kernel = Tensor::<2>::from_data(
        TensorData::new(a.clone(), [channels, length]),
        (&device, DType::F64),
    );
    let kernel = kernel.require_grad();
    let u = tensor(&b).require_grad();
    let gradients =
        (causal_convolution(u.clone(), kernel.clone()) * tensor(&weights)).sum().backward();
    let by_u = numbers(u.grad(&gradients).unwrap());
    let by_kernel = kernel.grad(&gradients).unwrap().into_data().try_to_vec::<f64>().unwrap();
    for row in 0..channels {
        let part = row * length..(row + 1) * length;
        let weights = &weights[part.clone()];
        for (k, expected) in correlate(&a[part.clone()], weights).into_iter().enumerate() {
            assert!(close(by_u[row * length + k], expected, 1e-13));
        }
        for (k, expected) in correlate(&b[part], weights).into_iter().enumerate() {
            assert!(close(by_kernel[row * length + k], expected, 1e-13));
        }
    }
}

#[test]
fn what_does_not_fit_is_refused_in_a_sentence() {
    let system = system();
    let error = system_gradients(&system, &vectors(3, 2, 1), &vectors(2, 2, 1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "expected 3 gradients by the outputs, one for each step, found 2"
    );
    let error = system_gradients(&system, &vectors(3, 2, 1), &vectors(3, 1, 1)).unwrap_err();
    assert!(matches!(error, GradientError::Input(_)), "{error}");
    assert!(system_gradients(&system, &vectors(3, 1, 1), &vectors(3, 2, 1)).is_err());
    assert!(recurrence_gradients(&[1.0], &[1.0], 0.0, &[]).is_err());
    assert!(adjoint_states(&[1.0], &[]).is_err());
    assert!(gradients_in_segments(&[1.0], &[1.0], 0.0, &[1.0], 0).is_err());
    // Also where the missing inputs would have been a whole segment.
    let error = gradients_in_segments(&[1.0; 4], &[1.0; 2], 0.0, &[1.0; 4], 2).unwrap_err();
    assert_eq!(error.to_string(), "expected b to have 4 numbers, as a has, found 2");
    let (a, b) = (dmatrix![-1.0], dmatrix![1.0]);
    assert!(held_step_gradients(&a, &b, 0.0, &a, &b).is_err());
    assert!(held_step_gradients(&a, &b, 1.0, &dmatrix![1.0, 2.0], &b).is_err());
}
