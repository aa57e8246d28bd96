//! `chapter-7 generate`, `score` and `block`, as a reader meets them: what they print, and what they say to bad input.

use std::fs;

use serde_json::{Value, json};
use workbench::testing::{CommandUnderTest, argument};

const fn command(name: &'static str) -> CommandUnderTest {
    CommandUnderTest::new(env!("CARGO_BIN_EXE_chapter-7"), env!("CARGO_TARGET_TMPDIR"), name)
}

const TINY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/hf_mamba2_tiny");
const OLD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/hf_mamba_tiny");

/// What the reference implementation was given, what it went on with, and the first logits of its last token.
fn golden(folder: &str) -> (String, Vec<u64>, Vec<f64>) {
    let golden = fs::read_to_string(format!("{folder}/golden.json")).expect("a file");
    let golden: Value = serde_json::from_str(&golden).expect("JSON");
    let ids = |name: &str| -> Vec<u64> {
        let ids = golden[name][0].as_array().expect("numbers");
        ids.iter().map(|id| id.as_u64().expect("a token")).collect()
    };
    let prompt: Vec<String> = ids("input_ids").iter().map(ToString::to_string).collect();
    let logits = golden["logits_0_20_first8"].as_array().expect("numbers");
    let logits = logits.iter().map(|logit| logit.as_f64().expect("a number")).collect();
    (prompt.join(","), ids("generated"), logits)
}

fn json_of(name: &'static str, arguments: &[&str]) -> Value {
    let text = command(name).accepted(arguments);
    assert_eq!(text.lines().count(), 1, "{text}");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn models_of_both_kinds_go_on_as_the_reference_implementation_does() {
    for folder in [TINY, OLD] {
        let (prompt, expected, _) = golden(folder);
        let greedy = ["--model", folder, "--ids", &prompt, "--temperature", "0"];
        let arguments = [&greedy[..], &["--max-new-tokens", "20", "--json"]].concat();
        assert_eq!(json_of("generate", &arguments), json!({ "ids": expected[..41] }));
    }
    let (prompt, _, _) = golden(TINY);
    let printed = command("generate").accepted(&[
        "--model",
        TINY,
        "--ids",
        &prompt,
        "--temperature",
        "0",
        "--max-new-tokens",
        "3",
    ]);
    assert_eq!(printed, "47,39,54\n");
}

#[test]
fn scores_are_the_reference_implementations() {
    for folder in [TINY, OLD] {
        let (prompt, _, expected) = golden(folder);
        let found = json_of("score", &["--model", folder, "--ids", &prompt, "--json"]);
        let logits = found["last_logits"].as_array().expect("numbers");
        assert_eq!(logits.len(), 96);
        for (found, expected) in logits.iter().zip(expected) {
            assert!((found.as_f64().expect("a number") - expected).abs() < 2e-5);
        }
        let log_p = found["next_logprob"].as_array().expect("numbers");
        assert_eq!(log_p.len(), 20);
        assert!(log_p.iter().all(|log_p| log_p.as_f64().expect("a number") < 0.0));
        assert_eq!(found.as_object().expect("an object").len(), 2);
    }
}

#[test]
fn our_own_model_is_there_without_a_name() {
    let said = command("generate").accepted(&["--prompt", "The state", "--max-new-tokens", "5"]);
    assert!(said.starts_with("The state"), "{said}");
}

#[test]
fn bad_input_is_refused_in_a_sentence() {
    let score = command("score");
    let with = |more: &[&'static str]| [&["--model", TINY], more].concat();
    score.refused(&with(&[]), "expected something to read: --prompt TEXT, or --ids");
    score
        .refused(&with(&["--ids", "71,96"]), "expected token ids below 96, found 96 at position 1");
    score.refused(&with(&["--ids", "71,word"]), "expected the numbers of tokens, found `word`");
    score.refused(&with(&["--prompt", "word"]), "expected tokenizer.json in ");
    score
        .refused(&["--model", "nowhere/at/all", "--ids", "1"], "expected a folder, or a name like");
    let generate = command("generate");
    generate.refused(&with(&["--ids", "1", "--temperature", "-1"]), "temperature");
    generate.refused(&with(&["--ids", "1", "--max-new-tokens", "many"]), "invalid value 'many'");

    // A model of a third kind, and a file that was cut off.
    let folder = score.folder("other");
    let config = fs::read_to_string(format!("{TINY}/config.json")).expect("a file");
    fs::write(folder.join("config.json"), config.replace("mamba2", "llama")).expect("a file");
    let words = "expected model_type in config.json to be mamba or mamba2, found llama";
    score.refused(&["--model", argument(&folder), "--ids", "1"], words);
    fs::write(folder.join("config.json"), config).expect("a file");
    let words = "expected model.safetensors";
    score.refused(&["--model", argument(&folder), "--ids", "1"], words);
    let weights = fs::read(format!("{TINY}/model.safetensors")).expect("a file");
    fs::write(folder.join("model.safetensors"), &weights[..weights.len() / 2]).expect("a file");
    score.refused(&["--model", argument(&folder), "--ids", "1"], "it is cut off");
}

#[test]
fn blocks_of_all_sizes_are_compared_and_others_are_refused() {
    let block = command("block");
    let said = block.accepted(&["--d-model", "16", "--head-dim", "8", "--time", "9"]);
    assert!(said.contains("9 tokens at once"), "{said}");
    for option in ["--d-model", "--head-dim", "--d-state", "--layers", "--time"] {
        for value in ["0", "-5", "99999999999", "1e3", "many", ""] {
            let argument = format!("{option}={value}");
            block.refused(&[&argument], &format!("invalid value '{value}' for '{option}"));
        }
    }
    block.refused(&["--d-model", "20"], "num_heads");
}
