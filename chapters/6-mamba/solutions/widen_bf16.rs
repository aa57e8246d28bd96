//! Exercise widen_bf16 (warm-up, one line, 5 minutes).

/// The f32 that a bf16 is, from the 16 bits of the bf16: sign, 8 bits of exponent, 7 of fraction.
///
/// An f32 has a sign, 8 bits of exponent and 23 of fraction.
pub fn widen_bf16(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}
