//! Figures of the page `inference`.

use mamba::config::MambaConfig;
use workbench::plot::Plot;
use workbench::svg::{Anchor, Pen, Role};

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[Figure {
    name: "what-is-kept",
    page: "6-mamba/inference",
    draw: || draw_what_is_kept(&WhatIsKept::default()),
}];

/// What the figure `what-is-kept` shows: a Mamba, and a transformer with as many weights.
#[derive(Debug, Clone, PartialEq)]
pub struct WhatIsKept {
    /// The Mamba.
    pub config: MambaConfig,
    /// Blocks of attention that weigh as much as its layers.
    pub attention: usize,
    /// So many tokens are read.
    pub tokens: usize,
}

impl Default for WhatIsKept {
    fn default() -> Self {
        let config = MambaConfig { num_hidden_layers: 24, ..MambaConfig::default() };
        Self { config, attention: 12, tokens: 100_000 }
    }
}

/// What each keeps of the tokens it has read, in megabytes.
pub fn draw_what_is_kept(parameters: &WhatIsKept) -> String {
    let WhatIsKept { config, attention, tokens } = parameters;
    let numbers = config.d_inner() * (config.conv_kernel + config.state_size);
    let state = (4 * config.num_hidden_layers * numbers) as f64 / 1e6;
    let of_a_token = (2 * 4 * attention * config.hidden_size) as f64 / 1e6;
    let (last, meet) = (*tokens as f64, state / of_a_token);
    Plot::new(
        "What a Mamba keeps is as large after a hundred thousand tokens as after one; the keys and values of a transformer of its \
         size take more from the fortieth token on, and grow with every token",
    )
    .x_label("tokens read")
    .y_label("MB")
    .log_x()
    .log_y()
    .x_range(1.0, last)
    .line(Role::State, "", &[(1.0, state), (last, state)])
    .line(Role::Ink, "", &[(1.0, of_a_token), (last, of_a_token * last)])
    .points(Pen::from(Role::Ink), "", &[(meet, state)])
    .note(Role::Ink, (meet, state * 0.3), Anchor::Start, format!("{meet:.0} tokens"))
    .note(Role::State, (300.0, state * 0.3), Anchor::Start, format!("conv and x: {state:.2} MB"))
    .note(Role::Ink, (900.0, of_a_token * 4000.0), Anchor::End, "keys and values")
    .to_svg()
}
