//! Matches in words, for people; these texts are never compared.

use std::fmt;

use unicode_security::MixedScript;

use super::compare::Match;
use super::signal::{Field, Signal};
use super::suppressed::Suppressed;
use super::target::Why;
use super::technique::Technique;

impl Why {
    /// Returns the reason, as the end of a sentence that begins with the subject.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Listed => "protected by an overlay",
            Self::Approved => "approved by its name",
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.technique)?;
        match self.field {
            Field::Namespace => self.namespace(f),
            Field::Leaf => self.leaf(f),
            Field::Title if self.technique != Technique::Homograph => {
                write!(f, "the title `{}` says {}", self.value, self.known_as())
            }
            Field::Title | Field::Description => {
                let scripts = if self.value.as_str().is_single_script() {
                    "of another script"
                } else {
                    "of mixed scripts"
                };
                write!(f, "`{}`, {scripts}, reads as {}", self.value, self.known_as())
            }
            Field::Host => self.host(f),
            Field::Package => write!(f, "its package `{}` belongs to the target", self.value),
        }
    }
}

impl Signal {
    fn namespace(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = &self.value;
        let how = match self.technique {
            Technique::NearNamespace => {
                return write!(
                    f,
                    "the namespace `{value}` differs in one character from that of `{}`",
                    self.target
                );
            }
            Technique::SwappedHome => "has the same name as",
            Technique::Confusable => "reads as",
            Technique::Distance => "differs in one character from",
            _ => "contains",
        };
        write!(f, "the registrant of `{value}` {how} {}", self.known_as())
    }

    fn leaf(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { value, target, .. } = self;
        match self.technique {
            Technique::BrandInLeaf | Technique::BrandWithin => write!(f, "`{target}` in `{value}`"),
            Technique::ForeignBrand => write!(f, "{} in the leaf `{value}`", self.known_as()),
            _ => write!(f, "`{value}` and `{}`", target.split('/').next_back().unwrap_or(target)),
        }
    }

    fn host(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // This form makes other scripts visible, and a terminal cannot reorder it.
        let host = idna::domain_to_ascii(&self.value).unwrap_or_else(|_| self.value.clone());
        let how = match self.technique {
            Technique::NearHost => "can be taken for a host of",
            Technique::Homograph => "reads as a host of",
            Technique::SwappedHost => "has another suffix than the host of",
            _ => return write!(f, "the host `{host}` contains `{}`", self.target),
        };
        write!(f, "the host `{host}` {how} `{}`", self.target)
    }

    /// Returns the words for the target: a brand is known as itself, a name by its owner.
    fn known_as(&self) -> String {
        if self.target.contains('/') {
            format!("the owner of `{}`", self.target)
        } else {
            format!("`{}`", self.target)
        }
    }
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.signals.iter().try_for_each(|signal| write!(f, "{signal}; "))?;
        f.write_str(&self.protection())
    }
}

impl Match {
    /// Says why the target is protected.
    #[must_use]
    pub fn protection(&self) -> String {
        format!("`{}` is {}", self.target, self.why.as_str())
    }
}

impl fmt::Display for Suppressed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SameRegistrant { registrant } => write!(f, "both belong to {registrant}"),
            Self::TargetsRepository { registrant } => {
                write!(f, "the repository of the target belongs to {registrant}")
            }
            Self::TargetPointsTo { registrant } => {
                write!(f, "the target itself points to {registrant}")
            }
            Self::FrequentName => f.write_str("many namespaces use this name"),
            Self::NotLookalike { reviewer, reason } => {
                write!(f, "{reviewer} declared it not a lookalike: {reason}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(
        Technique::NearNamespace,
        Field::Namespace,
        "com.strype",
        "stripe",
        "near-namespace: the namespace `com.strype` differs in one character from that of `stripe`"
    )]
    #[case(
        Technique::SwappedHome,
        Field::Namespace,
        "io.stripe",
        "com.stripe/pay",
        "swapped-home: the registrant of `io.stripe` has the same name as the owner of `com.stripe/pay`"
    )]
    #[case(
        Technique::BrandInHome,
        Field::Namespace,
        "com.stripe-pay",
        "stripe",
        "brand-in-home: the registrant of `com.stripe-pay` contains `stripe`"
    )]
    #[case(
        Technique::BrandInLeaf,
        Field::Leaf,
        "stripe-mcp",
        "stripe",
        "brand-in-leaf: `stripe` in `stripe-mcp`"
    )]
    #[case(
        Technique::ForeignBrand,
        Field::Leaf,
        "figma",
        "com.figma/mcp",
        "foreign-brand: the owner of `com.figma/mcp` in the leaf `figma`"
    )]
    #[case(
        Technique::Affix,
        Field::Leaf,
        "playwright",
        "com.x/playwright-mcp",
        "affix: `playwright` and `playwright-mcp`"
    )]
    #[case(
        Technique::BrandInTitle,
        Field::Title,
        "Stripe (official)",
        "stripe",
        "brand-in-title: the title `Stripe (official)` says `stripe`"
    )]
    #[case(
        Technique::Homograph,
        Field::Title,
        "Str\u{456}pe",
        "stripe",
        "homograph: `Str\u{456}pe`, of mixed scripts, reads as `stripe`"
    )]
    #[case(
        Technique::Homograph,
        Field::Description,
        "\u{430}\u{440}\u{440}\u{4cf}\u{435}",
        "apple",
        "homograph: `\u{430}\u{440}\u{440}\u{4cf}\u{435}`, of another script, reads as `apple`"
    )]
    #[case(
        Technique::Homograph,
        Field::Host,
        "str\u{456}pe.com",
        "stripe",
        "homograph: the host `xn--strpe-p2e.com` reads as a host of `stripe`"
    )]
    #[case(
        Technique::BrandInHost,
        Field::Host,
        "stripe-pay.com",
        "stripe",
        "brand-in-host: the host `stripe-pay.com` contains `stripe`"
    )]
    #[case(
        Technique::ForeignPackage,
        Field::Package,
        "npm @a/b",
        "com.a/b",
        "foreign-package: its package `npm @a/b` belongs to the target"
    )]
    fn signal_is_displayed_as_sentence(
        #[case] technique: Technique,
        #[case] field: Field,
        #[case] value: &str,
        #[case] target: &str,
        #[case] wanted: &str,
    ) {
        let (value, target) = (value.to_owned(), target.to_owned());
        assert_eq!(Signal { technique, field, value, target }.to_string(), wanted);
    }
}
