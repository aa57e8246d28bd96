//! The exercises of chapter 4, in reading order: one module each, by the name of its blank.

use workbench::exercise::Exercise;

mod dplr_product;
mod nucleus;
mod pair_bits;
mod perplexity;
mod rank_one_solve;
mod undo;

pub fn all() -> Vec<Exercise> {
    vec![
        dplr_product::exercise(),
        rank_one_solve::exercise(),
        undo::exercise(),
        perplexity::exercise(),
        nucleus::exercise(),
        pair_bits::exercise(),
    ]
}
