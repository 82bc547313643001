//! Plain text as A4 pages in Courier, one of the fonts that every PDF reader has. It knows the
//! letters of Windows-1252: a text with others is refused rather than printed wrong.

use lopdf::content::{Content, Operation};
use lopdf::{Dictionary, Document, Object, Stream, StringFormat, dictionary};

const PAGE_WIDTH: i64 = 595;
const PAGE_HEIGHT: i64 = 842;
const MARGIN: i64 = 56;
const FONT_SIZE: i64 = 10;
const LEADING: i64 = 12;
/// A letter of Courier is 0.6 of its size wide: 6 points, 80 letters between the margins.
const COLUMNS: usize = 80;
const LINES: usize = 60;
const TAB: usize = 4;
/// More than ten megabytes of prose fill; a text of line and page breaks alone would fill millions.
const MAX_PAGES: usize = 10_000;

/// Windows-1252 from 0x80 on, where it differs from Latin-1; `\0` where it has no letter.
const WINDOWS_1252: [char; 32] = [
    '€', '\0', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\0', 'Ž', '\0', '\0', '‘',
    '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\0', 'ž', 'Ÿ',
];

/// Why a text cannot be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TypesetError {
    /// The bytes are no UTF-8.
    #[error("the text is not UTF-8, from byte {0} on")]
    NotUtf8(usize),
    /// No contract has so many pages.
    #[error("the text fills more than {MAX_PAGES} pages")]
    TooLong,
    /// The font has no such letter.
    #[error(
        "line {line} has {letter:?} (U+{code:04X}), which is not in Windows-1252: give the \
         document as PDF",
        code = u32::from(*letter)
    )]
    Letter { line: usize, letter: char },
}

/// The text as a PDF of its own; an empty text is one empty page.
pub(super) fn typeset(bytes: &[u8]) -> Result<Document, TypesetError> {
    let text =
        std::str::from_utf8(bytes).map_err(|error| TypesetError::NotUtf8(error.valid_up_to()))?;
    let lines = encode(text.strip_prefix('\u{feff}').unwrap_or(text))?;
    let pages = paginate(&lines);
    if pages.len() > MAX_PAGES {
        return Err(TypesetError::TooLong);
    }
    Ok(document(&pages))
}

/// The lines as they are printed, in Windows-1252; a form feed stands alone as a line.
fn encode(text: &str) -> Result<Vec<Vec<u8>>, TypesetError> {
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for (part, piece) in line.split('\u{c}').enumerate() {
            if part > 0 {
                lines.push(vec![b'\x0c']);
            }
            lines.extend(wrap(&letters(piece, index + 1)?));
            if lines.len() > LINES * MAX_PAGES {
                return Err(TypesetError::TooLong);
            }
        }
    }
    Ok(lines)
}

fn letters(line: &str, number: usize) -> Result<Vec<u8>, TypesetError> {
    let mut encoded = Vec::with_capacity(line.len());
    for letter in line.chars() {
        match letter {
            '\t' => encoded.resize(
                encoded.len().next_multiple_of(TAB).max(encoded.len() + 1),
                b' ',
            ),
            _ => encoded.push(code(letter).ok_or(TypesetError::Letter {
                line: number,
                letter,
            })?),
        }
    }
    Ok(encoded)
}

fn code(letter: char) -> Option<u8> {
    match letter {
        ' '..='~' | '\u{a0}'..='\u{ff}' => u8::try_from(u32::from(letter)).ok(),
        '\0' => None,
        _ => {
            let position = WINDOWS_1252.iter().position(|known| *known == letter)?;
            u8::try_from(0x80 + position).ok()
        }
    }
}

/// Breaks at the last space that fits, or in the middle of a longer word.
fn wrap(line: &[u8]) -> Vec<Vec<u8>> {
    let mut rows = Vec::new();
    let mut rest = line;
    while rest.len() > COLUMNS {
        let at = rest[..=COLUMNS]
            .iter()
            .rposition(|byte| *byte == b' ')
            .filter(|at| *at > 0);
        let (row, next) = at.map_or_else(
            || rest.split_at(COLUMNS),
            |at| (&rest[..at], &rest[at + 1..]),
        );
        rows.push(row.to_vec());
        rest = next;
    }
    rows.push(rest.to_vec());
    rows
}

fn paginate(lines: &[Vec<u8>]) -> Vec<Vec<&[u8]>> {
    let mut pages: Vec<Vec<&[u8]>> = vec![Vec::new()];
    for line in lines {
        let feed = line == b"\x0c";
        let full = pages.last().is_some_and(|page| page.len() == LINES);
        if feed || full {
            pages.push(Vec::new());
        }
        if let Some(page) = pages.last_mut().filter(|_| !feed) {
            page.push(line);
        }
    }
    pages
}

fn document(pages: &[Vec<&[u8]>]) -> Document {
    let mut document = Document::with_version("1.7");
    let tree = document.new_object_id();
    let font = document.add_object(dictionary! {
        "Type" => "Font",
        "Subtype" => "Type1",
        "BaseFont" => "Courier",
        "Encoding" => "WinAnsiEncoding",
    });
    let resources = document.add_object(dictionary! { "Font" => dictionary! { "F1" => font } });
    let kids: Vec<Object> = pages
        .iter()
        .map(|lines| {
            let content = document.add_object(Stream::new(Dictionary::new(), content(lines)));
            let page = document.add_object(dictionary! {
                "Type" => "Page",
                "Parent" => tree,
                "MediaBox" => vec![0.into(), 0.into(), PAGE_WIDTH.into(), PAGE_HEIGHT.into()],
                "Resources" => resources,
                "Contents" => content,
            });
            Object::Reference(page)
        })
        .collect();
    let count = i64::try_from(kids.len()).unwrap_or(i64::MAX);
    let nodes = dictionary! { "Type" => "Pages", "Kids" => kids, "Count" => count };
    document.objects.insert(tree, Object::Dictionary(nodes));
    let catalog = document.add_object(dictionary! { "Type" => "Catalog", "Pages" => tree });
    document.trailer.set("Root", catalog);
    document
}

fn content(lines: &[&[u8]]) -> Vec<u8> {
    let top = PAGE_HEIGHT - MARGIN - FONT_SIZE;
    let mut operations = vec![
        Operation::new("BT", vec![]),
        Operation::new("Tf", vec!["F1".into(), FONT_SIZE.into()]),
        Operation::new("TL", vec![LEADING.into()]),
        Operation::new("Td", vec![MARGIN.into(), top.into()]),
    ];
    for line in lines {
        let text = Object::String(line.to_vec(), StringFormat::Literal);
        operations.push(Operation::new("Tj", vec![text]));
        operations.push(Operation::new("T*", vec![]));
    }
    operations.push(Operation::new("ET", vec![]));
    // Encoding writes into memory: it has nothing that can fail.
    Content { operations }.encode().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<String> {
        let lines = encode(text).unwrap();
        lines
            .into_iter()
            .map(|line| line.iter().map(|byte| char::from(*byte)).collect())
            .collect()
    }

    #[test]
    fn long_lines_break_at_spaces_and_long_words_anywhere() {
        let words = "word ".repeat(20);
        assert!(rows(&words).iter().all(|row| row.len() <= COLUMNS));
        assert_eq!(rows(&words).join(" ").trim_end(), words.trim_end());
        let long = "x".repeat(170);
        assert_eq!(
            rows(&long).iter().map(String::len).collect::<Vec<_>>(),
            [80, 80, 10]
        );
        assert_eq!(rows("a\tb"), ["a   b"]);
        assert_eq!(rows("a\r\nb"), ["a", "b"]);
    }

    #[test]
    fn pages_break_when_full_and_at_form_feeds() {
        let page_count = |text: &str| paginate(&encode(text).unwrap()).len();
        assert_eq!(page_count(""), 1);
        assert_eq!(page_count(&"line\n".repeat(60)), 1);
        assert_eq!(page_count(&"line\n".repeat(61)), 2);
        assert_eq!(page_count("one\u{c}two"), 2);
    }

    #[test]
    fn a_text_of_nothing_but_breaks_is_refused_before_it_takes_the_memory() {
        let prose = "word word word word word word word word\n".repeat(LINES * 500);
        assert!(typeset(prose.as_bytes()).is_ok());
        for breaks in ["\u{c}", "\n", "\u{c}\n"] {
            let text = breaks.repeat(5_000_000 / breaks.len());
            assert_eq!(typeset(text.as_bytes()).unwrap_err(), TypesetError::TooLong);
        }
        let text = "\u{c}".repeat(MAX_PAGES);
        assert_eq!(typeset(text.as_bytes()).unwrap_err(), TypesetError::TooLong);
    }

    #[test]
    fn letters_that_the_font_lacks_are_refused_with_their_line() {
        assert_eq!(code('é'), Some(0xe9));
        assert_eq!(code('€'), Some(0x80));
        assert_eq!(code('’'), Some(0x92));
        assert_eq!(code('\u{7}'), None);
        let refused = typeset("fine\nsnowman ☃".as_bytes()).unwrap_err();
        assert_eq!(
            refused,
            TypesetError::Letter {
                line: 2,
                letter: '☃'
            }
        );
        assert_eq!(typeset(b"ok \xff").unwrap_err(), TypesetError::NotUtf8(3));
    }
}
