//! SSD as operations on tensors, differentiable, on any device.
//!
//! Nothing here is a kernel of our own: equation 7-2 consists of matrix products, and burn's are fast on a processor and on a graphics
//! card. Where attention is as good as a recurrence, as it is from chunk to chunk for not too many of them, attention is
//! used again: a state is a sum of what each chunk brought, masked by what was kept since.
//!
//! Conventions: those of [`ssd`](state_space_duality::ssd). Tensors have time before heads, as linear layers leave them.

use burn::tensor::Tensor;

use state_space_duality::ssd::{Products, Sizes, SsdError};

/// How many chunks are joined by attention; the state then goes on as a recurrence, so that the cost stays linear.
const CHUNKS: usize = 64;

/// What SSD reads, on one device and in one precision.
///
/// | | shape | |
/// |---|---|---|
/// | `u` | `[batch, length, heads, head_dim]` | the input |
/// | `dt` | `[batch, length, heads]` | Δ: how long each step lasts, after bias and softplus |
/// | `a` | `[heads]` | rates of decay: negative |
/// | `b`, `c` | `[batch, length, groups, d_state]` | where the input goes, and what is read; groups divide the heads |
/// | `d` | `[heads]` | what goes past the state |
#[derive(Debug, Clone)]
pub struct SsdInputs {
    /// The input, `[batch, length, heads, head_dim]`.
    pub u: Tensor<4>,
    /// Δ, after bias and softplus, `[batch, length, heads]`.
    pub dt: Tensor<3>,
    /// The rates of decay, `[heads]`.
    pub a: Tensor<1>,
    /// Where the input goes, `[batch, length, groups, d_state]`.
    pub b: Tensor<4>,
    /// What is read of the state, `[batch, length, groups, d_state]`.
    pub c: Tensor<4>,
    /// What goes past the state, `[heads]`.
    pub d: Tensor<1>,
}

impl SsdInputs {
    /// Asserts that the shapes fit.
    fn check(&self) {
        let [batch, length, heads, head_dim] = self.u.dims();
        let [_, _, groups, d_state] = self.b.dims();
        assert_eq!(self.dt.dims(), [batch, length, heads], "expected a step for each head of u");
        assert!(
            groups > 0 && heads.is_multiple_of(groups),
            "expected groups of equally many heads, found {groups} groups of {heads} heads"
        );
        assert!(head_dim > 0, "expected at least one input for each head, found none");
        assert!(d_state > 0, "expected at least one state for each input, found none");
        for (name, rows) in [("b", &self.b), ("c", &self.c)] {
            assert_eq!(
                rows.dims(),
                [batch, length, groups, d_state],
                "expected {name} to have a number for each step, group and state"
            );
        }
        for (name, row) in [("a", &self.a), ("d", &self.d)] {
            assert_eq!(row.dims(), [heads], "expected {name} to have a number for each head");
        }
        let others = [self.dt.dtype(), self.a.dtype(), self.b.dtype(), self.c.dtype()];
        for dtype in others.into_iter().chain([self.d.dtype()]) {
            assert_eq!(dtype, self.u.dtype(), "expected tensors of one precision");
        }
    }

    /// The steps `from..to`.
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use state_space_duality::ssd_operations::SsdInputs;
    ///
    /// let device = Device::flex();
    /// let inputs = SsdInputs {
    ///     u: Tensor::ones([1, 5, 2, 3], &device),
    ///     dt: Tensor::ones([1, 5, 2], &device),
    ///     a: Tensor::zeros([2], &device),
    ///     b: Tensor::ones([1, 5, 1, 4], &device),
    ///     c: Tensor::ones([1, 5, 1, 4], &device),
    ///     d: Tensor::zeros([2], &device),
    /// };
    /// assert_eq!(inputs.steps(1, 4).u.dims(), [1, 3, 2, 3]);
    /// ```
    pub fn steps(&self, from: usize, to: usize) -> Self {
        let four = |tensor: &Tensor<4>| tensor.clone().narrow(1, from, to - from);
        Self {
            u: four(&self.u),
            dt: self.dt.clone().narrow(1, from, to - from),
            a: self.a.clone(),
            b: four(&self.b),
            c: four(&self.c),
            d: self.d.clone(),
        }
    }

    /// With steps of no length behind the last one: they keep the state as it is.
    fn padded(self, by: usize) -> Self {
        if by == 0 {
            return self;
        }
        let like = (&self.u.device(), self.u.dtype());
        let four = |tensor: Tensor<4>| {
            let [batch, _, heads, width] = tensor.dims();
            Tensor::cat(vec![tensor, Tensor::zeros([batch, by, heads, width], like)], 1)
        };
        let [batch, _, heads] = self.dt.dims();
        let dt = Tensor::cat(vec![self.dt, Tensor::zeros([batch, by, heads], like)], 1);
        Self { u: four(self.u), dt, a: self.a, b: four(self.b), c: four(self.c), d: self.d }
    }
}

/// Equation 7-2: attention within chunks of so many steps, a state from chunk to chunk; y, and the last state.
///
/// ```text
/// x_k = e^{Δ_k a} x_{k-1} + Δ_k u_k b_kᵀ      y_k = x_k c_k + d u_k
/// ```
///
/// - Shapes: see [`SsdInputs`]; y like u; `state` and the last one `[batch, heads, head_dim, d_state]`, none for rest. Any length.
/// - Differentiable by all that goes in, the state too. `chunk` changes what it costs and how it is rounded, not what it says;
///   64 is a good one.
/// - Breaks where Δ a is infinite: a large number forgets as well.
/// - Cost O(batch · length · heads · (chunk · (head_dim + chunk) + head_dim · d_state)), most of it in matrix products.
///
/// # Panics
/// When the shapes do not fit, and for chunks without steps.
///
/// Source: T. Dao, A. Gu, *Transformers are SSMs* (2024), section 6 and listing 1.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use state_space_duality::ssd_operations::{SsdInputs, ssd};
///
/// // One number that never forgets adds up.
/// let device = Device::flex();
/// let inputs = SsdInputs {
///     u: Tensor::<1>::from_floats([1.0, 2.0, 3.0], &device).reshape([1, 3, 1, 1]),
///     dt: Tensor::<1>::from_floats([1.0, 0.5, 2.0], &device).reshape([1, 3, 1]),
///     a: Tensor::zeros([1], &device),
///     b: Tensor::ones([1, 3, 1, 1], &device),
///     c: Tensor::ones([1, 3, 1, 1], &device),
///     d: Tensor::zeros([1], &device),
/// };
/// let (y, state) = ssd(inputs, 2, None);
/// assert_eq!(y.into_data().try_to_vec::<f32>().expect("floats"), [1.0, 2.0, 8.0]);
/// assert_eq!(state.into_scalar::<f32>(), 8.0);
/// ```
pub fn ssd(inputs: SsdInputs, chunk: usize, state: Option<Tensor<4>>) -> (Tensor<4>, Tensor<4>) {
    inputs.check();
    assert!(chunk > 0, "expected at least one step in a chunk, found none");
    let [batch, length, heads, head_dim] = inputs.u.dims();
    let [_, _, _, d_state] = inputs.b.dims();
    let like = (&inputs.u.device(), inputs.u.dtype());
    let shape = [batch, heads, head_dim, d_state];
    let mut state = state.unwrap_or_else(|| Tensor::zeros(shape, like));
    assert_eq!(state.dims(), shape, "expected a state for each input of each head");
    assert_eq!(state.dtype(), inputs.u.dtype(), "expected tensors of one precision");
    if batch == 0 || length == 0 {
        return (inputs.u, state);
    }
    let mut reads = Vec::new();
    let stride = chunk.min(length) * CHUNKS;
    for from in (0..length).step_by(stride) {
        let (read, last) =
            in_chunks(inputs.steps(from, length.min(from + stride)), chunk.min(length), state);
        reads.push(read);
        state = last;
    }
    let read = if reads.len() == 1 { reads.swap_remove(0) } else { Tensor::cat(reads, 1) };
    (read + inputs.u * inputs.d.reshape([1, 1, -1, 1]), state)
}

/// The products of [`ssd`]: those of [`ssd_chunked`](state_space_duality::ssd::ssd_chunked), and what it costs that all else is a product of
/// matrices too.
///
/// - The decays of a chunk are added up by one: chunk³ a head.
/// - States are handed on by attention, which costs (chunks + 1)² states, for up to 64 chunks at a time.
/// - The last chunk is padded.
///
/// # Errors
/// For chunks without steps.
///
/// ```
/// use state_space_duality::ssd::{self, Sizes};
/// use state_space_duality::ssd_operations;
///
/// let sizes = Sizes { batch: 1, length: 1024, heads: 24, head_dim: 64, groups: 1, d_state: 128 };
/// let (least, ours) = (ssd::products(sizes, 64)?, ssd_operations::products(sizes, 64)?);
/// assert_eq!((ours.within, ours.read), (least.within, least.read));
/// assert!(ours.handed_on > least.handed_on && ours.decays > 0);
/// # Ok::<(), state_space_duality::ssd::SsdError>(())
/// ```
pub fn products(sizes: Sizes, chunk: usize) -> Result<Products, SsdError> {
    let Sizes { batch, length, heads, head_dim, groups, d_state } = sizes;
    if chunk == 0 {
        return Err(SsdError::None("step in a chunk"));
    }
    let (chunk, state) = (chunk.min(length), heads * head_dim * d_state);
    let mut products = Products { within: 0, brought: 0, handed_on: 0, read: 0, decays: 0 };
    for from in (0..length).step_by((chunk * CHUNKS).max(1)) {
        let chunks = (length - from).min(chunk * CHUNKS).div_ceil(chunk);
        let steps = batch * chunks * chunk;
        products.within += steps * chunk * (groups * d_state + heads * head_dim);
        products.brought += steps * state;
        products.read += steps * state;
        products.handed_on += batch * (chunks + 1).pow(2) * state;
        products.decays += heads * (steps * (chunk * chunk + chunk) + batch * (chunks + 1).pow(3));
    }
    Ok(products)
}

/// What is read of the state, and the last state.
fn in_chunks(inputs: SsdInputs, chunk: usize, state: Tensor<4>) -> (Tensor<4>, Tensor<4>) {
    let [batch, length, heads, head_dim] = inputs.u.dims();
    let [_, _, groups, d_state] = inputs.b.dims();
    let chunks = length.div_ceil(chunk);
    let SsdInputs { u, dt, a, b, c, .. } = inputs.padded(chunks * chunk - length);
    let (all, of_group) = (batch * chunks, heads / groups * head_dim);
    let rows = |rows: Tensor<4>| rows.reshape([all, chunk, groups, d_state]).swap_dims(1, 2);
    let (b, c) = (rows(b), rows(c));
    let log_decays = (dt.clone() * a.reshape([1, 1, -1])).reshape([all, chunk, heads]);
    let log_decays = log_decays.swap_dims(1, 2); // [all, heads, chunk]
    let v = (u * dt.unsqueeze_dim::<4>(3)).reshape([all, chunk, heads, head_dim]);

    // Within each chunk: attention. The heads of a group share its scores.
    let mask = mask(log_decays.clone());
    let scores = c.clone().matmul(b.clone().swap_dims(2, 3)).unsqueeze_dim::<5>(2);
    let grouped = mask.clone().reshape([all, groups, heads / groups, chunk, chunk]);
    let heard = (scores * grouped).reshape([all, heads, chunk, chunk]);
    let within = heard.matmul(v.clone().swap_dims(1, 2)).swap_dims(1, 2);

    // What each chunk brings to the state after it, all heads of a group in one product.
    let until = mask.narrow(2, chunk - 1, 1).reshape([all, heads, chunk]).swap_dims(1, 2);
    let brought =
        (v * until.unsqueeze_dim::<4>(3)).reshape([all, chunk, groups, of_group]).swap_dims(1, 2);
    let brought = brought.swap_dims(2, 3).matmul(b); // [all, groups, of_group, d_state]

    let up_to = lower(chunk, 0, &log_decays);
    let since = log_decays.matmul(up_to.swap_dims(1, 2));
    let whole = since.clone().narrow(2, chunk - 1, 1).reshape([batch, chunks, heads]);
    let brought = brought.reshape([batch, chunks, heads, head_dim * d_state]);
    let (before, last) = hand_on(whole, brought, state);

    // What is read of the state before each chunk.
    let before = before.reshape([all, groups, of_group, d_state]).swap_dims(2, 3);
    let past = c.matmul(before).swap_dims(1, 2).reshape([all, chunk, heads, head_dim]);
    let past = past * since.exp().swap_dims(1, 2).unsqueeze_dim::<4>(3);
    let read = (within + past).reshape([batch, chunks * chunk, heads, head_dim]);
    (read.narrow(1, 0, length), last)
}

/// The states before each chunk, `[batch, chunks, heads, head_dim · d_state]`, and the last one: attention from chunk to chunk, with what
/// each brought for values, the state before them all for the first of these, and the decays of whole chunks for a mask.
fn hand_on(whole: Tensor<3>, brought: Tensor<4>, state: Tensor<4>) -> (Tensor<4>, Tensor<4>) {
    let [batch, chunks, heads, numbers] = brought.dims();
    let first = state.clone().reshape([batch, 1, heads, numbers]);
    let values = Tensor::cat(vec![first, brought], 1).swap_dims(1, 2);
    let nothing = Tensor::zeros([batch, 1, heads], (&whole.device(), whole.dtype()));
    let mask = mask(Tensor::cat(vec![nothing, whole], 1).swap_dims(1, 2));
    let states = mask.matmul(values).swap_dims(1, 2); // [batch, chunks + 1, heads, numbers]
    let last = states.clone().narrow(1, chunks, 1).reshape(state.dims());
    (states.narrow(1, 0, chunks), last)
}

/// The exponentials of the [segment sums](state_space_duality::ssd::segment_sums), from `[all, heads, steps]` to
/// `[all, heads, steps, steps]`: 1 on the diagonal, 0 above.
///
/// ```text
/// S_ij = Σ_k [k ≤ i] [k > j] ℓ_k
/// ```
///
/// Each entry adds only what belongs to it, so that nothing cancels; and the sum over k is a matrix product, as all else.
// ANCHOR: mask
fn mask(log_decays: Tensor<3>) -> Tensor<4> {
    let [_, _, steps] = log_decays.dims();
    let up_to = lower(steps, 0, &log_decays).unsqueeze::<4>(); // 1 where k ≤ i
    let after = lower(steps, -1, &log_decays).unsqueeze::<4>(); // 1 where k > j
    let spread = log_decays.unsqueeze_dim::<4>(3) * after;
    up_to.clone().matmul(spread).exp() * up_to
}
// ANCHOR_END: mask

/// `[1, steps, steps]`: 1 up to a diagonal, 0 above.
fn lower(steps: usize, diagonal: i64, like: &Tensor<3>) -> Tensor<3> {
    Tensor::<2>::ones([steps, steps], (&like.device(), like.dtype())).tril(diagonal).unsqueeze()
}
