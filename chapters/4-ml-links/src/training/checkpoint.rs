//! A checkpoint: one file that holds all of a run, written whole or not at all.
//!
//! The file is in the safetensors format, which any tool can open: eight bytes with the length of a JSON header, the
//! header with names, shapes and places, the numbers. Weights are called `model.…`, the averages of the optimizer
//! `adam.first.…` and `adam.second.…`; configuration, recipe and step are strings in the header, and so is a sum over
//! all numbers, so that a damaged file is told from a good one.
//!
//! [`Checkpoint::write`] writes beside the old file and renames: whenever the power fails, one of the two is there.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{DType, Tensor, TensorData};
use ml_links::training::Recipe;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use thiserror::Error;

/// Why a checkpoint cannot be written, read or used.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum CheckpointError {
    /// The file cannot be written; what was there before is there still.
    #[error("cannot write {path}: {reason}")]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The file cannot be read.
    #[error("cannot read the checkpoint {path}: {reason}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The file is something else.
    #[error("expected a checkpoint of this course, found something else in {path}: {reason}")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// The file ends too early.
    #[error("the checkpoint {path} is cut short: expected {expected} bytes, found {found}")]
    CutShort {
        /// The file.
        path: PathBuf,
        /// As long as it should be.
        expected: u64,
        /// As long as it is.
        found: u64,
    },
    /// The file has the right length and wrong contents.
    #[error("the checkpoint {path} is damaged: its numbers do not add up to its checksum")]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// Weights that are no numbers are not worth saving.
    #[error("{name} holds numbers that are not finite, so nothing was written")]
    NotFinite {
        /// Which tensor.
        name: String,
    },
    /// The checkpoint belongs to another run.
    #[error("the checkpoint belongs to another run: {differences}")]
    OtherConfiguration {
        /// What is different, in words.
        differences: String,
    },
    /// The checkpoint has no such tensor or entry.
    #[error("the checkpoint does not fit: it has no {name}")]
    Missing {
        /// Which.
        name: String,
    },
    /// The checkpoint has a tensor for which the model has no place.
    #[error("the checkpoint does not fit: the model has no {name}")]
    Unused {
        /// Which.
        name: String,
    },
    /// A tensor of another shape.
    #[error("the checkpoint does not fit: expected {name} of shape {expected:?}, found {found:?}")]
    Shape {
        /// Which.
        name: String,
        /// What the model has.
        expected: Vec<usize>,
        /// What the file has.
        found: Vec<usize>,
    },
}

const FORMAT: &str = "state space course, checkpoint 1";
const MODEL: &str = "model.";

/// A run at rest. See the [module](self).
///
/// ```
/// use burn::nn::LinearConfig;
/// use burn::tensor::Device;
/// use ml_links::training::checkpoint::Checkpoint;
/// use serde_json::json;
///
/// let device = Device::flex();
/// let layer = LinearConfig::new(3, 2).init(&device);
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("last.safetensors");
/// Checkpoint::of_model(&layer, &json!({ "width": 3 })).write(&path)?;
///
/// let checkpoint = Checkpoint::read(&path)?;
/// assert_eq!(checkpoint.configuration(), &json!({ "width": 3 }));
/// let same = checkpoint.load_into(LinearConfig::new(3, 2).init(&device))?;
/// assert_eq!(same.weight.val().into_data(), layer.weight.val().into_data());
///
/// let wider = checkpoint.load_into(LinearConfig::new(4, 2).init(&device)).unwrap_err();
/// assert!(wider.to_string().contains("expected weight of shape [4, 2], found [3, 2]"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    configuration: Value,
    recipe: Option<(Recipe, usize)>,
    notes: Map<String, Value>,
    tensors: BTreeMap<String, TensorData>,
}

impl Checkpoint {
    /// The weights of a model and the configuration from which it can be built again.
    pub fn of_model<M: Module>(model: &M, configuration: &Value) -> Self {
        let mut weights = Weights { path: Vec::new(), tensors: BTreeMap::new() };
        model.visit(&mut weights);
        Self {
            configuration: configuration.clone(),
            recipe: None,
            notes: Map::new(),
            tensors: weights.tensors,
        }
    }

    /// And the recipe, with the number of steps taken.
    pub(crate) fn with_recipe(mut self, recipe: &Recipe, step: usize) -> Self {
        self.recipe = Some((recipe.clone(), step));
        self
    }

    /// And more tensors, under a prefix.
    pub(crate) fn with_tensors(mut self, prefix: &str, tensors: Vec<(String, TensorData)>) -> Self {
        self.tensors
            .extend(tensors.into_iter().map(|(name, data)| (format!("{prefix}{name}"), data)));
        self
    }

    /// And anything else worth remembering, by name.
    pub fn with_note(mut self, name: &str, note: impl Serialize) -> Self {
        self.notes.insert(name.to_owned(), serde_json::to_value(note).unwrap_or(Value::Null));
        self
    }

    /// What was noted under this name.
    pub fn note<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_value(self.notes.get(name)?.clone()).ok()
    }

    /// The configuration of the model.
    pub fn configuration(&self) -> &Value {
        &self.configuration
    }

    /// The recipe of the run and the number of steps taken.
    ///
    /// # Errors
    /// [`CheckpointError::Missing`] where only a model was saved.
    pub fn recipe(&self) -> Result<(&Recipe, usize), CheckpointError> {
        let missing = || CheckpointError::Missing { name: "recipe: it holds a model only".into() };
        self.recipe.as_ref().map(|(recipe, step)| (recipe, *step)).ok_or_else(missing)
    }

    /// Refuses another configuration or recipe, and says in which entries they differ.
    ///
    /// # Errors
    /// [`CheckpointError::OtherConfiguration`].
    pub fn expect_same(
        &self,
        configuration: &Value,
        recipe: Option<&Recipe>,
    ) -> Result<(), CheckpointError> {
        let mut differences = different_entries(configuration, &self.configuration);
        if let (Some(mine), Some((theirs, _))) = (recipe, &self.recipe) {
            differences.extend(different_entries(&json!(mine), &json!(theirs)));
        }
        match differences.is_empty() {
            true => Ok(()),
            false => {
                Err(CheckpointError::OtherConfiguration { differences: differences.join("; ") })
            }
        }
    }

    /// The tensors under a prefix, without it.
    pub(crate) fn tensors(&self, prefix: &str) -> BTreeMap<String, TensorData> {
        let named = |(name, data): (&String, &TensorData)| {
            Some((name.strip_prefix(prefix)?.to_owned(), data.clone()))
        };
        self.tensors.iter().filter_map(named).collect()
    }

    /// The model with the weights of the checkpoint.
    ///
    /// # Errors
    /// [`CheckpointError::Missing`], [`CheckpointError::Shape`] or [`CheckpointError::Unused`] where they do not fit.
    pub fn load_into<M: Module>(&self, model: M) -> Result<M, CheckpointError> {
        let mut loading = Loading { path: Vec::new(), tensors: self.tensors(MODEL), error: None };
        let model = model.map(&mut loading);
        let unused = loading.tensors.into_keys().next();
        let unused = unused.map(|name| CheckpointError::Unused { name });
        loading.error.or(unused).map_or(Ok(model), Err)
    }

    /// Writes the file, whole or not at all: [`write_whole`].
    ///
    /// # Errors
    /// [`CheckpointError::Unwritable`], [`CheckpointError::NotFinite`]; the old file is then as it was.
    pub fn write(&self, path: &Path) -> Result<(), CheckpointError> {
        write_whole(path, &self.to_bytes()?).map_err(|error| CheckpointError::Unwritable {
            path: path.to_owned(),
            reason: error.to_string(),
        })
    }

    fn to_bytes(&self) -> Result<Vec<u8>, CheckpointError> {
        let mut header = Map::new();
        let mut numbers = Vec::new();
        for (name, data) in &self.tensors {
            let data = data.clone().convert::<f32>();
            if data.iter::<f32>().any(|number| !number.is_finite()) {
                return Err(CheckpointError::NotFinite { name: name.clone() });
            }
            let begin = numbers.len();
            numbers.extend(data.iter::<f32>().flat_map(f32::to_le_bytes));
            let shape: Vec<usize> = data.shape().iter().copied().collect();
            let entry =
                json!({ "dtype": "F32", "shape": shape, "data_offsets": [begin, numbers.len()] });
            header.insert(name.clone(), entry);
        }
        let (recipe, step) = self.recipe.as_ref().map(|(recipe, step)| (recipe, step)).unzip();
        let metadata = json!({
            "format": FORMAT,
            "configuration": self.configuration.to_string(),
            "recipe": json!(recipe).to_string(),
            "step": json!(step).to_string(),
            "notes": json!(self.notes).to_string(),
            "checksum": format!("{:016x}", checksum(&numbers)),
        });
        header.insert("__metadata__".into(), metadata);
        let mut header = Value::Object(header).to_string();
        // The numbers begin at a multiple of eight bytes.
        header.push_str(&" ".repeat(header.len().next_multiple_of(8) - header.len()));
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.into_bytes());
        bytes.extend(numbers);
        Ok(bytes)
    }

    /// Reads a file, and trusts nothing in it.
    ///
    /// # Errors
    /// [`CheckpointError`]: no such file, cut short, damaged, something else.
    pub fn read(path: &Path) -> Result<Self, CheckpointError> {
        let bytes = fs::read(path).map_err(|error| CheckpointError::Unreadable {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        Self::of_bytes(path, &bytes)
    }

    fn of_bytes(path: &Path, bytes: &[u8]) -> Result<Self, CheckpointError> {
        let foreign = |reason: &str| CheckpointError::Foreign {
            path: path.to_owned(),
            reason: reason.to_owned(),
        };
        let cut_short = |expected: u64| CheckpointError::CutShort {
            path: path.to_owned(),
            expected,
            found: bytes.len() as u64,
        };
        let (length, rest) = bytes.split_first_chunk::<8>().ok_or_else(|| cut_short(8))?;
        let length = u64::from_le_bytes(*length);
        if !rest.is_empty() && rest[0] != b'{' || length > 1 << 30 {
            return Err(foreign("it does not begin as a safetensors file does"));
        }
        let header = rest.get(..length as usize).ok_or_else(|| cut_short(8 + length))?;
        let numbers = &rest[length as usize..];
        let header: Map<String, Value> =
            serde_json::from_slice(header).map_err(|error| foreign(&error.to_string()))?;

        let text = |name: &str| -> Result<&str, CheckpointError> {
            let entry = header.get("__metadata__").and_then(|metadata| metadata.get(name));
            entry.and_then(Value::as_str).ok_or_else(|| foreign(&format!("it has no {name}")))
        };
        if text("format")? != FORMAT {
            return Err(foreign("it is of another format"));
        }
        let parsed = |name: &str| -> Result<Value, CheckpointError> {
            serde_json::from_str(text(name)?).map_err(|error| foreign(&error.to_string()))
        };
        let mut tensors = BTreeMap::new();
        let mut end_of_all = 0;
        for (name, entry) in header.iter().filter(|(name, _)| *name != "__metadata__") {
            let list = |key: &str| -> Option<Vec<usize>> {
                let list = entry.get(key)?.as_array()?;
                list.iter().map(|number| number.as_u64()?.try_into().ok()).collect()
            };
            let (shape, offsets) = list("shape").zip(list("data_offsets")).unwrap_or_default();
            let count = shape.iter().try_fold(4_usize, |size, axis| size.checked_mul(*axis));
            let [begin, end] = offsets[..] else {
                return Err(foreign(&format!("{name} has no place")));
            };
            if entry.get("dtype") != Some(&json!("F32")) || end.checked_sub(begin) != count {
                return Err(foreign(&format!("the place of {name} does not fit its shape")));
            }
            end_of_all = end_of_all.max(end);
            if let Some(place) = numbers.get(begin..end) {
                let values =
                    place.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
                tensors.insert(name.clone(), TensorData::new(values.collect::<Vec<_>>(), shape));
            }
        }
        if numbers.len() < end_of_all {
            return Err(cut_short(8 + length + end_of_all as u64));
        }
        if text("checksum")? != format!("{:016x}", checksum(numbers)) {
            return Err(CheckpointError::Damaged { path: path.to_owned() });
        }
        let recipe = match parsed("recipe")? {
            Value::Null => None,
            recipe => {
                let recipe = serde_json::from_value(recipe).map_err(|e| foreign(&e.to_string()))?;
                Some((recipe, parsed("step")?.as_u64().unwrap_or_default() as usize))
            }
        };
        let notes = parsed("notes")?.as_object().cloned().unwrap_or_default();
        Ok(Self { configuration: parsed("configuration")?, recipe, notes, tensors })
    }
}

/// Writes a file so that, whenever the power fails, either the old one is there or the new one, and never half of it.
///
/// The bytes go to a file beside the old one; when they are on the disk it takes the old one's name, at once.
///
/// # Errors
/// What the system says; the old file is then as it was.
///
/// ```
/// use ml_links::training::checkpoint::write_whole;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("numbers");
/// write_whole(&path, b"12")?;
/// write_whole(&path, b"345")?;
/// assert_eq!(std::fs::read(&path)?, b"345");
/// # Ok::<(), std::io::Error>(())
/// ```
// ANCHOR: write_whole
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let named = path.parent().filter(|folder| *folder != Path::new(""));
    let folder = named.unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    // The new name is on the disk when its folder is; not every system can be asked for that.
    File::open(folder).and_then(|folder| folder.sync_all()).or(Ok(()))
}
// ANCHOR_END: write_whole

/// FNV-1a over words of eight bytes: not against malice, against bad disks.
fn checksum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let words = words.iter().map(|word| u64::from_le_bytes(*word));
    let all = words.chain(rest.iter().map(|byte| u64::from(*byte)));
    all.fold(0xcbf2_9ce4_8422_2325, |sum, word| (sum ^ word).wrapping_mul(0x0000_0100_0000_01b3))
}

/// The entries of two JSON objects that differ, as sentences.
fn different_entries(mine: &Value, theirs: &Value) -> Vec<String> {
    let (Some(mine), Some(theirs)) = (mine.as_object(), theirs.as_object()) else {
        return match mine == theirs {
            true => Vec::new(),
            false => vec![format!("expected {mine}, found {theirs}")],
        };
    };
    let names: std::collections::BTreeSet<_> = mine.keys().chain(theirs.keys()).collect();
    let short = |value: Option<&Value>| {
        let text = value.map_or("nothing".into(), Value::to_string);
        match text.chars().count() {
            0..=60 => text,
            _ => text.chars().take(57).chain("...".chars()).collect(),
        }
    };
    let differing = names.into_iter().filter(|name| match (mine.get(*name), theirs.get(*name)) {
        // Numbers are compared as they are written: reading one back may cost its last bit.
        (Some(mine), Some(theirs)) => format!("{mine}") != format!("{theirs}"),
        _ => true,
    });
    differing
        .map(|name| {
            let (mine, theirs) = (short(mine.get(name)), short(theirs.get(name)));
            format!("expected {name} = {mine}, found {theirs}")
        })
        .collect()
}

struct Weights {
    path: Vec<String>,
    tensors: BTreeMap<String, TensorData>,
}

impl ModuleVisitor for Weights {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let name = format!("{MODEL}{}", self.path.join("."));
        self.tensors.insert(name, param.transform_for_save().val().into_data());
    }
}

struct Loading {
    path: Vec<String>,
    tensors: BTreeMap<String, TensorData>,
    error: Option<CheckpointError>,
}

impl ModuleMapper for Loading {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = self.path.join(".");
        let Some(data) = self.tensors.remove(&name) else {
            self.error.get_or_insert(CheckpointError::Missing { name });
            return param;
        };
        let (expected, found) = (param.lazy_shape(), data.shape().clone());
        if expected != found {
            let (expected, found) =
                (expected.iter().copied().collect(), found.iter().copied().collect());
            self.error.get_or_insert(CheckpointError::Shape { name, expected, found });
            return param;
        }
        let (device, id) = (param.lazy_device(), param.id);
        param.transform_for_load(Tensor::from_data(data, (&device, DType::F32)), id)
    }
}
