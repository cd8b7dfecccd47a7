//! Makes foreign text safe for a terminal.

use std::fmt::Write as _;

use console::{Color, strip_ansi_codes, style};

/// `text` without colour codes, and with escapes for other characters that a terminal acts upon.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in strip_ansi_codes(text).chars() {
        let acts = (c.is_control() && c != '\t')
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if acts {
            let _ = write!(out, "{}", c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// A label for standard output in one of a few colours, told apart by `number`.
pub fn prefix(text: &str, number: u64) -> String {
    const COLOURS: [Color; 6] =
        [Color::Cyan, Color::Green, Color::Yellow, Color::Magenta, Color::Blue, Color::Red];
    let colour = usize::try_from(number % COLOURS.len() as u64).unwrap_or(0);
    style(text).fg(COLOURS[colour]).to_string()
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn colours_go_and_what_acts_is_written_out() {
        assert_eq!(printable("\u{1b}[32mINFO\u{1b}[0m fine\tthing"), "INFO fine\tthing");
        assert_eq!(printable("a\rb\u{7}"), "a\\rb\\u{7}");
        assert_eq!(printable("x\u{1b}"), "x\\u{1b}");
        assert_eq!(printable("user\u{202e}txt"), "user\\u{202e}txt");
        for bad in ["\u{1b}]0;title\u{7}rest", "\u{9b}2J", "\u{1b}[2Jx"] {
            assert!(!printable(bad).chars().any(char::is_control), "{bad:?}");
        }
    }
}
