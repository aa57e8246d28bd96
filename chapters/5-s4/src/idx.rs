//! The format IDX: a magic number, the sizes of the axes, the bytes.
//!
//! Four bytes begin it: two zeros, the kind of number (8 for bytes, the only kind read here), how many axes there are. The
//! size of each axis follows in four bytes, the largest first, and then nothing but the numbers, the last axis fastest.

use std::io::{self, ErrorKind, Read};

use thiserror::Error;

/// A file may hold so many bytes, a million pictures of MNIST; a header gone wrong may announce far more.
const MOST_BYTES: u64 = 1_000_000 * 28 * 28;

/// What is wrong inside an IDX file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IdxError {
    /// Another kind of file, or other axes.
    #[error("expected it to begin with the magic number {expected:#010x}, found {found:#010x}")]
    Magic {
        /// What an IDX file of bytes with these axes begins with.
        expected: u32,
        /// What the file begins with.
        found: u32,
    },
    /// The file ends in its header.
    #[error("expected a header of {expected} bytes, found the end of the file")]
    Header {
        /// As long as the header should be.
        expected: usize,
    },
    /// A header that promises more than anybody should read.
    #[error("expected at most {MOST_BYTES} bytes, found a header that announces {found}")]
    TooLarge {
        /// The sizes of the axes.
        found: String,
    },
    /// Fewer bytes than the header promised.
    #[error("it is cut short: expected {expected} bytes after the header, found {found}")]
    CutShort {
        /// As many as the header says.
        expected: u64,
        /// As many as there are.
        found: u64,
    },
    /// More bytes than the header promised.
    #[error("expected {expected} bytes after the header, found more")]
    TooLong {
        /// As many as the header says.
        expected: u64,
    },
    /// A gzip stream that does not unpack, or a disk that does not answer.
    #[error("it is damaged: {0}")]
    Damaged(String),
}

/// The sizes of the axes and the bytes of an IDX file. A header that lies cannot make it reserve memory, and a gzip
/// stream is read to its checksum.
///
/// ```
/// use s4::idx::read_idx;
///
/// let labels = [0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1];
/// assert_eq!(read_idx(&labels[..])?, ([3], vec![7, 2, 1]));
/// let said = read_idx::<1>(&labels[..10]).unwrap_err().to_string();
/// assert_eq!(said, "it is cut short: expected 3 bytes after the header, found 2");
/// # Ok::<(), s4::idx::IdxError>(())
/// ```
///
/// # Errors
/// [`IdxError`].
// ANCHOR: read_idx
pub fn read_idx<const AXES: usize>(
    mut file: impl Read,
) -> Result<([u32; AXES], Vec<u8>), IdxError> {
    // Two zeros, the kind of number (8: bytes), how many axes; then the size of each.
    let (expected, found) = (0x0800 + AXES as u32, word::<AXES>(&mut file)?);
    if found != expected {
        return Err(IdxError::Magic { expected, found });
    }
    let mut sizes = [0; AXES];
    for size in &mut sizes {
        *size = word::<AXES>(&mut file)?;
    }
    let (bytes, mut data) = (announced(&sizes)?, Vec::new());
    // One byte more than there should be: so a file that is too long shows itself.
    let end = file.take(bytes + 1).read_to_end(&mut data);
    let (expected, found) = (bytes, data.len() as u64);
    end.map_err(|error| damage(&error, IdxError::CutShort { expected, found }))?;
    match found {
        _ if found < expected => Err(IdxError::CutShort { expected, found }),
        _ if found > expected => Err(IdxError::TooLong { expected }),
        _ => Ok((sizes, data)),
    }
}
// ANCHOR_END: read_idx

/// Four bytes of a header as a number, the largest byte first.
fn word<const AXES: usize>(file: &mut impl Read) -> Result<u32, IdxError> {
    let mut bytes = [0; 4];
    let header = IdxError::Header { expected: 4 * (1 + AXES) };
    file.read_exact(&mut bytes).map_err(|error| damage(&error, header))?;
    Ok(u32::from_be_bytes(bytes))
}

/// How many bytes these sizes make.
fn announced(sizes: &[u32]) -> Result<u64, IdxError> {
    let product = sizes.iter().try_fold(1_u64, |bytes, &size| bytes.checked_mul(size.into()));
    product.filter(|bytes| *bytes <= MOST_BYTES).ok_or_else(|| {
        let sizes: Vec<String> = sizes.iter().map(u32::to_string).collect();
        IdxError::TooLarge { found: sizes.join(" x ") }
    })
}

/// What an error of reading means: the end came too early, or something is broken.
fn damage(error: &io::Error, too_early: IdxError) -> IdxError {
    match error.kind() {
        ErrorKind::UnexpectedEof => too_early,
        _ => IdxError::Damaged(error.to_string()),
    }
}
