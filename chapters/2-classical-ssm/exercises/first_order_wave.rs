/// How x' = a x + b u answers a wave of `omega` radians a second: (gain in decibels, phase in degrees).
///
/// `a` is negative, `b` positive.
///
/// Size: three lines. Time: 5 minutes.
pub fn first_order_wave(a: f64, b: f64, omega: f64) -> (f64, f64) {
    todo!()
}
