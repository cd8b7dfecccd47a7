//! All problems of a file at once.

use crate::error::Error;

/// The problems of one file, in the order of its lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems {
    file: String,
    /// Its text, if the error may quote lines of it.
    text: String,
    /// By line, from 1 on; `None` if something is missing.
    list: Vec<(Option<usize>, String)>,
}

impl Problems {
    /// For a file whose lines are never shown: it may contain secrets.
    pub fn new(file: impl Into<String>) -> Self {
        Self { file: file.into(), ..Self::default() }
    }

    /// For a file whose lines are shown with the problems.
    pub fn in_text(file: &str, text: &str) -> Self {
        Self { file: file.to_owned(), text: text.to_owned(), list: Vec::new() }
    }

    pub fn add(&mut self, line: Option<usize>, message: impl Into<String>) {
        self.list.push((line, message.into()));
    }

    /// `value` if there are no problems, otherwise the error that lists all of them.
    pub fn or<T>(self, value: Option<T>) -> Result<T, Error> {
        match value {
            Some(value) if self.list.is_empty() => Ok(value),
            _ => Err(self.into()),
        }
    }

    fn shown(&self, (line, message): &(Option<usize>, String)) -> String {
        let Some(line) = line else { return format!("{}: {message}", self.file) };
        let shown = format!("{}:{line}: {message}", self.file);
        match self.text.lines().nth(line - 1) {
            Some(quoted) => format!("{shown}\n{line} | {quoted}"),
            None => shown,
        }
    }
}

impl From<Problems> for Error {
    fn from(mut problems: Problems) -> Self {
        problems.list.sort_by_key(|(line, _)| line.unwrap_or(usize::MAX));
        let (file, count) = (&problems.file, problems.list.len());
        let noun = if count == 1 { "problem" } else { "problems" };
        let error = Self::usage(format!("{file} has {count} {noun}"));
        let error = problems.list.iter().fold(error, |error, problem| error.because(problems.shown(problem)));
        error.help(format!("fix the lines named above in {file}"))
    }
}
