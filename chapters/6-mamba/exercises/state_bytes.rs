//! Exercise state_bytes (warm-up, one line, 5 minutes).

/// The bytes in 32 bits that a Mamba remembers: for each channel of each layer the last `taps` inputs of its convolution
/// and `d_state` numbers of its scan.
///
/// `tokens` is how many tokens it has read.
pub fn state_bytes(
    layers: usize,
    d_inner: usize,
    taps: usize,
    d_state: usize,
    tokens: usize,
) -> usize {
    todo!()
}
