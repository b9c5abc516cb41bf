//! Detects JSON numbers that RFC 8785 changes: it writes every number as the shortest decimal of an
//! IEEE 754 double. A changed number would share its digest with another one.

/// A decimal without redundancy: sign, significant digits, and the power of ten behind them.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

/// Returns true if the double nearest to this JSON number token is written as the same number.
pub(super) fn is_exact(token: &str) -> bool {
    let Ok(double) = token.parse::<f64>() else {
        return false;
    };
    double.is_finite()
        && match (decimal(token), decimal(&format!("{double:e}"))) {
            (Some(sent), Some(kept)) => sent == kept,
            _ => false,
        }
}

fn decimal(token: &str) -> Option<Decimal> {
    let (negative, token) = match token.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, token),
    };
    let (mantissa, exponent) = match token.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (token, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let written = format!("{whole}{fraction}");
    let significant = written.trim_start_matches('0').trim_end_matches('0');
    if significant.is_empty() {
        return Some(Decimal { negative: false, digits: String::new(), exponent: 0 });
    }
    let trailing = written.len() - written.trim_end_matches('0').len();
    Some(Decimal {
        negative,
        digits: significant.into(),
        exponent: exponent
            .checked_add(i64::try_from(trailing).ok()?)?
            .checked_sub(i64::try_from(fraction.len()).ok()?)?,
    })
}

#[cfg(test)]
mod tests {
    use super::is_exact;

    #[rstest::rstest]
    #[case("0")]
    #[case("-0")]
    #[case("1.0")]
    #[case("0.1")]
    #[case("100")]
    #[case("1e2")]
    #[case("-2.50E+3")]
    #[case("9007199254740992")]
    #[case("1e308")]
    #[case("5e-324")]
    fn number_that_a_double_represents_is_exact(#[case] token: &str) {
        assert!(is_exact(token), "{token}");
    }

    #[rstest::rstest]
    #[case("9007199254740993")]
    #[case("0.10000000000000000555")]
    #[case("1e400")]
    #[case("1e-400")]
    #[case("1e99999999999999999999")]
    #[case("1.5e-9223372036854775808")]
    #[case("10e9223372036854775807")]
    fn number_that_a_double_changes_is_inexact(#[case] token: &str) {
        assert!(!is_exact(token), "{token}");
    }
}
