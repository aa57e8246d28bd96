//! Figures of the page `gpu-setup`.

use workbench::svg::{Anchor, Canvas, Role};

use crate::Figure;

/// The figures of this page.
pub const FIGURES: &[Figure] =
    &[Figure { name: "adapters", page: "appendices/gpu-setup", draw: || draw_adapters(&MACHINES) }];

/// What a graphics interface leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adapter {
    /// Nothing: no driver of this kind.
    None,
    /// A program of this name that computes on the processor.
    Software(&'static str),
    /// A card.
    Card,
}

/// A machine: what it is, and what Vulkan, DirectX 12 and OpenGL lead to on it.
pub type Machine = (&'static str, [Adapter; 3]);

const MACHINES: [Machine; 5] = [
    ("Linux, with its driver", [Adapter::Card, Adapter::None, Adapter::Card]),
    (
        "Linux, with Mesa alone",
        [Adapter::Software("lavapipe"), Adapter::None, Adapter::Software("llvmpipe")],
    ),
    ("guest of another system", [Adapter::Software("lavapipe"), Adapter::None, Adapter::Card]),
    ("Windows, no driver", [Adapter::None, Adapter::Software("WARP"), Adapter::None]),
    ("nothing installed", [Adapter::None; 3]),
];

/// Which of the interfaces, asked in this order, is taken: the first with a card; if there is none, the first with anything.
pub fn taken(adapters: &[Adapter]) -> Option<usize> {
    let card = adapters.iter().position(|adapter| *adapter == Adapter::Card);
    card.or_else(|| adapters.iter().position(|adapter| *adapter != Adapter::None))
}

/// A row a machine: what each interface finds, and a ring around what is taken.
pub fn draw_adapters(machines: &[Machine]) -> String {
    let (left, top, row) = (262.0, 46.0, 42.0);
    let mut canvas = Canvas::new(
        640.0,
        top + row * machines.len() as f64,
        "Vulkan, DirectX 12 and OpenGL are asked in this order: the first with a card is taken, and a software adapter only \
         where none has a card",
    );
    let column = |i: usize| left + 138.0 * i as f64;
    for (i, name) in ["Vulkan", "DirectX 12", "OpenGL"].into_iter().enumerate() {
        canvas.text(Role::Ink.size(20.0).bold(), (column(i) - 8.0, 24.0), Anchor::Start, name);
    }
    for (i, (machine, adapters)) in machines.iter().enumerate() {
        let y = top + row * (i as f64 + 0.4);
        canvas.text(Role::Ink, (4.0, y + 6.0), Anchor::Start, machine);
        for (j, adapter) in adapters.iter().enumerate() {
            let at = (column(j), y);
            let name = match adapter {
                Adapter::None => {
                    canvas.dot(Role::Ink.opacity(0.5), at, 2.0);
                    continue;
                }
                Adapter::Software(name) => {
                    canvas.circle(Role::State.hollow(), at, 7.0);
                    name
                }
                Adapter::Card => {
                    canvas.dot(Role::Output, at, 7.0);
                    "card"
                }
            };
            canvas.text(Role::Ink, (at.0 + 18.0, y + 6.0), Anchor::Start, name);
        }
        if let Some(j) = taken(adapters) {
            canvas.circle(Role::Ink.wide(1.8), (column(j), y), 13.0);
        }
    }
    canvas.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_that_is_asked_last_is_taken_before_software() {
        let software = Adapter::Software("lavapipe");
        assert_eq!(taken(&[software, Adapter::None, Adapter::Card]), Some(2));
        assert_eq!(taken(&[Adapter::Card, Adapter::None, Adapter::Card]), Some(0));
        assert_eq!(taken(&[Adapter::None, software, software]), Some(1));
        assert_eq!(taken(&[Adapter::None; 3]), None);
    }
}
