//! Builds, serves and tests the book.
//!
//! mdBook, KaTeX and gettext are libraries here, so a reader installs nothing beforehand; `book.toml` stays an
//! ordinary one, and an installed `mdbook` gives the same pages by calling this crate's program as a preprocessor.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use mdbook_driver::MDBook;
use mdbook_driver::config::Config;
use mdbook_i18n_helpers::preprocessors::Gettext;
use mdbook_i18n_helpers::renderers::Xgettext;

pub mod formulas;
pub mod serve;
pub mod snippets;

/// The root of the workspace, where `book.toml` is.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").components().collect()
}

/// The folder that the English book is built into.
pub fn destination(root: &Path) -> PathBuf {
    root.join("target/book")
}

/// The languages that have a catalogue in `translations/`, sorted.
///
/// # Errors
/// When the folder cannot be read.
pub fn languages(root: &Path) -> Result<Vec<String>> {
    let folder = root.join("translations");
    let mut languages = Vec::new();
    for entry in
        fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?
    {
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

/// Loads the book with its preprocessors in this process instead of one `cargo run` each.
fn load(root: &Path, language: Option<&str>, destination: &Path) -> Result<MDBook> {
    let mut config = Config::from_disk(root.join("book.toml"))?;
    config.build.build_dir = destination.to_owned();
    if let Some(language) = language {
        config.book.language = Some(language.to_owned());
    }
    if let Some(repository) = repository(root) {
        let edit = format!("{repository}/edit/main/{{path}}");
        config.set("output.html.git-repository-url", &repository)?;
        config.set("output.html.edit-url-template", edit)?;
    }
    config.update_from_env()?;
    let mut book = MDBook::load_with_config(root, config)?;
    book.with_preprocessor(Gettext).with_preprocessor(formulas::Formulas);
    Ok(book)
}

/// Where the repository is published, from the remote `origin`: the pages' edit links lead there.
fn repository(root: &Path) -> Option<String> {
    let output = Command::new("git")
        .args(["remote", "get-url", "origin"])
        .current_dir(root)
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    web_address(String::from_utf8(output.stdout).ok()?.trim())
}

/// The web address of a remote given as `https://host/owner/name.git` or `git@host:owner/name.git`.
fn web_address(remote: &str) -> Option<String> {
    let address = match remote.strip_prefix("git@") {
        Some(rest) => format!("https://{}", rest.replacen(':', "/", 1)),
        None if remote.starts_with("https://") => remote.to_owned(),
        None => return None,
    };
    Some(address.trim_end_matches('/').trim_end_matches(".git").to_owned())
}

/// Builds the English book and one in a folder of it for each translation.
///
/// # Errors
/// When a page, an include or a preprocessor fails, or a formula could not be rendered.
pub fn build(root: &Path) -> Result<()> {
    let destination = destination(root);
    build_language(root, None, &destination)?;
    for language in languages(root)? {
        build_language(root, Some(&language), &destination.join(&language))?;
    }
    Ok(())
}

/// Builds the book in one language (`None`: as written) into a folder, and checks its formulas.
///
/// # Errors
/// As [`build`].
pub fn build_language(root: &Path, language: Option<&str>, destination: &Path) -> Result<()> {
    load(root, language, destination)?.build()?;
    let broken = unrendered_formulas(destination)?;
    ensure!(broken.is_empty(), "formulas that KaTeX could not render:\n{}", broken.join("\n"));
    Ok(())
}

/// What an installed `mdbook test` does with this book: every snippet, then the verdict.
///
/// # Errors
/// When a snippet fails.
pub fn test(root: &Path) -> Result<()> {
    let mut book = load(root, None, &destination(root))?;
    book.with_preprocessor(snippets::Snippets);
    book.test(Vec::new())
}

/// KaTeX reports a bad formula by leaving it as it was: the lines of the built pages that still hold one.
fn unrendered_formulas(folder: &Path) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    for page in pages(folder)? {
        if page.ends_with("print.html") {
            continue;
        }
        let html = fs::read_to_string(&page)?;
        for (number, line) in html.lines().enumerate() {
            let left = ["katex-error", "$<code", "language-math", "ParseError"];
            if left.iter().any(|sign| line.contains(sign)) {
                let excerpt: String = line.chars().take(160).collect();
                let page = page.strip_prefix(folder).unwrap_or(&page).display();
                broken.push(format!("{page}:{}: {excerpt}", number + 1));
            }
        }
    }
    Ok(broken)
}

/// Every HTML file under a folder, sorted.
///
/// # Errors
/// When a folder cannot be read.
pub fn pages(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut pages = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in
            fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?
        {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "html") {
                pages.push(path);
            }
        }
    }
    pages.sort();
    Ok(pages)
}

/// Writes the translatable messages of all pages to `target/messages/messages.pot` and, where gettext's
/// `msgmerge` is installed, brings every catalogue in `translations/` up to date with them.
///
/// # Errors
/// When a page cannot be read, or `msgmerge` refuses a catalogue.
pub fn messages(root: &Path) -> Result<PathBuf> {
    let folder = root.join("target/messages");
    let book = load(root, None, &folder)?;
    book.execute_build_process(&Xgettext)?;
    let template = folder.join("messages.pot");
    for language in languages(root)? {
        let catalogue = root.join("translations").join(format!("{language}.po"));
        let status = Command::new("msgmerge")
            .args(["--update", "--backup=none", "--quiet"])
            .args([&catalogue, &template])
            .status();
        match status {
            Ok(status) if status.success() => {}
            Ok(status) => bail!("msgmerge refused {}: {status}", catalogue.display()),
            Err(error) => bail!("cannot run msgmerge (install gettext): {error}"),
        }
    }
    Ok(template)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remotes_become_web_addresses() {
        let expected = Some("https://example.org/owner/name".to_owned());
        assert_eq!(web_address("git@example.org:owner/name.git"), expected);
        assert_eq!(web_address("https://example.org/owner/name.git"), expected);
        assert_eq!(web_address("https://example.org/owner/name/"), expected);
        assert_eq!(web_address("../elsewhere"), None);
    }

    #[test]
    fn a_formula_left_as_text_is_found() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("good.html"), "<p>fine</p>\n").unwrap();
        fs::write(folder.path().join("bad.html"), "<p>\n$<code>\\frac{</code>$</p>\n").unwrap();
        let broken = unrendered_formulas(folder.path()).unwrap();
        assert_eq!(broken.len(), 1);
        assert!(broken[0].starts_with("bad.html:2:"), "{broken:?}");
    }
}
