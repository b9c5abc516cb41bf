//! What resembles what, technique by technique.

use proptest::prelude::*;

use super::*;
use crate::model::Name;
use crate::ownership::{SharedHosts, Verdict};

fn name(text: &str) -> Name {
    Name::parse(text).expect("a name")
}

fn corpus(subjects: &[(&str, Why)]) -> Corpus {
    let protected = subjects.iter().map(|(subject, why)| Protected::new(*subject, *why));
    Corpus::new(protected, SharedHosts::default())
}

fn suspect<'s>(name: &'s Name, portrait: &'s Portrait) -> Suspect<'s> {
    Suspect { name, portrait, verdict: None, is_young: false }
}

/// What a name of which nothing else is known resembles, and would be reported.
fn loud(corpus: &Corpus, text: &str, common: &Commonness) -> Vec<Resemblance> {
    let found = corpus.resemblances(&suspect(&name(text), &Portrait::default()), common);
    found.into_iter().filter(|it| it.quiet.is_none()).collect()
}

fn like(corpus: &Corpus, text: &str) -> Vec<Resemblance> {
    loud(corpus, text, &Commonness::default())
}

#[rstest::rstest]
//     protected, suspect, technique
#[case("com.figma.mcp/mcp", "com.other/figma", Some(Technique::ForeignBrand))]
#[case("com.stripe/payments", "com.strype/tool", Some(Technique::NearNamespace))]
#[case("com.stripe/payments", "io.stripe/tool", Some(Technique::SwappedHome))]
#[case("com.stripe/payments", "io.github.stripe/tool", Some(Technique::SwappedHome))]
#[case(
    "io.github.microsoft/playwright-mcp",
    "com.else/playwright-mcp-server",
    Some(Technique::Affix)
)]
#[case("io.github.microsoft/playwright-mcp", "com.else/real-playwright", Some(Technique::Affix))]
#[case(
    "io.github.microsoft/playwright-mcp",
    "com.else/Play-Wright_official",
    Some(Technique::Affix)
)]
#[case("io.github.microsoft/playwright-mcp", "com.else/playwright-mcp", None)]
#[case("io.github.microsoft/playwright-mcp", "io.github.microsoft/playwright", None)]
#[case("io.github.microsoft/playwright-mcp", "com.else/p1aywright", Some(Technique::Confusable))]
#[case("io.github.microsoft/playwright-mcp", "com.else/playywrightt", Some(Technique::Confusable))]
#[case("io.github.microsoft/playwright-mcp", "com.else/plawyright", Some(Technique::Distance))]
#[case("io.github.x/korea-stock", "com.else/stock-korea", Some(Technique::SwappedWords))]
#[case("io.github.x/mcp", "com.else/mcp", None)]
#[case("io.github.x/mcp-server", "com.else/mcp", None)]
#[case("com.vendor/search", "org.other/weather", None)]
#[case("stripe", "io.github.someone/stripe-mcp", Some(Technique::BrandInLeaf))]
#[case("stripe", "io.github.someone/mystripetool", Some(Technique::BrandWithin))]
#[case("stripe", "io.github.someone/s-t-r-i-p-e", Some(Technique::BrandInLeaf))]
#[case("acme bank", "io.github.someone/acmebank-tools", Some(Technique::BrandInLeaf))]
#[case("stripe", "com.stripe-payments/mcp", Some(Technique::BrandInHome))]
#[case("stripe", "com.getstripe/mcp", Some(Technique::BrandWithin))]
#[case("stripe", "io.github.stripeinc/pay", Some(Technique::BrandWithin))]
#[case("stripe", "io.github.str1pe/mcp", Some(Technique::Confusable))]
#[case("stripe", "io.github.striipe/pay", Some(Technique::Confusable))]
#[case("stripe", "io.github.strype/pay", Some(Technique::Distance))]
#[case("stripe", "io.github.trip/pay", None)]
#[case("com.stripe/payments", "io.github.str1pe/tool", Some(Technique::Confusable))]
#[case("stripe", "io.github.someone/str1pe", Some(Technique::Confusable))]
#[case("stripe", "io.github.someone/strpie", Some(Technique::Distance))]
#[case("stripe", "io.github.someone/strpie-server", Some(Technique::Distance))]
#[case("stripe", "io.github.stripe/x", Some(Technique::SwappedHome))]
#[case("internal-billing", "io.github.someone/billing-internal", Some(Technique::SwappedWords))]
#[case("aws", "io.github.someone/aws-tools", Some(Technique::BrandInLeaf))]
#[case("aws", "io.github.someone/laws", None)]
#[case("stripe", "io.github.someone/trip", None)]
fn a_technique_finds_its_kind(
    #[case] protected: &str,
    #[case] suspect: &str,
    #[case] wanted: Option<Technique>,
) {
    let found = like(&corpus(&[(protected, Why::Approved)]), suspect);
    let technique = found.first().map(|it| it.technique);
    assert_eq!(technique, wanted, "{found:?}");
}

fn stripe() -> Corpus {
    let brand = Protected::new("stripe", Why::Listed).of("com.stripe");
    Corpus::new([brand], SharedHosts::default())
}

#[test]
fn a_brand_is_at_home_in_its_own_namespace() {
    assert_eq!(like(&stripe(), "com.stripe/stripe-mcp"), []);
    assert_eq!(like(&stripe(), "com.stripe.pay/stripe"), []);
    let foreign = like(&stripe(), "com.evil/stripe-mcp");
    assert_eq!(foreign[0].level, Level::High);
    assert_eq!(
        foreign[0].evidence,
        "brand-in-leaf: `stripe` in `stripe-mcp`; `stripe` is protected by an overlay"
    );
}

/// What an entry of this content resembles of what `com.stripe` owns, or a vendor's page.
fn by_content(content: &str) -> Vec<(Technique, String)> {
    let own = r#"{"name": "io.github.acmebank/ledger", "websiteUrl": "https://www.acmebank.example",
        "packages": [{"registryType": "npm", "identifier": "@acmebank/ledger"},
                     {"registryType": "oci", "identifier": "images.example/acme/ledger:1"}],
        "repository": {"url": "https://github.com/acmebank/ledger"}}"#;
    let own = Portrait::read(own).expect("an entry");
    let corpus = Corpus::new(
        [
            Protected::new("stripe", Why::Listed).of("com.stripe"),
            Protected::new("io.github.acmebank/ledger", Why::Approved).shown(own),
        ],
        SharedHosts::default(),
    );
    let entry = content.replacen('{', r#"{"name": "io.github.someone/unlike", "#, 1);
    let portrait = Portrait::read(&entry).expect("an entry");
    let found = corpus.resemblances(
        &suspect(&name("io.github.someone/unlike"), &portrait),
        &Commonness::default(),
    );
    found.into_iter().map(|it| (it.technique, it.evidence)).collect()
}

#[rstest::rstest]
#[case(r#"{"title": "Stripe MCP server"}"#, Some(Technique::BrandInTitle))]
#[case(r#"{"title": "Stripe (official)"}"#, Some(Technique::BrandInTitle))]
#[case(r#"{"title": "Payments for Stripe users"}"#, Some(Technique::BrandInTitle))]
#[case(r#"{"title": "Acmebank"}"#, Some(Technique::BrandInTitle))]
#[case(r#"{"title": "Ledgers at Acmebank"}"#, None)]
#[case(r#"{"title": "Pinstripes"}"#, None)]
#[case(r#"{"websiteUrl": "https://stripe-payments.com"}"#, Some(Technique::BrandInHost))]
#[case(r#"{"websiteUrl": "https://api.stripe.evil.example"}"#, Some(Technique::BrandInHost))]
#[case(r#"{"websiteUrl": "https://api.xn--strpe-p2e.evil.example"}"#, Some(Technique::Homograph))]
#[case(r#"{"websiteUrl": "https://pinstripe.example"}"#, None)]
#[case(r#"{"websiteUrl": "https://pay.stripe"}"#, None)]
#[case(r#"{"title": "5tripe"}"#, Some(Technique::Confusable))]
#[case(r#"{"title": "Str\u0456pe"}"#, Some(Technique::Homograph))]
#[case(r#"{"title": "\u0405tripe payments"}"#, Some(Technique::Homograph))]
#[case(r#"{"description": "The official (\u0455tripe) server"}"#, Some(Technique::Homograph))]
#[case(r#"{"description": "Payments by Stri\u200dpe"}"#, Some(Technique::Homograph))]
#[case(r#"{"description": "Bezahlen \u00fcber Stripe"}"#, None)]
#[case(r#"{"description": "\u043f\u043b\u0430\u0442\u0435\u0436\u0438"}"#, None)]
#[case(r#"{"remotes": [{"url": "https://mcp.str1pe.com/x"}]}"#, Some(Technique::NearHost))]
#[case(r#"{"remotes": [{"url": "https://strlpe.com:8443/x"}]}"#, Some(Technique::NearHost))]
#[case(r#"{"remotes": [{"url": "https://stripee.com"}]}"#, Some(Technique::NearHost))]
#[case(r#"{"websiteUrl": "https://stripe.com.login.example"}"#, Some(Technique::NearHost))]
#[case(r#"{"websiteUrl": "https://stripe.dev"}"#, Some(Technique::SwappedHost))]
#[case(r#"{"websiteUrl": "https://xn--strpe-1sa.com"}"#, Some(Technique::Homograph))]
#[case(r#"{"title": "Str\u00edpe"}"#, Some(Technique::Homograph))]
#[case(r#"{"description": "Str\u00edpe"}"#, None)]
#[case(r#"{"websiteUrl": "https://xn--strpe-p2e.com"}"#, Some(Technique::Homograph))]
#[case(r#"{"websiteUrl": "https://str\u0456pe.com"}"#, Some(Technique::Homograph))]
#[case(r#"{"websiteUrl": "https://docs.stripe.com"}"#, None)]
#[case(r#"{"websiteUrl": "https://acmebonk.example"}"#, Some(Technique::NearHost))]
#[case(r#"{"websiteUrl": "https://{tenant}.example"}"#, None)]
#[case(
    r#"{"packages": [{"registryType": "npm", "identifier": "@acmebank/ledger"}]}"#,
    Some(Technique::ForeignPackage)
)]
#[case(
    r#"{"packages": [{"registryType": "oci", "identifier": "images.example/acme/ledger:2"}]}"#,
    Some(Technique::ForeignPackage)
)]
#[case(r#"{"packages": [{"registryType": "pypi", "identifier": "@acmebank/ledger"}]}"#, None)]
fn what_an_entry_says_and_points_to_is_compared_too(
    #[case] content: &str,
    #[case] wanted: Option<Technique>,
) {
    let found = by_content(content);
    assert_eq!(found.first().map(|it| it.0), wanted, "{found:?}");
}

#[test]
fn the_evidence_says_what_was_seen() {
    let told = |content: &str| by_content(content).remove(0).1;
    assert_eq!(
        told("{\"title\": \"Str\u{456}pe\"}"),
        "homograph: `Str\u{456}pe`, of mixed scripts, reads as `stripe`; `stripe` is protected by an overlay"
    );
    assert_eq!(
        told(r#"{"websiteUrl": "https://stripe.com.login.example"}"#),
        "near-host: the host `stripe.com.login.example` holds `stripe.com`; `stripe` is protected by an overlay"
    );
    let both = told(
        r#"{"title": "Acmebank", "packages": [{"registryType": "npm", "identifier": "@acmebank/ledger"}]}"#,
    );
    assert!(
        both.contains(
            "foreign-package: its package npm `@acmebank/ledger` is the target's; brand-in-title: "
        ),
        "{both}"
    );
}

fn of_repository(owner: &str, repository: &str) -> Portrait {
    let url = format!("https://github.com/{owner}/{repository}");
    Portrait::read(&format!(r#"{{"name": "a.b/c", "repository": {{"url": "{url}"}}}}"#))
        .expect("an entry")
}

#[rstest::rstest]
// What the target says of itself vouches; what the suspect claims does not.
#[case(
    "io.github.vercel/vercel",
    of_repository("x", "y"),
    Some("the target's repository is of github:vercel")
)]
#[case("io.github.evil/vercel", of_repository("vercel", "mcp"), None)]
#[case("page.vercel/vercel", Portrait::default(), Some("the target itself points to vercel.page"))]
#[case("com.vercel.labs/vercel", Portrait::default(), Some("both are of vercel.com"))]
fn who_is_known_to_the_target_is_quiet(
    #[case] text: &str,
    #[case] portrait: Portrait,
    #[case] wanted: Option<&str>,
) {
    let own = r#"{"name": "com.vercel/mcp", "websiteUrl": "https://vercel.page",
        "repository": {"url": "https://github.com/vercel/mcp"}}"#;
    let own = Portrait::read(own).expect("an entry");
    let target = Protected::new("com.vercel/mcp", Why::Approved).shown(own);
    let corpus = Corpus::new([target], SharedHosts::default());
    let name = name(text);
    let asked = suspect(&name, &portrait);
    let found = corpus.resemblances(&asked, &Commonness::default());
    assert_eq!(found[0].quiet.as_deref(), wanted, "{found:?}");
    // An owner who is refuted vouches for nobody.
    let refuted = Suspect { verdict: Some(Verdict::Refuted), ..asked };
    let found = corpus.resemblances(&refuted, &Commonness::default());
    let is_sibling = text.starts_with("com.vercel");
    assert!(!is_sibling || found[0].quiet.is_none(), "{found:?}");
}

#[test]
fn the_same_leaf_counts_where_the_repositories_are_called_alike() {
    let target = Protected::new("io.github.microsoft/playwright-mcp", Why::Approved)
        .shown(of_repository("microsoft", "playwright-mcp"));
    let corpus = Corpus::new([target], SharedHosts::default());
    let name = name("com.else/playwright-mcp");
    let found = |portrait: &Portrait| {
        corpus.resemblances(&suspect(&name, portrait), &Commonness::default())
    };
    assert_eq!(found(&of_repository("else", "something")), []);
    let fork = found(&of_repository("else", "playwright-mcp"));
    assert_eq!((fork[0].technique, fork[0].level), (Technique::SameLeaf, Level::Low));
    let pose = found(&of_repository("microsoft", "playwright-mcp"));
    assert!(
        pose[0].score > fork[0].score,
        "whoever claims the target's own repository poses as it"
    );
}

#[test]
fn the_score_follows_target_owner_and_age() {
    let score = |why: Why, verdict: Option<Verdict>, is_young: bool| {
        let name = name("io.github.someone/str1pe");
        let portrait = Portrait::default();
        let suspect = Suspect { verdict, is_young, ..suspect(&name, &portrait) };
        corpus(&[("stripe", why)]).resemblances(&suspect, &Commonness::default())[0].score
    };
    let usual = score(Why::Approved, None, false);
    assert_eq!(Level::of(usual), Level::Medium);
    assert!(score(Why::Listed, None, false) > usual);
    assert!(score(Why::Internal, None, false) > score(Why::Listed, None, false));
    assert!(score(Why::Approved, None, true) > usual);
    assert!(score(Why::Approved, Some(Verdict::Held), false) < usual);
    assert_eq!(score(Why::Approved, Some(Verdict::None), false), usual);
    assert_eq!(Level::of(score(Why::Approved, Some(Verdict::Refuted), false)), Level::High);
}

#[test]
fn what_many_namespaces_say_is_common_speech() {
    let names: Vec<Name> = (0..9).map(|it| name(&format!("com.n{it}/weather-mcp"))).collect();
    let corpus = corpus(&[("com.n0/weather-mcp", Why::Approved)]);
    assert_eq!(loud(&corpus, "com.other/weather", &Commonness::of(&names[..2])).len(), 1);
    let common = Commonness::of(&names);
    assert_eq!(loud(&corpus, "com.other/weather", &common), []);
    let (other, portrait) = (name("com.other/weather"), Portrait::default());
    let quiet = corpus.resemblances(&suspect(&other, &portrait), &common).remove(0);
    assert_eq!(quiet.quiet.as_deref(), Some("many namespaces call their servers so"));
    assert!(quiet.is_common);
}

#[test]
fn what_is_protected_itself_resembles_nothing_and_order_does_not_matter() {
    let subjects = [
        ("com.a/alpha-bank", Why::Approved),
        ("com.b/alphabank", Why::Internal),
        ("bank", Why::Listed),
    ];
    let mut reversed = subjects;
    reversed.reverse();
    let (left, right) = (corpus(&subjects), corpus(&reversed));
    assert_eq!(like(&left, "com.A/Alpha-Bank"), []);
    let suspect = "com.c/alpha_bank-server";
    assert_eq!(like(&left, suspect), like(&right, suspect));
    assert_eq!(like(&left, suspect).len(), 3);
}

#[test]
fn a_name_is_compared_with_a_bounded_number_of_targets() {
    let names: Vec<String> = (0..2_000).map(|it| format!("com.n{it}/weather-map")).collect();
    let subjects: Vec<(&str, Why)> = names
        .iter()
        .map(|it| (it.as_str(), Why::Approved))
        .chain([("weather", Why::Listed)])
        .collect();
    let found = like(&corpus(&subjects), "com.other/weather-maps");
    assert_eq!(found.len(), super::compare::MAX_COMPARED);
    assert_eq!(found[0].target, "weather", "what weighs most is among them");
}

const SUBJECTS: [(&str, Why); 6] = [
    ("com.a/alpha-bank", Why::Approved),
    ("com.b/alphabank", Why::Internal),
    ("bank", Why::Listed),
    ("alpha", Why::Listed),
    ("com.alpha/bank-server", Why::Approved),
    ("io.github.alpha/mcp", Why::Approved),
];

proptest! {
    #[test]
    fn the_order_of_what_is_protected_and_of_what_is_known_decides_nothing(
        subjects in Just(SUBJECTS.to_vec()).prop_shuffle(),
        names in Just(SUBJECTS[..2].iter().map(|(it, _)| name(it)).collect::<Vec<_>>()).prop_shuffle(),
        leaf in prop::sample::select(vec!["alpha-bank", "a1pha_bank", "bank-alpha", "alphabanks", "mcp"]),
        namespace in prop::sample::select(vec!["com.c", "com.alpho", "io.github.bank", "org.alpha"]),
    ) {
        let suspect = format!("{namespace}/{leaf}");
        let found = loud(&corpus(&subjects), &suspect, &Commonness::of(&names));
        let common = Commonness::of(names.iter().rev());
        let wanted = loud(&corpus(&SUBJECTS), &suspect, &common);
        prop_assert_eq!(found, wanted);
    }

    #[test]
    fn no_text_of_any_script_panics(
        subject in "\\PC{0,40}",
        leaf in "[a-zA-Z0-9._-]{1,150}",
        title in "\\PC{0,300}",
        description in "\\PC{0,300}",
        host in "\\PC{0,80}",
    ) {
        let own = Portrait { title: title.clone(), hosts: [host.clone()].into(), ..Portrait::default() };
        let corpus = Corpus::new(
            [
                Protected::new(subject, Why::Listed).of("com.example"),
                Protected::new("com.example/tool", Why::Approved).shown(own),
            ],
            SharedHosts::default(),
        );
        let portrait = Portrait { title, description, hosts: [host].into(), ..Portrait::default() };
        let name = name(&format!("io.github.x/{leaf}"));
        let suspect = suspect(&name, &portrait);
        let found = corpus.resemblances(&suspect, &Commonness::default());
        prop_assert!(found.len() <= 2);
        // Whatever a text holds, no more is looked up than this; what is found is bounded too.
        let named = super::suspect::Named::of(&name, &corpus);
        let content = super::content::Content::of(&portrait, &corpus);
        prop_assert!(corpus.name_keys(&named).len() + content.keys().len() <= 3_000);
    }
}
