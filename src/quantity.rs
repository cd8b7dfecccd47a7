//! Kubernetes' quantities (`100m`, `0.5`, `128Mi`, `1G`, `1e3`), and how sizes and times are shown.

use std::time::Duration;

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

/// A time for people: `0.4 s`, `42 s`, `7 min 12 s`, `1 h 5 min`, `3 days`. Parts that are zero are left out.
pub fn show_time(time: Duration) -> String {
    let parts = |large: u64, unit: &str, small: u64, part: &str| match small {
        0 => format!("{large} {unit}"),
        _ => format!("{large} {unit} {small} {part}"),
    };
    let tenths = (time.as_millis() + 50) / 100;
    if tenths < 100 {
        let (whole, tenth) = (tenths / 10, tenths % 10);
        return if tenth == 0 { format!("{whole} s") } else { format!("{whole}.{tenth} s") };
    }
    let seconds = (time.as_millis() + 500) / 1000;
    match u64::try_from(seconds).unwrap_or(u64::MAX) {
        seconds @ ..100 => format!("{seconds} s"),
        seconds @ ..3600 => parts(seconds / 60, "min", seconds % 60, "s"),
        seconds @ ..172_800 => parts(seconds / 3600, "h", seconds % 3600 / 60, "min"),
        seconds => format!("{} days", seconds / 86_400),
    }
}

/// As [`show_time`], for an estimate: rounded up to seconds, and from 100 s on to minutes.
pub fn show_estimate(time: Duration) -> String {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    let seconds = if seconds < 100 { seconds } else { seconds.div_ceil(60) * 60 };
    show_time(Duration::from_secs(seconds))
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

    #[test]
    fn times_have_one_form() {
        for (millis, text) in [
            (0, "0 s"),
            (420, "0.4 s"),
            (2000, "2 s"),
            (9940, "9.9 s"),
            (9960, "10 s"),
            (42_499, "42 s"),
            (99_600, "1 min 40 s"),
            (180_000, "3 min"),
            (432_000, "7 min 12 s"),
            (3_900_000, "1 h 5 min"),
            (7_200_000, "2 h"),
            (259_200_000, "3 days"),
        ] {
            assert_eq!(show_time(Duration::from_millis(millis)), text);
        }
        assert_eq!(
            [1.2, 99.0, 130.0, 6001.0].map(Duration::from_secs_f64).map(show_estimate),
            ["2 s", "99 s", "3 min", "1 h 41 min"]
        );
    }
}
