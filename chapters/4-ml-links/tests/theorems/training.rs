//! What must hold of training, whatever the model.

use std::fs;
use std::path::Path;

use burn::module::{Param, ParamGroup};
use burn::nn::{Linear, LinearConfig};
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Device, Tensor};
use ml_links::training::checkpoint::Checkpoint;
use ml_links::training::{
    AdamW, CheckpointError, Evaluation, ParameterGroup, Recipe, RunOptions, StepReport, Task,
    Trainer, TrainingError, train,
};
use proptest::prelude::*;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

fn numbers<const D: usize>(tensor: &Param<Tensor<D>>) -> Vec<f32> {
    tensor.val().into_data().iter::<f32>().collect()
}

fn line(seed: f32, device: &Device) -> Linear {
    let weight = Param::from_tensor(Tensor::from_floats([[seed], [-seed]], device));
    let bias = Some(Param::from_tensor(Tensor::from_floats([0.5 * seed], device)));
    Linear { weight, bias }
}

/// Fits y = 2 p - 3 q + 1 at points drawn from the randomness of the step.
struct Plane(Device);

impl Task<Linear> for Plane {
    fn loss(&self, model: &Linear, random: &mut ChaCha8Rng) -> Tensor<1> {
        let points: Vec<[f32; 2]> = (0..16).map(|_| [random.random(), random.random()]).collect();
        let wanted: Vec<f32> = points.iter().map(|[p, q]| 2.0 * p - 3.0 * q + 1.0).collect();
        let points = points.into_iter().flatten().collect::<Vec<_>>();
        let u = Tensor::<1>::from_floats(points.as_slice(), &self.0).reshape([16, 2]);
        let wanted = Tensor::<1>::from_floats(wanted.as_slice(), &self.0).reshape([16, 1]);
        (model.forward(u) - wanted).square().mean()
    }

    fn tokens_per_step(&self) -> usize {
        16
    }

    fn evaluate(&self, model: &Linear) -> Result<f64, TrainingError> {
        let at = Tensor::<2>::from_floats([[1.0, 1.0]], &model.weight.device());
        Ok(f64::from(model.forward(at).into_scalar::<f32>()).abs())
    }

    fn unit(&self) -> &'static str {
        "off"
    }
}

fn advance(trainer: &mut Trainer<Linear>, task: &Plane) -> StepReport {
    trainer.advance(|model, random| task.loss(model, random)).unwrap()
}

#[test]
fn adam_w_is_burns_adam_w() {
    let device = Device::flex().autodiff();
    let (mut ours, mut theirs) = (line(0.7, &device), line(0.7, &device));
    // Ours lets vectors be; theirs is told so.
    let config = AdamWConfig::new().with_beta_2(0.99).with_epsilon(1e-8);
    let mut optimizer = AdamW::new(0.1);
    let mut reference = config.clone().with_weight_decay(0.1).init().with_group(
        ParamGroup::from_predicate("bias"),
        config.with_weight_decay(0.0).build(),
        None,
    );
    for step in 0..20 {
        // Numbers of its own: from the generator that all tests share, one run in some comes back to where it began.
        let part = |k: i32| (0.37 * f64::from(8 * step + k)).sin().abs() as f32;
        let u =
            Tensor::<1>::from_floats(std::array::from_fn::<_, 8, _>(|k| part(k as i32)), &device);
        let u = u.reshape([4, 2]);
        let rate = 0.01 * f64::from(step + 1);
        let gradients = |model: &Linear| {
            let loss = model.forward(u.clone()).square().mean();
            GradientsParams::from_grads(loss.backward(), model)
        };
        let (of_ours, of_theirs) = (gradients(&ours), gradients(&theirs));
        ours = optimizer.step(ours, of_ours, rate, 1.0);
        theirs = reference.step(rate, theirs, of_theirs);
    }
    for (found, expected) in numbers(&ours.weight).iter().zip(numbers(&theirs.weight)) {
        assert!((found - expected).abs() < 1e-5, "{found} {expected}");
    }
    let bias = |model: &Linear| numbers(model.bias.as_ref().unwrap())[0];
    assert!((bias(&ours) - bias(&theirs)).abs() < 1e-5);
    assert!((bias(&ours) - 0.35).abs() > 0.1, "it learned nothing");
}

#[test]
fn a_group_learns_at_its_own_rate_and_without_decay() {
    let device = Device::flex().autodiff();
    let recipe = Recipe { warm_up: 0, rate: 0.1, weight_decay: 0.5, ..Recipe::new(100) };
    let after = |groups: Vec<ParameterGroup>| {
        let trainer = Trainer::new(line(1.0, &device), recipe.clone()).unwrap();
        let mut trainer = trainer.with_groups(groups);
        trainer.advance(|model, _| model.weight.val().sum()).unwrap();
        numbers(&trainer.model().weight)
    };
    let weight = || ParameterGroup::of(ParamGroup::from_path("weight"));
    // The first step of Adam is one rate long, whatever the gradient.
    let close = |found: &[f32], expected: [f32; 2]| {
        assert!(found.iter().zip(expected).all(|(f, e)| (f - e).abs() < 1e-5), "{found:?}");
    };
    close(&after(vec![]), [0.95 - 0.1, -0.95 - 0.1]);
    close(&after(vec![weight().without_decay()]), [0.9, -1.1]);
    close(&after(vec![weight().rate(0.5)]), [0.975 - 0.05, -0.975 - 0.05]);
}

#[test]
fn the_rate_rises_in_a_line_and_falls_in_half_a_cosine() {
    let recipe = Recipe { warm_up: 20, rate: 2.0, floor: 0.1, ..Recipe::new(120) };
    for step in 0..20 {
        assert!((recipe.rate_at(step) - 0.1 * (step + 1) as f64).abs() < 1e-12);
    }
    assert_eq!(recipe.rate_at(20), 2.0);
    assert!((recipe.rate_at(70) - 1.1).abs() < 1e-12); // half way between 2 and 0.2
    assert!((recipe.rate_at(120) - 0.2).abs() < 1e-12);
    assert!((recipe.rate_at(1000) - 0.2).abs() < 1e-12);
    assert!((21..120).all(|step| recipe.rate_at(step) < recipe.rate_at(step - 1)));
}

#[test]
fn recipes_that_make_no_sense_are_refused() {
    let good = Recipe::new(10);
    let refused = |recipe: Recipe, sentence: &str| {
        let error = recipe.check().unwrap_err().to_string();
        assert_eq!(error, sentence);
    };
    good.check().unwrap();
    refused(Recipe::new(0), "expected the number of steps a positive number, found 0");
    let rate = Recipe { rate: f64::NAN, ..good.clone() };
    refused(rate, "expected the learning rate a positive number, found NaN");
    let floor = Recipe { floor: 2.0, ..good.clone() };
    refused(floor, "expected the floor of the learning rate from 0 to 1, found 2");
    let decay = Recipe { weight_decay: -1.0, ..good };
    refused(decay, "expected the weight decay 0 or more, found -1");
}

#[test]
fn a_loss_that_is_no_number_changes_nothing() {
    let device = Device::flex().autodiff();
    let mut trainer = Trainer::new(line(1.0, &device), Recipe::new(10)).unwrap();
    advance(&mut trainer, &Plane(device.clone()));
    let before = trainer.checkpoint(&json!({}));
    for factor in [f64::NAN, f64::INFINITY] {
        let error = trainer.advance(|model, _| model.weight.val().sum() * factor).unwrap_err();
        assert!(matches!(error, TrainingError::NotFinite { what: "loss", step: 1, .. }), "{error}");
    }
    // A loss of 0 whose gradient is infinite: √|w - w|.
    let error = trainer.advance(|model, _| {
        let weight = model.weight.val();
        (weight.clone() - weight.detach()).abs().sqrt().sum()
    });
    let error = error.unwrap_err();
    assert!(matches!(error, TrainingError::NotFinite { what: "gradient", step: 1, .. }), "{error}");
    assert_eq!(trainer.checkpoint(&json!({})), before);
}

#[test]
fn the_norm_of_all_gradients_together_is_limited() {
    let device = Device::flex().autodiff();
    let moved = |factor: f64, limit: f64| {
        let recipe = Recipe { warm_up: 0, largest_gradient: limit, ..Recipe::new(10) };
        let mut trainer = Trainer::new(line(1.0, &device), recipe).unwrap();
        let loud = |model: &Linear| {
            model.weight.val().sum() * factor + model.bias.as_ref().unwrap().val().sum() * factor
        };
        let report = trainer.advance(|model, _| loud(model)).unwrap();
        assert!((report.gradient / (3_f64.sqrt() * factor) - 1.0).abs() < 1e-6);
        // Adam forgets the length of one gradient, not the quotient of two: a small one after it.
        trainer.advance(|model, _| model.weight.val().sum() * 0.01).unwrap();
        numbers(&trainer.model().weight)[0]
    };
    assert!((moved(1e6, 1.0) - moved(1e3, 1.0)).abs() < 1e-7);
    assert!((moved(1e6, 1e9) - moved(1e3, 1.0)).abs() > 1e-5);
}

#[test]
fn a_run_that_was_cut_off_continues_to_the_same_weights() {
    let device = Device::flex().autodiff();
    let (task, recipe) = (Plane(device.clone()), Recipe { rate: 0.05, ..Recipe::new(40) });
    let groups = || vec![ParameterGroup::of(ParamGroup::from_path("bias")).rate(0.5)];
    let start = || Trainer::new(line(0.3, &device), recipe.clone()).unwrap().with_groups(groups());
    let folder = tempfile::tempdir().unwrap();
    let mut whole = start();
    for _ in 0..40 {
        advance(&mut whole, &task);
    }
    for cut in [0, 1, 17, 39, 40] {
        let path = folder.path().join(format!("{cut}.safetensors"));
        let mut first = start();
        for _ in 0..cut {
            advance(&mut first, &task);
        }
        first.checkpoint(&json!({})).write(&path).unwrap();
        let read = Checkpoint::read(&path).unwrap();
        let mut second = start().resume(&read).unwrap();
        assert_eq!(second.step(), cut);
        for _ in cut..40 {
            advance(&mut second, &task);
        }
        assert_eq!(second.checkpoint(&json!({})), whole.checkpoint(&json!({})), "cut at {cut}");
    }
    assert!((numbers(&whole.model().weight)[0] - 0.3).abs() > 0.1, "it learned nothing");
}

/// A checkpoint of a layer after three steps, in a folder of its own.
fn saved() -> (tempfile::TempDir, std::path::PathBuf) {
    let device = Device::flex().autodiff();
    let mut trainer = Trainer::new(line(1.0, &device), Recipe::new(10)).unwrap();
    for _ in 0..3 {
        advance(&mut trainer, &Plane(device.clone()));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("last.safetensors");
    trainer.checkpoint(&json!({ "width": 2 })).with_note("best", 7).write(&path).unwrap();
    (folder, path)
}

#[test]
fn a_checkpoint_cut_short_anywhere_is_refused_in_words() {
    let (folder, path) = saved();
    let bytes = fs::read(&path).unwrap();
    let short = folder.path().join("short.safetensors");
    for length in 0..bytes.len() {
        fs::write(&short, &bytes[..length]).unwrap();
        let error = Checkpoint::read(&short).unwrap_err();
        let CheckpointError::CutShort { expected, found, .. } = error else {
            panic!("{length} bytes: {error}");
        };
        assert!(found == length as u64 && expected > found);
    }
}

#[test]
fn a_checkpoint_with_a_flipped_bit_is_refused() {
    let (folder, path) = saved();
    let bytes = fs::read(&path).unwrap();
    let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let flipped = folder.path().join("flipped.safetensors");
    for place in 0..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[place] ^= 1 << (place % 7);
        fs::write(&flipped, &bytes).unwrap();
        match Checkpoint::read(&flipped) {
            Err(CheckpointError::Damaged { .. }) => {}
            Err(error) => assert!(place < header, "byte {place}: {error}"),
            // A name or a setting may change; a number may not.
            Ok(_) => assert!(place < header, "byte {place}"),
        }
    }
}

#[test]
fn what_is_no_checkpoint_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |content: &[u8], sentence: &str| {
        let path = folder.path().join("x.safetensors");
        fs::write(&path, content).unwrap();
        let error = Checkpoint::read(&path).unwrap_err().to_string();
        assert!(error.contains(sentence), "{error}");
    };
    refused(b"The quick brown fox jumps over the lazy dog", "found something else");
    refused(b"\x02\0\0\0\0\0\0\0{}", "it has no format");
    refused(b"\xff\xff\xff\xff\xff\xff\xff\xff{}", "found something else");
    let error = Checkpoint::read(Path::new("no-such-file")).unwrap_err().to_string();
    assert!(error.contains("cannot read the checkpoint no-such-file"), "{error}");
}

#[test]
fn a_checkpoint_that_cannot_be_written_leaves_the_old_one() {
    let (folder, path) = saved();
    let old = fs::read(&path).unwrap();
    let device = Device::flex();
    // Weights that are no numbers.
    let broken = Checkpoint::of_model(&line(f32::NAN, &device), &json!({}));
    let error = broken.write(&path).unwrap_err();
    assert_eq!(
        error.to_string(),
        "model.bias holds numbers that are not finite, so nothing was written"
    );
    assert_eq!(fs::read(&path).unwrap(), old);
    // A folder that is a file.
    let good = Checkpoint::of_model(&line(1.0, &device), &json!({}));
    let error = good.write(&path.join("last.safetensors")).unwrap_err();
    assert!(matches!(error, CheckpointError::Unwritable { .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), old);
    let files: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(files.len(), 1, "something was left behind: {files:?}");
}

#[test]
fn another_run_is_not_continued() {
    let (_folder, path) = saved();
    let checkpoint = Checkpoint::read(&path).unwrap();
    assert_eq!(checkpoint.note::<u32>("best"), Some(7));
    let refused = |configuration: Value, recipe: Recipe, sentence: &str| {
        let error = checkpoint.expect_same(&configuration, Some(&recipe)).unwrap_err().to_string();
        assert!(error.ends_with(sentence), "{error}");
    };
    let recipe = Recipe::new(10);
    checkpoint.expect_same(&json!({ "width": 2 }), Some(&recipe)).unwrap();
    refused(json!({ "width": 3 }), recipe.clone(), "expected width = 3, found 2");
    refused(json!({}), recipe.clone(), "expected width = nothing, found 2");
    let slow = Recipe { rate: 1e-3, seed: 4, ..recipe.clone() };
    refused(
        json!({ "width": 2 }),
        slow,
        "expected rate = 0.001, found 0.003; expected seed = 4, found 0",
    );
    let device = Device::flex().autodiff();
    let start = |model, recipe| Trainer::new(model, recipe).unwrap();
    let other = start(line(1.0, &device), Recipe { steps: 11, ..recipe.clone() });
    assert!(other.resume(&checkpoint).is_err());
    let no_bias = Linear { bias: None, ..line(1.0, &device) };
    let error = start(no_bias, recipe.clone()).resume(&checkpoint).unwrap_err();
    assert_eq!(error, CheckpointError::Unused { name: "bias".into() });
    let wide = LinearConfig::new(3, 1).init(&device);
    let error = start(wide, recipe).resume(&checkpoint).unwrap_err().to_string();
    assert!(error.contains("expected weight of shape [3, 1], found [2, 1]"), "{error}");
    let only_model = Checkpoint::of_model(&line(1.0, &device), &json!({}));
    assert!(matches!(only_model.recipe(), Err(CheckpointError::Missing { .. })));
}

#[test]
fn a_run_leaves_its_log_its_last_and_its_best_weights() {
    let device = Device::flex().autodiff();
    let folder = tempfile::tempdir().unwrap();
    let options = RunOptions {
        out: Some(folder.path().join("run")),
        log: Some(folder.path().join("log.csv")),
        evaluate_every: 7,
        save_every: 20,
        ..RunOptions::default()
    };
    let (task, configuration) = (Plane(device.clone()), json!({ "width": 2 }));
    let trainer = |steps| {
        let recipe = Recipe { rate: 0.1, ..Recipe::new(steps) };
        Trainer::new(line(0.1, &device), recipe).unwrap()
    };
    let (done, outcome) = train(trainer(50), &task, &options, &configuration, &mut |_| ()).unwrap();
    assert!(outcome.finished && done.is_done());
    let read = |name| Checkpoint::read(&folder.path().join("run").join(name)).unwrap();
    let (last, best) = (read("last.safetensors"), read("best.safetensors"));
    assert_eq!(last.recipe().unwrap().1, 50);
    assert_eq!(last.note::<Evaluation>("last"), outcome.last);
    assert_eq!(best.note::<Evaluation>("best"), outcome.best);
    let layer = best.load_into(line(0.0, &Device::flex())).unwrap();
    assert_eq!(task.evaluate(&layer).unwrap(), outcome.best.unwrap().value);

    let log = fs::read_to_string(folder.path().join("log.csv")).unwrap();
    let rows: Vec<Vec<&str>> = log.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows[0][..3], ["step", "loss", "validation"]);
    let steps: Vec<&str> = rows[1..].iter().map(|row| row[0]).collect();
    assert_eq!(steps, ["7", "10", "14", "20", "21", "28", "30", "35", "40", "42", "49", "50"]);
    let loss = |row: usize| rows[row][1].parse::<f64>().unwrap();
    assert!(loss(12) < 0.1 * loss(1), "{log}");

    // Begun again it would overwrite what is there.
    let again = train(trainer(50), &task, &options, &configuration, &mut |_| ());
    assert!(again.unwrap_err().to_string().contains("continue that run with --resume"));
    let resumed = RunOptions { resume: true, ..options };
    let other = train(trainer(60), &task, &resumed, &configuration, &mut |_| ());
    assert!(other.unwrap_err().to_string().contains("expected steps = 60, found 50"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn the_randomness_of_a_step_is_its_own(seed in 0_u64.., step in 0_usize..1_000_000) {
        let recipe = Recipe { seed, ..Recipe::new(1) };
        let draw = |recipe: &Recipe, step: usize| recipe.random(step).random::<u64>();
        prop_assert_eq!(draw(&recipe, step), draw(&recipe, step));
        prop_assert_ne!(draw(&recipe, step), draw(&recipe, step + 1));
        let other = Recipe { seed: seed.wrapping_add(1), ..recipe.clone() };
        prop_assert_ne!(draw(&recipe, step), draw(&other, step));
    }
}
