//! *What is in the files of a model that somebody else trained?*
//!
//! A folder as Hugging Face keeps it: `config.json` (sizes), `model.safetensors` (numbers, by name) and `tokenizer.json`
//! (text to tokens and back). [`load`] reads it as it is; a [`FolderTokenizer`] speaks its tokens.
//!
//! ```text
//! file = n · JSON of n bytes · tensors,       begin_0 = 0,  begin_{i+1} = begin_i + ⌈bits(dtype_i) ∏ shape_i / 8⌉
//! 8 + n + end of the last = length of the file                                                          (eq-6-7)
//! ```
//!
//! Conventions: matrices stay what they are in the file, f32 or bf16, unless another type is asked for; f16 becomes f32. All
//! small tensors become f32.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use mamba::config::{ConfigError, MambaConfig};
use mamba::inference::{RandomTensors, Tensors, Weights};
use mamba::matrix::{Matrix, MatrixError, Numbers};
use mamba::tensor_files::{Dtype, ONE_FILE, TensorError, TensorFiles};
use safetensors::tensor::{View, serialize_to_file};
use serde::Serialize;
use thiserror::Error;
use tokenizers::Tokenizer;

/// The file of a folder that turns text into tokens and back.
pub const TOKENIZER: &str = "tokenizer.json";

/// Why a folder is no model that can be run.
#[derive(Debug, Error)]
pub enum PretrainedError {
    /// No such folder.
    #[error("expected a folder with a model, found none at {}", .0.display())]
    NoFolder(PathBuf),
    /// Something about its `config.json`.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Something about its tensors.
    #[error(transparent)]
    Tensor(#[from] TensorError),
    /// A tensor of the right shape with another count of numbers: no file that was read whole has one.
    #[error(transparent)]
    Matrix(#[from] MatrixError),
    /// Its tokenizer is none.
    #[error("{} is no tokenizer: {reason}", path.display())]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// What its reader says.
        reason: String,
    },
    /// A folder without a tokenizer, and text to read.
    #[error("expected {TOKENIZER} in {} to read a text; without it a model reads --ids", .0.display())]
    NoTokenizer(PathBuf),
    /// A text that the tokenizer does not take, or tokens that it cannot say.
    #[error("the tokenizer fails: {0}")]
    Text(String),
    /// The folder cannot be written.
    #[error("cannot write {}: {reason}", path.display())]
    Unwritable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
}

/// The tensors of a folder, by the names that a Mamba of today has.
///
/// Files from elsewhere may lack the prefix `backbone.`, and early ones say `embedding` for `embeddings`.
#[derive(Debug)]
pub struct Checkpoint {
    files: TensorFiles,
    keep: Option<Dtype>,
}

impl Checkpoint {
    /// The tensors of a folder or a file; matrices are kept as this type, or as what they are.
    ///
    /// # Errors
    /// [`TensorError`].
    pub fn open(path: &Path, keep: Option<Dtype>) -> Result<Self, TensorError> {
        Ok(Self { files: TensorFiles::open(path)?, keep })
    }

    /// What a tensor is called in these files.
    fn called<'a>(&self, name: &'a str) -> Cow<'a, str> {
        let bare = name.strip_prefix("backbone.").unwrap_or(name);
        let early = |name: &str| name.replacen("embeddings.", "embedding.", 1);
        let names = [early(name), bare.to_owned(), early(bare)];
        match names.into_iter().find(|name| self.files.contains(name)) {
            Some(other) if !self.files.contains(name) => Cow::Owned(other),
            _ => Cow::Borrowed(name),
        }
    }
}

// ANCHOR: tensors
impl Tensors for Checkpoint {
    type Error = PretrainedError;

    fn matrix(&self, name: &str, shape: [usize; 2]) -> Result<Matrix, PretrainedError> {
        let tensor = self.files.tensor(&self.called(name), &shape)?;
        let numbers = match self.keep.unwrap_or(tensor.dtype) {
            Dtype::Bf16 => Numbers::Bf16(tensor.to_bf16()),
            Dtype::F32 | Dtype::F16 => Numbers::F32(tensor.to_f32()),
        };
        Ok(Matrix::new(shape, numbers)?)
    }

    fn numbers(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, PretrainedError> {
        Ok(self.files.numbers(&self.called(name), shape)?)
    }
}
// ANCHOR_END: tensors

/// A folder that was read.
#[derive(Debug)]
pub struct Pretrained {
    /// What the model is.
    pub config: MambaConfig,
    /// What it has learned.
    pub weights: Weights,
    /// What turns text into its tokens.
    pub tokenizer: FolderTokenizer,
}

/// Reads a folder; its matrices are kept as this type, or as what they are in the file.
///
/// # Errors
/// [`PretrainedError`], which names the file, the entry or the tensor.
///
/// ```
/// use mamba::inference::{Runner, score};
///
/// let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/hf_mamba_tiny");
/// let model = mamba::pretrained::load(folder.as_ref(), None)?;
/// let score = score(&mut Runner::new(&model.weights), &[71, 93, 72, 47])?;
/// assert_eq!((model.weights.vocabulary(), score.next_logprob.len()), (96, 3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn load(folder: &Path, keep: Option<Dtype>) -> Result<Pretrained, PretrainedError> {
    if !folder.is_dir() {
        return Err(PretrainedError::NoFolder(folder.to_owned()));
    }
    let config = MambaConfig::read(folder)?;
    let weights = Weights::read(&config, &Checkpoint::open(folder, keep)?)?;
    Ok(Pretrained { config, weights, tokenizer: FolderTokenizer::open(folder)? })
}

/// What turns text into the tokens of a folder's model, and back; a folder may lack it, and its model reads ids then.
///
/// ```
/// use mamba::pretrained::FolderTokenizer;
///
/// let ours = concat!(env!("CARGO_MANIFEST_DIR"), "/model");
/// let tokenizer = FolderTokenizer::open(ours.as_ref())?;
/// let ids = tokenizer.encode("The state forgets.")?;
/// assert_eq!(tokenizer.decode(&ids)?, "The state forgets.");
/// # Ok::<(), mamba::pretrained::PretrainedError>(())
/// ```
#[derive(Debug)]
pub struct FolderTokenizer {
    folder: PathBuf,
    tokenizer: Option<Tokenizer>,
}

impl FolderTokenizer {
    /// The tokenizer of a folder, or the want of one.
    ///
    /// # Errors
    /// [`PretrainedError::Tokenizer`] for a file that is none.
    pub fn open(folder: &Path) -> Result<Self, PretrainedError> {
        let path = folder.join(TOKENIZER);
        let tokenizer =
            match path.exists() {
                true => Some(Tokenizer::from_file(&path).map_err(|error| {
                    PretrainedError::Tokenizer { path, reason: error.to_string() }
                })?),
                false => None,
            };
        Ok(Self { folder: folder.to_owned(), tokenizer })
    }

    /// What speaks its tokens.
    ///
    /// # Errors
    /// [`PretrainedError::NoTokenizer`] where the folder has none.
    pub fn text(&self) -> Result<&Tokenizer, PretrainedError> {
        let none = || PretrainedError::NoTokenizer(self.folder.clone());
        self.tokenizer.as_ref().ok_or_else(none)
    }

    /// The tokens of a text.
    ///
    /// # Errors
    /// [`PretrainedError::NoTokenizer`], [`PretrainedError::Text`].
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, PretrainedError> {
        let encoding = self.text()?.encode(text, true);
        let encoding = encoding.map_err(|error| PretrainedError::Text(error.to_string()))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The text of tokens, without those that only mark something.
    ///
    /// # Errors
    /// [`PretrainedError::NoTokenizer`], [`PretrainedError::Text`].
    pub fn decode(&self, ids: &[u32]) -> Result<String, PretrainedError> {
        let text = self.text()?.decode(ids, true);
        text.map_err(|error| PretrainedError::Text(error.to_string()))
    }

    /// What prints tokens as they come, after these.
    ///
    /// # Errors
    /// [`PretrainedError::NoTokenizer`].
    pub fn stream(&self, after: &[u32]) -> Result<TextStream<'_>, PretrainedError> {
        Ok(TextStream::new(self.text()?, after))
    }
}

/// Text out of tokens, one by one, in whole characters.
///
/// A token may be half of a character, and what it says may depend on the one before: some tokenizers leave out the first
/// space. So each time the last tokens are decoded again, and what is new since the last time is handed out, once it does not end in
/// the middle of a character. A character of UTF-8 has at most four bytes; whoever waits for more tokens than that waits
/// for bytes that are no text, and gets the mark `�` for them.
#[derive(Debug)]
pub struct TextStream<'a> {
    tokenizer: &'a Tokenizer,
    /// The tokens that were said last, and those that wait.
    ids: Vec<u32>,
    /// How many of them were said.
    said: usize,
}

/// Tokens that can be needed for one character.
const LONGEST_CHARACTER: usize = 4;

impl<'a> TextStream<'a> {
    /// What comes after these tokens, which somebody else has printed.
    pub fn new(tokenizer: &'a Tokenizer, after: &[u32]) -> Self {
        let recent = &after[after.len().saturating_sub(2 * LONGEST_CHARACTER)..];
        Self { tokenizer, ids: recent.to_vec(), said: recent.len() }
    }
}

// ANCHOR: push
impl TextStream<'_> {
    /// One more token: the text that is whole now, perhaps none.
    ///
    /// # Errors
    /// [`PretrainedError::Text`].
    pub fn push(&mut self, id: u32) -> Result<String, PretrainedError> {
        self.ids.push(id);
        let text = self.decode(&self.ids)?;
        if text.ends_with('�') && self.ids.len() - self.said < LONGEST_CHARACTER {
            return Ok(String::new());
        }
        let old = self.decode(&self.ids[..self.said])?;
        self.ids.drain(..self.said);
        self.said = self.ids.len();
        Ok(text[common(&old, &text)..].to_owned())
    }
}
// ANCHOR_END: push

impl TextStream<'_> {
    /// What still waits, whole or not.
    ///
    /// # Errors
    /// [`PretrainedError::Text`].
    pub fn rest(&self) -> Result<String, PretrainedError> {
        let (old, text) = (self.decode(&self.ids[..self.said])?, self.decode(&self.ids)?);
        Ok(text[common(&old, &text)..].to_owned())
    }

    fn decode(&self, ids: &[u32]) -> Result<String, PretrainedError> {
        self.tokenizer.decode(ids, true).map_err(|error| PretrainedError::Text(error.to_string()))
    }
}

/// How many bytes two texts have in common at their beginning, in whole characters.
fn common(old: &str, text: &str) -> usize {
    let both = old.char_indices().zip(text.chars());
    let apart = both.into_iter().find(|((_, old), new)| old != new);
    apart.map_or(old.len().min(text.len()), |((place, _), _)| place)
}

/// Names and shapes of all tensors of a model, in the order of its layers.
///
/// ```
/// use mamba::config::MambaConfig;
/// use mamba::pretrained::layout;
///
/// // Mamba-130m, without reading it.
/// let config = MambaConfig { num_hidden_layers: 24, ..MambaConfig::default() };
/// let numbers: usize = layout(&config).iter().map(|(_, shape)| shape.iter().product::<usize>()).sum();
/// assert_eq!(numbers, 129_135_360);
/// ```
pub fn layout(config: &MambaConfig) -> Vec<(String, Vec<usize>)> {
    let (d_model, d_inner, d_state) = (config.hidden_size, config.d_inner(), config.state_size);
    let dt_rank = config.dt_rank();
    let mut all = vec![("backbone.embeddings.weight".into(), vec![config.vocab_size, d_model])];
    for layer in 0..config.num_hidden_layers {
        let mut put = |rest: &str, shape: &[usize]| {
            all.push((format!("backbone.layers.{layer}.{rest}"), shape.to_vec()));
        };
        put("norm.weight", &[d_model]);
        put("mixer.in_proj.weight", &[2 * d_inner, d_model]);
        put("mixer.conv1d.weight", &[d_inner, 1, config.conv_kernel]);
        put("mixer.x_proj.weight", &[dt_rank + 2 * d_state, d_inner]);
        put("mixer.dt_proj.weight", &[d_inner, dt_rank]);
        put("mixer.dt_proj.bias", &[d_inner]);
        put("mixer.A_log", &[d_inner, d_state]);
        put("mixer.D", &[d_inner]);
        put("mixer.out_proj.weight", &[d_model, d_inner]);
        if config.use_conv_bias {
            put("mixer.conv1d.bias", &[d_inner]);
        }
        if config.use_bias {
            put("mixer.in_proj.bias", &[2 * d_inner]);
            put("mixer.out_proj.bias", &[d_model]);
        }
    }
    all.push(("backbone.norm_f.weight".into(), vec![d_model]));
    if !config.tie_word_embeddings {
        all.push(("lm_head.weight".into(), vec![config.vocab_size, d_model]));
    }
    all
}

/// A tensor on its way into a file.
struct Written {
    shape: Vec<usize>,
    dtype: Dtype,
    bytes: Vec<u8>,
}

impl View for Written {
    fn dtype(&self) -> safetensors::Dtype {
        match self.dtype {
            Dtype::F32 => safetensors::Dtype::F32,
            Dtype::Bf16 => safetensors::Dtype::BF16,
            Dtype::F16 => safetensors::Dtype::F16,
        }
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        (&self.bytes).into()
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

/// Writes a folder with `config.json` and `model.safetensors`: tensors of these names and shapes, and `numbers` is asked for
/// each.
///
/// What was there is replaced when the new one is whole.
///
/// # Errors
/// [`PretrainedError::Unwritable`], and those of `numbers`.
///
/// ```
/// use mamba::config::MambaConfig;
/// use mamba::pretrained::{layout, load, write_tensors};
/// use mamba::tensor_files::Dtype;
///
/// let config = MambaConfig { vocab_size: 10, hidden_size: 8, num_hidden_layers: 2, ..MambaConfig::default() };
/// let folder = tempfile::tempdir()?;
/// let ones = |_: &str, shape: &[usize]| Ok(vec![1.0; shape.iter().product()]);
/// write_tensors(folder.path(), &config, layout(&config), Dtype::Bf16, ones)?;
/// assert_eq!(load(folder.path(), None)?.config, config);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write_tensors(
    folder: &Path,
    config: &impl Serialize,
    layout: Vec<(String, Vec<usize>)>,
    dtype: Dtype,
    numbers: impl Fn(&str, &[usize]) -> Result<Vec<f32>, PretrainedError>,
) -> Result<(), PretrainedError> {
    let unwritable =
        |path: &Path, reason: String| PretrainedError::Unwritable { path: path.to_owned(), reason };
    let failed = |error: io::Error| unwritable(folder, error.to_string());
    fs::create_dir_all(folder).map_err(failed)?;
    let tensor = |(name, shape): (String, Vec<usize>)| {
        let numbers = numbers(&name, &shape)?;
        let bytes = match dtype {
            Dtype::F32 => numbers.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Dtype::Bf16 => numbers.iter().flat_map(|&x| bf16::from_f32(x).to_le_bytes()).collect(),
            Dtype::F16 => numbers.iter().flat_map(|&x| f16::from_f32(x).to_le_bytes()).collect(),
        };
        Ok((name, Written { shape, dtype, bytes }))
    };
    let tensors = layout.into_iter().map(tensor).collect::<Result<Vec<_>, PretrainedError>>()?;
    let format = [("format".to_owned(), "pt".to_owned())];
    let path = folder.join(ONE_FILE);
    serialize_to_file(tensors, Some(format.into()), &path)
        .map_err(|error| unwritable(&path, error.to_string()))?;
    let path = folder.join("config.json");
    let failed = |reason: String| unwritable(&path, reason);
    let text = serde_json::to_string_pretty(config).map_err(|error| failed(error.to_string()))?;
    fs::write(&path, text + "\n").map_err(|error| failed(error.to_string()))
}

/// Writes a folder with weights that nobody trained, drawn from a seed: to measure with.
///
/// # Errors
/// As [`write_tensors`], and [`PretrainedError::Config`].
///
/// ```
/// use mamba::config::MambaConfig;
/// use mamba::pretrained::{load, write_random};
/// use mamba::tensor_files::Dtype;
///
/// let config = MambaConfig { vocab_size: 10, hidden_size: 8, num_hidden_layers: 2, ..MambaConfig::default() };
/// let folder = tempfile::tempdir()?;
/// write_random(folder.path(), &config, Dtype::F32, 1)?;
/// assert_eq!(load(folder.path(), None)?.weights.parameters(), 2696);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write_random(
    folder: &Path,
    config: &MambaConfig,
    dtype: Dtype,
    seed: u64,
) -> Result<(), PretrainedError> {
    config.check()?;
    let random = RandomTensors { seed };
    let draw = |name: &str, shape: &[usize]| Ok(random.draw(name, shape));
    write_tensors(folder, config, layout(config), dtype, draw)
}
