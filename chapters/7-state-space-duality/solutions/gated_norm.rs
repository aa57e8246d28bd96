/// What leaves a block of Mamba-2: the answers of its heads, gated, and then brought to one size.
///
/// `y` and `z` have a number for each channel. The gate multiplies y by SiLU(z) = z / (1 + e⁻ᶻ).
/// Then each of `groups` groups of neighbouring channels is divided by the root of the mean of
/// its squares, plus `epsilon` under the root; and each channel is multiplied by its `weight`.
///
/// Size: eight lines. Time: 10 minutes.
pub fn gated_norm(y: &[f64], z: &[f64], weight: &[f64], groups: usize, epsilon: f64) -> Vec<f64> {
    let mut out: Vec<f64> = y.iter().zip(z).map(|(y, z)| y * z / (1.0 + (-z).exp())).collect();
    let group = y.len() / groups;
    for out in out.chunks_exact_mut(group) {
        let mean = out.iter().map(|y| y * y).sum::<f64>() / group as f64;
        out.iter_mut().for_each(|y| *y /= (mean + epsilon).sqrt());
    }
    out.iter().zip(weight).map(|(y, weight)| y * weight).collect()
}
