//! What the page *Pretrained* claims.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use half::{bf16, f16};
use mamba::config::MambaConfig;
use mamba::inference::{RandomTensors, Runner, score};
use mamba::pretrained::{PretrainedError, TextStream, layout, load, write_random, write_tensors};
use mamba::tensor_files::{Dtype, Fault, TensorError, TensorFiles, table_of_contents};
use ml_links::testing::apart;
use proptest::prelude::*;
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokenizers::Tokenizer;

use super::common::fixture;

/// Tensors on their way into a file: type, shape and bytes by name.
type Parts = BTreeMap<String, (safetensors::Dtype, Vec<usize>, Vec<u8>)>;

fn tiny_file() -> Vec<u8> {
    fs::read(fixture("hf_mamba_tiny/model.safetensors")).expect("a fixture")
}

fn parts() -> Parts {
    let file = tiny_file();
    let tensors = SafeTensors::deserialize(&file).expect("tensors");
    let part = |(name, tensor): (String, TensorView)| {
        (name, (tensor.dtype(), tensor.shape().to_vec(), tensor.data().to_vec()))
    };
    tensors.tensors().into_iter().map(part).collect()
}

fn serialized(parts: &Parts) -> Vec<u8> {
    let views = parts.iter().map(|(name, (dtype, shape, bytes))| {
        (name, TensorView::new(*dtype, shape.clone(), bytes).expect("a tensor"))
    });
    let views: Vec<_> = views.collect();
    safetensors::serialize(views, None).expect("tensors")
}

/// A folder with the tiny model's configuration, changed, and these weights.
fn folder(change: &[(&str, Value)], weights: &[u8]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let text = fs::read_to_string(fixture("hf_mamba_tiny/config.json")).expect("a fixture");
    let mut config: Value = serde_json::from_str(&text).expect("JSON");
    for (name, value) in change {
        config[name] = value.clone();
    }
    fs::write(folder.path().join("config.json"), config.to_string()).expect("a file");
    fs::write(folder.path().join("model.safetensors"), weights).expect("a file");
    folder
}

const IDS: [u32; 6] = [71, 93, 72, 47, 84, 23];

fn last_logits(folder: &Path, keep: Option<Dtype>) -> Vec<f32> {
    let model = load(folder, keep).expect("a model");
    score(&mut Runner::new(&model.weights), &IDS).expect("logits").last_logits
}

fn wide(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().map(|&number| number.into()).collect()
}

#[track_caller]
fn refused(folder: &Path, words: &[&str]) {
    let sentence = load(folder, None).unwrap_err().to_string();
    for word in words {
        assert!(sentence.contains(word), "expected `{word}` in: {sentence}");
    }
}

#[test]
fn eq_6_7_tensors_fill_their_file_without_a_gap() {
    let file = tiny_file();
    let (entries, begin) = table_of_contents(&file).unwrap();
    let header = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    assert_eq!(begin, 8 + header);
    let bytes: usize = entries.values().map(|one| 4 * one.shape.iter().product::<usize>()).sum();
    assert_eq!(8 + header + bytes, file.len());
    let mut ends: Vec<(usize, usize)> = entries.values().map(|one| one.data_offsets).collect();
    ends.sort_unstable();
    assert_eq!(ends[0].0, 0);
    assert!(ends.windows(2).all(|two| two[0].1 == two[1].0));
    assert_eq!(begin + ends.last().unwrap().1, file.len());

    // What the reference reader finds is what ours finds.
    let theirs = SafeTensors::deserialize(&file).unwrap();
    let ours = TensorFiles::open(&fixture("hf_mamba_tiny")).unwrap();
    assert_eq!(theirs.len(), ours.names().len());
    for (name, tensor) in theirs.tensors() {
        let found = ours.tensor(&name, tensor.shape()).unwrap();
        assert_eq!(found.bytes, tensor.data(), "{name}");
    }
    // And the names are the ones that a configuration foretells.
    let config = MambaConfig::read(&fixture("hf_mamba_tiny")).unwrap();
    let mut names: Vec<String> = layout(&config).into_iter().map(|(name, _)| name).collect();
    names.sort();
    assert_eq!(names, ours.names());
}

#[test]
fn a_file_that_was_cut_off_anywhere_is_refused() {
    let mut parts = parts();
    parts.retain(|name, _| name.ends_with("norm.weight") || name.ends_with("mixer.D"));
    let file = serialized(&parts);
    for length in 0..file.len() {
        assert!(table_of_contents(&file[..length]).is_err(), "{length} of {} bytes", file.len());
    }
    let mut longer = file.clone();
    longer.push(0);
    let fault = table_of_contents(&longer).unwrap_err().to_string();
    assert!(fault.ends_with("something else follows"), "{fault}");

    let file = tiny_file();
    for length in [0, 5, 8, 300, file.len() / 2, file.len() - 1] {
        let folder = folder(&[], &file[..length]);
        refused(folder.path(), &["model.safetensors is no safetensors file: expected"]);
    }
}

/// A file with this header and so many bytes of data.
fn with_header(header: &str, data: usize) -> Vec<u8> {
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend(vec![0; data]);
    file
}

#[test]
fn headers_that_lie_are_refused() {
    let fault = |header: &str, data| table_of_contents(&with_header(header, data)).unwrap_err();
    let one = |dtype: &str, shape: &str, offsets: &str| {
        format!(r#"{{"w": {{"dtype": "{dtype}", "shape": {shape}, "data_offsets": {offsets}}}}}"#)
    };
    for (header, data, words) in [
        (one("F32", "[2]", "[0, 4]"), 4, "to take 8 bytes, found 4"),
        (one("F32", "[2]", "[4, 12]"), 12, "expected w to begin at byte 0 of the data, found 4"),
        (one("F32", "[2]", "[8, 0]"), 8, "found 8"),
        (one("F32", "[2]", "[0, 8]"), 9, "expected 8 bytes of data, found 9"),
        (one("F32", "[4294967296, 4294967296]", "[0, 8]"), 8, "w is too large to count"),
        (one("F32", "[-1]", "[0, 8]"), 8, "w: invalid value"),
        (one("F32", "[2]", "[0]"), 8, "w: invalid length"),
        (one("F32", "[2]", "[0, 1e400]"), 8, "its header is not what it should be"),
        (r#"{"w": 3}"#.to_owned(), 0, "w: invalid type"),
        ("[]".to_owned(), 0, "its header is not what it should be"),
        ("{".to_owned(), 0, "its header is not what it should be"),
        ("[".repeat(10_000), 0, "its header is not what it should be"),
    ] {
        let sentence = fault(&header, data).to_string();
        assert!(sentence.contains(words), "{header}: {sentence}");
    }
    // Offsets that only their sum takes beyond what can be counted.
    let huge = usize::MAX / 8;
    let entry = |i: usize| {
        let (begin, end) = (i * huge, (i + 1) * huge);
        format!(r#""{i}": {{"dtype": "U8", "shape": [{huge}], "data_offsets": [{begin}, {end}]}}"#)
    };
    let header = format!("{{{}}}", (0..8).map(entry).collect::<Vec<_>>().join(","));
    assert!(matches!(fault(&header, 0), Fault::Length { .. }));

    let length = |length: u64| table_of_contents(&[&length.to_le_bytes()[..], b"{}"].concat());
    assert!(length(2).is_ok());
    assert_eq!(length(3).unwrap_err(), Fault::HeaderCutOff { header: 3, rest: 2 });
    assert_eq!(length(u64::MAX).unwrap_err(), Fault::HeaderTooLong(u64::MAX));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    /// Bytes changed at random: never a panic, and whatever our reader takes, the reference reader takes as well.
    #[test]
    fn no_bytes_make_the_reader_panic(
        changes in prop::collection::vec((0_usize..400, any::<u8>()), 1..6),
        cut in prop::option::of(0_usize..700),
    ) {
        let header = r#"{"__metadata__": {"format": "pt"}, "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
            "b": {"dtype": "BF16", "shape": [5], "data_offsets": [24, 34]}, "c": {"dtype": "F8_E4M3", "shape": [0], "data_offsets": [34, 34]}}"#;
        let mut file = with_header(header, 34);
        let length = file.len();
        for (place, byte) in changes {
            file[place % length] = byte;
        }
        file.truncate(cut.unwrap_or(length));
        if let Ok((entries, begin)) = table_of_contents(&file) {
            prop_assert!(begin <= file.len());
            let known = ["F32", "BF16", "F8_E4M3"];
            if entries.values().all(|entry| known.contains(&entry.dtype.as_str())) {
                prop_assert!(SafeTensors::deserialize(&file).is_ok());
            }
        } else {
            prop_assert!(SafeTensors::deserialize(&file).is_err());
        }
    }

    /// The same for the configuration: refused, or of sizes that can be multiplied.
    #[test]
    fn no_configuration_makes_the_reader_panic(
        changes in prop::collection::vec((0_usize..2000, 32_u8..127), 1..6),
    ) {
        let mut text = fs::read(fixture("hf_mamba_tiny/config.json")).unwrap();
        let length = text.len();
        for (place, byte) in changes {
            text[place % length] = byte;
        }
        if let Ok(config) = serde_json::from_slice::<MambaConfig>(&text)
            && config.check().is_ok()
        {
            prop_assert!(config.d_inner().checked_mul(2 * config.hidden_size).is_some());
            prop_assert!(config.dt_rank() > 0);
        }
    }
}

#[test]
fn weights_over_several_files_are_the_same_weights() {
    let whole = last_logits(&fixture("hf_mamba_tiny"), None);
    let folder = folder(&[], &[]);
    fs::remove_file(folder.path().join("model.safetensors")).unwrap();
    let mut shards = [Parts::new(), Parts::new(), Parts::new()];
    let mut map = serde_json::Map::new();
    for (i, (name, part)) in parts().into_iter().enumerate() {
        map.insert(name.clone(), format!("model-0000{}-of-00003.safetensors", i % 3 + 1).into());
        shards[i % 3].insert(name, part);
    }
    for (i, shard) in shards.iter().enumerate() {
        let path = folder.path().join(format!("model-0000{}-of-00003.safetensors", i + 1));
        fs::write(path, serialized(shard)).unwrap();
    }
    let index = folder.path().join("model.safetensors.index.json");
    let write = |map: &serde_json::Map<String, Value>| {
        let text = json!({"metadata": {"total_size": 1}, "weight_map": map}).to_string();
        fs::write(&index, text).unwrap();
    };
    write(&map);
    assert_eq!(last_logits(folder.path(), None), whole);

    // A name that its file does not have, a file that is not there, a way out of the folder, no index at all.
    let name = "backbone.norm_f.weight";
    let mut wrong = map.clone();
    let other = match wrong[name].as_str().unwrap().contains("00001-") {
        true => "model-00002-of-00003.safetensors",
        false => "model-00001-of-00003.safetensors",
    };
    wrong[name] = other.into();
    write(&wrong);
    refused(folder.path(), &["expected a tensor backbone.norm_f.weight in", other]);
    wrong[name] = "model-00004-of-00003.safetensors".into();
    write(&wrong);
    refused(folder.path(), &["cannot read", "model-00004-of-00003.safetensors"]);
    wrong[name] = "../model.safetensors".into();
    write(&wrong);
    refused(folder.path(), &["expected the name of a file beside it, found ../model.safetensors"]);
    wrong.remove(name);
    write(&wrong);
    refused(folder.path(), &["expected a tensor backbone.norm_f.weight in", "index.json"]);
    fs::write(&index, "{}").unwrap();
    refused(folder.path(), &["index.json is no index of tensors: missing field"]);
    fs::remove_file(&index).unwrap();
    refused(folder.path(), &["expected model.safetensors or model.safetensors.index.json in"]);
}

fn f32s(bytes: &[u8]) -> impl Iterator<Item = f32> {
    bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes))
}

#[test]
fn sixteen_bits_are_read_as_what_they_are() {
    let stored = |dtype: safetensors::Dtype, write: fn(f32) -> [u8; 2]| {
        let mut parts = parts();
        for (kind, _, bytes) in parts.values_mut() {
            *kind = dtype;
            *bytes = f32s(bytes).flat_map(write).collect();
        }
        serialized(&parts)
    };
    let rounded = |round: fn(f32) -> f32| {
        let mut parts = parts();
        for (_, _, bytes) in parts.values_mut() {
            *bytes = f32s(bytes).flat_map(|number| round(number).to_le_bytes()).collect();
        }
        last_logits(folder(&[], &serialized(&parts)).path(), None)
    };
    let half = folder(&[], &stored(safetensors::Dtype::BF16, |x| bf16::from_f32(x).to_le_bytes()));
    let expected = rounded(|x| bf16::from_f32(x).to_f32());
    for keep in [None, Some(Dtype::Bf16), Some(Dtype::F32)] {
        assert!(apart(&wide(&last_logits(half.path(), keep)), &wide(&expected)) < 1e-6);
    }
    let half = folder(&[], &stored(safetensors::Dtype::F16, |x| f16::from_f32(x).to_le_bytes()));
    let expected = rounded(|x| f16::from_f32(x).to_f32());
    assert!(apart(&wide(&last_logits(half.path(), None)), &wide(&expected)) < 1e-6);
    // What is rounded when it is read is what was rounded when it was written, but for the small tensors.
    let whole = fixture("hf_mamba_tiny");
    let narrow = load(&whole, Some(Dtype::Bf16)).unwrap().weights.bytes_of_a_step();
    assert!(narrow < load(&whole, None).unwrap().weights.bytes_of_a_step() * 3 / 5);
    let off =
        apart(&wide(&last_logits(&whole, Some(Dtype::Bf16))), &wide(&last_logits(&whole, None)));
    assert!(off > 1e-4 && off < 0.1, "{off}");
}

#[test]
fn heads_and_biases_of_their_own_are_used() {
    let mut parts = parts();
    let embeddings = parts["backbone.embeddings.weight"].clone();
    let tied = last_logits(&fixture("hf_mamba_tiny"), None);
    // A head that happens to be the embedding changes nothing; twice the head, twice the logits; a head beside a tied
    // embedding is not used.
    let double = f32s(&embeddings.2).flat_map(|x| (2.0 * x).to_le_bytes()).collect();
    let untied = [("tie_word_embeddings", json!(false))];
    refused(folder(&untied, &tiny_file()).path(), &["expected a tensor lm_head.weight in"]);
    parts.insert("lm_head.weight".into(), (embeddings.0, embeddings.1.clone(), double));
    let file = serialized(&parts);
    assert_eq!(last_logits(folder(&[], &file).path(), None), tied);
    let twice: Vec<f32> = tied.iter().map(|logit| 2.0 * logit).collect();
    assert_eq!(last_logits(folder(&untied, &file).path(), None), twice);

    let biased = [("use_bias", json!(true))];
    refused(folder(&biased, &file).path(), &["layers.0.mixer.in_proj.bias"]);
    for layer in 0..2 {
        for (name, length) in [("in_proj", 192), ("out_proj", 48)] {
            let name = format!("backbone.layers.{layer}.mixer.{name}.bias");
            let zeros = (safetensors::Dtype::F32, vec![length], vec![0; 4 * length]);
            parts.insert(name, zeros);
        }
    }
    assert_eq!(last_logits(folder(&biased, &serialized(&parts)).path(), None), tied);
    let name = "backbone.layers.1.mixer.out_proj.bias";
    parts.get_mut(name).unwrap().2 = [0.5_f32; 48].iter().flat_map(|x| x.to_le_bytes()).collect();
    assert_ne!(last_logits(folder(&biased, &serialized(&parts)).path(), None), tied);
}

#[test]
fn names_of_other_times_and_places_are_known() {
    let expected = last_logits(&fixture("hf_mamba_tiny"), None);
    for rename in [
        |name: &str| name.replace("backbone.", ""),
        |name: &str| name.replace("embeddings.", "embedding."),
        |name: &str| name.replace("backbone.embeddings.", "embedding.").replace("backbone.", ""),
    ] {
        let renamed: Parts =
            parts().into_iter().map(|(name, part)| (rename(&name), part)).collect();
        assert_eq!(last_logits(folder(&[], &serialized(&renamed)).path(), None), expected);
    }
}

#[test]
fn each_tensor_that_is_missing_or_of_another_shape_is_named() {
    for name in parts().keys() {
        let mut missing = parts();
        missing.remove(name);
        let sentence = format!("expected a tensor {name} in ");
        refused(folder(&[], &serialized(&missing)).path(), &[&sentence, "model.safetensors"]);

        let mut other = parts();
        let part = other.get_mut(name).unwrap();
        part.1.insert(0, 1);
        let sentence = format!("expected {name} to be of shape [");
        refused(folder(&[], &serialized(&other)).path(), &[&sentence, "found [1, "]);

        let mut other = parts();
        other.get_mut(name).unwrap().0 = safetensors::Dtype::I32;
        let sentence = format!("expected {name} to hold F32, BF16 or F16, found I32");
        refused(folder(&[], &serialized(&other)).path(), &[&sentence]);
    }
    let wider = folder(&[("hidden_size", json!(64))], &tiny_file());
    refused(wider.path(), &["backbone.embeddings.weight to be of shape [96, 64], found [96, 48]"]);
}

#[test]
fn configurations_of_other_models_are_refused() {
    for (name, value, words) in [
        (
            "model_type",
            json!("mamba2"),
            "expected model_type in config.json to be mamba, found mamba2",
        ),
        ("hidden_act", json!("gelu"), "hidden_act in config.json to be silu, found gelu"),
        ("state_size", json!(0), "state_size in config.json to be from 1 to 16777216, found 0"),
        ("conv_kernel", json!(1_u64 << 40), "conv_kernel in config.json to be from 1"),
        ("intermediate_size", json!(u64::MAX), "intermediate_size in config.json"),
        ("vocab_size", json!(-3), "config.json is no configuration: invalid value"),
        ("hidden_size", json!("many"), "config.json is no configuration"),
        ("time_step_rank", json!("some"), "time_step_rank in config.json to be auto, found some"),
        ("num_hidden_layers", json!(3), "expected a tensor backbone.layers.2.norm.weight in"),
    ] {
        refused(folder(&[(name, value)], &tiny_file()).path(), &[words]);
    }
    let folder = folder(&[], &tiny_file());
    fs::write(folder.path().join("config.json"), "{\"hidden_size\": 48,").unwrap();
    refused(folder.path(), &["config.json is no configuration", "line 1"]);
    fs::remove_file(folder.path().join("config.json")).unwrap();
    refused(folder.path(), &["cannot read", "config.json"]);
    refused(&folder.path().join("nothing"), &["expected a folder with a model, found none at"]);
}

#[test]
fn ends_of_texts_are_read_in_all_their_forms() {
    for (value, expected) in [(json!(7), Some(7)), (json!(null), None), (json!([5, 6]), Some(5))] {
        let folder = folder(&[("eos_token_id", value)], &tiny_file());
        assert_eq!(load(folder.path(), None).unwrap().config.eos_token_id, expected);
    }
}

#[test]
fn what_is_written_is_read_again() {
    let config = MambaConfig {
        vocab_size: 30,
        hidden_size: 16,
        num_hidden_layers: 2,
        use_bias: true,
        tie_word_embeddings: false,
        ..MambaConfig::default()
    };
    let folder = tempfile::tempdir().unwrap();
    for dtype in [Dtype::F32, Dtype::Bf16, Dtype::F16] {
        write_random(folder.path(), &config, dtype, 4).unwrap();
        let model = load(folder.path(), None).unwrap();
        assert_eq!(model.config, config);
        let tensors = TensorFiles::open(folder.path()).unwrap();
        for (name, shape) in layout(&config) {
            let tensor = tensors.tensor(&name, &shape).unwrap();
            assert_eq!(tensor.dtype, dtype);
            let drawn = wide(&RandomTensors { seed: 4 }.draw(&name, &shape));
            assert!(apart(&wide(&tensor.to_f32()), &drawn) < 4e-3, "{name}");
        }
    }
    let text = fs::read_to_string(folder.path().join("config.json")).unwrap();
    assert!(text.contains("\"expand\": 2,"), "{text}");
    let nowhere = folder.path().join("config.json").join("below");
    let error =
        write_tensors(&nowhere, &config, layout(&config), Dtype::F32, |_, _| Ok(Vec::new()))
            .unwrap_err();
    assert!(matches!(error, PretrainedError::Unwritable { .. }), "{error}");
}

#[test]
fn one_file_is_read_where_there_is_no_folder_around_it() {
    let path = fixture("hf_mamba_tiny/golden.safetensors");
    let tensors = TensorFiles::open(&path).unwrap();
    assert_eq!(tensors.numbers("logits", &[2, 21, 96]).unwrap().len(), 2 * 21 * 96);
    assert!(matches!(tensors.tensor("input_ids", &[2, 21]), Err(TensorError::Type { .. })));
    let error = TensorFiles::open(&path.with_file_name("none.safetensors")).unwrap_err();
    assert!(error.to_string().starts_with("cannot read "), "{error}");
}

/// A tokenizer of bytes: the letter that stands for each of them, as all byte-level vocabularies have it.
fn bytes_tokenizer() -> Tokenizer {
    let mut stranger = 256;
    let mut vocab = serde_json::Map::new();
    for byte in 0..=255_u8 {
        let letter = match byte {
            b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff => u32::from(byte),
            _ => {
                stranger += 1;
                stranger - 1
            }
        };
        vocab.insert(char::from_u32(letter).expect("a character").to_string(), byte.into());
    }
    let level = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
    let text = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": level, "post_processor": null, "decoder": level,
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "vocab": vocab, "merges": []},
    });
    Tokenizer::from_bytes(text.to_string()).expect("a tokenizer")
}

#[test]
fn text_comes_in_whole_characters() {
    let tokenizer = bytes_tokenizer();
    let text = "aΔ→😀 é\n";
    let mut stream = TextStream::new(&tokenizer, &[]);
    let said: Vec<String> = text.bytes().map(|byte| stream.push(byte.into()).unwrap()).collect();
    assert_eq!(said.concat(), text);
    assert!(said.iter().all(|piece| !piece.contains('�')), "{said:?}");
    // Two bytes, three bytes, four bytes: nothing until the last.
    let pieces = ["a", "", "Δ", "", "", "→", "", "", "", "😀", " ", "", "é", "\n"];
    assert_eq!(said, pieces);
    assert_eq!(stream.rest().unwrap(), "");
}

#[test]
fn bytes_that_are_no_text_do_not_hold_it_up() {
    let tokenizer = bytes_tokenizer();
    let mut stream = TextStream::new(&tokenizer, &[b'a'.into()]);
    let mut said = String::new();
    for byte in [0xff, 0xff, 0xff, 0xff, b'b', 0xe2, 0x86] {
        said += &stream.push(byte.into()).unwrap();
    }
    assert!(said.starts_with('�') && said.ends_with('b'), "{said}");
    assert_eq!(stream.rest().unwrap(), "�");
}

#[test]
fn text_needs_a_tokenizer() {
    let folder = folder(&[], &tiny_file());
    let error =
        load(folder.path(), None).unwrap().tokenizer.encode("word").unwrap_err().to_string();
    assert!(error.starts_with("expected tokenizer.json in "), "{error}");
    fs::write(folder.path().join("tokenizer.json"), "{\"version\": 1}").unwrap();
    refused(folder.path(), &["tokenizer.json is no tokenizer: "]);
    bytes_tokenizer().save(folder.path().join("tokenizer.json"), false).unwrap();
    let model = load(folder.path(), None).unwrap();
    assert_eq!(model.tokenizer.encode("a→").unwrap(), [97, 0xe2, 0x86, 0x92]);
}
