//! Exercise `gradients_back` of the page `recurrent_networks`.

use math_foundations::introduction::random_tokens;
use nalgebra::{DMatrix, DVector, dmatrix, dvector};
use workbench::exercise::{Exercise, Level, Mismatch, expect_close, expect_equal};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/gradients_back.rs"]
mod blank;
#[path = "../../solutions/gradients_back.rs"]
mod solution;

type Answer = fn(&DMatrix<f64>, &[DVector<f64>], &DVector<f64>) -> Vec<DVector<f64>>;

pub fn exercise() -> Exercise {
    Exercise::new("gradients_back", Level::Core, "eight lines", 15)
        .page("4-ml-links/recurrent-networks")
        .hints([
            "If a change of x_{k-1} becomes J times that change of x_k, what becomes of a gradient, which answers to changes?",
            "The slope of tanh at its output y is 1 - y²: which of the states holds that output, x_k or x_{k-1}?",
        ])
        .notice(
            "What to notice: the walk back is linear, whatever tanh did on the walk forth, and it needs every state. \
             That is the memory that training costs.",
        )
        .sources(
            include_str!("../../exercises/gradients_back.rs"),
            include_str!("../../solutions/gradients_back.rs"),
        )
        .answers::<Answer>(
            check,
            blank::gradients_back,
            solution::gradients_back,
            vec![not_transposed, slope_of_the_state_before, without_slope],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let found = answer(&dmatrix![0.5], &[dvector![0.0]], &dvector![3.0]);
    expect_equal("at one state", "the number of gradients", 1, found.len())?;
    let found = answer(&dmatrix![0.5], &[dvector![0.9], dvector![0.6]], &dvector![2.0]);
    expect_equal("at two states", "the number of gradients", 2, found.len())?;
    let at = "at W = 0.5, x = 0.9, 0.6, and a last gradient of 2";
    expect_close(at, "the first gradient", [0.64], &found[0], 1e-14)?;
    // Against the loss itself, l · x_3, at three units and three steps.
    let w = dmatrix![0.4, -1.1, 0.3; 0.9, 0.2, -0.5; 0.1, 0.8, 0.7];
    let (inputs, last) = (random_tokens(4, 3, 1.0, 5), dvector![1.0, -2.0, 0.5]);
    let walk = |from: usize, start: &DVector<f64>| {
        let step = |states: &mut Vec<DVector<f64>>, u: &DVector<f64>| {
            states.push((&w * &states[states.len() - 1] + u).map(f64::tanh));
        };
        let mut states = vec![start.clone()];
        inputs[from + 1..].iter().for_each(|u| step(&mut states, u));
        states
    };
    let states = walk(0, &inputs[0]);
    let found = answer(&w, &states, &last);
    expect_equal("at four states", "the number of gradients", 4, found.len())?;
    for (k, state) in states.iter().enumerate() {
        let moved = |i: usize, h: f64| {
            let mut state = state.clone();
            state[i] += h;
            let walked = walk(k, &state);
            walked[walked.len() - 1].dot(&last)
        };
        let expected = DVector::from_fn(3, |i, _| (moved(i, 1e-5) - moved(i, -1e-5)) / 2e-5);
        let at = format!("at three units, four states, the gradient by x_{k}");
        expect_close(at, "it", &expected, &found[k], 1e-8)?;
    }
    Ok(())
}

fn back(
    states: &[DVector<f64>],
    last: &DVector<f64>,
    step: impl Fn(DVector<f64>, usize) -> DVector<f64>,
) -> Vec<DVector<f64>> {
    let mut gradients = vec![last.clone()];
    for k in (1..states.len()).rev() {
        gradients.insert(0, step(gradients[0].clone(), k));
    }
    gradients
}

fn slope(x: &DVector<f64>) -> DVector<f64> {
    x.map(|x| 1.0 - x * x)
}

fn not_transposed(
    w: &DMatrix<f64>,
    states: &[DVector<f64>],
    last: &DVector<f64>,
) -> Vec<DVector<f64>> {
    back(states, last, |gradient, k| w * gradient.component_mul(&slope(&states[k])))
}

fn slope_of_the_state_before(
    w: &DMatrix<f64>,
    states: &[DVector<f64>],
    last: &DVector<f64>,
) -> Vec<DVector<f64>> {
    back(states, last, |gradient, k| w.tr_mul(&gradient.component_mul(&slope(&states[k - 1]))))
}

fn without_slope(
    w: &DMatrix<f64>,
    states: &[DVector<f64>],
    last: &DVector<f64>,
) -> Vec<DVector<f64>> {
    back(states, last, |gradient, _| w.tr_mul(&gradient))
}
