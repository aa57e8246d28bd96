//! The numbers that make a Mamba, as Hugging Face's `config.json` names them.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// The sizes of a Mamba, and what it was trained with: the part of a `config.json` of type `mamba` that a program needs.
///
/// What a file leaves out is what Hugging Face's code assumes. Files of today keep the width in `hidden_size`, older ones
/// in `d_model` as well; the longer list is theirs, and what is not named here changes nothing.
///
/// Source: `MambaConfig` of transformers.
///
/// ```
/// use mamba::config::MambaConfig;
///
/// let config: MambaConfig = serde_json::from_str(r#"{"vocab_size": 96, "hidden_size": 48, "num_hidden_layers": 2}"#)?;
/// assert_eq!((config.d_inner(), config.dt_rank(), config.state_size), (96, 3, 16));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MambaConfig {
    /// `mamba`, for all that this chapter reads.
    pub model_type: String,
    /// Tokens that there are.
    pub vocab_size: usize,
    /// d_model: the width of the stream.
    pub hidden_size: usize,
    /// N: states of each channel.
    pub state_size: usize,
    /// Blocks.
    pub num_hidden_layers: usize,
    /// How many times wider a block is inside.
    #[serde(serialize_with = "whole_if_it_is")]
    pub expand: f64,
    /// d_inner: `expand` times the width of the stream, if the file does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intermediate_size: Option<usize>,
    /// Taps of the convolution.
    pub conv_kernel: usize,
    /// Numbers that Δ is made from, or `"auto"`: a 16th of the width, rounded up.
    pub time_step_rank: TimeStepRank,
    /// The smallest Δ of a model before training.
    pub time_step_min: f64,
    /// The largest.
    pub time_step_max: f64,
    /// Whether both projections of a block have a bias.
    pub use_bias: bool,
    /// Whether the convolution has one.
    pub use_conv_bias: bool,
    /// What is added before a root is taken.
    pub layer_norm_epsilon: f64,
    /// Whether what reads tokens also writes them.
    pub tie_word_embeddings: bool,
    /// The token that ends a text; of a list the first.
    #[serde(deserialize_with = "one_or_first")]
    pub eos_token_id: Option<u32>,
    /// The nonlinearity after the convolution and of the gate; this chapter knows `silu`.
    pub hidden_act: String,
}

/// How many numbers Δ is made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TimeStepRank {
    /// So many.
    Given(usize),
    /// `"auto"`.
    Named(String),
}

/// For serde: 2 and not 2.0, where a strict reader expects a whole number.
///
/// # Errors
/// Those of the serializer.
///
/// ```
/// use mamba::config::MambaConfig;
///
/// let text = serde_json::to_string(&MambaConfig::default())?;
/// assert!(text.contains("\"expand\":2,"));
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn whole_if_it_is<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    match number.fract() == 0.0 && (0.0..1e9).contains(number) {
        true => serializer.serialize_u64(*number as u64),
        false => serializer.serialize_f64(*number),
    }
}

/// For serde: the token that ends a text, of which some files have a list.
///
/// # Errors
/// Those of the deserializer.
///
/// ```
/// use mamba::config::MambaConfig;
///
/// let config: MambaConfig = serde_json::from_str(r#"{"eos_token_id": [5, 6]}"#)?;
/// assert_eq!(config.eos_token_id, Some(5));
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn one_or_first<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Ends {
        One(Option<u32>),
        Several(Vec<u32>),
    }
    Ok(match Ends::deserialize(deserializer)? {
        Ends::One(id) => id,
        Ends::Several(ids) => ids.first().copied(),
    })
}

impl Default for MambaConfig {
    fn default() -> Self {
        Self {
            model_type: "mamba".to_owned(),
            vocab_size: 50280,
            hidden_size: 768,
            state_size: 16,
            num_hidden_layers: 32,
            expand: 2.0,
            intermediate_size: None,
            conv_kernel: 4,
            time_step_rank: TimeStepRank::Named("auto".to_owned()),
            time_step_min: 1e-3,
            time_step_max: 0.1,
            use_bias: false,
            use_conv_bias: true,
            layer_norm_epsilon: 1e-5,
            tie_word_embeddings: true,
            eos_token_id: None,
            hidden_act: "silu".to_owned(),
        }
    }
}

/// Why a folder does not say what model it holds.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// There is no such file, or it cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It is not JSON of this form.
    #[error("{path} is no configuration: {source}")]
    NotJson {
        /// The file.
        path: PathBuf,
        /// What the reader says, with line and column.
        source: serde_json::Error,
    },
    /// A number or a word that no model of this chapter has.
    #[error("expected {name} in config.json to be {expected}, found {found}")]
    OutOfRange {
        /// The name of the entry.
        name: &'static str,
        /// What it may be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
}

/// Larger than any model, and small enough that products of two sizes do not overflow.
const MOST: usize = 1 << 24;

impl MambaConfig {
    /// The configuration of a folder, checked.
    ///
    /// # Errors
    /// [`ConfigError`]: a file that is missing or no JSON, another type of model, a size of 0.
    pub fn read(folder: &Path) -> Result<Self, ConfigError> {
        let path = folder.join("config.json");
        let text = fs::read_to_string(&path)
            .map_err(|source| ConfigError::Unreadable { path: path.clone(), source })?;
        let config: Self =
            serde_json::from_str(&text).map_err(|source| ConfigError::NotJson { path, source })?;
        config.check()?;
        Ok(config)
    }

    /// Whether there can be such a model.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`], which names the entry.
    ///
    /// ```
    /// use mamba::config::MambaConfig;
    ///
    /// let flat = MambaConfig { state_size: 0, ..MambaConfig::default() };
    /// let sentence = flat.check().unwrap_err().to_string();
    /// assert_eq!(sentence, "expected state_size in config.json to be from 1 to 16777216, found 0");
    /// ```
    pub fn check(&self) -> Result<(), ConfigError> {
        let word = |name, expected: &'static str, found: &str| match found == expected {
            true => Ok(()),
            false => Err(ConfigError::OutOfRange { name, expected, found: found.to_owned() }),
        };
        word("model_type", "mamba", &self.model_type)?;
        word("hidden_act", "silu", &self.hidden_act)?;
        if let TimeStepRank::Named(name) = &self.time_step_rank {
            word("time_step_rank", "auto", name)?;
        }
        if !(self.time_step_min > 0.0 && self.time_step_max.is_finite()) {
            let (name, expected) = ("time_step_min", "positive, and time_step_max finite");
            let found = format!("{} and {}", self.time_step_min, self.time_step_max);
            return Err(ConfigError::OutOfRange { name, expected, found });
        }
        if self.time_step_max < self.time_step_min {
            let (name, expected) = ("time_step_max", "not below time_step_min");
            let found = self.time_step_max.to_string();
            return Err(ConfigError::OutOfRange { name, expected, found });
        }
        let sizes = [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("state_size", self.state_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("intermediate_size", self.d_inner()),
            ("conv_kernel", self.conv_kernel),
            ("time_step_rank", self.dt_rank()),
        ];
        match sizes.into_iter().find(|&(_, size)| !(1..=MOST).contains(&size)) {
            None => Ok(()),
            Some((name, found)) => Err(ConfigError::OutOfRange {
                name,
                expected: "from 1 to 16777216",
                found: found.to_string(),
            }),
        }
    }

    /// Channels inside a block.
    pub fn d_inner(&self) -> usize {
        self.intermediate_size.unwrap_or((self.expand * self.hidden_size as f64) as usize)
    }

    /// Numbers that the steps of all channels are made from.
    pub fn dt_rank(&self) -> usize {
        match self.time_step_rank {
            TimeStepRank::Given(rank) => rank,
            TimeStepRank::Named(_) => self.hidden_size.div_ceil(16),
        }
    }
}
