//! The course's own sources as the tests see them: pages with their code fences, packages with their dependencies.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// The root of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").components().collect()
}

/// A fenced code block of a page.
#[derive(Debug, Clone)]
pub struct Fence {
    /// What follows the opening fence: `rust,should_panic`.
    pub info: String,
    /// The lines between the fences.
    pub body: String,
    /// The line of the opening fence, from 1.
    pub line: usize,
}

impl Fence {
    /// Whether rustdoc would run the block.
    pub fn is_rust(&self) -> bool {
        self.info.split(',').any(|word| word.trim() == "rust")
    }

    /// Whether the block shows a file of the repository instead of its own lines.
    pub fn is_listing(&self) -> bool {
        self.body.trim_start().starts_with("{{#")
    }
}

/// A page of the book as it was written.
#[derive(Debug, Clone)]
pub struct Page {
    /// Its path under `book/src`, with `/`.
    pub path: String,
    /// Its Markdown.
    pub text: String,
}

impl Page {
    /// The line, from 1, of a byte of the text.
    pub fn line(&self, offset: usize) -> usize {
        self.text[..offset].matches('\n').count() + 1
    }

    /// The page's fenced code blocks.
    pub fn fences(&self) -> Vec<Fence> {
        let mut fences = Vec::new();
        let mut open: Option<(String, String, Range<usize>)> = None;
        for (event, range) in Parser::new_ext(&self.text, Options::all()).into_offset_iter() {
            match event {
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                    open = Some((info.to_string(), String::new(), range));
                }
                Event::Text(text) => {
                    if let Some((_, body, _)) = &mut open {
                        body.push_str(&text);
                    }
                }
                Event::End(TagEnd::CodeBlock) => {
                    if let Some((info, body, range)) = open.take() {
                        fences.push(Fence { info, body, line: self.line(range.start) });
                    }
                }
                _ => {}
            }
        }
        fences
    }

    /// The page's text outside of its fenced code blocks, with as many lines as the page.
    pub fn prose(&self) -> String {
        let mut fenced = false;
        let mut prose = String::with_capacity(self.text.len());
        for line in self.text.lines() {
            if line.starts_with("```") {
                fenced = !fenced;
            } else if !fenced {
                prose.push_str(line);
            }
            prose.push('\n');
        }
        prose
    }
}

/// Every page that `SUMMARY.md` names, in reading order.
pub fn pages() -> Vec<Page> {
    let folder = root().join("book/src");
    let summary = fs::read_to_string(folder.join("SUMMARY.md")).expect("the book has a summary");
    Parser::new(&summary)
        .filter_map(|event| match event {
            Event::Start(Tag::Link { dest_url, .. }) => Some(dest_url.to_string()),
            _ => None,
        })
        .map(|path| {
            let text = fs::read_to_string(folder.join(&path))
                .unwrap_or_else(|error| panic!("SUMMARY.md names {path}: {error}"));
            Page { path, text }
        })
        .collect()
}

/// Every file under a folder whose name ends as given, sorted; build folders are left out.
pub fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries =
            fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for path in entries.map(|entry| entry.expect("a readable entry").path()) {
            if path.is_dir() {
                if !path.ends_with("target") {
                    folders.push(path);
                }
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
