//! Quoted values: where they end, and what their escapes mean. `tests/env` compares them with docker compose.

/// A value that was read from its opening quote on.
pub(super) struct Quoted {
    pub value: String,
    /// How much of the text it takes, both quotes included.
    pub length: usize,
}

/// Reads the value that `text` begins with; other escapes than that of the quote need double quotes. `None` if it
/// does not end.
pub(super) fn read(text: &str, quote: char) -> Option<Quoted> {
    let mut raw = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => match chars.next()? {
                (_, next) if next == quote => raw.push(quote),
                (_, next) => raw.extend(['\\', next]),
            },
            c if c == quote => {
                let value = if quote == '"' { unescape(&raw) } else { raw };
                return Some(Quoted { value, length: at + 1 });
            }
            c => raw.push(c),
        }
    }
    None
}

/// `\$` becomes `$$`, which the expansion takes for a dollar sign. What is no known escape stays.
fn unescape(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let escaped = &rest[at + 1..];
        let (text, taken) = match escaped.chars().next() {
            Some('a') => ("\u{7}", 1),
            Some('b') => ("\u{8}", 1),
            Some('f') => ("\u{c}", 1),
            Some('n') => ("\n", 1),
            Some('r') => ("\r", 1),
            Some('t') => ("\t", 1),
            Some('v') => ("\u{b}", 1),
            Some('"') => ("\"", 1),
            Some('\\') => ("\\", 1),
            Some('$') => ("$$", 1),
            _ => ("", 0),
        };
        if let Some(digits) = escaped.strip_prefix('0') {
            let digits = &digits[..digits.bytes().take(3).take_while(u8::is_ascii_digit).count()];
            match octal(digits) {
                Some(c) => out.push(c),
                // Compose drops the 0 of what is not a number.
                None => out.extend(["\\", digits]),
            }
            rest = &escaped[1 + digits.len()..];
        } else if taken == 0 {
            out.push('\\');
            rest = escaped;
        } else {
            out.push_str(text);
            rest = &escaped[taken..];
        }
    }
    out.push_str(rest);
    out
}

/// The character of a number of three octal digits, up to 255.
fn octal(digits: &str) -> Option<char> {
    let number = u8::from_str_radix(digits, 8).ok().filter(|_| digits.len() == 3)?;
    Some(char::from(number))
}
