//! Tokens of a few letters: byte pairs, learned from a text.
//!
//! A text is bytes, and each of the 256 bytes is a token: nothing that can be written is unknown. Then the pair of tokens that
//! stands side by side most often becomes one token, and again, until there are as many as were asked for. No token goes beyond a word
//! and the space before it. The `tokenizers` crate learns and applies the pairs; what it writes, `tokenizer.json`, is what
//! Hugging Face's models have beside their weights.
//!
//! Source: R. Sennrich, B. Haddow, A. Birch, *Neural machine translation of rare words with subword units* (2016).

use std::fmt;
use std::io;
use std::path::Path;

use ml_links::language_model::{Alphabet, TextError, read_text};
use ml_links::training::checkpoint::write_whole;
use tokenizers::Tokenizer;
use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;

/// Tokens that were learned from a text.
///
/// ```
/// use mamba::byte_pairs::BytePairs;
/// use ml_links::language_model::Alphabet;
///
/// let song = "row, row, row your boat, ".repeat(9);
/// let pairs = BytePairs::learn(&song, 264)?;
/// let tokens = pairs.encode("row, row")?;
/// assert_eq!(tokens.len(), 3); // row , row: the second with its space
/// assert_eq!(pairs.decode(&tokens), "row, row");
///
/// // What was never seen is spelled, byte by byte.
/// assert_eq!(pairs.encode("Δ")?.len(), 2);
/// assert_eq!(pairs.decode(&pairs.encode("Δ → ∞")?), "Δ → ∞");
/// # Ok::<(), ml_links::language_model::TextError>(())
/// ```
#[derive(Debug, Clone)]
pub struct BytePairs {
    tokenizer: Tokenizer,
    json: String,
}

impl BytePairs {
    /// The bytes, and pairs of the text until there are `size` tokens, or no pair is there twice.
    ///
    /// # Errors
    /// [`TextError::Number`] for fewer tokens than bytes.
    // ANCHOR: learn
    pub fn learn(text: &str, size: usize) -> Result<Self, TextError> {
        if size < 256 {
            let expected = "of 256 tokens or more, one for each byte";
            let (name, found) = ("the vocabulary", size as f64);
            return Err(TextError::Number { name, expected, found });
        }
        let bytes = ByteLevel::default().add_prefix_space(false);
        let mut tokenizer = Tokenizer::new(BPE::default());
        tokenizer.with_pre_tokenizer(Some(bytes)).with_decoder(Some(bytes));
        let trainer = BpeTrainer::builder()
            .vocab_size(size)
            .min_frequency(2)
            .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
            .show_progress(false)
            .build();
        let mut trainer = TrainerWrapper::from(trainer);
        let learned = tokenizer.train(&mut trainer, std::iter::once(text));
        learned.map_err(|error| TextError::Tokens(error.to_string()))?;
        let json = tokenizer.to_string(false);
        let json = json.map_err(|error| TextError::Tokens(error.to_string()))?;
        Ok(Self { tokenizer, json })
    }
    // ANCHOR_END: learn

    /// The tokens of a folder that [`save`](Self::save) has written.
    ///
    /// # Errors
    /// [`TextError::Unreadable`], [`TextError::Tokens`].
    pub fn open(folder: &Path) -> Result<Self, TextError> {
        let json = read_text(&folder.join("tokenizer.json"))?;
        let tokenizer: Result<Tokenizer, _> = json.parse();
        let tokenizer = tokenizer.map_err(|error| TextError::Tokens(error.to_string()))?;
        Ok(Self { tokenizer, json })
    }

    /// Writes `tokenizer.json` into a folder.
    ///
    /// # Errors
    /// What the system says.
    pub fn save(&self, folder: &Path) -> io::Result<()> {
        write_whole(&folder.join("tokenizer.json"), self.json.as_bytes())
    }
}

/// The text of `tokenizer.json`.
impl fmt::Display for BytePairs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.json)
    }
}

impl Alphabet for BytePairs {
    const UNITS: &'static str = "tokens";

    fn size(&self) -> usize {
        self.tokenizer.get_vocab_size(true)
    }

    fn encode(&self, text: &str) -> Result<Vec<usize>, TextError> {
        let encoding = self.tokenizer.encode_fast(text, false);
        let encoding = encoding.map_err(|error| TextError::Tokens(error.to_string()))?;
        Ok(encoding.get_ids().iter().map(|&id| id as usize).collect())
    }

    /// Bytes that are no whole characters become `�`.
    fn decode(&self, tokens: &[usize]) -> String {
        let ids: Vec<u32> = tokens.iter().map(|&token| token as u32).collect();
        self.tokenizer.decode(&ids, false).unwrap_or_default()
    }
}
