//! States that turn: the reference's numbers, three ways to read, and what cannot be counted without turning.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use classical_ssm::state_space::StateSpace;
use discretization::exponential_integrators::{self, exponential_trapezoidal, selective_states};
use mamba::practice::{Practice, share_right, unseen};
use mamba::selection::Puzzle;
use math_foundations::matrix_exponential::matrix_exponential;
use ml_links::language_model::{CharacterModel, Noise, token_tensor};
use ml_links::parameterization::normal;
use ml_links::recurrent_networks::sigmoid;
use ml_links::testing::{apart, noise, numbers};
use ml_links::training::{Recipe, RunOptions, Trainer, train};
use nalgebra::{DMatrix, DVector, dmatrix, dvector};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use state_space_duality::mamba3::{Memory, Parity, Token, fading_answers, mask, toggle, turned};
use state_space_duality::mamba3_layer::{
    Mamba3Config, Mamba3Lm, Recurrence, TurningInputs, TurningState, attend,
};
use std::f64::consts::{PI, TAU};

use state_space_duality::parity_lesson::ParityLesson;

use crate::common::{Golden, golden};

fn random(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

fn draw(head_dim: usize, d_state: usize, rank: usize, random: &mut ChaCha8Rng) -> Token {
    let mut matrix = |rows: usize| DMatrix::from_fn(rows, rank, |_, _| normal(random));
    let (b, c, u) = (matrix(d_state), matrix(d_state), matrix(head_dim));
    Token {
        decay: -random.random::<f64>(),
        delta: 2.0 * random.random::<f64>(),
        lambda: random.random(),
        turn: DVector::from_fn(d_state / 2, |_, _| PI * normal(random)),
        b,
        c,
        u,
    }
}

fn tokens(count: usize, sizes: [usize; 3], seed: u64) -> Vec<Token> {
    let random = &mut random(seed);
    (0..count).map(|_| draw(sizes[0], sizes[1], sizes[2], random)).collect()
}

fn steps(memory: &mut Memory, tokens: &[Token]) -> Vec<DMatrix<f64>> {
    tokens.iter().map(|token| memory.step(token).unwrap()).collect()
}

fn at_rest([head_dim, d_state, rank]: [usize; 3]) -> Memory {
    Memory::at_rest(head_dim, d_state, rank)
}

fn furthest(a: &[DMatrix<f64>], b: &[DMatrix<f64>]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).amax()).fold(0.0, f64::max)
}

/// A file of the reference's numbers, and the sizes in it.
struct Reference {
    file: Golden,
    batch: usize,
    length: usize,
    heads: usize,
    head_dim: usize,
    d_state: usize,
    pairs: usize,
}

impl Reference {
    fn of(name: &str) -> Self {
        let file = golden(name);
        let (u, angles) = (file.tensor("x").0, file.tensor("angle_raw").0);
        let d_state = file.tensor("B").0[3];
        let [batch, length, heads, head_dim] = u[..] else { panic!("{u:?}") };
        Self { file, batch, length, heads, head_dim, d_state, pairs: angles[3] }
    }

    /// What one head of one sequence reads; `[batch, heads, length]` in the file where a token has one number.
    fn tokens(&self, batch: usize, head: usize) -> Vec<Token> {
        let of = |name: &str| self.file.numbers(name);
        let (u, angles, b, c) = (of("x"), of("angle_raw"), of("B"), of("C"));
        let (b_bias, c_bias) = (of("B_bias"), of("C_bias"));
        let (decay, delta, trap) = (of("a_delta"), of("delta"), of("trap_logit"));
        let token = |k: usize| {
            let one = (batch * self.heads + head) * self.length + k;
            let step = batch * self.length + k;
            let row = step * self.heads + head;
            let biased = |all: &[f64], bias: &[f64]| {
                DMatrix::from_fn(self.d_state, 1, |n, _| {
                    all[step * self.d_state + n] + bias[head * self.d_state + n]
                })
            };
            Token {
                decay: decay[one],
                delta: delta[one],
                lambda: sigmoid(trap[one]),
                turn: DVector::from_fn(self.pairs, |i, _| {
                    PI * angles[row * self.pairs + i].tanh() * delta[one]
                }),
                b: biased(&b, &b_bias),
                c: biased(&c, &c_bias),
                u: DMatrix::from_fn(self.head_dim, 1, |p, _| u[row * self.head_dim + p]),
            }
        };
        (0..self.length).map(token).collect()
    }

    /// What the head says, past D and through the gate, beside what the reference says.
    fn compare(&self, batch: usize, head: usize, said: &[DMatrix<f64>], tokens: &[Token]) -> f64 {
        let of = |name: &str| self.file.numbers(name);
        let (d, z, expected) = (of("D"), of("z"), of("y"));
        let mut worst = 0.0_f64;
        for (k, (y, token)) in said.iter().zip(tokens).enumerate() {
            for p in 0..self.head_dim {
                let at = ((batch * self.length + k) * self.heads + head) * self.head_dim + p;
                let found = (y[p] + d[head] * token.u[p]) * z[at] * sigmoid(z[at]);
                worst = worst.max((found - expected[at]).abs());
            }
        }
        worst
    }

    fn last(&self, name: &str, batch: usize, head: usize, size: usize) -> Vec<f64> {
        let begin = (batch * self.heads + head) * size;
        self.file.numbers(name)[begin..begin + size].to_vec()
    }
}

const FILES: [&str; 2] = ["mamba3_siso_small.safetensors", "mamba3_siso_L65.safetensors"];

#[test]
fn heads_say_and_remember_what_the_references_do() {
    for name in FILES {
        let reference = Reference::of(name);
        let sizes = [reference.head_dim, reference.d_state, 1];
        for batch in 0..reference.batch {
            for head in 0..reference.heads {
                let tokens = reference.tokens(batch, head);
                let mut memory = at_rest(sizes);
                let said = steps(&mut memory, &tokens);
                let mut attended = at_rest(sizes);
                let pieces = tokens.chunks(7).map(|piece| attended.attend(piece).unwrap());
                let in_pieces: Vec<_> = pieces.flatten().collect();
                for (way, said, memory) in
                    [("steps", said, memory), ("attention", in_pieces, attended)]
                {
                    let at = format!("{name}, {batch}, {head}, by {way}");
                    let found = reference.compare(batch, head, &said, &tokens);
                    assert!(found < 1e-13, "{at}: y off by {found:e}");
                    let last = |name, size| reference.last(name, batch, head, size);
                    let state = last("final_state", reference.head_dim * reference.d_state);
                    let rows: Vec<f64> = memory.x.transpose().iter().copied().collect();
                    assert!(apart(&rows, &state) < 1e-13, "{at}: state");
                    let angle = last("final_angle", reference.pairs);
                    let theta = &memory.theta.as_slice()[..reference.pairs];
                    assert!(apart(theta, &angle) < 1e-13, "{at}: angle");
                    assert!(
                        apart(memory.b.as_slice(), &last("final_k", reference.d_state)) < 1e-13
                    );
                    assert_eq!(memory.u.as_slice(), last("final_v", reference.head_dim));
                }
            }
        }
    }
}

#[test]
fn tensors_say_and_remember_what_the_references_do() {
    let device = Device::flex();
    for name in FILES {
        let reference = Reference::of(name);
        let Reference { batch, length, heads, head_dim, d_state, pairs, .. } = reference;
        let of = |name: &str| {
            let values: Vec<f32> =
                reference.file.numbers(name).iter().map(|&value| value as f32).collect();
            values
        };
        let tensor = |name: &str, shape: [usize; 4]| {
            Tensor::<4>::from_data(TensorData::new(of(name), shape), &device)
        };
        let of_token = |name: &str| {
            let shape = [batch, heads, length];
            Tensor::<3>::from_data(TensorData::new(of(name), shape), &device).swap_dims(1, 2)
        };
        let biased = |name: &str, bias: &str| {
            tensor(name, [batch, length, 1, d_state]) + tensor(bias, [1, 1, heads, d_state])
        };
        let delta = of_token("delta");
        let shape = [batch, length, heads, head_dim];
        let inputs = TurningInputs {
            u: tensor("x", shape),
            b: biased("B", "B_bias"),
            c: biased("C", "C_bias"),
            decay: of_token("a_delta"),
            lambda: burn::tensor::activation::sigmoid(of_token("trap_logit")),
            turn: tensor("angle_raw", [batch, length, heads, pairs]).tanh()
                * delta.clone().unsqueeze_dim(3)
                * PI,
            delta,
        };
        let gate = burn::tensor::activation::silu(tensor("z", shape));
        let d = tensor("D", [1, 1, heads, 1]);
        for chunk in [64, 5, 1] {
            let (y, state) = attend(&inputs, TurningState::at_rest(&inputs), chunk);
            let y = (y + inputs.u.clone() * d.clone()) * gate.clone();
            let near = |what: &str, found: Vec<f64>, name: &str| {
                let off = apart(&found, &reference.file.numbers(name));
                assert!(off < 2e-5, "{name}, {what}, chunks of {chunk}: {off:e}");
            };
            near("y", numbers(y), "y");
            near("state", numbers(state.x), "final_state");
            near("angle", numbers(state.theta), "final_angle");
            near("B", numbers(state.b), "final_k");
            near("u", numbers(state.u), "final_v");
        }
    }
}

#[test]
fn eq_7_4_turning_the_states_is_turning_what_goes_in_and_out() {
    // Left: A of each token as a matrix, a spiral for each pair, and its exponential. Right: real decays, B and C turned.
    let sizes = [3, 6, 2];
    let tokens = tokens(40, sizes, 4);
    let mut memory = at_rest(sizes);
    let mut x = DMatrix::zeros(3, 6);
    let mut pushed = DMatrix::zeros(3, 6);
    for (k, token) in tokens.iter().enumerate() {
        let mut spiral = DMatrix::identity(6, 6) * token.decay;
        for (i, turn) in token.turn.iter().enumerate() {
            spiral[(2 * i, 2 * i + 1)] = *turn;
            spiral[(2 * i + 1, 2 * i)] = -turn;
        }
        let flow = matrix_exponential(&spiral).unwrap();
        let push = &token.u * token.b.transpose();
        let before = &x + &pushed * ((1.0 - token.lambda) * token.delta);
        x = before * flow.transpose() + &push * (token.lambda * token.delta);
        pushed = push;
        let expected = &x * &token.c;
        let found = memory.step(token).unwrap();
        assert!((&found - &expected).amax() < 1e-12, "step {k}: {found} for {expected}");
        let back = turned(&memory.x.transpose(), &-&memory.theta).transpose();
        assert!((&back - &x).amax() < 1e-12, "step {k}: {back} for {x}");
    }
}

#[test]
fn a_step_is_chapter_threes_rule_for_a_spiral() {
    let (rate, omega, delta, lambda) = (-0.3, 1.7, 0.4, 0.35);
    let a = dmatrix![rate, omega; -omega, rate];
    let (b, c) = (dmatrix![0.8; -0.5], dmatrix![1.0, 2.0]);
    let flow = StateSpace::continuous(a, b.clone(), c.clone(), dmatrix![0.0]).unwrap();
    let rule = exponential_trapezoidal(&flow, delta, lambda).unwrap();
    let u: Vec<f64> = (0..30).map(|k| f64::from(k).sin()).collect();
    let mut memory = Memory::at_rest(1, 2, 1);
    let (mut x, mut before) = (dvector![0.0, 0.0], 0.0);
    for (k, &u) in u.iter().enumerate() {
        x = &rule.a_bar * x + &rule.b_bar * dvector![u] + &rule.b_bar_previous * dvector![before];
        before = u;
        let token = Token {
            decay: delta * rate,
            delta,
            lambda,
            turn: dvector![delta * omega],
            b: b.clone(),
            c: c.transpose(),
            u: dmatrix![u],
        };
        let (found, expected) = (memory.step(&token).unwrap()[0], (&c * &x)[0]);
        assert!((found - expected).abs() < 1e-13, "step {k}: {found} for {expected}");
    }
}

#[test]
fn without_turns_it_is_chapter_threes_selective_recurrence() {
    let sizes = [1, 4, 1];
    let still: Vec<Token> = tokens(30, sizes, 5)
        .into_iter()
        .map(|token| Token { turn: DVector::zeros(0), ..token })
        .collect();
    let known: Vec<exponential_integrators::Token> = still
        .iter()
        .map(|token| exponential_integrators::Token {
            a: DVector::from_element(4, token.decay / token.delta),
            delta: token.delta,
            lambda: token.lambda,
            b: token.b.column(0).into_owned(),
            u: token.u[0],
        })
        .collect();
    let mut memory = at_rest(sizes);
    for (token, expected) in still.iter().zip(selective_states(&known).unwrap()) {
        memory.step(token).unwrap();
        assert!((memory.x.transpose().column(0) - expected).amax() < 1e-13);
    }
}

proptest! {
    #[test]
    fn attention_in_pieces_of_any_length_equals_steps(length in 0_usize..40, head_dim in 1_usize..4, pairs in 1_usize..4, rank in 1_usize..4, cut in 1_usize..40, seed in 0_u64..1000) {
        let sizes = [head_dim, 2 * pairs, rank];
        let tokens = tokens(length, sizes, seed);
        let (mut stepped, mut attended) = (at_rest(sizes), at_rest(sizes));
        let one_by_one = steps(&mut stepped, &tokens);
        let at_once: Vec<_> = tokens.chunks(cut).flat_map(|piece| attended.attend(piece).unwrap()).collect();
        prop_assert!(furthest(&one_by_one, &at_once) < 1e-11);
        prop_assert!((stepped.x - attended.x).amax() < 1e-11);
        prop_assert_eq!((stepped.theta, stepped.b, stepped.u), (attended.theta, attended.b, attended.u));
    }

    #[test]
    fn several_inputs_and_outputs_are_all_pairs_of_one(rank in 1_usize..5, seed in 0_u64..1000) {
        let tokens = tokens(25, [3, 4, rank], seed);
        let together = steps(&mut Memory::at_rest(3, 4, rank), &tokens);
        // Input i by output j: heads of rank 1, each with a state of its own.
        for j in 0..rank {
            let mut sum = vec![DVector::zeros(3); tokens.len()];
            for i in 0..rank {
                let column = |matrix: &DMatrix<f64>, i: usize| matrix.columns(i, 1).into_owned();
                let alone: Vec<Token> = tokens
                    .iter()
                    .map(|token| Token {
                        b: column(&token.b, i),
                        u: column(&token.u, i),
                        c: column(&token.c, j),
                        ..token.clone()
                    })
                    .collect();
                let said = steps(&mut Memory::at_rest(3, 4, 1), &alone);
                sum.iter_mut().zip(said).for_each(|(sum, y)| *sum += y.column(0));
            }
            for (sum, together) in sum.iter().zip(&together) {
                prop_assert!((sum - together.column(j)).amax() < 1e-11);
            }
        }
    }

    #[test]
    fn separate_inputs_do_not_hear_each_other(seed in 0_u64..1000) {
        // Each input writes to states of its own and its output reads only those: two heads in one.
        let mut pairs = tokens(25, [2, 4, 2], seed);
        for token in &mut pairs {
            for n in 0..4 {
                for r in 0..2 {
                    if n / 2 != r {
                        (token.b[(n, r)], token.c[(n, r)]) = (0.0, 0.0);
                    }
                }
            }
        }
        let together = steps(&mut Memory::at_rest(2, 4, 2), &pairs);
        for r in 0..2 {
            let alone: Vec<Token> = pairs
                .iter()
                .map(|token| Token {
                    turn: dvector![token.turn[r]],
                    b: token.b.view((2 * r, r), (2, 1)).into_owned(),
                    c: token.c.view((2 * r, r), (2, 1)).into_owned(),
                    u: token.u.columns(r, 1).into_owned(),
                    ..token.clone()
                })
                .collect();
            let said = steps(&mut Memory::at_rest(2, 2, 1), &alone);
            for (alone, together) in said.iter().zip(&together) {
                prop_assert!((alone.column(0) - together.column(r)).amax() < 1e-12);
            }
        }
    }

    #[test]
    fn what_only_fades_changes_its_mind_no_more_often_than_it_has_heads(heads in 1_usize..7, seed in 0_u64..2000) {
        let random = &mut random(seed);
        let decays: Vec<f64> = (0..heads).map(|_| random.random()).collect();
        let reads: Vec<f64> = (0..heads).map(|_| normal(random)).collect();
        let bias = normal(random);
        let y = fading_answers(&decays, &reads, bias, 60);
        prop_assert!(sign_changes(&y) <= heads);
    }
}

/// Differences that are rounding have no sign.
fn sign_changes(y: &[f64]) -> usize {
    let loudest = y.iter().fold(0.0_f64, |loudest, y| loudest.max(y.abs()));
    let signs: Vec<bool> =
        y.iter().filter(|y| y.abs() > 1e-5 * loudest).map(|y| *y > 0.0).collect();
    signs.windows(2).filter(|pair| pair[0] != pair[1]).count()
}

#[test]
fn a_fading_head_says_what_the_memory_says_of_the_same_token_again_and_again() {
    let token = Token {
        decay: 0.8_f64.ln(),
        delta: 1.0,
        lambda: 1.0,
        turn: dvector![0.0],
        b: dmatrix![0.3; 2.0],
        c: dmatrix![-1.0; 0.7],
        u: dmatrix![1.5],
    };
    let said = steps(&mut Memory::at_rest(1, 2, 1), &vec![token; 30]);
    let read = 1.5 * (-0.3 + 1.4);
    let expected = fading_answers(&[0.8], &[read], 0.0, 30);
    for (said, expected) in said.iter().zip(expected) {
        assert!((said[0] - expected).abs() < 1e-13);
    }
}

#[test]
fn half_a_turn_and_a_push_count_to_two_for_ever() {
    let puzzle = Parity::of_each_beginning(20_000).unwrap();
    let example = puzzle.draw(&mut random(1));
    let mut memory = Memory::at_rest(1, 2, 1);
    for (k, (bit, odd)) in example.tokens.iter().zip(&example.answers).enumerate() {
        let y = memory.step(&toggle(*bit == 1)).unwrap()[0];
        assert!((y - *odd as f64).abs() < 1e-9, "step {k}: {y} for {odd}");
    }
}

#[test]
fn the_next_step_says_how_much_a_token_mattered() {
    let tokens = tokens(6, [1, 2, 1], 8);
    let l = mask(&tokens);
    for j in 0..6 {
        for k in 0..6 {
            let own = tokens[j].lambda * tokens[j].delta;
            let expected = match k {
                k if k < j => 0.0,
                k if k == j => own,
                _ => {
                    let next = (1.0 - tokens[j + 1].lambda) * tokens[j + 1].delta;
                    let faded: f64 = tokens[j + 1..=k].iter().map(|token| token.decay).sum();
                    faded.exp() * (own + next)
                }
            };
            assert!((l[(k, j)] - expected).abs() < 1e-15, "{k}, {j}");
        }
    }
}

#[test]
fn a_mask_of_tokens_far_apart_is_no_quotient_of_two_zeros() {
    let mut tokens = tokens(50, [1, 2, 1], 9);
    tokens.iter_mut().for_each(|token| token.decay = -40.0);
    let l = mask(&tokens);
    assert!(l.iter().all(|entry| entry.is_finite()));
    // What the quotient of two products from the beginning would be.
    let product = |k: i32| (-40.0 * f64::from(k)).exp();
    assert!((product(49) / product(48)).is_nan());
    assert!(l[(49, 48)] > 0.0);
    let said = Memory::at_rest(1, 2, 1).attend(&tokens).unwrap();
    assert!(said.iter().all(|y| y[0].is_finite()));
}

#[test]
fn angles_go_round() {
    let mut memory = Memory::at_rest(1, 4, 1);
    for token in tokens(300, [1, 4, 1], 10) {
        memory.step(&token).unwrap();
        assert!(memory.theta.iter().all(|theta| (0.0..TAU).contains(theta)), "{}", memory.theta);
    }
}

#[test]
fn tokens_that_fit_no_head_are_refused_in_a_sentence_and_not_read() {
    let fits = toggle(true);
    let refused = |token: Token, sentence: &str| {
        let mut memory = Memory::at_rest(1, 2, 1);
        assert_eq!(memory.step(&token).unwrap_err().to_string(), sentence);
        let piece = [toggle(true), token];
        assert_eq!(memory.attend(&piece).unwrap_err().to_string(), sentence);
        assert_eq!(memory, Memory::at_rest(1, 2, 1));
    };
    let wide = Token { b: dmatrix![1.0, 0.0; 0.0, 1.0], ..fits.clone() };
    refused(wide, "expected b to be 2 x 1, found 2 x 2");
    let lambda = Token { lambda: 1.5, ..fits.clone() };
    refused(lambda, "expected λ to be from 0 to 1, found 1.5");
    let grows = Token { decay: 0.1, ..fits.clone() };
    refused(grows, "expected -Δa to be finite and not negative, found -0.1");
    let turns = Token { turn: dvector![1.0, 2.0], ..fits };
    let sentence =
        "expected the number of turns to be no more than there are pairs of states, found 2";
    refused(turns, sentence);
}

#[test]
fn gradients_do_not_depend_on_the_chunks() {
    let device = Device::flex().autodiff();
    let inputs = |grad: &mut Vec<Tensor<4>>| {
        let mut leaf = |shape, seed| {
            let tensor = noise::<4>(shape, seed, &device).require_grad();
            grad.push(tensor.clone());
            tensor
        };
        let (u, b, c) = (leaf([2, 23, 2, 3], 1), leaf([2, 23, 2, 6], 2), leaf([2, 23, 2, 6], 3));
        let (decay, delta) = (leaf([2, 23, 2, 1], 4), leaf([2, 23, 2, 1], 5));
        let (lambda, turn) = (leaf([2, 23, 2, 1], 6), leaf([2, 23, 2, 2], 7));
        TurningInputs {
            u,
            b,
            c,
            decay: -decay.exp().squeeze_dim::<3>(3),
            delta: delta.exp().squeeze_dim(3),
            lambda: burn::tensor::activation::sigmoid(lambda).squeeze_dim(3),
            turn: turn * 3.0,
        }
    };
    let gradients = |chunk| {
        let mut leaves = Vec::new();
        let inputs = inputs(&mut leaves);
        let (y, _) = attend(&inputs, TurningState::at_rest(&inputs), chunk);
        let weights = noise::<4>([2, 23, 2, 3], 8, &device);
        let gradients = (y * weights).sum().backward();
        let of = |leaf: &Tensor<4>| numbers(leaf.grad(&gradients).expect("it was used"));
        leaves.iter().map(of).collect::<Vec<_>>()
    };
    let whole = gradients(23);
    for chunk in [1, 4, 10] {
        for (name, (found, expected)) in ["u", "b", "c", "decay", "delta", "lambda", "turn"]
            .iter()
            .zip(gradients(chunk).iter().zip(&whole))
        {
            assert!(expected.iter().any(|value| value.abs() > 1e-3), "{name}");
            let off = apart(found, expected);
            assert!(off < 1e-5, "{name}, chunks of {chunk}: {off:e}");
        }
    }
}

#[test]
fn with_and_without_turns_a_model_has_the_same_sizes_and_first_weights() {
    let device = Device::flex();
    let of = |recurrence| {
        let config = Mamba3Config { recurrence, ..Mamba3Config::default() };
        Mamba3Lm::init(&config, 3, &device).unwrap()
    };
    let [turning, real, mamba2] =
        [Recurrence::Mamba3, Recurrence::Real, Recurrence::Mamba2].map(of);
    assert_eq!(turning.num_params(), real.num_params());
    assert_eq!(turning.num_params(), mamba2.num_params());
    let first = |model: &Mamba3Lm| numbers(model.layers[0].in_proj.weight.val());
    assert_eq!(first(&turning), first(&mamba2));
    // One string, three answers.
    let tokens = token_tensor(&[1, 0, 1, 1, 0, 1], [1, 6], &device);
    let said = |model: &Mamba3Lm| numbers(model.logits(tokens.clone(), &mut Noise::none()));
    let (turning, real, mamba2) = (said(&turning), said(&real), said(&mamba2));
    assert!(apart(&turning, &real) > 1e-3 && apart(&real, &mamba2) > 1e-3);
}

/// How much is right of whole strings of 8 and of 16 bits, after some steps on strings of up to 8.
fn taught(recurrence: Recurrence) -> [f64; 2] {
    let device = Device::flex().autodiff();
    let config = Mamba3Config {
        d_model: 8,
        d_state: 4,
        head_dim: 8,
        steps: [0.1, 1.0],
        recurrence,
        ..Mamba3Config::default()
    };
    let model = Mamba3Lm::init(&config, 1, &device).unwrap();
    let practice = Practice::new(Parity::of_each_beginning(8).unwrap(), 2, 16, 1, &device).unwrap();
    let lesson = ParityLesson { practice, doubt: 0.1, device: device.clone() };
    let recipe = Recipe { rate: 2e-2, warm_up: 10, floor: 1e-3, ..Recipe::new(200) };
    let trainer = Trainer::new(model, recipe).unwrap();
    let (trainer, _) =
        train(trainer, &lesson, &RunOptions::default(), &json!({}), &mut |_| {}).unwrap();
    let model = trainer.into_model().valid();
    [8, 16].map(|bits| {
        let strings = unseen(&Parity::of_the_whole(bits).unwrap(), 300, 2);
        share_right(&model, &strings, &device)
    })
}

#[test]
fn turns_learn_parity_in_seconds() {
    let [short, long] = taught(Recurrence::Mamba3);
    assert!(short > 0.98 && long > 0.6, "{short}, {long}");
}

#[test]
fn what_only_fades_does_not_learn_it() {
    for recurrence in [Recurrence::Real, Recurrence::Mamba2] {
        let [_, long] = taught(recurrence);
        assert!((0.3..0.7).contains(&long), "{recurrence:?}: {long}");
    }
}

#[test]
fn a_layer_that_only_fades_can_say_the_parity_of_no_long_string_of_ones() {
    let device = Device::flex();
    for recurrence in [Recurrence::Real, Recurrence::Mamba2] {
        for seed in 0..10 {
            let config = Mamba3Config { recurrence, steps: [0.1, 2.0], ..Mamba3Config::default() };
            let model = Mamba3Lm::init(&config, seed, &device).unwrap();
            let ones = token_tensor(&[1; 60], [1, 60], &device);
            let logits = model.logits(ones, &mut Noise::none());
            let difference = logits.clone().narrow(2, 1, 1) - logits.narrow(2, 0, 1);
            let changes = sign_changes(&numbers(difference));
            assert!(changes <= config.heads(), "seed {seed}: {changes}");
        }
    }
}
