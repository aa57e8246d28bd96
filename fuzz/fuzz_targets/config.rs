//! Any bytes as a config.json: refused, or sizes whose products can be counted.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code, reason = "files are not opened here")]
#[path = "../../chapters/6-mamba/src/config.rs"]
mod config;

use config::MambaConfig;

fuzz_target!(|text: &[u8]| {
    let Ok(config) = serde_json::from_slice::<MambaConfig>(text) else { return };
    if config.check().is_err() {
        return;
    }
    let (d_inner, d_state) = (config.d_inner(), config.state_size);
    let pairs = [
        (config.vocab_size, config.hidden_size),
        (2 * d_inner, config.hidden_size),
        (config.dt_rank() + 2 * d_state, d_inner),
        (config.conv_kernel + d_state, d_inner),
    ];
    for (rows, columns) in pairs {
        assert!(rows.checked_mul(columns).is_some_and(|numbers| numbers > 0));
    }
    let again: MambaConfig = serde_json::from_str(&serde_json::to_string(&config).expect("JSON")).expect("the same");
    assert_eq!(again.d_inner(), d_inner);
});
