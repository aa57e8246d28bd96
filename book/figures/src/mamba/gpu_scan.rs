//! Figures of the page `gpu_scan`.

use mamba::gpu_scan::carried;
use mamba::hardware::{Work, fused_scan, fused_scan_and_back, unfused_scan};
use mamba::selective_scan::Sizes;
use workbench::plot::Plot;
use workbench::svg::{Anchor, Canvas, Role};

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] = &[
    Figure {
        name: "what-moves",
        page: "6-mamba/gpu-scan",
        draw: || draw_what_moves(&WhatMoves::default()),
    },
    Figure {
        name: "from-rest",
        page: "6-mamba/gpu-scan",
        draw: || draw_from_rest(&FromRest::default()),
    },
];

/// What the figure `what-moves` shows: how many numbers cross the border of the chip for each input.
#[derive(Debug, Clone, PartialEq)]
pub struct WhatMoves {
    /// How much is scanned.
    pub sizes: Sizes,
    /// Between how many steps a state is kept for the way back.
    pub steps: usize,
}

impl Default for WhatMoves {
    fn default() -> Self {
        let sizes = Sizes { batch: 1, length: 4096, d_inner: 1536, groups: 1, d_state: 16 };
        Self { sizes, steps: 16 }
    }
}

/// A row a rung: its inputs, its outputs and its states, as lengths.
pub fn draw_what_moves(&WhatMoves { sizes, steps }: &WhatMoves) -> String {
    let mut canvas = Canvas::new(
        640.0,
        250.0,
        "Composed of operations a scan moves a hundred numbers for each input, ninety-six of them states; \
         in one walk it moves four, and thirteen with the way back",
    );
    let numbers = |work: Work| work.bytes / 4.0 / sizes.inputs() as f64;
    let (unfused, fused) = (numbers(unfused_scan(sizes)), numbers(fused_scan(sizes)));
    let both = numbers(fused_scan_and_back(sizes, steps));
    let kept = 2.0 * sizes.d_state as f64 / steps as f64;
    let rows = [
        ("0", "u δ z, y, and Ā, B̄u, x there and back", [3.0, 1.0, unfused - fused]),
        ("1, 2", "u δ z, y", [3.0, 1.0, 0.0]),
        ("3", "u δ z, u δ, y", [5.0, 1.0, 0.0]),
        (
            "4",
            "u δ z, y; back: four in, three gradients out, x at every 16th step",
            [7.0, both - kept - 7.0, kept],
        ),
    ];
    let (left, top, row, scale) = (52.0, 30.0, 52.0, 5.3);
    for (i, (rung, what, parts)) in rows.into_iter().enumerate() {
        let y = top + row * i as f64;
        canvas.text(Role::Ink, (left - 14.0, y + 18.0), Anchor::End, rung);
        let mut x = left;
        for (role, numbers) in [Role::Input, Role::Output, Role::State].into_iter().zip(parts) {
            if numbers > 0.0 {
                canvas.rect(role.tinted(0.55), (x, y), (scale * numbers, 24.0), 0.0);
                x += scale * numbers;
            }
        }
        let total: f64 = parts.iter().sum();
        canvas.text(Role::Ink, (x + 8.0, y + 18.0), Anchor::Start, &format!("{total:.0}"));
        canvas.text(Role::Ink.size(13.0), (left, y + 40.0), Anchor::Start, what);
    }
    canvas.finish()
}

/// What the figure `from-rest` shows: one state, walked as it is and in chunks that begin at rest.
#[derive(Debug, Clone, PartialEq)]
pub struct FromRest {
    /// The rate of the state.
    pub a: f64,
    /// Steps, and those of a chunk.
    pub length: usize,
    /// Steps of a chunk.
    pub chunk: usize,
}

impl Default for FromRest {
    fn default() -> Self {
        Self { a: -1.0, length: 64, chunk: 16 }
    }
}

/// Both walks, and where chunks begin when all ends are known.
pub fn draw_from_rest(&FromRest { a, length, chunk }: &FromRest) -> String {
    let delta = |k: usize| 0.03 + 0.1 * (0.37 * k as f64).sin().powi(2);
    let push = |k: usize| delta(k) * (1.0 + (0.2 * k as f64).sin());
    let step = |x: f64, k: usize| (a * delta(k)).exp() * x + push(k);
    let (mut x, mut alone) = (1.6, 0.0);
    let (mut states, mut from_rest, mut sums, mut ends) = (vec![(0.0, x)], vec![], vec![], vec![]);
    let initial = x;
    for k in 0..length {
        if k % chunk == 0 {
            alone = 0.0;
            from_rest.push((k as f64, f64::NAN));
            from_rest.push((k as f64, 0.0));
            sums.push(0.0);
            ends.push(0.0);
        }
        x = step(x, k);
        alone = step(alone, k);
        states.push(((k + 1) as f64, x));
        from_rest.push(((k + 1) as f64, alone));
        if let (Some(sum), Some(end)) = (sums.last_mut(), ends.last_mut()) {
            *sum += delta(k);
            *end = alone;
        }
    }
    let beginnings = carried(a, &sums, &ends, initial);
    let beginnings: Vec<_> =
        beginnings.iter().enumerate().map(|(i, x)| ((i * chunk) as f64, *x)).collect();
    Plot::new(
        "Chunks that begin at rest end too low, by what they leave of the state that they should have been given; from their \
         ends alone, one after the other, all true beginnings follow",
    )
    .x_label("k")
    .reference("from rest", &from_rest)
    .line(Role::State, "x_k", &states)
    .points(Role::State, "", &beginnings)
    .y_range(-0.1, 2.0)
    .to_svg()
}
