//! What the page *S4 layer* claims.

use burn::module::{Module, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Distribution, FloatDType, Tensor, TensorData};
use ml_links::structured_matrices::StructuredMatrix;
use ml_links::testing::{apart, card, numbers};
use ml_links::training::{AdamW, ParameterGroup};
use nalgebra::{Complex, DVector};
use proptest::prelude::*;
use s4::dplr_operations::{composed_kernel, dplr_kernel, dplr_walk, step_of};
use s4::kernel::{s4_kernel, truncate_paired};
use s4::s4_layer::{S4Layer, S4LayerConfig, slow_parameters};

/// These numbers as a parameter in double precision.
fn leaf<const D: usize>(values: Vec<f64>, shape: [usize; D], device: &Device) -> Param<Tensor<D>> {
    Param::from_tensor(double_tensor(values, shape, device))
}

fn double_tensor<const D: usize>(
    values: Vec<f64>,
    shape: [usize; D],
    device: &Device,
) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), (device, FloatDType::F64.into()))
}

/// The same layer in double precision.
fn double(layer: &S4Layer) -> S4Layer {
    fn cast<const D: usize>(parameter: &Param<Tensor<D>>) -> Param<Tensor<D>> {
        let tensor = parameter.val();
        leaf(numbers(tensor.clone()), tensor.dims(), &tensor.device())
    }
    S4Layer {
        a_real_log: cast(&layer.a_real_log),
        a_imaginary: cast(&layer.a_imaginary),
        p_real: cast(&layer.p_real),
        p_imaginary: cast(&layer.p_imaginary),
        b_real: cast(&layer.b_real),
        b_imaginary: cast(&layer.b_imaginary),
        delta_raw: cast(&layer.delta_raw),
        c_real: cast(&layer.c_real),
        c_imaginary: cast(&layer.c_imaginary),
        d: cast(&layer.d),
    }
}

/// Numbers without a pattern, between -1 and 1.
fn noise(count: usize) -> Vec<f64> {
    (0..count).map(|k| ((k * k) as f64 * 0.7 + k as f64 + 0.3).sin()).collect()
}

/// The layer, stepped through a whole sequence.
fn by_steps(layer: &S4Layer, u: &Tensor<3>) -> Tensor<3> {
    let [batch, _, length] = u.dims();
    let mut state = layer.initial_state(batch, &u.device());
    let y = (0..length)
        .map(|k| layer.step(u.clone().narrow(2, k, 1).squeeze_dim(2), &mut state).unsqueeze_dim(2));
    Tensor::cat(y.collect(), 2)
}

/// Equation 5-4's recurrence, letter by letter, for one channel.
fn as_written(layer: &S4Layer, channel: usize, u: &[f64]) -> Vec<f64> {
    let (modes, c, delta) = layer.channel(channel);
    let d = numbers(layer.d.val())[channel];
    let (lambda, p, b) = (modes.lambda, modes.p.column(0).into_owned(), modes.b);
    let s = lambda.map(|lambda| (1.0 - lambda * (0.5 * delta)).inv());
    let g = 1.0 + delta * (0..s.len()).map(|n| p[n].norm_sqr() * s[n].re).sum::<f64>();
    let gain = lambda.component_mul(&s) * Complex::from(delta);
    let q = p.conjugate().component_mul(&s);
    let w = p.component_mul(&s) * Complex::from(delta / g);
    let seen = q.dot(&b).re;
    let b_bar = (b.component_mul(&s) - &w * Complex::from(seen)) * Complex::from(delta);
    let mut x = DVector::from_element(s.len(), Complex::ZERO);
    u.iter()
        .map(|&u| {
            let read = Complex::from(2.0 * q.dot(&x).re);
            x = &x + gain.component_mul(&x) - &w * read + &b_bar * Complex::from(u);
            2.0 * c.dot(&x).re + d * u
        })
        .collect()
}

#[test]
fn eq_5_4_both_faces_are_one_layer() {
    let device = Device::flex();
    let layer = double(&S4LayerConfig::new(3, 16).with_delta_max(0.5).with_seed(4).init(&device));
    for length in [1, 2, 3, 10, 97, 400] {
        let values = noise(2 * 3 * length);
        let u = double_tensor(values.clone(), [2, 3, length], &device);
        let convolved = numbers(layer.convolve(u.clone()));
        let stepped = numbers(by_steps(&layer, &u));
        for row in 0..6 {
            let here = row * length..(row + 1) * length;
            let expected = as_written(&layer, row % 3, &values[here.clone()]);
            let (kernel, steps) =
                (apart(&convolved[here.clone()], &expected), apart(&stepped[here], &expected));
            assert!(kernel < 1e-11, "L = {length}, row {row}, kernel: {kernel:e}");
            assert!(steps < 1e-11, "L = {length}, row {row}, steps: {steps:e}");
        }
    }
}

#[test]
fn faces_agree_in_single_precision_at_the_size_of_a_digit() {
    let device = Device::flex();
    let layer = S4LayerConfig::new(4, 64).with_seed(2).init(&device);
    let u = Tensor::<3>::from_data(
        TensorData::new(noise(4 * 784), [1, 4, 784]).convert::<f32>(),
        &device,
    );
    let (convolved, stepped) = (numbers(layer.convolve(u.clone())), by_steps(&layer, &u));
    let error = apart(&numbers(stepped), &convolved);
    assert!(error < 1e-5, "{error:e}");
}

#[test]
fn a_kernel_is_that_of_the_page_before() {
    let layer = S4LayerConfig::new(5, 64).with_seed(1).init(&Device::flex());
    let exact = double(&layer);
    for length in [1, 2, 63, 64, 784] {
        let (single, double) = (numbers(layer.kernel(length)), numbers(exact.kernel(length)));
        for channel in 0..5 {
            let (modes, c, delta) = exact.channel(channel);
            let expected: Vec<f64> = s4_kernel(&modes, &c, delta, length).unwrap();
            let here = channel * length..(channel + 1) * length;
            let error = apart(&double[here.clone()], &expected);
            assert!(error < 1e-10, "L = {length}, channel {channel}: {error:e}");
            // The parameters are rounded, then nothing is.
            let error = apart(&single[here], &expected);
            assert!(error < 2e-5, "L = {length}, channel {channel}, f32: {error:e}");
        }
    }
}

#[test]
fn a_kernel_is_that_of_the_matrix() {
    // Chapter 4's structure, chapter 3's rule, both halves of each pair, a whole matrix a step.
    let layer = double(&S4LayerConfig::new(2, 12).with_delta_min(0.05).init(&Device::flex()));
    let kernel = numbers(layer.kernel(40));
    for channel in 0..2 {
        let (modes, c, delta) = layer.channel(channel);
        let (a, b) = modes.both_halves().unwrap();
        let (a_bar, b_bar) = a.bilinear(&b, delta).unwrap();
        let (a_bar, c) = (a_bar.to_dense(), modes.unfold(&c));
        let mut x = b_bar;
        let expected: Vec<f64> = (0..40)
            .map(|_| {
                let read = c.dot(&x).re;
                x = &a_bar * &x;
                read
            })
            .collect();
        assert!(apart(&kernel[40 * channel..][..40], &expected) < 1e-11);
    }
}

#[test]
fn a_layer_has_no_length() {
    // Every kernel is the beginning of a longer one: no parameter knows where it ends.
    let layer = double(&S4LayerConfig::new(1, 8).with_delta_min(0.02).init(&Device::flex()));
    let long = numbers(layer.kernel(130));
    for length in 1..130 {
        let error = apart(&numbers(layer.kernel(length)), &long[..length]);
        assert!(error < 1e-11, "{length}: {error:e}");
    }
}

#[test]
fn a_layer_that_learns_c_tilde_has_one() {
    // The same c̃, learned for 64 steps, read as a kernel of 128 and taken for c while stepping: other systems.
    let layer = double(&S4LayerConfig::new(1, 8).init(&Device::flex()));
    let (modes, c, delta) = layer.channel(0);
    let c_tilde = truncate_paired(&modes, &c, delta, 64).unwrap();
    let trained: Vec<f64> = s4_kernel(&modes, &c, delta, 64).unwrap();
    let kernel_of = |length| {
        let spectrum = s4::kernel::KernelSpectrum::<f64>::new(&modes, &c_tilde, delta).unwrap();
        spectrum.kernel(length).unwrap()
    };
    assert!(apart(&kernel_of(64), &trained) < 1e-11);
    assert!(apart(&kernel_of(128)[..64], &trained) > 0.1);
    let stepped: Vec<f64> = s4_kernel(&modes, &c_tilde, delta, 64).unwrap();
    assert!(apart(&stepped, &trained) > 0.1);
}

#[test]
fn a_long_sequence_in_chunks_is_the_sequence_at_once() {
    let device = Device::flex();
    let layer = double(&S4LayerConfig::new(2, 8).with_delta_min(0.02).init(&device));
    let u = double_tensor(noise(3 * 2 * 90), [3, 2, 90], &device);
    let at_once = numbers(layer.convolve(u.clone()));
    for chunks in [vec![90], vec![1, 89], vec![40, 10, 40], vec![30; 3]] {
        let (mut state, mut begin) = (layer.initial_state(3, &device), 0);
        let parts = chunks.iter().map(|&length| {
            let chunk = u.clone().narrow(2, begin, length);
            begin += length;
            layer.walk(chunk, &mut state)
        });
        let error = apart(&numbers(Tensor::cat(parts.collect(), 2)), &at_once);
        assert!(error < 1e-11, "{chunks:?}: {error:e}");
    }
}

#[test]
fn steps_from_tensor_operations_are_the_steps_of_the_processor() {
    let device = Device::flex();
    let layer = double(&S4LayerConfig::new(3, 6).with_seed(8).init(&device));
    let step = step_of(&layer.modes());
    let u = double_tensor(noise(2 * 3 * 20), [2, 3, 20], &device);
    let x = double_tensor(noise(2 * 3 * 2 * 3), [2, 3, 2, 3], &device);
    let (y, last) = dplr_walk(&step, u.clone(), x.clone());
    // What differentiates goes through burn's own operations.
    let (composed, composed_last) = dplr_walk(&step.autodiff(), u.autodiff(), x.autodiff());
    assert!(apart(&numbers(composed), &numbers(y)) < 1e-13);
    assert!(apart(&numbers(composed_last), &numbers(last)) < 1e-13);
}

/// Equal weights would hide a kernel that runs backwards.
fn weighted(kernel: Tensor<2>) -> Tensor<1> {
    let [channels, length] = kernel.dims();
    let weights: Vec<f64> = noise(channels * length);
    let data = TensorData::new(weights, [channels, length]);
    let weights = Tensor::from_data(data, (&kernel.device(), kernel.dtype()));
    (kernel * weights).sum()
}

#[test]
fn gradients_are_slopes() {
    let device = Device::flex().autodiff();
    // Lengths around a stretch of the adjoint, odd and even.
    for length in [1, 2, 33, 65, 150] {
        let config = S4LayerConfig::new(2, 6).with_delta_min(0.02).with_delta_max(0.4).with_seed(1);
        let layer = double(&config.init(&device));
        let value = |layer: &S4Layer| weighted(layer.kernel(length)).into_scalar::<f64>();
        let grads = weighted(layer.kernel(length)).backward();

        /// The same parameter, one of its numbers moved.
        fn moved<const D: usize>(of: &Param<Tensor<D>>, i: usize, by: f64) -> Param<Tensor<D>> {
            let mut values = numbers(of.val());
            values[i] += by;
            leaf(values, of.val().dims(), &of.val().device())
        }
        type Field = (&'static str, fn(&mut S4Layer) -> &mut Param<Tensor<2>>);
        let fields: [Field; 8] = [
            ("a_real_log", |layer| &mut layer.a_real_log),
            ("a_imaginary", |layer| &mut layer.a_imaginary),
            ("p_real", |layer| &mut layer.p_real),
            ("p_imaginary", |layer| &mut layer.p_imaginary),
            ("b_real", |layer| &mut layer.b_real),
            ("b_imaginary", |layer| &mut layer.b_imaginary),
            ("c_real", |layer| &mut layer.c_real),
            ("c_imaginary", |layer| &mut layer.c_imaginary),
        ];
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
                let slope = (at(h) - at(-h)) / (2.0 * h);
                let off = (slope - exact).abs();
                assert!(
                    off < 1e-7 * (1.0 + exact.abs()),
                    "L = {length}, {name}[{i}]: {slope} or {exact}"
                );
            }
        }
        let exact = numbers(layer.delta_raw.val().grad(&grads).unwrap());
        for (i, exact) in exact.into_iter().enumerate() {
            let at = |by: f64| {
                let delta_raw = moved(&layer.delta_raw, i, by);
                value(&S4Layer { delta_raw, ..layer.clone() })
            };
            let slope = (at(h) - at(-h)) / (2.0 * h);
            let off = (slope - exact).abs();
            assert!(
                off < 1e-7 * (1.0 + exact.abs()),
                "L = {length}, delta_raw[{i}]: {slope} or {exact}"
            );
        }
    }
}

/// The kernel and its gradient by the modes, by one of two ways.
fn both_ways(
    way: fn(Tensor<3>, usize) -> Tensor<2>,
    modes: &Tensor<3>,
    length: usize,
    device: &Device,
) -> [Vec<f64>; 2] {
    let data = modes.clone().into_data();
    let options = (device, modes.dtype());
    let modes = Tensor::<3>::from_data(data, options).require_grad();
    let kernel = way(modes.clone(), length);
    let grads = weighted(kernel.clone()).backward();
    [numbers(kernel), numbers(modes.grad(&grads).unwrap())]
}

#[test]
fn an_operation_of_our_own_differentiates_as_composed_ones() {
    let device = Device::flex();
    let autodiff = device.clone().autodiff();
    let layer = S4LayerConfig::new(4, 64).with_seed(3).init(&device);
    for length in [5, 64, 200] {
        let modes = double(&layer).modes();
        let [kernel, by_modes] = both_ways(dplr_kernel, &modes, length, &autodiff);
        let [expected, expected_by_modes] = both_ways(composed_kernel, &modes, length, &autodiff);
        // burn's Fourier transform turns by angles in f32, also in f64.
        assert!(apart(&kernel, &expected) < 1e-6, "{length}: {:e}", apart(&kernel, &expected));
        let error = apart(&by_modes, &expected_by_modes);
        assert!(error < 1e-6, "{length}: {error:e}");
        // From f32 ours computes in f64 and rounds once; what is composed rounds all the way.
        let modes = layer.modes();
        for (way, tolerance) in [(dplr_kernel as fn(_, _) -> _, 2e-6), (composed_kernel, 2e-4)] {
            let [single, single_by_modes] = both_ways(way, &modes, length, &autodiff);
            let (error, by_error) = (apart(&single, &kernel), apart(&single_by_modes, &by_modes));
            assert!(error < tolerance, "{length}, f32: {error:e}");
            assert!(by_error < tolerance, "{length}, f32, gradient: {by_error:e}");
        }
    }
}

#[test]
fn a_graphics_card_computes_the_same_layer() {
    let Some(card) = card() else { return };
    let device = Device::flex();
    let layer = S4LayerConfig::new(3, 8).with_delta_min(0.02).with_seed(3).init(&device);
    let modes = layer.modes();
    let [kernel, by_modes] = both_ways(dplr_kernel, &modes, 50, &device.clone().autodiff());
    let [on_card, by_modes_on_card] = both_ways(dplr_kernel, &modes, 50, &card.clone().autodiff());
    assert!(apart(&on_card, &kernel) < 1e-4, "{:e}", apart(&on_card, &kernel));
    let error = apart(&by_modes_on_card, &by_modes);
    assert!(error < 1e-3, "{error:e}");
    let u = Tensor::<3>::from_data(TensorData::new(noise(18), [1, 3, 6]).convert::<f32>(), &device);
    let expected = numbers(layer.convolve(u.clone()));
    let moved = layer.fork(&card);
    let found = numbers(by_steps(&moved, &u.to_device(&card)));
    assert!(apart(&found, &expected) < 1e-4, "{:e}", apart(&found, &expected));
}

#[test]
fn the_beginning_is_hippo() {
    let layer = double(&S4LayerConfig::new(500, 8).with_seed(3).init(&Device::flex()));
    let (modes, ..) = layer.channel(499);
    let legs = s4::nplr::Nplr::legs(8).unwrap().diagonalize().unwrap().modes;
    assert!((modes.lambda - legs.lambda).camax() < 1e-6);
    assert!((modes.p - legs.p).camax() < 1e-6 && (modes.b - legs.b).camax() < 1e-6);
    let mut logs: Vec<f64> = numbers(layer.delta()).into_iter().map(f64::log10).collect();
    logs.sort_by(f64::total_cmp);
    assert!(logs[0] >= -3.0 - 1e-5 && logs[499] <= -1.0 + 1e-5);
    assert!((logs[250] + 2.0).abs() < 0.15, "the middle of the steps is 0.01");
    let square = |row: Vec<f64>| row.into_iter().map(|number| number * number).sum::<f64>();
    let c = square(numbers(layer.c_real.val())) + square(numbers(layer.c_imaginary.val()));
    assert!((c / 2000.0 - 1.0).abs() < 0.12, "2000 numbers of variance 1: {c}");
}

#[test]
fn flows_learn_slowly_and_do_not_decay() {
    let device = Device::flex().autodiff();
    let layer = S4LayerConfig::new(3, 4).init(&device);
    let u = Tensor::<3>::random([2, 3, 40], Distribution::Uniform(-1.0, 1.0), &device);
    let loss = (layer.convolve(u) - 1.0).square().mean();
    let grads = GradientsParams::from_grads(loss.backward(), &layer);
    let flows = ParameterGroup::of(slow_parameters()).rate(0.1).without_decay();
    let after = AdamW::new(0.1).with_groups([flows]).step(layer.clone(), grads, 1e-2, 1.0);
    let moved = |before: &Param<Tensor<2>>, after: &Param<Tensor<2>>| {
        let moved = (before.val() - after.val()).abs();
        (moved.clone().min().into_scalar::<f32>(), moved.max().into_scalar::<f32>())
    };
    // The first step of Adam is the rate, for every parameter.
    for (name, (least, most)) in [
        ("a_real_log", moved(&layer.a_real_log, &after.a_real_log)),
        ("a_imaginary", moved(&layer.a_imaginary, &after.a_imaginary)),
        ("p_real", moved(&layer.p_real, &after.p_real)),
        ("p_imaginary", moved(&layer.p_imaginary, &after.p_imaginary)),
        ("b_real", moved(&layer.b_real, &after.b_real)),
        ("b_imaginary", moved(&layer.b_imaginary, &after.b_imaginary)),
    ] {
        assert!(least > 0.9e-3 && most < 1.01e-3, "{name}: between {least} and {most}");
    }
    let (_, c) = moved(&layer.c_real, &after.c_real);
    assert!(c > 5e-3, "{c}");
}

#[test]
fn what_cannot_be_a_layer_is_refused_in_words() {
    fn refused<T>(attempt: impl FnOnce() -> T + std::panic::UnwindSafe) -> String {
        let payload = std::panic::catch_unwind(attempt).err().expect("it should refuse");
        *payload.downcast::<String>().unwrap()
    }
    let init = |config: S4LayerConfig| refused(move || config.init(&Device::flex()));
    let config = S4LayerConfig::new;
    assert_eq!(init(config(2, 3)), "expected an even number of states, found 3");
    assert_eq!(init(config(2, 0)), "expected an even number of states, found 0");
    assert_eq!(
        init(config(2, 4).with_delta_min(0.2)),
        "expected 0 < delta_min <= delta_max, found 0.2 and 0.1"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_parameter_is_a_stable_layer(
        log in -8.0..8.0_f64,
        numbers_of in proptest::collection::vec(-30.0..30.0_f64, 10),
        raw in -12.0..12.0_f64,
    ) {
        // Two pairs; a state that is left alone never grows in the length of its halves.
        let device = Device::flex();
        let mut layer = double(&S4LayerConfig::new(1, 4).init(&device));
        let pair = |i: usize| leaf(numbers_of[i..i + 2].to_vec(), [1, 2], &device);
        layer.a_real_log = leaf(vec![log, -log], [1, 2], &device);
        layer.a_imaginary = pair(0);
        layer.p_real = pair(2);
        layer.p_imaginary = pair(4);
        layer.delta_raw = leaf(vec![raw], [1], &device);
        let mut state = layer.initial_state(1, &device);
        state.x = double_tensor(numbers_of[6..10].to_vec(), [1, 1, 2, 2], &device);
        let length_of = |x: &Tensor<4>| numbers(x.clone()).iter().map(|x| x * x).sum::<f64>();
        for _ in 0..20 {
            let before = length_of(&state.x);
            layer.step(double_tensor(vec![0.0], [1, 1], &device), &mut state);
            prop_assert!(length_of(&state.x) <= before * (1.0 + 1e-9));
        }
        let kernel = numbers(layer.kernel(50));
        prop_assert!(kernel.iter().all(|k| k.is_finite()), "{kernel:?}");
    }
}
