/// How wrong a sum must be.
///
/// A table says what is wanted, `wanted[i][j]`; what one has is r_i + c_j, a sum of something
/// that depends on the row and something that depends on the column, both as one likes.
/// The smallest number that the largest of the four errors |wanted[i][j] - r_i - c_j| can be.
///
/// Size: two lines. Time: 15 minutes.
pub fn least_error(wanted: [[f64; 2]; 2]) -> f64 {
    // For every sum this is 0, whatever r and c are: all of it is error, and four cells can share it.
    let [[a, b], [c, d]] = wanted;
    ((a - b) - (c - d)).abs() / 4.0
}
