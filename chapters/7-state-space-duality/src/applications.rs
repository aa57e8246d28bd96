//! *Where does a memory that does not grow belong?*
//!
//! Two numbers can be had before anything is trained. How much a model carries from token to token: [`Stack`] adds up the bytes of
//! its states, which stay, and of its caches, which grow. And how much of what it carries it can quote: [`Facts`] are filed once in
//! a state and once in a cache, and then each is asked for.
//!
//! ```text
//! X = Σ_j v_j k_jᵀ,      X k_i = v_i + Σ_{j≠i} (k_j · k_i) v_j      for keys of length 1      (eq-7-6)
//! ```
//!
//! Conventions: keys are rows of length 1, values are symbols, written as unit vectors. The state X is `[symbols, width]`, as a head
//! of Mamba-2 keeps it: entries of the head times states.

use math_foundations::validation::{InputError, length};
use ml_links::parameterization::normal;
use nalgebra::{DMatrix, DVector};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The layers of a model that carry something from token to token.
///
/// ```
/// use state_space_duality::applications::Stack;
///
/// let stack = Stack { attention: 4, recurrent: 28, key_width: 1024, d_inner: 8192, d_state: 16, taps: 4 };
/// let all_attention = Stack { attention: 32, recurrent: 0, ..stack };
/// let long = 256 * 1024;
/// assert_eq!(all_attention.carried(long), 32 << 30); // 32 GiB
/// assert!(stack.carried(long) < all_attention.carried(long) / 7);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stack {
    /// Layers with attention.
    pub attention: usize,
    /// Layers with a state.
    pub recurrent: usize,
    /// Numbers of a token's key over all heads that have one of their own; its value has as many.
    pub key_width: usize,
    /// Channels of a layer with a state.
    pub d_inner: usize,
    /// States of a channel.
    pub d_state: usize,
    /// What its convolution hears, in tokens.
    pub taps: usize,
}

// ANCHOR: stack
impl Stack {
    /// Bytes of all keys and values after so many tokens, in 16 bits each.
    pub fn cached(&self, tokens: usize) -> usize {
        2 * (self.attention * 2 * self.key_width * tokens)
    }

    /// Bytes of all states, in 32 bits each, whatever has been read.
    pub fn kept(&self) -> usize {
        4 * (self.recurrent * self.d_inner * (self.d_state + self.taps))
    }
}
// ANCHOR_END: stack

impl Stack {
    /// Bytes carried from one token to the next, after so many of them.
    pub fn carried(&self, tokens: usize) -> usize {
        self.cached(tokens) + self.kept()
    }

    /// After how many tokens the cache of one layer outgrows the state of another.
    ///
    /// ```
    /// use state_space_duality::applications::Stack;
    ///
    /// let stack = Stack { attention: 1, recurrent: 1, key_width: 8, d_inner: 16, d_state: 6, taps: 2 };
    /// assert_eq!(stack.even_after(), 16);
    /// assert_eq!(stack.cached(16), stack.kept());
    /// ```
    pub fn even_after(&self) -> usize {
        let one = Self { attention: 1, recurrent: 1, ..*self };
        one.kept().div_ceil(one.cached(1))
    }
}

/// Pairs of a key and a value: what a text says once and may be asked for later.
///
/// ```
/// use state_space_duality::applications::Facts;
///
/// let facts = Facts::draw(200, 16, 64, 1)?;
/// let state = facts.state();
/// let by_state = facts.share_recalled(|key| &state * key);
/// let by_cache = facts.share_recalled(|key| facts.look_up(key, 100.0));
/// assert_eq!(by_cache, 1.0);
/// assert!(by_state < 0.5);
/// # Ok::<(), math_foundations::validation::InputError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    keys: Vec<DVector<f64>>,
    values: Vec<usize>,
    symbols: usize,
}

impl Facts {
    /// So many pairs: keys that point anywhere in `width` dimensions, values among `symbols`, drawn by `seed`.
    ///
    /// # Errors
    /// [`InputError::OutOfRange`] for none of something.
    pub fn draw(count: usize, width: usize, symbols: usize, seed: u64) -> Result<Self, InputError> {
        for (name, number) in [("the pairs", count), ("the width", width), ("the symbols", symbols)]
        {
            if number == 0 {
                let value = "0".to_owned();
                return Err(InputError::OutOfRange { name, expected: "at least 1", value });
            }
        }
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut key = || DVector::from_fn(width, |_, _| normal(&mut random)).normalize();
        let keys = (0..count).map(|_| key()).collect();
        let values = (0..count).map(|_| random.random_range(0..symbols)).collect();
        Ok(Self { keys, values, symbols })
    }

    /// These pairs, in this order.
    ///
    /// # Errors
    /// [`InputError`] for keys and values of which there are not as many, keys of different widths, and no pairs.
    ///
    /// ```
    /// use nalgebra::dvector;
    /// use state_space_duality::applications::Facts;
    ///
    /// // Keys at right angles do not hear each other.
    /// let facts = Facts::of(vec![dvector![1.0, 0.0], dvector![0.0, 1.0]], vec![2, 0])?;
    /// assert_eq!(facts.state() * dvector![0.0, 1.0], dvector![1.0, 0.0, 0.0]);
    /// # Ok::<(), math_foundations::validation::InputError>(())
    /// ```
    pub fn of(keys: Vec<DVector<f64>>, values: Vec<usize>) -> Result<Self, InputError> {
        if keys.is_empty() || keys.len() != values.len() {
            let expected = "as many as keys, and at least 1";
            let value = values.len().to_string();
            return Err(InputError::OutOfRange { name: "the number of values", expected, value });
        }
        let width = keys[0].len();
        keys.iter().try_for_each(|key| length("a key", key, width))?;
        let symbols = values.iter().max().map_or(1, |largest| largest + 1);
        Ok(Self { keys, values, symbols })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.keys.len()
    }
}

// ANCHOR: facts
impl Facts {
    /// All of them in one state, `[symbols, width]`: each value is written in the direction of its key.
    pub fn state(&self) -> DMatrix<f64> {
        let mut x = DMatrix::<f64>::zeros(self.symbols, self.keys[0].len());
        for (key, &value) in self.keys.iter().zip(&self.values) {
            let row = x.row(value) + key.transpose();
            x.set_row(value, &row);
        }
        x
    }

    /// What attention finds under a key, `[symbols]`: every key is kept, and the nearest speaks loudest.
    pub fn look_up(&self, key: &DVector<f64>, sharpness: f64) -> DVector<f64> {
        let mut found = DVector::<f64>::zeros(self.symbols);
        for (kept, &value) in self.keys.iter().zip(&self.values) {
            found[value] += (sharpness * (kept.dot(key) - 1.0)).exp();
        }
        let sum = found.sum();
        found / sum
    }
}
// ANCHOR_END: facts

impl Facts {
    /// The share of the pairs whose value is heard loudest when their key is asked for.
    ///
    /// Of more than 256 pairs every n-th is asked, so that as many are.
    pub fn share_recalled(&self, mut read: impl FnMut(&DVector<f64>) -> DVector<f64>) -> f64 {
        let every = self.count().div_ceil(256);
        let pairs: Vec<_> = self.keys.iter().zip(&self.values).step_by(every).collect();
        let right = pairs.iter().filter(|(key, value)| read(key).imax() == **value).count();
        right as f64 / pairs.len() as f64
    }
}

/// How many pairs a state of `symbols` times `width` numbers can be asked for, by a rule of thumb.
///
/// ```text
/// M ≈ N P / (2 ln P)
/// ```
///
/// The value speaks with loudness 1. What the M pairs have left under each of the other P symbols is noise of variance M / (N P), and
/// the loudest of P such noises is about √(2 ln P) deviations loud.
///
/// ```
/// use state_space_duality::applications::capacity;
///
/// assert!((capacity(16, 64) - 123.1).abs() < 0.1);
/// assert!((capacity(64, 64) / capacity(16, 64) - 4.0).abs() < 1e-12);
/// ```
pub fn capacity(width: usize, symbols: usize) -> f64 {
    (width * symbols) as f64 / (2.0 * (symbols as f64).ln())
}
