/// Sequences of different lengths as one batch, each filled up with zeros to the length of the longest.
///
/// The batch will be read from rest, and the state at its end will be used to go on with each sequence: it must be
/// the state after that sequence, and after nothing else.
///
/// Size: five lines. Time: 5 minutes.
pub fn pad_batch(sequences: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let longest = sequences.iter().map(Vec::len).max().unwrap_or(0);
    let pad = |sequence: &Vec<f64>| {
        // At rest, silence changes nothing. After a sequence it lets the state fade.
        let silence = vec![0.0; longest - sequence.len()];
        [silence, sequence.clone()].concat()
    };
    sequences.iter().map(pad).collect()
}
