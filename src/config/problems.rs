//! What is wrong with a file, all of it at once.

use std::fmt;

use crate::error::Error;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// One-based; `None` where the problem is something that is missing.
    pub line: Option<usize>,
    pub message: String,
}

/// The problems of one file, in the order of its lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems {
    pub file: String,
    pub list: Vec<Problem>,
}

impl Problems {
    pub fn new(file: impl Into<String>) -> Self {
        Self { file: file.into(), list: Vec::new() }
    }

    pub fn add(&mut self, line: Option<usize>, message: impl Into<String>) {
        self.list.push(Problem { line, message: message.into() });
    }

    /// `value` if nothing is wrong, else the error that lists all that is.
    pub fn or<T>(mut self, value: Option<T>) -> Result<T, Error> {
        match value {
            Some(value) if self.list.is_empty() => Ok(value),
            _ => {
                self.list.sort_by_key(|problem| problem.line.unwrap_or(usize::MAX));
                Err(self.into())
            }
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.list.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            match problem.line {
                Some(line) => write!(f, "{}:{line}: {}", self.file, problem.message)?,
                None => write!(f, "{}: {}", self.file, problem.message)?,
            }
        }
        Ok(())
    }
}

impl From<Problems> for Error {
    fn from(problems: Problems) -> Self {
        let count = problems.list.len();
        let noun = if count == 1 { "problem" } else { "problems" };
        let mut error = Self::usage(format!("{} has {count} {noun}", problems.file));
        for line in problems.to_string().lines() {
            error = error.because(line);
        }
        error.help(format!("mend the lines named above in {}", problems.file))
    }
}
