//! The experiment `duality` of the page `semiseparable`.

use std::error::Error;

use clap::Args;
use ml_links::parameterization::normal;
use ml_links::testing::apart;
use nalgebra::{DMatrix, DVector};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use state_space_duality::semiseparable::{
    Head, Reading, SemiseparableError, below, matrix, rank, recurrence_of,
};
use workbench::command_line::count;

/// A head, and a text that it reads.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// N, the numbers of its state, its keys and its queries
    #[arg(long, default_value_t = 4, value_parser = count(1 << 6))]
    states: usize,
    /// L, the steps of the text
    #[arg(long, default_value_t = 64, value_parser = count(1 << 7))]
    length: usize,
    /// Steps of a chunk
    #[arg(long, default_value_t = 16, value_parser = count(1 << 8))]
    chunk: usize,
    /// Of the head
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Below this, relative to the largest, a singular value is rounding.
const ROUNDING: f64 = 1e-12;

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let &Options { states, length, chunk, seed } = options;
    let small = matrix(&Head::draw(length.min(6), 1, seed)?.steps())?;
    println!("A state of one number: what output k hears of input j");
    println!();
    println!("{}", table(&small));

    let head = Head::draw(length, states, seed)?;
    println!("A text of {length}, N = {states}: directions of the block below a cut");
    println!();
    let cuts: Vec<usize> =
        [1, 2, 4, 8, 16, 32, 64].into_iter().filter(|&cut| 2 * cut <= length).collect();
    let header: String = cuts.iter().map(|cut| format!("{cut:>6}")).collect();
    println!("{:<18}{header}", "cut before step");
    let softmax = head.softmax();
    let matrices = [
        ("decays", head.attention()),
        ("no decays", head.without_decay().attention()),
        ("softmax", softmax.clone()),
    ];
    for (name, m) in &matrices {
        let ranks: String =
            cuts.iter().map(|&cut| format!("{:>6}", rank(&below(m, cut), ROUNDING))).collect();
        println!("{name:<18}{ranks}");
    }

    println!();
    println!("Softmax attention by a recurrence: numbers in the largest state, and how far off");
    println!();
    let lengths: Vec<usize> = [4, 2, 1].map(|part| (length / part).max(1)).into();
    let header: String = lengths.iter().map(|length| format!("{length:>6}")).collect();
    println!("{:<18}{header} {:>10}", "left out \\ text of", "apart");
    for tolerance in [1e-1, 1e-2, 1e-3, ROUNDING] {
        let (mut states, mut off) = (String::new(), 0.0);
        for &length in &lengths {
            // What comes later changes nothing of what was said before.
            let begun = softmax.view((0, 0), (length, length)).into_owned();
            let steps = recurrence_of(&begun, tolerance)?;
            let largest = steps.iter().map(|step| step.c.len()).max().unwrap_or(0);
            states += &format!("{largest:>6}");
            off = apart(matrix(&steps)?.as_slice(), begun.as_slice());
        }
        println!("{:<18}{states} {:>10}", format!("{tolerance:.0e}"), size(off));
    }

    println!();
    println!("One matrix, four programs: how far from the first");
    println!();
    println!("{:<16} {:>18} {:>18}", "", "all steps the same", "each its own");
    let same = Head::draw_modes(length, states, seed)?;
    let own = [head];
    let mut random = ChaCha8Rng::seed_from_u64(seed.wrapping_add(1));
    let u = DVector::from_fn(length, |_, _| normal(&mut random));
    let ways = [
        ("recurrence".to_owned(), Reading::Recurrence),
        ("convolution".to_owned(), Reading::Convolution),
        ("attention".to_owned(), Reading::Attention),
        (format!("chunks of {chunk}"), Reading::Chunks(chunk)),
    ];
    for (name, reading) in ways {
        println!("{name:<16} {:>18} {:>18}", far(reading, &same, &u)?, far(reading, &own, &u)?);
    }
    Ok(())
}

/// A matrix with its indices, and nothing where nothing is heard.
fn table(m: &DMatrix<f64>) -> String {
    let header: String = (0..m.ncols()).map(|j| format!("{:>8}", format!("j = {j}"))).collect();
    let rows = (0..m.nrows()).map(|k| {
        let row: String = (0..=k).map(|j| format!("{:>8.3}", m[(k, j)])).collect();
        format!("k = {k}  {row}\n")
    });
    format!("       {header}\n{}", rows.collect::<String>())
}

/// How far a way to multiply is from the recurrence.
fn far(reading: Reading, heads: &[Head], u: &DVector<f64>) -> Result<String, SemiseparableError> {
    let first = Reading::Recurrence.of(heads, u)?;
    Ok(match (first, reading.of(heads, u)?) {
        (Some(_), Some(_)) if reading == Reading::Recurrence => "0".to_owned(),
        (Some(first), Some(found)) => size(apart(found.as_slice(), first.as_slice())),
        _ => "no kernel".to_owned(),
    })
}

/// A power of ten that rounding stays below; two digits of what is not rounding.
fn size(apart: f64) -> String {
    match apart {
        apart if apart > 1e-6 => format!("{apart:.1e}"),
        apart => format!("1e{}", apart.max(1e-17).log10().ceil()),
    }
}
