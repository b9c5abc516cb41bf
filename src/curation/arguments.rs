//! Judges the arguments that an entry gives to the runtime of a package: they stand in front of the package, so they can
//! run another one, take it from elsewhere, or pass variables that the entry does not list.
//!
//! Each runtime has a list of options that do none of this. Any other word may, and so may a word that a variable or the
//! user fills in.

use serde_json::Value;

/// The options of a runtime that change neither what runs nor where it comes from.
struct Harmless {
    flags: &'static [&'static str],
    /// Options with a value of their own, behind the option or behind `=`.
    with_value: &'static [&'static str],
}

const NPX: Harmless = Harmless {
    flags: &["-y", "--yes", "-q", "--quiet", "--prefer-offline", "--prefer-online"],
    with_value: &[],
};
const UVX: Harmless = Harmless {
    flags: &["-q", "--quiet", "-n", "--no-cache", "--refresh", "--isolated", "--native-tls"],
    with_value: &["-p", "--python"],
};
const DNX: Harmless = Harmless { flags: &["-y", "--yes"], with_value: &[] };
const DOCKER: Harmless = Harmless {
    flags: &[
        "run",
        "--rm",
        "-i",
        "-t",
        "-it",
        "-ti",
        "--interactive",
        "--tty",
        "--init",
        "--read-only",
        "--pull=always",
    ],
    with_value: &[
        "-e",
        "--env",
        "--env-file",
        "-p",
        "--publish",
        "-v",
        "--volume",
        "--mount",
        "--name",
        "--network",
        "--add-host",
        "-w",
        "--workdir",
        "-u",
        "--user",
        "-m",
        "--memory",
        "--cpus",
        "--platform",
        "-l",
        "--label",
    ],
};
/// Options of a container runtime that pass a variable.
const VARIABLE: [&str; 2] = ["-e", "--env"];
/// An option that passes variables which the entry does not name.
const VARIABLES_OF_A_FILE: &str = "--env-file";

/// Returns the usual program that runs a package of this type.
pub(super) fn usual_runtime(registry_type: &str) -> Option<&'static str> {
    match registry_type.to_ascii_lowercase().as_str() {
        "npm" => Some("npx"),
        "pypi" => Some("uvx"),
        "nuget" => Some("dnx"),
        "oci" => Some("docker"),
        _ => None,
    }
}

fn runtime(package: &Value) -> &str {
    let hint = package["runtimeHint"].as_str().filter(|hint| !hint.is_empty());
    hint.or_else(|| usual_runtime(package["registryType"].as_str()?)).unwrap_or_default()
}

fn harmless(runtime: &str) -> Option<&'static Harmless> {
    match runtime {
        "npx" | "bunx" => Some(&NPX),
        "uvx" => Some(&UVX),
        "dnx" => Some(&DNX),
        "docker" | "podman" => Some(&DOCKER),
        _ => None,
    }
}

/// A word that the user has to fill in.
const REQUIRED: &str = "{}";

/// Returns the words of the runtime arguments in their order. A word that the user fills in is [`REQUIRED`], or empty if it
/// may be left out.
fn words(package: &Value) -> Vec<&str> {
    let mut words = Vec::new();
    for argument in package["runtimeArguments"].as_array().into_iter().flatten() {
        let name = argument["name"].as_str().filter(|name| !name.is_empty());
        let value = argument["value"].as_str().or(argument["default"].as_str());
        let is_required = argument["isRequired"].as_bool().unwrap_or_default();
        let is_flag = argument["format"].as_str() == Some("boolean");
        words.extend(name.into_iter().flat_map(str::split_whitespace));
        match value.filter(|value| !value.trim().is_empty()) {
            Some(value) => words.extend(value.split_whitespace()),
            None if is_required && !(is_flag && name.is_some()) => words.push(REQUIRED),
            None if name.is_none() => words.push(""),
            None => {}
        }
    }
    words
}

/// Returns the first argument with which the runtime may run something else, or take it from elsewhere.
pub(super) fn redirecting_argument(package: &Value) -> Option<&str> {
    let words = words(package);
    let Some(harmless) = harmless(runtime(package)) else { return words.first().copied() };
    let mut index = 0;
    while let Some(word) = words.get(index).copied() {
        index += 1;
        let option = word.split_once('=').map(|(option, _)| option);
        if harmless.with_value.contains(&word) {
            // Without a value of its own it takes the next word as one, which may be the package.
            let value = words.get(index).filter(|next| !next.is_empty() && !next.starts_with('-'));
            if value.is_none() || !has_own_value(word, package) {
                return Some(word);
            }
            index += 1;
        } else if !harmless.flags.contains(&word)
            && !option.is_some_and(|option| harmless.with_value.contains(&option))
            && attached_variable(word, harmless).is_none()
            && !is_package(word, package)
        {
            return Some(word);
        }
    }
    None
}

/// Returns true if each argument that is named like the option states a value, or its user has to.
fn has_own_value(option: &str, package: &Value) -> bool {
    let arguments = package["runtimeArguments"].as_array().into_iter().flatten();
    let mut named = arguments.filter(|argument| {
        let name = argument["name"].as_str().unwrap_or_default();
        name.split_whitespace().next_back() == Some(option)
    });
    named.all(|argument| {
        let value = argument["value"].as_str().or(argument["default"].as_str());
        value.map_or(argument["isRequired"].as_bool() == Some(true), |value| {
            !value.trim().is_empty()
        })
    })
}

/// Returns the assignment that is attached to a short option, such as `-eKEY=1`.
fn attached_variable<'w>(word: &'w str, harmless: &Harmless) -> Option<&'w str> {
    let assignment =
        word.strip_prefix("-e").filter(|rest| !rest.is_empty() && !word.starts_with("--"));
    assignment.filter(|_| harmless.with_value.contains(&"-e"))
}

/// Returns true for a word that names the package itself, alone or with its version.
fn is_package(word: &str, package: &Value) -> bool {
    let identifier = package["identifier"].as_str().unwrap_or_default();
    let version = package["version"].as_str().unwrap_or_default();
    let rest = word.strip_prefix(identifier).filter(|_| !identifier.is_empty());
    rest.is_some_and(|rest| {
        rest.is_empty()
            || ["@", "=="].iter().any(|mark| rest.strip_prefix(mark) == Some(version))
                && !version.is_empty()
    })
}

/// Returns the names of the variables that arguments give to a container; the option itself where a name is not stated.
pub(super) fn passed_variables(package: &Value) -> impl Iterator<Item = &str> {
    let words =
        if matches!(runtime(package), "docker" | "podman") { words(package) } else { Vec::new() };
    let mut found = Vec::new();
    for (index, word) in words.iter().copied().enumerate() {
        let (option, value) =
            word.split_once('=').map_or((word, None), |(option, value)| (option, Some(value)));
        if option == VARIABLES_OF_A_FILE {
            found.push(word);
        } else if VARIABLE.contains(&option) {
            let stated =
                value.or_else(|| words.get(index + 1).copied()).filter(|stated| !stated.is_empty());
            found.push(stated.map_or(word, name_of));
        } else if let Some(assignment) = attached_variable(word, &DOCKER) {
            found.push(name_of(assignment));
        }
    }
    // A word that cannot be judged may pass a variable too.
    let unclear =
        redirecting_argument(package).filter(|word| !words.is_empty() && !found.contains(word));
    found.extend(unclear);
    found.into_iter()
}

/// Returns the name in an assignment; all of it if the name is filled in.
fn name_of(assignment: &str) -> &str {
    assignment.split_once('=').map_or(assignment, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn docker(arguments: &Value) -> Value {
        json!({"registryType": "oci", "identifier": "a/b:1", "runtimeArguments": arguments})
    }

    #[rstest::rstest]
    #[case(json!([{"name": "-e", "value": "KEY={key}"}]), &["KEY"])]
    #[case(json!([{"value": "-e"}, {"value": "KEY=1"}]), &["KEY"])]
    #[case(json!([{"value": "-eKEY=1"}]), &["KEY"])]
    #[case(json!([{"value": "--env=KEY=1"}]), &["KEY"])]
    #[case(json!([{"name": "--env", "default": "KEY"}]), &["KEY"])]
    #[case(json!([{"value": "--env-file=/x"}]), &["--env-file=/x"])]
    #[case(json!([{"name": "-e"}]), &["-e"])]
    #[case(json!([{"name": "-e", "isRequired": true}]), &["{}"])]
    #[case(json!([{"value": "run --rm -i -e KEY=1 a/b:1"}]), &["KEY"])]
    #[case(json!([{"value": "-ie"}, {"value": "KEY"}]), &["-ie"])]
    #[case(json!([{"value": "{o}"}]), &["{o}"])]
    #[case(json!([{"value": "--rm"}]), &[])]
    fn variable_of_an_argument_is_found(#[case] arguments: Value, #[case] names: &[&str]) {
        let package = docker(&arguments);
        assert_eq!(passed_variables(&package).collect::<Vec<_>>(), names);
    }

    #[rstest::rstest]
    #[case("npm", json!([{"name": "--package", "value": "evil@1.0.0"}]), Some("--package"))]
    #[case("npm", json!([{"value": "-pevil"}]), Some("-pevil"))]
    #[case("npm", json!([{"value": "--@acme:registry=https://x"}]), Some("--@acme:registry=https://x"))]
    #[case("npm", json!([{"value": "--pack=evil"}]), Some("--pack=evil"))]
    #[case("npm", json!([{"value": "evil@1.0.0"}]), Some("evil@1.0.0"))]
    #[case("npm", json!([{"default": "evil"}]), Some("evil"))]
    #[case("npm", json!([{"type": "positional", "valueHint": "x"}]), Some(""))]
    #[case("npm", json!([{"value": "-y"}, {"value": "x@1.0.0"}]), None)]
    #[case("npm", json!([{"value": "-y"}, {"value": "x@2.0.0"}]), Some("x@2.0.0"))]
    #[case("pypi", json!([{"value": "--from=git+https://x"}]), Some("--from=git+https://x"))]
    #[case("pypi", json!([{"name": "--with-requirements", "value": "x"}]), Some("--with-requirements"))]
    #[case("pypi", json!([{"name": "-p", "value": "3.12"}]), None)]
    #[case("oci", json!([{"value": "--entrypoint sh"}]), Some("--entrypoint"))]
    #[case("oci", json!([{"value": "docker.io/evil/x"}]), Some("docker.io/evil/x"))]
    #[case("oci", json!([{"value": "-i"}, {"name": "-p", "value": "8080:8080"}]), None)]
    #[case("maven", json!([{"value": "-y"}]), Some("-y"))]
    // An option without a value takes the next word, or the package itself.
    #[case("pypi", json!([{"name": "-p"}, {"value": "evil==1.0"}]), Some("-p"))]
    #[case("pypi", json!([{"name": "-p", "isRequired": true}, {"value": "evil==1.0"}]), Some("evil==1.0"))]
    #[case("pypi", json!([{"name": "-p", "isRequired": true}]), None)]
    #[case("pypi", json!([{"name": "-p", "isRequired": true, "value": ""}, {"value": "evil"}]), Some("-p"))]
    #[case("pypi", json!([{"name": "-p"}]), Some("-p"))]
    #[case("pypi", json!([{"value": "-p"}]), Some("-p"))]
    #[case("pypi", json!([{"value": "-p"}, {"valueHint": "python"}]), Some("-p"))]
    #[case("oci", json!([{"name": "--name", "value": ""}, {"value": "evil/image"}]), Some("--name"))]
    #[case("oci", json!([{"name": "--name", "value": " "}, {"value": "evil/image"}]), Some("--name"))]
    #[case("oci", json!([{"name": "--name", "default": ""}, {"value": "evil/image"}]), Some("--name"))]
    #[case("oci", json!([{"value": "--name"}, {"value": "-e"}, {"value": "evil/image"}]), Some("--name"))]
    #[case("oci", json!([{"name": "-e"}, {"value": "KEY"}]), Some("-e"))]
    #[case("oci", json!([{"name": "--rm", "isRequired": true}]), Some("{}"))]
    #[case("oci", json!([{"name": "--rm", "isRequired": true, "format": "boolean"}]), None)]
    #[case("oci", json!([{"value": ""}]), Some(""))]
    #[case("oci", json!([{"name": "-v", "value": "a:b"}, {"name": "-e", "value": "KEY"}]), None)]
    fn argument_that_may_run_something_else_is_found(
        #[case] kind: &str,
        #[case] arguments: Value,
        #[case] found: Option<&str>,
    ) {
        let package = json!({
            "registryType": kind, "identifier": "x", "version": "1.0.0", "runtimeArguments": arguments,
        });
        assert_eq!(redirecting_argument(&package), found);
    }
}
