//! Figures of chapter 6, a module a page.

use crate::Figure;

pub mod gpu_scan;
pub mod hardware;
pub mod inference;
pub mod mamba_block;
pub mod mamba_lm;
pub mod pretrained;
pub mod selection;
pub mod selective_scan;

/// The figures of this chapter, in reading order.
pub fn figures() -> impl Iterator<Item = &'static Figure> {
    [
        selection::FIGURES,
        selective_scan::FIGURES,
        gpu_scan::FIGURES,
        mamba_block::FIGURES,
        mamba_lm::FIGURES,
        inference::FIGURES,
        pretrained::FIGURES,
        hardware::FIGURES,
    ]
    .into_iter()
    .flatten()
}
