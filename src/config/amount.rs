//! Amounts that a profile may leave to the host.

/// A number given by the user, or what fits the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount<T> {
    Auto,
    Given(T),
}

/// Bytes from `512Mi`, `4Gi`, `4G`, `4096` (Kubernetes' suffixes; a bare number is bytes).
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let unit = match &text[digits..] {
        "" => 1,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "Ti" => 1 << 40,
        "k" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "T" => 1_000_000_000_000,
        other => return Err(format!("has the unknown unit `{other}` (use Mi or Gi)")),
    };
    let number: u64 = text[..digits].parse().map_err(|_| "must be an amount such as 4Gi".to_owned())?;
    number.checked_mul(unit).ok_or_else(|| "is too large".to_owned())
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
    fn reads_kubernetes_amounts() {
        assert_eq!(parse_bytes("4Gi"), Ok(4 << 30));
        assert_eq!(parse_bytes("512Mi"), Ok(512 << 20));
        assert_eq!(parse_bytes("1500"), Ok(1500));
        assert!(
            parse_bytes("4 GB").is_err() && parse_bytes("").is_err() && parse_bytes("99999999Ti").is_err()
        );
    }

    #[test]
    fn shows_them_for_people() {
        assert_eq!(show_bytes(1_500_000_000), "1.4 GiB");
        assert_eq!(show_bytes(325_058_560), "310 MiB");
        assert_eq!(show_bytes(12), "12 B");
    }
}
