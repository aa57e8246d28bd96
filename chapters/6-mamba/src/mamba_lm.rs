//! *How do blocks that only add become a writer?*
//!
//! Tokens become vectors, each block adds to them what it has found out, and the vectors that read tokens also say which token
//! comes next:
//!
//! ```text
//! v⁰ₖ = E[tokenₖ]        vⁱ⁺¹ = vⁱ + blockᵢ(normᵢ(vⁱ))        logitsₖ = E norm(vⁿₖ)                 (eq-6-5)
//! ```
//!
//! [`MambaLm`] is the whole model, trainable: it is a [`CharacterModel`], so that chapter 4's training drives it.
//! [`MambaLm::load`] reads a folder as Hugging Face keeps it, and [`MambaLm::save_pretrained`] writes one.
//!
//! Conventions: tokens are `[batch, length]`, the stream is `[batch, length, d_model]`.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::nn::{Embedding, Linear};
use burn::tensor::module::linear;
use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use half::{bf16, f16};
use mamba::config::{ConfigError, MambaConfig};
use mamba::mamba_block::{FirstWeights, MambaBlock, MambaBlockState, RmsNorm};
use mamba::tensor_files::{Dtype, ONE_FILE, TensorError, TensorFiles};
use ml_links::language_model::{CharacterModel, Noise, token_tensor};
use ml_links::training::checkpoint::write_whole;
use safetensors::tensor::TensorView;
use serde_json::json;
use thiserror::Error;

/// Why there is no model, or no file of it.
#[derive(Debug, Error)]
pub enum ModelError {
    /// Sizes of which no model can be built, or a folder that names none.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A tensor that is missing, of another shape, or in a file that cannot be read.
    #[error(transparent)]
    Tensor(#[from] TensorError),
    /// A token that the model does not know.
    #[error("expected tokens below {vocabulary}, found {token} at place {place}")]
    Token {
        /// How many tokens it knows.
        vocabulary: usize,
        /// The first that it does not.
        token: usize,
        /// Where it stands, counted from 0.
        place: usize,
    },
    /// Weights that a file of this precision cannot hold.
    #[error("expected finite numbers for {dtype} in {name}, found {found}: nothing was written")]
    NotFinite {
        /// The tensor.
        name: String,
        /// The precision.
        dtype: Dtype,
        /// The first such number.
        found: f32,
    },
    /// A file that cannot be written.
    #[error("cannot write {}: {reason}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
}

/// One floor of the stack: what it adds to the stream is what its block makes of the stream, normed.
#[derive(Module, Debug)]
pub struct Layer {
    /// Brings every step to one loudness.
    pub norm: RmsNorm,
    /// The block.
    pub mixer: MambaBlock,
}

/// A language model: embedding, blocks, a last norm, a head.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use mamba::config::MambaConfig;
/// use mamba::mamba_lm::MambaLm;
/// use ml_links::language_model::{CharacterModel, Noise};
///
/// let device = Device::flex();
/// let config = MambaConfig { vocab_size: 5, hidden_size: 8, num_hidden_layers: 2, ..MambaConfig::default() };
/// let model = MambaLm::init(&config, 1, &device)?;
/// let tokens = Tensor::from_ints([[3, 1, 4, 1]], &device);
/// let at_once = model.forward(tokens.clone());
/// assert_eq!(at_once.dims(), [1, 4, 5]);
///
/// let mut state = model.initial_state(1);
/// for k in 0..4 {
///     let logits = model.step(tokens.clone().narrow(1, k, 1).squeeze_dim(1), &mut state);
///     let expected = at_once.clone().narrow(1, k, 1).squeeze_dim(1);
///     assert!((logits - expected).abs().max().into_scalar::<f32>() < 1e-5);
/// }
/// # Ok::<(), mamba::mamba_lm::ModelError>(())
/// ```
// ANCHOR: fields
#[derive(Module, Debug)]
pub struct MambaLm {
    /// E: a vector for each token.
    pub embeddings: Embedding,
    /// What is added to them.
    pub layers: Vec<Layer>,
    /// The norm before the head.
    pub norm_f: RmsNorm,
    /// The head, if it is not the embedding once more.
    pub lm_head: Option<Linear>,
    dropout: f64,
    #[module(skip)]
    config: MambaConfig,
}
// ANCHOR_END: fields

impl MambaLm {
    /// The model before training.
    ///
    /// # Errors
    /// [`ModelError::Config`].
    pub fn init(config: &MambaConfig, seed: u64, device: &Device) -> Result<Self, ModelError> {
        config.check()?;
        Ok(Self::new(config, &mut FirstWeights::of_seed(seed, device)))
    }

    fn new(config: &MambaConfig, first: &mut FirstWeights) -> Self {
        let (tokens, d_model) = (config.vocab_size, config.hidden_size);
        let norm = |first: &FirstWeights| first.norm(d_model, config.layer_norm_epsilon);
        let mut layer = || Layer { norm: norm(first), mixer: MambaBlock::new(config, first) };
        let layers = (0..config.num_hidden_layers).map(|_| layer()).collect();
        let head = |first: &mut FirstWeights| first.linear([d_model, tokens], false, 1.0);
        Self {
            layers,
            norm_f: norm(first),
            embeddings: Embedding { weight: first.normal([tokens, d_model], 0.02) },
            lm_head: (!config.tie_word_embeddings).then(|| head(first)),
            dropout: 0.0,
            config: config.clone(),
        }
    }

    /// The same, silencing a share of what each block adds while it is trained. The reference does without.
    pub fn with_dropout(self, share: f64) -> Self {
        Self { dropout: share, ..self }
    }

    /// What it was built from.
    pub fn config(&self) -> &MambaConfig {
        &self.config
    }

    /// Where its weights are.
    pub fn device(&self) -> Device {
        self.norm_f.weight.val().device()
    }

    /// Tokens as a tensor, if the model knows them all.
    ///
    /// # Errors
    /// [`ModelError::Token`].
    ///
    /// # Panics
    /// When there are not as many as the shape says.
    ///
    /// ```
    /// use burn::tensor::Device;
    /// use mamba::config::MambaConfig;
    /// use mamba::mamba_lm::MambaLm;
    ///
    /// let config = MambaConfig { vocab_size: 5, hidden_size: 8, num_hidden_layers: 1, ..MambaConfig::default() };
    /// let model = MambaLm::init(&config, 1, &Device::flex())?;
    /// assert_eq!(model.tokens(&[4, 0, 4], [1, 3])?.dims(), [1, 3]);
    /// let sentence = model.tokens(&[4, 7], [1, 2]).unwrap_err().to_string();
    /// assert_eq!(sentence, "expected tokens below 5, found 7 at place 1");
    /// # Ok::<(), mamba::mamba_lm::ModelError>(())
    /// ```
    pub fn tokens(&self, ids: &[usize], shape: [usize; 2]) -> Result<Tensor<2, Int>, ModelError> {
        let vocabulary = self.config.vocab_size;
        match ids.iter().position(|&token| token >= vocabulary) {
            Some(place) => Err(ModelError::Token { vocabulary, token: ids[place], place }),
            None => Ok(token_tensor(ids, shape, &self.device())),
        }
    }
}

/// What the blocks remember, one after the other.
pub type States = [MambaBlockState];

// ANCHOR: stream
impl MambaLm {
    /// The stream: tokens become vectors, and layers add what `say` makes of them.
    fn stream(
        &self,
        tokens: Tensor<2, Int>,
        mut say: impl FnMut(usize, &MambaBlock, Tensor<3>) -> Tensor<3>,
    ) -> Tensor<3> {
        let mut v = self.embeddings.forward(tokens);
        for (i, Layer { norm, mixer }) in self.layers.iter().enumerate() {
            v = v.clone() + say(i, mixer, norm.forward(v));
        }
        v
    }

    /// The logits of the next token after each: `[batch, length, vocabulary]`.
    pub fn forward(&self, tokens: Tensor<2, Int>) -> Tensor<3> {
        self.head(self.stream(tokens, |_, block, v| block.forward(v)))
    }

    /// The same for the next piece of a text, from where the last one ended.
    pub fn read(&self, tokens: Tensor<2, Int>, states: &mut States) -> Tensor<3> {
        self.head(self.stream(tokens, |i, block, v| block.read(v, &mut states[i])))
    }
}
// ANCHOR_END: stream

impl MambaLm {
    /// What the head makes of the stream: `[batch, length, d_model]` becomes `[batch, length, vocabulary]`.
    pub fn head(&self, v: Tensor<3>) -> Tensor<3> {
        let v = self.norm_f.forward(v);
        match &self.lm_head {
            Some(head) => head.forward(v),
            None => linear(v, self.embeddings.weight.val().transpose(), None),
        }
    }

    /// The stream before each block and after the last: what flows, before it is normed for the head.
    pub fn streams(&self, tokens: Tensor<2, Int>) -> Vec<Tensor<3>> {
        let mut streams = vec![self.embeddings.forward(tokens)];
        for Layer { norm, mixer } in &self.layers {
            let v = streams[streams.len() - 1].clone();
            streams.push(v.clone() + mixer.forward(norm.forward(v)));
        }
        streams
    }
}

impl CharacterModel for MambaLm {
    type State = Vec<MambaBlockState>;

    fn logits(&self, tokens: Tensor<2, Int>, noise: &mut Noise) -> Tensor<3> {
        let say = |_, block: &MambaBlock, v| noise.dropout(block.forward(v), self.dropout);
        self.head(self.stream(tokens, say))
    }

    fn initial_state(&self, batch: usize) -> Self::State {
        let device = self.device().inner();
        self.layers.iter().map(|layer| layer.mixer.initial_state(batch, &device)).collect()
    }

    fn step(&self, tokens: Tensor<1, Int>, state: &mut Self::State) -> Tensor<2> {
        self.read(tokens.unsqueeze_dim(1), state).squeeze_dim(1)
    }
}

// ANCHOR: names
/// What the reference calls a tensor of ours, and whether it keeps the transpose.
///
/// ```
/// use mamba::mamba_lm::name_in_file;
///
/// let (name, transposed) = name_in_file("layers.3.mixer.a_log");
/// assert_eq!((name.as_str(), transposed), ("backbone.layers.3.mixer.A_log", false));
/// assert!(name_in_file("layers.3.mixer.out_proj.weight").1);
/// ```
pub fn name_in_file(path: &str) -> (String, bool) {
    let backbone = if path.starts_with("lm_head") { "" } else { "backbone." };
    let (front, last) = path.rsplit_once('.').unwrap_or(("", path));
    let last = match last {
        "a_log" => "A_log",
        "d" => "D",
        other => other,
    };
    let maps = ["in_proj", "conv1d", "x_proj", "dt_proj", "out_proj", "lm_head"];
    let transposed = last == "weight" && maps.iter().any(|map| front.ends_with(map));
    (format!("{backbone}{front}.{last}"), transposed)
}
// ANCHOR_END: names

/// The shape of a tensor in a file: the convolution has one more axis there, of size 1.
fn shape_in_file(name: &str, shape: &[usize]) -> Vec<usize> {
    match (name_in_file(name).1, shape) {
        (true, &[taps, channels]) if name.ends_with("conv1d.weight") => vec![channels, 1, taps],
        (true, &[rows, columns]) => vec![columns, rows],
        _ => shape.to_vec(),
    }
}

fn transposed(numbers: &[f32], columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|j| numbers.iter().skip(j).step_by(columns).copied()).collect()
}

impl MambaLm {
    /// The model of a folder with `config.json` and `model.safetensors`, whole or in several files, as Hugging Face keeps it.
    ///
    /// # Errors
    /// [`ModelError::Config`], [`ModelError::Tensor`]: files that are not there or are something else, tensors that are missing or of
    /// another shape, by name.
    ///
    /// ```
    /// use burn::tensor::Device;
    /// use mamba::mamba_lm::MambaLm;
    ///
    /// let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/hf_mamba_tiny");
    /// let model = MambaLm::load(fixture.as_ref(), &Device::flex())?;
    /// assert_eq!((model.layers.len(), model.config().vocab_size), (2, 96));
    /// # Ok::<(), mamba::mamba_lm::ModelError>(())
    /// ```
    pub fn load(folder: &Path, device: &Device) -> Result<Self, ModelError> {
        let config = MambaConfig::read(folder)?;
        let model = Self::new(&config, &mut FirstWeights::zero(device));
        Ok(with_weights_of(model, folder)?)
    }

    /// Writes `config.json` and `model.safetensors` into a folder, as [`load`](Self::load) and Hugging Face's `from_pretrained`
    /// read them; each file whole or not at all.
    ///
    /// # Errors
    /// [`ModelError::NotFinite`] where a weight is no number, or too large for the precision; [`ModelError::Unwritable`].
    pub fn save_pretrained(&self, folder: &Path, dtype: Dtype) -> Result<(), ModelError> {
        let mut weights = Weights { path: Vec::new(), tensors: BTreeMap::new() };
        self.visit(&mut weights);
        let tensors = weights.tensors.into_iter().map(|(name, (shape, numbers))| {
            let bytes = in_bytes(&name, &numbers, dtype)?;
            Ok((name, (shape, bytes)))
        });
        let tensors = tensors.collect::<Result<BTreeMap<_, _>, ModelError>>()?;
        let weights_path = folder.join(ONE_FILE);
        let unwritable =
            |path: &Path, reason: String| ModelError::Unwritable { path: path.to_owned(), reason };
        let views = tensors.iter().map(|(name, (shape, bytes))| {
            let dtype = match dtype {
                Dtype::F32 => safetensors::Dtype::F32,
                Dtype::Bf16 => safetensors::Dtype::BF16,
                Dtype::F16 => safetensors::Dtype::F16,
            };
            Ok((name, TensorView::new(dtype, shape.clone(), bytes)?))
        });
        let file = views
            .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
            .and_then(|views| {
                let format = [("format".to_owned(), "pt".to_owned())];
                safetensors::serialize(views, Some(format.into()))
            })
            .map_err(|error| unwritable(&weights_path, error.to_string()))?;

        let mut config = json!(self.config);
        config["architectures"] = json!(["MambaForCausalLM"]);
        config["dtype"] = json!(match dtype {
            Dtype::F32 => "float32",
            Dtype::Bf16 => "bfloat16",
            Dtype::F16 => "float16",
        });
        let config_path = folder.join("config.json");
        let write = |path: &Path, bytes: &[u8]| {
            let written: io::Result<()> = write_whole(path, bytes);
            written.map_err(|error| unwritable(path, error.to_string()))
        };
        write(&weights_path, &file)?;
        write(&config_path, format!("{config:#}\n").as_bytes())
    }
}

/// Numbers as a file of this precision holds them.
fn in_bytes(name: &str, numbers: &[f32], dtype: Dtype) -> Result<Vec<u8>, ModelError> {
    let rounded = |number: f32| match dtype {
        Dtype::F32 => number,
        Dtype::Bf16 => bf16::from_f32(number).to_f32(),
        Dtype::F16 => f16::from_f32(number).to_f32(),
    };
    if let Some(&found) = numbers.iter().find(|&&number| !rounded(number).is_finite()) {
        return Err(ModelError::NotFinite { name: name.to_owned(), dtype, found });
    }
    Ok(match dtype {
        Dtype::F32 => numbers.iter().flat_map(|number| number.to_le_bytes()).collect(),
        Dtype::Bf16 => {
            numbers.iter().flat_map(|&number| bf16::from_f32(number).to_le_bytes()).collect()
        }
        Dtype::F16 => {
            numbers.iter().flat_map(|&number| f16::from_f32(number).to_le_bytes()).collect()
        }
    })
}

/// Collects weights by the names and in the shapes of a file.
struct Weights {
    path: Vec<String>,
    tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
}

impl ModuleVisitor for Weights {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let path = self.path.join(".");
        let (name, is_transposed) = name_in_file(&path);
        let (shape, data) = (param.dims(), param.val().into_data());
        let numbers: Vec<f32> = data.iter::<f32>().collect();
        let numbers = match is_transposed {
            true => transposed(&numbers, shape[D - 1]),
            false => numbers,
        };
        self.tensors.insert(name, (shape_in_file(&path, &shape), numbers));
    }
}

/// A model with the weights of a folder in the places of its own, by the names that [`name_in_file`] gives them.
///
/// # Errors
/// [`TensorError`]: files that are not there, tensors that are missing or of another shape, by name.
///
/// ```
/// use burn::tensor::Device;
/// use mamba::config::MambaConfig;
/// use mamba::mamba_lm::{MambaLm, with_weights_of};
///
/// let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/hf_mamba_tiny").as_ref();
/// let model = MambaLm::init(&MambaConfig::read(fixture)?, 1, &Device::flex())?;
/// let before = model.norm_f.weight.val();
/// let after = with_weights_of(model, fixture)?.norm_f.weight.val();
/// assert!((after - before).abs().max().into_scalar::<f32>() > 0.0);
/// # Ok::<(), mamba::mamba_lm::ModelError>(())
/// ```
pub fn with_weights_of<M: Module>(model: M, folder: &Path) -> Result<M, TensorError> {
    let files = TensorFiles::open(folder)?;
    let mut loading = Loading { path: Vec::new(), files, error: None };
    let model = model.map(&mut loading);
    loading.error.map_or(Ok(model), Err)
}

/// Puts weights of files in the places of those that a model has.
struct Loading {
    path: Vec<String>,
    files: TensorFiles,
    error: Option<TensorError>,
}

impl ModuleMapper for Loading {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let path = self.path.join(".");
        let (name, is_transposed) = name_in_file(&path);
        let shape = param.dims();
        match self.files.numbers(&name, &shape_in_file(&path, &shape)) {
            Ok(numbers) => {
                let numbers = match is_transposed {
                    true => transposed(&numbers, shape[0]),
                    false => numbers,
                };
                let (device, id) = (param.device(), param.id);
                let data = TensorData::new(numbers, shape);
                param.transform_for_load(Tensor::from_data(data, (&device, DType::F32)), id)
            }
            Err(error) => {
                self.error.get_or_insert(error);
                param
            }
        }
    }
}
