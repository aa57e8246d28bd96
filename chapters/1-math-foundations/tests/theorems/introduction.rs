//! What the page `introduction` claims.

use math_foundations::introduction::{
    Attention, Forgetting, LinearRecurrence, RecurrentNetwork, attention_multiply_adds,
    random_orthogonal, random_tokens,
};
use nalgebra::{DMatrix, DVector, dmatrix, dvector};
use proptest::prelude::*;

/// A random recurrence of any shape, its spectral radius below one, and its random inputs.
fn recurrence_and_inputs()
-> impl Strategy<Value = (DMatrix<f64>, DMatrix<f64>, DMatrix<f64>, Vec<DVector<f64>>)> {
    (1..6_usize, 1..4_usize, 1..4_usize, 1..20_usize, any::<u64>()).prop_map(
        |(n, m, p, steps, seed)| {
            let a_bar = 0.9 * random_orthogonal(n, seed);
            let b_bar = DMatrix::from_columns(&random_tokens(m, n, 1.0, seed ^ 1));
            let c = DMatrix::from_columns(&random_tokens(n, p, 1.0, seed ^ 2));
            (a_bar, b_bar, c, random_tokens(steps, m, 1.0, seed ^ 3))
        },
    )
}

fn run(
    recurrence: &LinearRecurrence,
    inputs: &[DVector<f64>],
    d_state: usize,
) -> Vec<DVector<f64>> {
    let mut x = DVector::zeros(d_state);
    inputs.iter().map(|u_k| recurrence.step(u_k, &mut x).expect("inputs of width M")).collect()
}

/// States and outputs are sums of at most 20 terms of order 1: a few hundred roundings.
const ROUNDING: f64 = 1e-12;

proptest! {
    /// `y_k = sum_j C Ā^{k-j} B̄ u_j`, j = 0 to k: the recurrence unrolled, `u_k` included.
    #[test]
    fn eq_0_1_state_is_the_sum_of_all_inputs_it_has_seen(
        (a_bar, b_bar, c, inputs) in recurrence_and_inputs()
    ) {
        let recurrence = LinearRecurrence::new(a_bar.clone(), b_bar.clone(), c.clone()).unwrap();
        for (k, y_k) in run(&recurrence, &inputs, a_bar.nrows()).iter().enumerate() {
            let mut expected = DVector::zeros(c.nrows());
            for (j, u_j) in inputs[..=k].iter().enumerate() {
                expected += &c * a_bar.pow((k - j) as u32) * &b_bar * u_j;
            }
            let error = (y_k - &expected).amax();
            prop_assert!(error < ROUNDING, "step {k}: expected {expected}, found {y_k}");
        }
    }

    /// Control texts let the state lag: `z_{k+1} = Ā z_k + B̄ v_k`. Their state walks through the
    /// same values when each input is relabelled one step earlier, `v_k = u_{k+1}`; with the
    /// labels kept, `z_{k+1} = x_k`, and their `C' = C Ā`, `D' = C B̄` give the same outputs.
    #[test]
    fn eq_0_1_other_convention_is_a_relabelled_input(
        (a_bar, b_bar, c, inputs) in recurrence_and_inputs()
    ) {
        let recurrence = LinearRecurrence::new(a_bar.clone(), b_bar.clone(), c.clone()).unwrap();
        let outputs = run(&recurrence, &inputs, a_bar.nrows());

        // Relabelled: u_0 makes z_0, then v_k = u_{k+1}.
        let mut z = &b_bar * &inputs[0];
        for (k, y_k) in outputs.iter().enumerate() {
            let expected = &c * &z;
            prop_assert!((y_k - &expected).amax() < ROUNDING, "step {k}: {expected} or {y_k}");
            if let Some(v_k) = inputs.get(k + 1) {
                z = &a_bar * z + &b_bar * v_k;
            }
        }

        // Labels kept: other matrices, same outputs.
        let (c_other, d_other) = (&c * &a_bar, &c * &b_bar);
        let mut z = DVector::zeros(a_bar.nrows());
        for (k, (u_k, y_k)) in inputs.iter().zip(&outputs).enumerate() {
            let expected = &c_other * &z + &d_other * u_k;
            prop_assert!((y_k - &expected).amax() < ROUNDING, "step {k}: {expected} or {y_k}");
            z = &a_bar * z + &b_bar * u_k;
        }
    }

    /// N + 1 inputs do not fit in N numbers: the coefficients of the characteristic polynomial,
    /// fed from the highest down, leave no trace of themselves (Cayley and Hamilton).
    #[test]
    fn a_state_of_n_numbers_confuses_two_histories_of_n_plus_one(
        eigenvalues in prop::collection::vec(-1.0..1.0_f64, 1..6),
        b in prop::collection::vec(-1.0..1.0_f64, 6),
    ) {
        let n = eigenvalues.len();
        let mut coefficients = vec![1.0];
        for lambda in &eigenvalues {
            // Multiply the polynomial by (z - lambda).
            coefficients.push(0.0);
            for i in (1..coefficients.len()).rev() {
                coefficients[i] -= lambda * coefficients[i - 1];
            }
        }
        let recurrence = LinearRecurrence::new(
            DMatrix::from_diagonal(&DVector::from_vec(eigenvalues)),
            DMatrix::from_column_slice(n, 1, &b[..n]),
            DMatrix::identity(n, n),
        ).unwrap();
        let history: Vec<_> = coefficients.iter().map(|u| dvector![*u]).collect();
        let states = run(&recurrence, &history, n);
        prop_assert!(states[n].amax() < ROUNDING, "left in the state: {}", states[n]);
    }

    /// The counter is the formula, and the cache is two rows a token.
    #[test]
    fn attention_pays_for_every_pair_of_tokens(length in 1..60_usize, width in 1..10_usize) {
        let mut attention = Attention::new(width);
        for u in random_tokens(length, width, 1.0, 5) {
            attention.step(&u, &u, &u).unwrap();
        }
        let expected = attention_multiply_adds(width as u64, length as u64);
        prop_assert_eq!(attention.multiply_adds(), expected);
        prop_assert_eq!(attention.memory_bytes(), 2 * 8 * length * width);
    }

    /// Steps against the definition: one softmax row, written out.
    #[test]
    fn attention_is_a_softmax_weighted_mean(length in 1..12_usize, loudness in 0.1..30.0_f64) {
        let width = 3;
        let tokens = random_tokens(3 * length, width, loudness, 11);
        let (queries, rest) = tokens.split_at(length);
        let (keys, values) = rest.split_at(length);
        let mut attention = Attention::new(width);
        for k in 0..length {
            let found = attention.step(&queries[k], &keys[k], &values[k]).unwrap();
            let score = |j: usize| queries[k].dot(&keys[j]) / 3.0_f64.sqrt();
            let total: f64 = (0..=k).map(|j| score(j).exp()).sum();
            let expected = (0..=k).map(|j| score(j).exp() / total * &values[j]);
            let expected = expected.fold(DVector::zeros(width), |sum, term| sum + term);
            // This naive form overflows beyond a score of 709; those draws are skipped. What is
            // left has scores of some hundreds, whose exponentials lose three digits.
            prop_assume!(total.is_finite() && total > 0.0);
            let error = (&found - &expected).amax();
            prop_assert!(error < 1e-10 * loudness, "step {k}: expected {expected}, found {found}");
        }
    }

    /// `d x_k / d x_0` by the chain rule against a difference quotient of the network itself.
    #[test]
    fn sensitivity_is_the_derivative_of_the_state(gain in 0.5..1.5_f64, seed in 0..1000_u64) {
        let (n, steps, h) = (3, 6, 1e-5);
        let network =
            RecurrentNetwork::new(gain * random_orthogonal(n, seed), DMatrix::identity(n, n)).unwrap();
        let inputs = random_tokens(steps + 1, n, 0.5, seed + 1);
        let last_state = |change: &DVector<f64>| {
            let mut x = DVector::zeros(n);
            network.step(&inputs[0], &mut x).unwrap();
            x += change;
            for u_k in &inputs[1..] {
                network.step(u_k, &mut x).unwrap();
            }
            x
        };
        let columns: Vec<_> = (0..n)
            .map(|i| {
                let change = DVector::from_fn(n, |row, _| if row == i { h } else { 0.0 });
                (last_state(&change) - last_state(&-change)) / (2.0 * h)
            })
            .collect();
        let expected = DMatrix::from_columns(&columns).singular_values().max();
        let found = network.sensitivity(&inputs).unwrap()[steps];
        // A central difference: truncation of order h^2 times a third derivative that the gain
        // raises to the power of the steps, and 1e-16 / h of rounding.
        let error = (found - expected).abs();
        prop_assert!(error < 1e-6 * (1.0 + expected), "expected {expected}, found {found}");
    }
}

/// The query is loud enough (scores beyond 709) for a softmax without its subtraction to overflow.
#[test]
fn attention_quotes_the_first_token_after_a_thousand() {
    let keys = random_tokens(1000, 64, 1.0, 1);
    let values = random_tokens(1000, 64, 1.0, 2);
    let mut attention = Attention::new(64);
    for (key, value) in keys.iter().zip(&values) {
        attention.step(key, key, value).unwrap();
    }
    let quoted = attention.step(&(1000.0 * &keys[0]), &keys[0], &values[0]).unwrap();
    assert!((quoted - &values[0]).amax() < 1e-12);
}

#[test]
fn a_recurrence_costs_the_same_at_every_step() {
    let identity = DMatrix::<f64>::identity(64, 64);
    let recurrence =
        LinearRecurrence::new(identity.clone(), identity.clone(), identity.clone()).unwrap();
    assert_eq!(recurrence.multiply_adds_per_step(), 3 * 64 * 64);
    assert_eq!(recurrence.memory_bytes(), 512);
}

/// The page: below 191 tokens attention is the cheaper one.
#[test]
fn attention_is_cheaper_until_token_191() {
    let recurrence = |length: u64| 3 * 64 * 64 * length;
    assert!(attention_multiply_adds(64, 190) < recurrence(190));
    assert_eq!(attention_multiply_adds(64, 191), recurrence(191));
    assert!(attention_multiply_adds(64, 192) > recurrence(192));
}

#[test]
fn a_network_of_small_gain_forgets_and_of_large_gain_explodes() {
    let curves = Forgetting::default().measure().unwrap();
    let last = |curve: &Vec<f64>| curve[200];
    let [small, one, slightly, large] = curves.networks.iter().map(last).collect::<Vec<_>>()[..]
    else {
        panic!("four gains")
    };
    assert!(small < 1e-8, "gain 0.9: {small:e}");
    assert!(one < 0.01, "gain 1.0: {one:e}");
    assert!((0.1..10.0).contains(&slightly), "gain 1.1: {slightly:e}");
    assert!(large > 1e5, "gain 1.5: {large:e}");
}

#[test]
fn a_linear_recurrence_forgets_at_the_rate_of_its_eigenvalues() {
    let curves = Forgetting::default().measure().unwrap();
    for (k, stretch) in curves.linear.iter().enumerate() {
        let expected = 0.999_f64.powi(k as i32);
        assert!(
            (stretch - expected).abs() < 1e-12,
            "step {k}: expected {expected}, found {stretch}"
        );
    }
}

/// The gain that was right for quiet inputs is wrong for louder ones.
#[test]
fn louder_inputs_make_a_network_forget_faster_and_leave_the_recurrence_alone() {
    let quiet = Forgetting { gains: vec![1.1], ..Forgetting::default() };
    let loud = Forgetting { loudness: 0.5, ..quiet.clone() };
    let (quiet, loud) = (quiet.measure().unwrap(), loud.measure().unwrap());
    assert!(loud.networks[0][200] < 1e-6 * quiet.networks[0][200]);
    assert_eq!(loud.linear, quiet.linear);
}

/// The page, "Try it": the gain that keeps a trace of loud inputs explodes under quiet ones.
#[test]
fn a_gain_chosen_for_loud_inputs_explodes_under_quiet_ones() {
    let loud = Forgetting { gains: vec![1.3], loudness: 0.5, ..Forgetting::default() };
    let quiet = Forgetting { loudness: 0.1, ..loud.clone() };
    let at_200 = |setup: Forgetting| format!("{:.1e}", setup.measure().unwrap().networks[0][200]);
    assert_eq!(at_200(loud), "3.2e-2");
    assert_eq!(at_200(quiet), "2.0e3");
}

#[test]
fn shapes_that_do_not_fit_are_refused_in_a_sentence() {
    let one = DMatrix::<f64>::identity(1, 1);
    let two = DMatrix::<f64>::identity(2, 2);
    let error = LinearRecurrence::new(two.clone(), one.clone(), two.clone()).unwrap_err();
    assert_eq!(error.to_string(), "expected B-bar to be 2 x 1, found 1 x 1");
    let error = LinearRecurrence::new(two.clone(), two.clone(), one.clone()).unwrap_err();
    assert_eq!(error.to_string(), "expected C to be 1 x 2, found 1 x 1");
    let error = RecurrentNetwork::new(dmatrix![1.0, 2.0], one.clone()).unwrap_err();
    assert_eq!(error.to_string(), "expected W to be square, found 1 x 2");
    let recurrence = LinearRecurrence::new(two.clone(), two.clone(), two).unwrap();
    let error = recurrence.step(&dvector![1.0], &mut DVector::zeros(2)).unwrap_err();
    assert_eq!(error.to_string(), "expected u_k to be 2 x 1, found 1 x 1");
    let (short, fits) = (dvector![1.0], dvector![1.0, 2.0]);
    let error = Attention::new(2).step(&fits, &short, &fits).unwrap_err();
    assert_eq!(error.to_string(), "expected the key to be 2 x 1, found 1 x 1");
    let empty = Forgetting { d_state: 0, ..Forgetting::default() };
    assert_eq!(
        empty.measure().unwrap_err().to_string(),
        "expected N to be finite and positive, found 0"
    );
}
