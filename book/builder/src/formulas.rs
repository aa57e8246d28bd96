//! Formulas, rendered by KaTeX before the reader asks, and kept from Markdown.
//!
//! KaTeX hands back HTML, and mdBook reads all of a page as Markdown afterwards: between two tags a `~` opens what
//! is struck out and swallows the rest of the paragraph (`\tilde` is written with one), and `\,` loses its backslash.

use anyhow::Result;
use mdbook_katex::preprocess::KatexProcessor;
use mdbook_preprocessor::book::Book;
use mdbook_preprocessor::{Preprocessor, PreprocessorContext};

/// The preprocessor `katex`, whose output means the same before and after Markdown.
pub struct Formulas;

impl Preprocessor for Formulas {
    fn name(&self) -> &str {
        "katex"
    }

    fn run(&self, context: &PreprocessorContext, book: Book) -> Result<Book> {
        let mut book = KatexProcessor.run(context, book)?;
        book.for_each_chapter_mut(|chapter| chapter.content = shield(&chapter.content));
        Ok(book)
    }

    fn supports_renderer(&self, renderer: &str) -> Result<bool> {
        KatexProcessor.supports_renderer(renderer)
    }
}

/// Writes what Markdown would read a meaning into, inside of formulas and between their tags, as entities.
fn shield(page: &str) -> String {
    const FORMULA: &str = "<span class=\"katex";
    let mut shielded = String::with_capacity(page.len());
    let mut rest = page;
    while let Some(start) = rest.find(FORMULA) {
        shielded.push_str(&rest[..start]);
        rest = &rest[start..];
        // Tag by tag, until the span that opened the formula is closed.
        let mut open = 0_usize;
        while let Some((tag, after)) = rest.find('>').map(|end| rest.split_at(end + 1)) {
            shielded.push_str(tag);
            if tag.starts_with("<span") {
                open += 1;
            } else if tag == "</span>" {
                open -= 1;
            }
            let text = if open == 0 { 0 } else { after.find('<').unwrap_or(after.len()) };
            for character in after[..text].chars() {
                if r"\`*_~'!".contains(character) || "\"[]".contains(character) {
                    shielded.push_str(&format!("&#{};", character as u32));
                } else {
                    shielded.push(character);
                }
            }
            rest = &after[text..];
            if open == 0 {
                break;
            }
        }
    }
    shielded.push_str(rest);
    shielded
}

#[cfg(test)]
mod tests {
    use super::shield;

    #[test]
    fn what_markdown_would_read_is_shielded_inside_of_formulas_only() {
        let formula =
            r#"<span class="katex"><span class="a_b"><mo>~</mo>x'' \, [y]</span>*</span>"#;
        let page = format!("~~no~~ *such* {formula} ~~luck~~ {formula}\n");
        let kept = "<span class=\"katex\"><span class=\"a_b\"><mo>&#126;</mo>x&#39;&#39; &#92;, \
                    &#91;y&#93;</span>&#42;</span>";
        assert_eq!(shield(&page), format!("~~no~~ *such* {kept} ~~luck~~ {kept}\n"));
    }
}
