//! Comparisons of names and contents up to the match; each technique has a table in its own file.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::model::Name;
use crate::ownership::{SharedHosts, Verdict};

fn name(text: &str) -> Name {
    Name::parse(text).expect("a name")
}

fn index(subjects: &[(&str, Why)]) -> ScreeningIndex {
    let protected = subjects.iter().map(|(subject, why)| Protected::new(*subject, *why));
    ScreeningIndex::new(protected, SharedHosts::default())
}

/// Compares a name with one version.
fn of(
    index: &ScreeningIndex,
    frequent: &FrequentNames,
    text: &str,
    profile: &EntryProfile,
) -> Vec<Match> {
    compare(index, frequent, &name(text), [profile], None, false).matches
}

/// Returns the reported matches of a name without content.
fn reported(index: &ScreeningIndex, text: &str, frequent: &FrequentNames) -> Vec<Match> {
    let mut found = of(index, frequent, text, &EntryProfile::default());
    found.retain(|found| found.suppressed.is_none());
    found
}

fn like(index: &ScreeningIndex, text: &str) -> Vec<Match> {
    reported(index, text, &FrequentNames::default())
}

fn first_technique(found: &[Match]) -> Option<Technique> {
    found.first().and_then(Match::technique)
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
fn technique_finds_its_kind_of_lookalike(
    #[case] protected: &str,
    #[case] suspect: &str,
    #[case] wanted: Option<Technique>,
) {
    let found = like(&index(&[(protected, Why::Approved)]), suspect);
    assert_eq!(first_technique(&found), wanted, "{found:?}");
}

fn stripe() -> ScreeningIndex {
    let brand = Protected::new("stripe", Why::Listed).of("com.stripe");
    ScreeningIndex::new([brand], SharedHosts::default())
}

#[test]
fn brand_in_its_own_namespace_is_not_reported() {
    assert_eq!(like(&stripe(), "com.stripe/stripe-mcp"), []);
    assert_eq!(like(&stripe(), "com.stripe.pay/stripe"), []);
    let foreign = like(&stripe(), "com.evil/stripe-mcp");
    assert_eq!(foreign[0].level, Level::High);
    assert_eq!(
        foreign[0].to_string(),
        "brand-in-leaf: `stripe` in `stripe-mcp`; `stripe` is protected by an overlay"
    );
}

/// Compares an entry of this content with the subjects of `com.stripe` and `io.github.acmebank`.
fn by_content(content: &str) -> Vec<Match> {
    let own = r#"{"name": "io.github.acmebank/ledger", "websiteUrl": "https://www.acmebank.example",
        "packages": [{"registryType": "npm", "identifier": "@acmebank/ledger"},
                     {"registryType": "oci", "identifier": "images.example/acme/ledger:1"}],
        "repository": {"url": "https://github.com/acmebank/ledger"}}"#;
    let own = EntryProfile::read(own).expect("an entry");
    let index = ScreeningIndex::new(
        [
            Protected::new("stripe", Why::Listed).of("com.stripe"),
            Protected::new("io.github.acmebank/ledger", Why::Approved).shown(own),
        ],
        SharedHosts::default(),
    );
    let entry = content.replacen('{', r#"{"name": "io.github.someone/unlike", "#, 1);
    let profile = EntryProfile::read(&entry).expect("an entry");
    of(&index, &FrequentNames::default(), "io.github.someone/unlike", &profile)
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
#[case(r#"{"remotes": [{"url": "https://{tenant}.strlpe.com"}]}"#, Some(Technique::NearHost))]
#[case(
    r#"{"packages": [{"registryType": "npm", "identifier": "@acmebank/ledger"}]}"#,
    Some(Technique::ForeignPackage)
)]
#[case(
    r#"{"packages": [{"registryType": "oci", "identifier": "images.example/acme/ledger:2"}]}"#,
    Some(Technique::ForeignPackage)
)]
#[case(r#"{"packages": [{"registryType": "pypi", "identifier": "@acmebank/ledger"}]}"#, None)]
fn content_and_hosts_of_an_entry_are_compared(
    #[case] content: &str,
    #[case] wanted: Option<Technique>,
) {
    let found = by_content(content);
    assert_eq!(first_technique(&found), wanted, "{found:?}");
}

#[test]
fn match_text_names_the_evidence() {
    let text = |content: &str| by_content(content).remove(0).to_string();
    assert_eq!(
        text("{\"title\": \"Str\u{456}pe\"}"),
        "homograph: `Str\u{456}pe`, of mixed scripts, reads as `stripe`; `stripe` is protected by an overlay"
    );
    assert_eq!(
        text(r#"{"websiteUrl": "https://stripe.com.login.example"}"#),
        "near-host: the host `stripe.com.login.example` can be taken for a host of `stripe`; `stripe` is protected by an overlay"
    );
    let both = text(
        r#"{"title": "Acmebank", "packages": [{"registryType": "npm", "identifier": "@acmebank/ledger"}]}"#,
    );
    assert!(
        both.contains(
            "foreign-package: its package `npm @acmebank/ledger` belongs to the target; brand-in-title: "
        ),
        "{both}"
    );
}

fn of_repository(owner: &str, repository: &str) -> EntryProfile {
    let url = format!("https://github.com/{owner}/{repository}");
    EntryProfile::read(&format!(r#"{{"name": "a.b/c", "repository": {{"url": "{url}"}}}}"#))
        .expect("an entry")
}

#[rstest::rstest]
// Only the entry of the target counts, not what the suspect claims.
#[case(
    "io.github.vercel/vercel",
    of_repository("x", "y"),
    Some("the repository of the target belongs to github:vercel")
)]
#[case("io.github.evil/vercel", of_repository("vercel", "mcp"), None)]
#[case(
    "page.vercel/vercel",
    EntryProfile::default(),
    Some("the target itself points to vercel.page")
)]
#[case("com.vercel.labs/vercel", EntryProfile::default(), Some("both belong to vercel.com"))]
fn match_known_to_the_target_is_suppressed(
    #[case] text: &str,
    #[case] profile: EntryProfile,
    #[case] wanted: Option<&str>,
) {
    let own = r#"{"name": "com.vercel/mcp", "websiteUrl": "https://vercel.page",
        "repository": {"url": "https://github.com/vercel/mcp"}}"#;
    let own = EntryProfile::read(own).expect("an entry");
    let target = Protected::new("com.vercel/mcp", Why::Approved).shown(own);
    let index = ScreeningIndex::new([target], SharedHosts::default());
    let found = of(&index, &FrequentNames::default(), text, &profile);
    let suppressed = found[0].suppressed.as_ref().map(ToString::to_string);
    assert_eq!(suppressed.as_deref(), wanted, "{found:?}");
    // A match of a revoked namespace is not suppressed.
    let revoked = Some(Verdict::Revoked);
    let found =
        compare(&index, &FrequentNames::default(), &name(text), [&profile], revoked, false).matches;
    let is_sibling = text.starts_with("com.vercel");
    assert!(!is_sibling || found[0].suppressed.is_none(), "{found:?}");
}

#[test]
fn equal_leaf_counts_only_with_equal_repository_name() {
    let target = Protected::new("io.github.microsoft/playwright-mcp", Why::Approved)
        .shown(of_repository("microsoft", "playwright-mcp"));
    let index = ScreeningIndex::new([target], SharedHosts::default());
    let found = |profile: &EntryProfile| {
        of(&index, &FrequentNames::default(), "com.else/playwright-mcp", profile)
    };
    assert_eq!(found(&of_repository("else", "something")), []);
    let fork = found(&of_repository("else", "playwright-mcp"));
    assert_eq!((fork[0].technique(), fork[0].level), (Some(Technique::SameLeaf), Level::Low));
    let imitation = found(&of_repository("microsoft", "playwright-mcp"));
    assert!(
        imitation[0].score > fork[0].score,
        "an entry that claims the repository of the target imitates it"
    );
}

#[test]
fn score_depends_on_protection_verdict_and_age() {
    let score = |why: Why, verdict: Option<Verdict>, is_young: bool| {
        let (name, index) = (name("io.github.someone/str1pe"), index(&[("stripe", why)]));
        compare(&index, &FrequentNames::default(), &name, [], verdict, is_young).matches[0].score
    };
    let usual = score(Why::Approved, None, false);
    assert_eq!(Level::of(usual), Level::Medium);
    assert!(score(Why::Listed, None, false) > usual);
    assert!(score(Why::Internal, None, false) > score(Why::Listed, None, false));
    assert!(score(Why::Approved, None, true) > usual);
    assert!(score(Why::Approved, Some(Verdict::Verified), false) < usual);
    assert_eq!(score(Why::Approved, Some(Verdict::Unverified), false), usual);
    assert_eq!(Level::of(score(Why::Approved, Some(Verdict::Revoked), false)), Level::High);
}

#[test]
fn leaf_of_many_namespaces_is_suppressed() {
    let names: Vec<Name> =
        (0..9).map(|number| name(&format!("com.n{number}/weather-mcp"))).collect();
    let index = index(&[("com.n0/weather-mcp", Why::Approved)]);
    assert_eq!(reported(&index, "com.other/weather", &FrequentNames::of(&names[..2])).len(), 1);
    let frequent = FrequentNames::of(&names);
    assert_eq!(reported(&index, "com.other/weather", &frequent), []);
    let found = of(&index, &frequent, "com.other/weather", &EntryProfile::default());
    assert_eq!(found[0].suppressed, Some(Suppressed::FrequentName));
    assert_eq!(first_technique(&found), Some(Technique::Affix), "the evidence is kept");
}

const BANKS: [(&str, Why); 3] = [
    ("com.a/alpha-bank", Why::Approved),
    ("com.b/alphabank", Why::Internal),
    ("bank", Why::Listed),
];

#[test]
fn protected_name_in_another_case_is_not_reported() {
    assert_eq!(like(&index(&BANKS), "com.A/Alpha-Bank"), []);
}

#[test]
fn order_of_the_protected_names_changes_no_report() {
    let mut reversed = BANKS;
    reversed.reverse();
    let (left, right) = (index(&BANKS), index(&reversed));
    let suspect = "com.c/alpha_bank-server";
    assert_eq!(like(&left, suspect), like(&right, suspect));
    assert_eq!(like(&left, suspect).len(), 3);
}

/// P25.
#[test]
fn number_of_compared_targets_is_bounded() {
    let names: Vec<String> =
        (0..2_000).map(|number| format!("com.n{number}/weather-map")).collect();
    let subjects: Vec<(&str, Why)> = names
        .iter()
        .map(|name| (name.as_str(), Why::Approved))
        .chain([("weather", Why::Listed)])
        .collect();
    let (frequent, suspect) = (FrequentNames::default(), name("com.other/weather-maps"));
    let profile = EntryProfile::default();
    let all = compare(&index(&subjects), &frequent, &suspect, [&profile], None, false);
    assert_eq!(all.matches.len(), super::compare::MAX_COMPARED);
    assert_eq!(all.matches[0].target, "weather", "the highest weight is among them");
    assert_eq!(all.incomplete, BTreeSet::from([0]), "it does not count as compared");
    let few = compare(&index(&subjects[..499]), &frequent, &suspect, [&profile], None, false);
    assert_eq!((few.matches.len(), few.incomplete.len()), (499, 0));
}

/// P25: padding moves no disguise behind a limit.
#[rstest::rstest]
#[case::description(&format!(r#"{{"description": "{}\u0455tripe"}}"#, "x ".repeat(200)))]
#[case::title(&format!(r#"{{"title": "{} \u0455tripe"}}"#, "x".repeat(200)))]
#[case::long_word(&format!(r#"{{"description": "\u0455tripe{}"}}"#, "\u{200d}".repeat(200)))]
#[case::words_of_a_host(&format!(r#"{{"websiteUrl": "https://{}stripe.x.example"}}"#, "a-".repeat(20)))]
#[case::labels_of_a_host(&format!(r#"{{"websiteUrl": "https://{}stripe.com.x.example"}}"#, "a.".repeat(10)))]
fn what_exceeds_a_limit_does_not_count_as_compared(#[case] content: &str) {
    let entry = content.replacen('{', r#"{"name": "com.other/tool", "#, 1);
    let profile = EntryProfile::read(&entry).expect("an entry");
    let plain = EntryProfile::default();
    let (frequent, suspect) = (FrequentNames::default(), name("com.other/tool"));
    let all = compare(&stripe(), &frequent, &suspect, [&plain, &profile, &plain], None, false);
    assert_eq!(all.incomplete, BTreeSet::from([1]));
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
    fn order_of_subjects_and_names_does_not_matter(
        subjects in Just(SUBJECTS.to_vec()).prop_shuffle(),
        names in Just(SUBJECTS[..2].iter().map(|(subject, _)| name(subject)).collect::<Vec<_>>()).prop_shuffle(),
        leaf in prop::sample::select(vec!["alpha-bank", "a1pha_bank", "bank-alpha", "alphabanks", "mcp"]),
        namespace in prop::sample::select(vec!["com.c", "com.alpho", "io.github.bank", "org.alpha"]),
    ) {
        let suspect = format!("{namespace}/{leaf}");
        let found = reported(&index(&subjects), &suspect, &FrequentNames::of(&names));
        let frequent = FrequentNames::of(names.iter().rev());
        let wanted = reported(&index(&SUBJECTS), &suspect, &frequent);
        prop_assert_eq!(found, wanted);
    }

    #[test]
    fn text_of_any_script_does_not_panic(
        subject in "\\PC{0,40}",
        leaf in "[a-zA-Z0-9._-]{1,150}",
        title in "\\PC{0,300}",
        description in "\\PC{0,300}",
        host in "\\PC{0,80}",
    ) {
        let own = EntryProfile { title: title.clone(), hosts: [host.clone()].into(), ..EntryProfile::default() };
        let index = ScreeningIndex::new(
            [
                Protected::new(subject, Why::Listed).of("com.example"),
                Protected::new("com.example/tool", Why::Approved).shown(own),
            ],
            SharedHosts::default(),
        );
        let profile = EntryProfile { title, description, hosts: [host].into(), ..EntryProfile::default() };
        let name = name(&format!("io.github.x/{leaf}"));
        let found = compare(&index, &FrequentNames::default(), &name, [&profile], None, true).matches;
        prop_assert!(found.len() <= 2);
        prop_assert!(found.iter().all(|found| !found.to_string().is_empty()));
        // The number of lookups is bounded for every text.
        let (mut looked_up, shared) = (0, index.shared());
        let suspect = super::suspect::SuspectName::of(&name, shared);
        let content = super::suspect::SuspectContent::of(&profile, shared);
        super::key::name_keys(&suspect, &[7, 8].into(), &mut |_| looked_up += 1);
        super::key::content_keys(&content, &mut |_| looked_up += 1);
        prop_assert!(looked_up <= 3_000);
    }
}

fn with_title(title: &str) -> EntryProfile {
    EntryProfile { title: title.to_owned(), ..EntryProfile::default() }
}

#[test]
fn name_that_is_protected_in_part_is_compared_with_the_others_and_never_with_itself() {
    let subjects = |in_part| {
        let own = Protected { in_part, ..Protected::new("com.strlpe/mcp", Why::Approved) };
        [own, Protected::new("com.stripe/mcp", Why::Approved)]
    };
    let targets = |in_part| -> Vec<String> {
        let index = ScreeningIndex::new(subjects(in_part), SharedHosts::default());
        let found = like(&index, "com.strlpe/mcp");
        found.into_iter().map(|found| found.target).collect()
    };
    assert_eq!(targets(false), Vec::<String>::new());
    assert_eq!(targets(true), ["com.stripe/mcp"]);
}

#[test]
fn signals_of_all_versions_are_kept_once() {
    let index = stripe();
    let profiles: Vec<EntryProfile> = (0..40)
        .map(|number| with_title(&format!("Stripe number {number}")))
        .chain([with_title("Str\u{456}pe"), with_title("Plain"), with_title("Str\u{456}pe")])
        .collect();
    let name = name("io.github.someone/plain");
    let compare = |profiles: &mut dyn Iterator<Item = &EntryProfile>| {
        super::compare(&index, &FrequentNames::default(), &name, profiles, None, false).matches
    };
    let found = compare(&mut profiles.iter());
    let signals = &found[0].signals;
    assert_eq!(signals.len(), 41);
    assert_eq!(signals[0].technique, Technique::Homograph);
    assert_eq!(signals[1].technique, Technique::BrandInTitle);
    assert_eq!(signals.iter().collect::<BTreeSet<_>>().len(), signals.len());
    // Neither the order of versions nor their number matters.
    assert_eq!(compare(&mut profiles.iter().rev()), found);
    let alone = compare(&mut profiles[40..41].iter());
    assert_eq!((alone[0].score, alone[0].level), (found[0].score, found[0].level));
}

#[test]
fn every_host_of_one_version_is_evidence() {
    let content = r#"{"websiteUrl": "https://stripe.dev", "remotes": [
        {"url": "https://strlpe.com"}, {"url": "https://docs.stripe.com"}]}"#;
    let found = by_content(content).remove(0);
    let signals = found.signals.iter().map(|signal| (signal.technique, signal.value.as_str()));
    let wanted = [(Technique::NearHost, "strlpe.com"), (Technique::SwappedHost, "stripe.dev")];
    assert_eq!(signals.collect::<Vec<_>>(), wanted);
}

#[test]
fn match_survives_serialization() {
    let mut found =
        of(&stripe(), &FrequentNames::default(), "com.stripe.x/stripe", &with_title("x"));
    let suppressed = Suppressed::NotLookalike { reviewer: "a".to_owned(), reason: "b".to_owned() };
    for suppressed in [found[0].suppressed.clone(), None, Some(suppressed)] {
        found[0].suppressed = suppressed;
        let written = serde_json::to_string(&found).expect("JSON");
        assert_eq!(serde_json::from_str::<Vec<Match>>(&written).expect("matches"), found);
    }
}
