//! Judges the URLs that a client opens.
//!
//! The text decides, not what a parser makes of it: a host that parsers read differently (user information,
//! backslashes, escapes, numbers in place of an address) is refused whatever it means. A name that resolves to
//! a private address is not found here; no lookup takes place.

use url::{Host, Url};

use super::objection::SafetyRule;
use crate::model::{MAX_AUTHORITY, Unfillable, fill, is_loopback, is_public_name};
use crate::ownership::is_public;

type Judged = Result<(), SafetyRule>;

/// Metadata services of clouds outside of reserved networks and under public names.
const METADATA_ADDRESS: [u8; 4] = [168, 63, 129, 16];
const METADATA_NAMES: [&str; 4] =
    ["metadata.tencentyun.com", "api.metadata.cloud.ibm.com", "metadata.goog", "fritz.box"];

/// The variables of a URL template, each with the values that the entry gives it.
pub(super) type Values<'v> = dyn Fn(&str) -> Vec<&'v str> + 'v;

/// The program that opens a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opened {
    /// The client, at a server elsewhere.
    Remotely,
    /// The client, at the package that it started: without TLS on the same machine.
    Locally,
}

/// Judges a URL without variables.
pub(in crate::curation) fn judge(url: &str) -> Judged {
    judge_host(url, Opened::Remotely)
}

/// Judges a URL with variables in braces, with all values that the entry gives to those in its host.
pub(super) fn judge_template(url: &str, opened: Opened, values: &Values<'_>) -> Judged {
    let (scheme, authority, rest) = parts(url).ok_or(SafetyRule::Scheme)?;
    let (host, port) = host_and_port(authority);
    let given = |name: &str| {
        let variable = format!("{{{name}}}");
        let mut given = values(name);
        given.retain(|value| !value.is_empty());
        if given.is_empty() {
            given.push(unknown(authority, &variable, opened));
        }
        // A client may fill in nothing, and open what stands beside the variable.
        if host != variable && port != variable {
            given.push("");
        }
        given
    };
    let mut hosts = match fill(authority, given) {
        Ok(hosts) => hosts,
        Err(Unfillable::TooMany) => return Err(SafetyRule::ManyHosts),
        Err(Unfillable::TooLong) => return Err(SafetyRule::Ambiguous),
    };
    // An empty label names no host that a client could open; a final dot ends a name that one could.
    if !hosts.iter().all(|host| is_nameless(host)) {
        hosts.retain(|host| !is_nameless(host));
    }
    let judge = |host: &String| judge_host(&format!("{scheme}{host}{rest}"), opened).err();
    let broken: Vec<SafetyRule> = hosts.iter().filter_map(judge).collect();
    // What nothing waives must not hide behind what a rule allows.
    let worst = broken.iter().find(|rule| !rule.is_waivable()).or(broken.first());
    worst.map_or(Ok(()), |rule| Err(rule.clone()))
}

/// Returns true for a plain host with an empty label. What a parser may end the host in is judged in any case.
fn is_nameless(authority: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:".contains(&byte);
    authority.bytes().all(is_plain) && has_empty_label(authority)
}

fn has_empty_label(authority: &str) -> bool {
    let (host, _) = host_and_port(authority);
    host.starts_with('.') || host.contains("..")
}

/// Returns the stand-in for a variable that the user fills in: a port, a part of a host, or a host.
fn unknown(authority: &str, variable: &str, opened: Opened) -> &'static str {
    let (host, port) = host_and_port(authority);
    match opened {
        _ if port == variable => "443",
        Opened::Locally if host == variable => "localhost",
        Opened::Remotely if host == variable => "host.example",
        _ => "x",
    }
}

fn judge_host(url: &str, opened: Opened) -> Judged {
    let (scheme, authority, _) = parts(url).ok_or(SafetyRule::Scheme)?;
    if authority.contains('@') {
        return Err(SafetyRule::UserInformation);
    }
    if authority.len() > MAX_AUTHORITY || has_empty_label(authority) {
        return Err(SafetyRule::Ambiguous);
    }
    let is_odd = |character: char| character == '\\' || character.is_whitespace();
    let is_plain = !url.contains(is_odd) && !authority.contains(['{', '}']);
    let parsed = Url::parse(url).ok().filter(|_| is_plain);
    let parsed = parsed.as_ref().ok_or(SafetyRule::Ambiguous)?;
    let host = parsed.host().ok_or(SafetyRule::Ambiguous)?;
    if host_and_port(authority).0.to_ascii_lowercase() != host.to_string() {
        return Err(SafetyRule::Ambiguous);
    }
    match opened {
        Opened::Locally if is_this_machine(&host) => Ok(()),
        _ if is_private(&host) => Err(SafetyRule::PrivateHost),
        _ if scheme != SECURE => Err(SafetyRule::Unencrypted),
        _ => Ok(()),
    }
}

/// Returns true for loopback, and for the address that a server listens on for all of its own.
fn is_this_machine(host: &Host<&str>) -> bool {
    is_loopback(host)
        || match host {
            // Every name below it is the machine itself (RFC 6761).
            Host::Domain(name) => name.ends_with(".localhost"),
            Host::Ipv4(address) => address.is_unspecified(),
            Host::Ipv6(address) => address.is_unspecified(),
        }
}

/// Returns true if a host names no machine of the public internet, or a metadata service.
pub(super) fn is_private(host: &Host<impl AsRef<str>>) -> bool {
    match host {
        Host::Ipv4(address) => {
            !is_public((*address).into()) || address.octets() == METADATA_ADDRESS
        }
        Host::Ipv6(address) => !is_public((*address).into()),
        Host::Domain(name) => {
            let name = name.as_ref().trim_end_matches('.');
            let ends = |ending: &&str| {
                name.strip_suffix(*ending)
                    .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            };
            !is_public_name(name) || METADATA_NAMES.iter().any(ends)
        }
    }
}

const SECURE: &str = "https://";
const SCHEMES: [&str; 2] = [SECURE, "http://"];

/// Returns the scheme with its slashes, the authority, and the rest of a URL, as they are written.
fn parts(url: &str) -> Option<(&'static str, &str, &str)> {
    let (scheme, after) =
        SCHEMES.iter().find_map(|scheme| Some((*scheme, url.strip_prefix(*scheme)?)))?;
    let end = after.find(['/', '?', '#']).unwrap_or(after.len());
    let (authority, rest) = after.split_at(end);
    Some((scheme, authority, rest))
}

fn host_and_port(authority: &str) -> (&str, &str) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (authority, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("https://a.example/mcp", Ok(()))]
    #[case("https://A.example:8443/mcp?x={y}#z", Ok(()))]
    #[case("https://1.1.1.1/", Ok(()))]
    #[case("https://xn--bcher-kva.example", Ok(()))]
    #[case("javascript:alert(1)", Err(SafetyRule::Scheme))]
    #[case("data:text/html,x", Err(SafetyRule::Scheme))]
    #[case("file:///etc/passwd", Err(SafetyRule::Scheme))]
    #[case("ftp://a.example", Err(SafetyRule::Scheme))]
    #[case("https:a.example", Err(SafetyRule::Scheme))]
    #[case("//a.example", Err(SafetyRule::Scheme))]
    #[case("https://good.example@evil.example/", Err(SafetyRule::UserInformation))]
    #[case("https://user:secret@a.example/", Err(SafetyRule::UserInformation))]
    #[case("https://@a.example/", Err(SafetyRule::UserInformation))]
    #[case("https://good.example\\@evil.example/", Err(SafetyRule::UserInformation))]
    #[case("https://good.example\\.evil.example/", Err(SafetyRule::Ambiguous))]
    #[case("https://a.example\\evil", Err(SafetyRule::Ambiguous))]
    #[case("https:///evil.example/", Err(SafetyRule::Ambiguous))]
    #[case("https://b\u{fc}cher.example", Err(SafetyRule::Ambiguous))]
    #[case("https://%65vil.example", Err(SafetyRule::Ambiguous))]
    #[case("https://a.example\n.evil.example/", Err(SafetyRule::Ambiguous))]
    #[case("http://a.example", Err(SafetyRule::Unencrypted))]
    #[case("https://localhost/mcp", Err(SafetyRule::PrivateHost))]
    #[case("https://localhost.localdomain/mcp", Err(SafetyRule::PrivateHost))]
    #[case("https://api.metadata.cloud.ibm.com/", Err(SafetyRule::PrivateHost))]
    #[case("https://localhost./mcp", Err(SafetyRule::PrivateHost))]
    #[case("https://x.localhost", Err(SafetyRule::PrivateHost))]
    #[case("https://intranet/", Err(SafetyRule::PrivateHost))]
    #[case("https://metadata.google.internal/computeMetadata", Err(SafetyRule::PrivateHost))]
    #[case("https://METADATA.google.internal./", Err(SafetyRule::PrivateHost))]
    #[case("https://metadata.tencentyun.com", Err(SafetyRule::PrivateHost))]
    #[case("http://169.254.169.254/latest/meta-data", Err(SafetyRule::PrivateHost))]
    #[case("https://168.63.129.16", Err(SafetyRule::PrivateHost))]
    #[case("https://100.100.100.200", Err(SafetyRule::PrivateHost))]
    #[case("https://[fd00:ec2::254]/", Err(SafetyRule::PrivateHost))]
    #[case("https://[::ffff:10.0.0.1]/", Err(SafetyRule::Ambiguous))]
    #[case("https://[::1]:8080/", Err(SafetyRule::PrivateHost))]
    #[case("https://2852039166/", Err(SafetyRule::Ambiguous))]
    #[case("https://0xa9.254.169.254/", Err(SafetyRule::Ambiguous))]
    #[case("https://0251.0376.0251.0376/", Err(SafetyRule::Ambiguous))]
    #[case("https://\u{ff11}\u{ff16}\u{ff19}.254.169.254/", Err(SafetyRule::Ambiguous))]
    #[case("https://wiki.corp", Err(SafetyRule::PrivateHost))]
    #[case("https://kubernetes.default.svc", Err(SafetyRule::PrivateHost))]
    #[case("https://x.service.consul", Err(SafetyRule::PrivateHost))]
    #[case("https://localhost6.localdomain6", Err(SafetyRule::PrivateHost))]
    #[case("https://1.0.0.127.in-addr.arpa", Err(SafetyRule::PrivateHost))]
    #[case("https://metadata.goog", Err(SafetyRule::PrivateHost))]
    #[case("https://x.metadata.goog.", Err(SafetyRule::PrivateHost))]
    #[case("https://fritz.box", Err(SafetyRule::PrivateHost))]
    #[case("https://notlocal.example", Ok(()))]
    fn url_that_is_not_plain_public_https_is_refused(#[case] url: &str, #[case] judged: Judged) {
        assert_eq!(judge(url), judged, "{url}");
    }

    /// Judges with these values of the variables `h` and `p`.
    fn with<'v>(url: &str, opened: Opened, host: &'v [&'v str], port: &'v [&'v str]) -> Judged {
        judge_template(url, opened, &move |name| match name {
            "h" => host.to_vec(),
            "p" => port.to_vec(),
            _ => Vec::new(),
        })
    }

    #[rstest::rstest]
    #[case("https://{h}/mcp", &[], Ok(()))]
    #[case("https://{h}:{p}/mcp", &[""], Ok(()))]
    #[case("https://{h}.a.example/{p}", &["eu", "us"], Ok(()))]
    #[case("https://{h}/mcp", &["169.254.169.254"], Err(SafetyRule::PrivateHost))]
    #[case("https://{h}/mcp", &["a.example", "localhost"], Err(SafetyRule::PrivateHost))]
    #[case("https://{h}.{p}.169.254/", &["169"], Err(SafetyRule::PrivateHost))]
    #[case("https://{h}a.example/", &["user@"], Err(SafetyRule::UserInformation))]
    #[case("https://{h}.a.example/", &["127.0.0.1/"], Err(SafetyRule::PrivateHost))]
    #[case("https://{h}/", &["10.0.0.1", "a\\b"], Err(SafetyRule::Ambiguous))]
    #[case("https://a.example{h}/", &["@127.0.0.1"], Err(SafetyRule::UserInformation))]
    #[case("https://{h}.internal/", &[], Err(SafetyRule::PrivateHost))]
    #[case("https://169.254.169.254{h}/", &[], Err(SafetyRule::PrivateHost))]
    #[case("https://169.254.169.254{h}/", &["", "x.example"], Err(SafetyRule::PrivateHost))]
    #[case("https://metadata.google.internal{h}/", &["x"], Err(SafetyRule::PrivateHost))]
    #[case("https://10.0.0.{h}/", &[], Err(SafetyRule::Ambiguous))]
    #[case("https://{h}/", &["{p}"], Err(SafetyRule::Ambiguous))]
    #[case("https://{h}.corp/", &[], Err(SafetyRule::PrivateHost))]
    #[case("https://{h}a.example/", &["127.0.0.1/.."], Err(SafetyRule::PrivateHost))]
    #[case("https://{h}a.example/", &["localhost?.."], Err(SafetyRule::PrivateHost))]
    #[case("https://{h}a.example/", &[".@metadata.google.internal/"], Err(SafetyRule::UserInformation))]
    #[case("https://{h}a.example/", &["evil.example\\..@x"], Err(SafetyRule::UserInformation))]
    #[case("https://{h}0x7f.1/", &[], Err(SafetyRule::Ambiguous))]
    #[case("https://localhost.{h}/mcp", &["a.example"], Err(SafetyRule::PrivateHost))]
    #[case("https://{h}..a.example/", &[], Err(SafetyRule::Ambiguous))]
    #[case("https://{h", &[], Err(SafetyRule::Ambiguous))]
    #[case("{h}/mcp", &["https://a.example"], Err(SafetyRule::Scheme))]
    #[case("http://{h}/mcp", &[], Err(SafetyRule::Unencrypted))]
    fn values_of_variables_cannot_move_a_remote(
        #[case] url: &str,
        #[case] host: &'static [&'static str],
        #[case] judged: Judged,
    ) {
        assert_eq!(with(url, Opened::Remotely, host, &["254"]), judged, "{url}");
    }

    #[rstest::rstest]
    #[case("http://localhost:3000/mcp", &[], Ok(()))]
    #[case("http://127.0.0.1:{p}/mcp", &[], Ok(()))]
    #[case("http://[::1]:3000/mcp", &[], Ok(()))]
    #[case("http://app.localhost:8080/mcp", &[], Ok(()))]
    #[case("http://{h}:{p}/mcp", &[], Ok(()))]
    #[case("http://{h}:{p}/mcp", &["0.0.0.0"], Ok(()))]
    #[case("https://a.example/mcp", &[], Ok(()))]
    #[case("http://{h}:{p}/mcp", &["10.0.0.1"], Err(SafetyRule::PrivateHost))]
    #[case("http://a.example/mcp", &[], Err(SafetyRule::Unencrypted))]
    #[case("http://localhost.a.example/mcp", &[], Err(SafetyRule::Unencrypted))]
    #[case("http://localhost@a.example/mcp", &[], Err(SafetyRule::UserInformation))]
    #[case("http://169.254.169.254/", &[], Err(SafetyRule::PrivateHost))]
    fn only_loopback_is_open_to_a_package_without_tls(
        #[case] url: &str,
        #[case] host: &'static [&'static str],
        #[case] judged: Judged,
    ) {
        assert_eq!(with(url, Opened::Locally, host, &["3000"]), judged, "{url}");
    }

    #[test]
    fn length_of_hosts_is_bounded() {
        let long = "x".repeat(MAX_AUTHORITY + 1);
        assert_eq!(judge(&format!("https://{long}.example")), Err(SafetyRule::Ambiguous));
        let values = |_: &str| vec![long.as_str()];
        let judged = judge_template("https://{h}.example/", Opened::Remotely, &values);
        assert_eq!(judged, Err(SafetyRule::Ambiguous));
    }

    #[test]
    fn number_of_hosts_is_bounded() {
        let many = ["a.example"; 9];
        assert_eq!(
            with("https://{h}{p}/", Opened::Remotely, &many, &many),
            Err(SafetyRule::ManyHosts)
        );
    }
}
