//! Which scenes run: those that every run must prove, and a sample of the others, which is the
//! same for the same seed. `cargo xtask soak` runs all of them.

/// A scene that every run must prove.
pub const ALWAYS: u32 = 0;
/// The seconds of sampled scenes in a run that is not complete.
const BUDGET: u32 = 600;

/// A scene that only a complete run plays: its first pass on a cluster is still to come.
pub const COMPLETE_RUN: u32 = BUDGET + 1;

/// Whether everything runs.
pub fn full() -> bool {
    std::env::var("TODO_BOOTSTRAP_E2E_SWEEP").is_ok_and(|sweep| sweep == "full")
}

/// The seed of the sample and of the moments at which `up` is killed.
pub fn seed() -> u64 {
    let given = std::env::var("TODO_BOOTSTRAP_E2E_SEED").ok();
    given.map_or(20_261_121, |text| text.parse().expect("TODO_BOOTSTRAP_E2E_SEED is a number"))
}

/// For each scene, whether it runs; `seconds` is the approximate duration of each.
pub fn choose(seconds: &[u32], full: bool, random: &mut Random) -> Vec<bool> {
    let mut chosen: Vec<bool> = seconds.iter().map(|seconds| full || *seconds == ALWAYS).collect();
    let mut left = BUDGET;
    for index in shuffled(seconds.len(), random) {
        if !chosen[index] && seconds[index] <= left {
            chosen[index] = true;
            left -= seconds[index];
        }
    }
    chosen
}

/// Keeps `count` of the items, in their order; all of them in a complete run.
pub fn keep<T>(items: &mut Vec<T>, count: usize, random: &mut Random) {
    if full() {
        return;
    }
    let kept: Vec<usize> = shuffled(items.len(), random).into_iter().take(count).collect();
    let mut index = 0..;
    items.retain(|_| index.next().is_some_and(|index| kept.contains(&index)));
}

/// All numbers below `end` (Fisher and Yates).
fn shuffled(end: usize, random: &mut Random) -> Vec<usize> {
    let mut all: Vec<usize> = (0..end).collect();
    for last in (1..end).rev() {
        let other = random.below(last as u64 + 1);
        all.swap(last, usize::try_from(other).expect("an index"));
    }
    all
}

/// Numbers that are the same for the same seed (splitmix64).
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCENES: [u32; 9] = [ALWAYS, 300, 200, ALWAYS, 200, 100, 50, 400, ALWAYS];

    fn of(seed: u64) -> Vec<bool> {
        choose(&SCENES, false, &mut Random(seed))
    }

    #[test]
    fn a_sample_holds_what_is_needed_and_fits() {
        for seed in 0..200 {
            let chosen = of(seed);
            assert_eq!(chosen, of(seed), "seed {seed}");
            assert!(chosen[0] && chosen[3] && chosen[8], "seed {seed}");
            let sum: u32 = SCENES.iter().zip(&chosen).filter(|(_, played)| **played).map(|(s, _)| s).sum();
            assert!(sum <= BUDGET && sum + 300 > BUDGET, "seed {seed}: {sum} s");
        }
        assert_eq!(choose(&SCENES, true, &mut Random(1)), [true; 9]);
    }

    #[test]
    fn each_scene_comes_up_within_a_few_runs() {
        let mut seen = [0; SCENES.len()];
        for seed in 0..40 {
            of(seed).iter().zip(&mut seen).for_each(|(played, count)| *count += u32::from(*played));
        }
        assert!(seen.iter().all(|count| *count >= 8), "{seen:?}");
    }

    #[test]
    fn what_is_kept_stays_in_order() {
        if full() {
            return;
        }
        for seed in 0..50 {
            let mut items = vec![1, 2, 3, 4, 5];
            keep(&mut items, 3, &mut Random(seed));
            assert!(items.len() == 3 && items.is_sorted(), "{items:?}");
        }
    }
}
