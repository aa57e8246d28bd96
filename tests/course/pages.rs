//! What holds of every page as it was written.

use std::collections::BTreeSet;
use std::fs;

use course::{files, pages, root};
use regex::Regex;

/// Fails with one line a fault, so that one run shows them all.
fn assert_none(faults: Vec<String>) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn every_rust_block_runs() {
    let faults = pages()
        .iter()
        .flat_map(|page| {
            page.fences()
                .into_iter()
                .filter(|fence| fence.info.contains("ignore") || fence.info.contains("no_run"))
                .map(|fence| {
                    format!(
                        "{}:{}: a block that does not run: {}",
                        page.path, fence.line, fence.info
                    )
                })
                .collect::<Vec<_>>()
        })
        .collect();
    assert_none(faults);
}

#[test]
fn every_page_of_a_chapter_asserts_what_it_claims() {
    let faults = pages()
        .iter()
        .filter(|page| page.path.starts_with(|first: char| first.is_ascii_digit()))
        .filter(|page| {
            !page.fences().iter().any(|fence| {
                fence.is_rust()
                    && !fence.is_listing()
                    && (fence.body.contains("assert") || fence.info.contains("compile_fail"))
            })
        })
        .map(|page| format!("{}: no snippet of its own with an assertion", page.path))
        .collect();
    assert_none(faults);
}

#[test]
fn listings_are_short_and_few() {
    let mut faults = Vec::new();
    for page in pages() {
        let fences = page.fences();
        let listings: Vec<_> =
            fences.iter().filter(|fence| fence.is_rust() && fence.is_listing()).collect();
        let solutions = listings.iter().filter(|fence| fence.body.contains("/solutions/")).count();
        if !page.path.starts_with("appendices/") && listings.len() - solutions > 5 {
            faults.push(format!(
                "{}: {} listings, at most 5",
                page.path,
                listings.len() - solutions
            ));
        }
        for listing in listings.iter().filter(|listing| !listing.body.contains("/solutions/")) {
            match shown_lines(&page.path, &listing.body) {
                Ok(lines) if lines > 25 => {
                    faults.push(format!(
                        "{}:{}: a listing of {lines} lines, at most 25",
                        page.path, listing.line
                    ));
                }
                Ok(_) => {}
                Err(fault) => faults.push(format!("{}:{}: {fault}", page.path, listing.line)),
            }
        }
    }
    assert_none(faults);
}

/// The number of lines that `{{#rustdoc_include path:anchor}}` shows.
fn shown_lines(page: &str, include: &str) -> Result<usize, String> {
    let pattern =
        Regex::new(r"\{\{#(?:rustdoc_)?include\s+([^:}\s]+)(?::([\w-]+))?\s*\}\}").unwrap();
    let parts =
        pattern.captures(include).ok_or_else(|| format!("not an include of a file: {include}"))?;
    let folder = root().join("book/src").join(page);
    let path = folder.parent().unwrap().join(&parts[1]);
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", &parts[1]))?;
    let Some(anchor) = parts.get(2) else {
        return Ok(text.lines().count());
    };
    let start = format!("ANCHOR: {}", anchor.as_str());
    let end = format!("ANCHOR_END: {}", anchor.as_str());
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.iter().position(|line| line.trim_end().ends_with(&start));
    let last = lines.iter().position(|line| line.trim_end().ends_with(&end));
    match (first, last) {
        (Some(first), Some(last)) => Ok(last - first - 1),
        _ => Err(format!("{} has no anchor {}", &parts[1], anchor.as_str())),
    }
}

#[test]
fn no_page_repeats_the_code_of_a_crate() {
    let sources: Vec<(String, Vec<String>)> = files(&root().join("chapters"), ".rs")
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(root()).unwrap().display().to_string();
            (name, code_lines(&fs::read_to_string(&path).unwrap()))
        })
        .collect();
    let mut faults = Vec::new();
    for page in pages() {
        for fence in
            page.fences().into_iter().filter(|fence| fence.is_rust() && !fence.is_listing())
        {
            for four in code_lines(&fence.body).windows(4) {
                for (name, lines) in &sources {
                    if lines.windows(4).any(|others| others == four) {
                        faults.push(format!(
                            "{}:{}: pasted from {name}: {}",
                            page.path, fence.line, four[0]
                        ));
                    }
                }
            }
        }
    }
    assert_none(faults);
}

/// The lines that say something: no blank ones, no comments, no imports, no lone braces.
fn code_lines(text: &str) -> Vec<String> {
    text.lines()
        .map(|line| line.trim().trim_start_matches("# ").trim())
        .filter(|line| line.len() > 8 && !line.starts_with("//") && !line.starts_with("use "))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_boxed_equation_has_a_test_named_after_it() {
    let tests: String = files(&root().join("chapters"), ".rs")
        .into_iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let id = Regex::new(r#"id="(eq-[0-9]+-[0-9]+)""#).unwrap();
    let mut seen = BTreeSet::new();
    let mut faults = Vec::new();
    for page in pages() {
        for found in id.captures_iter(&page.text) {
            let name = found[1].to_owned();
            let test = format!("fn {}_", name.replace('-', "_"));
            if !tests.contains(&test) {
                faults.push(format!("{}: {name} has no test `{test}…`", page.path));
            }
            if !seen.insert(name.clone()) {
                faults.push(format!("{}: {name} stands in the book twice", page.path));
            }
        }
    }
    assert!(!seen.is_empty(), "the book has no boxed equation");
    assert_none(faults);
}

#[test]
fn every_figure_is_shown_and_every_shown_figure_is_drawn() {
    let include = Regex::new(r"figures/drawn/([\w-]+)\.svg").unwrap();
    let shown: BTreeSet<String> = pages()
        .iter()
        .flat_map(|page| {
            include.captures_iter(&page.text).map(|found| found[1].to_owned()).collect::<Vec<_>>()
        })
        .collect();
    let drawn: BTreeSet<String> = files(&root().join("book/figures/drawn"), ".svg")
        .iter()
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(shown, drawn, "left: figures on pages, right: files in book/figures/drawn");
}

#[test]
fn every_shown_output_was_recorded_and_none_was_typed() {
    let include = Regex::new(r"chapters/[\w-]+/recorded/[\w-]+\.txt").unwrap();
    let shown: BTreeSet<String> = pages()
        .iter()
        .flat_map(|page| {
            include.find_iter(&page.text).map(|found| found.as_str().to_owned()).collect::<Vec<_>>()
        })
        .collect();
    let recorded: BTreeSet<String> = files(&root().join("chapters"), ".txt")
        .iter()
        .filter(|path| path.parent().is_some_and(|folder| folder.ends_with("recorded")))
        .map(|path| path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/"))
        .collect();
    let mut faults: Vec<String> =
        shown.difference(&recorded).map(|path| format!("{path} is not recorded")).collect();
    faults.extend(pages().iter().flat_map(|page| {
        page.fences()
            .into_iter()
            .filter(|fence| {
                fence.info == "text" && fence.body.trim_start().starts_with("$ cargo run")
            })
            .map(|fence| format!("{}:{}: an output that no test replays", page.path, fence.line))
            .collect::<Vec<_>>()
    }));
    assert_none(faults);
}

#[test]
fn the_appendix_shows_every_solution() {
    let pages = pages();
    let appendix = pages
        .iter()
        .find(|page| page.path == "appendices/solutions.md")
        .expect("it is in the summary");
    let faults = files(&root().join("chapters"), ".rs")
        .iter()
        .filter(|path| path.parent().is_some_and(|folder| folder.ends_with("solutions")))
        .map(|path| path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/"))
        .filter(|path| !appendix.text.contains(path.as_str()))
        .map(|path| format!("appendices/solutions.md does not show {path}"))
        .collect();
    assert_none(faults);
}

#[test]
fn the_house_speaks_plainly() {
    let avoided = Regex::new(
        r"(?i)\b(simply|obviously|clearly|trivial|trivially|of course|needless to say|it is easy to|it can be shown|as is well known)\b",
    )
    .unwrap();
    let mut faults = Vec::new();
    for page in pages() {
        for (number, line) in page.prose().lines().enumerate() {
            if let Some(word) = avoided.find(line) {
                faults.push(format!("{}:{}: `{}`", page.path, number + 1, word.as_str()));
            }
        }
    }
    assert_none(faults);
}

#[test]
fn a_page_is_short_enough_to_finish() {
    let faults = pages()
        .iter()
        .filter(|page| page.path.starts_with(|first: char| first.is_ascii_digit()))
        .map(|page| (page, page.prose().split_whitespace().count()))
        .filter(|(_, words)| *words > 2000)
        .map(|(page, words)| {
            format!("{}: {words} words outside of code, formulas and outputs", page.path)
        })
        .collect();
    assert_none(faults);
}

#[test]
fn every_term_and_every_reference_is_linked_from_a_page() {
    let heading = Regex::new(r"(?m)^### (.+)$").unwrap();
    let mut faults = Vec::new();
    for appendix in ["appendices/terminology.md", "appendices/references.md"] {
        let pages = pages();
        let list = pages
            .iter()
            .find(|page| page.path == appendix)
            .expect("the appendix is in the summary");
        for found in heading.captures_iter(&list.text) {
            let anchor = found[1]
                .trim()
                .to_lowercase()
                .replace(' ', "-")
                .replace(['`', '(', ')', '\'', ',', '.', '’'], "");
            let link = format!("{}#{anchor}", appendix.rsplit('/').next().unwrap());
            let linked = pages.iter().any(|page| {
                page.text.contains(&link)
                    || (page.path == appendix && page.text.contains(&format!("(#{anchor})")))
            });
            if !linked {
                faults.push(format!("{appendix}: no page links to #{anchor}"));
            }
        }
    }
    assert_none(faults);
}

/// A table whose last column is called `test` promises one for each of its rows.
#[test]
fn every_row_of_the_rosetta_tables_names_tests_of_its_page() {
    let pages = pages();
    let notation = pages
        .iter()
        .find(|page| page.path == "appendices/notation.md")
        .expect("it is in the summary");
    // A test is a paragraph that begins with its number, and the block of Rust below it.
    let opening = Regex::new(r"(?m)^\*\*([0-9]+)\. ").unwrap();
    let starts: Vec<(usize, &str)> = opening
        .captures_iter(&notation.text)
        .map(|found| (found.get(0).unwrap().start(), found.get(1).unwrap().as_str()))
        .collect();
    let tests: BTreeSet<&str> = starts
        .iter()
        .enumerate()
        .filter(|&(i, &(start, _))| {
            let end = starts.get(i + 1).map_or(notation.text.len(), |next| next.0);
            let body = &notation.text[start..end];
            body.contains("```rust") && body.contains("assert")
        })
        .map(|(_, &(_, number))| number)
        .collect();
    let (mut named, mut rows, mut inside) = (BTreeSet::new(), 0, false);
    let mut faults = Vec::new();
    for (number, line) in notation.text.lines().enumerate() {
        let Some(cells) = line.strip_prefix('|').and_then(|line| line.strip_suffix('|')) else {
            inside = false;
            continue;
        };
        let last = cells.rsplit('|').next().unwrap_or("").trim();
        if last == "test" {
            inside = true;
        } else if inside && !last.starts_with("---") {
            rows += 1;
            for test in last.split(", ") {
                named.insert(test);
                if !tests.contains(test) {
                    faults.push(format!("notation.md:{}: no test `{test}`", number + 1));
                }
            }
        }
    }
    assert!(rows > 20, "the Rosetta tables have {rows} rows");
    let idle = tests.difference(&named).map(|test| format!("test {test} translates no row"));
    faults.extend(idle);
    assert_none(faults);
}

#[test]
fn no_snippet_or_listing_hides_behind_another_language() {
    // A block without a language would be run by rustdoc as Rust: each says what it is.
    let known = [
        "rust", "text", "math", "toml", "console", "sh", "json", "python", "yaml", "csv", "wgsl",
        "markdown", "html",
    ];
    let mut faults = Vec::new();
    for page in pages() {
        for fence in page.fences() {
            let language = fence.info.split(',').next().unwrap_or("").trim().to_owned();
            if !known.contains(&language.as_str()) {
                faults.push(format!("{}:{}: a block in `{language}`", page.path, fence.line));
            }
        }
    }
    assert_none(faults);
}
