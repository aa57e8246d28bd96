//! The command `digits` of the page `mnist`: what a model is given, and what it has to beat.

use std::error::Error;
use std::path::PathBuf;

use clap::Args;
use s4::digits::{DataArguments, Digits};
use s4::pictures::{Row, save, to_terminal};
use s4::pixel_tables::to_beat;

use super::count;

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    data: DataArguments,
    /// Shows so many of them
    #[arg(long, default_value_t = 5, value_parser = count(1000))]
    show: usize,
    /// Digits in a row
    #[arg(long, default_value_t = 5, value_parser = count(100))]
    columns: usize,
    /// Draws them into this file, too: a name that ends in .png or .svg
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
    /// Where all randomness comes from
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let (train, test) = options.data.open(options.seed)?;
    let shown = options.show.min(train.len());
    let indices: Vec<usize> = (0..shown).collect();
    let rows = indices.chunks(options.columns);
    let names: Vec<String> = rows.clone().map(|row| labels(&train, row)).collect();
    let images = |row: &[usize]| row.iter().map(|&index| train.image(index)).collect();
    if let Some(path) = &options.picture {
        let rows: Vec<Row> = rows.clone().map(|row| Row::whole("", images(row))).collect();
        save(&rows, "Digits to learn from", path)?;
    }
    let rows = rows.zip(&names).map(|(row, name)| Row::whole(name, images(row)));
    let rows: Vec<Row> = rows.collect();
    let source = options.data.data.display();
    println!("{source}: {} digits to learn from, {} to be tested on\n", train.len(), test.len());
    println!("{}", to_terminal(&rows));
    println!("{:38}  nats per pixel", "what is known of the next pixel");
    for (name, nats) in to_beat(&train, &test) {
        println!("{name:38}  {nats:14.4}");
    }
    Ok(())
}

/// The labels of a row of pictures, each where its picture begins in a terminal.
fn labels(digits: &Digits, row: &[usize]) -> String {
    let labels: String = row.iter().map(|&index| format!("{:<16}", digits.label(index))).collect();
    labels.trim_end().to_owned()
}
