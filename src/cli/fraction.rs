//! Numbers that may be typed as fractions.

/// A number such as `0.001` or `1/256`.
pub(super) fn fraction(text: &str) -> Result<f64, String> {
    let number = |t: &str| t.trim().parse::<f64>().ok().filter(|n| n.is_finite());
    let value = match text.split_once('/') {
        Some((above, below)) => number(above).zip(number(below).filter(|&b| b != 0.0)).map(|(a, b)| a / b),
        None => number(text),
    };
    value.ok_or_else(|| format!("expected a number or a fraction such as 1/256, found {text:?}"))
}

/// Metres of one step of a depth map, such as `1/256`.
pub(super) fn step(text: &str) -> Result<f64, String> {
    fraction(text).and_then(|s| if s > 0.0 { Ok(s) } else { Err("expected a step above 0".to_owned()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_numbers_too() {
        assert_eq!(fraction("1/256"), Ok(1.0 / 256.0));
        assert_eq!(fraction("0.001"), Ok(0.001));
        for text in ["1/0", "", "x", "1/2/3", "inf", "nan"] {
            assert!(fraction(text).is_err(), "{text}");
        }
        assert_eq!(step("1/256"), Ok(1.0 / 256.0));
        assert!(step("0").is_err() && step("-1/256").is_err());
    }
}
