//! The arithmetic of [`dplr_operations`](s4::dplr_operations) on a processor: the kernels of many channels, one channel after the other in
//! a slice, spread over the threads of rayon.
//!
//! Nothing here knows of tensors. [`dplr_kernel`] and its adjoint compute in f64 whatever the tensors hold: the sums are a
//! small part of a layer's work, and in f32 a fast mode loses four digits where it resonates. [`walk`] takes steps.
//!
//! A flow is given for steps of 1: `x' = (Λ - PP*)x + bu`, read by `2 Re cᵀx`, of each conjugate pair one mode. A channel is a
//! slice of eight rows: Re λ, Im λ, Re p, Im p, Re b, Im b, Re c, Im c.

use std::sync::Arc;

use math_foundations::fourier::root_of_unity;
use ml_links::operations_on_cpu::Real;
use rayon::prelude::*;
use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

/// The rows of a channel.
pub const ROWS: usize = 8;

/// The rows of a channel's step: real and imaginary parts of γ, q, w, b̄ and c.
pub const STEP_ROWS: usize = 10;

/// How many numbers are added side by side.
const LANES: usize = 8;

/// How many frequencies are summed side by side: the sums of a block and what they are made of stay in the nearest cache.
const BLOCK: usize = 64;

/// Between how many steps back of a reader the adjoint keeps one, to make the others from.
const STRETCH: usize = 32;

type Block = [f64; BLOCK];

/// Real and imaginary parts, one row each.
#[derive(Debug, Clone)]
struct Parts {
    re: Vec<f64>,
    im: Vec<f64>,
}

impl Parts {
    fn zeros(pairs: usize) -> Self {
        Self { re: vec![0.0; pairs], im: vec![0.0; pairs] }
    }

    fn of(numbers: impl Iterator<Item = Complex<f64>>) -> Self {
        let (re, im) = numbers.map(|z| (z.re, z.im)).unzip();
        Self { re, im }
    }

    fn copy_from(&mut self, other: &Self) {
        self.re.copy_from_slice(&other.re);
        self.im.copy_from_slice(&other.im);
    }

    fn get(&self, n: usize) -> Complex<f64> {
        Complex::new(self.re[n], self.im[n])
    }

    fn add(&mut self, n: usize, z: Complex<f64>) {
        self.re[n] += z.re;
        self.im[n] += z.im;
    }
}

/// `Σ aₙbₙ`, eight sums side by side, which lie in one register.
///
/// ```
/// assert_eq!(s4::dplr_on_cpu::dot(&[1.0, 2.0], &[3.0, 4.0]), 11.0);
/// ```
#[inline(always)]
pub fn dot<T: Real>(a: &[T], b: &[T]) -> T {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = [T::zero(); LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] = sums[lane] + a[lane] * b[lane];
        }
    }
    let rest = a_rest.iter().zip(b_rest).map(|(&a, &b)| a * b);
    sums.into_iter().chain(rest).fold(T::zero(), |sum, term| sum + term)
}

/// A channel as complex numbers, and what its step is made of.
struct Channel {
    lambda: Vec<Complex<f64>>,
    p: Vec<Complex<f64>>,
    b: Vec<Complex<f64>>,
    c: Parts,
    /// `d = 1/(1 - λ/2)`: half a step of the diagonal part, backwards.
    half: Vec<Complex<f64>>,
    /// `1 + Re Σ |p|² d`, at least 1.
    capacitance: f64,
    /// `γ = λd`.
    gain: Parts,
    /// `q = p̄d`.
    q: Parts,
    /// `w = dp / capacitance`.
    w: Parts,
}

impl Channel {
    fn of(modes: &[f64]) -> Self {
        let rows: Vec<&[f64]> = modes.chunks_exact(modes.len() / ROWS).collect();
        let complex = |row: usize| {
            let parts = rows[row].iter().zip(rows[row + 1]);
            parts.map(|(&re, &im)| Complex::new(re, im)).collect::<Vec<_>>()
        };
        let (lambda, p, b) = (complex(0), complex(2), complex(4));
        let c = Parts { re: rows[6].to_vec(), im: rows[7].to_vec() };
        let half: Vec<_> = lambda.iter().map(|lambda| (1.0 - lambda * 0.5).inv()).collect();
        let with_half = || p.iter().zip(&half);
        let capacitance = 1.0 + with_half().map(|(p, d)| p.norm_sqr() * d.re).sum::<f64>();
        let gain = Parts::of(lambda.iter().zip(&half).map(|(lambda, d)| lambda * d));
        let q = Parts::of(with_half().map(|(p, d)| p.conj() * d));
        let w = Parts::of(with_half().map(|(p, d)| p * d / capacitance));
        Self { lambda, p, b, c, half, capacitance, gain, q, w }
    }

    /// One step back of what reads, `c ← c + γ c - q · 2 Re wᵀc`: a state read by the new c gives what the old one would give a
    /// step later.
    fn step_back(&self, c: &mut Parts) {
        let seen = 2.0 * (dot(&self.w.re, &c.re) - dot(&self.w.im, &c.im));
        let pairs = c.re.len();
        let (c_re, c_im) = (&mut c.re[..pairs], &mut c.im[..pairs]);
        let (g_re, g_im) = (&self.gain.re[..pairs], &self.gain.im[..pairs]);
        let (q_re, q_im) = (&self.q.re[..pairs], &self.q.im[..pairs]);
        for n in 0..pairs {
            let (re, im) = (c_re[n], c_im[n]);
            c_re[n] = re + (g_re[n] * re - g_im[n] * im - q_re[n] * seen);
            c_im[n] = im + (g_re[n] * im + g_im[n] * re - q_im[n] * seen);
        }
    }

    /// What reads a kernel that ends after L steps: `c̃ = c - (Āᵀ)^L c`.
    fn truncated(&self, length: usize) -> Parts {
        let mut late = self.c.clone();
        (0..length).for_each(|_| self.step_back(&mut late));
        let less = |c: &[f64], late: &[f64]| c.iter().zip(late).map(|(c, late)| c - late).collect();
        Parts { re: less(&self.c.re, &late.re), im: less(&self.c.im, &late.im) }
    }
}

/// The frequencies of a kernel, `z = e^{-2iφ}` with `φ = πm/L`, upper half: `2 sin φ` and `cos φ` in blocks.
struct Circle {
    count: usize,
    length: usize,
    s: Vec<Block>,
    cos: Vec<Block>,
    there: Arc<dyn RealToComplex<f64>>,
    back: Arc<dyn ComplexToReal<f64>>,
}

impl Circle {
    fn of(length: usize) -> Self {
        let count = length / 2 + 1;
        let blocks = count.div_ceil(BLOCK);
        // What fills the last block up has finite sums, which nobody asks for.
        let (mut s, mut cos) = (vec![[2.0; BLOCK]; blocks], vec![[0.0; BLOCK]; blocks]);
        for m in 0..count {
            let turn = root_of_unity(m, 2 * length);
            s[m / BLOCK][m % BLOCK] = -2.0 * turn.im;
            cos[m / BLOCK][m % BLOCK] = turn.re;
        }
        let mut planner = RealFftPlanner::new();
        let (there, back) = (planner.plan_fft_forward(length), planner.plan_fft_inverse(length));
        Self { count, length, s, cos, there, back }
    }

    /// `e^{iφ}`.
    fn turn(&self, m: usize) -> Complex<f64> {
        Complex::new(self.cos[m / BLOCK][m % BLOCK], 0.5 * self.s[m / BLOCK][m % BLOCK])
    }
}

/// What the four sums need of a pair: with v one of `p̄p, p̄b, c̃p, c̃b` it contributes `(2is Re v - 2t Re(vλ̄)) f`, `f` being
/// `1/((is - tλ)(is - tλ̄))` and `t` the cosine.
struct Pair {
    /// Re λ and |λ|².
    decay: f64,
    square: f64,
    v: [Complex<f64>; 4],
    /// `2 Re(vλ̄)` of each v, then `2 Re v`.
    products: [f64; 8],
}

impl Pair {
    fn all(channel: &Channel, c_tilde: &Parts) -> Vec<Self> {
        let pair = |n: usize| {
            let (lambda, p, b) = (channel.lambda[n], channel.p[n], channel.b[n]);
            let c = c_tilde.get(n);
            let v = [p.conj() * p, p.conj() * b, c * p, c * b];
            let mut products = [0.0; 8];
            for (k, v) in v.iter().enumerate() {
                products[k] = 2.0 * (v * lambda.conj()).re;
                products[k + 4] = 2.0 * v.re;
            }
            Self { decay: lambda.re, square: lambda.norm_sqr(), v, products }
        };
        (0..channel.lambda.len()).map(pair).collect()
    }

    /// f at a block of frequencies.
    fn fractions(&self, s: &Block, cos: &Block, f_re: &mut Block, f_im: &mut Block) {
        for i in 0..BLOCK {
            let re = cos[i] * cos[i] * self.square - s[i] * s[i];
            let im = -2.0 * s[i] * cos[i] * self.decay;
            let scale = 1.0 / (re * re + im * im);
            f_re[i] = re * scale;
            f_im[i] = -im * scale;
        }
    }
}

/// The real and imaginary parts of the four sums at a block of frequencies.
type Sums = [[Block; 2]; 4];

// ANCHOR: sums
/// The four Cauchy sums of a channel at a block of frequencies, which go side by side.
fn sums(pairs: &[Pair], s: &Block, cos: &Block) -> Sums {
    let mut sums = [[[0.0; BLOCK]; 2]; 4];
    let (mut f_re, mut f_im) = ([0.0; BLOCK], [0.0; BLOCK]);
    for pair in pairs {
        pair.fractions(s, cos, &mut f_re, &mut f_im);
        for (k, [re, im]) in sums.iter_mut().enumerate() {
            // (i s b - cos a) f
            let (a, b) = (pair.products[k], pair.products[k + 4]);
            for i in 0..BLOCK {
                let (by_cos, by_s) = (-a * cos[i], b * s[i]);
                re[i] += by_cos * f_re[i] - by_s * f_im[i];
                im[i] += by_cos * f_im[i] + by_s * f_re[i];
            }
        }
    }
    sums
}
// ANCHOR_END: sums

/// The four sums at one of the frequencies of a block: `p̄Rp, p̄Rb, c̃Rp, c̃Rb`.
fn four(sums: &Sums, i: usize) -> [Complex<f64>; 4] {
    sums.each_ref().map(|[re, im]| Complex::new(re[i], im[i]))
}

/// The kernels of many channels: `K̄_k = 2 Re cᵀĀ^k b̄` for `k < length`.
///
/// - Shapes: `modes` `[channels, 8, pairs]`; the outcome is `[channels, length]`. Any length.
/// - By equation 5-3: c is truncated in `length` steps, four Cauchy sums at each of `length/2 + 1` roots of unity, Woodbury, an
///   inverse transform. Nothing of size `pairs × length` is stored.
/// - Cost O(pairs length) a channel; channels run in parallel.
///
/// ```
/// use s4::dplr_on_cpu::dplr_kernel;
///
/// // x' = -2x + u, a step of 1: Ā = 0, b̄ = 1/2. Two halves of one real mode are read.
/// let kernel = dplr_kernel(&[-2.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0], 1, 3);
/// for (k, expected) in kernel.iter().zip([1.0, 0.0, 0.0]) {
///     assert!((k - expected).abs() < 1e-15);
/// }
/// ```
pub fn dplr_kernel(modes: &[f64], pairs: usize, length: usize) -> Vec<f64> {
    let circle = Circle::of(length);
    let mut kernels = vec![0.0; modes.len() / (ROWS * pairs) * length];
    kernels
        .par_chunks_exact_mut(length)
        .zip(modes.par_chunks_exact(ROWS * pairs))
        .for_each(|(kernel, modes)| kernel_of(&Channel::of(modes), &circle, kernel));
    kernels
}

fn kernel_of(channel: &Channel, circle: &Circle, kernel: &mut [f64]) {
    let pairs = Pair::all(channel, &channel.truncated(circle.length));
    let mut spectrum = Vec::with_capacity(circle.count);
    for (s, cos) in circle.s.iter().zip(&circle.cos) {
        let sums = sums(&pairs, s, cos);
        for (i, cos) in cos.iter().enumerate().take(circle.count - spectrum.len()) {
            let [pp, pb, cp, cb] = four(&sums, i);
            let value = cb - cp * pb * *cos / (1.0 + pp * *cos);
            spectrum.push(value * Complex::new(*cos, 0.5 * s[i]) / circle.length as f64);
        }
    }
    back_to_time(circle, &mut spectrum, kernel);
}

/// The inverse transform. What is imaginary where it must not be is rounding.
fn back_to_time(circle: &Circle, spectrum: &mut [Complex<f64>], kernel: &mut [f64]) {
    spectrum[0].im = 0.0;
    if circle.length.is_multiple_of(2) {
        spectrum[circle.count - 1].im = 0.0;
    }
    circle.back.process(spectrum, kernel).expect("buffers of this length");
}

/// The gradient of a loss by the modes of [`dplr_kernel`], from its gradient by the kernels.
///
/// - Shapes: `modes` `[channels, 8, pairs]`, `gradient` `[channels, length]`; the outcome is shaped like `modes`.
/// - The gradient by a complex number is `∂L/∂Re + i ∂L/∂Im`: through `w = f(z)` it goes as `f'(z)* · ∂L/∂w`.
/// - Nothing is kept from the way there: the sums are made again. Cost O(pairs length), some three kernels.
///
/// ```
/// use s4::dplr_on_cpu::{dplr_kernel, dplr_kernel_adjoint};
///
/// let modes = [-0.5, 2.0, 0.3, 0.1, 1.0, -0.4, 0.7, 0.2];
/// let by_hand = dplr_kernel_adjoint(&modes, 1, &[0.0, 0.0, 1.0]); // of K₂
/// for row in 0..8 {
///     let at = |h: f64| {
///         let mut modes = modes;
///         modes[row] += h;
///         dplr_kernel(&modes, 1, 3)[2]
///     };
///     assert!((by_hand[row] - (at(1e-5) - at(-1e-5)) / 2e-5).abs() < 1e-8);
/// }
/// ```
pub fn dplr_kernel_adjoint(modes: &[f64], pairs: usize, gradient: &[f64]) -> Vec<f64> {
    let mut outcome = vec![0.0; modes.len()];
    if modes.is_empty() {
        return outcome;
    }
    let length = gradient.len() * ROWS * pairs / modes.len();
    let circle = Circle::of(length);
    outcome
        .par_chunks_exact_mut(ROWS * pairs)
        .zip(modes.par_chunks_exact(ROWS * pairs).zip(gradient.par_chunks_exact(length)))
        .for_each(|(outcome, (modes, gradient))| {
            let by = adjoint_of(&Channel::of(modes), &circle, gradient);
            let rows = by.iter().flat_map(|parts| [&parts.re, &parts.im]);
            outcome.chunks_exact_mut(pairs).zip(rows).for_each(|(to, row)| to.copy_from_slice(row));
        });
    outcome
}

/// The gradients by λ, p, b and c.
fn adjoint_of(channel: &Channel, circle: &Circle, gradient: &[f64]) -> [Parts; 4] {
    let c_tilde = channel.truncated(circle.length);
    let pairs = Pair::all(channel, &c_tilde);
    let mut by_pair: Vec<ByPair> = pairs.iter().map(|_| ByPair::default()).collect();
    let spectrum = spectrum_of(circle, gradient);
    for (block, (s, cos)) in circle.s.iter().zip(&circle.cos).enumerate() {
        let sums = sums(&pairs, s, cos);
        let mut weights = [[[0.0; BLOCK]; 2]; 8];
        let here = &spectrum[block * BLOCK..circle.count.min((block + 1) * BLOCK)];
        for (i, &gradient) in here.iter().enumerate() {
            // Back through Woodbury's identity, K̂ = cb - cos cp pb / (1 + cos pp).
            let [pp, pb, cp, _] = four(&sums, i);
            let below = (1.0 + pp * cos[i]).inv();
            let by_cp = -pb * below * cos[i];
            let by_pb = -cp * below * cos[i];
            for (k, by) in [by_cp * by_pb, by_pb, by_cp, Complex::ONE].into_iter().enumerate() {
                // The conjugate of the gradient by this sum, times what stands before a and b in it.
                let back = by * gradient.conj();
                let (a, b) = (back * -cos[i], back * Complex::new(0.0, s[i]));
                (weights[k][0][i], weights[k][1][i]) = (a.re, a.im);
                (weights[k + 4][0][i], weights[k + 4][1][i]) = (b.re, b.im);
            }
        }
        for (pair, by) in pairs.iter().zip(&mut by_pair) {
            by.add(pair, s, cos, &weights);
        }
    }
    through_products(channel, &c_tilde, &pairs, &by_pair, circle.length)
}

/// The gradient by the values of the upper half circle, without their common turn `e^{iφ}`.
fn spectrum_of(circle: &Circle, gradient: &[f64]) -> Vec<Complex<f64>> {
    let mut spectrum = circle.there.make_output_vec();
    circle.there.process(&mut gradient.to_vec(), &mut spectrum).expect("buffers of this length");
    for (m, value) in spectrum.iter_mut().enumerate() {
        // All but the ends of the half stand for two roots.
        let twice = if m == 0 || 2 * m == circle.length { 1.0 } else { 2.0 };
        *value = *value * circle.turn(m).conj() * (twice / circle.length as f64);
    }
    spectrum
}

/// The gradients by |λ|², Re λ and the products of a [`Pair`].
#[derive(Default)]
struct ByPair {
    square: f64,
    decay: f64,
    products: [f64; 8],
}

// ANCHOR: adjoint
impl ByPair {
    /// What a block adds. `weights`: gradients by sums, conjugated, times `-cos`, `is`.
    fn add(&mut self, pair: &Pair, s: &Block, cos: &Block, weights: &[[Block; 2]; 8]) {
        let (mut f_re, mut f_im) = ([0.0; BLOCK], [0.0; BLOCK]);
        pair.fractions(s, cos, &mut f_re, &mut f_im);
        let (mut w_re, mut w_im) = ([0.0; BLOCK], [0.0; BLOCK]);
        for (k, [re, im]) in weights.iter().enumerate() {
            self.products[k] += dot(re, &f_re) - dot(im, &f_im);
            for i in 0..BLOCK {
                w_re[i] += pair.products[k] * re[i];
                w_im[i] += pair.products[k] * im[i];
            }
        }
        // f = 1/(|λ|² cos² - s² - 2is cos Re λ) changes by -f² times the change below.
        let (mut by_square, mut by_decay) = ([0.0; BLOCK], [0.0; BLOCK]);
        for i in 0..BLOCK {
            let re = f_re[i] * f_re[i] - f_im[i] * f_im[i];
            let im = 2.0 * f_re[i] * f_im[i];
            by_square[i] = -cos[i] * cos[i] * (w_re[i] * re - w_im[i] * im);
            by_decay[i] = -2.0 * s[i] * cos[i] * (w_re[i] * im + w_im[i] * re);
        }
        self.square += by_square.iter().sum::<f64>();
        self.decay += by_decay.iter().sum::<f64>();
    }
}
// ANCHOR_END: adjoint

/// From the gradients by products to those by λ, p, b and c, through the truncation too.
fn through_products(
    channel: &Channel,
    c_tilde: &Parts,
    pairs: &[Pair],
    by_pair: &[ByPair],
    length: usize,
) -> [Parts; 4] {
    let count = pairs.len();
    let [mut by_lambda, mut by_p, mut by_b, mut by_c] = [(); 4].map(|()| Parts::zeros(count));
    for (n, (pair, by)) in pairs.iter().zip(by_pair).enumerate() {
        let (lambda, p, b) = (channel.lambda[n], channel.p[n], channel.b[n]);
        let c = c_tilde.get(n);
        by_lambda.add(n, lambda * (2.0 * by.square) + by.decay);
        // The gradient by each v, of which a = 2 Re(vλ̄) and b = 2 Re v are made.
        let by_v = |k: usize| lambda * (2.0 * by.products[k]) + 2.0 * by.products[k + 4];
        for (k, v) in pair.v.iter().enumerate() {
            by_lambda.add(n, v * (2.0 * by.products[k]));
        }
        let [pp, pb, cp, cb] = [by_v(0), by_v(1), by_v(2), by_v(3)];
        by_p.add(n, p * (2.0 * pp.re) + pb.conj() * b + c.conj() * cp);
        by_b.add(n, p * pb + c.conj() * cb);
        by_c.add(n, p.conj() * cp + b.conj() * cb);
    }
    through_truncation(channel, &mut by_c, &mut by_lambda, &mut by_p, length);
    [by_lambda, by_p, by_b, by_c]
}

/// `by_c` is the gradient by c̃ and becomes that by c; what c̃ owes to λ and p is added to theirs.
///
/// The steps back of the reader are taken again, a stretch at a time from its beginning, and run through from the last.
fn through_truncation(
    channel: &Channel,
    by_c: &mut Parts,
    by_lambda: &mut Parts,
    by_p: &mut Parts,
    length: usize,
) {
    let count = by_c.re.len();
    let mut stations = vec![channel.c.clone()];
    let mut c = channel.c.clone();
    for step in 1..length {
        channel.step_back(&mut c);
        if step % STRETCH == 0 {
            stations.push(c.clone());
        }
    }
    let minus = |row: &[f64]| row.iter().map(|g| -g).collect();
    let mut eta = Parts { re: minus(&by_c.re), im: minus(&by_c.im) };
    let [mut by_gain, mut by_q, mut by_w] = [(); 3].map(|()| Parts::zeros(count));
    let mut stretch = vec![Parts::zeros(count); STRETCH];
    for (i, station) in stations.iter().enumerate().rev() {
        let stretch = &mut stretch[..STRETCH.min(length - i * STRETCH)];
        stretch[0].copy_from(station);
        for step in 1..stretch.len() {
            let (before, after) = stretch.split_at_mut(step);
            after[0].copy_from(&before[step - 1]);
            channel.step_back(&mut after[0]);
        }
        for c in stretch.iter().rev() {
            step_back_adjoint(channel, c, &mut eta, [&mut by_gain, &mut by_q, &mut by_w]);
        }
    }
    for n in 0..count {
        by_c.add(n, eta.get(n));
    }
    through_step(channel, [&by_gain, &by_q, &by_w], by_lambda, by_p);
}

/// One step of the adjoint of `c + γ c - q · 2 Re wᵀc`.
fn step_back_adjoint(channel: &Channel, c: &Parts, eta: &mut Parts, by: [&mut Parts; 3]) {
    let Channel { gain, q, w, .. } = channel;
    let seen = 2.0 * (dot(&w.re, &c.re) - dot(&w.im, &c.im));
    let by_seen = -2.0 * (dot(&q.re, &eta.re) + dot(&q.im, &eta.im));
    let [by_gain, by_q, by_w] = by;
    let pairs = c.re.len();
    let (c_re, c_im, eta_re, eta_im) =
        (&c.re[..pairs], &c.im[..pairs], &mut eta.re[..pairs], &mut eta.im[..pairs]);
    let (re, im) = (&mut by_gain.re[..pairs], &mut by_gain.im[..pairs]);
    for n in 0..pairs {
        re[n] += c_re[n] * eta_re[n] + c_im[n] * eta_im[n];
        im[n] += c_re[n] * eta_im[n] - c_im[n] * eta_re[n];
    }
    let (re, im) = (&mut by_q.re[..pairs], &mut by_q.im[..pairs]);
    for n in 0..pairs {
        re[n] -= seen * eta_re[n];
        im[n] -= seen * eta_im[n];
    }
    let (re, im) = (&mut by_w.re[..pairs], &mut by_w.im[..pairs]);
    for n in 0..pairs {
        re[n] += by_seen * c_re[n];
        im[n] -= by_seen * c_im[n];
    }
    let (g_re, g_im) = (&gain.re[..pairs], &gain.im[..pairs]);
    let (w_re, w_im) = (&w.re[..pairs], &w.im[..pairs]);
    for n in 0..pairs {
        let (re, im) = (eta_re[n], eta_im[n]);
        eta_re[n] = re + (g_re[n] * re + g_im[n] * im + by_seen * w_re[n]);
        eta_im[n] = im + (g_re[n] * im - g_im[n] * re - by_seen * w_im[n]);
    }
}

/// From the gradients by `γ`, q and w to those by λ and p.
fn through_step(channel: &Channel, by: [&Parts; 3], by_lambda: &mut Parts, by_p: &mut Parts) {
    let Channel { p, half, capacitance, w, .. } = channel;
    let [by_gain, by_q, by_w] = by;
    let by_capacitance = -(dot(&by_w.re, &w.re) + dot(&by_w.im, &w.im)) / capacitance;
    for (n, (&p, &d)) in p.iter().zip(half).enumerate() {
        let (gain, q, w) = (by_gain.get(n), by_q.get(n), by_w.get(n));
        // γ = 2d - 2, so that all of it goes through d.
        let by_d = gain * 2.0 + p * q + p.conj() * w / *capacitance + by_capacitance * p.norm_sqr();
        by_lambda.add(n, (d * d * 0.5).conj() * by_d);
        by_p.add(n, q.conj() * d + d.conj() * w / *capacitance + p * (2.0 * by_capacitance * d.re));
    }
}

/// Steps of many rows, each from its own state: `x ← x + γ x - w · 2 Re qᵀx + b̄u`, `y = 2 Re cᵀx`.
///
/// - Shapes: `step` `[channels, 10, pairs]`, `u` `[batch, channels, length]`, `x` `[batch, channels, 2, pairs]`, which becomes the
///   last state; the outcome is shaped like `u`.
/// - A step is what it *adds* to the state: e of a slow mode is near 1, and rounding it would change how fast the mode fades.
/// - Cost O(pairs) a step; rows run in parallel.
///
/// ```
/// use s4::dplr_on_cpu::walk;
///
/// // γ = -1/2, no low rank, b̄ = 1, read by 1/2, of one pair: 1 and then nothing.
/// let step = [-0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.5, 0.0];
/// let mut x = [0.0, 0.0];
/// assert_eq!(walk(&step, &[1.0, 0.0, 0.0], &mut x, 1, 1), [1.0, 0.5, 0.25]);
/// assert_eq!(walk(&step, &[0.0], &mut x, 1, 1), [0.125]); // goes on where it was
/// ```
// ANCHOR: walk
pub fn walk<T: Real>(step: &[T], u: &[T], x: &mut [T], channels: usize, pairs: usize) -> Vec<T> {
    let rows = x.len() / (2 * pairs).max(1);
    let length = u.len() / rows.max(1);
    let mut y = vec![T::zero(); u.len()];
    if y.is_empty() {
        return y;
    }
    // A thread is worth its while from some thousand modes on.
    let enough = (1 << 13) / (length * pairs) + 1;
    y.par_chunks_exact_mut(length)
        .zip(u.par_chunks_exact(length).zip(x.par_chunks_exact_mut(2 * pairs)))
        .enumerate()
        .with_min_len(enough)
        .for_each(|(row, (y, (u, x)))| {
            let of_channel = &step[row % channels * STEP_ROWS * pairs..][..STEP_ROWS * pairs];
            walk_row(of_channel, u, x, y);
        });
    y
}
// ANCHOR_END: walk

fn walk_row<T: Real>(step: &[T], u: &[T], x: &mut [T], y: &mut [T]) {
    let pairs = step.len() / STEP_ROWS;
    let row = |row: usize| &step[row * pairs..][..pairs];
    let (e_re, e_im, q_re, q_im) = (row(0), row(1), row(2), row(3));
    let (w_re, w_im, b_re, b_im) = (row(4), row(5), row(6), row(7));
    let (c_re, c_im) = (row(8), row(9));
    let (x_re, x_im) = x.split_at_mut(pairs);
    for (y, &u) in y.iter_mut().zip(u) {
        let seen = dot(q_re, x_re) - dot(q_im, x_im);
        let seen = seen + seen;
        for n in 0..pairs {
            let (re, im) = (x_re[n], x_im[n]);
            x_re[n] = re + (e_re[n] * re - e_im[n] * im - w_re[n] * seen + b_re[n] * u);
            x_im[n] = im + (e_re[n] * im + e_im[n] * re - w_im[n] * seen + b_im[n] * u);
        }
        let read = dot(c_re, x_re) - dot(c_im, x_im);
        *y = read + read;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_side_by_side_are_sums() {
        for count in [0, 1, 7, 8, 9, 40] {
            let row: Vec<f64> = (0..count).map(f64::from).collect();
            let expected: f64 = row.iter().map(|a| a * a).sum();
            assert_eq!(dot(&row, &row), expected, "{count}");
        }
    }
}
