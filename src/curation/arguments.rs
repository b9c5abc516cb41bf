//! Reads what the arguments of a runtime do to a package: other variables, other packages, other registries.

use serde_json::Value;

/// Options with which a runtime runs something else than the package, or takes it from elsewhere.
const REDIRECTING: [&str; 16] = [
    "--package",
    "-p",
    "--call",
    "-c",
    "--registry",
    "--from",
    "--with",
    "--with-editable",
    "--index",
    "--index-url",
    "--default-index",
    "--extra-index-url",
    "-i",
    "--entrypoint",
    "--add-source",
    "--source",
];
/// Options that give a variable to a container.
const VARIABLE: [&str; 2] = ["-e", "--env"];
/// An option that gives variables that the entry does not name.
const VARIABLES_OF_A_FILE: &str = "--env-file";

/// Returns the texts of the runtime arguments in the order in which the runtime gets them.
fn words(package: &Value) -> Vec<&str> {
    let arguments = package["runtimeArguments"].as_array().into_iter().flatten();
    let words =
        arguments.flat_map(|argument| [argument["name"].as_str(), argument["value"].as_str()]);
    words.flatten().flat_map(str::split_whitespace).collect()
}

/// Returns the first argument with which the runtime runs something else, or takes it from elsewhere.
pub(super) fn redirection(package: &Value) -> Option<&str> {
    words(package).into_iter().find(|word| {
        let option = word.split_once('=').map_or(*word, |(option, _)| option);
        REDIRECTING.contains(&option)
    })
}

/// Returns the names of the variables that arguments give to a container; the option itself where a name is not stated.
pub(super) fn passed_variables(package: &Value) -> impl Iterator<Item = &str> {
    let words = words(package);
    let mut found = Vec::new();
    for (index, word) in words.iter().copied().enumerate() {
        let (option, value) =
            word.split_once('=').map_or((word, None), |(option, value)| (option, Some(value)));
        let attached =
            word.strip_prefix("-e").filter(|rest| !rest.is_empty() && !word.starts_with("--"));
        if option == VARIABLES_OF_A_FILE {
            found.push(word);
        } else if VARIABLE.contains(&option) {
            let stated = value.or_else(|| words.get(index + 1).copied());
            found.push(stated.map_or(word, name_of));
        } else if let Some(attached) = attached {
            found.push(name_of(attached));
        }
    }
    found.into_iter()
}

fn name_of(assignment: &str) -> &str {
    assignment.split_once('=').map_or(assignment, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[rstest::rstest]
    #[case(json!([{"name": "-e", "value": "KEY={key}"}]), &["KEY"])]
    #[case(json!([{"value": "-e"}, {"value": "KEY=1"}]), &["KEY"])]
    #[case(json!([{"value": "-eKEY=1"}]), &["KEY"])]
    #[case(json!([{"value": "--env=KEY=1"}]), &["KEY"])]
    #[case(json!([{"name": "--env", "value": "KEY"}]), &["KEY"])]
    #[case(json!([{"value": "--env-file=/x"}]), &["--env-file=/x"])]
    #[case(json!([{"name": "-e"}]), &["-e"])]
    #[case(json!([{"value": "run --rm -e KEY=1"}]), &["KEY"])]
    #[case(json!([{"value": "--rm"}]), &[])]
    fn variable_of_an_argument_is_found(#[case] arguments: Value, #[case] names: &[&str]) {
        let package = json!({"runtimeArguments": arguments});
        assert_eq!(passed_variables(&package).collect::<Vec<_>>(), names);
    }

    #[rstest::rstest]
    #[case(json!([{"name": "--package", "value": "evil@1.0.0"}]), Some("--package"))]
    #[case(json!([{"value": "--from=git+https://x"}]), Some("--from=git+https://x"))]
    #[case(json!([{"value": "--entrypoint sh"}]), Some("--entrypoint"))]
    #[case(json!([{"value": "-y"}]), None)]
    fn argument_that_runs_something_else_is_found(
        #[case] arguments: Value,
        #[case] found: Option<&str>,
    ) {
        let package = json!({"runtimeArguments": arguments});
        assert_eq!(redirection(&package), found);
    }
}
