//! What the page `sequence_prediction` claims.

use std::fs;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use math_foundations::eigendecomposition::eigenvalues;
use ml_links::recurrent_networks::Unit;
use ml_links::sequence_prediction::{
    Forecaster, Lesson, LinearAutoregression, RecurrentForecaster, Scale, SeriesError,
    StateSpaceForecasterConfig, Wave, blood_cells, go_on, mixture, noise, random_waves,
    read_column, root_mean_square, sine_weights, train,
};
use ml_links::training::{Recipe, TrainingError};
use nalgebra::DMatrix;

#[test]
fn eq_4_8_a_sum_of_m_sines_follows_from_its_last_2m_values() {
    for count in 1..=5 {
        for seed in 0..8 {
            let waves = random_waves(count, seed);
            let (weights, u) = (sine_weights(&waves), mixture(&waves, 300));
            assert_eq!(weights.len(), 2 * count);
            let size: f64 = weights.iter().map(|w| w.abs()).sum();
            for k in 2 * count..300 {
                let past = u[..k].iter().rev();
                let next: f64 = weights.iter().zip(past).map(|(w, u)| w * u).sum();
                assert!(
                    (next - u[k]).abs() < 1e-14 * size * 5.0,
                    "{count} sines, seed {seed}, k = {k}"
                );
            }
            // The right half of the box: 1 - Σ w z⁻ʲ is 0 at every e^{iω}.
            for wave in &waves {
                let z = nalgebra::Complex::from_polar(1.0, -wave.omega());
                let sum: nalgebra::Complex<f64> =
                    weights.iter().zip(1..).map(|(w, j)| z.powu(j) * *w).sum();
                assert!((1.0 - sum).norm() < 1e-13 * size, "{count} sines, seed {seed}");
            }
        }
    }
}

#[test]
fn least_squares_continues_pure_sines_with_any_order_that_is_large_enough() {
    for (order, seed) in [(6, 0), (8, 1), (32, 2), (40, 3)] {
        let u = mixture(&random_waves(3, seed), 700);
        let line = LinearAutoregression::fit(&u[..500], order).unwrap();
        let next = line.go_on(&u[..500], 200);
        let error = root_mean_square(&next, &u[500..]);
        assert!(error < 1e-5, "order {order}: {error:e}");
    }
    // Two weights too few, and it cannot.
    let u = mixture(&random_waves(3, 0), 700);
    let line = LinearAutoregression::fit(&u[..500], 4).unwrap();
    assert!(root_mean_square(&line.go_on(&u[..500], 200), &u[500..]) > 0.3);
}

#[test]
fn least_squares_finds_the_weights_of_the_sines() {
    let waves = [
        Wave { period: 9.0, amplitude: 1.0, phase: 0.3 },
        Wave { period: 31.0, amplitude: 0.5, phase: 2.0 },
    ];
    let line = LinearAutoregression::fit(&mixture(&waves, 300), 4).unwrap();
    for (found, expected) in line.weights.iter().zip(sine_weights(&waves)) {
        assert!((found - expected).abs() < 1e-8, "{found} or {expected}");
    }
    assert!(line.constant.abs() < 1e-10);
}

#[test]
fn a_forecaster_alone_says_what_it_says_at_once() {
    let device = Device::flex();
    let context: Vec<f64> = noise(40, 5);
    let u = Tensor::<1>::from_floats(
        &context.iter().map(|&u| u as f32).collect::<Vec<_>>()[..],
        &device,
    );
    let at_once = |guesses: Tensor<2>| -> Vec<f64> { guesses.into_data().iter::<f64>().collect() };
    let space = StateSpaceForecasterConfig::new(4, 8, 2).init(&device);
    let gru = RecurrentForecaster::of_size(Unit::Gru, 300, &device);
    let guesses = [
        (at_once(space.guesses(u.clone().unsqueeze())), go_on(&space, &context, 2)),
        (at_once(gru.guesses(u.unsqueeze())), go_on(&gru, &context, 2)),
    ];
    for (at_once, alone) in guesses {
        assert_eq!((at_once.len(), alone.len()), (40, 2));
        assert!((at_once[39] - alone[0]).abs() < 1e-5, "{} or {}", at_once[39], alone[0]);
        // The second guess is that after the context and the first guess.
    }
    let longer: Vec<f64> = context.iter().copied().chain(go_on(&space, &context, 1)).collect();
    assert!((go_on(&space, &longer, 1)[0] - go_on(&space, &context, 2)[1]).abs() < 1e-5);
}

#[test]
fn a_guess_never_sees_what_it_guesses() {
    let device = Device::flex();
    let space = StateSpaceForecasterConfig::new(4, 8, 2).init(&device);
    let guesses = |last: f32| -> Vec<f64> {
        let u = Tensor::<2>::from_floats([[0.5, -1.0, 0.25, 2.0, last]], &device);
        space.guesses(u).into_data().iter::<f64>().collect()
    };
    let (one, other) = (guesses(0.0), guesses(9.0));
    for k in 0..4 {
        assert!((one[k] - other[k]).abs() < 1e-5, "guess {k}");
    }
    assert!((one[4] - other[4]).abs() > 1e-3);
}

#[test]
fn loss_of_both_models_falls_within_seconds() {
    let device = Device::flex().autodiff();
    device.seed(1);
    let scale_of = |u: Vec<f64>| {
        let scale = Scale::of(&u);
        u.into_iter().map(|u| scale.to(u)).collect::<Vec<f64>>()
    };
    let u = scale_of(mixture(&random_waves(2, 3), 300));
    let recipe = Recipe { rate: 0.01, ..Recipe::new(40) };
    let lesson = Lesson { window: 32, batch: 4, ..Lesson::new(u, recipe) };
    let falls = |losses: &[f64], share: f64| {
        let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
        let (first, last) = (mean(&losses[..5]), mean(&losses[35..]));
        assert!(last < share * first, "{first} to {last}");
    };
    let mut losses = Vec::new();
    let space = StateSpaceForecasterConfig::new(6, 8, 1).init(&device);
    train(space, &lesson, |report| losses.push(report.loss)).unwrap();
    falls(&losses, 0.4);
    // The weights of the GRU come from burn's generator, which other tests draw from at the same time.
    let mut losses = Vec::new();
    let gru = RecurrentForecaster::of_size(Unit::Gru, 200, &device);
    train(gru, &lesson, |report| losses.push(report.loss)).unwrap();
    falls(&losses, 0.8);
}

#[test]
fn training_twice_is_training_once() {
    let u = mixture(&random_waves(2, 3), 200);
    let lesson = Lesson { window: 16, batch: 4, ..Lesson::new(u, Recipe::new(5)) };
    let model = StateSpaceForecasterConfig::new(4, 4, 1).init(&Device::flex().autodiff());
    let [once, twice] = [model.clone(), model].map(|model| {
        let mut losses = Vec::new();
        train(model, &lesson, |report| losses.push(report.loss)).unwrap();
        losses
    });
    assert_eq!(once, twice);
}

#[test]
fn sizes_of_networks_are_the_nearest_there_are() {
    for unit in [Unit::Elman, Unit::Gru] {
        for wanted in [50, 300, 1700, 5000] {
            let found = RecurrentForecaster::of_size(unit, wanted, &Device::flex()).num_params();
            let off = found.abs_diff(wanted);
            // One unit more or less would cost as many as there are units, a few times over.
            let step = 8 * (wanted as f64).sqrt() as usize + 12;
            assert!(off <= step / 2, "{unit:?} of {wanted}: {found}");
        }
    }
}

#[test]
fn columns_are_read_by_name_and_by_number() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    let read = |text: &str, column: &str| {
        fs::write(&path, text).unwrap();
        read_column(&path, column)
    };
    assert_eq!(read("a,b\n1,2\n3,4\n", "b").unwrap(), [2.0, 4.0]);
    assert_eq!(read("a,b\n1,2\n3,4\n", "2").unwrap(), [2.0, 4.0]);
    assert_eq!(read("1,2\n3,4\n", "1").unwrap(), [1.0, 3.0], "no names");
    assert_eq!(read("\u{feff}a,b\n1,2\n", "a").unwrap(), [1.0], "a byte order mark");
    assert_eq!(
        read("\"a \", 2\n 1 ,5\n\n2,6\n", "2").unwrap(),
        [5.0, 6.0],
        "a name that is a number"
    );
    assert_eq!(read("a,b\n-1e-3,2\n", "a").unwrap(), [-1e-3]);

    let refused = |text: &str, column: &str| {
        let said = read(text, column).unwrap_err().to_string();
        said.replace(&path.display().to_string(), "a.csv")
    };
    assert_eq!(refused("a,b\n1,2\n", "c"), "expected a column c in a.csv, found a, b");
    assert_eq!(refused("a,b\n1,2\n", "3"), "expected a column 3 in a.csv, found a, b");
    assert_eq!(refused("a,b\n1,2\n", "0"), "expected a column 0 in a.csv, found a, b");
    assert_eq!(
        refused("a,b\n1,2\n3,x\n", "b"),
        "expected a finite number in line 3 of a.csv, found \"x\""
    );
    assert_eq!(
        refused("a,b\n1,2\n3\n", "b"),
        "expected a finite number in line 3 of a.csv, found \"\""
    );
    assert_eq!(
        refused("a\n1\n\n\nNaN\n", "a"),
        "expected a finite number in line 5 of a.csv, found \"NaN\""
    );
    assert_eq!(
        refused("a\n1\ninf\n", "a"),
        "expected a finite number in line 3 of a.csv, found \"inf\""
    );
    assert_eq!(refused("", "a"), "cannot read a.csv: it is empty");
    fs::write(&path, b"a\n1\n\xff\xfe\n").unwrap();
    assert!(read_column(&path, "a").unwrap_err().to_string().starts_with("cannot read"));
    assert!(
        read_column(&folder.path().join("none.csv"), "a")
            .unwrap_err()
            .to_string()
            .contains("none.csv")
    );
}

/// The largest of the poles of a machine that goes on alone by these weights.
fn radius(weights: &[f64]) -> f64 {
    let n = weights.len();
    let loop_of = |i: usize, j: usize| match i {
        0 => weights[j],
        _ => f64::from(u8::from(j + 1 == i)),
    };
    let poles = eigenvalues(&DMatrix::from_fn(n, n, loop_of)).unwrap();
    poles.iter().map(|pole| pole.norm()).fold(0.0, f64::max)
}

#[test]
fn poles_of_pure_sines_lie_on_the_circle() {
    for seed in 0..5 {
        let weights = sine_weights(&random_waves(3, seed));
        assert!((radius(&weights) - 1.0).abs() < 1e-6, "seed {seed}: {}", radius(&weights));
    }
}

#[test]
fn noise_draws_the_shortest_line_to_rest_and_a_longer_one_less() {
    for seed in 0..5 {
        let clean = mixture(&random_waves(3, seed), 1000);
        let loud = 0.1 * Scale::of(&clean).deviation;
        let u: Vec<f64> = clean.iter().zip(noise(1000, seed)).map(|(u, n)| u + loud * n).collect();
        let [short, long] = [6, 32].map(|order| {
            let line = LinearAutoregression::fit(&u[..800], order).unwrap();
            let next = line.go_on(&u[..800], 200);
            (radius(&line.weights), root_mean_square(&next, &clean[800..]), next)
        });
        // The shortest line has faded in the last fifty steps; the longer one is better all along.
        let size = |values: &[f64]| root_mean_square(values, &vec![0.0; values.len()]);
        let left = size(&short.2[150..]) / size(&clean[950..]);
        assert!(short.0 < 0.99 && left < 0.3, "seed {seed}: radius {}, left {left}", short.0);
        assert!(long.0 > short.0 && long.1 < 0.7 * short.1, "seed {seed}: {} {}", long.0, long.1);
    }
}

#[test]
fn blood_cells_follow_their_equation() {
    // For 17 days what is made does not change: x = 10 p + (start - 10 p) e^{-t/10}.
    let made = |x: f64| 0.2 * x / (1.0 + x.powi(10));
    for start in [0.3, 0.9, 1.3] {
        let x = blood_cells(start, 35);
        let first = |t: f64| 10.0 * made(start) + (start - 10.0 * made(start)) * (-0.1 * t).exp();
        for (day, x) in x[..17].iter().enumerate() {
            assert!((x - first(day as f64)).abs() < 1e-8, "start {start}, day {day}");
        }
        // For the next 17 it follows from those, by an integral (Simpson's rule).
        for (day, x) in x.iter().enumerate().skip(17) {
            let (n, until) = (4000, day as f64 - 17.0);
            let h = until / f64::from(n);
            let sum: f64 = (0..=n)
                .map(|i| {
                    let weight = [if i == 0 || i == n { 1.0 } else { 2.0 }, 4.0][i as usize % 2];
                    let s = h * f64::from(i);
                    weight * (-0.1 * (until - s)).exp() * made(first(s))
                })
                .sum();
            let expected = first(17.0) * (-0.1 * until).exp() + sum * h / 3.0;
            // The cubic between two steps knows nothing of the bend at day 0.
            assert!((x - expected).abs() < 1e-5, "start {start}, day {day}: {x}");
        }
    }
}

#[test]
fn blood_cells_go_up_and_down_for_ever() {
    let x = blood_cells(0.7, 3000);
    for year in x[365..].chunks_exact(365) {
        let (low, high) =
            (year.iter().copied().reduce(f64::min), year.iter().copied().reduce(f64::max));
        assert!(low.unwrap() > 0.1 && low.unwrap() < 0.6, "{low:?}");
        assert!(high.unwrap() > 1.1 && high.unwrap() < 1.5, "{high:?}");
    }
}

#[test]
fn who_is_told_the_truth_guesses_the_first_value_as_who_is_alone() {
    let u = noise(60, 9);
    let line = LinearAutoregression::fit(&u[..40], 5).unwrap();
    assert_eq!(line.told(&u[..40], &u[40..])[0], line.go_on(&u[..40], 20)[0]);
    assert_eq!(line.told(&u[..40], &u[40..]).len(), 20);
    assert_eq!(line.told(&u[..40], &u[40..])[19], line.next(&u[..59]));
    let space = StateSpaceForecasterConfig::new(4, 8, 2).init(&Device::flex());
    let told = space.told(&u[..40], &u[40..]);
    assert_eq!(told.len(), 20);
    for (k, told) in told.iter().enumerate() {
        let alone = go_on(&space, &u[..40 + k], 1)[0];
        assert!((told - alone).abs() < 1e-5, "step {k}: {told} or {alone}");
    }
    assert!(go_on(&space, &u, 0).is_empty());
}

#[test]
fn a_loss_that_is_no_number_is_an_error() {
    let u = mixture(&random_waves(1, 3), 60);
    let recipe = Recipe { rate: 1e30, ..Recipe::new(20) };
    let lesson = Lesson { window: 16, batch: 2, ..Lesson::new(u, recipe) };
    let model = StateSpaceForecasterConfig::new(2, 4, 1).init(&Device::flex().autodiff());
    let found = train(model.clone(), &lesson, |_| ()).unwrap_err();
    assert!(matches!(found, SeriesError::Training(TrainingError::NotFinite { .. })), "{found}");
    let short = Lesson { window: 60, ..lesson };
    let found = train(model, &short, |_| ()).unwrap_err().to_string();
    assert_eq!(found, "expected at least 61 values (a window and one more), found 60");
}
