//! Ownership lookups against real servers, where they are installed: BIND, unbound and nginx.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::support::folder::folder;
use crate::support::skip::skipped;
use crate::support::wait::eventually;
use futures_util::future::join_all;
use tempfile::TempDir;
use url::Url;
use vidimus::ownership::{Claim, Lookup, PackageRegistries, SharedHosts};
use vidimus::remote::{OwnershipSources, Reach, SourceSettings};

const KEY: &str = "JQtzW6e9n99dtRf5H8cV1WJkGltm1csHCCYlVSLvIEE=";
const OTHER: &str = "eZKrGXQmBODTj/0Pt7Y+8LyKxuurR4vbbGJ4xU1TU5I=";

/// The resolvers, a domain, and the wanted lookups of its TXT records and of its file; `...` stands for any rest.
const CASES: &str = "
both | one.example | shows KEY; 2 resolvers agree | absent: HTTP 404
both | split.example | shows KEY; 2 resolvers agree | absent: no address
both | alias.example | shows KEY; an alias of one.example; 2 resolvers agree | shows KEY
both | a.renamed.example | shows KEY; an alias of a.target.example; 2 resolvers agree | absent: no address
both | dangling.example | absent: no such name | absent: no such name
both | missing.example | absent: no such name | absent: no such name
both | many.example | shows KEY; 2 resolvers agree | absent: no address
both | excess.example | unclear: NAMED: more than 256 TXT records | absent: no address
both | differs.example | unclear: the resolvers disagree on the keys, NAMED shows KEY, UNBOUND shows OTHER | absent: no address
both | dead.example | unclear: UNBOUND: ... | unclear: UNBOUND: ...
both | file.example | absent: no TXT record | shows KEY
both | closed.example | absent: TXT records, but no key record | withheld: HTTP 403
both | moved.example | absent: no TXT record | withheld: a redirect to https://file.example/, not followed
named | refused.test | unclear: NAMED: the answer is Query Refused | unclear: NAMED: ...
named | below.example | unclear: NAMED: the answer is a referral to other servers | unclear: NAMED: ...
named | abroad.example | unclear: NAMED: the answer is Query Refused | unclear: NAMED: ...
unbound | refused.test | unclear: UNBOUND: the answer is Server Failure | unclear: UNBOUND: ...
";
const WEB_HOSTS: [&str; 5] =
    ["one.example", "alias.example", "file.example", "closed.example", "moved.example"];

/// A server in the foreground; dropping it kills the process.
struct Process {
    child: Child,
    address: SocketAddr,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The three servers in one folder.
struct Servers {
    named: Process,
    unbound: Process,
    nginx: Process,
    folder: TempDir,
}

impl Servers {
    /// Starts all servers; says that they are skipped and returns `None` if one is not installed.
    async fn start() -> Option<Self> {
        let [named, unbound, nginx] = ["named", "unbound", "nginx"].map(installed);
        let (named, unbound, nginx) = (named?, unbound?, nginx?);
        let place = folder();
        let path = place.path();
        fs::write(path.join("zone"), zone()).expect("a zone");
        let named = launch(path, &named, &["-4", "-g", "-c"], " running\n", named_settings).await;
        let unbound = launch(path, &unbound, &["-d", "-c"], "start of service", |port| {
            unbound_settings(port, named.address.port())
        });
        let unbound = unbound.await;
        web_files(path);
        let nginx = launch(path, &nginx, &["-p", ".", "-c"], "event method", nginx_settings).await;
        Some(Self { named, unbound, nginx, folder: place })
    }

    fn sources(&self, resolvers: &[&Process]) -> OwnershipSources {
        let reach = Reach { port: self.nginx.address.port(), admits: |ip| ip.is_loopback() };
        let settings = SourceSettings {
            resolvers: resolvers.iter().map(|process| process.address).collect(),
            github: Url::parse("http://127.0.0.1:9").expect("a URL"),
            github_token: None,
            packages: PackageRegistries::default(),
            internal_domains: Vec::new(),
            proxy: None,
            ca_files: vec![self.folder.path().join("certificate.pem")],
            reach,
        };
        OwnershipSources::new(&settings).expect("ownership sources")
    }

    /// Compares an answer with a wanted one, which has placeholders.
    fn matches(&self, found: &str, wanted: &str) -> bool {
        let wanted = wanted
            .replace("KEY", &format!("ed25519:{KEY}"))
            .replace("OTHER", &format!("ed25519:{OTHER}"))
            .replace("UNBOUND", &self.unbound.address.to_string())
            .replace("NAMED", &self.named.address.to_string());
        let found = found.replace('\n', ", ");
        wanted.strip_suffix("...").map_or(found == wanted, |begins| found.starts_with(begins))
    }
}

/// Returns the lookups of the TXT records and of the file of a domain, as text.
async fn look_up(sources: &OwnershipSources, domain: &str) -> [String; 2] {
    let namespace = domain.rsplit('.').collect::<Vec<_>>().join(".");
    match sources.look_up(&Claim::of(&namespace, &SharedHosts::default())).await {
        Lookup::Domain { dns, http, .. } => [dns[0].1.to_string(), http.to_string()],
        other => panic!("{other:?}"),
    }
}

/// Returns the path of a server; ordinary users often do not have its folder in their `PATH`.
fn installed(server: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    let mut folders = std::env::split_paths(&path).chain(usual);
    let Some(folder) = folders.find(|folder| folder.join(server).is_file()) else {
        skipped(&format!("{server} is not installed"));
        return None;
    };
    Some(folder.join(server))
}

/// Starts a server on a free port, and waits until its log says that it is ready; tries other ports if it was taken.
async fn launch(
    folder: &Path,
    program: &Path,
    arguments: &[&str],
    ready: &str,
    settings: impl Fn(u16) -> String,
) -> Process {
    let name = program.file_name().expect("a name").display();
    let (file, log) = (folder.join(format!("{name}.conf")), folder.join(format!("{name}.log")));
    for _ in 0..9 {
        let address = free_address();
        fs::write(&file, settings(address.port())).expect("settings");
        let output = File::create(&log).expect("a log");
        let mut command = Command::new(program);
        command.args(arguments).arg(&file).current_dir(folder).stdin(Stdio::null());
        command.stdout(output.try_clone().expect("the log")).stderr(output);
        let mut process = Process { child: command.spawn().expect("it runs"), address };
        let is_taken =
            |said: &str| ["in use", "interface ignored"].iter().any(|sign| said.contains(sign));
        let waits = format!("{name} is ready");
        let said = eventually(&waits, async || {
            let has_ended = process.child.try_wait().expect("a status").is_some();
            let said = fs::read_to_string(&log).expect("the log");
            (has_ended || said.contains(ready) || is_taken(&said)).then_some(said)
        });
        let said = said.await;
        if !is_taken(&said) {
            assert!(said.contains(ready), "{name} ended: {said}");
            return process;
        }
    }
    panic!("no port is free for {name}");
}

/// Returns an address on loopback whose port is free for UDP and TCP.
fn free_address() -> SocketAddr {
    let free = |_| {
        let udp = UdpSocket::bind(("127.0.0.1", 0)).expect("a port");
        let address = udp.local_addr().expect("an address");
        TcpListener::bind(address).is_ok().then_some(address)
    };
    (0..99).find_map(free).expect("a port for both")
}

/// Returns the text of a key record.
fn record(key: &str) -> String {
    format!("v=MCPv1; k=ed25519; p={key}")
}

fn zone() -> String {
    let (key, filler) = (record(KEY), "x".repeat(200));
    let (left, right) = key.split_at(9);
    let mut zone = format!(
        r#"$TTL 60
@ SOA ns hostmaster 1 60 60 60 60
@ NS ns
ns A 127.0.0.1
one TXT "{key}"
one A 127.0.0.1
split TXT "{left}" "{right}"
alias CNAME one
renamed DNAME target
a.target TXT "{key}"
dangling CNAME missing
differs TXT "{key}"
dead TXT "{key}"
many TXT "{key}"
file A 127.0.0.1
closed A 127.0.0.1
closed TXT "v=spf1 -all"
moved A 127.0.0.1
below NS ns.below
ns.below A 127.0.0.1
abroad CNAME refused.test.
"#
    );
    for (name, count) in [("many", 240), ("excess", 257)] {
        (0..count).for_each(|index| zone.push_str(&format!("{name} TXT \"{index} {filler}\"\n")));
    }
    zone
}

fn named_settings(port: u16) -> String {
    // The last option lets two processes share no port.
    format!(
        r#"options {{
  directory "."; pid-file none; lock-file none; session-keyfile none;
  listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
  recursion no; dnssec-validation no; empty-zones-enable no; max-records-per-type 0; reuseport no;
}};
controls {{ }};
zone "example" {{ type primary; file "zone"; }};
"#
    )
}

fn unbound_settings(port: u16, authority: u16) -> String {
    let other = record(OTHER);
    // Nothing listens at port 9.
    format!(
        r#"server:
  directory: "." chroot: "" username: "" pidfile: "" use-syslog: no logfile: ""
  interface: 127.0.0.1 port: {port} so-reuseport: no do-ip6: no do-not-query-localhost: no
  module-config: "iterator"
  local-zone: "test." nodefault
  local-data: 'differs.example. TXT "{other}"'
remote-control: control-enable: no
stub-zone: name: "example" stub-addr: 127.0.0.1@{authority}
stub-zone: name: "refused.test" stub-addr: 127.0.0.1@{authority}
stub-zone: name: "dead.example" stub-addr: 127.0.0.1@9
"#
    )
}

/// Writes the certificate of all hosts, and the files of two.
fn web_files(folder: &Path) {
    let hosts = WEB_HOSTS.map(str::to_owned);
    let certified = rcgen::generate_simple_self_signed(hosts).expect("a certificate");
    fs::write(folder.join("certificate.pem"), certified.cert.pem()).expect("written");
    fs::write(folder.join("key.pem"), certified.signing_key.serialize_pem()).expect("written");
    for host in ["alias.example", "file.example"] {
        let folder = folder.join(host).join(".well-known");
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("mcp-registry-auth"), record(KEY)).expect("a file");
    }
}

fn nginx_settings(port: u16) -> String {
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path temporary_{kind};\n"))
        .concat();
    format!(
        r"daemon off; master_process off; pid nginx.pid; error_log stderr notice;
events {{ }}
http {{
  {temporary}
  access_log off; gzip on; gzip_types *; gzip_min_length 0;
  ssl_certificate certificate.pem; ssl_certificate_key key.pem;
  server {{ listen 127.0.0.1:{port} ssl http2 default_server; root $host; }}
  server {{ listen 127.0.0.1:{port} ssl; server_name closed.example; deny all; }}
  server {{ listen 127.0.0.1:{port} ssl; server_name moved.example; return 301 https://file.example/; }}
}}
"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn lookups_read_what_real_servers_answer() {
    let Some(servers) = Servers::start().await else { return };
    let (named, unbound) = (&servers.named, &servers.unbound);
    let of_both = servers.sources(&[named, unbound]);
    let (of_named, of_unbound) = (servers.sources(&[named]), servers.sources(&[unbound]));
    let compare = async |line: &str| {
        let columns: Vec<&str> = line.split(" | ").collect();
        let [resolvers, domain, dns, file] = columns[..] else { panic!("{line}") };
        let sources = match resolvers {
            "named" => &of_named,
            "unbound" => &of_unbound,
            _ => &of_both,
        };
        let found = look_up(sources, domain).await;
        let is_wanted = servers.matches(&found[0], dns) && servers.matches(&found[1], file);
        (!is_wanted).then(|| format!("{line}\n  found: {}", found.join(" | ")))
    };
    let surprises = join_all(CASES.trim().lines().map(compare)).await;
    let surprises: Vec<String> = surprises.into_iter().flatten().collect();
    assert!(surprises.is_empty(), "{} surprises:\n{}", surprises.len(), surprises.join("\n"));
}
