/// The bytes of the keys and values that a transformer keeps after so many tokens.
///
/// In each of its layers, each token leaves a key and a value. `key_width` numbers are in all keys of a token in one layer, over
/// the heads that have one of their own; `bytes_each` are the bytes of a number.
///
/// Size: one line. Time: 5 minutes.
pub fn cache_bytes(layers: usize, key_width: usize, tokens: usize, bytes_each: usize) -> usize {
    layers * tokens * 2 * key_width * bytes_each
}
