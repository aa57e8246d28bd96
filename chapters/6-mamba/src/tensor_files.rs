//! Tensors in files: the safetensors format, read by name, and every reason for which it cannot be.
//!
//! A file is its own table of contents:
//!
//! ```text
//! 8 bytes            n, little end first
//! n bytes            JSON: {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, …}
//! the rest           the numbers, tensor after tensor, without a gap
//! ```
//!
//! [`tile`] is the format's one law (equation 6-7): each tensor begins where the one before ends, takes as many bytes as its
//! type and its shape say, and the last one ends with the file. A file that was cut off, or grew, or lies, breaks it.
//!
//! [`TensorFiles`] is the one place of this chapter that reads such files: [`numbers`](TensorFiles::numbers) for whoever wants
//! f32, a model for training for example, and [`tensor`](TensorFiles::tensor) for the bytes as they lie there.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use memmap2::Mmap;
use serde::Deserialize;
use thiserror::Error;

/// The file of a folder that holds all weights.
pub const ONE_FILE: &str = "model.safetensors";

/// The file of a folder whose weights are spread over several files: which name is in which.
pub const INDEX: &str = "model.safetensors.index.json";

/// More bytes of JSON than any model's names need.
const LONGEST_HEADER: usize = 100_000_000;

/// Why a tensor, or the file that should hold it, cannot be read.
#[derive(Debug, Error)]
pub enum TensorError {
    /// There is no such file, or it cannot be read.
    #[error("cannot read {}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// A folder without weights.
    #[error("expected model.safetensors or model.safetensors.index.json in {}, found neither", .0.display())]
    NoWeights(PathBuf),
    /// The index is no JSON of its form.
    #[error("{} is no index of tensors: {reason}", path.display())]
    Index {
        /// The index.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file that is no table of contents with tensors after it.
    #[error("{} is no safetensors file: {fault}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: Fault,
    },
    /// No tensor of this name.
    #[error("expected a tensor {name} in {}, found none", path.display())]
    Missing {
        /// The name.
        name: String,
        /// Where it should be.
        path: PathBuf,
    },
    /// A tensor of another shape.
    #[error("expected {name} to be of shape {expected:?}, found {found:?}")]
    Shape {
        /// Its name.
        name: String,
        /// The shape that the configuration asks for.
        expected: Vec<usize>,
        /// Its shape.
        found: Vec<usize>,
    },
    /// Numbers of a type that weights do not have.
    #[error("expected {name} to hold F32, BF16 or F16, found {found}")]
    Type {
        /// Its name.
        name: String,
        /// Its type.
        found: String,
    },
}

/// What is wrong with the bytes of a safetensors file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Fault {
    /// Not even a length.
    #[error("expected at least 8 bytes, found {0}")]
    NoLength(usize),
    /// The header would end after the file.
    #[error("expected a header of {header} bytes, found {rest} bytes to the end of the file")]
    HeaderCutOff {
        /// Its length by the first 8 bytes.
        header: u64,
        /// What there is.
        rest: usize,
    },
    /// A header that only a mistake makes so long.
    #[error("expected a header of at most 100000000 bytes, found one of {0}")]
    HeaderTooLong(u64),
    /// No JSON of the right form.
    #[error("its header is not what it should be: {0}")]
    Header(String),
    /// A tensor that does not begin where the one before ends.
    #[error("expected {name} to begin at byte {expected} of the data, found {found}")]
    Gap {
        /// Its name.
        name: String,
        /// The end of the one before.
        expected: usize,
        /// Its beginning.
        found: usize,
    },
    /// A tensor whose shape and type do not make up its bytes.
    #[error("expected {name}, {dtype} of shape {shape:?}, to take {expected} bytes, found {found}")]
    Size {
        /// Its name.
        name: String,
        /// The type of its numbers.
        dtype: String,
        /// Its shape.
        shape: Vec<usize>,
        /// What type and shape say.
        expected: usize,
        /// What its offsets say.
        found: usize,
    },
    /// A tensor that is larger than any memory.
    #[error("{name} is too large to count its bytes: {shape:?}")]
    Overflow {
        /// Its name.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// The file ends too early, or too late.
    #[error("expected {expected} bytes of data, found {found}: {}", if found < expected { "it is cut off" } else { "something else follows" })]
    Length {
        /// The end of the last tensor.
        expected: usize,
        /// The bytes after the header.
        found: usize,
    },
}

/// A line of the table of contents.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Entry {
    /// The type of its numbers: `F32`, `BF16`, …
    pub dtype: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its first byte, counted from the end of the header, and the byte after its last.
    pub data_offsets: (usize, usize),
}

/// The types that weights have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dtype {
    /// 32 bits.
    F32,
    /// The upper 16 of them: as wide a range, with two to three digits.
    Bf16,
    /// Another 16 bits: three to four digits between 6e-8 and 65,504.
    F16,
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
        })
    }
}

/// How many bits a number of a type takes, for the types that the format knows.
fn bits(dtype: &str) -> Option<usize> {
    match dtype {
        "F4" => Some(4),
        "F6_E2M3" | "F6_E3M2" => Some(6),
        "BOOL" | "U8" | "I8" | "F8_E5M2" | "F8_E4M3" | "F8_E8M0" | "F8_E4M3FNUZ"
        | "F8_E5M2FNUZ" => Some(8),
        "I16" | "U16" | "F16" | "BF16" => Some(16),
        "I32" | "U32" | "F32" => Some(32),
        "I64" | "U64" | "F64" | "C64" => Some(64),
        _ => None,
    }
}

/// The table of contents of a file, and where its data begin.
///
/// # Errors
/// [`Fault`]. No bytes whatever make it panic.
///
/// ```
/// use mamba::tensor_files::{Fault, table_of_contents};
///
/// let header = br#"{"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}"#;
/// let mut file = (header.len() as u64).to_le_bytes().to_vec();
/// file.extend(header);
/// file.extend([0; 8]);
/// let (entries, begin) = table_of_contents(&file)?;
/// assert_eq!((entries["w"].shape.as_slice(), begin), (&[2][..], 8 + header.len()));
///
/// let short = table_of_contents(&file[..file.len() - 1]).unwrap_err();
/// assert_eq!(short.to_string(), "expected 8 bytes of data, found 7: it is cut off");
/// # Ok::<(), Fault>(())
/// ```
// ANCHOR: table_of_contents
pub fn table_of_contents(file: &[u8]) -> Result<(BTreeMap<String, Entry>, usize), Fault> {
    let (length, rest) = file.split_first_chunk().ok_or(Fault::NoLength(file.len()))?;
    let header = u64::from_le_bytes(*length);
    if header > LONGEST_HEADER as u64 {
        return Err(Fault::HeaderTooLong(header));
    }
    let Some((header, data)) = rest.split_at_checked(header as usize) else {
        return Err(Fault::HeaderCutOff { header, rest: rest.len() });
    };
    let table = serde_json::from_slice(header);
    let mut table: BTreeMap<String, serde_json::Value> =
        table.map_err(|error| Fault::Header(error.to_string()))?;
    table.remove("__metadata__");
    let mut entries = BTreeMap::new();
    for (name, value) in table {
        let entry: Result<Entry, _> = serde_json::from_value(value);
        let entry = entry.map_err(|error| Fault::Header(format!("{name}: {error}")))?;
        entries.insert(name, entry);
    }
    tile(&entries, data.len())?;
    Ok((entries, file.len() - data.len()))
}
// ANCHOR_END: table_of_contents

/// Whether tensors fill so many bytes of data without gap, overlap or rest: equation 6-7.
///
/// A tensor of a type that the format does not know takes what its offsets say; to read it is refused later.
///
/// # Errors
/// [`Fault`], with the name of the tensor.
///
/// ```
/// use std::collections::BTreeMap;
///
/// use mamba::tensor_files::{Entry, Fault, tile};
///
/// let entry = |shape, begin, end| Entry { dtype: "BF16".into(), shape, data_offsets: (begin, end) };
/// let mut entries = BTreeMap::from([("a".to_owned(), entry(vec![3], 0, 6))]);
/// assert_eq!(tile(&entries, 6), Ok(()));
/// entries.insert("b".to_owned(), entry(vec![1, 2], 8, 12));
/// let gap = Fault::Gap { name: "b".to_owned(), expected: 6, found: 8 };
/// assert_eq!(tile(&entries, 12), Err(gap));
/// ```
// ANCHOR: tile
pub fn tile(entries: &BTreeMap<String, Entry>, data: usize) -> Result<(), Fault> {
    let mut ordered: Vec<_> = entries.iter().collect();
    ordered.sort_by_key(|(_, entry)| entry.data_offsets);
    let mut expected = 0;
    for (name, Entry { dtype, shape, data_offsets: (begin, end) }) in ordered {
        let (name, begin, end) = (name.clone(), *begin, *end);
        if begin != expected || end < begin {
            let found = if begin == expected { end } else { begin };
            return Err(Fault::Gap { name, expected, found });
        }
        let product = |bits| shape.iter().try_fold(bits, |a: usize, b| a.checked_mul(*b));
        if let Some(bits) = bits(dtype) {
            let (dtype, shape, found) = (dtype.clone(), shape.clone(), end - begin);
            match product(bits).map(|bits| bits.div_ceil(8)) {
                None => return Err(Fault::Overflow { name, shape }),
                Some(bytes) if bytes == found => {}
                Some(expected) => return Err(Fault::Size { name, dtype, shape, expected, found }),
            }
        }
        expected = end;
    }
    if expected == data { Ok(()) } else { Err(Fault::Length { expected, found: data }) }
}
// ANCHOR_END: tile

/// A tensor as it lies in its file.
#[derive(Debug, Clone, Copy)]
pub struct RawTensor<'a> {
    /// The type of its numbers.
    pub dtype: Dtype,
    /// Its shape.
    pub shape: &'a [usize],
    /// Its bytes.
    pub bytes: &'a [u8],
}

impl RawTensor<'_> {
    /// Its numbers in 32 bits; nothing is lost.
    ///
    /// ```
    /// use mamba::tensor_files::{Dtype, RawTensor};
    ///
    /// // The upper half of the f32 1.0 is the bf16 1.0; the f16 1.0 is another pattern.
    /// let one = |dtype, bytes| RawTensor { dtype, shape: &[1], bytes }.to_f32();
    /// assert_eq!(one(Dtype::F32, &[0x00, 0x00, 0x80, 0x3f]), [1.0]);
    /// assert_eq!(one(Dtype::Bf16, &[0x80, 0x3f]), [1.0]);
    /// assert_eq!(one(Dtype::F16, &[0x00, 0x3c]), [1.0]);
    /// ```
    pub fn to_f32(&self) -> Vec<f32> {
        let halves = || self.bytes.as_chunks().0.iter();
        match self.dtype {
            Dtype::F32 => {
                self.bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
            }
            Dtype::Bf16 => halves().map(|&bytes| bf16::from_le_bytes(bytes).to_f32()).collect(),
            Dtype::F16 => halves().map(|&bytes| f16::from_le_bytes(bytes).to_f32()).collect(),
        }
    }

    /// The bits of its numbers as bf16: as they are, or rounded to the nearest.
    ///
    /// ```
    /// use mamba::tensor_files::{Dtype, RawTensor};
    ///
    /// let pi = std::f32::consts::PI.to_le_bytes();
    /// let rounded = RawTensor { dtype: Dtype::F32, shape: &[1], bytes: &pi }.to_bf16();
    /// assert_eq!(f32::from_bits(u32::from(rounded[0]) << 16), 3.140625);
    /// ```
    pub fn to_bf16(&self) -> Vec<u16> {
        let rounded = |number: f32| bf16::from_f32(number).to_bits();
        match self.dtype {
            Dtype::Bf16 => {
                self.bytes.as_chunks().0.iter().map(|&bytes| u16::from_le_bytes(bytes)).collect()
            }
            Dtype::F32 | Dtype::F16 => self.to_f32().into_iter().map(rounded).collect(),
        }
    }
}

/// A file, and its table of contents.
#[derive(Debug)]
struct TensorFile {
    path: PathBuf,
    bytes: Bytes,
    begin: usize,
    entries: BTreeMap<String, Entry>,
}

/// The bytes of a file: the system brings them as they are read.
#[derive(Debug)]
enum Bytes {
    Mapped(Mmap),
    /// An empty file cannot be mapped everywhere.
    Empty,
}

impl Bytes {
    fn get(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Empty => &[],
        }
    }
}

fn unreadable(path: &Path) -> impl Fn(io::Error) -> TensorError + '_ {
    |error| TensorError::Unreadable { path: path.to_owned(), reason: error.to_string() }
}

impl TensorFile {
    fn open(path: PathBuf) -> Result<Self, TensorError> {
        let bytes = map(&path).map_err(unreadable(&path))?;
        match table_of_contents(bytes.get()) {
            Ok((entries, begin)) => Ok(Self { path, bytes, begin, entries }),
            Err(fault) => Err(TensorError::Format { path, fault }),
        }
    }
}

#[allow(unsafe_code, reason = "a file that is mapped could be changed by another program")]
fn map(path: &Path) -> io::Result<Bytes> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::Error::other("it is a folder"));
    }
    if metadata.len() == 0 {
        return Ok(Bytes::Empty);
    }
    // SAFETY: nobody writes into the files of a model while it is loaded: programs that bring a new one, ours among them, write
    // beside it and rename. What is read is copied, so nothing depends on the file once a model is there.
    let map = unsafe { Mmap::map(&file)? };
    Ok(Bytes::Mapped(map))
}

/// The tensors of one file, or of all files of a folder, by name.
///
/// ```
/// use mamba::tensor_files::TensorFiles;
///
/// let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/hf_mamba_tiny");
/// let tensors = TensorFiles::open(fixture.as_ref())?;
/// let embedding = tensors.numbers("backbone.embeddings.weight", &[96, 48])?;
/// assert_eq!(embedding.len(), 96 * 48);
/// let error = tensors.numbers("backbone.norm_f.weight", &[49]).unwrap_err();
/// assert_eq!(error.to_string(), "expected backbone.norm_f.weight to be of shape [49], found [48]");
/// # Ok::<(), mamba::tensor_files::TensorError>(())
/// ```
#[derive(Debug)]
pub struct TensorFiles {
    files: Vec<TensorFile>,
    /// Which name is in which file.
    places: HashMap<String, usize>,
    /// What a reader is told when a name is missing.
    root: PathBuf,
}

/// The index of a folder with several files.
#[derive(Deserialize)]
struct WeightMap {
    weight_map: BTreeMap<String, String>,
}

impl TensorFiles {
    /// Opens a folder's `model.safetensors`, or the files that `model.safetensors.index.json` lists, or the one file that
    /// `path` is. Nothing but the tables of contents is read.
    ///
    /// # Errors
    /// [`TensorError`]: no such file, or one that breaks the format's law.
    pub fn open(path: &Path) -> Result<Self, TensorError> {
        let one = if path.is_dir() { path.join(ONE_FILE) } else { path.to_owned() };
        let index = path.join(INDEX);
        if one.exists() || !path.is_dir() {
            let file = TensorFile::open(one)?;
            let places = file.entries.keys().map(|name| (name.clone(), 0)).collect();
            return Ok(Self { root: file.path.clone(), files: vec![file], places });
        }
        if !index.exists() {
            return Err(TensorError::NoWeights(path.to_owned()));
        }
        Self::open_index(path, index)
    }

    fn open_index(folder: &Path, index: PathBuf) -> Result<Self, TensorError> {
        let wrong = |reason: String| TensorError::Index { path: index.clone(), reason };
        let text = fs::read_to_string(&index).map_err(unreadable(&index))?;
        let WeightMap { weight_map } =
            serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let mut numbers = BTreeMap::new();
        let mut files = Vec::new();
        let mut places = HashMap::new();
        for (name, file) in weight_map {
            if !is_plain(&file) {
                return Err(wrong(format!("expected the name of a file beside it, found {file}")));
            }
            let number = match numbers.get(&file) {
                Some(&number) => number,
                None => {
                    files.push(TensorFile::open(folder.join(&file))?);
                    numbers.insert(file, files.len() - 1);
                    files.len() - 1
                }
            };
            if !files[number].entries.contains_key(&name) {
                return Err(TensorError::Missing { name, path: files[number].path.clone() });
            }
            places.insert(name, number);
        }
        Ok(Self { files, places, root: index })
    }

    /// The names that there are, in alphabetical order.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.places.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// Type, shape and bytes of a tensor, whatever its type is.
    pub fn about(&self, name: &str) -> Option<(&str, &[usize], usize)> {
        let Entry { dtype, shape, data_offsets: (begin, end) } =
            self.files.get(*self.places.get(name)?)?.entries.get(name)?;
        Some((dtype, shape, end - begin))
    }

    /// Whether there is a tensor of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    /// A tensor as it lies there; its shape must be this one.
    ///
    /// # Errors
    /// [`TensorError::Missing`], [`TensorError::Shape`], [`TensorError::Type`].
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<RawTensor<'_>, TensorError> {
        let missing = || TensorError::Missing { name: name.to_owned(), path: self.root.clone() };
        let file = &self.files[*self.places.get(name).ok_or_else(missing)?];
        let entry = file.entries.get(name).ok_or_else(missing)?;
        if entry.shape != shape {
            let (expected, found) = (shape.to_vec(), entry.shape.clone());
            return Err(TensorError::Shape { name: name.to_owned(), expected, found });
        }
        let dtype = match entry.dtype.as_str() {
            "F32" => Dtype::F32,
            "BF16" => Dtype::Bf16,
            "F16" => Dtype::F16,
            found => {
                return Err(TensorError::Type { name: name.to_owned(), found: found.to_owned() });
            }
        };
        let (begin, end) = entry.data_offsets;
        let bytes = file.bytes.get().get(file.begin..).and_then(|data| data.get(begin..end));
        Ok(RawTensor { dtype, shape: &entry.shape, bytes: bytes.ok_or_else(missing)? })
    }

    /// The numbers of a tensor in 32 bits, row by row; its shape must be this one.
    ///
    /// # Errors
    /// [`TensorError::Missing`], [`TensorError::Shape`], [`TensorError::Type`].
    pub fn numbers(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, TensorError> {
        self.tensor(name, shape).map(|tensor| tensor.to_f32())
    }
}

/// Whether this is the name of a file and nothing more: no folder, no way out of one.
///
/// ```
/// use mamba::tensor_files::is_plain;
///
/// assert!(is_plain("model-00001-of-00002.safetensors"));
/// assert!(!is_plain("../model.safetensors") && !is_plain("a\\b") && !is_plain(""));
/// ```
pub fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    !name.is_empty() && name.chars().all(plain) && !name.starts_with('.')
}
