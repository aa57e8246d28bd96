//! What the page `s5` claims.

use discretization::diagonalization::{DiagonalSystem, ScalarStep};
use discretization::zero_order_hold::expm1_ratio;
use math_foundations::fourier::causal_convolution;
use math_foundations::matrix_exponential::matrix_exponential;
use ml_links::parameterization::normal;
use ml_links::scans::{Affine, scan, scan_blelloch, scan_chunked, scan_hillis_steele};
use nalgebra::{Complex, DMatrix, DVector};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use s4::hippo::share_lost;
use s4::nplr::Nplr;
use s4::s5::{S5, cost, cost_of_bank, hear, recall, sample_irregularly, two_waves};

type Step = Affine<Complex<f64>>;
type Scan<'a> = dyn Fn(&[Step]) -> Vec<Step> + 'a;

fn noise(channels: usize, length: usize, seed: u64) -> Vec<DVector<f64>> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    (0..length).map(|_| DVector::from_fn(channels, |_, _| normal(&mut random))).collect()
}

/// Lengths of steps from 1/4 to 4.
fn lengths(length: usize, seed: u64) -> Vec<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed + 99);
    (0..length).map(|_| 2.0_f64.powf(normal(&mut random).clamp(-2.0, 2.0))).collect()
}

fn apart(found: &[DVector<f64>], expected: &[DVector<f64>]) -> f64 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(f, e)| (f - e).amax()).fold(0.0, f64::max)
}

#[test]
fn eq_5_6_the_state_is_what_each_input_has_left_by_now() {
    let layer = S5::hippo(3, 12, 2, 5).unwrap();
    let (u, lasts) = (noise(3, 20, 1), lengths(20, 1));
    let x = layer.state_after(&u, &lasts).unwrap();
    for n in 0..6 {
        let rate = layer.flow().lambda[n] * layer.delta()[n];
        let left: Complex<f64> = (0..20)
            .map(|j| {
                let since: f64 = lasts[j + 1..].iter().sum();
                let pushed = (0..3).map(|m| layer.flow().b[(n, m)] * u[j][m]);
                let pushed = pushed.sum::<Complex<f64>>() * layer.delta()[n] * lasts[j];
                (rate * since).exp() * expm1_ratio(rate * lasts[j]) * pushed
            })
            .sum();
        assert!((x[n] - left).norm() < 1e-13, "mode {n}: {} instead of {left}", x[n]);
    }
    // And the last output reads it.
    let y = layer.run(&u, &lasts).unwrap();
    let seen =
        (&layer.flow().c * x.component_mul(&layer.flow().weight.map(Complex::from))).map(|y| y.re);
    assert!((&y[19] - seen - &layer.flow().d * &u[19]).amax() < 1e-13);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_scan_is_the_loop(length in 0usize..120, pieces in 1usize..9, seed in 0u64..100) {
        let layer = S5::hippo(2, 8, 2, seed).unwrap();
        let (u, lasts) = (noise(2, length, seed), lengths(length, seed));
        let expected = layer.run(&u, &lasts).unwrap();
        let then = |one: &Step, next: &Step| one.then(*next);
        let scans: [&Scan<'_>; 4] = [
            &|steps| scan(steps, then),
            &|steps| scan_blelloch(steps, then),
            &|steps| scan_hillis_steele(steps, then),
            &|steps| scan_chunked(steps, pieces, then),
        ];
        for by in scans {
            let found = layer.run_by_scan(&u, &lasts, by).unwrap();
            prop_assert!(apart(&found, &expected) < 1e-12);
        }
    }

    #[test]
    fn the_state_is_the_sum_of_its_listeners(channels in 1usize..5, seed in 0u64..100) {
        let layer = S5::hippo(channels, 8, 1, seed).unwrap();
        let (u, lasts) = (noise(channels, 30, seed), lengths(30, seed));
        let state = layer.state_after(&u, &lasts).unwrap();
        let y = layer.run(&u, &lasts).unwrap();
        let (mut states, mut outputs) = (state.map(|_| Complex::ZERO), vec![DVector::zeros(channels); 30]);
        for m in 0..channels {
            let heard: Vec<_> = u.iter().map(|u| DVector::from_element(1, u[m])).collect();
            let one = layer.listener(m).unwrap();
            states += one.state_after(&heard, &lasts).unwrap();
            let said = one.run(&heard, &lasts).unwrap();
            outputs.iter_mut().zip(said).for_each(|(sum, y)| *sum += y);
        }
        prop_assert!((state - states).camax() < 1e-13);
        prop_assert!(apart(&outputs, &y) < 1e-12);
    }

    #[test]
    fn a_step_may_be_cut_wherever_one_likes(share in 0.01..0.99_f64, seed in 0u64..100) {
        let layer = S5::hippo(2, 8, 1, seed).unwrap();
        let u = noise(2, 2, seed);
        let whole = layer.state_after(&u, &[1.0, 2.0]).unwrap();
        let again = [u[0].clone(), u[1].clone(), u[1].clone()];
        let cut = layer.state_after(&again, &[1.0, 2.0 * share, 2.0 * (1.0 - share)]).unwrap();
        prop_assert!((whole - cut).camax() < 1e-13);
    }
}

#[test]
fn a_bank_of_s4d_is_an_s5_with_blocks_of_zeros() {
    let bank: Vec<S5> = [0.2, 0.5, 1.0].iter().map(|&age| recall(16, age, 0.05).unwrap()).collect();
    let one = S5::side_by_side(&bank).unwrap();
    let (u, lasts) = (noise(3, 40, 2), lengths(40, 2));
    let y = one.run(&u, &lasts).unwrap();
    for (m, system) in bank.iter().enumerate() {
        let heard: Vec<_> = u.iter().map(|u| DVector::from_element(1, u[m])).collect();
        let alone = system.run(&heard, &lasts).unwrap();
        let off =
            y.iter().zip(&alone).map(|(y, alone)| (y[m] - alone[0]).abs()).fold(0.0, f64::max);
        assert!(off < 1e-12, "channel {m}: off by {off:e}");
    }
    assert_eq!(one.flow().b.iter().filter(|b| b.norm() > 0.0).count(), one.delta().len());
}

#[test]
fn steps_of_one_length_are_a_convolution() {
    let layer = S5::hippo(2, 8, 1, 4).unwrap();
    // One Δ for all modes, so that chapter 3 knows the steps.
    let layer = S5::new(layer.flow().clone(), DVector::from_element(4, 0.05)).unwrap();
    let u = noise(2, 60, 3);
    let kernel = layer.flow().discretize(ScalarStep::zero_order_hold, 0.05).unwrap().kernel(60);
    let y = layer.run(&u, &[1.0; 60]).unwrap();
    for p in 0..2 {
        let mut expected = vec![0.0; 60];
        for m in 0..2 {
            let channel: Vec<f64> = u.iter().map(|u| u[m]).collect();
            let mut kernel: Vec<f64> = kernel.iter().map(|k| k[(p, m)]).collect();
            kernel[0] += layer.flow().d[(p, m)];
            let part = causal_convolution(&kernel, &channel);
            expected.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        }
        let off = y.iter().zip(&expected).map(|(y, e)| (y[p] - e).abs()).fold(0.0, f64::max);
        assert!(off < 1e-12, "output {p}: off by {off:e}");
    }
    // And of other lengths they are none: the same inputs, at other times.
    let other = layer.run(&u, &lengths(60, 3)).unwrap();
    assert!(apart(&other, &y) > 0.1);
}

#[test]
fn a_time_scale_for_each_mode_is_in_its_rate_and_its_input() {
    let layer = S5::hippo(2, 16, 2, 9).unwrap();
    let DiagonalSystem { lambda, b, .. } = layer.flow();
    let flow = DiagonalSystem {
        lambda: lambda.zip_map(layer.delta(), |lambda, delta| lambda * delta),
        b: DMatrix::from_fn(8, 2, |n, m| b[(n, m)] * layer.delta()[n]),
        ..layer.flow().clone()
    };
    let same = S5::new(flow, DVector::from_element(8, 1.0)).unwrap();
    let (u, lasts) = (noise(2, 50, 4), lengths(50, 4));
    assert!(apart(&same.run(&u, &lasts).unwrap(), &layer.run(&u, &lasts).unwrap()) < 1e-13);
}

#[test]
fn the_first_layer_is_a_real_one_in_other_coordinates() {
    let (channels, block, blocks) = (3, 6, 2);
    let layer = S5::hippo(channels, block * blocks, blocks, 11).unwrap();
    let normal_part = Nplr::legs(block).unwrap();
    let v = normal_part.diagonalize().unwrap().v;
    let exponential = matrix_exponential(&(normal_part.normal() * 0.3)).unwrap();
    let mut dense = DMatrix::zeros(channels, channels);
    for j in 0..blocks {
        let modes = j * block / 2;
        let b = layer.flow().b.rows(modes, block / 2);
        let c = layer.flow().c.columns(modes, block / 2);
        let (b, c) = ((&v * b).map(|b| 2.0 * b.re), (c * v.adjoint()).map(|c| 2.0 * c.re));
        dense += c * &exponential * b;
    }
    let DiagonalSystem { lambda, b, c, .. } = layer.flow();
    let faded = DMatrix::from_fn(b.nrows(), channels, |n, m| (lambda[n] * 0.3).exp() * b[(n, m)]);
    let diagonal = (c * faded).map(|y| 2.0 * y.re);
    assert!((dense - diagonal).amax() < 1e-12);
    assert!(layer.delta().iter().all(|delta| (1e-3..1e-1).contains(delta)));
}

/// What is lost of a slow signal one unit ago: by the clock, and by somebody who counts steps.
fn lost(gaps: (f64, f64)) -> [f64; 2] {
    let heard = hear(two_waves, gaps, 12.0, 6).unwrap();
    [heard.by_clock, heard.by_steps]
        .map(|said| share_lost(&said[heard.warm..], &heard.truth[heard.warm..]))
}

#[test]
fn with_a_clock_it_reads_samples_that_come_when_they_like() {
    let [clock, _] = lost((0.02, 0.02));
    assert!(clock < 0.1, "evenly: {clock}");
    let [clock, steps] = lost((0.005, 0.2));
    assert!(
        clock < 0.15 && steps > 3.0 * clock,
        "irregularly: {clock} with a clock, {steps} without"
    );
}

#[test]
fn what_a_step_costs_is_what_chapter_3_counts() {
    let layer = S5::hippo(8, 16, 1, 0).unwrap();
    let steps = layer.flow().discretize(ScalarStep::zero_order_hold, 0.1).unwrap();
    // Chapter 3 counts a full D.
    assert_eq!(cost(8, 16).multiplications, steps.multiplications() - 8 * 8 + 8);
    let alone = layer.listener(0).unwrap();
    let one = DiagonalSystem {
        c: alone.flow().c.rows(0, 1).into(),
        d: DMatrix::zeros(1, 1),
        ..alone.flow().clone()
    };
    let one = one.discretize(ScalarStep::zero_order_hold, 0.1).unwrap();
    assert_eq!(cost_of_bank(8, 16).multiplications, 8 * one.multiplications());
    assert_eq!((cost(8, 16).state, cost_of_bank(8, 16).state), (16, 128));
}

#[test]
fn what_makes_no_layer_is_refused() {
    let said = |layer: Result<S5, _>| -> String {
        layer.map(|_| ()).map_err(|e: s4::s5::S5Error| e.to_string()).unwrap_err()
    };
    assert_eq!(said(S5::hippo(0, 8, 1, 0)), "expected the channels to be at least 1, found 0");
    assert_eq!(said(S5::hippo(2, 0, 1, 0)), "expected N to be at least 1, found 0");
    assert_eq!(said(S5::hippo(2, 8, 0, 0)), "expected the blocks to be at least 1, found 0");
    let odd = "expected N to be a multiple of twice the number of blocks, 1, found 7";
    assert_eq!(said(S5::hippo(2, 7, 1, 0)), odd);
    let layer = S5::hippo(2, 8, 2, 0).unwrap();
    assert!(said(layer.listener(2)).starts_with("expected the channel to be below"));
    assert!(said(S5::new(layer.flow().clone(), DVector::zeros(4))).starts_with("expected Δ to be"));
    assert!(
        said(S5::new(layer.flow().clone(), DVector::from_element(3, 0.1)))
            .starts_with("expected Δ")
    );
    assert!(
        S5::side_by_side(&[]).is_err() && S5::side_by_side(std::slice::from_ref(&layer)).is_err()
    );
    let u = noise(2, 3, 0);
    let said = |u: &[DVector<f64>], lasts: &[f64]| layer.run(u, lasts).unwrap_err().to_string();
    assert_eq!(said(&u, &[1.0; 2]), "expected as many lengths of steps as inputs, 3, found 2");
    assert!(said(&u, &[1.0, 0.0, 1.0]).starts_with("expected the length of a step to be"));
    assert!(said(&noise(3, 1, 0), &[1.0]).starts_with("expected u"));
    assert!(layer.run(&[], &[]).unwrap().is_empty());
    assert!(
        recall(8, -1.0, 0.1).is_err()
            && recall(0, 1.0, 0.1).is_err()
            && recall(8, 1.0, 0.0).is_err()
    );
    for gaps in [(0.0, 1.0), (1.0, 0.5), (0.1, f64::INFINITY)] {
        assert!(sample_irregularly(|t| t, 1.0, gaps, 0).is_err());
    }
    assert!(sample_irregularly(|t| t, f64::NAN, (0.1, 0.2), 0).is_err());
}
