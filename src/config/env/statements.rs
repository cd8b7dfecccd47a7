//! The statements of an env file as written: names, lines, values before `$` is expanded.
//!
//! The reader accepts what docker compose accepts. If compose would read something that the author can hardly
//! have intended, the line is a problem instead, so no value ever differs from compose's.

use std::collections::BTreeMap;
use std::ops::Range;

use secrecy::SecretString;

use super::quoted::{self, Quoted};
use crate::config::problems::Problems;

/// One `NAME=value` of a file.
#[derive(Debug)]
pub(super) struct Statement {
    pub key: String,
    /// One-based.
    pub line: usize,
    /// The position of the value in the text, quotes included.
    pub span: Range<usize>,
    /// The value without quotes and escapes.
    pub template: SecretString,
    /// Whether `$` is literal, because the value is in single quotes.
    pub literal: bool,
    /// Whether the value is in quotes of either kind.
    pub quoted: bool,
}

/// A comment that has a line of its own, without `#`.
#[derive(Debug)]
pub(super) struct Comment {
    pub line: usize,
    pub text: String,
}

#[derive(Debug, Default)]
pub(super) struct Statements {
    pub list: Vec<Statement>,
    pub comments: Vec<Comment>,
}

/// Reads `text`; adds what is wrong to `problems`, never with a value.
pub(super) fn read(text: &str, problems: &mut Problems) -> Statements {
    let ends = text.match_indices('\n').map(|(at, _)| at).collect();
    let mut reader = Reader { text, at: 0, ends, found: Statements::default(), problems };
    if text.starts_with('\u{feff}') {
        reader.at = '\u{feff}'.len_utf8();
    }
    while reader.next() {}
    let Reader { found, problems, .. } = reader;
    let mut first: BTreeMap<&str, usize> = BTreeMap::new();
    for statement in &found.list {
        if let Some(line) = first.get(statement.key.as_str()) {
            let name = shown(&statement.key);
            problems.add(Some(statement.line), format!("{name} is already set in line {line}"));
        } else {
            first.insert(&statement.key, statement.line);
        }
    }
    found
}

/// A name for messages. What does not look like one may be part of a secret, and is not shown.
pub(super) fn shown(key: &str) -> String {
    let plain = |c: char| c.is_ascii_digit() || c == '_';
    let upper = key.chars().all(|c| plain(c) || c.is_ascii_uppercase());
    let lower = key.chars().all(|c| plain(c) || c.is_ascii_lowercase());
    if (upper || lower) && key.len() <= 48 {
        format!("`{key}`")
    } else {
        format!("a name of {} characters", key.chars().count())
    }
}

/// White space around names and before values, as compose defines it.
fn blank(c: char) -> bool {
    matches!(c, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ' | '\u{85}' | '\u{a0}')
}

struct Reader<'t, 'p> {
    text: &'t str,
    at: usize,
    /// Where the lines end.
    ends: Vec<usize>,
    found: Statements,
    problems: &'p mut Problems,
}

impl Reader<'_, '_> {
    fn line_at(&self, offset: usize) -> usize {
        1 + self.ends.partition_point(|end| *end < offset)
    }

    fn end_of_line(&self, from: usize) -> usize {
        self.text[from..].find('\n').map_or(self.text.len(), |length| from + length)
    }

    /// Reads one comment or statement; returns whether there may be more.
    fn next(&mut self) -> bool {
        let rest = &self.text[self.at..];
        let trimmed = rest.trim_start();
        self.at += rest.len() - trimmed.len();
        if trimmed.is_empty() {
            return false;
        }
        let end = self.end_of_line(self.at);
        if let Some(text) = self.text[self.at..end].strip_prefix('#') {
            let line = self.line_at(self.at);
            self.found.comments.push(Comment { line, text: text.trim().to_owned() });
            self.at = end;
            return true;
        }
        self.statement(end);
        true
    }

    fn statement(&mut self, end: usize) {
        let line = self.line_at(self.at);
        let mut head = &self.text[self.at..end];
        if let Some(rest) = head.strip_prefix("export")
            && rest.starts_with(['\t', '\u{c}', '\r', ' '])
        {
            head = rest.trim_start_matches(blank);
        }
        let Some(separator) = head.find(['=', ':']) else {
            self.problem(line, "has no `=`; docker compose would use the value from the shell, but the shell is not read here: write NAME=value, or NAME= for an empty value");
            self.at = end;
            return;
        };
        let key = head[..separator].trim_end_matches(blank);
        let good = good_key(key);
        if !good {
            self.problem(line, "does not begin with the name of a variable: letters, digits and _, not beginning with a digit");
        }
        let after = end - head.len() + separator + 1;
        let start = end - self.text[after..end].trim_start_matches(blank).len();
        let value = match self.text[start..].chars().next() {
            Some(quote @ ('"' | '\'')) => self.quoted(start, quote, line),
            _ => self.plain(start, end, start > after, line),
        };
        if let (true, Some((span, template, literal))) = (good, value) {
            let (template, quoted) =
                (SecretString::from(template), self.text[start..].starts_with(['"', '\'']));
            self.found.list.push(Statement { key: key.to_owned(), line, span, template, literal, quoted });
        }
    }

    /// A value without quotes ends with its line or before ` #`.
    fn plain(
        &mut self,
        start: usize,
        end: usize,
        spaced: bool,
        line: usize,
    ) -> Option<(Range<usize>, String, bool)> {
        self.at = end;
        if let Some(behind) = self.many_lines(start, end) {
            self.at = behind;
            self.problem(
                line,
                "begins a value of several lines without quotes; put all of it in single quotes",
            );
            return None;
        }
        let raw = &self.text[start..end];
        let value = raw.split(" #").next().unwrap_or(raw).trim_end();
        if spaced && value.starts_with('#') {
            self.problem(line, "has a comment where docker compose reads the value; put the comment on a line of its own, or put a value that begins with # in quotes");
            return None;
        }
        if value.contains('\r') {
            self.problem(line, "contains a carriage return; save the file with Unix or Windows line endings");
            return None;
        }
        self.without_nul(value, line)?;
        Some((start..start + value.len(), value.to_owned(), false))
    }

    /// Where a PEM or JSON value ends that begins on the line from `start` to `end`, if it has more lines.
    fn many_lines(&self, start: usize, end: usize) -> Option<usize> {
        let first = self.text[start..end].trim();
        let pem = first.starts_with("-----BEGIN ") && !first.contains("-----END ");
        let mut open = depth(first);
        let json = first.starts_with(['{', '[']) && open > 0;
        if !pem && !json {
            return None;
        }
        let mut at = end;
        let lines = std::iter::from_fn(|| {
            let from = at;
            at = if from < self.text.len() { self.end_of_line(from + 1) } else { return None };
            Some((from, self.text[from..at].trim(), at))
        });
        let mut cut = None;
        for (from, line, behind) in lines {
            open += depth(line);
            let closed = if pem { line.contains("-----END ") } else { open <= 0 };
            if closed {
                return Some(behind);
            }
            // Names are as a rule in capitals, which a line of base64 hardly is throughout.
            let name = line.split_once('=').map_or("", |(name, _)| name);
            let other = good_key(name) && !name.contains(|c: char| c.is_ascii_lowercase());
            if other || line.is_empty() {
                cut = cut.or(Some(from));
            }
            if line.contains("-----BEGIN ") || other && !pem {
                break;
            }
        }
        Some(cut.unwrap_or(self.text.len()))
    }

    fn quoted(&mut self, start: usize, quote: char, line: usize) -> Option<(Range<usize>, String, bool)> {
        let Some(Quoted { value, length }) = quoted::read(&self.text[start..], quote) else {
            self.problem(line, "begins a quoted value without an end; add the closing quote");
            self.at = self.next_assignment(start);
            return None;
        };
        let close = start + length;
        let end = self.end_of_line(close);
        self.at = end;
        let tail = self.text[close..end].trim_start();
        if !tail.is_empty() && !tail.starts_with('#') {
            let message = "continues after a closing quote; write \\\" for a quote within the value";
            self.problem(self.line_at(close), message);
            return None;
        }
        self.without_nul(&value, line)?;
        Some((start..close, value, quote == '\''))
    }

    fn without_nul(&mut self, value: &str, line: usize) -> Option<()> {
        if value.contains('\0') {
            self.problem(line, "contains a NUL character, which environment variables cannot");
            return None;
        }
        Some(())
    }

    /// Where the next line begins that looks like a statement, after an open quote.
    fn next_assignment(&self, from: usize) -> usize {
        let mut at = self.end_of_line(from);
        while at < self.text.len() {
            let end = self.end_of_line(at + 1);
            let line = self.text[at + 1..end].trim_start();
            let line = line.strip_prefix("export ").unwrap_or(line);
            if line.split_once('=').is_some_and(|(key, _)| good_key(key.trim_end_matches(blank))) {
                return at;
            }
            at = end;
        }
        at
    }

    fn problem(&mut self, line: usize, message: &str) {
        self.problems.add(Some(line), message);
    }
}

/// How many brackets of JSON `line` opens and does not close.
fn depth(line: &str) -> isize {
    let open = line.chars().filter(|c| "{[".contains(*c)).count();
    open.cast_signed() - line.chars().filter(|c| "}]".contains(*c)).count().cast_signed()
}

fn good_key(key: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !key.is_empty() && key.chars().all(good) && !key.starts_with(|c: char| c.is_ascii_digit())
}
