use math_foundations::state_representations::Matrices;
use nalgebra::dmatrix;

/// Two recurrences with one input, one state and one output each, joined: the output of the first is
/// the input of the second. `x_k = a x_{k-1} + b u_k`, `y_k = c x_k + d u_k`.
///
/// `first` and `second` hold (a, b, c, d). Returns the four matrices of both together, with the state
/// (x of the first, x of the second): A 2 x 2, B 2 x 1, C 1 x 2, D 1 x 1.
///
/// Size: six lines. Time: 15 minutes.
pub fn series_of_steps(first: [f64; 4], second: [f64; 4]) -> Matrices {
    let ([a1, b1, c1, d1], [a2, b2, c2, d2]) = (first, second);
    // What the first says at step k, in terms of its last state and of u_k.
    let (from_state, from_input) = (c1 * a1, c1 * b1 + d1);
    Matrices {
        a: dmatrix![a1, 0.0; b2 * from_state, a2],
        b: dmatrix![b1; b2 * from_input],
        c: dmatrix![d2 * c1, c2],
        d: dmatrix![d2 * d1],
    }
}
