//! What is claimed on the page `sequence_model`.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData, activation};
use ml_links::language_model::Noise;
use ml_links::testing::noise;
use ml_links::training::{Recipe, Trainer};
use rand_chacha::ChaCha8Rng;
use s4::sequence_model::{Memory, Norm, SequenceModel, SequenceModelConfig, Space, StackConfig};

fn largest<const D: usize>(tensor: Tensor<D>) -> f32 {
    tensor.abs().max().into_scalar()
}

fn small(memory: Memory, norm: Norm) -> StackConfig {
    StackConfig { d_model: 6, d_state: 8, layers: 2, memory, norm, ..StackConfig::default() }
}

const KINDS: [(Memory, Norm); 4] = [
    (Memory::S4d, Norm::Before),
    (Memory::S4d, Norm::After),
    (Memory::S4, Norm::Before),
    (Memory::S4, Norm::After),
];

fn model(memory: Memory, norm: Norm) -> SequenceModel {
    let stack = small(memory, norm);
    SequenceModelConfig { inputs: 2, outputs: 3, stack }.init(&Device::flex()).unwrap()
}

#[test]
fn eq_5_7_is_what_a_block_computes() {
    let device = Device::flex();
    let stack = small(Memory::S4d, Norm::Before).init(&device).unwrap();
    let block = &stack.blocks[0];
    let x = noise([3, 6, 40], 1, &device);

    // norm(x), by the functions of burn alone.
    let column = |vector: Tensor<1>| vector.reshape([1, -1, 1]);
    let centred = x.clone() - x.clone().mean_dim(1);
    let deviation = (centred.clone().square().mean_dim(1) + 1e-5).sqrt();
    let u = centred / deviation * column(block.gamma.val()) + column(block.beta.val());
    // y = K * norm(x), with the layer of chapter 4.
    let Space::Diagonal(space) = &block.space else { panic!("expected a diagonal one") };
    let y = space.convolve(u);
    // [p, q] = gelu(y) W + b
    let steps = activation::gelu_approximate(y).swap_dims(1, 2);
    let halves = steps.matmul(block.weight.val().unsqueeze()).swap_dims(1, 2);
    let halves = halves + column(block.bias.val());
    // out = x + p ⊙ σ(q)
    let (p, q) = (halves.clone().narrow(1, 0, 6), halves.narrow(1, 6, 6));
    let expected = x.clone() + p * activation::sigmoid(q);

    let found = block.convolve(x, &mut Noise::none());
    assert!(largest(found - expected) < 1e-4);
}

#[test]
fn running_equals_training() {
    for (memory, norm) in KINDS {
        let device = Device::flex();
        let model = model(memory, norm);
        let u = noise([2, 2, 50], 1, &device);
        let at_once = model.of_every_step(u.clone(), &mut Noise::none());
        let mut state = model.stack.initial_state(2);
        for k in 0..50 {
            let y = model.step(u.clone().narrow(2, k, 1).squeeze_dim(2), &mut state);
            let expected: Tensor<2> = at_once.clone().narrow(2, k, 1).squeeze_dim(2);
            let off = largest(y - expected);
            assert!(off < 2e-3, "{memory:?} {norm:?}, step {k}: off by {off}");
        }
    }
}

#[test]
fn a_step_never_sees_what_comes_after_it() {
    for (memory, norm) in KINDS {
        let device = Device::flex();
        let model = model(memory, norm);
        let u = noise([1, 2, 30], 1, &device);
        let other = Tensor::cat(vec![u.clone().narrow(2, 0, 20), noise([1, 2, 10], 2, &device)], 2);
        let [a, b] = [u, other].map(|u| model.of_every_step(u, &mut Noise::none()));
        let before = largest(a.clone().narrow(2, 0, 20) - b.clone().narrow(2, 0, 20));
        assert!(before < 1e-3, "{memory:?} {norm:?}: {before}");
        assert!(largest(a - b) > 1e-2);
    }
}

#[test]
fn the_class_of_a_whole_is_the_mean_of_what_the_decoder_sees() {
    let device = Device::flex();
    let model = model(Memory::S4d, Norm::Before);
    let u = noise([3, 2, 25], 5, &device);
    // A decoder is linear: the mean may be taken before it or after it.
    let expected = model.of_every_step(u.clone(), &mut Noise::none()).mean_dim(2).squeeze_dim(2);
    let found = model.of_the_whole(u, &mut Noise::none());
    assert!(largest(found - expected) < 1e-4);
}

#[test]
fn norm_before_leaves_a_path_that_nothing_touches() {
    // With weights and biases of 0 a block says nothing, and the sum goes on as it came.
    let device = Device::flex();
    for (norm, passes) in [(Norm::Before, true), (Norm::After, false)] {
        let mut block = small(Memory::S4d, norm).init(&device).unwrap().blocks.remove(0);
        block.weight = block.weight.map(|weight| weight.zeros_like());
        let x = noise([1, 6, 10], 1, &device) * 3.0;
        let off = largest(block.convolve(x.clone(), &mut Noise::none()) - x);
        assert_eq!(off == 0.0, passes, "{norm:?}: {off}");
    }
}

#[test]
fn dropout_silences_in_training_and_keeps_the_mean() {
    let device = Device::flex();
    let stack = StackConfig { dropout: 0.5, ..small(Memory::S4d, Norm::Before) };
    let block = &stack.init(&device).unwrap().blocks[0];
    let x = noise([1, 6, 10], 1, &device).repeat_dim(0, 4000);
    let calm = block.convolve(x.clone(), &mut Noise::none()) - x.clone();
    let mut random = Recipe::new(1).random(0);
    let noisy = block.convolve(x.clone(), &mut Noise::of(&mut random)) - x;
    // What a dropped channel adds is 0, for all steps of its sequence.
    let silent = noisy.clone().abs().sum_dim(2).equal_elem(0.0).float().mean().into_scalar::<f32>();
    assert!((silent - 0.5).abs() < 0.02, "{silent}");
    // The gate bends, so the mean is kept only nearly.
    let off = largest(noisy.mean_dim(0) - calm.clone().mean_dim(0));
    assert!(off < 0.2 * largest(calm), "{off}");
}

#[test]
fn loss_falls_within_seconds_whatever_the_memory_and_the_norm() {
    // Which half of a sequence is louder: 1 or 0.
    let device = Device::flex().autodiff();
    for (memory, norm) in KINDS {
        let stack = StackConfig { dropout: 0.1, ..small(memory, norm) };
        let model = SequenceModelConfig { inputs: 1, outputs: 2, stack }.init(&device).unwrap();
        let mut trainer = Trainer::new(model, Recipe { rate: 0.01, ..Recipe::new(60) }).unwrap();
        let mut losses = Vec::new();
        while !trainer.is_done() {
            let report = trainer.advance(|model, random| {
                let calm = noise([8, 1, 32], trainer_seed(random), &device);
                let loud: Vec<f32> = (0..8 * 32)
                    .map(|i| if (i / 32) % 2 == (i % 32) / 16 { 3.0 } else { 0.3 })
                    .collect();
                let u = calm * Tensor::from_data(TensorData::new(loud, [8, 1, 32]), &device);
                let second: Vec<f32> =
                    (0..16).map(|i| if (i / 2) % 2 == i % 2 { 1.0 } else { 0.0 }).collect();
                let target = Tensor::<2>::from_data(TensorData::new(second, [8, 2]), &device);
                let logits = model.of_the_whole(u.abs(), &mut Noise::of(random));
                -(activation::log_softmax(logits, 1) * target).sum() / 8.0
            });
            losses.push(report.unwrap().loss);
        }
        let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
        let (first, last) = (mean(&losses[..5]), mean(&losses[55..]));
        assert!(last < 0.6 * first, "{memory:?} {norm:?}: {first} to {last}");
    }
}

fn trainer_seed(random: &mut ChaCha8Rng) -> u64 {
    use rand::RngExt;
    random.random()
}

#[test]
fn what_no_model_can_be_built_of_is_refused() {
    let fine = StackConfig { d_model: 4, d_state: 4, layers: 1, ..StackConfig::default() };
    for (config, expected) in [
        (StackConfig { d_model: 0, ..fine }, "expected the width d_model of 1 or more, found 0"),
        (StackConfig { layers: 0, ..fine }, "expected the number of layers of 1 or more, found 0"),
        (
            StackConfig { d_state: 0, ..fine },
            "expected the state size d_state even and 2 or more, found 0",
        ),
        (
            StackConfig { d_state: 5, ..fine },
            "expected the state size d_state even and 2 or more, found 5",
        ),
        (
            StackConfig { dropout: 1.0, ..fine },
            "expected the share of dropout from 0 to below 1, found 1",
        ),
        (
            StackConfig { dropout: f64::NAN, ..fine },
            "expected the share of dropout from 0 to below 1, found NaN",
        ),
        (StackConfig { delta_min: 0.0, ..fine }, "expected the smallest step positive, found 0"),
        (
            StackConfig { delta_max: 1e-9, ..fine },
            "expected the largest step not below the smallest, found 0.000000001",
        ),
    ] {
        let found = config.init(&Device::flex()).unwrap_err().to_string();
        assert_eq!(found, expected);
    }
    for (inputs, outputs, which) in [(0, 2, "inputs"), (2, 0, "outputs")] {
        let config = SequenceModelConfig { inputs, outputs, stack: fine };
        let found = config.init(&Device::flex()).unwrap_err().to_string();
        assert_eq!(found, format!("expected the number of {which} of 1 or more, found 0"));
    }
}

#[test]
fn a_seed_draws_one_model_and_another_seed_another() {
    let weights = |seed| {
        let stack = StackConfig { seed, ..small(Memory::S4d, Norm::Before) };
        let model =
            SequenceModelConfig { inputs: 1, outputs: 2, stack }.init(&Device::flex()).unwrap();
        model.of_the_whole(Tensor::ones([1, 1, 9], &Device::flex()), &mut Noise::none())
    };
    assert!(largest(weights(1) - weights(1)) == 0.0);
    assert!(largest(weights(1) - weights(2)) > 1e-3);
}

#[test]
fn parameters_are_counted_as_the_page_counts_them() {
    let stack = StackConfig { d_model: 128, d_state: 64, layers: 4, ..StackConfig::default() };
    let model =
        SequenceModelConfig { inputs: 1, outputs: 10, stack }.init(&Device::flex()).unwrap();
    let (space, mix, norm) = (128 * (4 * 32 + 2), 128 * 256 + 256, 2 * 128);
    let ends = 2 * 128 + (128 * 10 + 10) + 2 * 128;
    assert_eq!(model.num_params(), 4 * (space + mix + norm) + ends);
}
