//! Puzzles, a clock that is a gate, and what no sum over steps can say.

use burn::tensor::Device;
use mamba::config::MambaConfig;
use mamba::mamba_lm::MambaLm;
use mamba::practice::{self, Practice, unseen};
use mamba::selection::{
    Clock, Copier, DelayLine, Example, InductionHead, InductionHeads, NOISE, Puzzle, SelectiveCopy,
    gated, selective_bucket, share_right,
};
use mamba::time_invariant::TimeInvariantLm;
use ml_links::language_model::CharacterModel;
use ml_links::parameterization::normal;
use ml_links::training::{Recipe, RunOptions, Task, Trainer, train};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

fn random(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

fn examples(puzzle: &impl Puzzle, count: usize, seed: u64) -> Vec<Example> {
    let random = &mut random(seed);
    (0..count).map(|_| puzzle.draw(random)).collect()
}

proptest! {
    #[test]
    fn what_is_to_be_copied_is_what_is_not_noise(copied in 1_usize..20, more in 0_usize..50, vocabulary in 4_usize..30, seed in 0_u64..1000) {
        let puzzle = SelectiveCopy::new(vocabulary, copied, copied + more).unwrap();
        let Example { tokens, answers } = puzzle.draw(&mut random(seed));
        let (read, asked) = tokens.split_at(copied + more);
        let heard: Vec<usize> = read.iter().copied().filter(|&token| token != NOISE).collect();
        prop_assert_eq!(&heard, &answers);
        prop_assert_eq!(answers.len(), copied);
        prop_assert!(answers.iter().all(|token| (1..vocabulary - 1).contains(token)));
        prop_assert_eq!(asked, vec![vocabulary - 1; copied]);
    }

    #[test]
    fn the_special_token_comes_twice_and_its_successor_is_the_answer(length in 3_usize..80, vocabulary in 3_usize..30, seed in 0_u64..1000) {
        let puzzle = InductionHeads::new(vocabulary, length).unwrap();
        let Example { tokens, answers } = puzzle.draw(&mut random(seed));
        let special = vocabulary - 1;
        let places: Vec<usize> = (0..length).filter(|&k| tokens[k] == special).collect();
        prop_assert_eq!(tokens.len(), length);
        prop_assert_eq!(places.len(), 2);
        prop_assert_eq!(places[1], length - 1);
        prop_assert!(answers[0] < special);
        prop_assert_eq!(answers, vec![tokens[places[0] + 1]]);
        prop_assert!(tokens.iter().all(|&token| token < vocabulary));
    }
}

#[test]
fn every_step_and_every_token_is_as_likely_as_any_other() {
    const COUNT: usize = 6000;
    let sequences = examples(&SelectiveCopy::new(6, 3, 8).unwrap(), COUNT, 1);
    // Five standard deviations of a count.
    let close = |found: usize, share: f64, of: usize| {
        let expected = share * of as f64;
        (found as f64 - expected).abs() < 5.0 * (expected * (1.0 - share)).sqrt()
    };
    for k in 0..8 {
        let full = sequences.iter().filter(|example| example.tokens[k] != NOISE).count();
        assert!(close(full, 3.0 / 8.0, COUNT), "step {k}: {full}");
    }
    for token in 1..5 {
        let times =
            sequences.iter().flat_map(|example| &example.answers).filter(|&&t| t == token).count();
        assert!(close(times, 0.25, 3 * COUNT), "token {token}: {times}");
    }
    let sequences = examples(&InductionHeads::new(5, 7).unwrap(), COUNT, 1);
    for k in 0..5 {
        let here = sequences.iter().filter(|example| example.tokens[k] == 4).count();
        assert!(close(here, 0.2, COUNT), "place {k}: {here}");
    }
    for token in 0..4 {
        let times = sequences.iter().filter(|example| example.answers == [token]).count();
        // The one that follows at the very end would be the special one, and never is.
        assert!(close(times, 0.25, COUNT), "answer {token}: {times}");
    }
}

#[test]
fn a_seed_is_a_sequence() {
    let copy = SelectiveCopy::new(16, 16, 256).unwrap();
    let induction = InductionHeads::new(16, 256).unwrap();
    assert_eq!(examples(&copy, 3, 7), examples(&copy, 3, 7));
    assert_ne!(examples(&copy, 3, 7), examples(&copy, 3, 8));
    assert_eq!(examples(&induction, 3, 7), examples(&induction, 3, 7));
    assert_ne!(examples(&induction, 3, 7), examples(&induction, 3, 8));
}

#[test]
fn sizes_without_a_puzzle_are_refused_in_a_sentence() {
    let copy = |vocabulary, copied, length| {
        SelectiveCopy::new(vocabulary, copied, length).unwrap_err().to_string()
    };
    assert_eq!(copy(3, 1, 1), "expected a vocabulary of at least 4, found 3");
    assert_eq!(copy(16, 0, 9), "expected a number of tokens to copy of at least 1, found 0");
    assert_eq!(copy(16, 16, 15), "expected a length of at least 16, found 15");
    let induction =
        |vocabulary, length| InductionHeads::new(vocabulary, length).unwrap_err().to_string();
    assert_eq!(induction(2, 9), "expected a vocabulary of at least 3, found 2");
    assert_eq!(induction(16, 2), "expected a length of at least 3, found 2");
    let short = SelectiveCopy::new(16, 4, 9).unwrap().at_length(3);
    assert_eq!(short.unwrap_err().to_string(), "expected a length of at least 4, found 3");
}

#[test]
fn eq_6_1_a_held_bucket_by_a_clock_is_a_gated_network() {
    let mut random = random(3);
    for weight in [-30.0, -2.0, 0.0, 0.1, 1.0, 8.0, 300.0] {
        for bias in [-40.0, -3.0, 0.0, 3.0] {
            let u: Vec<f64> = (0..200).map(|_| normal(&mut random)).collect();
            let clock = Clock { weight, bias };
            let (left, right) = (selective_bucket(&u, clock), gated(&u, clock));
            for (k, (left, right)) in left.iter().zip(&right).enumerate() {
                assert!((left - right).abs() < 1e-13, "{weight}, {bias}, {k}: {left}, {right}");
            }
        }
    }
}

#[test]
fn a_shut_clock_keeps_the_state_and_a_long_step_forgets_it() {
    let u = [1.0, -5.0, 2.0];
    let opens_for_two = selective_bucket(&u, Clock { weight: 40.0, bias: -70.0 });
    assert!(opens_for_two[1].abs() < 1e-12, "{opens_for_two:?}");
    assert!((opens_for_two[2] - 2.0).abs() < 1e-3, "{opens_for_two:?}");
    let always_open = selective_bucket(&u, Clock { weight: 0.0, bias: 40.0 });
    for (x, u) in always_open.iter().zip(u) {
        assert!((x - u).abs() < 1e-12);
    }
}

#[test]
fn mambas_code_lets_a_long_step_shout() {
    // In the code what enters is Δ u and not (1 - e^{-Δ}) u: nearly the same for a short step, and without bound for a long one.
    let enters = |z: f64| {
        let clock = Clock { weight: 1.0, bias: 0.0 };
        clock.delta(z) / clock.gate(z)
    };
    assert!((enters(-10.0) - 1.0).abs() < 1e-4);
    assert!((enters(0.0) - 2.0 * f64::ln(2.0)).abs() < 1e-12);
    assert!(enters(40.0) > 39.0);
}

#[test]
fn a_delay_line_gives_back_what_came_so_many_steps_ago() {
    for slots in [1, 2, 3, 5, 16, 64] {
        let mut random = random(slots as u64);
        let mut line = DelayLine::new(slots);
        let u: Vec<f64> = (0..slots).map(|_| normal(&mut random)).collect();
        u.iter().for_each(|&u| {
            line.step(u, 1.0);
        });
        for u in &u {
            // Whatever silence lies between.
            (0..random.random_range(0..50)).for_each(|_| {
                line.step(9.0, 0.0);
            });
            let y = line.step(0.0, 1.0);
            assert!((y - u).abs() < 1e-10, "{slots} slots: {y} for {u}");
        }
    }
}

#[test]
fn a_clock_that_stands_still_for_noise_copies_at_any_length() {
    for (copied, length) in [(1, 1), (1, 300), (3, 10), (16, 256), (16, 4096), (40, 60)] {
        let puzzle = SelectiveCopy::new(16, copied, length).unwrap();
        let copier = Copier::selective(&puzzle);
        assert_eq!(share_right(&examples(&puzzle, 20, 1), |tokens| copier.answer(tokens)), 1.0);
    }
    // The same memory by an even clock copies where there is no noise, and hardly else.
    let dense = SelectiveCopy::new(16, 16, 16).unwrap();
    let copier = Copier::time_invariant(&dense);
    assert_eq!(share_right(&examples(&dense, 20, 1), |tokens| copier.answer(tokens)), 1.0);
    let sparse = SelectiveCopy::new(16, 16, 256).unwrap();
    let found = share_right(&examples(&sparse, 100, 1), |tokens| copier.answer(tokens));
    assert!(found < 0.1, "{found}");
}

/// What is said first to A A · and A B ·, and to · A A and · B A, which differ by the same exchange at the second step.
fn four_sequences(first_answer: impl Fn(&[usize]) -> f64) -> [[f64; 2]; 2] {
    const A: usize = 1;
    const B: usize = 2;
    const ASK: usize = 3;
    let said = |[first, second, third]: [usize; 3]| first_answer(&[first, second, third, ASK]);
    [[said([A, A, NOISE]), said([A, B, NOISE])], [said([NOISE, A, A]), said([NOISE, B, A])]]
}

/// By how much more that exchange changes the answer without a pause in front.
fn unevenness([[a, b], [c, d]]: [[f64; 2]; 2]) -> f64 {
    (b - a) - (d - c)
}

proptest! {
    #[test]
    fn in_a_sum_over_steps_an_exchange_counts_the_same_whatever_came_before(seed in 0_u64..1000) {
        // Any kernel, and any number for each token.
        let mut random = random(seed);
        let kernel: Vec<f64> = (0..4).map(|_| normal(&mut random)).collect();
        let numbers: Vec<f64> = (0..4).map(|_| normal(&mut random)).collect();
        let sum = |tokens: &[usize]| -> f64 {
            tokens.iter().rev().zip(&kernel).map(|(&token, k)| k * numbers[token]).sum()
        };
        prop_assert!(unevenness(four_sequences(sum)).abs() < 1e-12);
    }
}

#[test]
fn the_first_token_is_no_sum_over_steps_but_a_selective_memory_says_it() {
    let right =
        |tokens: &[usize]| tokens.iter().find(|token| **token != NOISE).map_or(0.0, |&t| t as f64);
    // A B · begins with A, whatever B is; · B A begins with B.
    let wanted = four_sequences(right);
    assert_eq!(unevenness(wanted), -1.0);
    let puzzle = SelectiveCopy::new(4, 2, 3).unwrap();
    let found = four_sequences(|tokens| Copier::selective(&puzzle).read(tokens)[3].y);
    for (found, wanted) in found.iter().flatten().zip(wanted.iter().flatten()) {
        assert!((found - wanted).abs() < 1e-9, "{found} for {wanted}");
    }
    // The same memory by an even clock is a sum, however many slots it has.
    for slots in 1..6 {
        let puzzle = SelectiveCopy::new(4, slots, slots).unwrap();
        let found = four_sequences(|tokens| Copier::time_invariant(&puzzle).read(tokens)[3].y);
        assert!(unevenness(found).abs() < 1e-9, "{slots} slots");
    }
}

#[test]
fn a_bucket_that_opens_once_does_induction_at_any_length() {
    for length in [3, 4, 10, 256, 1 << 14] {
        let puzzle = InductionHeads::new(16, length).unwrap();
        let head = InductionHead::new(&puzzle);
        let found = share_right(&examples(&puzzle, 20, 5), |tokens| vec![head.answer(tokens)]);
        assert_eq!(found, 1.0, "at length {length}");
    }
    // It opens after the special token, and for nothing else.
    let puzzle = InductionHeads::new(16, 256).unwrap();
    for Example { tokens, .. } in examples(&puzzle, 20, 6) {
        let heard = InductionHead::new(&puzzle).read(&tokens);
        for k in 1..256 {
            assert_eq!(heard[k].delta > 1e-9, tokens[k - 1] == 15, "step {k}");
        }
    }
}

/// Induction in short sequences of few tokens, which takes seconds.
fn short_lesson(device: &Device) -> Practice<InductionHeads> {
    Practice::new(InductionHeads::new(5, 16).unwrap(), 4, 16, 1, device).unwrap()
}

/// The smallest models that learn it.
fn small() -> MambaConfig {
    MambaConfig {
        vocab_size: 5,
        hidden_size: 16,
        state_size: 4,
        num_hidden_layers: 2,
        tie_word_embeddings: false,
        ..MambaConfig::default()
    }
}

/// How much is right of what was held out before and after some steps, and the model.
fn taught<P: Puzzle, M: CharacterModel>(
    lesson: &Practice<P>,
    model: M,
    steps: usize,
) -> (f64, f64, M) {
    let before = Task::<M>::evaluate(lesson, &model.valid()).unwrap();
    let recipe = Recipe { rate: 1e-2, warm_up: 10, ..Recipe::new(steps) };
    let (trainer, outcome) = train(
        Trainer::new(model, recipe).unwrap(),
        lesson,
        &RunOptions::default(),
        &json!({}),
        &mut |_| {},
    )
    .unwrap();
    (100.0 - before, 100.0 - outcome.last.unwrap().value, trainer.into_model().valid())
}

#[test]
fn a_selective_model_learns_induction_in_seconds_and_keeps_it_at_four_times_the_length() {
    let device = Device::flex().autodiff();
    let model = MambaLm::init(&small(), 1, &device).unwrap();
    let (before, after, model) = taught(&short_lesson(&device), model, 150);
    assert!(before < 50.0 && after > 95.0, "{before} % before, {after} % after");
    let longer = unseen(&InductionHeads::new(5, 64).unwrap(), 200, 2);
    let found = 100.0 * practice::share_right(&model, &longer, &device);
    assert!(found > 75.0, "{found} % at 4 times the length");
}

#[test]
fn a_time_invariant_model_learns_it_where_it_practises_and_not_at_four_times_the_length() {
    let device = Device::flex().autodiff();
    let model = TimeInvariantLm::init(&small(), 1, &device).unwrap();
    let (before, after, model) = taught(&short_lesson(&device), model, 150);
    assert!(before < 50.0 && after > 60.0, "{before} % before, {after} % after");
    let longer = unseen(&InductionHeads::new(5, 64).unwrap(), 200, 2);
    let found = 100.0 * practice::share_right(&model, &longer, &device);
    assert!(found < 65.0, "{found} % at 4 times the length");
}

#[test]
fn a_selective_model_learns_to_copy_in_seconds() {
    let device = Device::flex().autodiff();
    let lesson = Practice::new(SelectiveCopy::new(5, 2, 8).unwrap(), 4, 24, 1, &device).unwrap();
    let model = MambaLm::init(&small(), 1, &device).unwrap();
    let (before, after, _) = taught(&lesson, model, 150);
    assert!(before < 50.0 && after > 80.0, "{before} % before, {after} % after");
}

#[test]
fn lengths_are_drawn_by_orders_of_magnitude_and_steps_read_equally_much() {
    let device = Device::flex();
    let lesson = Practice::new(InductionHeads::new(16, 256).unwrap(), 16, 8, 1, &device).unwrap();
    let random = &mut random(1);
    let lengths: Vec<usize> = (0..4000).map(|_| lesson.draw_length(random)).collect();
    for low in [16, 32, 64, 128] {
        let between = lengths.iter().filter(|&&length| (low..2 * low).contains(&length)).count();
        assert!((900..1100).contains(&between), "{between} from {low} to {}", 2 * low);
    }
    assert!(lengths.iter().all(|length| (16..=256).contains(length)));
    for length in [16, 31, 100, 256] {
        let read = lesson.batch_at(length) * length;
        assert!((2048..2048 + length).contains(&read), "{read} tokens at length {length}");
    }
    // What is held out is drawn by a seed that no step has.
    let held_out = unseen(lesson.puzzle(), 50, 1);
    let learned: Vec<Example> = (0..200)
        .map(|k| lesson.puzzle().draw(&mut Recipe { seed: 1, ..Recipe::new(200) }.random(k)))
        .collect();
    assert!(held_out.iter().all(|example| !learned.contains(example)));
}

/// What a recorded training printed: parameters, minutes, and the percentage of right answers by length.
struct Taught {
    parameters: f64,
    minutes: f64,
    right: Vec<(usize, f64)>,
}

impl Taught {
    fn read(name: &str) -> Self {
        let path = format!("{}/recorded/{name}.txt", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).expect("a recorded training");
        let number = |word: &str| word.parse::<f64>().expect("a number");
        let before = |unit: &str| {
            let (left, _) = text.split_once(unit).expect("the unit");
            number(left.rsplit(' ').next().expect("a word"))
        };
        let row = |line: &str| match line.split_whitespace().collect::<Vec<_>>()[..] {
            [length, _, _, right, "%"] => Some((number(length) as usize, number(right))),
            _ => None,
        };
        let right = text.lines().filter_map(row).collect();
        Self { parameters: before(" parameters"), minutes: before(" minutes, "), right }
    }

    fn at(&self, length: usize) -> f64 {
        let row = self.right.iter().find(|(asked, _)| *asked == length);
        row.expect("a length that was asked").1
    }
}

#[test]
fn what_was_learned_is_what_the_page_says() {
    let [copying, recalling] = ["selective-copy", "induction"]
        .map(|puzzle| ["selective", "s4d"].map(|model| Taught::read(&format!("{puzzle}-{model}"))));
    for [selective, even] in [&copying, &recalling] {
        assert!(selective.minutes < 30.0 && even.minutes < 30.0);
        assert!((1950.0..2100.0).contains(&(even.parameters - selective.parameters)));
    }
    assert_eq!([256, 512, 2048, 4096].map(|at| copying[0].at(at)), [100.0, 100.0, 93.7, 55.2]);
    assert_eq!([256, 512].map(|at| copying[1].at(at)), [37.9, 16.8]);
    // Induction by who can choose: at 32 times the length as at the length itself; by who cannot, there alone.
    let longer = [256, 512, 1024, 2048, 4096, 8192];
    assert_eq!(longer.map(|at| recalling[0].at(at)), [100.0; 6]);
    assert!((88.0..92.0).contains(&recalling[1].at(256)));
    assert_eq!(recalling[1].at(4096), 10.2);
    assert!(recalling[1].right.windows(2).all(|pair| pair[1].1 <= pair[0].1));
}
