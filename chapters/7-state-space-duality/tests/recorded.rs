//! What the pages quote is what the commands print.

use std::path::Path;

#[test]
fn commands_print_what_is_recorded() {
    let recorded = Path::new("recorded");
    if recorded.is_dir() {
        workbench::recorded::replay(Path::new(env!("CARGO_BIN_EXE_chapter-7")), recorded);
    }
}
