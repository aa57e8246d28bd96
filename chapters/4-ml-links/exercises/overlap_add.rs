/// The convolution of a stream that arrives in `blocks`, block by block.
///
/// `whole(kernel, block)` is the convolution with all its echoes: `kernel.len() + block.len() - 1` outputs. As many
/// outputs are due as inputs have arrived; what a block says later must not get lost.
///
/// Size: ten lines. Time: 15 minutes.
pub fn overlap_add(
    kernel: &[f64],
    blocks: &[Vec<f64>],
    whole: fn(&[f64], &[f64]) -> Vec<f64>,
) -> Vec<f64> {
    todo!()
}
