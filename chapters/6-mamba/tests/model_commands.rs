//! `chapter-6 generate`, `score`, `tensors` and what measures them, as a reader meets them: what they print, and what they say
//! to bad input.

use std::fs;
use std::path::Path;

use serde_json::Value;
use workbench::testing::{CommandUnderTest, argument, file, fixture, names_in};

const fn command(name: &'static str) -> CommandUnderTest {
    CommandUnderTest::new(env!("CARGO_BIN_EXE_chapter-6"), env!("CARGO_TARGET_TMPDIR"), name)
}

const TINY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/hf_mamba_tiny");

/// What the reference implementation was given, and what it went on with.
fn golden() -> (String, Vec<u64>) {
    let golden: Value = serde_json::from_str(&fixture("hf_mamba_tiny/golden.json")).expect("JSON");
    let ids = |name: &str| -> Vec<u64> {
        golden[name][0]
            .as_array()
            .expect("numbers")
            .iter()
            .map(|id| id.as_u64().expect("it is allowed"))
            .collect()
    };
    let prompt: Vec<String> = ids("input_ids").iter().map(ToString::to_string).collect();
    (prompt.join(","), ids("generated"))
}

fn json_of(name: &'static str, arguments: &[&str]) -> Value {
    let text = command(name).accepted(arguments);
    assert_eq!(text.lines().count(), 1, "{text}");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn generate_goes_on_as_the_reference_implementation_does() {
    let (prompt, expected) = golden();
    let greedy = ["--model", TINY, "--ids", &prompt, "--temperature", "0"];
    let arguments = [&greedy[..], &["--max-new-tokens", "20", "--json"]].concat();
    let found = json_of("generate", &arguments);
    assert_eq!(found, serde_json::json!({ "ids": expected[..41] }));

    let printed = command("generate").accepted(&[&greedy[..], &["--max-new-tokens", "3"]].concat());
    assert_eq!(printed, "56,90,49\n");
    let none = command("generate").accepted(&[&greedy[..], &["--max-new-tokens", "0"]].concat());
    assert_eq!(none, "\n");
    for dtype in ["f32", "bf16"] {
        command("generate").accepted(&[&arguments[..], &["--dtype", dtype]].concat());
    }
}

#[test]
fn chance_comes_from_its_seed() {
    let write = |more: &[&str]| {
        let arguments = ["--model", TINY, "--ids", "1, 2,3", "--max-new-tokens", "30", "--json"];
        json_of("generate", &[&arguments[..], more].concat())
    };
    assert_eq!(write(&["--seed", "5"]), write(&["--seed", "5"]));
    assert_ne!(write(&["--seed", "5"]), write(&["--seed", "6"]));
    assert_eq!(write(&["--top-k", "1"]), write(&["--temperature", "0"]));
    assert_eq!(write(&["--top-p", "1e-9"]), write(&["--temperature", "0"]));
    assert_ne!(
        write(&["--temperature", "0"]),
        write(&["--temperature", "0", "--repetition-penalty", "1.8"])
    );
}

#[test]
fn score_says_what_the_reference_implementation_says() {
    let (prompt, _) = golden();
    let found = json_of("score", &["--model", TINY, "--ids", &prompt, "--json"]);
    let golden: Value = serde_json::from_str(&fixture("hf_mamba_tiny/golden.json")).unwrap();
    let first = golden["logits_0_20_first8"].as_array().unwrap();
    for (found, expected) in found["last_logits"].as_array().unwrap().iter().zip(first) {
        assert!((found.as_f64().unwrap() - expected.as_f64().unwrap()).abs() < 2e-5);
    }
    assert_eq!(found["last_logits"].as_array().unwrap().len(), 96);
    let log_p = found["next_logprob"].as_array().unwrap();
    assert!(log_p.len() == 20 && log_p.iter().all(|log_p| log_p.as_f64().unwrap() < 0.0));
    let one = json_of("score", &["--model", TINY, "--ids", "71", "--json"]);
    assert_eq!(one["next_logprob"], serde_json::json!([]));
    let table = command("score").accepted(&["--model", TINY, "--ids", "71,93,72"]);
    assert!(table.contains("likeliest to follow: "), "{table}");
}

#[test]
fn prompts_that_cannot_be_read_are_refused_in_a_sentence() {
    for name in ["generate", "score"] {
        let refused = |more: &[&str], sentence: &str| {
            command(name).refused(&[&["--model", TINY], more].concat(), sentence);
        };
        refused(&["--ids", "5,96"], "expected token ids below 96, found 96 at position 1");
        refused(&["--ids", "4294967295"], "expected token ids below 96, found 4294967295");
        for ids in ["", "1,,2", "a", "1.5", "-1", "4294967296", "1;2"] {
            refused(&[&format!("--ids={ids}")], "expected the numbers of tokens, found `");
        }
        refused(&[], "expected something to read: --prompt TEXT, or --ids");
        refused(&["--prompt", "word"], "expected tokenizer.json in ");
        refused(&["--prompt", ""], "expected tokenizer.json in ");
        refused(&["--prompt", "word", "--ids", "1"], "cannot be used with");
    }
}

#[test]
fn settings_that_make_no_sense_are_refused_in_a_sentence() {
    let refused = |more: &[&str], sentence: &str| {
        command("generate").refused(&[&["--model", TINY, "--ids", "1"], more].concat(), sentence);
    };
    refused(&["--temperature", "-1"], "expected a temperature of 0 or more, found -1");
    refused(&["--temperature", "nan"], "expected a temperature of 0 or more, found NaN");
    refused(&["--top-p", "0"], "expected top-p above 0 and at most 1, found 0");
    refused(&["--top-k", "0"], "expected top-k of 1 or more, found 0");
    refused(&["--repetition-penalty", "0"], "expected a repetition penalty above 0, found 0");
    refused(&["--dtype", "f8"], "invalid value 'f8' for '--dtype");
    refused(&["--max-new-tokens", "many"], "invalid value 'many' for '--max-new-tokens");
}

#[test]
fn folders_that_are_no_models_are_refused_in_a_sentence() {
    let score = command("score");
    let folder = score.folder("broken");
    let refused = |sentence: &str| {
        score.refused(&["--model", argument(&folder), "--ids", "1,2"], sentence);
    };
    score.refused(&["--model", "no/such/folder", "--ids", "1"], "found no folder no/such/folder");
    refused("cannot read ");
    file(&folder, "config.json", fixture("hf_mamba_tiny/config.json"));
    refused("expected model.safetensors or model.safetensors.index.json in ");
    let weights = fs::read(Path::new(TINY).join("model.safetensors")).unwrap();
    file(&folder, "model.safetensors", &weights[..100_000]);
    refused("model.safetensors is no safetensors file: expected 158016 bytes of data, found 9");
    file(&folder, "model.safetensors", b"<html>sign in first</html>");
    refused("model.safetensors is no safetensors file: expected a header of at most");
    file(&folder, "model.safetensors", weights);
    file(&folder, "config.json", r#"{"model_type": "llama"}"#);
    refused("expected model_type in config.json to be mamba, found llama");
}

#[test]
fn tensors_are_listed_with_their_shapes() {
    let list = command("tensors").accepted(&["--model", TINY]);
    let line = |name: &str| list.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    let words = line("backbone.layers.1.mixer.A_log");
    assert_eq!(words.split_whitespace().collect::<Vec<_>>()[1..], ["F32", "[96,", "8]", "3072"]);
    assert!(line("all ").ends_with(" 158016"), "{list}");
}

#[test]
fn a_model_is_drawn_written_and_measured() {
    let draw = command("random-model");
    let folder = draw.folder("random");
    let small = ["--d-model", "32", "--layers", "2", "--vocabulary", "40", "--d-state", "4"];
    for dtype in ["f32", "bf16", "f16"] {
        let arguments = ["--out", argument(&folder), "--dtype", dtype];
        draw.accepted(&[&arguments[..], &small].concat());
        assert_eq!(names_in(&folder), ["config.json", "model.safetensors"]);
        json_of("score", &["--model", argument(&folder), "--ids", "1,2,3", "--json"]);
    }
    for value in ["0", "-1", "many", "99999999999"] {
        let sentence = format!("invalid value '{value}' for '--layers");
        draw.refused(&["--out", argument(&folder), &format!("--layers={value}")], &sentence);
    }
    let taken = folder.join("config.json");
    draw.refused(&[&["--out", argument(&taken)], &small[..]].concat(), "cannot write ");

    let arguments = ["--rounds", "1", "--prompt", "20", "--json"];
    let found = json_of("bench-decode", &[&arguments[..], &small].concat());
    for dtype in ["f32", "bf16"] {
        assert!(found[dtype]["seconds_per_token"].as_f64().unwrap() > 0.0, "{found}");
    }
    assert!(found["f32"]["bytes_per_token"].as_u64() > found["bf16"]["bytes_per_token"].as_u64());
}
