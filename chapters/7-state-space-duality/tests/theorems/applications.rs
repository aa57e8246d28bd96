//! What is claimed on the page `applications`: what a state holds, what a cache costs.

use burn::tensor::Device;
use mamba::config::MambaConfig;
use mamba::mamba_block::MambaBlock;
use nalgebra::{DMatrix, DVector};
use state_space_duality::applications::{Facts, Stack, capacity};

/// Columns of an orthogonal matrix as keys.
fn at_right_angles(width: usize) -> Vec<DVector<f64>> {
    let q = math_foundations::introduction::random_orthogonal(width, 5);
    q.column_iter().map(|column| column.into_owned()).collect()
}

#[test]
fn eq_7_6_a_state_answers_with_the_value_and_with_crosstalk() {
    let (count, width) = (12, 5);
    let keys: Vec<DVector<f64>> =
        math_foundations::introduction::random_tokens(count, width, 1.0, 3)
            .into_iter()
            .map(|key| key.normalize())
            .collect();
    let values: Vec<usize> = (0..count).map(|j| (5 * j) % 7).collect();
    let facts = Facts::of(keys.clone(), values.clone()).unwrap();
    let unit = |value: usize| DVector::from_fn(7, |i, _| f64::from(i == value));
    for (i, asked) in keys.iter().enumerate() {
        let found = facts.state() * asked;
        let mut expected = unit(values[i]);
        for j in (0..count).filter(|&j| j != i) {
            expected += unit(values[j]) * keys[j].dot(asked);
        }
        assert!((found - expected).amax() < 1e-14, "pair {i}");
    }
}

#[test]
fn keys_at_right_angles_are_recalled_without_fail() {
    for width in [2, 7, 32] {
        let facts = Facts::of(at_right_angles(width), (0..width).collect()).unwrap();
        let state = facts.state();
        assert_eq!(facts.share_recalled(|key| &state * key), 1.0);
    }
}

/// More directions than numbers there are not: the (N+1)-th key is a mixture of the others, and so is what is found under it.
#[test]
fn one_key_more_than_dimensions_is_heard_through_others() {
    let mut keys = at_right_angles(6);
    keys.push((&keys[0] + &keys[1]).normalize());
    let facts = Facts::of(keys.clone(), (0..7).collect()).unwrap();
    let found = facts.state() * &keys[6];
    let shared = 0.5_f64.sqrt();
    assert!((found[6] - 1.0).abs() < 1e-14);
    assert!((found[0] - shared).abs() < 1e-14 && (found[1] - shared).abs() < 1e-14);
}

#[test]
fn a_cache_recalls_ten_times_what_a_state_has_numbers_for() {
    let (width, symbols) = (16, 64);
    let pairs = 10 * capacity(width, symbols) as usize;
    let facts = Facts::draw(pairs, width, symbols, 2).unwrap();
    let state = facts.state();
    assert_eq!(facts.share_recalled(|key| facts.look_up(key, 100.0)), 1.0);
    assert!(facts.share_recalled(|key| &state * key) < 0.25);
}

#[test]
fn what_a_state_recalls_grows_with_its_numbers() {
    // At the same number of pairs for each number of the state, about the same share is recalled.
    let share = |width: usize, load: f64| {
        let pairs = (load * capacity(width, 64)) as usize;
        (0..4)
            .map(|seed| {
                let facts = Facts::draw(pairs, width, 64, seed).unwrap();
                let state = facts.state();
                facts.share_recalled(|key| &state * key)
            })
            .sum::<f64>()
            / 4.0
    };
    for width in [16, 64] {
        assert!(share(width, 0.25) > 0.95, "{width}");
        assert!((0.3..0.9).contains(&share(width, 1.0)), "{width}: {}", share(width, 1.0));
        assert!(share(width, 8.0) < 0.25, "{width}");
    }
    assert!((share(16, 1.0) - share(64, 1.0)).abs() < 0.15);
}

#[test]
fn a_state_stays_and_a_cache_grows() {
    let stack =
        Stack { attention: 1, recurrent: 7, key_width: 64, d_inner: 256, d_state: 16, taps: 4 };
    assert_eq!(stack.carried(0), stack.kept());
    assert_eq!(stack.carried(2000) - stack.carried(1000), stack.cached(1000));
    let none = Stack { attention: 0, ..stack };
    assert_eq!(none.carried(1_000_000), none.carried(1));
    let even = stack.even_after();
    let one = Stack { attention: 1, recurrent: 1, ..stack };
    assert!(one.cached(even) >= one.kept() && one.cached(even - 1) < one.kept());
}

/// The count is that of the model of chapter 6.
#[test]
fn a_mamba_keeps_as_much_as_is_counted() {
    let config = MambaConfig { hidden_size: 24, state_size: 8, ..MambaConfig::default() };
    let device = Device::flex();
    let state = MambaBlock::init(&config, 1, &device).unwrap().initial_state(1, &device);
    let numbers = |dims: [usize; 3]| dims.iter().product::<usize>();
    let stack = Stack {
        attention: 0,
        recurrent: 1,
        key_width: 1,
        d_inner: config.d_inner(),
        d_state: config.state_size,
        taps: config.conv_kernel,
    };
    assert_eq!(4 * (numbers(state.conv.dims()) + numbers(state.ssm.dims())), stack.kept());
}

#[test]
fn what_cannot_be_asked_for_is_refused_in_words() {
    let error = Facts::draw(0, 4, 4, 1).unwrap_err().to_string();
    assert_eq!(error, "expected the pairs to be at least 1, found 0");
    assert!(Facts::draw(3, 0, 4, 1).is_err() && Facts::draw(3, 4, 0, 1).is_err());
    assert!(Facts::of(vec![], vec![]).is_err());
    assert!(Facts::of(vec![DVector::zeros(2), DVector::zeros(3)], vec![0, 1]).is_err());
    assert!(Facts::of(vec![DVector::zeros(2)], vec![0, 1]).is_err());
    // Numbers of the state: rows are values, columns are the numbers of a key.
    assert_eq!(
        Facts::draw(3, 4, 5, 1).unwrap().state().shape(),
        DMatrix::<f64>::zeros(5, 4).shape()
    );
}
