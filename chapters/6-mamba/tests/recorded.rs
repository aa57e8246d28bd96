//! What the pages quote is what the commands print.

use std::path::Path;

#[test]
fn commands_print_what_is_recorded() {
    workbench::recorded::replay(Path::new(env!("CARGO_BIN_EXE_chapter-6")), Path::new("recorded"));
}
