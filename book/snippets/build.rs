//! Expands the book (includes, then translation) and writes one documented module a page.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context, Result};
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
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR")?)
        .join("../..")
        .canonicalize()?;
    let output = PathBuf::from(env::var("OUT_DIR")?);
    for source in ["book.toml", "book/src", "chapters", "translations"] {
        println!("cargo::rerun-if-changed={}", root.join(source).display());
    }

    let english = expand(&root, None)?;
    let mut modules = String::new();
    write_pages(&english, &output.join("en"), &mut modules)?;
    for language in languages(&root)? {
        // A page without a translation is the English one: its snippets have been run.
        let mut pages = expand(&root, Some(&language))?;
        pages.retain(|path, content| english.get(path) != Some(content));
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

/// The pages by path after mdBook's own preprocessors and the translation.
fn expand(root: &Path, language: Option<&str>) -> Result<BTreeMap<PathBuf, String>> {
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
            pages.insert(path.clone(), without_hidden_headers(&chapter.content));
        }
    }
    Ok(pages)
}

/// A listing carries its module's `//!` header as hidden lines; rustdoc would compile such a block on its own
/// instead of merging it with the others.
fn without_hidden_headers(page: &str) -> String {
    let mut kept = String::with_capacity(page.len());
    for line in page.lines().filter(|line| !line.starts_with("# //!")) {
        kept.push_str(line);
        kept.push('\n');
    }
    kept
}

/// Writes each page beside the others and a module for it, nested as its folders are.
fn write_pages(
    pages: &BTreeMap<PathBuf, String>,
    folder: &Path,
    modules: &mut String,
) -> Result<()> {
    for (path, content) in pages {
        let file = folder.join(path);
        if let Some(parent) = file.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&file, content).with_context(|| format!("cannot write {}", file.display()))?;
        writeln!(
            modules,
            "#[doc = include_str!({file:?})]\npub mod {} {{}}",
            module_name(path)
        )?;
    }
    Ok(())
}

/// `1-math-foundations/fourier.md` becomes `chapter_1_math_foundations_fourier`.
fn module_name(path: &Path) -> String {
    let name = path
        .with_extension("")
        .to_string_lossy()
        .replace(['/', '\\'], "_")
        .replace('-', "_");
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        format!("chapter_{name}")
    } else {
        name
    }
}
