/// Coefficients and inputs with which one scan over several documents, packed end to end, runs each from `initial`.
///
/// `a` and `b` are those of the whole row, `starts` the places where documents begin. No document may feel the one
/// before it: change `a` and `b` at the starts, and nowhere else.
///
/// Size: five lines. Time: 10 minutes.
pub fn packed_documents(
    a: &[f64],
    b: &[f64],
    starts: &[usize],
    initial: f64,
) -> (Vec<f64>, Vec<f64>) {
    todo!()
}
