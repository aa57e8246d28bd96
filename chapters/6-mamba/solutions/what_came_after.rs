/// A bucket that opens at the right moment, and never again.
///
/// Whatever comes right after a token `special` is kept until another token comes right
/// after `special`. The state after each token: x_k = (1 - g) x_{k-1} + g u_k from 0, where
/// u_k is the number of token k and g is 1 or 0.
///
/// Size: eight lines. Time: 10 minutes.
pub fn what_came_after(tokens: &[usize], special: usize) -> Vec<f64> {
    let mut x = 0.0;
    let mut before = None;
    let step = |&token: &usize| {
        let g = f64::from(before == Some(special));
        x = (1.0 - g) * x + g * token as f64;
        before = Some(token);
        x
    };
    tokens.iter().map(step).collect()
}
