//! Amounts that a profile may leave to the program, and how amounts are shown.

/// A number given by the user, or what fits the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount<T> {
    Auto,
    Given(T),
}

/// Bytes for people: `1.4 GiB`, `310 MiB`, `12 KiB`.
#[allow(clippy::cast_precision_loss)] // shown with one digit after the point
pub fn show_bytes(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    for (unit, size) in UNITS {
        if bytes >= size {
            let number = bytes as f64 / size as f64;
            return if number < 10.0 { format!("{number:.1} {unit}") } else { format!("{number:.0} {unit}") };
        }
    }
    format!("{bytes} B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_them_for_people() {
        assert_eq!(show_bytes(1_500_000_000), "1.4 GiB");
        assert_eq!(show_bytes(325_058_560), "310 MiB");
        assert_eq!(show_bytes(12), "12 B");
    }
}
