//! The numbers that make a Mamba-2, as Hugging Face's `config.json` names them.

use std::borrow::Cow;
use std::fs;
use std::path::Path;

use mamba::config::{ConfigError, one_or_first, whole_if_it_is};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The sizes of a Mamba-2, and what it was trained with: the part of a `config.json` of type `mamba2` that a program needs.
///
/// What a file leaves out is what Hugging Face's code assumes, and that is a model of seven billion numbers; a small one says all.
///
/// Source: `Mamba2Config` of transformers.
///
/// ```
/// use state_space_duality::mamba2_config::Mamba2Config;
///
/// let config = Mamba2Config::of_width(768, 64, 128);
/// assert_eq!((config.d_inner(), config.num_heads, config.conv_channels()), (1536, 24, 1792));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mamba2Config {
    /// `mamba2`.
    pub model_type: String,
    /// Tokens that there are.
    pub vocab_size: usize,
    /// d_model: the width of the stream.
    pub hidden_size: usize,
    /// N: how many numbers each channel of a head keeps.
    pub state_size: usize,
    /// Blocks.
    pub num_hidden_layers: usize,
    /// How many times wider a block is inside.
    #[serde(serialize_with = "whole_if_it_is")]
    pub expand: f64,
    /// Taps of the convolution.
    pub conv_kernel: usize,
    /// Heads: each has one rate A, and one step Δ a token.
    pub num_heads: usize,
    /// Channels of a head.
    pub head_dim: usize,
    /// How many different B and C there are; heads share them.
    pub n_groups: usize,
    /// Steps that are read as one matrix.
    pub chunk_size: usize,
    /// The smallest Δ of a model before training.
    pub time_step_min: f64,
    /// The largest.
    pub time_step_max: f64,
    /// Between which Δ always stays.
    pub time_step_limit: Limits,
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

/// The least and the largest that Δ may become; JSON has no infinity, and writes it as `{"__float__": "Infinity"}`.
///
/// ```
/// use state_space_duality::mamba2_config::Limits;
///
/// let text = r#"[0.0,{"__float__":"Infinity"}]"#;
/// let limits: Limits = serde_json::from_str(text)?;
/// assert_eq!(limits, Limits { least: 0.0, most: f64::INFINITY });
/// assert_eq!(serde_json::to_string(&limits)?, text);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(from = "(Float, Float)", into = "(Float, Float)")]
pub struct Limits {
    /// Δ is at least this.
    pub least: f64,
    /// And at most this.
    pub most: f64,
}

impl Limits {
    /// None: softplus alone decides.
    pub const NONE: Self = Self { least: 0.0, most: f64::INFINITY };
}

/// A number that may be none of JSON's.
struct Float(f64);

impl From<(Float, Float)> for Limits {
    fn from((Float(least), Float(most)): (Float, Float)) -> Self {
        Self { least, most }
    }
}

impl From<Limits> for (Float, Float) {
    fn from(limits: Limits) -> Self {
        (Float(limits.least), Float(limits.most))
    }
}

/// The words that Python writes where JSON has no number.
const WORDS: [(&str, f64); 3] =
    [("Infinity", f64::INFINITY), ("-Infinity", f64::NEG_INFINITY), ("NaN", f64::NAN)];

/// `{"__float__": "Infinity"}`.
#[derive(Serialize, Deserialize)]
struct Named {
    __float__: Cow<'static, str>,
}

impl<'de> Deserialize<'de> for Float {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Number(f64),
            Named(Named),
        }
        match Form::deserialize(deserializer)? {
            Form::Number(number) => Ok(Self(number)),
            Form::Named(Named { __float__: word }) => {
                let known = WORDS.iter().find(|(other, _)| *other == word);
                let unknown = || {
                    serde::de::Error::custom(format!("expected Infinity for a float, found {word}"))
                };
                known.map(|&(_, number)| Self(number)).ok_or_else(unknown)
            }
        }
    }
}

impl Serialize for Float {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let same = |other: f64| other == self.0 || (other.is_nan() && self.0.is_nan());
        match WORDS.iter().find(|&&(_, number)| same(number)) {
            Some(&(word, _)) => Named { __float__: word.into() }.serialize(serializer),
            None => serializer.serialize_f64(self.0),
        }
    }
}

impl Default for Mamba2Config {
    fn default() -> Self {
        Self {
            model_type: "mamba2".to_owned(),
            vocab_size: 32768,
            hidden_size: 4096,
            state_size: 128,
            num_hidden_layers: 64,
            expand: 2.0,
            conv_kernel: 4,
            num_heads: 128,
            head_dim: 64,
            n_groups: 8,
            chunk_size: 256,
            time_step_min: 1e-3,
            time_step_max: 0.1,
            time_step_limit: Limits::NONE,
            use_bias: false,
            use_conv_bias: true,
            layer_norm_epsilon: 1e-5,
            tie_word_embeddings: false,
            eos_token_id: None,
            hidden_act: "silu".to_owned(),
        }
    }
}

/// Larger than any model, and small enough that products of two sizes do not overflow.
const MOST: usize = 1 << 24;

impl Mamba2Config {
    /// A model of this width with heads of so many channels and one group, as the published small ones are: twice as wide
    /// inside, tied embeddings, their 50,288 tokens.
    pub fn of_width(hidden_size: usize, head_dim: usize, state_size: usize) -> Self {
        Self {
            hidden_size,
            state_size,
            head_dim,
            num_heads: 2 * hidden_size / head_dim.max(1),
            n_groups: 1,
            vocab_size: 50288,
            num_hidden_layers: 24,
            tie_word_embeddings: true,
            ..Self::default()
        }
    }

    /// The configuration of a folder, checked.
    ///
    /// # Errors
    /// [`ConfigError`]: a file that is missing or no JSON, another type of model, sizes that do not go together.
    pub fn read(folder: &Path) -> Result<Self, ConfigError> {
        let path = folder.join("config.json");
        let text = fs::read_to_string(&path)
            .map_err(|source| ConfigError::Unreadable { path: path.clone(), source })?;
        let config: Self = serde_json::from_str(&as_json(&text))
            .map_err(|source| ConfigError::NotJson { path, source })?;
        config.check()?;
        Ok(config)
    }

    /// Whether there can be such a model.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`], which names the entry.
    ///
    /// ```
    /// use state_space_duality::mamba2_config::Mamba2Config;
    ///
    /// let odd = Mamba2Config { num_heads: 25, ..Mamba2Config::of_width(768, 64, 128) };
    /// let sentence = odd.check().unwrap_err().to_string();
    /// assert_eq!(
    ///     sentence,
    ///     "expected num_heads in config.json to be expand · hidden_size / head_dim, found 25 heads of 64 channels, 1536 in all"
    /// );
    /// ```
    pub fn check(&self) -> Result<(), ConfigError> {
        let wrong = |name, expected, found| Err(ConfigError::OutOfRange { name, expected, found });
        for (name, expected, found) in
            [("model_type", "mamba2", &self.model_type), ("hidden_act", "silu", &self.hidden_act)]
        {
            if found.as_str() != expected {
                return wrong(name, expected, found.clone());
            }
        }
        let sizes = [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("state_size", self.state_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("conv_kernel", self.conv_kernel),
            ("num_heads", self.num_heads),
            ("head_dim", self.head_dim),
            ("n_groups", self.n_groups),
            ("chunk_size", self.chunk_size),
            ("expand", self.d_inner()),
        ];
        if let Some((name, found)) = sizes.into_iter().find(|(_, size)| !(1..=MOST).contains(size))
        {
            return wrong(name, "from 1 to 16777216", found.to_string());
        }
        let (heads, channels, groups) = (self.num_heads, self.head_dim, self.n_groups);
        let d_inner = self.d_inner();
        if heads * channels != d_inner {
            let found = format!("{heads} heads of {channels} channels, {d_inner} in all");
            return wrong("num_heads", "expand · hidden_size / head_dim", found);
        }
        if !heads.is_multiple_of(groups) {
            let found = format!("{groups} groups for {heads} heads");
            return wrong("n_groups", "a divisor of num_heads", found);
        }
        if !(self.time_step_min > 0.0 && self.time_step_max.is_finite()) {
            let found = format!("{} and {}", self.time_step_min, self.time_step_max);
            return wrong("time_step_min", "positive, and time_step_max finite", found);
        }
        if self.time_step_max < self.time_step_min {
            let found = self.time_step_max.to_string();
            return wrong("time_step_max", "not below time_step_min", found);
        }
        let Limits { least, most } = self.time_step_limit;
        if !(least >= 0.0 && least <= most && least.is_finite()) {
            let found = format!("{least} and {most}");
            return wrong("time_step_limit", "a number from 0 and one not below it", found);
        }
        Ok(())
    }

    /// Channels inside a block: those of all heads.
    pub fn d_inner(&self) -> usize {
        (self.expand * self.hidden_size as f64) as usize
    }

    /// The channels that the convolution hears: u, and B and C of all groups.
    pub fn conv_channels(&self) -> usize {
        self.d_inner() + 2 * self.n_groups * self.state_size
    }

    /// What the one projection makes: gates, what the convolution hears, and a step for every head.
    pub fn projected(&self) -> usize {
        self.d_inner() + self.conv_channels() + self.num_heads
    }

    /// Names and shapes of all tensors of such a model, in the order of its layers.
    ///
    /// ```
    /// use state_space_duality::mamba2_config::Mamba2Config;
    ///
    /// // Mamba-2 130m, without reading it.
    /// let config = Mamba2Config::of_width(768, 64, 128);
    /// let numbers: usize = config.layout().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum();
    /// assert_eq!(numbers, 128_989_632);
    /// ```
    pub fn layout(&self) -> Vec<(String, Vec<usize>)> {
        let (d_model, d_inner, heads) = (self.hidden_size, self.d_inner(), self.num_heads);
        let channels = self.conv_channels();
        let mut all =
            vec![("backbone.embeddings.weight".to_owned(), vec![self.vocab_size, d_model])];
        for layer in 0..self.num_hidden_layers {
            let mut put = |rest: &str, shape: &[usize]| {
                all.push((format!("backbone.layers.{layer}.{rest}"), shape.to_vec()));
            };
            put("norm.weight", &[d_model]);
            put("mixer.in_proj.weight", &[self.projected(), d_model]);
            put("mixer.conv1d.weight", &[channels, 1, self.conv_kernel]);
            put("mixer.dt_bias", &[heads]);
            put("mixer.A_log", &[heads]);
            put("mixer.D", &[heads]);
            put("mixer.norm.weight", &[d_inner]);
            put("mixer.out_proj.weight", &[d_model, d_inner]);
            if self.use_conv_bias {
                put("mixer.conv1d.bias", &[channels]);
            }
            if self.use_bias {
                put("mixer.in_proj.bias", &[self.projected()]);
                put("mixer.out_proj.bias", &[d_model]);
            }
        }
        all.push(("backbone.norm_f.weight".to_owned(), vec![d_model]));
        if !self.tie_word_embeddings {
            all.push(("lm_head.weight".to_owned(), vec![self.vocab_size, d_model]));
        }
        all
    }
}

/// What Python writes, as JSON: `Infinity`, `-Infinity` and `NaN` outside of strings become `{"__float__": "Infinity"}` and so on.
///
/// ```
/// use state_space_duality::mamba2_config::as_json;
///
/// let text = r#"{"limit": [0.0, Infinity], "name": "Infinity \" NaN"}"#;
/// let expected = r#"{"limit": [0.0, {"__float__": "Infinity"}], "name": "Infinity \" NaN"}"#;
/// assert_eq!(as_json(text), expected);
/// ```
pub fn as_json(text: &str) -> Cow<'_, str> {
    if !WORDS.iter().any(|(word, _)| text.contains(word)) {
        return Cow::Borrowed(text);
    }
    let mut json = String::with_capacity(text.len() + 32);
    let (mut rest, mut in_string) = (text, false);
    while let Some(next) = rest.chars().next() {
        let word = WORDS.iter().find(|(word, _)| !in_string && rest.starts_with(word));
        let taken = match (word, next) {
            (Some((word, _)), _) => {
                json.push_str(&format!("{{\"__float__\": \"{word}\"}}"));
                rest = &rest[word.len()..];
                continue;
            }
            // What is escaped ends no string.
            (None, '\\') => 1 + rest.chars().nth(1).map_or(0, char::len_utf8),
            (None, '"') => {
                in_string = !in_string;
                1
            }
            (None, other) => other.len_utf8(),
        };
        json.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    Cow::Owned(json)
}
