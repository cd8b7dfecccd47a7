//! Kubernetes' quantities (`100m`, `0.5`, `128Mi`, `1G`, `1e3`), and how sizes are shown.

/// The value of `text` in thousandths (of a processor), rounded up as the scheduler does.
pub fn parse_milli(text: &str) -> Result<u64, String> {
    scaled(text, 1000).ok_or_else(|| wrong(text, "100m, 0.5 or 2"))
}

/// The value of `text` in bytes, rounded up.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    scaled(text, 1).ok_or_else(|| wrong(text, "128Mi or 4Gi"))
}

fn wrong(text: &str, examples: &str) -> String {
    format!("is `{text}`, which is not a quantity (write {examples})")
}

/// The amount times `unit`, rounded up; `None` if it is not a quantity, negative or too large.
fn scaled(text: &str, unit: u128) -> Option<u64> {
    let text = text.strip_prefix('+').unwrap_or(text);
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.len() + fraction.len() == 0 || fraction.contains('.') {
        return None;
    }
    let digits: u128 = format!("{whole}{fraction}").parse().ok()?;
    let places = u32::try_from(fraction.len()).ok()?;
    // The amount is digits × above ÷ below, in whole numbers so that nothing is lost.
    let (above, below) = factor(suffix)?;
    let above = digits.checked_mul(above)?.checked_mul(unit)?;
    let below = below.checked_mul(10_u128.checked_pow(places)?)?;
    u64::try_from(above.div_ceil(below)).ok()
}

fn factor(suffix: &str) -> Option<(u128, u128)> {
    let decimal = |exponent: u32| Some((10_u128.pow(exponent), 1));
    let binary = |exponent: u32| Some((1_u128 << exponent, 1));
    match suffix {
        "" => decimal(0),
        "n" => Some((1, 1_000_000_000)),
        "u" => Some((1, 1_000_000)),
        "m" => Some((1, 1000)),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => binary(10),
        "Mi" => binary(20),
        "Gi" => binary(30),
        "Ti" => binary(40),
        "Pi" => binary(50),
        "Ei" => binary(60),
        _ => {
            let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            let power = 10_u128.checked_pow(exponent.unsigned_abs())?;
            Some(if exponent < 0 { (1, power) } else { (power, 1) })
        }
    }
}

/// Processors as text, rounded up: `2`, `1.5`, `0.08`.
pub fn show_milli(milli: u64) -> String {
    let hundredths = milli.div_ceil(10);
    let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
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
    fn processors_are_counted_in_thousandths() {
        let cases = [
            ("100m", 100),
            ("0.5", 500),
            ("2", 2000),
            (".25", 250),
            ("2.", 2000),
            ("+1", 1000),
            ("1e3", 1_000_000),
            ("5E-1", 500),
            ("1000u", 1),
            ("1500000n", 2),
            ("0.0001", 1),
            ("0", 0),
            ("1k", 1_000_000),
        ];
        for (text, milli) in cases {
            assert_eq!(parse_milli(text), Ok(milli), "{text}");
        }
    }

    #[test]
    fn bytes_have_binary_and_decimal_suffixes() {
        let cases = [
            ("1500", 1500),
            ("128Mi", 128 << 20),
            ("4Gi", 4 << 30),
            ("0.5Gi", 512 << 20),
            ("1G", 1_000_000_000),
            ("1e3", 1000),
            ("1E3", 1000),
            ("1E", 1_000_000_000_000_000_000),
            ("128974848000m", 128_974_848),
            ("1.5Ki", 1536),
        ];
        for (text, bytes) in cases {
            assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_quantity_is_said_with_examples() {
        for text in ["", "m", "4 GB", "4GB", "1.2.3", "-1", "1e", "Mi", "abc", "1mi", "99999999Ei", "1e99"] {
            assert!(parse_bytes(text).is_err() && parse_milli(text).is_err(), "{text}");
        }
        assert_eq!(
            parse_milli("half"),
            Err("is `half`, which is not a quantity (write 100m, 0.5 or 2)".to_owned())
        );
    }

    #[test]
    fn shown_processors_are_never_fewer() {
        assert_eq!([1000, 10_000, 1501, 75, 0].map(show_milli), ["1", "10", "1.51", "0.08", "0"]);
    }

    #[test]
    fn shows_them_for_people() {
        assert_eq!(show_bytes(1_500_000_000), "1.4 GiB");
        assert_eq!(show_bytes(325_058_560), "310 MiB");
        assert_eq!(show_bytes(12), "12 B");
    }
}
