//! The command line of chapter 1: the exercise board and the experiments.

fn main() {}
