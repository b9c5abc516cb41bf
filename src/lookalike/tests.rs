//! What resembles what, technique by technique.

use proptest::prelude::*;

use super::*;
use crate::model::Name;
use crate::ownership::SharedHosts;

fn name(text: &str) -> Name {
    Name::parse(text).expect("a name")
}

fn corpus(subjects: &[(&str, Why)]) -> Corpus {
    let protected = subjects.iter().map(|(subject, why)| Protected {
        subject: (*subject).to_owned(),
        why: *why,
        home: None,
    });
    Corpus::new(protected, Commonness::default(), SharedHosts::default())
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
#[case("io.github.microsoft/playwright-mcp", "com.else/playwright-mcp", Some(Technique::SameLeaf))]
#[case("io.github.microsoft/playwright-mcp", "io.github.microsoft/playwright", None)]
#[case("io.github.microsoft/playwright-mcp", "com.else/p1aywright", Some(Technique::Confusable))]
#[case("io.github.microsoft/playwright-mcp", "com.else/playywrightt", Some(Technique::Confusable))]
#[case("io.github.microsoft/playwright-mcp", "com.else/plawyright", Some(Technique::Distance))]
#[case("io.github.x/korea-stock", "com.else/stock-korea", Some(Technique::SwappedWords))]
#[case("io.github.x/mcp", "com.else/mcp", None)]
#[case("io.github.x/mcp-server", "com.else/mcp", None)]
#[case("com.vendor/search", "org.other/weather", None)]
#[case("stripe", "io.github.someone/stripe-mcp", Some(Technique::BrandInLeaf))]
#[case("stripe", "io.github.someone/mystripetool", Some(Technique::BrandInLeaf))]
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
    let found = corpus(&[(protected, Why::Approved)]).resemblances(&name(suspect));
    let technique = found.first().map(|it| it.technique);
    assert_eq!(technique, wanted, "{found:?}");
}

#[test]
fn a_brand_is_at_home_in_its_own_namespace() {
    let brand =
        Protected { subject: "stripe".into(), why: Why::Listed, home: Some("com.stripe".into()) };
    let corpus = Corpus::new([brand], Commonness::default(), SharedHosts::default());
    assert_eq!(corpus.resemblances(&name("com.stripe/stripe-mcp")), []);
    assert_eq!(corpus.resemblances(&name("com.stripe.pay/stripe")), []);
    let foreign = corpus.resemblances(&name("com.evil/stripe-mcp"));
    assert_eq!(foreign[0].level, Level::High);
    assert_eq!(
        foreign[0].evidence,
        "brand-in-leaf: `stripe` in `stripe-mcp`; `stripe` is protected by an overlay"
    );
}

#[test]
fn what_many_namespaces_say_is_common_speech() {
    let names: Vec<Name> = (0..9).map(|it| name(&format!("com.n{it}/weather-mcp"))).collect();
    let weather =
        Protected { subject: "com.n0/weather-mcp".into(), why: Why::Approved, home: None };
    let known = Corpus::new([weather.clone()], Commonness::of(&names), SharedHosts::default());
    assert_eq!(known.resemblances(&name("com.other/weather")), []);
    let rare = Corpus::new([weather], Commonness::of(&names[..2]), SharedHosts::default());
    assert_eq!(rare.resemblances(&name("com.other/weather")).len(), 1);
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
    assert_eq!(left.resemblances(&name("com.A/Alpha-Bank")), []);
    let suspect = name("com.c/alpha_bank-server");
    assert_eq!(left.resemblances(&suspect), right.resemblances(&suspect));
    assert_eq!(left.resemblances(&suspect).len(), 3);
}

proptest! {
    #[test]
    fn no_text_of_any_script_panics(subject in "\\PC{0,40}", leaf in "[a-zA-Z0-9._-]{1,150}") {
        let corpus = corpus(&[(&subject, Why::Listed), ("com.example/tool", Why::Approved)]);
        let found = corpus.resemblances(&name(&format!("io.github.x/{leaf}")));
        prop_assert!(found.len() <= 2);
    }
}
