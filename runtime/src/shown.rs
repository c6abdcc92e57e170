//! Display of untrusted text: names that users choose, output of components, targets that clients request.

use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory as Category};
use icu_properties::{CodePointMapData, CodePointSetData};
use std::fmt;
use unicode_width::UnicodeWidthChar;

/// The most combining marks on one character. Some languages need three; a dozen would cover the lines above.
const MAX_MARKS: usize = 4;

/// Untrusted text, for a terminal or a log, on one line. Invisible characters are written as `\u{...}`, so no part of
/// it controls the terminal, hides, or reorders the rest.
///
/// A character is visible unless Unicode puts it into the categories control (Cc), format (Cf), surrogate (Cs), private
/// use (Co), unassigned (Cn), line or paragraph separator (Zl, Zp), or lets a terminal omit it
/// (`Default_Ignorable_Code_Point`, which includes the variation selectors). A combining mark is visible on a visible
/// character.
///
/// Idempotent: escaped text is shown unchanged.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    text: &'a str,
    columns: usize,
    lines: bool,
}

impl<'a> Shown<'a> {
    /// All of the text.
    pub fn new(text: &'a str) -> Self {
        Self { text, columns: usize::MAX, lines: false }
    }

    /// Truncate to at most this many columns (at least one); truncated text ends with `…`.
    pub fn at_most(self, columns: usize) -> Self {
        Self { columns, ..self }
    }

    /// Keep line ends and tabs, for text of several lines.
    pub fn in_lines(self) -> Self {
        Self { lines: true, ..self }
    }

    /// Whether a character is visible; for a combining mark, on another character.
    pub fn is_visible(c: char) -> bool {
        let is_something = !matches!(
            CodePointMapData::<Category>::new().get(c),
            Category::Control
                | Category::Format
                | Category::Surrogate
                | Category::PrivateUse
                | Category::Unassigned
                | Category::LineSeparator
                | Category::ParagraphSeparator
        );
        is_something && !CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
    }

    fn is_shown(&self, c: char, marks: usize) -> bool {
        match c {
            '\n' | '\t' => self.lines,
            c => Self::is_visible(c) && (c.width() != Some(0) || marks < MAX_MARKS),
        }
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        let mut width = 0;
        // The length that leaves a column for the `…`.
        let mut shortened = 0;
        // On the preceding character; the maximum where there is none.
        let mut marks = MAX_MARKS;
        for c in self.text.chars() {
            if self.is_shown(c, marks) {
                text.push(c);
                let columns = c.width().unwrap_or(0);
                marks = if columns == 0 { marks + 1 } else { 0 };
                width += columns;
            } else {
                let escape = c.escape_unicode();
                width += escape.len();
                text.extend(escape);
                marks = MAX_MARKS;
            }
            if width > self.columns {
                text.truncate(shortened);
                text.push('…');
                break;
            }
            if width < self.columns {
                shortened = text.len();
            }
        }
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use unicode_width::UnicodeWidthStr;

    #[test]
    fn visible_characters_are_unchanged() {
        for text in ["", "alice", "ålice", "a\u{30a}lice", "山田太郎", "Ольга", "👍🏽 ok", "a \\ b", "한국", "שלום", "x́̂̃y"]
        {
            assert_eq!(Shown::new(text).to_string(), text);
        }
    }

    #[test]
    fn invisible_characters_are_escaped() {
        for (text, shown) in [
            ("a\x1b[2Jb", "a\\u{1b}[2Jb"),
            ("a\tb\r\nc", "a\\u{9}b\\u{d}\\u{a}c"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("\u{202e}ecila", "\\u{202e}ecila"),
            ("a\u{2066}b\u{200f}", "a\\u{2066}b\\u{200f}"),
            ("a\u{61c}b", "a\\u{61c}b"),
            ("a\u{200b}\u{200d}\u{2060}\u{feff}b", "a\\u{200b}\\u{200d}\\u{2060}\\u{feff}b"),
            ("a\u{ad}b", "a\\u{ad}b"),
            ("a\u{e0041}\u{e007f}", "a\\u{e0041}\\u{e007f}"),
            ("a\u{fe0f}\u{e0100}\u{180b}", "a\\u{fe0f}\\u{e0100}\\u{180b}"),
            ("a\u{34f}b", "a\\u{34f}b"),
            ("\u{115f}\u{1160}\u{3164}\u{ffa0}", "\\u{115f}\\u{1160}\\u{3164}\\u{ffa0}"),
            ("\u{2028}\u{2029}", "\\u{2028}\\u{2029}"),
            ("\u{e000}\u{378}\u{fdd0}", "\\u{e000}\\u{378}\\u{fdd0}"),
            ("\u{fff9}\u{2065}\u{1d173}", "\\u{fff9}\\u{2065}\\u{1d173}"),
        ] {
            assert_eq!(Shown::new(text).to_string(), shown);
            assert_eq!(Shown::new(shown).to_string(), shown, "once more");
        }
    }

    #[test]
    fn combining_marks_need_a_base_and_are_bounded() {
        assert_eq!(Shown::new("\u{301}a").to_string(), "\\u{301}a");
        assert_eq!(Shown::new("\u{200b}\u{301}").to_string(), "\\u{200b}\\u{301}");
        assert_eq!(
            Shown::new(&format!("a{}", "\u{301}".repeat(5))).to_string(),
            "a\u{301}\u{301}\u{301}\u{301}\\u{301}"
        );
    }

    #[test]
    fn long_text_is_truncated_to_columns() {
        for (text, columns, shown) in [
            ("alice", 5, "alice"),
            ("alice!", 5, "alic…"),
            ("山田太郎", 8, "山田太郎"),
            ("山田太郎", 7, "山田太…"),
            ("山田太郎", 6, "山田…"),
            ("a\u{200b}b", 10, "a\\u{200b}b"),
            ("a\u{200b}bc", 10, "a\\u{200b}…"),
            ("a\u{200b}bc", 9, "a…"),
            ("a\u{301}\u{301}b", 2, "a\u{301}\u{301}b"),
            ("x", 1, "x"),
            ("xy", 1, "…"),
        ] {
            let cut = Shown::new(text).at_most(columns).to_string();
            assert_eq!(cut, shown, "{text} in {columns}");
            assert!(cut.width() <= columns, "{cut}");
        }
    }

    #[test]
    fn several_lines() {
        let text = "one\n\ttwo\u{1b}\r\n";
        assert_eq!(Shown::new(text).in_lines().to_string(), "one\n\ttwo\\u{1b}\\u{d}\n");
    }

    /// Every character: it is visible or escaped.
    #[test]
    fn nothing_escapes() {
        for c in '\0'..=char::MAX {
            let shown = Shown::new(c.encode_utf8(&mut [0; 4])).to_string();
            assert!(shown.width() > 0 && !shown.chars().any(char::is_control), "{shown:?}");
            assert!(shown.chars().count() == 1 || shown.is_ascii(), "{shown:?}");
        }
    }
}
