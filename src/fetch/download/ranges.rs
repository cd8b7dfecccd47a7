//! The bytes of a file that are there: sorted ranges that do not touch each other.

use std::ops::Range;

#[derive(Debug, Default, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "Vec<(u64, u64)>", into = "Vec<(u64, u64)>")]
pub(super) struct Ranges(Vec<Range<u64>>);

impl Ranges {
    pub(super) fn up_to(end: u64) -> Self {
        let mut ranges = Self::default();
        ranges.insert(0..end);
        ranges
    }

    pub(super) fn insert(&mut self, new: Range<u64>) {
        if new.is_empty() {
            return;
        }
        let first = self.0.partition_point(|range| range.end < new.start);
        let after = self.0.partition_point(|range| range.start <= new.end);
        let mut merged = new;
        if first < after {
            merged = merged.start.min(self.0[first].start)..merged.end.max(self.0[after - 1].end);
        }
        self.0.splice(first..after, [merged]);
    }

    pub(super) fn remove(&mut self, old: &Range<u64>) {
        if old.is_empty() {
            return;
        }
        let parts = std::mem::take(&mut self.0).into_iter().flat_map(|range| {
            let (before, after) =
                (range.start..range.end.min(old.start), range.start.max(old.end)..range.end);
            [before, after]
        });
        self.0 = parts.filter(|part| !part.is_empty()).collect();
    }

    /// The number of contiguous bytes from the start.
    pub(super) fn prefix(&self) -> u64 {
        self.0.first().filter(|range| range.start == 0).map_or(0, |range| range.end)
    }

    pub(super) fn total(&self) -> u64 {
        self.0.iter().map(|range| range.end - range.start).sum()
    }

    pub(super) fn end(&self) -> u64 {
        self.0.last().map_or(0, |range| range.end)
    }

    /// The first hole before `end`; `None` for `end` means that the file's length is not known.
    pub(super) fn gap(&self, end: Option<u64>) -> Option<(u64, Option<u64>)> {
        let start = self.prefix();
        let next = self.0.iter().map(|range| range.start).find(|next| *next > start);
        let to = match (next, end) {
            (Some(next), Some(end)) => Some(next.min(end)),
            (next, end) => next.or(end),
        };
        to.is_none_or(|to| start < to).then_some((start, to))
    }
}

impl TryFrom<Vec<(u64, u64)>> for Ranges {
    type Error = String;

    fn try_from(pairs: Vec<(u64, u64)>) -> Result<Self, String> {
        let mut ranges = Self::default();
        for (from, to) in pairs {
            if from >= to {
                return Err(format!("{from} to {to} is not a range"));
            }
            ranges.insert(from..to);
        }
        Ok(ranges)
    }
}

impl From<Ranges> for Vec<(u64, u64)> {
    fn from(ranges: Ranges) -> Self {
        ranges.0.into_iter().map(|range| (range.start, range.end)).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, proptest};

    use super::*;

    proptest! {
        #[test]
        fn they_hold_what_a_list_of_bytes_holds(
            steps in prop::collection::vec((any::<bool>(), 0..40_u64, 0..12_u64), 0..30),
        ) {
            let (mut ranges, mut bytes) = (Ranges::default(), [false; 64]);
            for (add, from, len) in steps {
                let range = from..from + len;
                for byte in range.clone() {
                    bytes[usize::try_from(byte).unwrap()] = add;
                }
                if add { ranges.insert(range) } else { ranges.remove(&range) }
            }
            let count = bytes.iter().filter(|there| **there).count() as u64;
            assert_eq!(ranges.total(), count);
            let prefix = bytes.iter().take_while(|there| **there).count() as u64;
            assert_eq!(ranges.prefix(), prefix);
            let next = (prefix..64).find(|byte| bytes[usize::try_from(*byte).unwrap()]);
            assert_eq!(ranges.gap(Some(64)), Some((prefix, Some(next.unwrap_or(64)))));
            assert_eq!(ranges.gap(None), Some((prefix, next)));
            assert!(ranges.0.windows(2).all(|pair| pair[0].end < pair[1].start));
            let text = serde_json::to_string(&ranges).unwrap();
            assert_eq!(serde_json::from_str::<Ranges>(&text).unwrap(), ranges);
        }
    }

    #[test]
    fn a_whole_file_has_no_hole() {
        assert_eq!(Ranges::up_to(9).gap(Some(9)), None);
        assert_eq!(Ranges::default().gap(Some(0)), None);
        assert!(serde_json::from_str::<Ranges>("[[3,3]]").is_err());
    }
}
