//! What the page `parameterization` claims.

use burn::module::{Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Distribution, FloatDType, Tensor, TensorData, activation};
use discretization::diagonalization::ScalarStep;
use discretization::zero_order_hold;
use ml_links::parameterization::{
    Adding, ComplexTensor, DiagonalStateSpace, DiagonalStateSpaceConfig, expm1, held_input_step,
    inverse_softplus, learning_rates, optimizer, softplus, vandermonde_kernel,
};
use ml_links::testing::numbers;
use nalgebra::Complex;
use proptest::prelude::*;

/// These numbers as a parameter in double precision.
fn leaf<const D: usize>(values: Vec<f64>, shape: [usize; D], device: &Device) -> Param<Tensor<D>> {
    let data = TensorData::new(values, shape);
    Param::from_tensor(Tensor::from_data(data, (device, FloatDType::F64.into())))
}

/// The same layer in double precision.
fn double(layer: &DiagonalStateSpace) -> DiagonalStateSpace {
    fn cast<const D: usize>(parameter: &Param<Tensor<D>>) -> Param<Tensor<D>> {
        let tensor = parameter.val();
        leaf(numbers(tensor.clone()), tensor.dims(), &tensor.device())
    }
    DiagonalStateSpace {
        a_real_log: cast(&layer.a_real_log),
        a_imaginary: cast(&layer.a_imaginary),
        delta_raw: cast(&layer.delta_raw),
        c_real: cast(&layer.c_real),
        c_imaginary: cast(&layer.c_imaginary),
        d: cast(&layer.d),
    }
}

fn largest(tensor: Tensor<3>) -> f64 {
    numbers(tensor).into_iter().map(f64::abs).fold(0.0, f64::max)
}

/// The layer, stepped through a whole sequence.
fn by_steps(layer: &DiagonalStateSpace, u: Tensor<3>) -> Tensor<3> {
    let [batch, _, length] = u.dims();
    let mut state = layer.initial_state(batch, &u.device());
    let y = (0..length)
        .map(|k| layer.step(u.clone().narrow(2, k, 1).squeeze_dim(2), &mut state).unsqueeze_dim(2));
    Tensor::cat(y.collect(), 2)
}

#[test]
fn eq_4_4_kernel_is_the_sum_over_its_modes_and_that_of_chapter_3() {
    let config = DiagonalStateSpaceConfig::new(3, 16).with_delta_max(0.5).with_seed(4);
    let layer = double(&config.init(&Device::flex()));
    for length in [1, 2, 3, 10, 500] {
        let kernel = numbers(layer.kernel(length));
        for channel in 0..3 {
            let (system, delta) = layer.channel(channel);
            let steps = system.discretize(ScalarStep::zero_order_hold, delta).unwrap();
            let expected = steps.kernel(length);
            let scale = expected.iter().map(|k| k[0].abs()).fold(0.0, f64::max);
            for (k, expected) in expected.iter().enumerate() {
                let found = kernel[channel * length + k];
                let error = (found - expected[0]).abs();
                // kΔλ is a phase of up to 500 · 0.5 · 22 = 5500: rounded to 1e-12.
                assert!(
                    error < 1e-11 * scale,
                    "channel {channel}, K_{k}: {found} or {}",
                    expected[0]
                );
                // The right-hand side of the box, as it is written.
                let modes = system.lambda.iter().zip(system.c.iter()).map(|(&lambda, &c)| {
                    let z = lambda * delta;
                    c * (z.exp() - Complex::ONE) / lambda * (z * k as f64).exp()
                });
                let written = 2.0 * modes.sum::<Complex<f64>>().re;
                assert!((found - written).abs() < 1e-11 * scale, "channel {channel}, K_{k}");
            }
        }
    }
}

#[test]
fn convolution_equals_steps() {
    let device = Device::flex();
    for (length, d_state, seed) in [(1, 2, 0), (2, 4, 1), (7, 16, 2), (64, 8, 3), (201, 32, 4)] {
        let layer = DiagonalStateSpaceConfig::new(5, d_state).with_seed(seed).init(&device);
        let u = Tensor::<3>::random([2, 5, length], Distribution::Uniform(-1.0, 1.0), &device);
        let at_once = layer.convolve(u.clone());
        let error = largest(at_once.clone() - by_steps(&layer, u));
        assert!(error < 1e-5 * (1.0 + largest(at_once)), "length {length}: {error:e}");
    }
}

#[test]
fn both_faces_have_the_same_gradient() {
    let device = Device::flex().autodiff();
    let layer = DiagonalStateSpaceConfig::new(2, 4).init(&device);
    let u = Tensor::<3>::random([2, 2, 20], Distribution::Uniform(-1.0, 1.0), &device);
    let [at_once, stepped] = [layer.convolve(u.clone()), by_steps(&layer, u)].map(|y| {
        let grads = y.square().mean().backward();
        let mut found = numbers(layer.delta_raw.val().grad(&grads).unwrap());
        for parameter in [&layer.a_real_log, &layer.a_imaginary, &layer.c_real, &layer.c_imaginary]
        {
            found.extend(numbers(parameter.val().grad(&grads).unwrap()));
        }
        found
    });
    let scale = at_once.iter().map(|g| g.abs()).fold(0.0, f64::max);
    for (g, h) in at_once.iter().zip(&stepped) {
        assert!((g - h).abs() < 1e-5 * scale, "{g} or {h}");
    }
}

#[test]
fn gradients_are_what_finite_differences_find() {
    let device = Device::flex().autodiff();
    let config = DiagonalStateSpaceConfig::new(2, 6).with_delta_max(0.4).with_seed(1);
    let layer = double(&config.init(&device));
    let length = 30;
    // Any function of the kernel will do; this one has no symmetry.
    let weight: Vec<f64> = (0..2 * length).map(|k| (0.7 * k as f64).sin()).collect();
    let weight = Tensor::<2>::from_data(
        TensorData::new(weight, [2, length]),
        (&device, FloatDType::F64.into()),
    );
    let loss = |layer: &DiagonalStateSpace| (layer.kernel(length) * weight.clone()).sum();
    let grads = loss(&layer).backward();
    let value = |layer: &DiagonalStateSpace| loss(layer).into_scalar::<f64>();

    type Field = (&'static str, fn(&mut DiagonalStateSpace) -> &mut Param<Tensor<2>>);
    let fields: [Field; 4] = [
        ("a_real_log", |layer| &mut layer.a_real_log),
        ("a_imaginary", |layer| &mut layer.a_imaginary),
        ("c_real", |layer| &mut layer.c_real),
        ("c_imaginary", |layer| &mut layer.c_imaginary),
    ];
    /// The same parameter, one of its numbers moved.
    fn moved<const D: usize>(parameter: &Param<Tensor<D>>, i: usize, by: f64) -> Param<Tensor<D>> {
        let mut values = numbers(parameter.val());
        values[i] += by;
        leaf(values, parameter.val().dims(), &parameter.val().device())
    }
    let h = 1e-5;
    for (name, field) in fields {
        let exact = numbers(field(&mut layer.clone()).val().grad(&grads).unwrap());
        for (i, exact) in exact.into_iter().enumerate() {
            let at = |by: f64| {
                let mut layer = layer.clone();
                let parameter = field(&mut layer);
                *parameter = moved(parameter, i, by);
                value(&layer)
            };
            let measured = (at(h) - at(-h)) / (2.0 * h);
            assert!((measured - exact).abs() < 1e-8, "{name}[{i}]: {measured} or {exact}");
        }
    }
    let exact = numbers(layer.delta_raw.val().grad(&grads).unwrap());
    for (i, exact) in exact.into_iter().enumerate() {
        let at = |by: f64| {
            value(&DiagonalStateSpace {
                delta_raw: moved(&layer.delta_raw, i, by),
                ..layer.clone()
            })
        };
        let measured = (at(h) - at(-h)) / (2.0 * h);
        assert!((measured - exact).abs() < 1e-8, "delta_raw[{i}]: {measured} or {exact}");
    }
}

#[test]
fn naive_softplus_overflows_and_underflows_where_ours_does_neither() {
    let naive = |x: f64| (1.0 + x.exp()).ln();
    let naive_inverse = |y: f64| (y.exp() - 1.0).ln();
    assert_eq!((naive(800.0), softplus(800.0)), (f64::INFINITY, 800.0));
    assert_eq!((naive(-40.0), softplus(-40.0)), (0.0, (-40.0_f64).exp()));
    assert_eq!((naive_inverse(800.0), inverse_softplus(800.0)), (f64::INFINITY, 800.0));
    assert_eq!(naive_inverse(1e-17), f64::NEG_INFINITY);
    assert!((inverse_softplus(1e-17) - 1e-17_f64.ln()).abs() < 1e-13);
    // Where both work they agree.
    for x in [-5.0, -1.0, 0.0, 0.3, 2.0, 30.0] {
        assert!((naive(x) - softplus(x)).abs() < 1e-14 * softplus(x).max(1.0), "{x}");
    }
    // And burn's, which the layer uses, is ours in f32: values and gradients, also at 0.
    let device = Device::flex().autodiff();
    let raw = [-80.0, -40.0, -7.0, 0.0, 1.0, 19.0, 21.0, 1000.0_f64];
    let x = Tensor::<1>::from_floats(raw.map(|x| x as f32), &device).require_grad();
    let y = activation::softplus(x.clone(), 1.0);
    let slope = numbers(x.grad(&y.clone().sum().backward()).unwrap());
    for ((x, y), slope) in raw.into_iter().zip(numbers(y)).zip(slope) {
        assert!((y - softplus(x)).abs() <= 2e-7 * softplus(x), "softplus({x}): {y}");
        let sigmoid = 1.0 / (1.0 + (-x).exp());
        assert!((slope - sigmoid).abs() <= 3e-7 * sigmoid, "slope at {x}: {slope}");
    }
}

#[test]
fn steps_of_slow_modes_keep_their_digits() {
    // The slowest of S4D at its shortest step, in f32, and steps far shorter.
    let device = Device::flex();
    for delta in [1e-30_f32, 1e-9, 1e-6, 1e-3, 1e-1, 1.0, 10.0] {
        let row = |numbers: [f32; 4]| Tensor::<2>::from_floats([numbers], &device);
        let (re, im) = ([-0.5, -0.5, -1e-6, -20.0], [0.0, 3.0, 1e-3, 60.0]);
        let lambda = ComplexTensor { re: row(re), im: row(im) };
        let (_, b_bar) = held_input_step(&lambda, Tensor::from_floats([delta], &device));
        let (found_re, found_im) = (numbers(b_bar.re), numbers(b_bar.im));
        for n in 0..4 {
            let [delta, re, im] = [delta, re[n], im[n]].map(f64::from);
            let z = Complex::new(re, im) * delta;
            let expected = zero_order_hold::expm1_ratio(z) * delta;
            let error = (Complex::new(found_re[n], found_im[n]) - expected).norm();
            // z itself is rounded to f32: its phase is off by 6e-8 |z|.
            let allowed =
                (4e-7 + 1e-7 * z.norm()) * expected.norm().max((1.0 / z.norm()).min(1.0) * delta);
            assert!(error <= allowed, "Δ = {delta:e}, λ = {re} + {im}i: off by {error:e}");
        }
    }
    // As it is written, three digits at Δ = 1e-3, none at 1e-9.
    let naive = |delta: f32| f64::from(((-0.5 * delta).exp() - 1.0) / -0.5) / f64::from(delta);
    assert!((naive(1e-3) - (1.0 - 0.25e-3)).abs() > 1e-5);
    assert_eq!(naive(1e-9), 0.0);
}

#[test]
fn series_and_difference_of_expm1_meet() {
    let device = Device::flex().autodiff();
    let x: Vec<f64> = (-4000..=400).map(|i| 1e-3 * f64::from(i)).collect();
    let double = (&device, FloatDType::F64.into());
    let tensor =
        Tensor::<1>::from_data(TensorData::new(x.clone(), [x.len()]), double).require_grad();
    let y = expm1(tensor.clone());
    let slope = numbers(tensor.grad(&y.clone().sum().backward()).unwrap());
    for ((x, y), slope) in x.into_iter().zip(numbers(y)).zip(slope) {
        assert!((y - x.exp_m1()).abs() <= 4e-16 * x.exp_m1().abs().max(1e-3), "{x}: {y}");
        assert!((slope - x.exp()).abs() <= 1e-15, "slope at {x}: {slope}");
    }
    // Far out nothing overflows, and no gradient is lost.
    let far = Tensor::<1>::from_floats([-1e30, -1e4, 3.0], &device).require_grad();
    let y = expm1(far.clone());
    let slope = numbers(far.grad(&y.clone().sum().backward()).unwrap());
    assert_eq!(numbers(y)[..2], [-1.0, -1.0]);
    assert!(slope[..2] == [0.0, 0.0] && (slope[2] - 3.0_f64.exp()).abs() < 1e-5, "{slope:?}");
}

#[test]
fn initial_steps_are_log_uniform_between_their_bounds() {
    let layer = DiagonalStateSpaceConfig::new(4000, 2).with_seed(9).init(&Device::flex());
    let mut logs: Vec<f64> = numbers(layer.delta()).into_iter().map(f64::log10).collect();
    logs.sort_by(f64::total_cmp);
    assert!(logs[0] >= -3.0 - 1e-5 && logs[3999] <= -1.0 + 1e-5);
    // Each tenth of the decades has a tenth of the channels: 400 ± 19, within four deviations.
    for part in 0..10 {
        let from = -3.0 + 0.2 * f64::from(part);
        let here = logs.iter().filter(|&&log| log >= from && log < from + 0.2).count();
        assert!((324..=476).contains(&here), "{here} channels from 10^{from}");
    }
}

#[test]
fn a_layer_begins_with_the_modes_of_s4d_lin_and_readings_of_size_1() {
    let layer = DiagonalStateSpaceConfig::new(500, 8).with_seed(3).init(&Device::flex());
    for (i, (re, im)) in
        numbers(layer.lambda().re).into_iter().zip(numbers(layer.lambda().im)).enumerate()
    {
        let expected = Complex::new(-0.5, std::f64::consts::PI * (i % 4) as f64);
        assert!((Complex::new(re, im) - expected).norm() < 1e-6, "mode {i}: {re} + {im}i");
    }
    // 2000 numbers c and 500 numbers d, of variance 1: within five deviations.
    let square = |row: Vec<f64>| row.into_iter().map(|number| number * number).sum::<f64>();
    let c = layer.c();
    let (c, d) = (square(numbers(c.re)) + square(numbers(c.im)), square(numbers(layer.d.val())));
    assert!((c / 2000.0 - 1.0).abs() < 0.12 && (d / 500.0 - 1.0).abs() < 0.32, "{c}, {d}");
}

#[test]
fn silence_costs_one_half_in_the_lesson_of_adding() {
    let layer = DiagonalStateSpaceConfig::new(1, 2).init(&Device::flex().autodiff());
    let lesson = Adding { batch: 256, steps: 1, ..Adding::default() };
    let silent = lesson.losses(layer, |layer, length| layer.kernel(length) * 0.0)[0];
    // The mean of k/L, give or take five times 0.04.
    assert!((silent - 0.5).abs() < 0.2, "{silent}");
}

/// A layer between two linear ones, as models have it.
#[derive(Module, Debug)]
struct Model {
    before: Linear,
    spaces: Vec<DiagonalStateSpace>,
}

impl Model {
    fn loss(&self, u: Tensor<3>) -> Tensor<1> {
        let y = self.spaces[0].convolve(self.before.forward(u.swap_dims(1, 2)).swap_dims(1, 2));
        (y - 1.0).square().mean()
    }
}

#[test]
fn time_scales_learn_slowly_and_do_not_decay() {
    let device = Device::flex().autodiff();
    let before = LinearConfig::new(3, 3).init(&device);
    let spaces = vec![DiagonalStateSpaceConfig::new(3, 4).init(&device)];
    let model = Model { before, spaces };
    let u = Tensor::<3>::random([2, 3, 40], Distribution::Uniform(-1.0, 1.0), &device);
    let grads = GradientsParams::from_grads(model.loss(u).backward(), &model);
    let (rate, decay) = (1e-2, 0.1);
    let after = optimizer(decay).step(learning_rates(rate, 0.1), model.clone(), grads);

    // The first step of Adam is the rate, for every parameter, in the direction of its gradient.
    let moved = |before: &Param<Tensor<2>>, after: &Param<Tensor<2>>| {
        let moved = (before.val() - after.val()).abs();
        (moved.clone().min().into_scalar::<f32>(), moved.max().into_scalar::<f32>())
    };
    let (old, new) = (&model.spaces[0], &after.spaces[0]);
    let (_, log) = moved(&old.a_real_log, &new.a_real_log);
    assert!((log - 1e-3).abs() < 1e-5, "{log}");
    let (_, imaginary) = moved(&old.a_imaginary, &new.a_imaginary);
    assert!((imaginary - 1e-3).abs() < 1e-5, "{imaginary}: λ = iπ would have decayed by 3e-3");
    let raw = (old.delta_raw.val() - new.delta_raw.val()).abs().max().into_scalar::<f32>();
    assert!((raw - 1e-3).abs() < 1e-5, "{raw}");
    for (least, most) in
        [moved(&old.c_real, &new.c_real), moved(&model.before.weight, &after.before.weight)]
    {
        assert!(least > 5e-3 && most < 1.5e-2, "between {least} and {most}");
    }
}

#[test]
fn what_cannot_be_a_layer_is_refused_in_words() {
    let refused = |config: DiagonalStateSpaceConfig| {
        let attempt = std::panic::catch_unwind(move || config.init(&Device::flex()));
        *attempt.expect_err("it should refuse").downcast::<String>().unwrap()
    };
    let config = DiagonalStateSpaceConfig::new;
    assert_eq!(refused(config(2, 3)), "expected an even number of states, found 3");
    assert_eq!(refused(config(2, 0)), "expected an even number of states, found 0");
    assert_eq!(
        refused(config(2, 4).with_delta_min(0.2)),
        "expected 0 < delta_min <= delta_max, found 0.2 and 0.1"
    );
}

#[test]
fn a_kernel_of_any_length_is_the_beginning_of_a_longer_one() {
    let layer = double(&DiagonalStateSpaceConfig::new(1, 8).init(&Device::flex()));
    let long = numbers(layer.kernel(130));
    for length in 1..130 {
        for (k, (found, expected)) in numbers(layer.kernel(length)).iter().zip(&long).enumerate() {
            assert!((found - expected).abs() < 1e-12, "K_{k} of {length}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_parameter_is_a_stable_system(log in -40.0..40.0_f64, omega in -1e3..1e3_f64, raw in -80.0..80.0_f64) {
        let device = Device::flex();
        let mut layer = DiagonalStateSpaceConfig::new(1, 2).init(&device);
        layer.a_real_log = Param::from_tensor(Tensor::from_floats([[log as f32]], &device));
        layer.a_imaginary = Param::from_tensor(Tensor::from_floats([[omega as f32]], &device));
        layer.delta_raw = Param::from_tensor(Tensor::from_floats([raw as f32], &device));
        prop_assert!(numbers(layer.lambda().re)[0] < 0.0);
        prop_assert!(numbers(layer.delta())[0] > 0.0);
        let kernel = numbers(layer.kernel(100));
        prop_assert!(kernel.iter().all(|k| k.is_finite()), "{kernel:?}");
        // An input that never exceeds 1 is answered by at most 1/|Re λ| for each unit of c.
        let (c, growth) = (layer.c(), log.exp());
        let c = numbers(c.re)[0].hypot(numbers(c.im)[0]);
        let sum: f64 = kernel.iter().map(|k| k.abs()).sum();
        let steps = (-numbers(layer.delta())[0] * growth).exp();
        let (z, b_bar) = held_input_step(&layer.lambda(), layer.delta());
        let pushed = numbers(b_bar.re)[0].hypot(numbers(b_bar.im)[0]);
        let bound = 2.0 * c * pushed * (100.0_f64).min(1.0 / (1.0 - steps));
        prop_assert!(sum <= bound * (1.0 + 1e-4), "{sum} > {bound}");
        let one = ComplexTensor { re: z.re.ones_like(), im: z.re.zeros_like() };
        let powers = numbers(vandermonde_kernel(&one, &z, 300));
        prop_assert!(powers.iter().all(|p| p.abs() <= 2.0 * (1.0 + 1e-6)));
    }
}
