//! What the page *Mini-project: language model with S4* claims.

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};
use ml_links::language_model::{
    CharacterModel, Noise, TextError, bits_per_character, cross_entropy, random_pieces, surprises,
    token_tensor,
};
use ml_links::training::{ParameterGroup, Recipe, Trainer};
use rand::RngExt;
use s4::s4_language_model::{
    ContextCost, S4LanguageModel, S4LanguageModelConfig, bits_with_context, mean_and_error, reach,
};
use s4::s4_layer::slow_parameters;
use s4::sequence_model::{Memory, Space, StackConfig};

const MEMORIES: [Memory; 2] = [Memory::S4d, Memory::S4];

fn config(vocabulary: usize, memory: Memory, seed: u64) -> S4LanguageModelConfig {
    let stack = StackConfig {
        d_model: 12,
        d_state: 8,
        layers: 2,
        dropout: 0.0,
        memory,
        delta_max: 0.5,
        seed,
        ..StackConfig::default()
    };
    S4LanguageModelConfig { vocabulary, stack }
}

fn model(vocabulary: usize, memory: Memory, seed: u64) -> S4LanguageModel {
    config(vocabulary, memory, seed).init(&Device::flex()).unwrap()
}

fn some_tokens(count: usize, vocabulary: usize, seed: u64) -> Vec<usize> {
    let mut random = Recipe { seed, ..Recipe::new(1) }.random(0);
    (0..count).map(|_| random.random_range(0..vocabulary)).collect()
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

#[test]
fn eq_5_9_the_loss_of_a_piece_is_the_mean_over_its_contexts() {
    // A text that goes round: each of its characters is foretold once from each context of 1 to L.
    const ROUND: usize = 20;
    const L: usize = 9;
    let text = some_tokens(ROUND, 6, 4).repeat(3);
    let places: Vec<usize> = (ROUND..2 * ROUND).collect();
    for memory in MEMORIES {
        let (model, device) = (model(6, memory, 3), Device::flex());
        // One side: H(n) from probabilities in f64, read one by one.
        let h = |n: usize| {
            let bits = places.iter().map(|&k| {
                let mut state = model.initial_state(1);
                let mut logits = Vec::new();
                for token in &text[k - n..k] {
                    let token = token_tensor(&[*token], [1], &device);
                    logits = values(model.step(token, &mut state));
                }
                let sum: f64 = logits.iter().map(|logit| logit.exp()).sum();
                -(logits[text[k]].exp() / sum).log2()
            });
            bits.sum::<f64>() / ROUND as f64
        };
        let mean = (1..=L).map(h).sum::<f64>() / L as f64;
        // The other side: what training lowers, on the pieces that begin at each place.
        let pieces = |later: usize| -> Tensor<2, Int> {
            let pieces: Vec<usize> =
                places.iter().flat_map(|&k| text[k + later..][..L].to_vec()).collect();
            token_tensor(&pieces, [ROUND, L], &device)
        };
        let loss = cross_entropy(model.logits(pieces(0), &mut Noise::none()), pieces(1));
        let found = bits_per_character(f64::from(loss.into_scalar::<f32>()));
        assert!((found - mean).abs() < 1e-4, "{memory:?}: {found} and {mean}");
        // And the function of the page is H.
        for n in [1, 4, L] {
            let bits = bits_with_context(&model, &text, &places, n).unwrap();
            assert!((mean_and_error(&bits).0 - h(n)).abs() < 1e-4, "{memory:?}, {n}");
        }
    }
}

#[test]
fn running_equals_training() {
    let device = Device::flex();
    for memory in MEMORIES {
        for (batch, length, seed) in [(1, 1, 1), (3, 17, 2), (2, 200, 3)] {
            let model = model(11, memory, seed);
            let tokens =
                token_tensor(&some_tokens(batch * length, 11, seed), [batch, length], &device);
            let at_once = model.logits(tokens.clone(), &mut Noise::none());
            let mut state = model.initial_state(batch);
            for k in 0..length {
                let read = tokens.clone().narrow(1, k, 1).squeeze_dim(1);
                let expected: Tensor<2> = at_once.clone().narrow(1, k, 1).squeeze_dim(1);
                let off = values(model.step(read, &mut state) - expected);
                let off = off.into_iter().fold(0.0, |most: f64, off| most.max(off.abs()));
                assert!(off < 1e-3, "{memory:?}, step {k} of {length}: off by {off}");
            }
        }
    }
}

#[test]
fn no_character_is_foretold_from_itself_or_from_what_follows() {
    let device = Device::flex();
    for memory in MEMORIES {
        let model = model(9, memory, 5);
        let mut text = some_tokens(50, 9, 6);
        let logits = |text: &[usize]| {
            values(model.logits(token_tensor(text, [1, 50], &device), &mut Noise::none()))
        };
        let before = logits(&text);
        text[30] = (text[30] + 1) % 9;
        let after = logits(&text);
        let change = |range: std::ops::Range<usize>| {
            range.map(|i| (before[i] - after[i]).abs()).fold(0.0, f64::max)
        };
        assert!(change(0..30 * 9) < 1e-3, "{memory:?}: the past has changed");
        assert!(change(30 * 9..50 * 9) > 1e-2, "{memory:?}: the future has not");
    }
}

#[test]
fn a_context_is_all_that_is_seen() {
    for memory in MEMORIES {
        let model = model(7, memory, 2);
        let text = some_tokens(60, 7, 3);
        let cost = |text: &[usize]| bits_with_context(&model, text, &[50], 20).unwrap()[0];
        let with = |place: usize| {
            let mut text = text.clone();
            text[place] = (text[place] + 1) % 7;
            text
        };
        assert_eq!(cost(&text), cost(&with(29)), "{memory:?}");
        assert!((cost(&text) - cost(&with(30))).abs() > 1e-6, "{memory:?}");
        // All there is before a character is a context, too.
        let whole = surprises(&model, &text).unwrap();
        for k in [1, 2, 59] {
            let bits = bits_with_context(&model, &text, &[k], k).unwrap()[0];
            assert!((bits - whole[k - 1]).abs() < 1e-3, "{memory:?}: {bits} {}", whole[k - 1]);
        }
    }
}

#[test]
fn many_characters_cost_together_what_each_costs_alone() {
    let model = model(5, Memory::S4d, 1);
    let text = some_tokens(400, 5, 1);
    // Two batches and a bit.
    let places: Vec<usize> = (300..400).collect();
    let together = bits_with_context(&model, &text, &places, 300).unwrap();
    for k in [300, 353, 354, 355, 399] {
        let alone = bits_with_context(&model, &text, &[k], 300).unwrap()[0];
        assert!((alone - together[k - 300]).abs() < 1e-3, "{k}");
    }
    assert!(bits_with_context(&model, &text, &[], 3).unwrap().is_empty());
}

/// Letters that come twice, six steps apart, with nothing to learn from between them.
fn letters_that_return(count: usize) -> Vec<usize> {
    let random = some_tokens(count, 4, 9);
    random.into_iter().flat_map(|letter| [letter, 4, 4, 4, 4, 4, letter, 5]).collect()
}

#[test]
fn a_longer_context_is_worth_what_the_text_keeps_back_until_then() {
    let text = letters_that_return(300);
    let (learned, held_out) = text.split_at(8 * 250);
    let returns: Vec<usize> = (0..50).map(|round| 8 * round + 6).skip(1).collect();
    for memory in MEMORIES {
        let device = Device::flex().autodiff();
        let recipe = Recipe { rate: 0.01, ..Recipe::new(300) };
        let groups = [ParameterGroup::of(slow_parameters()).rate(0.5).without_decay()];
        let model = config(6, memory, 1).init(&device).unwrap();
        let mut trainer = Trainer::new(model, recipe).unwrap().with_groups(groups);
        let mut losses = Vec::new();
        while !trainer.is_done() {
            let report = trainer.advance(|model, random| {
                let (read, next) = random_pieces(learned, [8, 16], random, &device);
                cross_entropy(model.logits(read, &mut Noise::of(random)), next)
            });
            losses.push(report.unwrap().loss);
        }
        assert!(losses[299] < 0.5 * losses[0], "{memory:?}: {losses:?}");
        let model = trainer.into_model().valid();
        let costs: Vec<ContextCost> = [5, 6, 14]
            .into_iter()
            .map(|context| {
                let bits = bits_with_context(&model, held_out, &returns, context).unwrap();
                ContextCost { context, bits }
            })
            .collect();
        // Five steps back there is a dash: one letter of four, two bits. Six steps back stands the letter.
        assert!(costs[0].mean() > 1.7, "{memory:?}: {}", costs[0].mean());
        assert!(costs[1].mean() < 1.2, "{memory:?}: {}", costs[1].mean());
        assert!(costs[2].mean() < 0.7, "{memory:?}: {}", costs[2].mean());
        assert!(reach(&costs).is_some_and(|reach| reach >= 6), "{memory:?}");
    }
}

#[test]
fn flows_are_in_the_group_that_learns_slowly() {
    for memory in MEMORIES {
        let device = Device::flex().autodiff();
        let model = config(5, memory, 1).init(&device).unwrap();
        let numbers = |model: &S4LanguageModel| {
            let (waves, delta, c) = match &model.stack.blocks[1].space {
                Space::Diagonal(space) => (&space.a_imaginary, &space.delta_raw, &space.c_real),
                Space::S4(space) => (&space.a_imaginary, &space.delta_raw, &space.c_real),
            };
            [values(waves.val()), values(delta.val()), values(c.val())]
        };
        let before = numbers(&model);
        let groups = [ParameterGroup::of(slow_parameters()).rate(0.0).without_decay()];
        let recipe = Recipe { rate: 0.1, weight_decay: 0.1, ..Recipe::new(2) };
        let mut trainer = Trainer::new(model, recipe).unwrap().with_groups(groups);
        let text = some_tokens(40, 5, 1);
        let report = trainer.advance(|model, random| {
            let (read, next) = random_pieces(&text, [2, 16], random, &device);
            cross_entropy(model.logits(read, &mut Noise::of(random)), next)
        });
        assert!(report.unwrap().loss.is_finite());
        let after = numbers(trainer.model());
        assert_eq!(before[..2], after[..2], "{memory:?}");
        assert_ne!(before[2], after[2], "{memory:?}");
    }
}

#[test]
fn a_reach_ends_with_the_last_doubling_that_saves() {
    // Each bit has a noise of its own that does not change with the context, and some that does.
    let costs = |means: [f64; 4]| -> Vec<ContextCost> {
        let cost = |(i, mean): (usize, f64)| {
            let bit = |k: usize| {
                let own = (k as f64 * 1.7).sin() * 3.0;
                mean + own + 0.1 * ((k * (i + 2)) as f64 * 0.9).sin()
            };
            ContextCost { context: 1 << i, bits: (0..500).map(bit).collect() }
        };
        means.into_iter().enumerate().map(cost).collect()
    };
    assert_eq!(reach(&costs([4.0, 3.0, 2.5, 2.0])), Some(8));
    assert_eq!(reach(&costs([4.0, 3.0, 2.5, 2.5])), Some(4));
    assert_eq!(reach(&costs([4.0, 3.0, 3.0, 2.5])), Some(8));
    assert_eq!(reach(&costs([4.0, 4.5, 4.5, 4.5])), Some(1));
    assert_eq!(reach(&[]), None);
    // The same characters: what they have in common plays no part in what is saved.
    let costs = costs([4.0, 3.0, 2.5, 2.0]);
    let (gain, error) = costs[1].gain_over(&costs[0]);
    assert!((gain - 1.0).abs() < 0.02 && error < 0.01, "{gain} ± {error}");
    assert!(mean_and_error(&costs[0].bits).1 > 0.05);
}

#[test]
fn what_makes_no_sense_is_refused_in_a_sentence() {
    let device = Device::flex();
    for memory in MEMORIES {
        let good = config(5, memory, 1);
        let refused = |config: S4LanguageModelConfig, sentence: &str| {
            assert_eq!(config.init(&device).unwrap_err().to_string(), sentence);
        };
        refused(
            S4LanguageModelConfig { vocabulary: 0, ..good },
            "expected the number of characters of 1 or more, found 0",
        );
        let with = |stack: StackConfig| S4LanguageModelConfig { stack, ..good };
        refused(
            with(StackConfig { d_state: 3, ..good.stack }),
            "expected the state size d_state even and 2 or more, found 3",
        );
        refused(
            with(StackConfig { d_model: 0, ..good.stack }),
            "expected the width d_model of 1 or more, found 0",
        );
    }
    let model = model(5, Memory::S4d, 1);
    let text = some_tokens(10, 5, 1);
    let refused = |places: &[usize], context: usize, sentence: &str| {
        let error: TextError = bits_with_context(&model, &text, places, context).unwrap_err();
        assert_eq!(error.to_string(), sentence);
    };
    refused(&[5], 0, "expected a context of 1 character or more, found 0");
    let place = "expected a place inside the text, with a whole context before it, found ";
    refused(&[5, 2], 3, &format!("{place}2"));
    refused(&[10], 3, &format!("{place}10"));
    refused(&[3], usize::MAX, &format!("{place}3"));
}

#[test]
fn a_seed_draws_one_model_and_another_seed_another() {
    for memory in MEMORIES {
        let logits = |seed: u64| {
            let tokens = token_tensor(&[1, 2, 3], [1, 3], &Device::flex());
            values(model(5, memory, seed).logits(tokens, &mut Noise::none()))
        };
        assert_eq!(logits(1), logits(1));
        assert_ne!(logits(1), logits(2));
    }
}
