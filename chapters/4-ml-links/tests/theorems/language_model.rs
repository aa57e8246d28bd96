//! What the page *Mini-project: language model* claims.

use std::fs;

use burn::tensor::{Device, DeviceKind, DeviceType, Int, Tensor, activation};
use ml_links::language_model::{
    CharacterModel, LanguageModel, LanguageModelConfig, Noise, Sampler, TextError, Vocabulary,
    bits_on, bits_per_character, cross_entropy, draw, random_pieces, read_text, split, tempered,
    token_tensor, top_k, top_p, write_on,
};
use ml_links::training::{Recipe, Trainer};
use proptest::prelude::*;
use rand::RngExt;

fn config(vocabulary: usize, seed: u64) -> LanguageModelConfig {
    LanguageModelConfig { vocabulary, d_model: 12, d_state: 4, layers: 2, dropout: 0.0, seed }
}

fn model(vocabulary: usize, seed: u64) -> LanguageModel {
    config(vocabulary, seed).init(&Device::flex()).unwrap()
}

fn some_tokens(count: usize, vocabulary: usize, seed: u64) -> Vec<usize> {
    let mut random = Recipe { seed, ..Recipe::new(1) }.random(0);
    (0..count).map(|_| random.random_range(0..vocabulary)).collect()
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

#[test]
fn eq_4_9_bits_are_the_mean_of_log_2_and_perplexity_is_the_geometric_mean_of_the_odds() {
    let model = model(7, 3);
    let text = some_tokens(40, 7, 4);
    // One side: the probability of each character, read one by one, in f64.
    let (mut state, device) = (model.initial_state(1), Device::flex());
    let mut bits = 0.0;
    let mut whole_text = 1.0;
    for pair in text.windows(2) {
        let logits = values(model.step(token_tensor(&pair[..1], [1], &device), &mut state));
        let sum: f64 = logits.iter().map(|logit| logit.exp()).sum();
        let p = logits[pair[1]].exp() / sum;
        bits -= p.log2() / 39.0;
        whole_text *= p;
    }
    // The other side: the loss of training, read at once.
    let found = bits_on(&model, &text).unwrap();
    assert!((found - bits).abs() < 1e-5, "{found} {bits}");
    let perplexity = found.exp2();
    assert!((perplexity / whole_text.powf(-1.0 / 39.0) - 1.0).abs() < 1e-5);
}

#[test]
fn who_gives_all_characters_the_same_probability_pays_log_2_of_their_number() {
    let device = Device::flex();
    for vocabulary in [2, 10, 64] {
        let logits = Tensor::<3>::full([2, 5, vocabulary], 3.7, &device);
        let targets = token_tensor(&some_tokens(10, vocabulary, 1), [2, 5], &device);
        let bits =
            bits_per_character(f64::from(cross_entropy(logits, targets).into_scalar::<f32>()));
        assert!((bits - (vocabulary as f64).log2()).abs() < 1e-6);
        assert!((bits.exp2() - vocabulary as f64).abs() < 1e-4);
    }
}

#[test]
fn cross_entropy_is_minus_the_log_of_the_softmax() {
    let device = Device::flex();
    let logits = Tensor::<3>::from_floats([[[1.0, -2.0, 0.5], [90.0, -90.0, 0.0]]], &device);
    let p = values(activation::softmax(logits.clone(), 2));
    let targets = Tensor::<2, Int>::from_ints([[2, 0]], &device);
    let expected = -(p[2].ln() + p[3].ln()) / 2.0;
    let found = f64::from(cross_entropy(logits, targets).into_scalar::<f32>());
    assert!((found - expected).abs() < 1e-6);
}

fn largest_difference(at_once: Tensor<3>, model: &LanguageModel, tokens: Tensor<2, Int>) -> f64 {
    let [batch, length] = tokens.dims();
    let mut state = model.initial_state(batch);
    let mut largest = 0.0_f64;
    for k in 0..length {
        let logits = model.step(tokens.clone().narrow(1, k, 1).squeeze_dim(1), &mut state);
        let expected = at_once.clone().narrow(1, k, 1).squeeze_dim::<2>(1);
        let difference =
            values(logits - expected).into_iter().fold(0.0, |m: f64, d| m.max(d.abs()));
        largest = largest.max(difference);
    }
    largest
}

#[test]
fn reading_at_once_equals_reading_step_by_step() {
    let device = Device::flex();
    for (batch, length, seed) in [(1, 1, 1), (3, 17, 2), (2, 200, 3)] {
        let model = model(11, seed);
        let tokens = token_tensor(&some_tokens(batch * length, 11, seed), [batch, length], &device);
        let at_once = model.logits(tokens.clone(), &mut Noise::none());
        // Logits are about 1; an FFT and a few hundred steps in f32 differ by some 1e-5.
        assert!(largest_difference(at_once, &model, tokens) < 2e-4);
    }
}

#[test]
fn a_trained_model_too_reads_the_same_in_both_modes() {
    let device = Device::flex().autodiff();
    let text = Vocabulary::of("abcdefgh ").encode(&"abc abcd abcde ".repeat(20)).unwrap();
    let recipe = Recipe { rate: 0.01, ..Recipe::new(30) };
    let mut trainer = Trainer::new(config(9, 1).init(&device).unwrap(), recipe).unwrap();
    let mut losses = Vec::new();
    while !trainer.is_done() {
        let report = trainer.advance(|model, random| {
            let (read, next) = random_pieces(&text, [4, 32], random, &device);
            cross_entropy(model.logits(read, &mut Noise::of(random)), next)
        });
        losses.push(report.unwrap().loss);
    }
    assert!(losses[29] < 0.5 * losses[0], "{losses:?}");
    let model = burn::module::Module::valid(trainer.model());
    let tokens = token_tensor(&text[..100], [1, 100], &Device::flex());
    let at_once = model.logits(tokens.clone(), &mut Noise::none());
    assert!(largest_difference(at_once, &model, tokens) < 1e-3);
}

#[test]
fn no_character_is_foretold_from_itself_or_from_what_follows() {
    let (model, device) = (model(9, 5), Device::flex());
    let mut text = some_tokens(50, 9, 6);
    let logits = |text: &[usize]| {
        values(model.logits(token_tensor(text, [1, 50], &device), &mut Noise::none()))
    };
    let before = logits(&text);
    text[30] = (text[30] + 1) % 9;
    let after = logits(&text);
    let (earlier, later) = (0..30 * 9, 30 * 9..50 * 9);
    let change = |range: std::ops::Range<usize>| {
        range.map(|i| (before[i] - after[i]).abs()).fold(0.0, f64::max)
    };
    assert!(change(earlier) < 1e-4, "the past has changed");
    assert!(change(later) > 1e-2, "the future has not");
}

#[test]
fn a_long_text_read_in_pieces_costs_what_it_costs_at_once() {
    let config = LanguageModelConfig { d_model: 2, layers: 1, ..config(5, 7) };
    let model = config.init(&Device::flex()).unwrap();
    let text = some_tokens(40_000, 5, 8);
    let read = token_tensor(&text[..39_999], [1, 39_999], &Device::flex());
    let next = token_tensor(&text[1..], [1, 39_999], &Device::flex());
    let at_once = cross_entropy(model.logits(read, &mut Noise::none()), next);
    let at_once = bits_per_character(f64::from(at_once.into_scalar::<f32>()));
    assert!((bits_on(&model, &text).unwrap() - at_once).abs() < 1e-3);
    assert!(matches!(bits_on(&model, &text[..1]), Err(TextError::TooShort { .. })));
}

#[test]
fn dropout_keeps_the_mean_and_silences_whole_sequences() {
    let ones = Tensor::<3>::ones([64, 3, 64], &Device::flex());
    let mut random = Recipe::new(1).random(0);
    let dropped = values(Noise::of(&mut random).dropout(ones.clone(), 0.25));
    let mean = dropped.iter().sum::<f64>() / dropped.len() as f64;
    // 4096 draws of standard deviation √(1/3): three of 0.009.
    assert!((mean - 1.0).abs() < 0.03, "{mean}");
    for sequence in dropped.chunks(3 * 64) {
        assert!(sequence[..64] == sequence[64..128] && sequence[..64] == sequence[128..]);
    }
    let again = values(Noise::of(&mut Recipe::new(1).random(0)).dropout(ones, 0.25));
    assert_eq!(dropped, again);
}

#[test]
fn the_last_tenth_is_held_out() {
    for length in [0, 1, 9, 10, 11, 12_345] {
        let text: Vec<usize> = (0..length).collect();
        let (train, held_out) = split(&text);
        assert_eq!(held_out.len(), length / 10);
        assert_eq!([train, held_out].concat(), text);
    }
}

#[test]
fn random_pieces_are_pieces_of_the_text_and_reach_both_ends() {
    let text: Vec<usize> = (0..12).collect();
    let mut random = Recipe::new(1).random(0);
    let (mut first, mut last) = (false, false);
    for _ in 0..50 {
        let (read, next) = random_pieces(&text, [2, 10], &mut random, &Device::flex());
        let read: Vec<i64> = read.into_data().iter::<i64>().collect();
        let next: Vec<i64> = next.into_data().iter::<i64>().collect();
        assert!(read.chunks(10).all(|piece| piece.windows(2).all(|pair| pair[1] == pair[0] + 1)));
        assert!(read.iter().zip(&next).all(|(read, next)| next - read == 1));
        first |= read.contains(&0);
        last |= next.contains(&11);
    }
    assert!(first && last);
}

#[test]
fn writing_is_the_same_for_the_same_seed_and_stays_in_the_alphabet() {
    let vocabulary = Vocabulary::of("абв Δ∂");
    let model = model(vocabulary.size(), 2);
    let write = |seed: u64, sampler: &Sampler| {
        let mut text = String::new();
        let mut random = Recipe { seed, ..Recipe::new(1) }.random(0);
        let push = |character| {
            text.push(character);
            true
        };
        write_on(&model, &vocabulary, "Δа", 60, sampler, &mut random, push).unwrap();
        text
    };
    let sampler = Sampler::default();
    assert_eq!(write(1, &sampler), write(1, &sampler));
    assert_ne!(write(1, &sampler), write(2, &sampler));
    assert_eq!(write(1, &sampler).chars().count(), 60);
    assert!(write(1, &sampler).chars().all(|c| "абв Δ∂".contains(c)));
    // Greedy in three ways: whatever the seed, one text.
    let greedy = Sampler { temperature: 0.0, ..sampler };
    for other in [Sampler { top_k: Some(1), ..sampler }, Sampler { top_p: Some(1e-9), ..sampler }] {
        assert_eq!(write(1, &greedy), write(5, &other));
    }
}

#[test]
fn writing_stops_when_nobody_listens_and_refuses_strange_prompts() {
    let vocabulary = Vocabulary::of("abc");
    let (model, sampler) = (model(3, 2), Sampler::default());
    let mut random = Recipe::new(1).random(0);
    let mut written = 0;
    let mut write = |prompt: &str, sampler: &Sampler| {
        write_on(&model, &vocabulary, prompt, 100, sampler, &mut random, |_| {
            written += 1;
            written < 5
        })
    };
    write("a", &sampler).unwrap();
    assert_eq!(write("", &sampler), Err(TextError::EmptyPrompt));
    let unknown = write("a-z", &sampler).unwrap_err();
    assert_eq!(unknown, TextError::UnknownCharacters(vec!['-', 'z']));
    let hot = Sampler { temperature: f64::NAN, ..sampler };
    assert!(matches!(write("a", &hot), Err(TextError::Number { name: "a temperature", .. })));
    for sampler in [
        Sampler { top_k: Some(0), ..sampler },
        Sampler { top_p: Some(0.0), ..sampler },
        Sampler { top_p: Some(1.1), ..sampler },
        Sampler { temperature: -1.0, ..sampler },
    ] {
        assert!(matches!(write("a", &sampler), Err(TextError::Number { .. })), "{sampler:?}");
    }
    assert_eq!(written, 5);
}

#[test]
fn models_that_make_no_sense_are_refused() {
    let refused = |config: LanguageModelConfig, sentence: &str| {
        let error = config.init(&Device::flex()).unwrap_err().to_string();
        assert_eq!(error, sentence);
    };
    let good = config(5, 1);
    refused(
        LanguageModelConfig { d_state: 3, ..good },
        "expected the state size d_state even and 2 or more, found 3",
    );
    refused(
        LanguageModelConfig { layers: 0, ..good },
        "expected the number of layers of 1 or more, found 0",
    );
    refused(
        LanguageModelConfig { dropout: 1.0, ..good },
        "expected the share of dropout from 0 to below 1, found 1",
    );
    refused(
        LanguageModelConfig { d_model: 0, ..good },
        "expected the width d_model of 1 or more, found 0",
    );
}

#[test]
fn the_gpu_reads_what_the_cpu_reads() {
    if Device::enumerate(DeviceType::Wgpu).is_empty() {
        println!("SKIPPED: wgpu finds no adapter on this machine");
        return;
    }
    let tokens = some_tokens(8, 11, 1);
    let logits = |device: &Device| {
        let model = LanguageModelConfig { layers: 1, ..config(11, 4) }.init(device).unwrap();
        values(model.logits(token_tensor(&tokens, [1, 8], device), &mut Noise::none()))
    };
    let (cpu, gpu) = (logits(&Device::flex()), logits(&Device::wgpu(DeviceKind::default())));
    for (cpu, gpu) in cpu.iter().zip(gpu) {
        assert!((cpu - gpu).abs() < 1e-3, "{cpu} {gpu}");
    }
}

#[test]
fn bytes_that_are_no_text_are_refused_with_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text.txt");
    let mut bytes = "Ā = e^ΔA\n".repeat(3).into_bytes();
    let good = bytes.clone();
    bytes[24] = 0xff; // the second line ends at 22
    fs::write(&path, &bytes).unwrap();
    let error = read_text(&path).unwrap_err().to_string();
    assert!(error.contains("the byte 0xff at offset 24 (line 3)"), "{error}");
    fs::write(&path, &good[..8]).unwrap(); // cut in the middle of Δ
    let error = read_text(&path).unwrap_err().to_string();
    assert!(error.contains("at offset 7 (line 1)"), "{error}");
    fs::write(&path, "\u{feff}one\r\ntwo\n").unwrap();
    assert_eq!(read_text(&path).unwrap(), "one\ntwo\n");
    let error = read_text(&folder.path().join("none.txt")).unwrap_err();
    assert!(matches!(error, TextError::Unreadable { .. }), "{error}");
}

fn probabilities() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(-30.0..30.0_f64, 1..40).prop_map(|logits| tempered(&logits, 1.0))
}

/// A small slack for sums of a few dozen numbers.
const SLACK: f64 = 1e-12;

proptest! {
    #[test]
    fn any_text_survives_its_numbers(text in any::<String>()) {
        let vocabulary = Vocabulary::of(&text);
        let tokens = vocabulary.encode(&text).unwrap();
        prop_assert_eq!(tokens.len(), text.chars().count());
        prop_assert!(tokens.iter().all(|&token| token < vocabulary.size()));
        prop_assert_eq!(vocabulary.decode(&tokens), text);
        prop_assert_eq!(&Vocabulary::of(&vocabulary.to_string()), &vocabulary);
    }

    #[test]
    fn temperature_keeps_the_order_and_spreads_with_heat(
        logits in prop::collection::vec(-30.0..30.0_f64, 2..40),
        (cold, hot) in (0.1..1.0_f64, 1.0..10.0_f64),
    ) {
        let entropy = |p: &[f64]| -> f64 {
            p.iter().filter(|p| **p > 0.0).map(|p| -p * p.ln()).sum()
        };
        let [cold, hot] = [cold, hot].map(|temperature| tempered(&logits, temperature));
        for p in [&cold, &hot] {
            prop_assert!((p.iter().sum::<f64>() - 1.0).abs() < SLACK);
            prop_assert!(p.iter().all(|p| (0.0..=1.0).contains(p)));
            for (i, j) in (0..logits.len()).zip(1..logits.len()) {
                prop_assert!((logits[i] > logits[j]) <= (p[i] >= p[j]));
            }
        }
        prop_assert!(entropy(&cold) <= entropy(&hot) + SLACK);
        let shifted: Vec<f64> = logits.iter().map(|logit| logit + 1e3).collect();
        for (p, q) in tempered(&shifted, 1.0).iter().zip(tempered(&logits, 1.0)) {
            prop_assert!((p - q).abs() < 1e-9);
        }
    }

    #[test]
    fn top_k_keeps_the_likeliest_in_their_proportions(p in probabilities(), k in 1_usize..50) {
        let q = top_k(&p, k);
        prop_assert!((q.iter().sum::<f64>() - 1.0).abs() < SLACK);
        let kept = q.iter().filter(|q| **q > 0.0).count();
        prop_assert!(kept <= k.min(p.len()));
        let mass: f64 = p.iter().zip(&q).filter(|(_, q)| **q > 0.0).map(|(p, _)| p).sum();
        for (p_i, q_i) in p.iter().zip(&q) {
            prop_assert!(*q_i == 0.0 || (q_i * mass - p_i).abs() < SLACK);
        }
        let least_kept = p.iter().zip(&q).filter(|(_, q)| **q > 0.0).map(|(p, _)| *p).fold(1.0, f64::min);
        let most_lost = p.iter().zip(&q).filter(|(_, q)| **q == 0.0).map(|(p, _)| *p).fold(0.0, f64::max);
        prop_assert!(most_lost <= least_kept);
        if k >= p.len() {
            prop_assert!(p.iter().zip(&q).all(|(p, q)| (p - q).abs() < SLACK));
        }
    }

    #[test]
    fn top_p_keeps_the_fewest_that_reach_the_mass(p in probabilities(), mass in 0.01..1.0_f64) {
        let q = top_p(&p, mass);
        prop_assert!((q.iter().sum::<f64>() - 1.0).abs() < SLACK);
        let mut kept: Vec<f64> = p.iter().zip(&q).filter(|(_, q)| **q > 0.0).map(|(p, _)| *p).collect();
        kept.sort_by(|a, b| b.total_cmp(a));
        let all: f64 = kept.iter().sum();
        prop_assert!(all >= mass - SLACK, "they do not reach {mass}: {all}");
        if let Some((_, others)) = kept.split_last() {
            prop_assert!(others.is_empty() || others.iter().sum::<f64>() < mass + SLACK);
        }
        let most_lost = p.iter().zip(&q).filter(|(_, q)| **q == 0.0).map(|(p, _)| *p).fold(0.0, f64::max);
        prop_assert!(kept.last().is_none_or(|least| most_lost <= *least));
    }

    #[test]
    fn what_is_drawn_has_a_probability(p in probabilities(), number in 0.0..1.0_f64) {
        let drawn = draw(&p, number);
        prop_assert!(p[drawn] > 0.0);
        let before: f64 = p[..drawn].iter().sum();
        prop_assert!(before <= number + SLACK);
    }
}

#[test]
fn characters_are_drawn_as_often_as_they_are_likely() {
    let logits = [0.5_f64.ln(), 0.25_f64.ln(), 0.125_f64.ln(), 0.125_f64.ln()];
    let mut random = Recipe { seed: 3, ..Recipe::new(1) }.random(0);
    let mut counts = [0.0; 4];
    for _ in 0..20_000 {
        counts[Sampler::default().sample(&logits, &mut random)] += 1.0 / 20_000.0;
    }
    for (count, logit) in counts.iter().zip(logits) {
        // Four standard deviations of a share of 20,000 draws.
        assert!((count - logit.exp()).abs() < 0.015, "{counts:?}");
    }
}
