//! JSON validation.

use alloc::format;

use serde::de::IgnoredAny;

use crate::Error;
use crate::error::Result;

/// Maximum nesting of arrays and objects: recursive readers must survive what was stored.
pub const MAX_DEPTH: usize = 128;

/// Checks that a text is JSON (RFC 8259).
pub fn check(text: &str) -> Result<()> {
    // Does not recurse, however deep the nesting.
    if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
        return Err(Error::InvalidArgument(format!("not JSON at line {}, column {}", error.line(), error.column())));
    }
    if depth(text) > MAX_DEPTH {
        return Err(Error::InvalidArgument(format!("JSON nested deeper than {MAX_DEPTH}")));
    }
    Ok(())
}

/// The nesting depth of valid JSON.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn json_is_accepted() {
        for text in ["null", " 1e999 ", "-0.5", "\"\\u00e9 \\\" ]]]\"", "[]", "{\"a\":[1,{\"b\":null}]}", "[[],[],{}]"]
        {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused_and_the_place_named() {
        for text in [
            "",
            " ",
            "nul",
            "01",
            "1.",
            ".5",
            "+1",
            "NaN",
            "'a'",
            "\"a",
            "\"\u{1}\"",
            "\"\\x\"",
            "[1,]",
            "[1",
            "[1}",
            "{a:1}",
            "{\"a\":1,}",
            "{\"a\"}",
            "1 2",
            "[]x",
            "\u{feff}1",
            "//\n1",
            "\0",
        ] {
            let Err(Error::InvalidArgument(reason)) = check(text) else { panic!("{text:?} passed") };
            assert!(reason.starts_with("not JSON at line "), "{text:?}: {reason}");
        }
        assert_eq!(check("{\n \"a\": x}"), Err(Error::InvalidArgument("not JSON at line 2, column 7".to_string())));
    }

    #[test]
    fn depth_is_limited() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert_eq!(check(&nested(MAX_DEPTH)), Ok(()));
        assert_eq!(
            check(&nested(MAX_DEPTH + 1)),
            Err(Error::InvalidArgument("JSON nested deeper than 128".to_string()))
        );
        assert!(check(&nested(1_000_000)).is_err());
        assert_eq!(check(&format!("[{}[]]", "[],".repeat(1000))), Ok(()), "wide is not deep");
        assert_eq!(check(&format!("\"{}\"", "[".repeat(1000))), Ok(()), "a text is not deep");
        assert_eq!(check(&format!("\"\\\\\\\"{}\"", "[".repeat(1000))), Ok(()), "nor is it over at each quote");
    }
}
