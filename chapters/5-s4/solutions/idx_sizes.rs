/// The sizes of the axes in the header of an IDX file: two zeros, the kind of number (8 for bytes), how many axes there are,
/// and then the size of each axis, in four bytes with the largest first. `None` if the file is of another kind, or ends in
/// its header.
///
/// Size: eight lines. Time: 10 minutes.
pub fn idx_sizes(file: &[u8]) -> Option<Vec<u32>> {
    let (&[0, 0, 8, axes], sizes) = file.split_first_chunk()? else {
        return None;
    };
    let sizes = sizes.get(..4 * usize::from(axes))?;
    let number =
        |bytes: &[u8]| bytes.iter().fold(0, |number, &byte| 256 * number + u32::from(byte));
    Some(sizes.chunks(4).map(number).collect())
}
