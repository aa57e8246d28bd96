//! What holds of the finished book: it builds, and no link, anchor, figure or font of it leads nowhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::LazyLock;

use course::root;
use regex::Regex;

/// The book, built once for all tests of this file.
static BOOK: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    book_builder::build_language(&root(), None, folder.path())
        .unwrap_or_else(|error| panic!("{error:#}"));
    folder
});

/// The built pages by path, without those that repeat others.
fn built_pages() -> BTreeMap<PathBuf, String> {
    book_builder::pages(BOOK.path())
        .unwrap()
        .into_iter()
        .filter(|path| {
            !["print.html", "toc.html", "404.html"].iter().any(|name| path.ends_with(name))
        })
        .map(|path| {
            let html = fs::read_to_string(&path).unwrap();
            (path, html)
        })
        .collect()
}

#[test]
fn every_link_and_anchor_leads_somewhere() {
    let attribute = Regex::new(r#"\b(?:href|src)="([^"]*)""#).unwrap();
    let id = Regex::new(r#"\bid="([^"]*)""#).unwrap();
    let pages = built_pages();
    let anchors: BTreeMap<&Path, BTreeSet<&str>> = pages
        .iter()
        .map(|(path, html)| {
            (
                path.as_path(),
                id.captures_iter(html).map(|found| found.get(1).unwrap().as_str()).collect(),
            )
        })
        .collect();
    let mut faults = Vec::new();
    for (path, html) in &pages {
        let name = path.strip_prefix(BOOK.path()).unwrap().display();
        for (number, line) in html.lines().enumerate() {
            for found in attribute.captures_iter(line) {
                let target = found[1].replace("&amp;", "&");
                if target.contains("://")
                    || ["mailto:", "data:", "javascript:"]
                        .iter()
                        .any(|kind| target.starts_with(kind))
                {
                    continue;
                }
                let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
                let file = if file.is_empty() { path.clone() } else { resolve(path, file) };
                let file = if file.is_dir() { file.join("index.html") } else { file };
                if !file.is_file() {
                    faults.push(format!("{name}:{}: nothing at {target}", number + 1));
                } else if !anchor.is_empty()
                    && anchors.get(file.as_path()).is_some_and(|known| !known.contains(anchor))
                {
                    faults.push(format!("{name}:{}: no anchor {target}", number + 1));
                }
            }
        }
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// A relative link as a path without `..`.
fn resolve(page: &Path, link: &str) -> PathBuf {
    let mut path = page.parent().unwrap().to_owned();
    for part in Path::new(link).components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            Component::Normal(name) => path.push(name),
            _ => {}
        }
    }
    path
}

#[test]
fn the_book_asks_no_other_host_for_anything() {
    let loads =
        Regex::new(r#"<(?:script|link|img|iframe|source)\b[^>]*\b(?:src|href)="(?:https?:)?//"#)
            .unwrap();
    for (path, html) in built_pages() {
        if let Some(found) = loads.find(&html) {
            panic!("{}: {}", path.display(), found.as_str());
        }
    }
}

/// mdBook reads what KaTeX wrote as Markdown: a tilde between two tags struck out the rest of its paragraph once.
#[test]
fn nothing_is_struck_out() {
    for (path, html) in built_pages() {
        assert!(!html.contains("<del>"), "{}", path.display());
    }
}

#[test]
fn every_page_of_the_summary_was_built_with_its_formulas() {
    let pages = built_pages();
    for page in course::pages() {
        // mdBook writes a folder's index.md (and a README.md) as index.html.
        let path = BOOK.path().join(&page.path).with_extension("html");
        let html = pages.get(&path).unwrap_or_else(|| panic!("{} was not built", page.path));
        if page.text.contains("```math") {
            assert!(
                html.contains("katex-display"),
                "{}: its formulas were not rendered",
                page.path
            );
        }
    }
}
