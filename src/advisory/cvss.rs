/// Returns the base score of a CVSS vector of version 3, times ten; `None` if it is not one.
pub(super) fn base_score(vector: &str) -> Option<u32> {
    let metrics = vector.strip_prefix("CVSS:3.0/").or_else(|| vector.strip_prefix("CVSS:3.1/"))?;
    let value = |name: &str| {
        metrics.split('/').find_map(|metric| metric.strip_prefix(name)?.strip_prefix(':'))
    };
    let weight = |name: &str, weights: &[(&str, f64)]| {
        let value = value(name)?;
        weights.iter().find(|(word, _)| *word == value).map(|(_, weight)| *weight)
    };
    let is_changed = match value("S")? {
        "C" => true,
        "U" => false,
        _ => return None,
    };
    let (low, high) = if is_changed { (0.68, 0.5) } else { (0.62, 0.27) };
    let exploitability = 8.22
        * weight("AV", &[("N", 0.85), ("A", 0.62), ("L", 0.55), ("P", 0.2)])?
        * weight("AC", &[("L", 0.77), ("H", 0.44)])?
        * weight("PR", &[("N", 0.85), ("L", low), ("H", high)])?
        * weight("UI", &[("N", 0.85), ("R", 0.62)])?;
    let loss = [("H", 0.56), ("L", 0.22), ("N", 0.0)];
    let kept =
        (1.0 - weight("C", &loss)?) * (1.0 - weight("I", &loss)?) * (1.0 - weight("A", &loss)?);
    let base = 1.0 - kept;
    let impact = if is_changed {
        7.52 * (base - 0.029) - 3.25 * (base - 0.02).powi(15)
    } else {
        6.42 * base
    };
    if impact <= 0.0 {
        return Some(0);
    }
    let sum = impact + exploitability;
    let score = if is_changed { 1.08 * sum } else { sum };
    Some(rounded_up(score.min(10.0)))
}

/// Rounds up to a tenth as the specification does, over whole numbers.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a score is from 0 to 10"
)]
fn rounded_up(score: f64) -> u32 {
    let scaled = (score * 100_000.0).round() as u32;
    scaled.div_ceil(10_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The scores are those of the calculator that the specification names.
    #[rstest::rstest]
    #[case("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", Some(98))]
    #[case("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", Some(100))]
    #[case("CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", Some(61))]
    #[case("CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", Some(78))]
    #[case("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:L", Some(53))]
    #[case("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", Some(0))]
    #[case("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", None)]
    #[case("CVSS:3.1/AV:N", None)]
    #[case("", None)]
    fn base_score_is_that_of_the_specification(#[case] vector: &str, #[case] score: Option<u32>) {
        assert_eq!(base_score(vector), score);
    }
}
