//! Counts test results in the output of cargo, pytest, unittest and vitest.

use std::fmt::{Display, Formatter};
use std::ops::Add;

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    pub passed: i64,
    pub failed: i64,
    /// Ignored or skipped.
    pub left_out: i64,
}

impl Tally {
    pub const NONE: Self = Self { passed: 0, failed: 0, left_out: 0 };

    /// How many tests were run.
    pub fn ran(self) -> i64 {
        self.passed + self.failed
    }

    /// What a line of output adds: nothing, unless it is a summary.
    pub fn of_line(line: &str) -> Self {
        let line = line.trim().trim_matches('=').trim();
        if let Some(rest) = line.strip_prefix("Ran ") {
            return Self::of_unittest(rest);
        }
        if let Some(rest) = line.strip_prefix("FAILED (") {
            return Self::failures_of_unittest(rest);
        }
        let of_cargo = line.strip_prefix("test result:");
        // "Test Files" counts something else.
        let of_vitest = line.strip_prefix("Tests ");
        of_cargo.or(of_vitest).or_else(|| of_pytest(line)).map(Self::words).unwrap_or_default()
    }

    /// "12 tests in 0.4s": all of them passed, unless a later line says otherwise.
    fn of_unittest(rest: &str) -> Self {
        let (count, rest) = rest.split_once(' ').unwrap_or_default();
        let passed = if rest.starts_with("test") { count.parse().unwrap_or(0) } else { 0 };
        Self { passed, ..Self::NONE }
    }

    /// "failures=1, errors=2)"; the previous line counted them as passed.
    fn failures_of_unittest(rest: &str) -> Self {
        let parts = rest.trim_end_matches(')').split(", ").filter_map(|part| part.split_once('='));
        let wrong = parts.filter(|(kind, _)| ["failures", "errors"].contains(kind));
        let failed: i64 = wrong.filter_map(|(_, count)| count.parse::<i64>().ok()).sum();
        Self { passed: -failed, failed, ..Self::NONE }
    }

    /// Numbers with the word after each.
    fn words(text: &str) -> Self {
        let parts: Vec<&str> = text.split([' ', ';', ',', '|']).filter(|part| !part.is_empty()).collect();
        let mut tally = Self::NONE;
        for pair in parts.windows(2) {
            let Ok(count) = pair[0].parse::<i64>() else { continue };
            match pair[1] {
                "passed" => tally.passed += count,
                "failed" | "error" | "errors" => tally.failed += count,
                "ignored" | "skipped" | "todo" => tally.left_out += count,
                _ => {}
            }
        }
        tally
    }
}

/// "1 failed, 94 passed in 3.21s (0:00:03)", without the time.
fn of_pytest(line: &str) -> Option<&str> {
    let (results, time) = line.rsplit_once(" in ")?;
    let timed = time.split_once('s')?.0.parse::<f64>().is_ok();
    (timed && results.starts_with(|first: char| first.is_ascii_digit())).then_some(results)
}

impl Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            left_out: self.left_out + other.left_out,
        }
    }
}

impl Display for Tally {
    fn fmt(&self, to: &mut Formatter<'_>) -> std::fmt::Result {
        write!(to, "{} passed, {} failed", self.passed, self.failed)?;
        if self.left_out > 0 { write!(to, ", {} left out", self.left_out) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_are_told_from_other_lines() {
        let told = |passed, failed, left_out| Tally { passed, failed, left_out };
        for (line, tally) in [
            (
                "test result: ok. 12 passed; 0 failed; 2 ignored; 0 measured; 5 filtered out; finished in 1.20s",
                told(12, 0, 2),
            ),
            ("test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out", told(3, 1, 0)),
            ("331 passed in 120.31s (0:02:00)", told(331, 0, 0)),
            ("== 2 failed, 94 passed, 1 skipped, 3 errors in 9.1s ==", told(94, 5, 1)),
            ("      Tests  3 failed | 57 passed | 2 skipped (62)", told(57, 3, 2)),
            (" Test Files  11 passed (11)", Tally::NONE),
            ("Ran 7 tests in 0.412s", told(7, 0, 0)),
            ("Ran 1 test in 0.412s", told(1, 0, 0)),
            ("FAILED (failures=1, errors=2)", told(-3, 3, 0)),
            ("3 passed in spite of it", Tally::NONE),
            ("all stages passed", Tally::NONE),
        ] {
            assert_eq!(Tally::of_line(line), tally, "{line}");
        }
        assert_eq!((told(1, 0, 0) + told(2, 3, 4)).to_string(), "3 passed, 3 failed, 4 left out");
    }
}
