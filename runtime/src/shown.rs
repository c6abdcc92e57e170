//! Text of others as it may be shown: the names that users choose, what a component says, what a client asks for.

use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory as Category};
use icu_properties::{CodePointMapData, CodePointSetData};
use std::fmt;
use unicode_width::UnicodeWidthChar;

/// So many accents may be upon each other. Some languages need three; a dozen would cover the lines above.
const MOST_MARKS: usize = 4;

/// Text of others, for a terminal or a log. It shows in one line what is in it: what is no visible character is
/// written as `\u{...}`, so nothing of it is obeyed, hides, or changes the order of the rest.
///
/// Visible is what Unicode neither counts to the categories control (Cc), format (Cf), surrogate (Cs), private use (Co),
/// unassigned (Cn), line and paragraph separator (Zl, Zp), nor lets a terminal leave out (`Default_Ignorable_Code_Point`,
/// the variation selectors among it). An accent is visible upon a visible character.
///
/// What is shown already is shown again unchanged.
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

    /// At most so many columns of it, and not less than one: what is longer ends with `…`.
    pub fn at_most(self, columns: usize) -> Self {
        Self { columns, ..self }
    }

    /// For a text of several lines, whose ends and tabs stay.
    pub fn in_lines(self) -> Self {
        Self { lines: true, ..self }
    }

    /// Whether a character is visible, upon another one if it is an accent.
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
            c => Self::is_visible(c) && (c.width() != Some(0) || marks < MOST_MARKS),
        }
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        let mut width = 0;
        // How much of it leaves a column for the `…`.
        let mut shortened = 0;
        // Upon the character before; more than there may be where there is none.
        let mut marks = MOST_MARKS;
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
                marks = MOST_MARKS;
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
    fn what_is_visible_stays() {
        for text in ["", "alice", "ålice", "a\u{30a}lice", "山田太郎", "Ольга", "👍🏽 ok", "a \\ b", "한국", "שלום", "x́̂̃y"]
        {
            assert_eq!(Shown::new(text).to_string(), text);
        }
    }

    #[test]
    fn what_is_not_visible_is_written_out() {
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
    fn accents_have_a_character_of_the_text_below_them_and_are_few() {
        assert_eq!(Shown::new("\u{301}a").to_string(), "\\u{301}a");
        assert_eq!(Shown::new("\u{200b}\u{301}").to_string(), "\\u{200b}\\u{301}");
        assert_eq!(
            Shown::new(&format!("a{}", "\u{301}".repeat(5))).to_string(),
            "a\u{301}\u{301}\u{301}\u{301}\\u{301}"
        );
    }

    #[test]
    fn what_is_long_is_cut_to_columns() {
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

    /// Every character there is, alone and between others: its width is that of the columns it takes.
    #[test]
    fn nothing_escapes() {
        for c in '\0'..=char::MAX {
            let shown = Shown::new(c.encode_utf8(&mut [0; 4])).to_string();
            assert!(shown.width() > 0 && !shown.chars().any(char::is_control), "{shown:?}");
            assert!(shown.chars().count() == 1 || shown.is_ascii(), "{shown:?}");
        }
    }
}
