//! What the page `mamba-block` claims.

use burn::tensor::{Device, Tensor};
use mamba::config::{MambaConfig, TimeStepRank};
use mamba::mamba_block::MambaBlock;
use ml_links::parameterization::softplus;
use ml_links::testing::{apart, card, noise, numbers};

use crate::common::plain_block;

/// Odd sizes, three taps, and a bias wherever there can be one.
fn odd() -> MambaConfig {
    MambaConfig {
        hidden_size: 6,
        intermediate_size: Some(10),
        state_size: 5,
        conv_kernel: 3,
        time_step_rank: TimeStepRank::Given(2),
        use_bias: true,
        ..MambaConfig::default()
    }
}

/// The sizes of the reference, small.
fn usual() -> MambaConfig {
    MambaConfig { hidden_size: 16, state_size: 4, ..MambaConfig::default() }
}

#[test]
fn eq_6_4_a_block_is_its_formula() {
    let device = Device::flex();
    let without = MambaConfig { use_conv_bias: false, ..usual() };
    for config in [odd(), usual(), without] {
        let block = MambaBlock::init(&config, 1, &device).unwrap();
        let v = noise([1, 20, config.hidden_size], 2, &device);
        let expected = plain_block(&block, &numbers(v.clone()));
        let apart = apart(&numbers(block.forward(v)), &expected);
        assert!(apart < 1e-5, "{apart}");
    }
}

#[test]
fn steps_and_pieces_equal_the_whole() {
    let device = Device::flex();
    for config in [odd(), usual(), MambaConfig { conv_kernel: 1, ..usual() }] {
        let block = MambaBlock::init(&config, 3, &device).unwrap();
        let v = noise([2, 30, config.hidden_size], 4, &device);
        let whole = numbers(block.forward(v.clone()));

        let mut state = block.initial_state(2, &device);
        let steps = (0..30).map(|k| {
            let step = v.clone().narrow(1, k, 1).squeeze_dim(1);
            block.step(step, &mut state).unsqueeze_dim::<3>(1)
        });
        let steps = Tensor::cat(steps.collect(), 1);
        assert!(apart(&numbers(steps), &whole) < 1e-5);

        // Pieces shorter and longer than the convolution, of one step and of many.
        let mut state = block.initial_state(2, &device);
        let mut begin = 0;
        let pieces = [1, 2, 9, 1, 17].map(|length| {
            begin += length;
            block.read(v.clone().narrow(1, begin - length, length), &mut state)
        });
        assert!(apart(&numbers(Tensor::cat(pieces.into(), 1)), &whole) < 1e-5);
        assert_eq!(state.conv.dims(), [2, config.conv_kernel, config.d_inner()]);
        assert_eq!(state.ssm.dims(), [2, config.d_inner(), config.state_size]);
    }
}

#[test]
fn nothing_is_heard_before_it_is_said() {
    let device = Device::flex();
    let block = MambaBlock::init(&usual(), 5, &device).unwrap();
    let v = noise([1, 24, 16], 6, &device);
    let poked = v.clone().slice_assign([0..1, 10..11, 0..16], noise([1, 1, 16], 7, &device));
    let change = numbers((block.forward(poked) - block.forward(v)).abs().max_dim(2));
    assert!(change[..10].iter().all(|&change| change == 0.0), "{change:?}");
    assert!(change[10..].iter().all(|&change| change > 0.0), "{change:?}");
}

#[test]
fn the_convolution_hears_as_many_steps_as_it_has_taps() {
    let device = Device::flex();
    let block = MambaBlock::init(&odd(), 8, &device).unwrap();
    let u = noise([1, 12, 10], 9, &device);
    let poked = u.clone().slice_assign([0..1, 4..5, 0..10], noise([1, 1, 10], 10, &device));
    let change = block.conv1d.forward(poked) - block.conv1d.forward(u);
    let change = numbers(change.abs().max_dim(2));
    let heard: Vec<usize> = (0..12).filter(|&k| change[k] != 0.0).collect();
    assert_eq!(heard, [4, 5, 6]);
}

#[test]
fn first_steps_are_spread_evenly_over_orders_of_magnitude() {
    let device = Device::flex();
    let config = MambaConfig { intermediate_size: Some(4000), ..usual() };
    let block = MambaBlock::init(&config, 11, &device).unwrap();
    let steps: Vec<f64> = numbers(block.dt_proj.bias.val()).into_iter().map(softplus).collect();
    assert!(steps.iter().all(|step| (0.000_999..0.1001).contains(step)));
    for (low, high) in [(0.001, 0.01), (0.01, 0.1)] {
        let share = steps.iter().filter(|step| (low..high).contains(*step)).count() as f64 / 4000.0;
        assert!((share - 0.5).abs() < 0.03, "{share}");
    }
    // None is below a ten-thousandth, whatever is asked for.
    let config = MambaConfig { time_step_min: 1e-7, time_step_max: 1e-6, ..usual() };
    let block = MambaBlock::init(&config, 11, &device).unwrap();
    let steps = numbers(block.dt_proj.bias.val());
    assert!(steps.into_iter().all(|delta| (softplus(delta) - 1e-4).abs() < 1e-9));
}

#[test]
fn every_channel_begins_with_the_rates_one_to_n() {
    let block = MambaBlock::init(&usual(), 12, &Device::flex()).unwrap();
    let rates = numbers(block.a_log.val().exp());
    for row in rates.chunks_exact(4) {
        assert!(apart(row, &[1.0, 2.0, 3.0, 4.0]) < 1e-6);
    }
    assert_eq!(numbers(block.d.val()), [1.0; 32]);
}

#[test]
fn a_shut_gate_silences_the_block() {
    let device = Device::flex();
    let mut block = MambaBlock::init(&odd(), 13, &device).unwrap();
    // Gates see nothing but their bias, which shuts them.
    block.in_proj.weight = block
        .in_proj
        .weight
        .map(|w| w.slice_assign([0..6, 10..20], Tensor::zeros([6, 10], &device)));
    block.in_proj.bias = block
        .in_proj
        .bias
        .map(|b| b.map(|b| b.slice_assign(10..20, Tensor::full([10], -200.0, &device))));
    block.out_proj.bias = None;
    let out = block.forward(noise([1, 8, 6], 14, &device));
    assert!(numbers(out).into_iter().all(|out| out.abs() < 1e-20));
}

#[test]
fn every_parameter_of_a_block_gets_a_gradient() {
    let device = Device::flex().autodiff();
    let block = MambaBlock::init(&odd(), 15, &device).unwrap();
    let out = block.forward(noise([2, 9, 6], 16, &device));
    let gradients = (out.clone() * noise(out.dims(), 17, &device)).sum().backward();
    let found = [
        block.in_proj.weight.val().grad(&gradients).map(numbers),
        block.conv1d.weight.val().grad(&gradients).map(numbers),
        block.x_proj.weight.val().grad(&gradients).map(numbers),
        block.dt_proj.weight.val().grad(&gradients).map(numbers),
        block.a_log.val().grad(&gradients).map(numbers),
        block.out_proj.weight.val().grad(&gradients).map(numbers),
        block.dt_proj.bias.val().grad(&gradients).map(numbers),
        block.d.val().grad(&gradients).map(numbers),
    ];
    for (i, gradient) in found.into_iter().enumerate() {
        let gradient = gradient.unwrap_or_default();
        assert!(gradient.iter().any(|g| *g != 0.0), "parameter {i} has none");
        assert!(gradient.iter().all(|g| g.is_finite()), "parameter {i}");
    }
}

#[test]
fn a_block_on_a_graphics_card_equals_one_on_the_processor() {
    let Some(card) = card() else { return };
    let on = |device: &Device| {
        let block = MambaBlock::init(&odd(), 18, device).unwrap();
        numbers(block.forward(noise([2, 11, 6], 19, device)))
    };
    let apart = apart(&on(&card), &on(&Device::flex()));
    assert!(apart < 1e-4, "{apart}");
}

#[test]
fn sizes_of_which_no_block_can_be_built_are_refused() {
    let refused = |config: MambaConfig, sentence: &str| {
        let error = MambaBlock::init(&config, 1, &Device::flex()).unwrap_err().to_string();
        assert_eq!(error, sentence);
    };
    refused(
        MambaConfig { conv_kernel: 0, ..usual() },
        "expected conv_kernel in config.json to be from 1 to 16777216, found 0",
    );
    refused(
        MambaConfig { time_step_min: 0.0, ..usual() },
        "expected time_step_min in config.json to be positive, and time_step_max finite, found 0 and 0.1",
    );
    refused(
        MambaConfig { time_step_max: 1e-4, ..usual() },
        "expected time_step_max in config.json to be not below time_step_min, found 0.0001",
    );
}
