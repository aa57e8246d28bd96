/// The least time for a work, and whether it is the memory that takes it.
///
/// `bytes` are to be moved, of which the machine moves `bandwidth` in a second, and
/// `operations` to be done, of which it does `peak`. It can do both at once.
///
/// Size: three lines. Time: 5 minutes.
pub fn least_seconds(bytes: f64, bandwidth: f64, operations: f64, peak: f64) -> (f64, bool) {
    let (moving, doing) = (bytes / bandwidth, operations / peak);
    (moving.max(doing), moving >= doing)
}
