//! Theorems of the page `recurrent_networks`.

use burn::tensor::{Device, Tensor, TensorData};
use classical_ssm::state_space::StateSpace;
use discretization::zero_order_hold::zero_order_hold;
use math_foundations::introduction::{LinearRecurrence, random_orthogonal, random_tokens};
use math_foundations::stability::spectral_radius;
use ml_links::recall::{Contender, Recall};
use ml_links::recurrent_networks::{
    Cell, ElmanCell, GruCell, LstmCell, RecurrentNetworkConfig, Unit, Weights, gate_of_memory,
    held_gate, log_stretches, lyapunov_exponents, sigmoid,
};
use nalgebra::{DMatrix, DVector, dmatrix, dvector};
use serde_json::Value;

use crate::common::{fixture, matrix};

/// A row of numbers of a fixture.
fn vector(numbers: &Value) -> DVector<f64> {
    DVector::from_vec(serde_json::from_value(numbers.clone()).expect("numbers"))
}

fn weights(case: &Value) -> Weights {
    Weights {
        input: matrix(&case["input"]),
        recurrent: matrix(&case["recurrent"]),
        input_bias: vector(&case["input_bias"]),
        recurrent_bias: vector(&case["recurrent_bias"]),
    }
}

/// One cell of each kind, with five units and three inputs.
fn cells(seed: u64) -> [Box<dyn Cell>; 3] {
    [
        Box::new(ElmanCell::from_weights(Weights::random(1, 5, 3, seed)).unwrap()),
        Box::new(GruCell::from_weights(Weights::random(3, 5, 3, seed)).unwrap()),
        Box::new(LstmCell::from_weights(Weights::random(4, 5, 3, seed)).unwrap()),
    ]
}

/// Where a cell is after all inputs.
fn after(cell: &dyn Cell, start: &DVector<f64>, inputs: &[DVector<f64>]) -> DVector<f64> {
    inputs.iter().fold(start.clone(), |x, u_k| cell.step(&x, u_k).unwrap())
}

/// J_k … J_1 along a way.
fn product(cell: &dyn Cell, start: &DVector<f64>, inputs: &[DVector<f64>]) -> DMatrix<f64> {
    let mut x = start.clone();
    let mut product = DMatrix::identity(start.len(), start.len());
    for u_k in inputs {
        product = cell.jacobian(&x, u_k).unwrap() * product;
        x = cell.step(&x, u_k).unwrap();
    }
    product
}

/// The derivative of a vector by a vector, by central differences.
fn difference_quotient(
    f: impl Fn(&DVector<f64>) -> DVector<f64>,
    at: &DVector<f64>,
) -> DMatrix<f64> {
    // ε^(1/3): rounding and curvature cost alike.
    let h = 1e-5;
    let columns: Vec<DVector<f64>> = (0..at.len())
        .map(|j| {
            let mut moved = [at.clone(), at.clone()];
            moved[0][j] += h;
            moved[1][j] -= h;
            (f(&moved[0]) - f(&moved[1])) / (2.0 * h)
        })
        .collect();
    DMatrix::from_columns(&columns)
}

#[test]
fn eq_4_1_the_derivative_across_many_steps_is_the_product_of_the_jacobians() {
    for seed in 0..5 {
        let inputs = random_tokens(12, 3, 1.5, seed);
        for cell in cells(seed) {
            let start = &random_tokens(1, cell.d_state(), 0.8, seed + 100)[0];
            let left = difference_quotient(|x| after(&*cell, x, &inputs), start);
            let right = product(&*cell, start, &inputs);
            // Differences of 1e-5: 1e-10 from curvature, 1e-11 from rounding.
            let error = (&left - &right).amax();
            assert!(error < 1e-9 * (1.0 + right.amax()), "seed {seed}: {error:e}");
            assert!(right.amax() > 1e-7, "nothing is left to compare");
        }
    }
}

#[test]
fn each_jacobian_is_the_difference_quotient_of_its_step() {
    for seed in 0..20 {
        for cell in cells(seed) {
            let u = &random_tokens(1, 3, 3.0, seed + 7)[0];
            let x = &random_tokens(1, cell.d_state(), 2.0, seed + 8)[0];
            let expected = difference_quotient(|x| cell.step(x, u).unwrap(), x);
            let error = (cell.jacobian(x, u).unwrap() - expected).amax();
            assert!(error < 1e-9, "seed {seed}, N = {}: {error:e}", cell.d_state());
        }
    }
}

#[test]
fn golden_cells_agree_with_pytorch() {
    let golden = fixture("recurrent_cells.json");
    let inputs: Vec<DVector<f64>> =
        golden["inputs"].as_array().unwrap().iter().map(vector).collect();
    let mut compared = 0;
    for case in golden["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let cell: Box<dyn Cell> = match name {
            "elman" => Box::new(ElmanCell::from_weights(weights(case)).unwrap()),
            "gru" => Box::new(GruCell::from_weights(weights(case)).unwrap()),
            _ => Box::new(LstmCell::from_weights(weights(case)).unwrap()),
        };
        let start = vector(&case["start"]);
        let mut x = start.clone();
        for (k, (u_k, expected)) in
            inputs.iter().zip(case["states"].as_array().unwrap()).enumerate()
        {
            x = cell.step(&x, u_k).unwrap();
            let error = (&x - vector(expected)).amax();
            assert!(error < 1e-14, "{name}: x_{k} is off by {error:e}");
            compared += 1;
        }
        let expected = matrix(&case["derivative"]);
        let error = (product(&*cell, &start, &inputs) - &expected).amax();
        assert!(error < 1e-13 * (1.0 + expected.amax()), "{name}: derivative off by {error:e}");
    }
    assert_eq!(compared, 30);
}

#[test]
fn reset_gate_before_the_weights_is_another_network_than_pytorchs() {
    let golden = fixture("recurrent_cells.json");
    let case = &golden["cases"][1];
    let Weights { input, recurrent, input_bias, recurrent_bias } = weights(case);
    let (x, u) = (vector(&case["start"]), vector(&golden["inputs"][0]));
    let n = x.len();
    let send = |x: &DVector<f64>, gate: usize| {
        let block = |all: &DVector<f64>| all.rows(gate * n, n).into_owned();
        (block(&(&input * &u + &input_bias)), block(&(&recurrent * x + &recurrent_bias)))
    };
    let gate = |gate: usize| {
        let (from_u, from_x) = send(&x, gate);
        (from_u + from_x).map(sigmoid)
    };
    let (reset, stay) = (gate(0), gate(1));
    let expected = vector(&case["states"][0]);
    // After the weights: PyTorch's number. Before them, as the paper's last version has it: another.
    let (from_u, from_x) = send(&x, 2);
    let proposal = (from_u + reset.component_mul(&from_x)).map(f64::tanh);
    let after = &proposal + stay.component_mul(&(&x - &proposal));
    assert!((after - &expected).amax() < 1e-14);
    let (from_u, from_x) = send(&reset.component_mul(&x), 2);
    let proposal = (from_u + from_x).map(f64::tanh);
    let before = &proposal + stay.component_mul(&(&x - &proposal));
    assert!((before - &expected).amax() > 1e-2);
}

#[test]
fn a_gate_is_a_zero_order_hold_whose_step_is_softplus() {
    let mut worst = [0.0_f64; 2];
    for tenths in -300..=300 {
        let z = f64::from(tenths) / 10.0;
        let (stays, enters) = held_gate(z).unwrap();
        // Both relative to themselves, down to 1e-13: the hold subtracts nothing.
        let errors = [stays / sigmoid(-z) - 1.0, enters / sigmoid(z) - 1.0];
        for (worst, error) in worst.iter_mut().zip(errors) {
            *worst = worst.max(error.abs());
        }
    }
    // e^{-Δ} is squared up from a shorter step: its last bits are doubled each time.
    assert!(worst[0] < 2e-13 && worst[1] < 2e-15, "{worst:?}");
    // The wider world: a gate that was never opened, one that was never shut.
    let (stays, enters) = held_gate(800.0).unwrap();
    assert!(stays < 1e-300 && (enters - 1.0).abs() < 1e-14);
    assert_eq!(held_gate(-700.0).unwrap().0, 1.0);
    assert!(held_gate(f64::NAN).is_err() && held_gate(f64::NEG_INFINITY).is_err());
}

#[test]
fn a_gru_is_a_row_of_leaky_buckets_each_held_for_a_step_of_its_own() {
    for seed in 0..10 {
        let gru = GruCell::from_weights(Weights::random(3, 6, 2, seed)).unwrap();
        let u = &random_tokens(1, 2, 4.0, seed)[0];
        let x = &random_tokens(1, 6, 1.0, seed + 50)[0];
        let (gates, proposal) = (gru.gate_input(x, u).unwrap(), gru.proposal(x, u).unwrap());
        let stepped = gru.step(x, u).unwrap();
        for unit in 0..6 {
            // x' = -x + n, and n waits: Δ = ln(1 + e^z), from a library that knows no gates.
            let delta = gates[unit].exp().ln_1p();
            let bucket =
                StateSpace::continuous(dmatrix![-1.0], dmatrix![1.0], dmatrix![1.0], dmatrix![0.0]);
            let rule = zero_order_hold(&bucket.unwrap(), delta).unwrap();
            let held = rule.a_bar[0] * x[unit] + rule.b_bar_previous[0] * proposal[unit];
            assert!((held - stepped[unit]).abs() < 1e-15, "seed {seed}, unit {unit}");
        }
    }
}

#[test]
fn a_gate_set_for_t_steps_lets_a_tth_through() {
    for steps in [1.001, 2.0, 3.0, 100.0, 1e6, 1e12] {
        let z = gate_of_memory(steps).unwrap();
        assert!((sigmoid(z) * steps - 1.0).abs() < 1e-12, "T = {steps}");
    }
    let error = gate_of_memory(1.0).unwrap_err().to_string();
    assert_eq!(error, "expected T - 1 to be finite and positive, found 0");
}

#[test]
fn weights_with_a_memory_let_a_tth_through_from_rest() {
    let (rest, silence) = (DVector::zeros(8), DVector::zeros(2));
    let gru = Weights::random(3, 8, 2, 5).with_memory(50.0).unwrap();
    for z in &GruCell::from_weights(gru).unwrap().gate_input(&rest, &silence).unwrap() {
        assert!((50.0 * sigmoid(*z) - 1.0).abs() < 1e-12);
    }
    // And so does the store of an LSTM: of a store that is moved, 49 parts of 50 are still there.
    let lstm = Weights::random(4, 8, 2, 5).with_memory(50.0).unwrap();
    let jacobian = LstmCell::from_weights(lstm).unwrap().jacobian(&DVector::zeros(16), &silence);
    for kept in jacobian.unwrap().view((0, 0), (8, 8)).diagonal().iter() {
        assert!((50.0 * (1.0 - kept) - 1.0).abs() < 1e-12);
    }
}

#[test]
fn without_its_bend_an_elman_network_is_a_linear_recurrence() {
    // tanh z = z (1 - z²/3 + …): at a loudness of 1e-6 the bend is beyond the twelfth digit.
    let (w, b) = (random_orthogonal(6, 3) * 0.9, random_orthogonal(6, 4));
    let elman = ElmanCell::new(w.clone(), b.clone(), DVector::zeros(6)).unwrap();
    let linear = LinearRecurrence::new(w, b, DMatrix::identity(6, 6)).unwrap();
    let (mut x, mut y) = (DVector::zeros(6), DVector::zeros(6));
    for u_k in random_tokens(30, 6, 1e-6, 5) {
        x = elman.step(&x, &u_k).unwrap();
        linear.step(&u_k, &mut y).unwrap();
    }
    assert!((x - &y).norm() < 1e-11 * y.norm());
}

#[test]
fn a_contraction_vanishes_at_least_geometrically() {
    // σ_max(W) = 0.8, and the slopes of tanh are at most 1: whatever is said, 0.8^k bounds it.
    let w = random_orthogonal(10, 1) * 0.8;
    let cell = ElmanCell::new(w, DMatrix::identity(10, 10), DVector::zeros(10)).unwrap();
    for (seed, loudness) in [(1, 0.01), (2, 1.0), (3, 30.0)] {
        let inputs = random_tokens(60, 10, loudness, seed);
        let logs = log_stretches(&cell, &DVector::zeros(10), &inputs).unwrap();
        for (k, log) in logs.iter().enumerate() {
            assert!(*log <= (k + 1) as f64 * 0.8_f64.ln() + 1e-12, "after step {k}");
        }
    }
}

#[test]
fn what_holds_a_bit_against_noise_forgets_its_gradient() {
    // Two fixed points: the latch comes back from a push of 0.5, and its derivative there is below 1.
    let latch = ElmanCell::new(dmatrix![2.0], dmatrix![1.0], dvector![0.0]).unwrap();
    let silence = vec![dvector![0.0]; 40];
    let up = after(&latch, &dvector![0.5], &silence)[0];
    let down = after(&latch, &dvector![-0.5], &silence)[0];
    assert!((up - 0.957_504_024_077_3).abs() < 1e-12 && up == -down);
    let slope = latch.jacobian(&dvector![up], &dvector![0.0]).unwrap()[0];
    assert!((slope - 2.0 * (1.0 - up * up)).abs() < 1e-15 && slope < 0.167);
    // A shut gate keeps both: what is stored, and the road back to it.
    let mut shut = Weights::random(3, 1, 1, 2);
    shut.input_bias[1] = 40.0;
    let gru = GruCell::from_weights(shut).unwrap();
    let held = after(&gru, &dvector![0.5], &silence)[0];
    assert!((held - 0.5).abs() < 1e-12);
    let stretch = log_stretches(&gru, &dvector![0.5], &silence).unwrap()[39].exp();
    assert!((stretch - 1.0).abs() < 1e-12);
}

#[test]
fn stretches_are_singular_values_of_the_product_and_never_overflow() {
    for cell in cells(3) {
        let inputs = random_tokens(15, 3, 1.0, 9);
        let start = DVector::from_element(cell.d_state(), 0.1);
        let logs = log_stretches(&*cell, &start, &inputs).unwrap();
        for (k, log) in logs.iter().enumerate() {
            let plain = product(&*cell, &start, &inputs[..=k]);
            let plain = plain.svd(false, false).singular_values.max();
            assert!((log.exp() / plain - 1.0).abs() < 1e-12, "after step {k}");
        }
    }
    // 3^k at rest: beyond 1e308 from k = 647 on.
    let loud = ElmanCell::new(dmatrix![3.0], dmatrix![1.0], dvector![0.0]).unwrap();
    let logs = log_stretches(&loud, &dvector![0.0], &vec![dvector![0.0]; 1000]).unwrap();
    assert!((logs[999] - 1000.0 * 3f64.ln()).abs() < 1e-9);
    // A tanh so deep in its corner that its slope is 0: nothing is left, and that is said.
    let deaf = vec![dvector![1000.0]; 3];
    assert_eq!(log_stretches(&loud, &dvector![0.0], &deaf).unwrap()[2], f64::NEG_INFINITY);
}

#[test]
fn at_rest_the_exponents_are_logarithms_of_eigenvalues() {
    let cell = ElmanCell::random(12, 0.9, 4).unwrap();
    let (rest, silence) = (DVector::zeros(12), vec![DVector::zeros(12); 3000]);
    let lambda = lyapunov_exponents(&cell, &rest, &silence, 12, 1000).unwrap();
    let w = cell.jacobian(&rest, &rest).unwrap();
    let mut moduli: Vec<f64> = math_foundations::eigendecomposition::eigenvalues(&w)
        .unwrap()
        .iter()
        .map(|lambda| lambda.norm().ln())
        .collect();
    moduli.sort_by(|p, q| q.total_cmp(p));
    for (i, (found, expected)) in lambda.iter().zip(&moduli).enumerate() {
        // A conjugate pair turns: its two rates wobble, and settle like 1/k.
        assert!((found - expected).abs() < 5e-3, "exponent {i}: {found}, expected {expected}");
    }
    let volume: f64 = lambda.iter().sum();
    assert!((volume - w.determinant().abs().ln()).abs() < 1e-9, "the volume shrinks by |det W|");
}

#[test]
fn exponent_is_the_rate_of_the_stretches() {
    let cell = ElmanCell::random(20, 1.2, 2).unwrap();
    let inputs = random_tokens(600, 20, 0.3, 3);
    let start = DVector::zeros(20);
    let rate = lyapunov_exponents(&cell, &start, &inputs, 1, 0).unwrap()[0];
    let logs = log_stretches(&cell, &start, &inputs).unwrap();
    assert!((logs[599] / 600.0 - rate).abs() < 0.01, "{rate}");
    // Louder inputs bend more: the memory gets shorter.
    let loud = random_tokens(600, 20, 3.0, 3);
    let loud = lyapunov_exponents(&cell, &start, &loud, 1, 0).unwrap()[0];
    assert!(loud < rate - 0.3, "{loud} against {rate}");
}

#[test]
fn spectral_radius_does_not_tell_the_first_steps() {
    // Radius 0.9, and yet the product grows at first: W is not normal. Rotations do not.
    let cell = ElmanCell::random(32, 0.9, 1).unwrap();
    let rest = DVector::zeros(32);
    let w = cell.jacobian(&rest, &rest).unwrap();
    assert!((spectral_radius(&w).unwrap() - 0.9).abs() < 1e-12);
    let logs = log_stretches(&cell, &rest, &vec![rest.clone(); 200]).unwrap();
    assert!(logs[0] > 0.4, "{}", logs[0]);
    assert!((logs[199] - logs[99]) / 100.0 < 0.95_f64.ln());
}

/// A burn network and the same one in double precision, side by side.
fn trained_network_is_its_cell(unit: Unit) {
    let device = Device::flex();
    let network = RecurrentNetworkConfig::new(unit, 2, 7, 1).init(&device);
    let cell = network.cell().unwrap();
    let inputs = random_tokens(20, 2, 1.0, 1);
    let flat: Vec<f32> = inputs.iter().flat_map(|u| u.iter().map(|u| *u as f32)).collect();
    let u = Tensor::<3>::from_data(TensorData::new(flat, [1, 20, 2]), &device);
    let states = network.states(u.clone());
    let mut x = DVector::zeros(7);
    for (k, (u_k, state)) in inputs.iter().zip(states).enumerate() {
        x = cell.step(&x, u_k).unwrap();
        let found: Vec<f64> = state.into_data().iter::<f64>().collect();
        let error = (DVector::from_vec(found) - &x).amax();
        // f32 carries seven digits.
        assert!(error < 2e-6, "{unit:?}: x_{k} is off by {error:e}");
    }
    let all = network.forward(u.clone()).narrow(1, 19, 1).squeeze_dim::<2>(1);
    let last = network.last(u);
    assert!((all - last).abs().into_scalar::<f32>() < 1e-6);
}

#[test]
fn networks_of_tensors_are_the_cells() {
    trained_network_is_its_cell(Unit::Elman);
    trained_network_is_its_cell(Unit::Gru);
}

#[test]
fn gates_begin_with_the_memory_that_was_asked_for() {
    let device = Device::flex();
    let config = RecurrentNetworkConfig::new(Unit::Gru, 1, 64, 1);
    // How much of a change of the state one step keeps, on average. All tests draw from one generator, so no two runs see the same
    // networks: 64 units of each kind are enough for an average to be told from the other.
    let kept = |memory| {
        let network = config.clone().with_memory(memory).init(&device);
        let stepped = |size: f64| {
            let mut state = Tensor::<2>::ones([1, 64], &device) * size;
            network.step(Tensor::zeros([1, 1], &device), &mut state);
            state
        };
        ((stepped(1e-2) - stepped(0.0)) / 1e-2).mean().into_scalar::<f32>()
    };
    let (with, without) = (kept(Some(1000.0)), kept(None));
    assert!(with > 0.8 && without < 0.7, "{with} against {without}");
}

#[test]
fn memories_begin_log_uniform() {
    let config = RecurrentNetworkConfig::new(Unit::Gru, 1, 128, 1).with_memory(Some(1000.0));
    let network = config.init(&Device::flex());
    let bias: Vec<f64> = network.recurrent.bias.unwrap().val().into_data().iter::<f64>().collect();
    // The update gate stays by σ(bias) = 1 - 1/T, so T = 1 + e^bias.
    let logs: Vec<f64> = bias[128..256].iter().map(|bias| bias.exp().ln_1p()).collect();
    assert!(logs.iter().all(|log| (2f64.ln()..1000f64.ln()).contains(log)), "{logs:?}");
    // Uniform between 0.7 and 6.9: a mean of 3.8, give or take five times 0.16.
    let mean = logs.iter().sum::<f64>() / 128.0;
    assert!((mean - 0.5 * 2000f64.ln()).abs() < 0.8, "{mean}");
    assert!(bias[..128].iter().chain(&bias[256..]).all(|bias| *bias == 0.0));
}

#[test]
fn what_does_not_fit_is_refused_in_words() {
    let refused = |weights| GruCell::from_weights(weights).unwrap_err().to_string();
    let short = refused(Weights::random(1, 4, 2, 1));
    assert_eq!(short, "expected the recurrent weights to be 12 x 4, found 4 x 4");
    let cell = LstmCell::from_weights(Weights::random(4, 3, 2, 1)).unwrap();
    let error = cell.step(&DVector::zeros(3), &DVector::zeros(2)).unwrap_err();
    assert_eq!(error.to_string(), "expected x to be 6 x 1, found 3 x 1");
    let error = cell.jacobian(&DVector::zeros(6), &DVector::zeros(1)).unwrap_err();
    assert_eq!(error.to_string(), "expected u_k to be 2 x 1, found 1 x 1");
    assert!(ElmanCell::random(0, 0.9, 1).is_err() && ElmanCell::random(3, 0.0, 1).is_err());
    let nan = ElmanCell::new(dmatrix![f64::NAN], dmatrix![1.0], dvector![0.0]).unwrap_err();
    assert!(nan.to_string().contains("finite"), "{nan}");
    let cell = ElmanCell::random(3, 0.9, 1).unwrap();
    let (rest, inputs) = (DVector::zeros(3), random_tokens(5, 3, 1.0, 1));
    assert!(lyapunov_exponents(&cell, &rest, &inputs, 0, 0).is_err());
    assert!(lyapunov_exponents(&cell, &rest, &inputs, 4, 0).is_err());
    assert!(lyapunov_exponents(&cell, &rest, &inputs, 1, 5).is_err());
}

#[test]
fn a_run_tells_what_it_trained_and_how_far_inputs_reach() {
    // That the error falls, the command `recall` is asked, alone in a process: networks are drawn from burn's one
    // generator, which all tests share here.
    let recall = Recall { length: 20, steps: 3, batch: 16, parameters: 300, ..Recall::default() };
    for contender in Contender::ALL {
        let mut told = Vec::new();
        let run = recall.train(contender, 0.01, &Device::flex(), |loss| told.push(loss)).unwrap();
        assert_eq!(run.losses, told);
        assert_eq!(told.len(), 3);
        assert!(run.parameters.abs_diff(300) < 40, "{} parameters", run.parameters);
        for reach in [&run.reach_before, &run.reach_after] {
            assert!(reach.len() == 20 && reach.iter().all(|reach| *reach > 0.0), "{reach:?}");
        }
        assert!(run.unseen > 0.1 && run.unseen < 3.0, "{}", run.unseen);
    }
}

#[test]
fn the_first_input_hardly_moves_the_answer_of_an_ordinary_gru() {
    let recall = Recall { steps: 1, ..Recall::default() };
    let reach = |contender| {
        let run = recall.train(contender, 1e-9, &Device::flex(), |_| ()).unwrap();
        run.reach_before[0] / run.reach_before[99]
    };
    let (ordinary, set) = (reach(Contender::Gru), reach(Contender::GruWithMemory));
    assert!(ordinary < 1e-8, "{ordinary}");
    assert!(set > 1e-3, "{set}");
}
