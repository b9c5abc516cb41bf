//! Finds what makes a package run something else than the package that its entry names: a program of another ecosystem, an
//! argument of the program, or an environment variable that configures the program or the interpreter below it.
//!
//! A variable counts with and without a value: the description of the entry says which value its user fills in. Variables
//! that an argument gives to a container reach what the image runs, and not the program that fetches the image.

use serde_json::Value;

use super::arguments::redirecting_argument;

/// Variables that change what a program loads, or where it has its settings; of every type.
const OF_ALL: Family = Family {
    names: &[
        "APPDATA",
        "BASH_ENV",
        "COMSPEC",
        "CURL_CA_BUNDLE",
        "HOME",
        "LOCALAPPDATA",
        "PATH",
        "PATHEXT",
        "REQUESTS_CA_BUNDLE",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
        "SYSTEMROOT",
        "USERPROFILE",
    ],
    prefixes: &["DYLD_", "LD_", "OPENSSL_", "XDG_"],
    suffixes: &[],
    harmless: &[],
};
/// Variables of programs that download packages themselves.
const PROXIES: Family =
    Family { names: &[], prefixes: &[], suffixes: &["_PROXY"], harmless: &["NO_PROXY"] };
// Publishers name variables of their own `NODE_…`, so only those that the interpreter knows are listed.
const NODE: Family = Family {
    names: &[
        "NODE_EXTRA_CA_CERTS",
        "NODE_ICU_DATA",
        "NODE_OPTIONS",
        "NODE_PATH",
        "NODE_REPL_EXTERNAL_MODULE",
        "NODE_TLS_REJECT_UNAUTHORIZED",
        "NODE_USE_ENV_PROXY",
        "NODE_USE_SYSTEM_CA",
    ],
    prefixes: &["BUN_", "NPM_CONFIG_"],
    suffixes: &[],
    harmless: &[],
};
const PYTHON: Family = Family {
    names: &["CONDA_PREFIX", "VIRTUAL_ENV"],
    prefixes: &["PIP_", "PYTHON", "UV_"],
    suffixes: &[],
    harmless: &[
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONHASHSEED",
        "PYTHONIOENCODING",
        "PYTHONLEGACYWINDOWSSTDIO",
        "PYTHONUNBUFFERED",
        "PYTHONUTF8",
    ],
};
const DOTNET: Family = Family {
    names: &[],
    prefixes: &["COMPLUS_", "CORECLR_", "COREHOST_", "DOTNET_", "MSBUILD", "NUGET_"],
    suffixes: &[],
    harmless: &[
        "DOTNET_CLI_TELEMETRY_OPTOUT",
        "DOTNET_ENVIRONMENT",
        "DOTNET_NOLOGO",
        "DOTNET_SKIP_FIRST_TIME_EXPERIENCE",
        "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT",
    ],
};
const CONTAINERS: Family = Family {
    names: &["REGISTRY_AUTH_FILE"],
    prefixes: &["CONTAINER_", "CONTAINERS_", "DOCKER_", "PODMAN_"],
    suffixes: &[],
    harmless: &[],
};
const RUST: Family = Family {
    names: &[],
    prefixes: &["CARGO_", "RUST"],
    suffixes: &[],
    harmless: &["RUST_BACKTRACE", "RUST_LOG"],
};
const GO: Family = Family {
    names: &[
        "GOAUTH",
        "GOENV",
        "GOFLAGS",
        "GOINSECURE",
        "GOMODCACHE",
        "GONOPROXY",
        "GONOSUMDB",
        "GOPATH",
        "GOPRIVATE",
        "GOPROXY",
        "GOROOT",
        "GOSUMDB",
        "GOTOOLCHAIN",
        "GOVCS",
        "GOWORK",
    ],
    prefixes: &["CGO_"],
    suffixes: &[],
    harmless: &[],
};

/// Variables of one program, in upper case.
struct Family {
    names: &'static [&'static str],
    prefixes: &'static [&'static str],
    suffixes: &'static [&'static str],
    /// Variables of the program that change nothing of what it runs.
    harmless: &'static [&'static str],
}

impl Family {
    fn has(&self, name: &str) -> bool {
        let is_listed = self.names.contains(&name)
            || self.prefixes.iter().any(|prefix| name.starts_with(prefix))
            || self.suffixes.iter().any(|suffix| name.ends_with(suffix));
        is_listed && !self.harmless.contains(&name)
    }
}

/// Returns the families of a type of package. A program of an unknown type may be any.
fn families(kind: &str) -> &'static [&'static Family] {
    match kind {
        "npm" => &[&OF_ALL, &PROXIES, &NODE],
        "pypi" => &[&OF_ALL, &PROXIES, &PYTHON],
        "nuget" => &[&OF_ALL, &PROXIES, &DOTNET],
        // The image of a digest is the same through every proxy.
        "oci" => &[&OF_ALL, &CONTAINERS],
        "mcpb" => &[&OF_ALL, &NODE, &PYTHON],
        "cargo" => &[&OF_ALL, &PROXIES, &RUST],
        "go" => &[&OF_ALL, &PROXIES, &GO],
        _ => &[&OF_ALL, &PROXIES, &NODE, &PYTHON, &DOTNET, &CONTAINERS, &RUST, &GO],
    }
}

/// Returns true for a program that runs packages of this type from their own registry.
fn is_runtime_of(kind: &str, program: &str) -> bool {
    match kind {
        "npm" => ["npx", "bunx"].contains(&program),
        "pypi" => program == "uvx",
        "nuget" => program == "dnx",
        "oci" => ["docker", "podman"].contains(&program),
        // A client runs a bundle itself: its entries name the kind of the server, or the platform.
        "mcpb" => {
            let is_kind = ["binary", "node", "python", "uv"].contains(&program);
            is_kind
                || ["darwin-", "linux-", "windows-"]
                    .iter()
                    .any(|system| program.starts_with(system))
        }
        _ => false,
    }
}

/// Returns the program, the argument or the variable with which a package may run something else, or come from elsewhere.
pub(super) fn redirection(package: &Value) -> Option<&str> {
    let kind = package["registryType"].as_str().unwrap_or_default().to_ascii_lowercase();
    let hint = package["runtimeHint"].as_str().filter(|hint| !hint.is_empty());
    hint.filter(|hint| !is_runtime_of(&kind, hint))
        .or_else(|| redirecting_argument(package))
        .or_else(|| redirecting_variable(&kind, package))
}

fn redirecting_variable<'p>(kind: &str, package: &'p Value) -> Option<&'p str> {
    let variables = package["environmentVariables"].as_array().into_iter().flatten();
    variables.filter_map(|variable| variable["name"].as_str()).find(|name| {
        // Some programs and systems read a name in any letter case.
        let upper = name.to_ascii_uppercase();
        families(kind).iter().any(|family| family.has(&upper))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[rstest::rstest]
    #[case("npm", "NPM_CONFIG_REGISTRY", true)]
    #[case("npm", "npm_config_registry", true)]
    #[case("npm", "NODE_OPTIONS", true)]
    #[case("npm", "Node_Path", true)]
    #[case("npm", "NODE_EXTRA_CA_CERTS", true)]
    #[case("npm", "BUN_OPTIONS", true)]
    #[case("npm", "HTTPS_PROXY", true)]
    #[case("npm", "SSL_CERT_FILE", true)]
    #[case("npm", "HOME", true)]
    #[case("npm", "PATH", true)]
    #[case("npm", "LD_PRELOAD", true)]
    #[case("npm", "NODE_ENV", false)]
    #[case("npm", "NODE_INSPECTOR_HOST", false)]
    #[case("npm", "NPM_TOKEN", false)]
    #[case("npm", "NO_PROXY", false)]
    #[case("npm", "API_KEY", false)]
    #[case("npm", "GIT_BASE_DIR", false)]
    #[case("npm", "DOCKER_SOCKET", false)]
    #[case("NPM", "NPM_CONFIG_REGISTRY", true)]
    #[case("pypi", "UV_DEFAULT_INDEX", true)]
    #[case("pypi", "UV_INDEX_URL", true)]
    #[case("pypi", "PIP_EXTRA_INDEX_URL", true)]
    #[case("pypi", "PYTHONPATH", true)]
    #[case("pypi", "DYLD_INSERT_LIBRARIES", true)]
    #[case("pypi", "XDG_CONFIG_HOME", true)]
    #[case("pypi", "PYTHONUNBUFFERED", false)]
    #[case("pypi", "NODE_PATH", false)]
    #[case("nuget", "DOTNET_STARTUP_HOOKS", true)]
    #[case("nuget", "NUGET_PACKAGES", true)]
    #[case("nuget", "CORECLR_PROFILER_PATH", true)]
    #[case("nuget", "DOTNET_NOLOGO", false)]
    #[case("oci", "DOCKER_HOST", true)]
    #[case("oci", "CONTAINERS_REGISTRIES_CONF", true)]
    #[case("oci", "NODE_ENV", false)]
    #[case("oci", "HTTPS_PROXY", false)]
    #[case("mcpb", "NODE_OPTIONS", true)]
    #[case("cargo", "CARGO_REGISTRIES_X_INDEX", true)]
    #[case("cargo", "RUST_LOG", false)]
    #[case("go", "GOPROXY", true)]
    #[case("go", "GOFLAGS", true)]
    #[case("go", "GOOGLE_API_KEY", false)]
    #[case("other", "UV_INDEX", true)]
    fn variable_of_the_program_redirects_with_and_without_a_value(
        #[case] kind: &str,
        #[case] name: &str,
        #[case] redirects: bool,
    ) {
        for variable in [json!({"name": name}), json!({"name": name, "value": "https://x"})] {
            let harmless = json!({"name": "KEY"});
            let package = json!({
                "registryType": kind, "identifier": "x", "environmentVariables": [harmless, variable],
            });
            assert_eq!(redirection(&package), Some(name).filter(|_| redirects), "{package}");
        }
    }

    /// It runs inside of the container.
    #[test]
    fn variable_that_an_argument_gives_to_a_container_does_not_redirect() {
        let package = json!({
            "registryType": "oci", "identifier": "a/b:1",
            "runtimeArguments": [{"type": "named", "name": "-e", "value": "DOCKER_HOST=x"}],
        });
        assert_eq!(redirection(&package), None);
    }

    #[rstest::rstest]
    #[case("npm", &["npx", "bunx", ""], &["uvx", "node", "deno", "bun", "curl", "docker", "NPX"])]
    #[case("pypi", &["uvx", ""], &["npx", "python", "pipx", "pip"])]
    #[case("nuget", &["dnx"], &["npx", "dotnet"])]
    #[case("oci", &["docker", "podman"], &["npx", "nerdctl"])]
    #[case("mcpb", &["binary", "node", "darwin-arm64"], &["npx", "uvx", "curl"])]
    #[case("cargo", &[""], &["npx", "cargo"])]
    fn program_that_does_not_run_the_package_from_its_registry_redirects(
        #[case] kind: &str,
        #[case] usual: &[&str],
        #[case] others: &[&str],
    ) {
        let package =
            |hint: &str| json!({"registryType": kind, "identifier": "x", "runtimeHint": hint});
        for hint in usual {
            assert_eq!(redirection(&package(hint)), None, "{hint}");
        }
        for hint in others {
            assert_eq!(redirection(&package(hint)), Some(*hint));
        }
    }
}
