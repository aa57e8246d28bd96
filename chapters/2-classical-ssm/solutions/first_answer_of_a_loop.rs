/// The first output y_0 of a loop of two recurrences from rest, when r_0 = 1 comes in.
///
/// The loop: `u_k = r_k - w_k`, where the system makes y_k of u_k and the way back makes w_k of y_k. Both
/// have the form `x_k = a x_{k-1} + b u_k`, `y_k = c x_k + d u_k`, and are given as (a, b, c, d).
/// Returns None where no y_0 fits.
///
/// Size: five lines. Time: 10 minutes.
pub fn first_answer_of_a_loop(system: [f64; 4], back: [f64; 4]) -> Option<f64> {
    let [_, b1, c1, d1] = system;
    let [_, b2, c2, d2] = back;
    // From rest: y_0 = ahead (1 - w_0) and w_0 = behind y_0.
    let (ahead, behind) = (c1 * b1 + d1, c2 * b2 + d2);
    let around = 1.0 + ahead * behind;
    if around == 0.0 { None } else { Some(ahead / around) }
}
