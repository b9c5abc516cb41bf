//! Ownership sources: how answers of DNS, web servers, GitHub and package registries are interpreted.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::support::dns::{Dns, Say};
use crate::support::forge::Forge;
use crate::support::lookups::{loopback_only, settings};
use url::Url;
use vidimus::model::Digest;
use vidimus::ownership::{
    Claim, Declaration, ForgeAnswer, Hint, KeyLookup, Lookup, Named, Offer, SharedHosts,
};
use vidimus::remote::{Asking, OwnershipSources, Reach, SourceSettings, Trouble};

const KEY: &str = "v=MCPv1; k=ed25519; p=JQtzW6e9n99dtRf5H8cV1WJkGltm1csHCCYlVSLvIEE=";
const OTHER: &str = "v=MCPv1; k=ed25519; p=eZKrGXQmBODTj/0Pt7Y+8LyKxuurR4vbbGJ4xU1TU5I=";

fn asking() -> Asking {
    Asking::new(9, tokio::time::Instant::now() + std::time::Duration::from_secs(60))
}

fn claim(namespace: &str) -> Claim {
    Claim::of(namespace, &SharedHosts::default())
}

/// Returns the DNS lookup at the domain itself, and the hints.
async fn dns_lookup(dns: &[&Dns]) -> (KeyLookup, Vec<String>) {
    let resolvers: Vec<SocketAddr> = dns.iter().map(|server| server.address).collect();
    let sources = OwnershipSources::new(&settings(&resolvers, "http://127.0.0.1:9"))
        .expect("ownership sources");
    match sources.look_up(&claim("com.example")).await {
        Lookup::Domain { dns, hints, .. } => {
            (dns[0].1.clone(), hints.iter().map(ToString::to_string).collect())
        }
        other => panic!("{other:?}"),
    }
}

fn pieces(texts: &[&str]) -> Vec<Vec<String>> {
    texts.iter().map(|text| vec![(*text).to_owned()]).collect()
}

#[rstest::rstest]
#[case::one(Say::Txt(pieces(&[KEY])), "shows")]
#[case::two_during_a_rotation(Say::Txt(pieces(&[KEY, OTHER])), "shows")]
#[case::among_foreign_ones(Say::Txt(pieces(&["v=spf1 -all", KEY, "x"])), "shows")]
#[case::split(Say::Txt(vec![vec![KEY[..9].into(), KEY[9..].into()]]), "shows")]
#[case::over_tcp(Say::OverTcp(pieces(&[KEY])), "shows")]
#[case::many_records(Say::OverTcp((0..240).map(|index| vec![format!("{index}{}", "x".repeat(250))]).collect()), "absent: TXT records, but no key record")]
#[case::foreign_only(Say::Txt(pieces(&["v=spf1 -all"])), "absent")]
#[case::invalid(Say::Txt(pieces(&["v=MCPv1; k=ed25519; p=AA=="])), "absent: invalid")]
#[case::nothing(Say::Nothing, "absent: no TXT record")]
#[case::no_such_name(Say::NoSuchName, "absent: no such name")]
#[case::failure(Say::Failure, "unclear")]
#[case::refusal(Say::Refusal, "unclear")]
#[case::silence(Say::Silence, "unclear")]
#[case::referral(Say::Referral, "unclear: ")]
#[case::referral_with_glue(Say::ReferralWithGlue, "unclear: ")]
#[case::of_another_name(Say::OfAnother(KEY.into()), "unclear: ")]
#[case::of_another_name_over_tcp(Say::OfAnotherOverTcp(KEY.into()), "unclear: ")]
#[case::of_another_name_once(Say::OfAnotherOnce(KEY.into()), "unclear: ")]
#[case::of_another_name_with_soa(Say::OfAnotherWithSoa(KEY.into()), "unclear: ")]
#[case::of_another_name_and_no_such_name(Say::OfAnotherAndNoSuchName(KEY.into()), "unclear: ")]
#[case::nothing_with_servers(Say::NothingWithServers, "absent: no TXT record")]
#[case::alias_of_itself(Say::Loop, "unclear: ")]
#[case::too_many(Say::OverTcp((0..257).map(|index| vec![format!("{index}{}", "x".repeat(200))]).collect()), "unclear: ")]
#[tokio::test(flavor = "multi_thread")]
async fn dns_answer_is_classified(#[case] say: Say, #[case] wanted: &str) {
    let dns = Dns::start().await;
    dns.txt("example.com", say);
    let (lookup, hints) = dns_lookup(&[&dns]).await;
    assert!(lookup.to_string().starts_with(wanted), "{lookup}");
    assert!(hints.contains(&"only one resolver was asked".to_owned()));
}

/// An alias is definite when its target, asked by itself, has an empty answer.
#[rstest::rstest]
#[case::empty(Say::Nothing, "absent: no TXT record")]
#[case::further_alias(Say::AliasOf("end.example.net".into()), "absent: no TXT record")]
#[case::back(Say::AliasOf("example.com".into()), "unclear: ")]
#[case::failure(Say::Failure, "unclear: ")]
#[case::referral(Say::Referral, "unclear: ")]
#[case::of_another_name(Say::OfAnother(KEY.into()), "unclear: ")]
#[case::record(Say::Txt(pieces(&[KEY])), "shows")]
#[tokio::test(flavor = "multi_thread")]
async fn alias_without_the_record_is_an_absence_if_its_target_has_none(
    #[case] target: Say,
    #[case] wanted: &str,
) {
    let dns = Dns::start().await;
    dns.txt("example.com", Say::AliasOf("host.example.net".into()));
    dns.txt("host.example.net", target);
    dns.txt("end.example.net", Say::Nothing);
    let (lookup, _) = dns_lookup(&[&dns]).await;
    assert!(lookup.to_string().starts_with(wanted), "{lookup}");
}

/// P14.
#[tokio::test(flavor = "multi_thread")]
async fn disagreeing_resolvers_are_inconclusive_and_a_wrong_selector_gives_a_hint() {
    let (left, right) = (Dns::start().await, Dns::start().await);
    left.record("example.com", KEY);
    right.record("example.com", OTHER);
    let (lookup, _) = dns_lookup(&[&left, &right]).await;
    assert!(lookup.to_string().contains("disagree"), "{lookup}");
    right.record("example.com", KEY);
    let (lookup, hints) = dns_lookup(&[&left, &right]).await;
    assert!(lookup.to_string().contains("2 resolvers agree"), "{lookup}");
    assert_eq!(hints, [] as [String; 0]);
    let misplaced = Dns::start().await;
    misplaced.txt("example.com", Say::Nothing);
    misplaced.record("_mcp-auth.example.com", KEY);
    let (lookup, hints) = dns_lookup(&[&misplaced]).await;
    assert!(matches!(lookup, KeyLookup::Absent(_)));
    assert!(
        hints.iter().any(|hint| hint.contains("_mcp-auth.example.com, where it does not count")),
        "{hints:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn parent_domains_are_asked_up_to_a_shared_host() {
    let dns = Dns::start().await;
    dns.record("example.com", KEY);
    dns.record("vercel.app", KEY);
    let sources =
        OwnershipSources::new(&settings(&[dns.address], "http://127.0.0.1:9")).expect("some");
    let Lookup::Domain { dns: lookups, .. } = sources.look_up(&claim("com.example.a.b")).await
    else {
        panic!("a domain");
    };
    let places: Vec<&str> = lookups.iter().map(|(place, _)| place.as_str()).collect();
    assert_eq!(places, ["b.a.example.com", "a.example.com", "example.com"]);
    assert!(matches!(lookups[2].1, KeyLookup::Shown(..)));
    let Lookup::Domain { dns: lookups, hints, .. } =
        sources.look_up(&claim("app.vercel.mine")).await
    else {
        panic!("a domain");
    };
    assert!(
        lookups.iter().all(|(_, lookup)| matches!(lookup, KeyLookup::Absent(_))),
        "{lookups:?}"
    );
    assert_eq!(hints[0], Hint::UnderSharedHost("vercel.app".into()));
}

mod well_known {
    use std::sync::Arc;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::ServerConfig;
    use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

    use super::*;

    /// A web server for example.com that answers each request with fixed bytes, optionally followed by endless
    /// others.
    struct Web {
        port: u16,
        ca_file: PathBuf,
        _folder: tempfile::TempDir,
    }

    impl Web {
        async fn answering(answer: Vec<u8>, endless: bool) -> Self {
            let certified =
                rcgen::generate_simple_self_signed(["example.com".to_owned()]).expect("one");
            let folder = crate::support::folder::folder();
            let ca_file = folder.path().join("ca.pem");
            std::fs::write(&ca_file, certified.cert.pem()).expect("written");
            let chain = vec![CertificateDer::from(certified.cert.der().to_vec())];
            let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
            let config =
                ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key.into());
            let acceptor = TlsAcceptor::from(Arc::new(config.expect("a configuration")));
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
            let port = listener.local_addr().expect("an address").port();
            tokio::spawn(async move {
                while let Ok((socket, _)) = listener.accept().await {
                    let (acceptor, answer) = (acceptor.clone(), answer.clone());
                    tokio::spawn(async move {
                        let Ok(mut stream) = acceptor.accept(socket).await else { return };
                        let _ = stream.read(&mut [0; 4096]).await;
                        let mut written = stream.write_all(&answer).await;
                        while endless && written.is_ok() {
                            written = stream.write_all(&[b'x'; 1024]).await;
                        }
                        let _ = stream.shutdown().await;
                    });
                }
            });
            Self { port, ca_file, _folder: folder }
        }

        async fn look_up(&self, dns: &Dns) -> KeyLookup {
            let settings = SourceSettings {
                ca_files: vec![self.ca_file.clone()],
                reach: Reach { port: self.port, admits: loopback_only },
                ..settings(&[dns.address], "http://127.0.0.1:9")
            };
            let sources = OwnershipSources::new(&settings).expect("ownership sources");
            match sources.look_up(&claim("com.example")).await {
                Lookup::Domain { http, .. } => http,
                other => panic!("{other:?}"),
            }
        }
    }

    fn ok(body: &str) -> Vec<u8> {
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }

    fn status(line: &str) -> Vec<u8> {
        format!("HTTP/1.1 {line}\r\ncontent-length: 0\r\n\r\n").into_bytes()
    }

    /// P15.
    #[rstest::rstest]
    #[case::one_record(ok(KEY), "shows")]
    #[case::two_lines(ok(&format!("# keys\n{KEY}\n{OTHER}\n")), "shows")]
    #[case::html_page(ok("<html>"), "absent: a file without a key record")]
    #[case::none(status("404 Not Found"), "absent: HTTP 404")]
    #[case::gone(status("410 Gone"), "absent: HTTP 410")]
    #[case::forbidden(status("403 Forbidden"), "withheld: HTTP 403")]
    #[case::rate_limit(status("429 Too Many Requests"), "unclear: HTTP 429")]
    #[case::broken(status("500 Internal Server Error"), "unclear: HTTP 500")]
    #[case::redirect(
        status("302 Found\r\nlocation: http://169.254.169.254/latest"),
        "withheld: a redirect to http://169.254.169.254/latest, not followed"
    )]
    #[case::too_large(ok(&"x".repeat(4097)), "withheld: no key record in the first 4 KiB")]
    #[case::too_large_with_a_record(ok(&format!("{KEY}\n{}", "x".repeat(5000))), "shows")]
    #[case::among_other_text(ok(&format!("\u{feff}\"{KEY}\"; x=1")), "shows")]
    #[case::no_http(b"hello".to_vec(), "unclear")]
    #[case::cut_off(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nv=M".to_vec(), "unclear")]
    #[tokio::test(flavor = "multi_thread")]
    async fn well_known_answer_is_classified(#[case] answer: Vec<u8>, #[case] wanted: &str) {
        let dns = Dns::start().await;
        dns.resolves("example.com", &[&["127.0.0.1"]]);
        let lookup = Web::answering(answer, false).await.look_up(&dns).await;
        assert!(lookup.to_string().starts_with(wanted), "{lookup}");
    }

    /// P14: no address of one type says nothing while the question for the other fails.
    #[tokio::test(flavor = "multi_thread")]
    async fn failed_question_for_one_type_of_address_is_no_absence() {
        let dns = Dns::start().await;
        dns.fails_four("example.com");
        let lookup = Web::answering(ok(KEY), false).await.look_up(&dns).await;
        assert!(matches!(lookup, KeyLookup::Unclear(_)), "{lookup}");
    }

    /// P14.
    #[rstest::rstest]
    #[case::of_another_name(Say::OfAnother(String::new()))]
    #[case::of_another_name_with_soa(Say::OfAnotherWithSoa(String::new()))]
    #[case::of_another_name_and_no_such_name(Say::OfAnotherAndNoSuchName(String::new()))]
    #[case::referral(Say::Referral)]
    #[case::referral_with_glue(Say::ReferralWithGlue)]
    #[case::address_that_is_no_answer(Say::Stray)]
    #[case::alias_of_itself(Say::Loop)]
    #[case::failure(Say::Failure)]
    #[tokio::test(flavor = "multi_thread")]
    async fn answer_that_is_not_about_the_addresses_of_the_name_is_no_absence(#[case] say: Say) {
        let dns = Dns::start().await;
        dns.misdirects("example.com", say);
        let lookup = Web::answering(ok(KEY), false).await.look_up(&dns).await;
        assert!(matches!(lookup, KeyLookup::Unclear(_)), "{lookup}");
    }

    /// P15.
    #[tokio::test(flavor = "multi_thread")]
    async fn oversized_file_is_not_read_to_its_end() {
        let dns = Dns::start().await;
        dns.resolves("example.com", &[&["127.0.0.1"]]);
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n".to_vec();
        let lookup = Web::answering(head, true).await.look_up(&dns).await;
        let wanted = "no key record in the first 4 KiB of the file";
        assert_eq!(lookup, KeyLookup::Withheld(wanted.into()));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn stalled_server_times_out() {
        let dns = Dns::start().await;
        dns.resolves("example.com", &[&["127.0.0.1"]]);
        let silent = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = silent.local_addr().expect("an address").port();
        let reach = Reach { port, admits: loopback_only };
        let settings = SourceSettings { reach, ..settings(&[dns.address], "http://127.0.0.1:9") };
        let sources = OwnershipSources::new(&settings).expect("ownership sources");
        let Lookup::Domain { http, .. } = sources.look_up(&claim("com.example")).await else {
            panic!()
        };
        assert!(matches!(&http, KeyLookup::Unclear(why) if why.contains("timed out")), "{http}");
        drop(silent);
    }

    /// P15.
    #[rstest::rstest]
    #[case::reserved("169.254.169.254", "reserved address 169.254.169.254")]
    #[case::one_of_several("127.0.0.1 10.0.0.1", "reserved address 10.0.0.1")]
    #[case::mapped("::ffff:10.0.0.1", "reserved address")]
    #[case::rebound_between_check_and_connect(
        "127.0.0.1, 10.0.0.1",
        "it resolves to a reserved address"
    )]
    #[case::no_address("", "absent: no address")]
    #[tokio::test(flavor = "multi_thread")]
    async fn reserved_addresses_are_not_connected_to(
        #[case] addresses: &str,
        #[case] wanted: &str,
    ) {
        let dns = Dns::start().await;
        let answers: Vec<Vec<&str>> =
            addresses.split(',').map(|set| set.split_whitespace().collect()).collect();
        let answers: Vec<&[&str]> = answers.iter().map(Vec::as_slice).collect();
        dns.resolves("example.com", &answers);
        let lookup = Web::answering(ok(KEY), false).await.look_up(&dns).await;
        assert!(lookup.to_string().contains(wanted), "{lookup}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn evidence_mentions_a_proxy_that_resolved_the_name() {
        let dns = Dns::start().await;
        let web = Web::answering(ok(KEY), false).await;
        let proxy = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = proxy.local_addr().expect("an address");
        let target = web.port;
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = proxy.accept().await {
                let mut head = [0; 4096];
                let read = socket.read(&mut head).await.unwrap_or(0);
                assert!(head[..read].starts_with(b"CONNECT example.com:"), "a tunnel is asked for");
                let Ok(mut upstream) = tokio::net::TcpStream::connect(("127.0.0.1", target)).await
                else {
                    return;
                };
                let _ = socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
                tokio::spawn(async move {
                    tokio::io::copy_bidirectional(&mut socket, &mut upstream).await
                });
            }
        });
        let settings = SourceSettings {
            ca_files: vec![web.ca_file.clone()],
            proxy: Some(Url::parse(&format!("http://{address}")).expect("a URL")),
            reach: Reach { port: web.port, admits: loopback_only },
            ..settings(&[dns.address], "http://127.0.0.1:9")
        };
        let sources = OwnershipSources::new(&settings).expect("ownership sources");
        let Lookup::Domain { http, .. } = sources.look_up(&claim("com.example")).await else {
            panic!()
        };
        assert!(
            matches!(&http, KeyLookup::Shown(shown) if shown.notes == ["a proxy resolved the name"]),
            "{http}"
        );
    }
}

mod github {
    use super::*;

    fn sources(forge: &Forge, token: Option<&str>) -> (OwnershipSources, tempfile::TempDir) {
        let folder = crate::support::folder::folder();
        let file = folder.path().join("token");
        if let Some(token) = token {
            std::fs::write(&file, token).expect("written");
        }
        let settings = SourceSettings {
            github_token: token.map(|_| file),
            ..settings(&["127.0.0.1:9".parse().expect("an address")], &forge.url)
        };
        (OwnershipSources::new(&settings).expect("ownership sources"), folder)
    }

    async fn account(sources: &OwnershipSources) -> ForgeAnswer<u64> {
        match sources.look_up(&claim("io.github.Someone")).await {
            Lookup::Account(ForgeAnswer::Found(account)) => ForgeAnswer::Found(account.id),
            Lookup::Account(ForgeAnswer::Absent) => ForgeAnswer::Absent,
            Lookup::Account(ForgeAnswer::Unclear(why)) => ForgeAnswer::Unclear(why),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn account_is_identified_by_id_and_requested_conditionally() {
        let forge = Forge::start().await;
        forge.account("someone", 7, "2020-01-01T00:00:00Z");
        let (sources, _folder) = sources(&forge, Some("secret-token\n"));
        assert_eq!(account(&sources).await, ForgeAnswer::Found(7));
        assert_eq!(account(&sources).await, ForgeAnswer::Found(7), "by 304");
        let asked = forge.asked();
        assert_eq!(asked[0].1["authorization"], "Bearer secret-token");
        assert!(
            !asked[0].1.contains_key("if-none-match") && asked[1].1.contains_key("if-none-match")
        );
        // The login belongs to another account now.
        forge.account("someone", 80, "2026-01-01T00:00:00Z");
        assert_eq!(account(&sources).await, ForgeAnswer::Found(80));
        forge.remove("/users/someone");
        assert_eq!(account(&sources).await, ForgeAnswer::Absent);
    }

    #[rstest::rstest]
    #[case::primary(403, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "99999999999")])]
    #[case::secondary(403, &[("retry-after", "60")])]
    #[case::in_words(403, &[("x-ratelimit-remaining", "40")])]
    #[case::without_headers(429, &[])]
    #[case::bad_token(401, &[])]
    #[tokio::test(flavor = "multi_thread")]
    async fn refusal_blocks_further_requests(
        #[case] status: u16,
        #[case] headers: &[(&'static str, &str)],
    ) {
        let forge = Forge::start().await;
        forge.account("someone", 7, "2020-01-01T00:00:00Z");
        let (sources, _folder) = sources(&forge, Some("secret-token"));
        forge.always(status, headers);
        let ForgeAnswer::Unclear(why) = account(&sources).await else { panic!("nothing definite") };
        assert!(!why.contains("secret-token"), "{why}");
        forge.as_usual();
        assert!(sources.is_github_blocked());
        assert!(matches!(account(&sources).await, ForgeAnswer::Unclear(_)));
        assert_eq!(forge.asked().len(), 1, "not asked again");
        let refused = sources.trouble().token_refused;
        assert_eq!(refused, status == 401);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn forbidden_request_does_not_block_others_and_failures_are_inconclusive() {
        let forge = Forge::start().await;
        let (sources, _folder) = sources(&forge, None);
        for status in [403, 500, 503, 200] {
            forge.always(status, &[("x-ratelimit-remaining", "40"), ("x-words", "none")]);
            assert!(matches!(account(&sources).await, ForgeAnswer::Unclear(_)), "{status}");
        }
        assert!(!sources.is_github_blocked());
        assert_eq!(forge.asked().len(), 4);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn write_scopes_of_a_token_are_reported() {
        let forge = Forge::start().await;
        forge.account("someone", 7, "2020-01-01T00:00:00Z");
        forge.header("x-oauth-scopes", "repo, read:org, workflow");
        let (sources, _folder) = sources(&forge, Some("t"));
        account(&sources).await;
        let wanted =
            Trouble { token_refused: false, write_scopes: vec!["repo".into(), "workflow".into()] };
        assert_eq!(sources.trouble(), wanted);
    }

    /// P15.
    #[tokio::test(flavor = "multi_thread")]
    async fn redirects_out_of_the_api_are_refused() {
        let forge = Forge::start().await;
        forge.account("renamed", 7, "2020-01-01T00:00:00Z");
        forge.moved("/users/someone", &format!("{}/users/renamed", forge.url));
        let (sources, _folder) = sources(&forge, None);
        // The account that the login has now would be another one.
        let other = account(&sources).await;
        assert!(
            matches!(&other, ForgeAnswer::Unclear(why) if why.contains("another login")),
            "{other:?}"
        );
        forge.moved("/users/someone", "http://169.254.169.254/latest");
        assert!(
            matches!(account(&sources).await, ForgeAnswer::Unclear(why) if why.contains("out of its API"))
        );
    }

    const ENTRY: &str = r#"{"name":"io.github.someone/tool","repository":{"url":"https://github.com/someone/tool","source":"github","id":"42","subfolder":"srv"},"packages":[{"registryType":"npm","identifier":"tool"}]}"#;

    async fn declared(forge: &Forge, entry: &str) -> Declaration {
        let (sources, _folder) = sources(forge, None);
        let offer = Offer::read(entry).expect("an offer");
        let contents = [(Digest::of(entry.as_bytes()), offer)];
        sources.contents(Some(7), &contents, 0, &mut asking()).await.remove(0).declaration
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn repository_of_the_owner_declares_the_entry_in_its_server_json() {
        let forge = Forge::start().await;
        let not = |why: &'static str| move |found: &Declaration| matches!(found, Declaration::Not(text) if text.contains(why));
        let absent = |why: &'static str| move |found: &Declaration| matches!(found, Declaration::Absent(text) if text.contains(why));
        let expect = |found: Declaration, wanted: &dyn Fn(&Declaration) -> bool| {
            assert!(wanted(&found), "{found:?}");
        };
        expect(declared(&forge, ENTRY).await, &absent("does not exist"));
        forge.repository("someone/tool", 42, 7);
        expect(declared(&forge, ENTRY).await, &absent("contains no server.json"));
        forge.file("someone/tool", "srv/server.json", ENTRY);
        expect(declared(&forge, ENTRY).await, &|found| matches!(found, Declaration::Declared(_)));
        // The root is used if the subfolder has no file.
        forge.remove("/repos/someone/tool/contents/srv/server.json");
        forge.file("someone/tool", "server.json", ENTRY);
        expect(declared(&forge, ENTRY).await, &|found| matches!(found, Declaration::Declared(_)));
        forge.file(
            "someone/tool",
            "server.json",
            &ENTRY.replace("someone/tool\"", "someone/else\""),
        );
        expect(declared(&forge, ENTRY).await, &not("it is the file of"));
        forge.file("someone/tool", "server.json", ENTRY);
        expect(
            declared(&forge, &ENTRY.replace("\"42\"", "\"43\"")).await,
            &not("not the stated one"),
        );
        forge.repository("someone/tool", 42, 8);
        expect(declared(&forge, ENTRY).await, &not("to another account, 8"));
        forge.page("/repos/someone/tool", serde_json::json!({"id": 42, "private": true, "owner": {"id": 7}, "full_name": "someone/tool"}));
        expect(declared(&forge, ENTRY).await, &absent("not public"));
        forge.always(500, &[]);
        expect(declared(&forge, ENTRY).await, &|found| matches!(found, Declaration::Unclear(_)));
    }
}

mod packages {
    use super::*;

    async fn named(forge: &Forge, kind: &str, package: &str, configured: bool) -> Named {
        let mut asked = settings(&["127.0.0.1:9".parse().expect("an address")], &forge.url);
        if configured {
            asked.packages.add(kind.to_owned(), Url::parse(&forge.url).expect("a URL"));
        }
        let entry =
            format!(r#"{{"name":"a.b/c","packages":[{{"registryType":"{kind}",{package}}}]}}"#);
        let offer = Offer::read(&entry).expect("an offer");
        let sources = OwnershipSources::new(&asked).expect("ownership sources");
        let lookups = sources.contents(None, &[(Digest::of(b"x"), offer)], 0, &mut asking()).await;
        lookups[0].packages[0].1.clone()
    }

    fn servers(names: &[&str]) -> Named {
        Named::Servers(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn configured_package_registries_name_the_server() {
        let forge = Forge::start().await;
        let npm = r#""identifier":"@x/tool","version":"1.0.0","registryBaseUrl":"http://169.254.169.254""#;
        assert_eq!(named(&forge, "npm", npm, true).await, Named::Absent);
        forge
            .page("/%40x%2Ftool/1.0.0", serde_json::json!({"name": "@x/tool", "mcpName": "a.b/c"}));
        assert_eq!(named(&forge, "npm", npm, true).await, servers(&["a.b/c"]));
        assert_eq!(named(&forge, "npm", npm, false).await, Named::NotConfigured);
        let pypi = r#""identifier":"tool","version":"2""#;
        forge.page(
            "/pypi/tool/2/json",
            serde_json::json!({"info": {"description": "# t\n<!-- mcp-name: a.b/c -->"}}),
        );
        assert_eq!(named(&forge, "pypi", pypi, true).await, servers(&["a.b/c"]));
        forge.page("/pypi/tool/2/json", serde_json::json!({"info": {"description": "a tool"}}));
        assert_eq!(named(&forge, "pypi", pypi, true).await, servers(&[]));
        forge.always(503, &[]);
        assert!(matches!(named(&forge, "pypi", pypi, true).await, Named::Unavailable(_)));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn image_configuration_names_the_server() {
        let forge = Forge::start().await;
        let host = forge.url.trim_start_matches("http://").to_owned();
        let image = format!(r#""identifier":"{host}/x/tool:1.0""#);
        forge.page(
            "/v2/x/tool/manifests/1.0",
            serde_json::json!({"manifests": [{"digest": "sha256:aa"}]}),
        );
        forge.page(
            "/v2/x/tool/manifests/sha256:aa",
            serde_json::json!({"config": {"digest": "sha256:bb"}}),
        );
        forge.page("/v2/x/tool/blobs/sha256:bb", serde_json::json!({"config": {"Labels": {"io.modelcontextprotocol.server.name": "a.b/c"}}}));
        assert_eq!(named(&forge, "oci", &image, true).await, servers(&["a.b/c"]));
        let elsewhere = r#""identifier":"elsewhere.example/x/tool:1.0""#;
        assert_eq!(named(&forge, "oci", elsewhere, true).await, Named::NotConfigured);
    }

    /// P15: another spelling of a Python package, and an answer behind redirects, hide no other server.
    #[tokio::test(flavor = "multi_thread")]
    async fn redirects_of_a_registry_are_followed_to_hosts_that_may_be_reached() {
        let forge = Forge::start().await;
        let page = serde_json::json!({"info": {"description": "mcp-name: a.b/c"}});
        forge.page("/moved/here", page.clone());
        forge.moved("/pypi/stripe-mcp/1/json", "/moved/here");
        let spelled = r#""identifier":"Stripe_mcp","version":"1""#;
        assert_eq!(named(&forge, "pypi", spelled, true).await, servers(&["a.b/c"]));
        let abroad = Forge::start().await;
        abroad.page("/elsewhere", page);
        forge.moved("/pypi/stripe-mcp/1/json", &format!("{}/elsewhere", abroad.url));
        assert_eq!(named(&forge, "pypi", spelled, true).await, servers(&["a.b/c"]));
        for refused in ["http://169.254.169.254/x", "http://10.0.0.1/x"] {
            forge.moved("/pypi/stripe-mcp/1/json", refused);
            let answer = named(&forge, "pypi", spelled, true).await;
            assert!(
                matches!(&answer, Named::Unavailable(why) if why.contains("not reached")),
                "{answer:?}"
            );
        }
        forge.moved("/pypi/stripe-mcp/1/json", "/pypi/stripe-mcp/1/json");
        let endless = named(&forge, "pypi", spelled, true).await;
        assert!(
            matches!(&endless, Named::Unavailable(why) if why.contains("redirects")),
            "{endless:?}"
        );
    }
}
