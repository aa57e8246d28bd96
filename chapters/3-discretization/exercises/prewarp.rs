//! Exercise prewarp (warm-up, one line, 10 minutes).

/// The step h that the bilinear rule has to be given, so that steps called Δ are exact at the frequency
/// `omega`: z = e^{iωΔ} has to be the image of s = iω under s = 2/h (z - 1)/(z + 1).
///
/// `omega` and `delta` are positive, and ωΔ is below π: there is nothing to check.
pub fn prewarp(omega: f64, delta: f64) -> f64 {
    todo!()
}
