/// A bridge swings when people walk over it with `omega` radians a second. Below it hangs a second mass
/// on a spring, and from then on the bridge stands still: all of the force goes into the second mass.
///
/// `mass`: that of the second mass, in kg. Returns the stiffness of its spring, in N/m, that puts a zero
/// at ±iω, for a force on the bridge and the place of the bridge. No damper.
///
/// Size: one line. Time: 5 minutes.
pub fn absorber(mass: f64, omega: f64) -> f64 {
    todo!()
}
