//! What the page `mamba-lm` claims.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use burn::module::{Module, ModuleVisitor, Param};
use burn::nn::Linear;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Int, Tensor, TensorData};
use mamba::config::MambaConfig;
use mamba::mamba_block::RmsNorm;
use mamba::mamba_lm::{MambaLm, name_in_file};
use mamba::tensor_files::{Dtype, TensorFiles};
use ml_links::language_model::{CharacterModel, Noise, cross_entropy, token_tensor};
use ml_links::testing::{apart, card, noise, numbers};
use ml_links::training::{Recipe, Trainer};
use safetensors::tensor::TensorView;

use crate::common::{Golden, fixture, golden, plain_block};

fn tiny(device: &Device) -> MambaLm {
    MambaLm::load(&fixture("hf_mamba_tiny"), device).unwrap()
}

fn golden_tiny() -> Golden {
    golden("hf_mamba_tiny/golden.safetensors")
}

fn ids(golden: &Golden, name: &str) -> Vec<usize> {
    golden.numbers(name).into_iter().map(|id| id as usize).collect()
}

/// The largest difference.
#[track_caller]
fn furthest(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let off = found.iter().zip(expected).map(|(found, expected)| (found - expected).abs());
    off.fold(0.0, |worst, off| if off > worst || off.is_nan() { off } else { worst })
}

fn small() -> MambaConfig {
    MambaConfig {
        vocab_size: 11,
        hidden_size: 8,
        state_size: 4,
        num_hidden_layers: 2,
        ..MambaConfig::default()
    }
}

fn tokens(model: &MambaLm, length: usize) -> Tensor<2, Int> {
    let ids: Vec<usize> = (0..length).map(|k| (k * k + 3) % 11).collect();
    model.tokens(&ids, [1, length]).unwrap()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// What a norm does, in double precision.
fn plain_norm(norm: &RmsNorm, v: &[f64]) -> Vec<f64> {
    let weight = numbers(norm.weight.val());
    let rows = v.chunks_exact(weight.len()).flat_map(|row| {
        let root = (row.iter().map(|v| v * v).sum::<f64>() / row.len() as f64 + 1e-5).sqrt();
        row.iter().zip(&weight).map(move |(v, weight)| v / root * weight)
    });
    rows.collect()
}

#[test]
fn eq_6_5_a_model_is_its_formula() {
    let device = Device::flex();
    for tie_word_embeddings in [true, false] {
        let config = MambaConfig { tie_word_embeddings, ..small() };
        let model = MambaLm::init(&config, 1, &device).unwrap();
        let tokens = tokens(&model, 15);

        let embedding = numbers(model.embeddings.weight.val());
        let mut v: Vec<f64> = (tokens.to_data().iter::<i64>())
            .flat_map(|token| embedding[8 * token as usize..][..8].to_vec())
            .collect();
        for layer in &model.layers {
            let said = plain_block(&layer.mixer, &plain_norm(&layer.norm, &v));
            v.iter_mut().zip(said).for_each(|(v, said)| *v += said);
        }
        // Rows of the head, one a token.
        let head = match &model.lm_head {
            Some(head) => numbers(head.weight.val().transpose()),
            None => embedding,
        };
        let expected: Vec<f64> = plain_norm(&model.norm_f, &v)
            .chunks_exact(8)
            .flat_map(|v| head.chunks_exact(8).map(move |e| dot(e, v)))
            .collect();
        let apart = apart(&numbers(model.forward(tokens)), &expected);
        assert!(apart < 1e-5, "{apart}");
    }
}

#[test]
fn logits_and_streams_are_those_of_the_reference() {
    let (model, golden) = (tiny(&Device::flex()), golden_tiny());
    let tokens = model.tokens(&ids(&golden, "input_ids"), [2, 21]).unwrap();
    let logits = numbers(model.forward(tokens.clone()));
    assert!(furthest(&logits, &golden.numbers("logits")) < 2e-5);

    // The reference shows the stream after each block, and then the last one normed.
    let streams = model.streams(tokens);
    for (i, stream) in streams[1..].iter().enumerate() {
        let expected = golden.numbers(&format!("hidden.{i}"));
        assert!(furthest(&numbers(stream.clone()), &expected) < 2e-5, "{i}");
    }
    let last = model.norm_f.forward(streams[2].clone());
    assert!(furthest(&numbers(last), &golden.numbers("hidden.2")) < 2e-5);
    assert!(furthest(&numbers(model.head(streams[2].clone())), &golden.numbers("logits")) < 2e-5);
}

#[test]
fn decoding_ends_in_the_logits_and_states_of_the_reference() {
    let (model, golden) = (tiny(&Device::flex()), golden_tiny());
    let ids = ids(&golden, "input_ids");
    let mut state = model.initial_state(2);
    let expected = golden.numbers("logits");
    for k in 0..21 {
        let step = token_tensor(&[ids[k], ids[21 + k]], [2], &Device::flex());
        let logits = numbers(model.step(step, &mut state));
        let row = |sequence: usize| &expected[(sequence * 21 + k) * 96..][..96];
        assert!(furthest(&logits, &[row(0), row(1)].concat()) < 2e-5, "at step {k}");
    }
    for (i, state) in state.into_iter().enumerate() {
        // The reference has channels before time.
        let conv = numbers(state.conv.swap_dims(1, 2));
        assert!(furthest(&conv, &golden.numbers(&format!("conv_state.{i}"))) < 2e-5, "{i}");
        let ssm = numbers(state.ssm);
        assert!(furthest(&ssm, &golden.numbers(&format!("ssm_state.{i}"))) < 2e-5, "{i}");
    }
}

#[test]
fn the_likeliest_continuation_is_that_of_the_reference() {
    let (model, golden) = (tiny(&Device::flex()), golden_tiny());
    let expected = ids(&golden, "generated");
    for sequence in expected.chunks_exact(45) {
        let mut state = model.initial_state(1);
        let prompt = model.tokens(&sequence[..21], [1, 21]).unwrap();
        let logits = model.read(prompt, &mut state).narrow(1, 20, 1);
        let mut logits: Tensor<2> = logits.squeeze_dim(1);
        for &expected in &sequence[21..] {
            let found = logits.argmax(1).into_scalar::<i64>() as usize;
            assert_eq!(found, expected);
            logits = model.step(token_tensor(&[found], [1], &Device::flex()), &mut state);
        }
    }
}

/// Gradients by the names and in the layout of a file.
struct Collected<'a> {
    gradients: &'a GradientsParams,
    path: Vec<String>,
    found: BTreeMap<String, Vec<f64>>,
}

impl ModuleVisitor for Collected<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let (name, transposed) = name_in_file(&self.path.join("."));
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            let gradient = if transposed { gradient.swap_dims(0, 1) } else { gradient };
            self.found.insert(name, numbers(gradient));
        }
    }
}

#[test]
fn every_gradient_is_that_of_the_reference() {
    let device = Device::flex().autodiff();
    let (model, golden) = (tiny(&device), golden_tiny());
    let tokens = model.tokens(&ids(&golden, "input_ids"), [2, 21]).unwrap();
    let logits = model.forward(tokens.clone().narrow(1, 0, 20));
    let loss = cross_entropy(logits, tokens.narrow(1, 1, 20));
    assert!((loss.clone().into_scalar::<f32>() - 5.776_824_5).abs() < 1e-5);

    let gradients = GradientsParams::from_grads(loss.backward(), &model);
    let mut collected =
        Collected { gradients: &gradients, path: Vec::new(), found: BTreeMap::new() };
    model.visit(&mut collected);
    assert_eq!(collected.found.len(), 2 + 2 * 10);
    for (name, found) in collected.found {
        let apart = apart(&found, &golden.numbers(&format!("grad.{name}")));
        assert!(apart < 2e-5, "{name}: {apart}");
    }
}

#[test]
fn a_graphics_card_answers_as_the_reference_does() {
    let Some(card) = card() else { return };
    let (model, golden) = (tiny(&card), golden_tiny());
    let tokens = model.tokens(&ids(&golden, "input_ids"), [2, 21]).unwrap();
    let logits = numbers(model.forward(tokens));
    assert!(furthest(&logits, &golden.numbers("logits")) < 1e-4);
}

#[test]
fn a_saved_model_is_the_model() {
    let device = Device::flex();
    let folder = tempfile::tempdir().unwrap();
    let with_all = MambaConfig {
        tie_word_embeddings: false,
        use_bias: true,
        use_conv_bias: false,
        expand: 1.5,
        conv_kernel: 3,
        ..small()
    };
    for config in [small(), with_all] {
        let model = MambaLm::init(&config, 3, &device).unwrap();
        model.save_pretrained(folder.path(), Dtype::F32).unwrap();
        let loaded = MambaLm::load(folder.path(), &device).unwrap();
        assert_eq!(loaded.config(), &config);
        let tokens = tokens(&model, 20);
        let logits = numbers(model.forward(tokens.clone()));
        assert_eq!(numbers(loaded.forward(tokens.clone())), logits);

        // In half the bits: near.
        for (dtype, tolerance) in [(Dtype::F16, 2e-3), (Dtype::Bf16, 2e-2)] {
            model.save_pretrained(folder.path(), dtype).unwrap();
            let half = MambaLm::load(folder.path(), &device).unwrap();
            let apart = apart(&numbers(half.forward(tokens.clone())), &logits);
            assert!(apart > 0.0 && apart < tolerance, "{dtype}: {apart}");
        }
    }
}

#[test]
fn a_saved_model_has_the_names_and_shapes_of_the_reference() {
    let folder = tempfile::tempdir().unwrap();
    let model = tiny(&Device::flex());
    model.save_pretrained(folder.path(), Dtype::F32).unwrap();
    let file = |folder: &Path| fs::read(folder.join("model.safetensors")).unwrap();
    let (ours, theirs) = (file(folder.path()), file(&fixture("hf_mamba_tiny")));
    let [ours, theirs] = [&ours, &theirs].map(|file| {
        let file = safetensors::SafeTensors::deserialize(file).unwrap();
        let tensors = file.iter().map(|(name, tensor)| {
            (name.to_owned(), (tensor.shape().to_vec(), tensor.data().to_vec()))
        });
        tensors.collect::<BTreeMap<_, _>>()
    });
    assert!(ours == theirs, "{:?}", ours.keys().zip(theirs.keys()).find(|(a, b)| a != b));
    let config: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(folder.path().join("config.json")).unwrap())
            .unwrap();
    assert_eq!(config["architectures"][0], "MambaForCausalLM");
    assert_eq!(config["hidden_size"], 48);
}

/// A copy of the tiny model in which something is changed.
fn changed(change: impl FnOnce(&mut BTreeMap<String, (Vec<usize>, Vec<u8>)>)) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let original = fixture("hf_mamba_tiny");
    fs::copy(original.join("config.json"), folder.path().join("config.json")).unwrap();
    let file = fs::read(original.join("model.safetensors")).unwrap();
    let file = safetensors::SafeTensors::deserialize(&file).unwrap();
    let tensors = file
        .iter()
        .map(|(name, tensor)| (name.to_owned(), (tensor.shape().to_vec(), tensor.data().to_vec())));
    let mut tensors: BTreeMap<_, _> = tensors.collect();
    change(&mut tensors);
    let views = tensors.iter().map(|(name, (shape, bytes))| {
        (name, TensorView::new(safetensors::Dtype::F32, shape.clone(), bytes).unwrap())
    });
    let bytes = safetensors::serialize(views, None).unwrap();
    fs::write(folder.path().join("model.safetensors"), bytes).unwrap();
    folder
}

#[track_caller]
fn refused(folder: &Path, sentence: &str) {
    let error = MambaLm::load(folder, &Device::flex()).unwrap_err().to_string();
    assert!(error.contains(sentence), "expected `{sentence}`, found `{error}`");
}

#[test]
fn folders_that_hold_no_model_are_refused_by_name() {
    let without = changed(|tensors| {
        tensors.remove("backbone.layers.1.mixer.x_proj.weight").unwrap();
    });
    refused(without.path(), "expected a tensor backbone.layers.1.mixer.x_proj.weight in ");
    let turned = changed(|tensors| {
        tensors.get_mut("backbone.layers.0.mixer.in_proj.weight").unwrap().0.reverse();
    });
    refused(
        turned.path(),
        "expected backbone.layers.0.mixer.in_proj.weight to be of shape [192, 48], found [48, 192]",
    );

    let config = |text: &str| {
        let folder = changed(|_| ());
        fs::write(folder.path().join("config.json"), text).unwrap();
        folder
    };
    refused(
        config(r#"{"model_type": "llama"}"#).path(),
        "expected model_type in config.json to be mamba, found llama",
    );
    refused(
        config(r#"{"hidden_size": 48, "vocab_size": 97, "num_hidden_layers": 2, "state_size": 8}"#)
            .path(),
        "expected backbone.embeddings.weight to be of shape [97, 48], found [96, 48]",
    );
    refused(config("not JSON").path(), "is no configuration: ");
    let cut = changed(|_| ());
    let path = cut.path().join("model.safetensors");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    refused(cut.path(), "it is cut off");
    refused(&fixture("no_such_folder"), "cannot read ");
}

#[test]
fn tokens_that_nobody_knows_are_refused() {
    let model = tiny(&Device::flex());
    let sentence = model.tokens(&[1, 95, 96], [1, 3]).unwrap_err().to_string();
    assert_eq!(sentence, "expected tokens below 96, found 96 at place 2");
}

#[test]
fn weights_that_a_file_cannot_hold_are_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = MambaLm::init(&small(), 1, &Device::flex()).unwrap();
    model.layers[1].mixer.d = model.layers[1].mixer.d.clone().map(|d| d * 7e4);
    let sentence = model.save_pretrained(folder.path(), Dtype::F16).unwrap_err().to_string();
    assert_eq!(
        sentence,
        "expected finite numbers for f16 in backbone.layers.1.mixer.D, found 70000: nothing was written"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    model.save_pretrained(folder.path(), Dtype::Bf16).unwrap();
    let files = TensorFiles::open(folder.path()).unwrap();
    assert_eq!(files.names().len(), 2 + 2 * 10);
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let model = MambaLm::init(&small(), 1, &Device::flex()).unwrap();
    let sentence = model.save_pretrained(&file, Dtype::F32).unwrap_err().to_string();
    assert!(sentence.starts_with("cannot write "), "{sentence}");
}

#[test]
fn a_model_that_says_nothing_yet_is_about_as_surprised_as_one_that_guesses() {
    let model = MambaLm::init(&small(), 1, &Device::flex()).unwrap();
    let read = tokens(&model, 40);
    let loss = cross_entropy(model.forward(read.clone()), read).into_scalar::<f32>();
    assert!((loss - 11_f32.ln()).abs() < 0.1, "{loss}");
}

#[test]
fn noise_is_for_training_alone() {
    let device = Device::flex();
    let model = MambaLm::init(&small(), 1, &device).unwrap().with_dropout(0.5);
    let read = tokens(&model, 9);
    let quiet = numbers(model.logits(read.clone(), &mut Noise::none()));
    assert_eq!(quiet, numbers(model.forward(read.clone())));
    let mut random = Recipe::new(1).random(0);
    assert_ne!(quiet, numbers(model.logits(read, &mut Noise::of(&mut random))));
}

#[test]
fn it_learns_a_song_in_seconds() {
    // What comes after 1 depends on what came before it: 0 1 2 0 3 1 4 …
    let song = [0, 1, 2, 0, 3, 1, 4];
    let device = Device::flex().autodiff();
    let config = MambaConfig { vocab_size: 5, hidden_size: 16, ..small() };
    let model = MambaLm::init(&config, 1, &device).unwrap();
    let recipe = Recipe { rate: 0.01, ..Recipe::new(60) };
    let mut trainer = Trainer::new(model, recipe).unwrap();
    let piece = |begin: usize| -> Tensor<2, Int> {
        let piece: Vec<i32> = (begin..begin + 2 * 21).map(|k| song[k % 7]).collect();
        Tensor::from_data(TensorData::new(piece, [2, 21]), &device)
    };
    let mut losses = Vec::new();
    while !trainer.is_done() {
        let begin = trainer.step();
        let (read, next) = (piece(begin), piece(begin + 1));
        let step = trainer.advance(|model, _| cross_entropy(model.forward(read), next)).unwrap();
        losses.push(step.loss);
    }
    assert!(losses[0] > 1.4 && losses[59] < 0.3, "{losses:?}");
}

#[test]
fn the_shapes_of_mamba_130m_are_as_published() {
    // 129,135,360 numbers, of which the embedding is 50,280 x 768: counted without building them.
    let config = MambaConfig { num_hidden_layers: 24, ..MambaConfig::default() };
    let one = MambaConfig { vocab_size: 8, num_hidden_layers: 1, ..config.clone() };
    let one = MambaLm::init(&one, 1, &Device::flex()).unwrap();
    let block = one.layers[0].num_params();
    assert_eq!(24 * block + 50_280 * 768 + 768, 129_135_360);
}

#[test]
fn a_head_of_its_own_is_another_matrix() {
    let device = Device::flex();
    let untied = MambaConfig { tie_word_embeddings: false, ..small() };
    let mut model = MambaLm::init(&untied, 1, &device).unwrap();
    assert_eq!(model.num_params(), MambaLm::init(&small(), 1, &device).unwrap().num_params() + 88);
    let weight = Param::from_tensor(noise([8, 11], 5, &device));
    let before = numbers(model.forward(tokens(&model, 3)));
    model.lm_head = Some(Linear { weight, bias: None });
    assert_ne!(before, numbers(model.forward(tokens(&model, 3))));
}
