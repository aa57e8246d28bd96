//! What the page `mamba2` claims.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Int, Tensor};
use half::{bf16, f16};
use mamba::config::ConfigError;
use mamba::inference::{
    Choice, InferenceError, RandomTensors, Tensors, TokenReader, generate, score,
};
use mamba::mamba_lm::name_in_file;
use mamba::tensor_files::{Dtype, TensorFiles};
use ml_links::language_model::{CharacterModel, cross_entropy, token_tensor};
use ml_links::parameterization::softplus;
use ml_links::testing::{apart, card, noise, numbers};
use ml_links::training::Recipe;
use proptest::prelude::*;
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use serde_json::{Value, json};
use state_space_duality::mamba2::{GatedRmsNorm, Mamba2Block, Mamba2Lm};
use state_space_duality::mamba2_config::{Limits, Mamba2Config, as_json};
use state_space_duality::mamba2_runner::{
    AnyMamba, Mamba2Runner, Mamba2State, Mamba2Weights, PretrainedMamba2, load,
};
use tempfile::TempDir;

use crate::common::{Golden, fixture, golden};

/// One as it usually is, and one with nothing as it usually is.
const BOTH: [&str; 2] = ["hf_mamba2_tiny", "hf_mamba2_odd"];

fn load_2(folder: &Path) -> PretrainedMamba2 {
    match load(folder, None).unwrap() {
        AnyMamba::Mamba2(model) => *model,
        AnyMamba::Mamba(_) => panic!("{} is a Mamba", folder.display()),
    }
}

/// A model of the reference implementation, and what it answers.
fn reference(name: &str) -> (PretrainedMamba2, Golden) {
    (load_2(&fixture(name)), golden(&format!("{name}/golden.safetensors")))
}

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

fn wide(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().map(|&number| number.into()).collect()
}

#[track_caller]
fn assert_near(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    let count = expected.len();
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let off = (found - expected).abs();
        let worse = off > tolerance || off.is_nan();
        assert!(!worse, "number {i} of {count}: expected {expected}, found {found}");
    }
}

fn all_logits(weights: &Mamba2Weights, ids: &[u32]) -> Vec<f64> {
    let mut all = Vec::new();
    let mut runner = Mamba2Runner::new(weights);
    runner.logits(ids, &mut |logits| all.extend(wide(logits))).unwrap();
    all
}

/// What a block is, number by number, as its files keep it.
struct Plain<'a> {
    config: &'a Mamba2Config,
    get: &'a dyn Fn(&str) -> Option<Vec<f64>>,
}

fn silu(z: f64) -> f64 {
    z / (1.0 + (-z).exp())
}

/// `W x` for `W` row by row.
fn times(w: &[f64], x: &[f64]) -> Vec<f64> {
    w.chunks(x.len()).map(|row| row.iter().zip(x).map(|(w, x)| w * x).sum()).collect()
}

fn plus(x: &[f64], y: &[f64]) -> Vec<f64> {
    x.iter().zip(y).map(|(x, y)| x + y).collect()
}

fn norm(x: &[f64], weight: &[f64], group: usize, epsilon: f64) -> Vec<f64> {
    let groups = x.chunks(group).zip(weight.chunks(group));
    let normed = groups.map(|(x, weight)| {
        let root = (x.iter().map(|x| x * x).sum::<f64>() / group as f64 + epsilon).sqrt();
        x.iter().zip(weight).map(move |(x, weight)| x / root * weight).collect::<Vec<f64>>()
    });
    normed.flatten().collect()
}

impl Plain<'_> {
    fn of(&self, name: &str) -> Vec<f64> {
        (self.get)(name).unwrap_or_else(|| panic!("there is no {name}"))
    }

    fn bias(&self, name: &str, length: usize) -> Vec<f64> {
        (self.get)(name).unwrap_or(vec![0.0; length])
    }

    /// Equation 7-3 in double precision, one sequence, token by token, as it is written.
    fn block(&self, v: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let config = self.config;
        let (d_inner, n, taps) = (config.d_inner(), config.state_size, config.conv_kernel);
        let (heads, width) = (config.num_heads, config.head_dim);
        let channels = config.conv_channels();
        let (in_proj, in_bias) =
            (self.of("in_proj.weight"), self.bias("in_proj.bias", config.projected()));
        let (conv, conv_bias) = (self.of("conv1d.weight"), self.bias("conv1d.bias", channels));
        let [dt_bias, a_log, d] = ["dt_bias", "A_log", "D"].map(|name| self.of(name));
        let out_bias = self.bias("out_proj.bias", config.hidden_size);
        let (gated_norm, out_proj) = (self.of("norm.weight"), self.of("out_proj.weight"));
        let Limits { least, most } = config.time_step_limit;

        let mut heard = vec![vec![0.0; channels]; taps];
        let mut x = vec![vec![vec![0.0; n]; width]; heads];
        let one = |v: &Vec<f64>| {
            let all = plus(&times(&in_proj, v), &in_bias);
            let (z, rest) = all.split_at(d_inner);
            let (u, delta) = rest.split_at(channels);
            heard.remove(0);
            heard.push(u.to_vec());
            let s: Vec<f64> = (0..channels)
                .map(|c| {
                    let sum: f64 = (0..taps).map(|j| conv[c * taps + j] * heard[j][c]).sum();
                    silu(sum + conv_bias[c])
                })
                .collect();
            let mut y = Vec::new();
            for h in 0..heads {
                let group = h / (heads / config.n_groups);
                let b = &s[d_inner + group * n..][..n];
                let c = &s[d_inner + (config.n_groups + group) * n..][..n];
                let delta = softplus(delta[h] + dt_bias[h]).clamp(least, most);
                let keep = (-delta * a_log[h].exp()).exp();
                for p in 0..width {
                    let u = s[h * width + p];
                    let mut read = d[h] * u;
                    for j in 0..n {
                        x[h][p][j] = keep * x[h][p][j] + delta * u * b[j];
                        read += x[h][p][j] * c[j];
                    }
                    y.push(read * silu(z[h * width + p]));
                }
            }
            let group = d_inner / config.n_groups;
            let normed = norm(&y, &gated_norm, group, config.layer_norm_epsilon);
            plus(&times(&out_proj, &normed), &out_bias)
        };
        v.iter().map(one).collect()
    }
}

/// The weights of a block by the names that they have in files.
fn weights_of(block: &Mamba2Block) -> BTreeMap<String, Vec<f64>> {
    let bias = |bias: &Option<Param<Tensor<1>>>| bias.as_ref().map(|bias| numbers(bias.val()));
    let all = [
        ("in_proj.weight", Some(numbers(block.in_proj.weight.val().transpose()))),
        ("in_proj.bias", bias(&block.in_proj.bias)),
        ("conv1d.weight", Some(numbers(block.conv1d.weight.val().transpose()))),
        ("conv1d.bias", bias(&block.conv1d.bias)),
        ("dt_bias", Some(numbers(block.dt_bias.val()))),
        ("A_log", Some(numbers(block.a_log.val()))),
        ("D", Some(numbers(block.d.val()))),
        ("norm.weight", Some(numbers(block.norm.weight.val()))),
        ("out_proj.weight", Some(numbers(block.out_proj.weight.val().transpose()))),
        ("out_proj.bias", bias(&block.out_proj.bias)),
    ];
    let there = all.into_iter().filter_map(|(name, numbers)| Some((name.to_owned(), numbers?)));
    there.collect()
}

/// Sizes of the reference, small.
fn usual() -> Mamba2Config {
    Mamba2Config { num_hidden_layers: 2, vocab_size: 11, ..Mamba2Config::of_width(16, 8, 4) }
}

/// Odd sizes, three taps, groups, limits, a bias where there usually is none.
fn odd() -> Mamba2Config {
    Mamba2Config {
        vocab_size: 23,
        hidden_size: 10,
        expand: 3.0,
        num_heads: 6,
        head_dim: 5,
        n_groups: 3,
        state_size: 11,
        num_hidden_layers: 3,
        conv_kernel: 3,
        chunk_size: 7,
        time_step_limit: Limits { least: 0.004, most: 0.3 },
        use_bias: true,
        use_conv_bias: false,
        tie_word_embeddings: false,
        layer_norm_epsilon: 1e-3,
        ..Mamba2Config::default()
    }
}

#[test]
fn eq_7_3_a_block_is_its_formula() {
    let device = Device::flex();
    let long = Mamba2Config { chunk_size: 64, conv_kernel: 1, ..usual() };
    for config in [odd(), usual(), long] {
        let mut block = Mamba2Block::init(&config, 1, &device).unwrap();
        // Scales and skips that are not all one, in which mistakes would hide.
        block.norm.weight =
            block.norm.weight.map(|w| w + noise([config.d_inner()], 8, &device) * 0.3);
        block.d = block.d.map(|d| d + noise([config.num_heads], 9, &device) * 0.3);
        let v = noise([1, 20, config.hidden_size], 2, &device);
        let weights = weights_of(&block);
        let get = |name: &str| weights.get(name).cloned();
        let rows: Vec<Vec<f64>> =
            numbers(v.clone()).chunks(config.hidden_size).map(<[f64]>::to_vec).collect();
        let expected = Plain { config: &config, get: &get }.block(&rows).concat();
        let apart = apart(&numbers(block.forward(v)), &expected);
        assert!(apart < 1e-5, "{apart}");
    }
}

#[test]
fn steps_and_pieces_equal_the_whole() {
    let device = Device::flex();
    for config in [odd(), usual(), Mamba2Config { conv_kernel: 1, ..usual() }] {
        let block = Mamba2Block::init(&config, 3, &device).unwrap();
        let v = noise([2, 30, config.hidden_size], 4, &device);
        let whole = numbers(block.forward(v.clone()));

        let mut state = block.initial_state(2, &device);
        let steps = (0..30).map(|k| {
            let step = v.clone().narrow(1, k, 1).squeeze_dim(1);
            block.step(step, &mut state).unsqueeze_dim::<3>(1)
        });
        let steps = Tensor::cat(steps.collect(), 1);
        assert!(apart(&numbers(steps), &whole) < 1e-5);

        // Pieces shorter and longer than the convolution and than a chunk.
        let mut state = block.initial_state(2, &device);
        let mut begin = 0;
        let pieces = [1, 2, 9, 1, 17].map(|length| {
            begin += length;
            block.read(v.clone().narrow(1, begin - length, length), &mut state)
        });
        assert!(apart(&numbers(Tensor::cat(pieces.into(), 1)), &whole) < 1e-5);
        assert_eq!(state.conv.dims(), [2, config.conv_kernel, config.conv_channels()]);
        let heads = [2, config.num_heads, config.head_dim, config.state_size];
        assert_eq!(state.ssm.dims(), heads);
    }
}

#[test]
fn a_gated_norm_gates_first_and_knows_its_groups() {
    let device = Device::flex();
    let first = mamba::mamba_block::FirstWeights::zero(&device);
    let (y, z) = (noise([1, 2, 12], 1, &device), noise([1, 2, 12], 2, &device));
    for groups in [1, 2, 3, 12] {
        let mut gated = GatedRmsNorm::new(12, groups, 1e-3, &first);
        gated.weight = gated.weight.map(|weight| weight + noise([12], 3, &device));
        let weight = numbers(gated.weight.val());
        let both = numbers(y.clone()).into_iter().zip(numbers(z.clone()));
        let open: Vec<f64> = both.map(|(y, z)| y * silu(z)).collect();
        let expected: Vec<f64> =
            open.chunks(12).flat_map(|row| norm(row, &weight, 12 / groups, 1e-3)).collect();
        assert!(apart(&numbers(gated.forward(y.clone(), z.clone())), &expected) < 1e-6);
    }
}

#[test]
fn heads_of_a_group_share_what_is_written_and_read() {
    let device = Device::flex();
    let config = odd();
    let block = Mamba2Block::init(&config, 5, &device).unwrap();
    let channels = config.conv_channels();
    let heard = noise([1, 9, channels], 6, &device);
    // B of group 1 says something else.
    let place = config.d_inner() + config.state_size..config.d_inner() + 2 * config.state_size;
    let other = noise([1, 9, config.state_size], 7, &device);
    let poked = heard.clone().slice_assign([0..1, 0..9, place], other);
    let delta = noise([1, 9, config.num_heads], 8, &device);
    let answer = |heard: Tensor<3>| {
        let inputs = block.heads(heard, delta.clone());
        state_space_duality::ssd_operations::ssd(inputs, config.chunk_size, None).0
    };
    let change = (answer(heard) - answer(poked)).abs();
    let change = numbers(change.max_dim(1).max_dim(3));
    let heads: Vec<usize> = (0..6).filter(|&head| change[head] != 0.0).collect();
    assert_eq!(heads, [2, 3]);
}

#[test]
fn steps_stay_between_their_limits_and_nothing_overflows() {
    let device = Device::flex();
    let config = odd();
    let block = Mamba2Block::init(&config, 5, &device).unwrap();
    let heard = Tensor::zeros([1, 3, config.conv_channels()], &device);
    let delta = Tensor::<1>::from_floats([-300.0, 0.0, 300.0], &device);
    let delta = delta.reshape([1, 3, 1]).repeat_dim(2, 6);
    let dt = numbers(block.heads(heard.clone(), delta.clone()).dt);
    assert!(dt[..6].iter().all(|dt| (dt - 0.004).abs() < 1e-8), "{dt:?}");
    assert!(dt[12..].iter().all(|dt| (dt - 0.3).abs() < 1e-7), "{dt:?}");
    let free = Mamba2Config { time_step_limit: Limits::NONE, ..odd() };
    let dt = numbers(Mamba2Block::init(&free, 5, &device).unwrap().heads(heard, delta).dt);
    assert!(dt[..6].iter().all(|dt| (0.0..1e-30).contains(dt)), "{dt:?}");
    assert!(dt[12..].iter().all(|dt| (280.0..301.0).contains(dt)), "{dt:?}");
}

#[test]
fn first_steps_and_rates_are_spread_over_the_heads() {
    let config = Mamba2Config::of_width(1024, 2, 2);
    let block = Mamba2Block::init(&config, 11, &Device::flex()).unwrap();
    let steps: Vec<f64> = numbers(block.dt_bias.val()).into_iter().map(softplus).collect();
    assert!(steps.iter().all(|step| (0.000_999..0.1001).contains(step)));
    for (low, high) in [(0.001, 0.01), (0.01, 0.1)] {
        let share = steps.iter().filter(|step| (low..high).contains(*step)).count() as f64 / 1024.0;
        assert!((share - 0.5).abs() < 0.05, "{share}");
    }
    let rates = numbers(block.a_log.val().exp());
    assert!(rates.windows(2).all(|two| two[0] < two[1]));
    assert!(rates[0] > 1.0 && rates[1023] < 16.0 && rates[1023] > 15.9);
    assert_eq!(numbers(block.d.val()), [1.0; 1024]);
}

/// The whole model letter by letter in double precision: all logits.
fn as_written(config: &Mamba2Config, tensors: &RandomTensors, ids: &[u32]) -> Vec<f64> {
    let shapes: BTreeMap<String, Vec<usize>> = config.layout().into_iter().collect();
    let get = |name: &str| Some(wide(&tensors.draw(name, shapes.get(name)?)));
    let whole = |name: &str| get(name).unwrap();
    let (d_model, epsilon) = (config.hidden_size, config.layer_norm_epsilon);
    let embeddings = whole("backbone.embeddings.weight");
    let mut stream: Vec<Vec<f64>> =
        ids.iter().map(|&id| embeddings[id as usize * d_model..][..d_model].to_vec()).collect();
    for layer in 0..config.num_hidden_layers {
        let weight = whole(&format!("backbone.layers.{layer}.norm.weight"));
        let normed: Vec<Vec<f64>> =
            stream.iter().map(|v| norm(v, &weight, d_model, epsilon)).collect();
        let of_layer = |name: &str| get(&format!("backbone.layers.{layer}.mixer.{name}"));
        let added = Plain { config, get: &of_layer }.block(&normed);
        stream = stream.iter().zip(&added).map(|(v, added)| plus(v, added)).collect();
    }
    let norm_f = whole("backbone.norm_f.weight");
    let head = get("lm_head.weight").unwrap_or(embeddings);
    stream.iter().flat_map(|v| times(&head, &norm(v, &norm_f, d_model, epsilon))).collect()
}

#[test]
fn runner_is_the_model_letter_by_letter() {
    let wider = Mamba2Config { vocab_size: 40, n_groups: 4, ..Mamba2Config::of_width(64, 16, 32) };
    let wider = Mamba2Config { num_hidden_layers: 2, ..wider };
    for config in [odd(), usual(), wider] {
        let tensors = RandomTensors { seed: 3 };
        let ids: Vec<u32> = (0..70).map(|k| (k * k + 3) % 11).collect();
        let weights = Mamba2Weights::read(&config, &tensors).unwrap();
        let off = apart(&all_logits(&weights, &ids), &as_written(&config, &tensors, &ids));
        assert!(off < 1e-5, "{off}");
    }
}

#[test]
fn logits_of_a_prefill_and_of_steps_are_the_reference_implementations() {
    for (model, golden) in BOTH.map(reference) {
        let vocabulary = model.weights.vocabulary();
        for row in 0..2 {
            let expected = row_of(&golden, "logits", row);
            let ids = ids(&golden, row);
            assert_near(&all_logits(&model.weights, &ids), &expected, 2e-5);
            let mut runner = Mamba2Runner::new(&model.weights);
            let last = wide(runner.prefill(&ids).unwrap());
            assert_near(&last, &expected[20 * vocabulary..], 2e-5);
            let mut runner = Mamba2Runner::new(&model.weights);
            for (id, expected) in ids.into_iter().zip(expected.chunks(vocabulary)) {
                assert_near(&wide(runner.step(id).unwrap()), expected, 2e-5);
            }
        }
    }
}

#[test]
fn streams_and_states_are_the_reference_implementations() {
    for (model, golden) in BOTH.map(reference) {
        for row in 0..2 {
            let mut at_once = Mamba2Runner::new(&model.weights);
            let streams = at_once.streams(&ids(&golden, row)).unwrap();
            for (layer, stream) in streams.iter().enumerate() {
                let expected = row_of(&golden, &format!("hidden.{layer}"), row);
                assert_near(&wide(stream), &expected, 2e-5);
            }
            let mut stepped = Mamba2Runner::new(&model.weights);
            for id in ids(&golden, row) {
                stepped.step(id).unwrap();
            }
            for layer in 0..model.config.num_hidden_layers {
                for runner in [&at_once, &stepped] {
                    let conv = row_of(&golden, &format!("conv_state.{layer}"), row);
                    assert_near(&wide(&runner.state().conv(layer).unwrap()), &conv, 2e-5);
                    let ssm = row_of(&golden, &format!("ssm_state.{layer}"), row);
                    assert_near(&wide(runner.state().ssm(layer).unwrap()), &ssm, 2e-5);
                }
            }
            assert!(at_once.state().conv(9).is_none() && at_once.state().ssm(9).is_none());
        }
    }
}

#[test]
fn greedy_tokens_are_the_reference_implementations() {
    for (model, golden) in BOTH.map(reference) {
        for row in 0..2 {
            let expected = row_of(&golden, "generated", row);
            let prompt = ids(&golden, row);
            let mut found = prompt.clone();
            let random = &mut Recipe::new(1).random(0);
            let runner = &mut Mamba2Runner::new(&model.weights);
            generate(runner, &prompt, 24, &Choice::greedy(), None, random, |id| {
                found.push(id);
                true
            })
            .unwrap();
            assert_eq!(found.iter().map(|&id| f64::from(id)).collect::<Vec<_>>(), expected);
        }
    }
}

fn tokens(golden: &Golden, device: &Device) -> Tensor<2, Int> {
    let ids: Vec<usize> = golden.numbers("input_ids").iter().map(|&id| id as usize).collect();
    token_tensor(&ids, [2, 21], device)
}

#[test]
fn what_trains_answers_as_the_reference_does() {
    let device = Device::flex();
    for name in BOTH {
        let golden = golden(&format!("{name}/golden.safetensors"));
        let model = Mamba2Lm::load(&fixture(name), &device).unwrap();
        let read = tokens(&golden, &device);
        assert_near(&numbers(model.forward(read.clone())), &golden.numbers("logits"), 2e-5);
        let vocabulary = golden.tensor("logits").0[2];
        let mut state = model.initial_state(2);
        let mut last = Vec::new();
        for k in 0..21 {
            let logits = model.step(read.clone().narrow(1, k, 1).squeeze_dim(1), &mut state);
            last = numbers(logits);
        }
        for row in 0..2 {
            let expected = &row_of(&golden, "logits", row)[20 * vocabulary..];
            assert_near(&last[row * vocabulary..][..vocabulary], expected, 2e-5);
        }
        for (layer, state) in state.into_iter().enumerate() {
            let ssm = golden.numbers(&format!("ssm_state.{layer}"));
            assert_near(&numbers(state.ssm), &ssm, 2e-5);
            let conv = golden.numbers(&format!("conv_state.{layer}"));
            assert_near(&numbers(state.conv.swap_dims(1, 2)), &conv, 2e-5);
        }
    }
}

/// The gradients of a model by the names of a file, in its shapes.
struct Collected<'a> {
    gradients: &'a GradientsParams,
    path: Vec<String>,
    found: BTreeMap<String, Vec<f64>>,
}

impl ModuleVisitor for Collected<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let (name, transposed) = name_in_file(&self.path.join("."));
        let gradient: Tensor<D> = self.gradients.get(param.id).expect("a gradient");
        let gradient = if transposed { gradient.swap_dims(0, D - 1) } else { gradient };
        self.found.insert(name, numbers(gradient));
    }
}

#[test]
fn every_gradient_is_that_of_the_reference() {
    let device = Device::flex().autodiff();
    let golden = golden("hf_mamba2_tiny/golden.safetensors");
    let model = Mamba2Lm::load(&fixture("hf_mamba2_tiny"), &device).unwrap();
    let read = tokens(&golden, &device);
    let logits = model.forward(read.clone().narrow(1, 0, 20));
    let loss = cross_entropy(logits, read.narrow(1, 1, 20));
    assert!((loss.clone().into_scalar::<f32>() - 6.714_701).abs() < 1e-5);

    let gradients = GradientsParams::from_grads(loss.backward(), &model);
    let mut collected =
        Collected { gradients: &gradients, path: Vec::new(), found: BTreeMap::new() };
    model.visit(&mut collected);
    assert_eq!(collected.found.len(), 2 + 2 * 9);
    for (name, found) in collected.found {
        let apart = apart(&found, &golden.numbers(&format!("grad.{name}")));
        assert!(apart < 2e-5, "{name}: {apart}");
    }
}

#[test]
fn a_graphics_card_answers_as_the_reference_does() {
    let Some(card) = card() else { return };
    let golden = golden("hf_mamba2_tiny/golden.safetensors");
    let model = Mamba2Lm::load(&fixture("hf_mamba2_tiny"), &card).unwrap();
    let logits = numbers(model.forward(tokens(&golden, &card)));
    assert_near(&logits, &golden.numbers("logits"), 1e-4);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn wherever_a_text_is_cut_its_end_is_the_same(
        ids in prop::collection::vec(0_u32..23, 2..300),
        cut in 0.0..1.0_f64,
        seed in 0_u64..100,
    ) {
        let weights = Mamba2Weights::read(&odd(), &RandomTensors { seed }).unwrap();
        let expected = wide(Mamba2Runner::new(&weights).prefill(&ids).unwrap());
        let (first, second) = ids.split_at(1 + (cut * (ids.len() - 1) as f64) as usize);
        let mut runner = Mamba2Runner::new(&weights);
        runner.prefill(first).unwrap();
        if !second.is_empty() {
            prop_assert!(apart(&wide(runner.prefill(second).unwrap()), &expected) < 1e-5);
        }
        // However much was read, as much is remembered.
        prop_assert_eq!(runner.state().bytes(), Mamba2State::silence(&weights).bytes());
    }
}

#[test]
fn a_state_is_as_large_as_its_heads_and_taps() {
    let config = odd();
    let weights = Mamba2Weights::read(&config, &RandomTensors { seed: 1 }).unwrap();
    // 6 heads of 5 x 11, and three taps of 30 + 2 · 3 · 11 channels.
    let layer = 6 * 5 * 11 + 3 * (30 + 66);
    assert_eq!(Mamba2State::silence(&weights).bytes(), 4 * 3 * layer);
    // All weights once, and of the embeddings of an untied head none but a row.
    let read = config.layout().into_iter().filter(|(name, _)| name != "backbone.embeddings.weight");
    let read: usize = read.map(|(_, shape)| shape.iter().product::<usize>()).sum();
    assert_eq!(weights.bytes_of_a_step(), 4 * read);
}

#[test]
fn tokens_that_are_none_are_refused_and_nothing_is_read() {
    let (model, _) = reference("hf_mamba2_tiny");
    let mut runner = Mamba2Runner::new(&model.weights);
    let before = runner.state().clone();
    let sentence = runner.prefill(&[5, 96]).unwrap_err().to_string();
    assert_eq!(sentence, "expected token ids below 96, found 96 at position 1");
    assert!(matches!(runner.step(u32::MAX), Err(InferenceError::UnknownToken { .. })));
    assert_eq!(runner.prefill(&[]), Err(InferenceError::EmptyPrompt));
    assert!(runner.logits(&[96], &mut |_| panic!("nothing to look at")).is_err());
    assert_eq!(*runner.state(), before);
}

#[test]
fn weights_that_are_no_numbers_are_noticed() {
    struct Broken;
    impl Tensors for Broken {
        type Error = <RandomTensors as Tensors>::Error;

        fn matrix(
            &self,
            name: &str,
            shape: [usize; 2],
        ) -> Result<mamba::matrix::Matrix, Self::Error> {
            RandomTensors { seed: 1 }.matrix(name, shape)
        }

        fn numbers(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, Self::Error> {
            match name.ends_with("norm_f.weight") {
                true => Ok(vec![f32::NAN; shape[0]]),
                false => RandomTensors { seed: 1 }.numbers(name, shape),
            }
        }
    }
    let weights = Mamba2Weights::read(&odd(), &Broken).unwrap();
    let error = Mamba2Runner::new(&weights).prefill(&[1, 2, 3]).unwrap_err().to_string();
    assert!(error.starts_with("expected finite logits after 3 tokens, found NaN"), "{error}");
    assert!(score(&mut Mamba2Runner::new(&weights), &[1, 2]).is_err());
}

/// Tensors on their way into a file: type, shape and bytes by name.
type Parts = BTreeMap<String, (safetensors::Dtype, Vec<usize>, Vec<u8>)>;

fn parts() -> Parts {
    let file = fs::read(fixture("hf_mamba2_tiny/model.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&file).unwrap();
    let part = |(name, tensor): (String, TensorView)| {
        (name, (tensor.dtype(), tensor.shape().to_vec(), tensor.data().to_vec()))
    };
    tensors.tensors().into_iter().map(part).collect()
}

fn serialized(parts: &Parts) -> Vec<u8> {
    let views = parts.iter().map(|(name, (dtype, shape, bytes))| {
        (name, TensorView::new(*dtype, shape.clone(), bytes).unwrap())
    });
    safetensors::serialize(views.collect::<Vec<_>>(), None).unwrap()
}

/// A folder with the tiny model's configuration, changed, and these weights.
fn folder(change: &[(&str, Value)], parts: &Parts) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(fixture("hf_mamba2_tiny/config.json")).unwrap();
    let mut config: Value = serde_json::from_str(&text).unwrap();
    for (name, value) in change {
        config[name] = value.clone();
    }
    fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    fs::write(folder.path().join("model.safetensors"), serialized(parts)).unwrap();
    folder
}

const IDS: [u32; 6] = [71, 93, 72, 47, 84, 23];

fn last_logits(folder: &Path) -> Vec<f64> {
    let model = load_2(folder);
    wide(&score(&mut Mamba2Runner::new(&model.weights), &IDS).unwrap().last_logits)
}

#[track_caller]
fn refused(folder: &Path, words: &[&str]) {
    let sentence = load(folder, None).unwrap_err().to_string();
    for word in words {
        assert!(sentence.contains(word), "expected `{word}` in: {sentence}");
    }
}

#[test]
fn half_precision_is_read_as_it_is() {
    let expected = last_logits(&fixture("hf_mamba2_tiny"));
    for (dtype, tolerance) in [(safetensors::Dtype::BF16, 0.1), (safetensors::Dtype::F16, 0.02)] {
        let mut parts = parts();
        for (kind, _, bytes) in parts.values_mut() {
            let numbers = bytes
                .as_chunks()
                .0
                .iter()
                .map(|&bytes| f32::from_le_bytes(bytes))
                .collect::<Vec<_>>();
            let two = |x: f32| match dtype {
                safetensors::Dtype::BF16 => bf16::from_f32(x).to_le_bytes(),
                _ => f16::from_f32(x).to_le_bytes(),
            };
            (*kind, *bytes) = (dtype, numbers.into_iter().flat_map(two).collect());
        }
        let folder = folder(&[], &parts);
        let off = apart(&last_logits(folder.path()), &expected);
        assert!(off > 1e-5 && off < tolerance, "{dtype:?}: {off}");
    }
    // And rounded while it is read.
    let kept = |keep| match load(&fixture("hf_mamba2_tiny"), keep).unwrap() {
        AnyMamba::Mamba2(model) => model.weights.bytes_of_a_step(),
        AnyMamba::Mamba(_) => 0,
    };
    assert!(kept(Some(Dtype::Bf16)) < kept(None) * 3 / 5);
}

#[test]
fn infinity_is_read_in_all_its_forms() {
    let folder = folder(&[], &parts());
    let path = folder.path().join("config.json");
    let text = fs::read_to_string(&path).unwrap();
    let named = r#"{"__float__":"Infinity"}"#;
    assert!(text.contains(named), "{text}");
    let expected = Limits { least: 0.0, most: f64::INFINITY };
    assert_eq!(Mamba2Config::read(folder.path()).unwrap().time_step_limit, expected);
    fs::write(&path, text.replace(named, "Infinity")).unwrap();
    assert_eq!(Mamba2Config::read(folder.path()).unwrap().time_step_limit, expected);
    assert_eq!(last_logits(folder.path()), last_logits(&fixture("hf_mamba2_tiny")));
    // An integer is a number too.
    fs::write(&path, text.replace(&format!("[0.0,{named}]"), "[0,1]")).unwrap();
    let found = Mamba2Config::read(folder.path()).unwrap().time_step_limit;
    assert_eq!(found, Limits { least: 0.0, most: 1.0 });
    assert_eq!(as_json("[-Infinity, NaN, 3]").matches("__float__").count(), 2);
}

#[test]
fn a_configuration_is_written_as_it_is_read() {
    let text = serde_json::to_string(&odd()).unwrap();
    assert!(text.contains("\"expand\":3,"), "{text}");
    assert_eq!(serde_json::from_str::<Mamba2Config>(&text).unwrap(), odd());
    let text = serde_json::to_string(&usual()).unwrap();
    assert_eq!(serde_json::from_str::<Mamba2Config>(&text).unwrap(), usual());
}

#[test]
fn configurations_of_other_models_are_refused() {
    let parts = parts();
    for (name, value, words) in [
        (
            "model_type",
            json!("llama"),
            "model_type in config.json to be mamba or mamba2, found llama",
        ),
        ("hidden_act", json!("gelu"), "hidden_act in config.json to be silu, found gelu"),
        ("state_size", json!(0), "state_size in config.json to be from 1 to 16777216, found 0"),
        ("conv_kernel", json!(1_u64 << 40), "conv_kernel in config.json to be from 1"),
        ("expand", json!(-2), "expand in config.json to be from 1 to 16777216, found 0"),
        ("vocab_size", json!(-3), "config.json is no configuration: invalid value"),
        ("hidden_size", json!("many"), "config.json is no configuration"),
        (
            "num_heads",
            json!(7),
            "num_heads in config.json to be expand · hidden_size / head_dim, found 7",
        ),
        (
            "n_groups",
            json!(4),
            "n_groups in config.json to be a divisor of num_heads, found 4 groups",
        ),
        ("time_step_limit", json!([0.2, 0.1]), "time_step_limit in config.json to be"),
        ("time_step_limit", json!([0.2]), "config.json is no configuration"),
        ("time_step_limit", json!([0.0, {"__float__": "Much"}]), "config.json is no configuration"),
        ("time_step_min", json!(0), "time_step_min in config.json to be positive"),
        ("time_step_max", json!(1e-9), "time_step_max in config.json to be not below"),
        ("num_hidden_layers", json!(3), "expected a tensor backbone.layers.2."),
        (
            "state_size",
            json!(17),
            "expected backbone.layers.0.mixer.conv1d.weight to be of shape [164, 1, 4]",
        ),
    ] {
        refused(folder(&[(name, value)], &parts).path(), &[words]);
    }
    let folder = folder(&[], &parts);
    fs::write(folder.path().join("config.json"), "{\"hidden_size\": 48,").unwrap();
    refused(folder.path(), &["config.json is no configuration", "line 1"]);
    fs::remove_file(folder.path().join("config.json")).unwrap();
    refused(folder.path(), &["cannot read", "config.json"]);
    refused(&folder.path().join("nothing"), &["expected a folder with a model, found none at"]);
    let sentence = Mamba2Lm::load(&fixture("hf_mamba_tiny"), &Device::flex()).unwrap_err();
    let sentence = sentence.to_string();
    assert_eq!(sentence, "expected model_type in config.json to be mamba2, found mamba");
    let wrong = Mamba2Config { head_dim: 0, ..usual() };
    assert!(matches!(wrong.check(), Err(ConfigError::OutOfRange { name: "head_dim", .. })));
}

#[test]
fn each_tensor_that_is_missing_or_of_another_shape_is_named() {
    for name in parts().keys() {
        let mut missing = parts();
        missing.remove(name);
        let sentence = format!("expected a tensor {name} in ");
        refused(folder(&[], &missing).path(), &[&sentence, "model.safetensors"]);

        let mut other = parts();
        other.get_mut(name).unwrap().1.insert(0, 1);
        let sentence = format!("expected {name} to be of shape [");
        refused(folder(&[], &other).path(), &[&sentence, "found [1, "]);
    }
    let untied = folder(&[("tie_word_embeddings", json!(false))], &parts());
    refused(untied.path(), &["expected a tensor lm_head.weight in"]);
}

#[test]
fn names_are_those_that_a_configuration_foretells() {
    for name in BOTH {
        let config = Mamba2Config::read(&fixture(name)).unwrap();
        let files = TensorFiles::open(&fixture(name)).unwrap();
        let mut names: Vec<String> = config.layout().into_iter().map(|(name, _)| name).collect();
        names.sort();
        assert_eq!(names, files.names());
        for (name, shape) in config.layout() {
            files.tensor(&name, &shape).unwrap();
        }
    }
}

#[test]
fn a_mamba_is_read_as_what_it_is() {
    let folder = fixture("hf_mamba_tiny");
    let AnyMamba::Mamba(model) = load(&folder, None).unwrap() else { panic!("a Mamba") };
    let found = score(&mut mamba::inference::Runner::new(&model.weights), &IDS).unwrap();
    assert_eq!(found.last_logits.len(), 96);
}
