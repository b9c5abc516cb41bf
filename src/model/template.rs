//! URLs with variables in braces, which a client fills in before it opens them.

use serde_json::Value;

/// The limit on the texts that the variables of one URL give.
const MAX_FILLED: usize = 64;
/// The limit on the bytes of a host with its port: a DNS name has 253, and variables need some room.
pub const MAX_AUTHORITY: usize = 1_024;

/// The reason why not every text can be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfillable {
    TooMany,
    TooLong,
}

/// Returns a host with its port, with every combination of what `given` returns for the names in braces.
///
/// # Errors
/// When there are more texts, or longer ones, than can be checked.
pub fn fill<'v>(
    authority: &str,
    given: impl Fn(&str) -> Vec<&'v str>,
) -> Result<Vec<String>, Unfillable> {
    if authority.len() > MAX_AUTHORITY {
        return Err(Unfillable::TooLong);
    }
    let mut filled = vec![authority.to_owned()];
    for name in names(authority) {
        let variable = format!("{{{name}}}");
        if !filled.iter().any(|text| text.contains(&variable)) {
            continue;
        }
        let values = given(name);
        filled = filled
            .iter()
            .flat_map(|text| values.iter().map(|value| text.replace(&variable, value)))
            .take(MAX_FILLED + 1)
            .collect();
        if filled.len() > MAX_FILLED {
            return Err(Unfillable::TooMany);
        }
        if filled.iter().any(|text| text.len() > MAX_AUTHORITY) {
            return Err(Unfillable::TooLong);
        }
    }
    Ok(filled)
}

/// Returns the names in braces.
fn names(authority: &str) -> impl Iterator<Item = &str> {
    authority.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0))
}

/// Returns the values that an entry gives to an input.
#[must_use]
pub fn given_values(input: &Value) -> Vec<&str> {
    let choices = input["choices"].as_array().into_iter().flatten();
    [&input["value"], &input["default"]]
        .into_iter()
        .chain(choices)
        .filter_map(Value::as_str)
        .filter(|value| !value.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_of_values_is_returned() {
        let given = |name: &str| if name == "a" { vec!["1", "2"] } else { vec!["x"] };
        let filled = fill("{a}.{b}.example:{a}", given).expect("few");
        assert_eq!(filled, ["1.x.example:1", "2.x.example:2"]);
        assert_eq!(fill("a.example", given), Ok(vec!["a.example".to_owned()]));
    }

    #[test]
    fn number_and_length_of_texts_are_bounded() {
        let many = vec!["x"; 9];
        assert_eq!(fill("{a}{b}", |_| many.clone()), Err(Unfillable::TooMany));
        let long = "x".repeat(MAX_AUTHORITY);
        assert_eq!(fill("{a}.example", |_| vec![&long]), Err(Unfillable::TooLong));
        assert_eq!(fill(&format!("{long}y"), |_| Vec::new()), Err(Unfillable::TooLong));
    }
}
