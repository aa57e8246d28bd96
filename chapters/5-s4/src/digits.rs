//! Pictures of digits, from wherever they come: drawn by this program, downloaded once, or in a folder of yours.
//!
//! A picture has 28 rows of 28 pixels, from 0 (paper) to 255 (ink), stored row by row as one list of 784: the order in
//! which a model reads it. The four files of MNIST are in the format [IDX](s4::idx). [`Digits::load`] reads them, packed
//! by gzip or plain, and says in a sentence what is wrong with them.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use clap::Args;
use flate2::bufread::MultiGzDecoder;
use s4::download::{DownloadError, Remote, cache_folder, fetch};
use s4::idx::{IdxError, read_idx};
use s4::strokes::strokes;
use thiserror::Error;
use workbench::command_line::count;

/// Pixels in a row, and rows in a picture.
pub const SIDE: usize = 28;
/// Pixels in a picture: the length of its melody.
pub const PIXELS: usize = SIDE * SIDE;
/// How many different digits there are.
pub const CLASSES: usize = 10;

/// Why there are no digits.
#[derive(Debug, Error)]
pub enum DigitsError {
    /// Neither a known name nor a folder.
    #[error("expected `strokes`, `mnist` or a folder with the files of MNIST, found no folder {}", .0.display())]
    NoFolder(PathBuf),
    /// A file is not there under any of its names.
    #[error("expected one of {names} in the folder {}, found none", folder.display())]
    Missing {
        /// Where.
        folder: PathBuf,
        /// Under which names it was looked for.
        names: String,
    },
    /// A file that cannot be opened.
    #[error("cannot open {}: {reason}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// A file that is not what its name says.
    #[error("cannot read {}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        error: IdxError,
    },
    /// Pictures of another size.
    #[error("expected pictures of {SIDE} x {SIDE} pixels in {}, found {rows} x {columns}", path.display())]
    Size {
        /// In which file.
        path: PathBuf,
        /// Its rows.
        rows: u32,
        /// Its columns.
        columns: u32,
    },
    /// Pictures and labels do not belong together.
    #[error(
        "expected as many labels as pictures, found {pictures} pictures and {labels} labels{place}"
    )]
    Counts {
        /// How many pictures.
        pictures: usize,
        /// How many labels.
        labels: usize,
        /// Where, for the message: empty, or a folder.
        place: String,
    },
    /// A label that is no digit.
    #[error("expected labels from 0 to 9, found label {found} for picture {index}{place}")]
    Label {
        /// Which picture, counted from 0.
        index: usize,
        /// Its label.
        found: u8,
        /// Where, for the message: empty, or a folder.
        place: String,
    },
    /// Pixels that do not fill pictures.
    #[error("expected {PIXELS} pixels for each picture, found {0} pixels in all")]
    Pixels(usize),
    /// Files without a picture.
    #[error("expected at least one picture in the folder {}, found none", .0.display())]
    Empty(PathBuf),
    /// What kept the files from being downloaded.
    #[error(
        "{0}; with `--data strokes` the program draws digits itself, with `--data DIR` it reads the files in a folder"
    )]
    Download(#[from] DownloadError),
}

/// Pictures and which digit each of them shows.
///
/// ```
/// use s4::digits::{Digits, PIXELS};
///
/// let mut pixels = vec![0; 2 * PIXELS];
/// pixels[PIXELS + 3] = 255;
/// let digits = Digits::new(pixels, vec![7, 1])?;
/// assert_eq!((digits.len(), digits.label(1), digits.image(1)[3]), (2, 1, 255));
/// assert!(Digits::new(vec![0; PIXELS], vec![10]).is_err());
/// # Ok::<(), s4::digits::DigitsError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Digits {
    pixels: Vec<u8>,
    labels: Vec<u8>,
}

impl Digits {
    /// Pictures one after the other, row by row, and as many labels.
    ///
    /// # Errors
    /// [`DigitsError::Pixels`], [`DigitsError::Counts`], [`DigitsError::Label`].
    pub fn new(pixels: Vec<u8>, labels: Vec<u8>) -> Result<Self, DigitsError> {
        Self::checked(pixels, labels, "")
    }

    fn checked(pixels: Vec<u8>, labels: Vec<u8>, place: &str) -> Result<Self, DigitsError> {
        let place = || place.to_owned();
        if !pixels.len().is_multiple_of(PIXELS) {
            return Err(DigitsError::Pixels(pixels.len()));
        }
        let pictures = pixels.len() / PIXELS;
        if pictures != labels.len() {
            return Err(DigitsError::Counts { pictures, labels: labels.len(), place: place() });
        }
        match labels.iter().position(|&label| usize::from(label) >= CLASSES) {
            Some(index) => Err(DigitsError::Label { index, found: labels[index], place: place() }),
            None => Ok(Self { pixels, labels }),
        }
    }

    /// The digits to learn from and those to be tested on: the four files of MNIST, or of a set that took over its names.
    ///
    /// Each file may be packed by gzip or plain, whatever its name says.
    ///
    /// # Errors
    /// All of [`DigitsError`] but [`DigitsError::Download`].
    pub fn load(folder: &Path) -> Result<(Self, Self), DigitsError> {
        if !folder.is_dir() {
            return Err(DigitsError::NoFolder(folder.to_owned()));
        }
        Ok((Self::load_half(folder, "train")?, Self::load_half(folder, "t10k")?))
    }

    fn load_half(folder: &Path, half: &str) -> Result<Self, DigitsError> {
        let path = find(folder, &format!("{half}-images"), "idx3-ubyte")?;
        let ([_, rows, columns], pixels) = read_file(&path)?;
        if [rows, columns] != [SIDE as u32; 2] {
            return Err(DigitsError::Size { path, rows, columns });
        }
        let ([_], labels) = read_file(&find(folder, &format!("{half}-labels"), "idx1-ubyte")?)?;
        let place = format!(" in the files {half}-… of {}", folder.display());
        let digits = Self::checked(pixels, labels, &place)?;
        if digits.is_empty() { Err(DigitsError::Empty(folder.to_owned())) } else { Ok(digits) }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The pixels of a picture, row by row.
    ///
    /// # Panics
    /// If there is no such picture.
    pub fn image(&self, index: usize) -> &[u8] {
        &self.pixels[index * PIXELS..][..PIXELS]
    }

    /// Which digit a picture shows.
    ///
    /// # Panics
    /// If there is no such picture.
    pub fn label(&self, index: usize) -> u8 {
        self.labels[index]
    }

    /// The labels of all pictures.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// All pictures, one after the other.
    pub fn images(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.pixels.chunks_exact(PIXELS)
    }

    /// The first of them, at most `count`.
    pub fn first(mut self, count: usize) -> Self {
        self.labels.truncate(count);
        self.pixels.truncate(self.labels.len() * PIXELS);
        self
    }
}

/// The first of a file's usual names that is in the folder: MNIST's own, those of some copies, with `.gz` or without.
fn find(folder: &Path, name: &str, kind: &str) -> Result<PathBuf, DigitsError> {
    let names = ["-", "."].map(|joint| format!("{name}{joint}{kind}"));
    let names = names.map(|name| [format!("{name}.gz"), name]).concat();
    match names.iter().map(|name| folder.join(name)).find(|path| path.is_file()) {
        Some(path) => Ok(path),
        None => Err(DigitsError::Missing { folder: folder.to_owned(), names: names.join(", ") }),
    }
}

/// Reads an IDX file, which gzip may have packed: the file's first bytes say so, not its name.
fn read_file<const AXES: usize>(path: &Path) -> Result<([u32; AXES], Vec<u8>), DigitsError> {
    let unreadable = |error: io::Error| DigitsError::Unreadable {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    let mut file = BufReader::new(File::open(path).map_err(unreadable)?);
    let packed = file.fill_buf().map_err(unreadable)?.starts_with(&[0x1f, 0x8b]);
    let contents =
        if packed { read_idx(BufReader::new(MultiGzDecoder::new(file))) } else { read_idx(file) };
    contents.map_err(|error| DigitsError::File { path: path.to_owned(), error })
}

/// The four files of MNIST as they have been distributed since 1998: name, bytes, SHA-256.
pub const MNIST: [(&str, u64, &str); 4] = [
    (
        "train-images-idx3-ubyte.gz",
        9_912_422,
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    ),
    (
        "train-labels-idx1-ubyte.gz",
        28_881,
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    ),
    (
        "t10k-images-idx3-ubyte.gz",
        1_648_877,
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    ),
    (
        "t10k-labels-idx1-ubyte.gz",
        4_542,
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
];

/// Where copies of them are.
pub const MIRRORS: [&str; 2] = [
    "https://ossci-datasets.s3.amazonaws.com/mnist",
    "https://storage.googleapis.com/cvdf-datasets/mnist",
];

/// Downloads files that are not in the folder yet, from the first mirror that has them.
///
/// # Errors
/// [`DownloadError`]; what was in the folder is there still.
pub fn fetch_all(
    files: &[(&str, u64, &str)],
    mirrors: &[&str],
    folder: &Path,
) -> Result<(), DownloadError> {
    for (name, bytes, sha256) in files {
        let urls: Vec<String> = mirrors.iter().map(|mirror| format!("{mirror}/{name}")).collect();
        let remote = Remote { urls: &urls, bytes: Some(*bytes), sha256: Some(sha256) };
        fetch(&remote, &folder.join(name))?;
    }
    Ok(())
}

/// The flags of a command that needs digits.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct DataArguments {
    /// `strokes` (drawn by this program), `mnist` (downloaded once), or a folder with the four files of MNIST
    #[arg(long, value_name = "strokes|mnist|DIR", default_value = "strokes")]
    pub data: PathBuf,
    /// Learns from so many digits at most [default: all; 20000 strokes]
    #[arg(long, value_parser = count(1_000_000))]
    pub digits: Option<usize>,
    /// Is tested on so many at most [default: all; 2000 strokes]
    #[arg(long, value_parser = count(1_000_000))]
    pub test_digits: Option<usize>,
}

impl DataArguments {
    /// The digits to learn from, and others to be tested on. Only strokes depend on the seed.
    ///
    /// # Errors
    /// [`DigitsError`].
    pub fn open(&self, seed: u64) -> Result<(Digits, Digits), DigitsError> {
        if self.data == Path::new("strokes") {
            let counts = (self.digits.unwrap_or(20_000), self.test_digits.unwrap_or(2_000));
            return Ok((strokes(counts.0, seed), strokes(counts.1, !seed)));
        }
        let (train, test) = if self.data == Path::new("mnist") {
            let folder = cache_folder()?.join("mnist");
            fetch_all(&MNIST, &MIRRORS, &folder)?;
            Digits::load(&folder)?
        } else {
            Digits::load(&self.data)?
        };
        let all = usize::MAX;
        Ok((train.first(self.digits.unwrap_or(all)), test.first(self.test_digits.unwrap_or(all))))
    }
}
