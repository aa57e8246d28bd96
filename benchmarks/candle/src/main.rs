//! candle's Mamba on a folder: `candle-mamba FOLDER ROUNDS TOKENS` prints one JSON object with seconds and logits.
//!
//! candle reads a prompt token by token, so there is nothing to measure but steps.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::mamba::{Config, Model, State};
use serde_json::{Value, json};

/// Tokens that both programs read before they are asked for logits.
const IDS: [u32; 8] = [1, 7920, 15839, 23758, 31677, 39596, 47515, 5154];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, rounds, tokens] = arguments.as_slice() else {
        return Err("expected FOLDER ROUNDS TOKENS".into());
    };
    let (folder, rounds, tokens) = (Path::new(folder), rounds.parse::<usize>()?, tokens.parse::<usize>()?);
    let said: Value = serde_json::from_slice(&std::fs::read(folder.join("config.json"))?)?;
    let number = |name: &str| said[name].as_u64().ok_or(format!("config.json has no {name}"));
    let config = Config {
        d_model: number("hidden_size")? as usize,
        n_layer: number("num_hidden_layers")? as usize,
        vocab_size: number("vocab_size")? as usize,
        pad_vocab_size_multiple: 1,
    };
    let device = Device::Cpu;
    let weights = std::fs::read(folder.join("model.safetensors"))?;
    let weights = VarBuilder::from_buffered_safetensors(weights, DType::F32, &device)?;
    let model = Model::new(&config, weights.rename_f(|name| name.replace("embedding.", "embeddings.")).pp("backbone"))?;

    let step = |id: u32, state: &mut State| model.forward(&Tensor::new(&[id], &device)?, state);
    let mut state = State::new(1, &config, DType::F32, &device)?;
    let mut logits = Vec::new();
    for id in IDS {
        logits = step(id % config.vocab_size as u32, &mut state)?.squeeze(0)?.to_vec1::<f32>()?;
    }
    let mut seconds = f64::INFINITY;
    for _ in 0..rounds {
        let start = Instant::now();
        for _ in 0..tokens {
            step(1, &mut state)?.to_vec2::<f32>()?;
        }
        seconds = seconds.min(start.elapsed().as_secs_f64() / tokens as f64);
    }
    println!("{}", json!({ "seconds_per_token": seconds, "logits": logits[..8.min(logits.len())] }));
    Ok(())
}
