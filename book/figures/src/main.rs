//! `cargo run -p book-figures` redraws every figure; with names, only those.

use std::path::Path;
use std::process::ExitCode;

use book_figures::{Change, redraw};

fn main() -> ExitCode {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("drawn");
    match redraw(&folder, &names) {
        Ok(changes) => {
            for (name, change) in &changes {
                match change {
                    Change::New => println!("new      {name}"),
                    Change::Changed => println!("changed  {name}"),
                    Change::Same => {}
                }
            }
            let same = changes.iter().filter(|(_, change)| *change == Change::Same).count();
            println!("{same} of {} figures were up to date", changes.len());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
