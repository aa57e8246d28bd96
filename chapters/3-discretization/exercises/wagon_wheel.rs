//! Exercise wagon_wheel (warm-up, three lines, 10 minutes).

/// How fast a wheel seems to turn in a film, in turns a second; negative when it seems to run backwards.
///
/// The wheel turns `turns` times a second and has `spokes` spokes that nobody can tell apart; the camera
/// looks `frames` times a second. The answer is the slowest rotation that gives the same pictures. Of two
/// that are equally slow, any will do: the check does not ask.
pub fn wagon_wheel(turns: f64, spokes: f64, frames: f64) -> f64 {
    todo!()
}
