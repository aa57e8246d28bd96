//! What the page *Inference* claims.

use std::collections::HashSet;

use mamba::config::{MambaConfig, TimeStepRank};
use mamba::inference::{
    Choice, InferenceError, RandomTensors, Runner, State, Tensors, TokenReader, Weights, generate,
    score, softplus,
};
use mamba::matrix::{Matrix, Numbers};
use mamba::pretrained::{Pretrained, layout, load};
use ml_links::language_model::{Sampler, draw};
use ml_links::testing::apart;
use ml_links::training::Recipe;
use proptest::prelude::*;

use super::common::{Golden, fixture, golden};

/// A model of the reference implementation, and what it answers.
fn reference(name: &str) -> (Pretrained, Golden) {
    let model = load(&fixture(name), None).expect("a fixture");
    (model, golden(&format!("{name}/golden.safetensors")))
}

fn tiny() -> (Pretrained, Golden) {
    reference("hf_mamba_tiny")
}

/// One as it usually is, and one with nothing as it usually is.
const BOTH: [&str; 2] = ["hf_mamba_tiny", "hf_mamba_odd"];

/// One of the two sequences of the golden file.
fn ids(golden: &Golden, row: usize) -> Vec<u32> {
    golden.numbers("input_ids")[21 * row..][..21].iter().map(|&id| id as u32).collect()
}

/// A row of a golden tensor whose first axis is the batch.
fn row_of(golden: &Golden, name: &str, row: usize) -> Vec<f64> {
    let (shape, numbers) = golden.tensor(name);
    let length = numbers.len() / shape[0];
    numbers[length * row..][..length].to_vec()
}

#[track_caller]
fn assert_near(found: &[f32], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    let count = expected.len();
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let off = (f64::from(*found) - expected).abs();
        let worse = off > tolerance || off.is_nan();
        assert!(!worse, "number {i} of {count}: expected {expected}, found {found}");
    }
}

fn wide(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().map(|&number| number.into()).collect()
}

fn all_logits(weights: &Weights, ids: &[u32]) -> Vec<f32> {
    let mut all = Vec::new();
    Runner::new(weights).logits(ids, &mut |logits| all.extend_from_slice(logits)).expect("logits");
    all
}

#[test]
fn logits_of_a_prefill_are_the_reference_implementations() {
    for (model, golden) in BOTH.map(reference) {
        let vocabulary = model.weights.vocabulary();
        for row in 0..2 {
            let expected = row_of(&golden, "logits", row);
            assert_near(&all_logits(&model.weights, &ids(&golden, row)), &expected, 2e-5);
            let mut runner = Runner::new(&model.weights);
            let last = runner.prefill(&ids(&golden, row)).unwrap();
            assert_near(last, &expected[20 * vocabulary..], 2e-5);
        }
    }
}

#[test]
fn logits_of_steps_are_the_reference_implementations() {
    for (model, golden) in BOTH.map(reference) {
        let vocabulary = model.weights.vocabulary();
        for row in 0..2 {
            let expected = row_of(&golden, "logits", row);
            let mut runner = Runner::new(&model.weights);
            for (id, expected) in ids(&golden, row).into_iter().zip(expected.chunks(vocabulary)) {
                assert_near(runner.step(id).unwrap(), expected, 2e-5);
            }
        }
    }
}

#[test]
fn streams_and_states_are_the_reference_implementations() {
    for (model, golden) in BOTH.map(reference) {
        for row in 0..2 {
            let mut at_once = Runner::new(&model.weights);
            let streams = at_once.streams(&ids(&golden, row)).unwrap();
            for (layer, stream) in streams.iter().enumerate() {
                assert_near(stream, &row_of(&golden, &format!("hidden.{layer}"), row), 2e-5);
            }
            let mut stepped = Runner::new(&model.weights);
            for id in ids(&golden, row) {
                stepped.step(id).unwrap();
            }
            for layer in 0..model.config.num_hidden_layers {
                for runner in [&at_once, &stepped] {
                    let conv = row_of(&golden, &format!("conv_state.{layer}"), row);
                    assert_near(&runner.state().conv(layer), &conv, 2e-5);
                    let ssm = row_of(&golden, &format!("ssm_state.{layer}"), row);
                    assert_near(&runner.state().ssm(layer), &ssm, 2e-5);
                }
            }
        }
    }
}

fn greedy(weights: &Weights, prompt: &[u32], tokens: usize) -> Vec<u32> {
    let mut all = prompt.to_vec();
    let mut random = Recipe::new(1).random(0);
    let runner = &mut Runner::new(weights);
    generate(runner, prompt, tokens, &Choice::greedy(), None, &mut random, |id| {
        all.push(id);
        true
    })
    .expect("it is allowed");
    all
}

#[test]
fn greedy_tokens_are_the_reference_implementations() {
    for (model, golden) in BOTH.map(reference) {
        for row in 0..2 {
            let expected = row_of(&golden, "generated", row);
            let found = greedy(&model.weights, &ids(&golden, row), 24);
            assert_eq!(found.iter().map(|&id| f64::from(id)).collect::<Vec<_>>(), expected);
        }
    }
}

/// A model with nothing as it usually is.
fn odd() -> MambaConfig {
    MambaConfig {
        vocab_size: 23,
        hidden_size: 20,
        num_hidden_layers: 3,
        state_size: 5,
        // 70 channels: a block of 64, and 6 more.
        expand: 3.5,
        conv_kernel: 3,
        time_step_rank: TimeStepRank::Given(4),
        use_bias: true,
        use_conv_bias: false,
        tie_word_embeddings: false,
        layer_norm_epsilon: 1e-3,
        ..MambaConfig::default()
    }
}

/// The model letter by letter in double precision, one token after the other: all logits.
fn as_written(config: &MambaConfig, tensors: &RandomTensors, ids: &[u32]) -> Vec<f64> {
    let shapes: Vec<(String, Vec<usize>)> = layout(config);
    let get = |name: &str| -> Vec<f64> {
        let (name, shape) =
            shapes.iter().find(|(other, _)| other == name).expect("a tensor of the model");
        wide(&tensors.draw(name, shape))
    };
    let bias = |name: &str, length: usize| match shapes.iter().any(|(other, _)| other == name) {
        true => get(name),
        false => vec![0.0; length],
    };
    let times = |w: &[f64], x: &[f64]| -> Vec<f64> {
        w.chunks(x.len()).map(|row| row.iter().zip(x).map(|(w, x)| w * x).sum()).collect()
    };
    let plus = |x: &[f64], y: &[f64]| -> Vec<f64> { x.iter().zip(y).map(|(x, y)| x + y).collect() };
    let silu = |z: f64| z / (1.0 + (-z).exp());
    let norm = |x: &[f64], weight: &[f64]| -> Vec<f64> {
        let square = x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64;
        let root = (square + config.layer_norm_epsilon).sqrt();
        x.iter().zip(weight).map(|(x, weight)| x / root * weight).collect()
    };
    let (d_model, d_inner, n) = (config.hidden_size, config.d_inner(), config.state_size);
    let (rank, taps) = (config.dt_rank(), config.conv_kernel);
    let embeddings = get("backbone.embeddings.weight");
    let mut stream: Vec<Vec<f64>> =
        ids.iter().map(|&id| embeddings[id as usize * d_model..][..d_model].to_vec()).collect();
    for layer in 0..config.num_hidden_layers {
        let name = |rest: &str| format!("backbone.layers.{layer}.{rest}");
        let [norm_weight, in_proj, conv, x_proj, dt_proj, dt_bias, a_log, d, out_proj] = [
            "norm.weight",
            "mixer.in_proj.weight",
            "mixer.conv1d.weight",
            "mixer.x_proj.weight",
            "mixer.dt_proj.weight",
            "mixer.dt_proj.bias",
            "mixer.A_log",
            "mixer.D",
            "mixer.out_proj.weight",
        ]
        .map(|rest| get(&name(rest)));
        let in_bias = bias(&name("mixer.in_proj.bias"), 2 * d_inner);
        let conv_bias = bias(&name("mixer.conv1d.bias"), d_inner);
        let out_bias = bias(&name("mixer.out_proj.bias"), d_model);
        let mut heard: Vec<Vec<f64>> = vec![vec![0.0; d_inner]; taps];
        let mut x = vec![vec![0.0; n]; d_inner];
        for h in &mut stream {
            let inner = plus(&times(&in_proj, &norm(h, &norm_weight)), &in_bias);
            let (u, z) = inner.split_at(d_inner);
            heard.remove(0);
            heard.push(u.to_vec());
            let u: Vec<f64> = (0..d_inner)
                .map(|c| {
                    let sum: f64 = (0..taps).map(|j| conv[c * taps + j] * heard[j][c]).sum();
                    silu(sum + conv_bias[c])
                })
                .collect();
            let selected = times(&x_proj, &u);
            let (dt, bc) = selected.split_at(rank);
            let (b, c) = bc.split_at(n);
            let delta = plus(&times(&dt_proj, dt), &dt_bias);
            let y: Vec<f64> = (0..d_inner)
                .map(|i| {
                    let delta = delta[i].exp().ln_1p();
                    let mut y = d[i] * u[i];
                    for j in 0..n {
                        let a = -a_log[i * n + j].exp();
                        x[i][j] = (delta * a).exp() * x[i][j] + delta * u[i] * b[j];
                        y += c[j] * x[i][j];
                    }
                    y * silu(z[i])
                })
                .collect();
            *h = plus(h, &plus(&times(&out_proj, &y), &out_bias));
        }
    }
    let norm_f = get("backbone.norm_f.weight");
    let head = if config.tie_word_embeddings { embeddings } else { get("lm_head.weight") };
    stream.iter().flat_map(|h| times(&head, &norm(h, &norm_f))).collect()
}

#[test]
fn runner_is_the_model_letter_by_letter() {
    let usual = MambaConfig {
        vocab_size: 40,
        hidden_size: 64,
        num_hidden_layers: 2,
        ..MambaConfig::default()
    };
    for config in [odd(), usual] {
        let tensors = RandomTensors { seed: 3 };
        let ids: Vec<u32> = (0..70).map(|k| (k * k + 3) % 23).collect();
        let weights = Weights::read(&config, &tensors).unwrap();
        let expected = as_written(&config, &tensors, &ids);
        let off = apart(&wide(&all_logits(&weights, &ids)), &expected);
        assert!(off < 1e-5, "{off}");
    }
}

#[test]
fn eq_6_6_a_state_has_one_size_and_a_prefill_is_a_chain_of_steps() {
    let config = odd();
    let weights = Weights::read(&config, &RandomTensors { seed: 1 }).unwrap();
    let ids: Vec<u32> = (0..600).map(|k| (k * k * 7 + k) % 23).collect();
    let bytes =
        4 * config.num_hidden_layers * config.d_inner() * (config.conv_kernel + config.state_size);
    let mut stepped = Runner::new(&weights);
    assert_eq!(stepped.state().bytes(), bytes);
    for &id in &ids {
        stepped.step(id).unwrap();
    }
    let mut at_once = Runner::new(&weights);
    let logits = at_once.prefill(&ids).unwrap().to_vec();
    assert_eq!([stepped.state().bytes(), at_once.state().bytes()], [bytes; 2]);
    for layer in 0..3 {
        let state =
            |runner: &Runner| [runner.state().conv(layer), runner.state().ssm(layer)].concat();
        let off = apart(&wide(&state(&at_once)), &wide(&state(&stepped)));
        assert!(off < 1e-5, "layer {layer}: {off}");
    }
    let next = stepped.step(1).unwrap().to_vec();
    at_once.step(1).unwrap();
    assert!(apart(&wide(at_once.step(1).unwrap()), &wide(stepped.step(1).unwrap())) < 1e-5);
    assert_ne!(logits, next);

    // All weights once, and of the embeddings of an untied head none but a row.
    let numbers = |name: &str| name != "backbone.embeddings.weight";
    let read = layout(&config).into_iter().filter(|(name, _)| numbers(name));
    let read: usize = read.map(|(_, shape)| shape.iter().product::<usize>()).sum();
    assert_eq!(weights.bytes_of_a_step(), 4 * read);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn wherever_a_text_is_cut_its_end_is_the_same(
        ids in prop::collection::vec(0_u32..23, 2..300),
        cut in 0.0..1.0_f64,
        seed in 0_u64..100,
    ) {
        let weights = Weights::read(&odd(), &RandomTensors { seed }).unwrap();
        let mut whole = Runner::new(&weights);
        let expected = wide(whole.prefill(&ids).unwrap());
        let (first, second) = ids.split_at(1 + (cut * (ids.len() - 1) as f64) as usize);
        let mut runner = Runner::new(&weights);
        runner.prefill(first).unwrap();
        // A state that is carried over to another runner is all that there is to carry.
        let state: State = runner.state().clone();
        let mut runner = Runner::new(&weights);
        runner.resume(state, first.len());
        if !second.is_empty() {
            prop_assert!(apart(&wide(runner.prefill(second).unwrap()), &expected) < 1e-5);
        }
    }

    #[test]
    fn choice_among_candidates_is_choice_among_all(
        logits in prop::collection::vec(-8.0..8.0_f32, 1..200),
        temperature in prop_oneof![Just(0.0), 0.1..3.0_f64],
        top_k in prop::option::of(1_usize..250),
        top_p in prop::option::of(0.01..1.0_f64),
        number in 0.0..1.0_f64,
    ) {
        let sampler = Sampler { temperature, top_k, top_p };
        let choice = Choice { sampler, ..Choice::default() };
        let expected = draw(&sampler.probabilities(&wide(&logits)), number);
        prop_assert_eq!(choice.choose(&logits, &HashSet::new(), number), expected as u32);
    }
}

#[test]
fn penalty_divides_what_speaks_for_a_token_and_multiplies_what_speaks_against_it() {
    let logits = [3.0, -1.0, 0.5, 2.0];
    let said = HashSet::from([0, 1]);
    let choice = Choice { repetition_penalty: 2.0, ..Choice::default() };
    // 1.5, -2, 0.5, 2: drawn so often, the shares tell which logits were left.
    let exp = [1.5_f64, -2.0, 0.5, 2.0].map(f64::exp);
    let sum: f64 = exp.iter().sum();
    let mut before = 0.0;
    for (id, exp) in exp.into_iter().enumerate() {
        for inside in [0.01, 0.99] {
            let number = (before + inside * exp) / sum;
            assert_eq!(choice.choose(&logits, &said, number), id as u32);
        }
        before += exp;
    }
}

#[test]
fn scores_are_logarithms_of_what_the_logits_say() {
    let (model, golden) = tiny();
    let ids = ids(&golden, 0);
    let found = score(&mut Runner::new(&model.weights), &ids).unwrap();
    let logits = row_of(&golden, "logits", 0);
    assert_near(&found.last_logits, &logits[20 * 96..], 2e-5);
    assert_eq!(found.next_logprob.len(), 20);
    for (k, log_p) in found.next_logprob.iter().enumerate() {
        let row = &logits[96 * k..][..96];
        let sum: f64 = row.iter().map(|logit| logit.exp()).sum();
        assert!((log_p - (row[ids[k + 1] as usize] - sum.ln())).abs() < 4e-5, "after {k}");
    }
    let alone = score(&mut Runner::new(&model.weights), &ids[..1]).unwrap();
    assert!(alone.next_logprob.is_empty());
}

/// The tensors of another source with their matrices rounded, kept in 2 bytes or, the same numbers, in 4.
struct Rounded {
    random: RandomTensors,
    wide: bool,
}

impl Tensors for Rounded {
    type Error = <RandomTensors as Tensors>::Error;

    fn matrix(&self, name: &str, shape: [usize; 2]) -> Result<Matrix, Self::Error> {
        let half = self.random.matrix(name, shape)?.rounded();
        if !self.wide {
            return Ok(half);
        }
        let mut numbers = vec![0.0; shape[0] * shape[1]];
        for (row, out) in numbers.chunks_mut(shape[1]).enumerate() {
            half.row(row, out);
        }
        Ok(Matrix::new(shape, Numbers::F32(numbers))?)
    }

    fn numbers(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, Self::Error> {
        self.random.numbers(name, shape)
    }
}

#[test]
fn half_the_bytes_lose_nothing_but_the_rounding_of_the_weights() {
    let read = |wide| {
        let tensors = Rounded { random: RandomTensors { seed: 5 }, wide };
        Weights::read(&odd(), &tensors).unwrap()
    };
    let (two, four) = (read(false), read(true));
    assert!(two.bytes_of_a_step() < 2 * four.bytes_of_a_step() / 3);
    let ids: Vec<u32> = (0..30).map(|k| k % 23).collect();
    let [a, b] = [&two, &four].map(|weights| wide(&all_logits(weights, &ids)));
    assert!(apart(&a, &b) < 1e-6);
    let [mut a, mut b] = [&two, &four].map(Runner::new);
    for id in ids {
        assert_eq!(a.step(id).unwrap(), b.step(id).unwrap());
    }
}

#[test]
fn tokens_that_are_none_are_refused_and_nothing_is_read() {
    let (model, _) = tiny();
    let mut runner = Runner::new(&model.weights);
    let before = runner.state().clone();
    let error = runner.prefill(&[5, 96]).unwrap_err();
    assert_eq!(error.to_string(), "expected token ids below 96, found 96 at position 1");
    assert!(matches!(runner.step(u32::MAX), Err(InferenceError::UnknownToken { .. })));
    assert_eq!(runner.prefill(&[]), Err(InferenceError::EmptyPrompt));
    assert_eq!(*runner.state(), before);
}

#[test]
fn weights_that_are_no_numbers_are_noticed() {
    struct Broken;
    impl Tensors for Broken {
        type Error = <RandomTensors as Tensors>::Error;

        fn matrix(&self, name: &str, shape: [usize; 2]) -> Result<Matrix, Self::Error> {
            RandomTensors { seed: 1 }.matrix(name, shape)
        }

        fn numbers(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, Self::Error> {
            match name.ends_with("norm_f.weight") {
                true => Ok(vec![f32::NAN; shape[0]]),
                false => RandomTensors { seed: 1 }.numbers(name, shape),
            }
        }
    }
    let weights = Weights::read(&odd(), &Broken).unwrap();
    let error = Runner::new(&weights).prefill(&[1, 2, 3]).unwrap_err().to_string();
    assert!(error.starts_with("expected finite logits after 3 tokens, found NaN"), "{error}");
    assert!(score(&mut Runner::new(&weights), &[1, 2]).is_err());
}

#[test]
fn writing_ends_where_it_is_told_to() {
    let (model, golden) = tiny();
    let prompt = ids(&golden, 0);
    let write = |end: Option<u32>, most: usize| {
        let mut written = Vec::new();
        let mut random = Recipe::new(1).random(0);
        let runner = &mut Runner::new(&model.weights);
        generate(runner, &prompt, 24, &Choice::greedy(), end, &mut random, |id| {
            written.push(id);
            written.len() < most
        })
        .unwrap();
        written
    };
    assert_eq!(write(None, 99).len(), 24);
    assert_eq!(write(None, 3), [56, 90, 49]);
    // The token that ends a text is the last one written.
    assert_eq!(write(Some(84), 99), [56, 90, 49, 70, 84]);
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let sampler = Sampler::default();
    let bad = [
        (
            Choice { repetition_penalty: 0.0, ..Choice::default() },
            "a repetition penalty above 0, found 0",
        ),
        (Choice { repetition_penalty: f64::NAN, ..Choice::default() }, "found NaN"),
        (
            Choice { sampler: Sampler { temperature: -1.0, ..sampler }, ..Choice::default() },
            "temperature",
        ),
        (Choice { sampler: Sampler { top_k: Some(0), ..sampler }, ..Choice::default() }, "top-k"),
        (Choice { sampler: Sampler { top_p: Some(1.5), ..sampler }, ..Choice::default() }, "top-p"),
    ];
    for (choice, words) in bad {
        let sentence = choice.check().unwrap_err().to_string();
        assert!(sentence.contains(words), "{sentence}");
    }
}

#[test]
fn softplus_neither_overflows_nor_loses_small_steps() {
    for s in [-80.0, -20.0, -5.0, -0.5, 0.0, 0.5, 5.0, 20.0, 80.0_f32] {
        let expected = f64::from(s).max(0.0) + (-f64::from(s).abs()).exp().ln_1p();
        assert!((f64::from(softplus(s)) / expected - 1.0).abs() < 5e-7, "{s}");
    }
    assert_eq!(softplus(1e30), 1e30);
    assert!(softplus(-1e30) >= 0.0 && softplus(-1e30) < 1e-30);
    // The form that is written in books is infinite long before.
    assert_eq!(100_f32.exp().ln_1p(), f32::INFINITY);
}
