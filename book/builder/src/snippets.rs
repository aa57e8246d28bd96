//! The book's snippets are doc-tests of the crate `book-snippets`: run here, by the preprocessor that gives
//! `mdbook test` its verdict.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use mdbook_preprocessor::book::Book;
use mdbook_preprocessor::{Preprocessor, PreprocessorContext};

/// Runs every snippet of the book. When one fails, cargo has printed its page and line.
fn run(root: &Path) -> Result<()> {
    // A preprocessor's standard output is mdBook's: what cargo prints goes to standard error.
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        // With all packages selected, cargo reuses what `cargo test --workspace` compiled; the name picks the snippets.
        .args(["test", "--doc", "--workspace", "--", "::line_"])
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .status()
        .context("cannot run cargo")?;
    ensure!(status.success(), "a snippet of the book fails: its page and line are named above");
    Ok(())
}

/// The preprocessor of the `test` renderer: runs the snippets, then hands back pages without any, because the bare
/// `rustdoc` that `mdbook test` calls next knows none of the course's crates.
pub struct Snippets;

impl Preprocessor for Snippets {
    fn name(&self) -> &str {
        "snippets"
    }

    fn run(&self, context: &PreprocessorContext, mut book: Book) -> Result<Book> {
        run(&context.root)?;
        book.for_each_chapter_mut(|chapter| chapter.content.clear());
        Ok(book)
    }

    fn supports_renderer(&self, renderer: &str) -> Result<bool> {
        Ok(renderer == "test")
    }
}
