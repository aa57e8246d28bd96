/// One step that does what two do: first `x ↦ a₁ x + b₁`, then `x ↦ a₂ x + b₂`.
///
/// Each step is `(a, b)`.
///
/// Size: one line. Time: 5 minutes.
pub fn compose_steps(first: (f64, f64), second: (f64, f64)) -> (f64, f64) {
    (second.0 * first.0, second.0 * first.1 + second.1)
}
