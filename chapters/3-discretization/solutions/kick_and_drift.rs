//! Exercise kick_and_drift (stretch, three lines, 15 minutes).

/// One step of the spring q' = v, v' = -q that neither gains nor loses energy in the long run, though it
/// is made of two Euler steps: first the velocity by the *old* position, then the position by the *new*
/// velocity. Takes and returns (q, v).
pub fn kick_and_drift((q, v): (f64, f64), delta: f64) -> (f64, f64) {
    let v = v - delta * q;
    let q = q + delta * v;
    (q, v)
}
