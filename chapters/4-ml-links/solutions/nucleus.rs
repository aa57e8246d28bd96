//! Exercise nucleus (core, ten lines, 15 minutes).

/// Top-p sampling: the fewest of the likeliest characters that together have at least the probability `mass`.
///
/// They keep their proportions and sum to 1; all others have probability 0. The likeliest is always kept.
pub fn nucleus(p: &[f64], mass: f64) -> Vec<f64> {
    let mut likeliest_first: Vec<usize> = (0..p.len()).collect();
    likeliest_first.sort_by(|&i, &j| p[j].total_cmp(&p[i]));
    let (mut kept, mut sum) = (vec![0.0; p.len()], 0.0);
    for i in likeliest_first {
        kept[i] = p[i];
        sum += p[i];
        if sum >= mass {
            break;
        }
    }
    kept.iter().map(|p| p / sum).collect()
}
