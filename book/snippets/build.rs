//! Expands the book (includes, then translation) and writes one documented module a Rust block, named after its page
//! and line.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context, Result, ensure};
use mdbook_driver::MDBook;
use mdbook_driver::book::BookItem;
use mdbook_driver::config::Config;
use mdbook_i18n_helpers::preprocessors::Gettext;
use mdbook_renderer::{RenderContext, Renderer};

/// Lends the pages the name of the renderer that `mdbook test` uses.
struct Test;

impl Renderer for Test {
    fn name(&self) -> &str {
        "test"
    }

    fn render(&self, _: &RenderContext) -> Result<()> {
        Ok(())
    }
}

fn main() -> Result<()> {
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../..").canonicalize()?;
    let output = PathBuf::from(env::var("OUT_DIR")?).join("pages");
    // What an earlier run left: pages are renamed, blocks move.
    if output.exists() {
        fs::remove_dir_all(&output)?;
    }
    fs::create_dir_all(&output)?;
    for source in ["book.toml", "book/src", "chapters", "translations"] {
        println!("cargo::rerun-if-changed={}", root.join(source).display());
    }

    let english = expand(&root, None)?;
    let mut modules = String::new();
    write_pages(&english, &output.join("en"), &mut modules)?;
    for language in languages(&root)? {
        // A block without a translation is the English one, which has been run.
        let mut pages = expand(&root, Some(&language))?;
        for (path, blocks) in &mut pages {
            blocks.retain(|_, block| !english[path].values().any(|same| same == block));
        }
        let name = language.replace('-', "_").to_lowercase();
        writeln!(modules, "/// The pages in `{language}`.\npub mod {name} {{")?;
        write_pages(&pages, &output.join(&language), &mut modules)?;
        writeln!(modules, "}}")?;
    }
    fs::write(output.join("pages.rs"), modules)?;
    Ok(())
}

fn languages(root: &Path) -> Result<Vec<String>> {
    let mut languages = Vec::new();
    for entry in fs::read_dir(root.join("translations"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "po")
            && let Some(language) = path.file_stem().and_then(|stem| stem.to_str())
        {
            languages.push(language.to_owned());
        }
    }
    languages.sort();
    Ok(languages)
}

/// The Rust blocks of each page after mdBook's own preprocessors and the translation, by the line of the page on which
/// they begin.
fn expand(
    root: &Path,
    language: Option<&str>,
) -> Result<BTreeMap<PathBuf, BTreeMap<usize, String>>> {
    let mut config = Config::from_disk(root.join("book.toml"))?;
    if let Some(language) = language {
        config.book.language = Some(language.to_owned());
    }
    // The preprocessor that runs this crate's tests must not start them while they are being built.
    config.set("preprocessor.snippets.renderers", Vec::<String>::new())?;
    let mut book = MDBook::load_with_config(root, config)?;
    book.with_preprocessor(Gettext);
    let (book, _) = book.preprocess_book(&Test)?;
    let mut pages = BTreeMap::new();
    for item in book.iter() {
        if let BookItem::Chapter(chapter) = item
            && let Some(path) = &chapter.path
        {
            // An include stays inside of its block: expansion moves blocks and adds none.
            let written = blocks(&fs::read_to_string(root.join("book/src").join(path))?);
            let expanded = blocks(&chapter.content);
            ensure!(
                written.len() == expanded.len(),
                "{}: an include opens or closes a block",
                path.display()
            );
            let lines = written.into_iter().map(|(line, _)| line);
            let rust = lines.zip(expanded).filter(|(_, (_, block))| is_rust(block));
            pages.insert(path.clone(), rust.map(|(line, (_, block))| (line, block)).collect());
        }
    }
    Ok(pages)
}

/// The fenced blocks of a page, fences included, each with the line on which it begins, from 1.
///
/// A listing carries its module's `//!` header as hidden lines. They are left out: rustdoc would compile such a
/// block on its own instead of merging it with the others.
fn blocks(page: &str) -> Vec<(usize, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, line) in page.lines().enumerate() {
        let fence = line.starts_with("```");
        match &mut open {
            None if fence => open = Some((number + 1, format!("{line}\n"))),
            None => {}
            Some((_, block)) => {
                if !line.starts_with("# //!") {
                    block.push_str(line);
                    block.push('\n');
                }
                if fence {
                    blocks.extend(open.take());
                }
            }
        }
    }
    blocks
}

/// Whether rustdoc runs the block.
fn is_rust(block: &str) -> bool {
    block
        .lines()
        .next()
        .is_some_and(|fence| fence[3..].split(',').any(|word| word.trim() == "rust"))
}

/// Writes each block to a file of its own, and a module for it inside of one for its page: a failing one is reported
/// as `chapter_1_math_foundations_fourier::line_88`.
fn write_pages(
    pages: &BTreeMap<PathBuf, BTreeMap<usize, String>>,
    folder: &Path,
    modules: &mut String,
) -> Result<()> {
    for (path, blocks) in pages {
        let folder = folder.join(path);
        fs::create_dir_all(&folder)?;
        writeln!(
            modules,
            "/// The snippets of `{}`.\npub mod {} {{",
            path.display(),
            module_name(path)
        )?;
        for (line, block) in blocks {
            let file = folder.join(format!("line_{line}.md"));
            fs::write(&file, block).with_context(|| format!("cannot write {}", file.display()))?;
            writeln!(modules, "#[doc = include_str!({file:?})]\npub mod line_{line} {{}}")?;
        }
        writeln!(modules, "}}")?;
    }
    Ok(())
}

/// `1-math-foundations/fourier.md` becomes `chapter_1_math_foundations_fourier`.
fn module_name(path: &Path) -> String {
    let name =
        path.with_extension("").to_string_lossy().replace(['/', '\\'], "_").replace('-', "_");
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        format!("chapter_{name}")
    } else {
        name
    }
}
