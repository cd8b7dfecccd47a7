//! Which connection downloads which bytes: claims on the gaps of a file, returned when a connection fails.

use super::ranges::Ranges;

/// One request of several asks for so much: a round trip weighs little, and the first bytes come first.
pub(super) const CHUNK: u64 = 4 << 20;

/// Bytes that one connection is to bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) from: u64,
    /// One past the last one; `None` is to the end, wherever that is.
    pub(super) to: Option<u64>,
}

#[derive(Debug)]
pub(super) struct Plan {
    taken: Ranges,
    pub(super) total: Option<u64>,
}

impl Plan {
    pub(super) fn new(there: Ranges, total: Option<u64>) -> Self {
        Self { taken: there, total }
    }

    /// The first unclaimed bytes, at most `most` of them.
    pub(super) fn claim(&mut self, most: Option<u64>) -> Option<Claim> {
        if self.taken.prefix() == u64::MAX {
            return None;
        }
        let (from, gap) = self.taken.gap(self.total)?;
        let to = match most {
            Some(most) => Some(gap.unwrap_or(u64::MAX).min(from.saturating_add(most))),
            None => gap,
        };
        self.taken.insert(from..to.unwrap_or(u64::MAX));
        Some(Claim { from, to })
    }

    /// What a connection did not bring can be claimed again.
    pub(super) fn give_back(&mut self, claim: Claim) {
        self.taken.remove(&(claim.from..claim.to.unwrap_or(u64::MAX)));
    }

    /// One connection brings all from the first byte on.
    pub(super) fn take_all(&mut self) {
        self.taken = Ranges::up_to(u64::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_follow_each_other_and_come_back() {
        let mut plan = Plan::new(Ranges::up_to(3), Some(20));
        let first = plan.claim(Some(8)).unwrap();
        assert_eq!(first, Claim { from: 3, to: Some(11) });
        assert_eq!(plan.claim(Some(8)), Some(Claim { from: 11, to: Some(19) }));
        plan.give_back(Claim { from: 7, ..first });
        assert_eq!(plan.claim(None), Some(Claim { from: 7, to: Some(11) }));
        assert_eq!(plan.claim(None), Some(Claim { from: 19, to: Some(20) }));
        assert_eq!(plan.claim(None), None);
    }

    #[test]
    fn without_a_length_one_claim_holds_all() {
        let mut plan = Plan::new(Ranges::default(), None);
        assert_eq!(plan.claim(Some(8)), Some(Claim { from: 0, to: Some(8) }));
        let rest = plan.claim(None).unwrap();
        assert_eq!((rest, plan.claim(None)), (Claim { from: 8, to: None }, None));
        plan.give_back(Claim { from: 10, to: None });
        assert_eq!(plan.claim(None), Some(Claim { from: 10, to: None }));
        plan.take_all();
        assert_eq!(plan.claim(Some(8)), None);
    }
}
