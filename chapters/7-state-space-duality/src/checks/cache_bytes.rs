//! Exercise `cache_bytes` of the page `applications`.

use workbench::exercise::{Exercise, Level, Mismatch, expect_equal};

#[allow(unused_variables, reason = "a blank does not use them yet")]
#[path = "../../exercises/cache_bytes.rs"]
mod blank;
#[path = "../../solutions/cache_bytes.rs"]
mod solution;

type Answer = fn(usize, usize, usize, usize) -> usize;

pub fn exercise() -> Exercise {
    Exercise::new("cache_bytes", Level::WarmUp, "one line", 5)
        .page("7-state-space-duality/applications")
        .hints([
            "What does one token leave in one layer?",
            "Which of the four numbers does the cache grow with, and which of them did somebody choose before training?",
        ])
        .notice(
            "What to notice: three factors were chosen before training, and the fourth is chosen by whoever talks to the model. \
             Hybrids make the first smaller; sharing keys between heads makes the second smaller; a state has no fourth.",
        )
        .sources(
            include_str!("../../exercises/cache_bytes.rs"),
            include_str!("../../solutions/cache_bytes.rs"),
        )
        .answers::<Answer>(
            check,
            blank::cache_bytes,
            solution::cache_bytes,
            vec![forgets_the_values, of_one_layer, squares_the_tokens],
        )
}

fn check(answer: Answer) -> Result<(), Mismatch> {
    let cases: [([usize; 4], usize); 4] = [
        ([1, 1, 1, 1], 2),
        ([2, 8, 3, 2], 192),
        ([32, 1024, 1 << 18, 2], 32 << 30),
        ([4, 64, 0, 2], 0),
    ];
    for ([layers, key_width, tokens, bytes], expected) in cases {
        let at = format!(
            "at {layers} layers, {key_width} numbers a key, {tokens} tokens, {bytes} bytes a number"
        );
        expect_equal(at, "the bytes", expected, answer(layers, key_width, tokens, bytes))?;
    }
    Ok(())
}

fn forgets_the_values(layers: usize, key_width: usize, tokens: usize, bytes: usize) -> usize {
    layers * key_width * tokens * bytes
}

fn of_one_layer(_: usize, key_width: usize, tokens: usize, bytes: usize) -> usize {
    2 * key_width * tokens * bytes
}

fn squares_the_tokens(layers: usize, key_width: usize, tokens: usize, bytes: usize) -> usize {
    2 * layers * key_width * tokens * tokens * bytes
}
