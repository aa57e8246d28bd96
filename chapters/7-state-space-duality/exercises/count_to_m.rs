/// A pair of states that counts modulo m: by which angle it turns at a bit, and how much is pushed.
///
/// The pair is a complex number, z_k = e^{iφ} z_{k-1} + push, and begins at 0. After n ones, with any
/// zeros between them, it has to be back at 0 if m divides n, and at m - 1 other places otherwise,
/// one for each remainder. m is at least 2; the answer is [φ, push].
///
/// Size: one line. Time: 5 minutes.
pub fn count_to_m(bit: bool, m: usize) -> [f64; 2] {
    todo!()
}
