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
    let (mut y, mut tail) = (Vec::new(), Vec::<f64>::new());
    for block in blocks.iter().filter(|block| !block.is_empty()) {
        let mut echoes = whole(kernel, block);
        echoes.resize(echoes.len().max(tail.len()), 0.0);
        for (echo, &waiting) in echoes.iter_mut().zip(&tail) {
            *echo += waiting;
        }
        tail = echoes.split_off(block.len());
        y.extend(echoes);
    }
    y
}
