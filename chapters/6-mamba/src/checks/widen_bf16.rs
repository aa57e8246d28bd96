//! Exercise `widen_bf16`, of the page `pretrained`.

use half::bf16;
use workbench::exercise::{Exercise, Level, Mismatch, expect_equal};

#[allow(unused_variables, reason = "a blank does not use it yet")]
#[path = "../../exercises/widen_bf16.rs"]
mod blank;
#[path = "../../solutions/widen_bf16.rs"]
mod solution;

type Answer = fn(u16) -> f32;

pub fn exercise() -> Exercise {
    Exercise::new("widen_bf16", Level::WarmUp, "one line", 5)
        .page("6-mamba/pretrained")
        .hints([
            "Which 16 of the 32 bits of an f32 are the ones that a bf16 has, and what are the others of a number with a short fraction?",
            "Which function makes an f32 of 32 bits, without changing one?",
        ])
        .notice(
            "What to notice: no exponent was touched, no table asked. This is why bf16 has so few digits and why it is so quick: it \
             is an f32 that was cut in two.",
        )
        .sources(
            include_str!("../../exercises/widen_bf16.rs"),
            include_str!("../../solutions/widen_bf16.rs"),
        )
        .answers::<Answer>(
            check,
            blank::widen_bf16,
            solution::widen_bf16,
            vec![converts_the_number, keeps_the_lower_half, reads_f16],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    for bits in [0x3f80, 0xc040, 0x0000, 0x8000, 0x7f80, 0x0001, 0x4049, 0xff7f] {
        let expected = bf16::from_bits(bits).to_f32();
        let at = format!("at the bits {bits:#06x}");
        expect_equal(at, "the bits of the f32", expected.to_bits(), answer(bits).to_bits())?;
    }
    Ok(())
}

fn converts_the_number(bits: u16) -> f32 {
    bits.into()
}

fn keeps_the_lower_half(bits: u16) -> f32 {
    f32::from_bits(bits.into())
}

fn reads_f16(bits: u16) -> f32 {
    half::f16::from_bits(bits).to_f32()
}
