//! Digits, pixel by pixel.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use ml_links::language_model::{Noise, Sampler};
use ml_links::parameterization::time_scales;
use ml_links::training::{ParameterGroup, Recipe, RunOptions, Task, Trainer, train};
use s4::digits::{Digits, PIXELS};
use s4::mnist::{Classifier, GREYS, Lesson, PixelModel, greys, percent_wrong};
use s4::pixel_tables::to_beat;
use s4::sequence_model::StackConfig;
use s4::strokes::strokes;
use serde_json::json;

fn small(d_model: usize) -> StackConfig {
    StackConfig { d_model, d_state: 16, layers: 2, dropout: 0.0, seed: 3, ..StackConfig::default() }
}

/// The probabilities of the greys of pixel `k`, in f64.
fn next(writer: &PixelModel, picture: &[u8], k: usize) -> Vec<f64> {
    let logits = writer.logits(greys(&[picture], &Device::flex()), &mut Noise::none());
    let logits: Tensor<3> = logits.narrow(2, k, 1);
    let powers: Vec<f64> = logits.into_data().iter::<f64>().map(f64::exp).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

#[test]
fn eq_5_8_a_picture_is_a_product_of_next_pixels() {
    let writer = PixelModel::init(small(8), &Device::flex()).unwrap();
    let digits = strokes(1, 1);
    // 30 pixels from the middle of a digit.
    let picture = &digits.image(0)[385..415];
    let h = writer.nats_per_pixel(&[picture])[0];
    // Each factor from a picture that has nothing but paper from its pixel on: what comes later plays no part.
    let factor = |k: usize| {
        let mut beginning = picture.to_vec();
        beginning[k..].fill(0);
        next(&writer, &beginning, k)[usize::from(picture[k])]
    };
    let product: f64 = (0..30).map(factor).product();
    assert!((-product.ln() / 30.0 - h).abs() < 1e-4, "{} and {h}", -product.ln() / 30.0);
}

#[test]
fn all_pictures_together_have_the_probability_one() {
    let writer = PixelModel::init(small(8), &Device::flex()).unwrap();
    // Pictures of two pixels: all that begin with this grey have together the probability of this grey.
    let first = next(&writer, &[0, 0], 0);
    assert!((first.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    for grey in [0, 100, 255] {
        let pictures: Vec<[u8; 2]> = (0..=255).map(|second| [grey, second]).collect();
        let pictures: Vec<&[u8]> = pictures.iter().map(<[u8; 2]>::as_slice).collect();
        let sum: f64 = writer.nats_per_pixel(&pictures).iter().map(|h| (-2.0 * h).exp()).sum();
        let expected = first[usize::from(grey)];
        assert!((sum - expected).abs() < 1e-4 * expected, "{grey}: {sum} and {expected}");
    }
}

#[test]
fn a_writer_does_not_see_the_pixel_that_it_foretells() {
    let device = Device::flex();
    let writer = PixelModel::init(small(8), &device).unwrap();
    let digits = strokes(1, 1);
    let mut changed = digits.image(0).to_vec();
    changed[400] ^= 0xff;
    let of = |image: &[u8]| writer.logits(greys(&[image], &device), &mut Noise::none());
    let difference = (of(digits.image(0)) - of(&changed)).abs();
    let largest = |begin: usize, length: usize| -> f32 {
        difference.clone().narrow(2, begin, length).max().into_scalar()
    };
    // Nothing but the rounding of transforms until the pixel is read, and far more than that from then on.
    let (before, after) = (largest(0, 401), largest(401, 1));
    assert!(before < 2e-3 && after > 100.0 * before, "{before} and {after}");
}

#[test]
fn what_is_made_up_is_likely_at_each_step_and_what_was_given_is_kept() {
    let device = Device::flex();
    let writer = PixelModel::init(small(8), &device).unwrap();
    let digits = strokes(2, 1);
    let images: Vec<&[u8]> = digits.images().collect();
    let greedy = Sampler { temperature: 0.0, ..Sampler::default() };
    let mut random = Recipe::new(1).random(0);
    let given = 740;
    let written = writer.complete(&images, given, &greedy, &mut random);
    // Read as a whole, what was made up step by step is the likeliest, up to a tie that rounding decides.
    for (written, image) in written.iter().zip(&images) {
        assert_eq!((written.len(), &written[..given]), (PIXELS, &image[..given]));
        for k in (given..PIXELS).step_by(11) {
            let p = next(&writer, written, k);
            let best = p.iter().copied().fold(0.0, f64::max);
            assert!(p[usize::from(written[k])] > 0.999 * best, "pixel {k}");
        }
    }
    // Chance comes from the generator alone.
    let draw = |seed| {
        let mut random = Recipe { seed, ..Recipe::new(1) }.random(0);
        writer.complete(&images, given, &Sampler::default(), &mut random)
    };
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
}

/// Trains for some steps; how wrong the model was before and after, and the model.
fn trained<M: Module>(task: &impl Task<M>, model: M, steps: usize) -> (f64, f64, M) {
    let before = task.evaluate(&model.valid()).unwrap();
    let recipe = Recipe { rate: 1e-2, warm_up: 5, ..Recipe::new(steps) };
    let groups = [ParameterGroup::of(time_scales()).rate(0.25).without_decay()];
    let trainer = Trainer::new(model, recipe).unwrap().with_groups(groups);
    let (trainer, outcome) =
        train(trainer, task, &RunOptions::default(), &json!({}), &mut |_| {}).unwrap();
    (before, outcome.last.unwrap().value, trainer.into_model())
}

/// Noughts and ones only.
fn noughts_and_ones(count: usize) -> Digits {
    let digits = strokes(count, 1);
    let chosen: Vec<usize> = (0..count).filter(|&index| digits.label(index) < 2).collect();
    let pixels = chosen.iter().flat_map(|&index| digits.image(index).to_vec()).collect();
    Digits::new(pixels, chosen.iter().map(|&index| digits.label(index)).collect()).unwrap()
}

#[test]
fn a_reader_tells_noughts_from_ones_after_seconds() {
    let device = Device::flex().autodiff();
    let lesson = Lesson::new(noughts_and_ones(2000), 8, &device);
    let reader = Classifier::init(small(8), &device).unwrap();
    let (before, after, reader) = trained(&lesson, reader, 40);
    assert!(before > 30.0 && after < 15.0, "{before} % wrong before, {after} % after");
    let named = reader.valid().name(&lesson.held_out());
    assert_eq!(percent_wrong(&named, lesson.held_out_labels()), after);
}

#[test]
fn a_writer_learns_in_seconds_that_most_of_a_picture_is_paper() {
    let device = Device::flex().autodiff();
    let lesson = Lesson::new(strokes(300, 1), 2, &device);
    let writer = PixelModel::init(small(8), &device).unwrap();
    let (before, after, _) = trained(&lesson, writer, 30);
    let tables = to_beat(&strokes(300, 1), &strokes(30, 2));
    assert!((before - (GREYS as f64).ln()).abs() < 1.0, "{before}");
    // Far better than who knows nothing; for the tables it would need minutes.
    assert!(after < 2.0 && after > 0.5 * tables[4].1, "{after} nats per pixel, tables {tables:?}");
}
