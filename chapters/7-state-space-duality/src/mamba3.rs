//! *Can a memory that only fades count to two?*
//!
//! Mamba-3 changes three things about the recurrence of a head, and each is known from an earlier chapter: a step counts both of
//! its ends (chapter 3), the states turn in pairs as they fade (chapter 1), and several inputs enter and several outputs leave at
//! once (chapter 2). With P entries of a head, N states each and R inputs, a [`Memory`] keeps one matrix X, `[P, N]`:
//!
//! ```text
//! X_k = α_k (X_{k-1} + (1-λ_k) Δ_k U_{k-1} B_{k-1}ᵀ) R(φ_k) + λ_k Δ_k U_k B_kᵀ,      Y_k = X_k C_k      (eq-7-4)
//! ```
//!
//! [`Memory::step`] does not turn X. It turns B and C, by all that has been turned so far, which says the same: that is how the
//! paper's code does it, and it leaves a recurrence of real numbers. [`Memory::attend`] reads a piece of any length at once,
//! through the matrix [`mask`]; piece after piece it is the chunked algorithm, one piece it is masked attention.
//!
//! [`toggle`] is a layer with weights set by hand that counts to two. [`Parity`] is the puzzle that it solves, and that a memory that
//! only fades cannot: [`fading_answers`] shows why.
//!
//! Conventions: one head of one sequence; pairs are the states 2i and 2i+1; a row of X times R(φ) turns clockwise. The state is x and
//! the input u, where the papers on Mamba write h and x.

use std::f64::consts::{PI, TAU};

use mamba::selection::{Example, Puzzle, PuzzleError};
use math_foundations::validation::{InputError, finite, finite_vector, non_negative, shape};
use nalgebra::{DMatrix, DVector, dmatrix, dvector};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// What one token brings to one head: how its step is taken, what is written, where, and from where is read.
///
/// ```
/// use nalgebra::{dmatrix, dvector};
/// use state_space_duality::mamba3::Token;
///
/// let one = dmatrix![1.0; 0.0];
/// let token = Token {
///     decay: -(2.0f64.ln()), delta: 1.0, lambda: 0.25, turn: dvector![0.0], b: one.clone(), c: one, u: dmatrix![3.0],
/// };
/// let [alpha, beta, gamma] = token.weights();
/// assert!((alpha - 0.5).abs() < 1e-15 && (beta - 0.375).abs() < 1e-15 && gamma == 0.25);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// Δa, at most 0: the state fades by e^{Δa}.
    pub decay: f64,
    /// Δ: how long the step lasts.
    pub delta: f64,
    /// λ: how much of the step its end owns.
    pub lambda: f64,
    /// φ: how far each pair of states turns, `[pairs]`; those not named stand still.
    pub turn: DVector<f64>,
    /// Where the inputs are written, `[d_state, rank]`.
    pub b: DMatrix<f64>,
    /// From where the outputs are read, `[d_state, rank]`.
    pub c: DMatrix<f64>,
    /// The inputs, `[head_dim, rank]`.
    pub u: DMatrix<f64>,
}

impl Token {
    /// α, β and γ: what is left of the state, and how much of the old and of the new input is added.
    ///
    /// ```text
    /// α = e^{Δa},      β = (1-λ) Δ α,      γ = λ Δ
    /// ```
    pub fn weights(&self) -> [f64; 3] {
        let alpha = self.decay.exp();
        [alpha, self.old_end() * alpha, self.lambda * self.delta]
    }

    /// (1-λ) Δ: how much of the step its beginning owns, before it fades.
    pub fn old_end(&self) -> f64 {
        (1.0 - self.lambda) * self.delta
    }

    /// Whether it fits a head of this many entries, states and inputs.
    fn check(&self, head_dim: usize, d_state: usize, rank: usize) -> Result<(), InputError> {
        for (name, matrix, rows) in
            [("b", &self.b, d_state), ("c", &self.c, d_state), ("u", &self.u, head_dim)]
        {
            shape(name, matrix, (rows, rank))?;
            finite(name, matrix)?;
        }
        if !self.turn.is_empty() {
            finite_vector("turn", &self.turn)?;
        }
        if self.turn.len() > d_state / 2 {
            let (name, expected) =
                ("the number of turns", "no more than there are pairs of states");
            return Err(InputError::OutOfRange {
                name,
                expected,
                value: self.turn.len().to_string(),
            });
        }
        non_negative("Δ", self.delta)?;
        non_negative("-Δa", -self.decay)?;
        if !(0.0..=1.0).contains(&self.lambda) {
            let (name, expected) = ("λ", "from 0 to 1");
            return Err(InputError::OutOfRange { name, expected, value: self.lambda.to_string() });
        }
        Ok(())
    }
}

/// Columns of states, each pair (2i, 2i+1) turned counterclockwise by its angle.
///
/// ```
/// use nalgebra::{dmatrix, dvector};
/// use state_space_duality::mamba3::turned;
///
/// let quarter = dvector![std::f64::consts::FRAC_PI_2];
/// let found = turned(&dmatrix![1.0; 0.0; 5.0; 6.0], &quarter);
/// assert!((found - dmatrix![0.0; 1.0; 5.0; 6.0]).amax() < 1e-15);
/// ```
// ANCHOR: turned
pub fn turned(states: &DMatrix<f64>, theta: &DVector<f64>) -> DMatrix<f64> {
    let mut turned = states.clone();
    for (pair, angle) in theta.iter().enumerate() {
        let (sin, cos) = angle.sin_cos();
        for column in 0..states.ncols() {
            let [x, y] = [states[(2 * pair, column)], states[(2 * pair + 1, column)]];
            turned[(2 * pair, column)] = cos * x - sin * y;
            turned[(2 * pair + 1, column)] = sin * x + cos * y;
        }
    }
    turned
}
// ANCHOR_END: turned

/// What a head remembers: as large after a million tokens as after one.
///
/// - `step` costs O(P N R) and is how one generates; `attend` costs O(L² (N + P) R²) for L tokens and is how one trains.
/// - *Exact*: the two agree to rounding, in pieces of any length.
/// - *Breaks*: the angles are kept modulo 2π, so that a sine of them never loses digits; without that, after n turns it has lost log₂ n
///   bits.
///
/// Source: A. Lahoti and others, *Mamba-3* (2026); the step reference of their repository.
///
/// ```
/// use nalgebra::{dmatrix, dvector};
/// use state_space_duality::mamba3::{Memory, Token};
///
/// // A quarter of a turn at each step, no decay: four pushes of 1 come round to nothing.
/// let token = Token {
///     decay: 0.0, delta: 1.0, lambda: 1.0, turn: dvector![std::f64::consts::FRAC_PI_2],
///     b: dmatrix![1.0; 0.0], c: dmatrix![1.0; 0.0], u: dmatrix![1.0],
/// };
/// let tokens = vec![token; 4];
/// let mut memory = Memory::at_rest(1, 2, 1);
/// let y: Vec<f64> = tokens.iter().map(|token| memory.step(token).map(|y| y[0])).collect::<Result<_, _>>()?;
/// assert!((y[0] - 1.0).abs() < 1e-15 && y[3].abs() < 1e-15);
/// let at_once = Memory::at_rest(1, 2, 1).attend(&tokens)?;
/// assert!((at_once[2][0] - y[2]).abs() < 1e-15);
/// # Ok::<(), math_foundations::validation::InputError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Memory {
    /// How far each pair has turned since the beginning, `[pairs]`, from 0 to 2π.
    pub theta: DVector<f64>,
    /// The states, `[head_dim, d_state]`.
    pub x: DMatrix<f64>,
    /// The last B, turned: `[d_state, rank]`.
    pub b: DMatrix<f64>,
    /// The last inputs, `[head_dim, rank]`.
    pub u: DMatrix<f64>,
}

impl Memory {
    /// Nothing read yet.
    pub fn at_rest(head_dim: usize, d_state: usize, rank: usize) -> Self {
        Self {
            theta: DVector::zeros(d_state / 2),
            x: DMatrix::zeros(head_dim, d_state),
            b: DMatrix::zeros(d_state, rank),
            u: DMatrix::zeros(head_dim, rank),
        }
    }

    fn check(&self, token: &Token) -> Result<(), InputError> {
        token.check(self.x.nrows(), self.x.ncols(), self.b.ncols())
    }

    /// Goes round.
    fn turn(&mut self, token: &Token) {
        for (theta, turn) in self.theta.iter_mut().zip(token.turn.iter()) {
            *theta = (*theta + turn).rem_euclid(TAU);
        }
    }
}

// ANCHOR: step
impl Memory {
    /// Reads one token, and says `[head_dim, rank]`.
    ///
    /// # Errors
    /// [`InputError`]: shapes that do not fit, numbers that are not finite, a negative Δ, a
    /// positive Δa, a λ outside [0, 1].
    pub fn step(&mut self, token: &Token) -> Result<DMatrix<f64>, InputError> {
        self.check(token)?;
        self.turn(token);
        let [b, c] = [&token.b, &token.c].map(|states| turned(states, &self.theta));
        let [alpha, beta, gamma] = token.weights();
        let old = &self.u * self.b.transpose();
        let new = &token.u * b.transpose();
        self.x = &self.x * alpha + old * beta + new * gamma;
        (self.b, self.u) = (b, token.u.clone());
        Ok(&self.x * c)
    }
}
// ANCHOR_END: step

/// How loud each token is still heard at each later step: lower triangular, `[length, length]`.
///
/// ```text
/// mask[k, k] = λ_k Δ_k         mask[k, j] = α_k α_{k-1} … α_{j+1} (λ_j Δ_j + (1 - λ_{j+1}) Δ_{j+1}),   j < k
/// ```
///
/// A product of decays is made factor by factor and never as a quotient of two longer ones, which for tokens far apart is 0/0.
/// Cost O(L²).
///
/// ```
/// use state_space_duality::mamba3::{mask, toggle};
///
/// let l = mask(&[toggle(true), toggle(false), toggle(true)]);
/// assert_eq!(l, nalgebra::dmatrix![1.0, 0.0, 0.0; 1.0, 1.0, 0.0; 1.0, 1.0, 1.0]); // nothing fades
/// ```
// ANCHOR: mask
pub fn mask(tokens: &[Token]) -> DMatrix<f64> {
    let mut mask = DMatrix::zeros(tokens.len(), tokens.len());
    for (j, token) in tokens.iter().enumerate() {
        // Its own step hears its own share; later ones hear the next one's share too.
        let [_, _, mut loud] = token.weights();
        mask[(j, j)] = loud;
        loud += tokens.get(j + 1).map_or(0.0, Token::old_end);
        for (k, later) in tokens.iter().enumerate().skip(j + 1) {
            loud *= later.decay.exp();
            mask[(k, j)] = loud;
        }
    }
    mask
}
// ANCHOR_END: mask

impl Memory {
    /// Reads a piece of any length at once: what [`step`](Self::step) says, token by token.
    ///
    /// # Errors
    /// As `step`; nothing is read then.
    pub fn attend(&mut self, piece: &[Token]) -> Result<Vec<DMatrix<f64>>, InputError> {
        piece.iter().try_for_each(|token| self.check(token))?;
        let Some(first) = piece.first() else { return Ok(vec![]) };
        let mut past = &self.x + &self.u * self.b.transpose() * first.old_end();
        let (mask, mut said, mut b) = (mask(piece), Vec::new(), Vec::new());
        for (k, token) in piece.iter().enumerate() {
            self.turn(token);
            b.push(turned(&token.b, &self.theta));
            let c = turned(&token.c, &self.theta);
            past *= token.decay.exp();
            let heard = |j: usize| &piece[j].u * (b[j].transpose() * &c) * mask[(k, j)];
            said.push((0..=k).map(heard).fold(&past * &c, |y, heard| y + heard));
        }
        // The state is what the last step hears.
        let last = piece.len() - 1;
        let heard = |j: usize| &piece[j].u * b[j].transpose() * mask[(last, j)];
        self.x = (0..=last).map(heard).fold(past, |x, heard| x + heard);
        (self.b, self.u) = (b[last].clone(), piece[last].u.clone());
        Ok(said)
    }
}

/// What one step of a head costs: multiplications and additions, and numbers that are fetched or put back.
///
/// ```text
/// work = (1 + 6R) P N      fade, write the old and the new end, read
/// moved = 2 P N + 4R (P + N)      the state there and back; B, C, U, Y of this step; B and U of the last there and of this back
/// ```
///
/// ```
/// use state_space_duality::mamba3::step_cost;
///
/// let [[work, moved], [four_times, hardly_more]] = [step_cost(64, 128, 1), step_cost(64, 128, 4)];
/// assert!(four_times > 3 * work && 5 * hardly_more < 6 * moved);
/// ```
pub fn step_cost(head_dim: usize, d_state: usize, rank: usize) -> [usize; 2] {
    let state = head_dim * d_state;
    [(1 + 6 * rank) * state, 2 * state + 4 * rank * (head_dim + d_state)]
}

/// The layer that counts to two: one pair of states, half a turn and a push for each 1, nothing for a 0.
///
/// ```text
/// x_k = -x_{k-1} + 1   at a 1,      x_k = x_{k-1}   at a 0
/// ```
///
/// ```
/// use state_space_duality::mamba3::{Memory, toggle};
///
/// let mut memory = Memory::at_rest(1, 2, 1);
/// let bits = [true, true, false, true];
/// let said: Vec<f64> = bits.iter().map(|&bit| memory.step(&toggle(bit)).map(|y| y[0])).collect::<Result<_, _>>()?;
/// for (said, odd) in said.iter().zip([1.0, 0.0, 0.0, 1.0]) {
///     assert!((said - odd).abs() < 1e-15);
/// }
/// # Ok::<(), math_foundations::validation::InputError>(())
/// ```
// ANCHOR: toggle
pub fn toggle(bit: bool) -> Token {
    let one = if bit { 1.0 } else { 0.0 };
    Token {
        decay: 0.0, // nothing fades
        delta: 1.0,
        lambda: 1.0,
        turn: dvector![PI * one],
        b: dmatrix![1.0; 0.0],
        c: dmatrix![1.0; 0.0],
        u: dmatrix![one],
    }
}
// ANCHOR_END: toggle

/// What heads that only fade say while they read the same token again and again: one number a step.
///
/// Each head says `reads[h] x_k`, with `x_k = decays[h] x_{k-1} + 1` from rest, and all are added to `bias`.
///
/// - With H decays between 0 and 1 that is a sum of H + 1 exponentials of k with positive bases, and such a sum changes its sign at
///   most H times (Descartes' rule of signs, for exponentials). The parity of 1, 11, 111, … changes at every step.
/// - It is all that a layer of H heads without turns can say to a string of ones, however many states each has: what is written
///   is the same at every step, so all states of a head are one number times what is written.
///
/// ```
/// use state_space_duality::mamba3::fading_answers;
///
/// // Odd, even, odd: two heads can. The fourth sign is too much for them.
/// let y = fading_answers(&[0.5, 0.9], &[-15.0, 2.5], 13.7, 40);
/// let changes = y.windows(2).filter(|pair| pair[0] * pair[1] < 0.0).count();
/// assert_eq!(changes, 2);
/// ```
pub fn fading_answers(decays: &[f64], reads: &[f64], bias: f64, length: usize) -> Vec<f64> {
    let mut x = vec![0.0; decays.len()];
    let step = |_| {
        x.iter_mut().zip(decays).for_each(|(x, decay)| *x = decay * *x + 1.0);
        bias + x.iter().zip(reads).map(|(x, read)| read * x).sum::<f64>()
    };
    (0..length).map(step).collect()
}

/// Is the number of ones so far even (0) or odd (1)?
///
/// Bits are drawn evenly. Either it is asked at every step, and there is much to learn from one string, or only at the end,
/// which is the parity of the string.
///
/// ```
/// use mamba::selection::Puzzle;
/// use rand::SeedableRng;
/// use rand_chacha::ChaCha8Rng;
/// use state_space_duality::mamba3::Parity;
///
/// let example = Parity::of_each_beginning(20)?.draw(&mut ChaCha8Rng::seed_from_u64(1));
/// assert_eq!(example.answers.len(), 20);
/// assert_eq!(example.answers[19], example.tokens.iter().sum::<usize>() % 2);
/// # Ok::<(), mamba::selection::PuzzleError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parity {
    length: usize,
    at_the_end: bool,
}

impl Parity {
    /// Asked after every bit.
    ///
    /// # Errors
    /// [`PuzzleError`]: no bits.
    pub fn of_each_beginning(length: usize) -> Result<Self, PuzzleError> {
        Self::new(length, false)
    }

    /// Asked after the last bit.
    ///
    /// # Errors
    /// [`PuzzleError`]: no bits.
    pub fn of_the_whole(length: usize) -> Result<Self, PuzzleError> {
        Self::new(length, true)
    }

    fn new(length: usize, at_the_end: bool) -> Result<Self, PuzzleError> {
        if length == 0 {
            return Err(PuzzleError { name: "a length", least: 1, found: 0 });
        }
        Ok(Self { length, at_the_end })
    }
}

impl Puzzle for Parity {
    fn draw_at(&self, length: usize, random: &mut ChaCha8Rng) -> Example {
        let tokens: Vec<usize> = (0..length).map(|_| random.random_range(0..2)).collect();
        let count = |odd: &mut usize, bit: &usize| {
            *odd = (*odd + bit) % 2;
            Some(*odd)
        };
        let mut answers: Vec<usize> = tokens.iter().scan(0, count).collect();
        if self.at_the_end {
            answers = answers.split_off(length - 1);
        }
        Example { tokens, answers }
    }

    fn vocabulary(&self) -> usize {
        2
    }

    fn length(&self) -> usize {
        self.length
    }

    fn answers(&self) -> usize {
        if self.at_the_end { 1 } else { self.length }
    }

    fn at_length(&self, length: usize) -> Result<Self, PuzzleError> {
        Self::new(length, self.at_the_end)
    }
}
