use crate::lookalike::signal::Signal;
use crate::lookalike::suspect::{SuspectContent, in_package};
use crate::lookalike::target::Target;
use crate::lookalike::technique::Technique;

/// Reports every package that belongs to the target.
pub(in crate::lookalike) fn foreign_packages(
    content: &SuspectContent<'_>,
    target: &Target,
) -> Vec<Signal> {
    let shared = content.profile.packages.intersection(&target.protected.profile.packages);
    let signals = shared.map(|(kind, identifier)| {
        in_package(Technique::ForeignPackage, (kind, identifier), target)
    });
    signals.collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{entry, with_content};
    use super::*;

    #[rstest::rstest]
    #[case(&[("npm", "@acme/ledger")], &["npm @acme/ledger"])]
    #[case(&[("oci", "images.example/acme:2"), ("npm", "@acme/ledger")], &["npm @acme/ledger", "oci images.example/acme"])]
    #[case(&[("pypi", "@acme/ledger")], &[])]
    #[case(&[("npm", "@acme/ledgers")], &[])]
    #[case(&[], &[])]
    fn every_package_of_the_target_is_reported(
        #[case] packages: &[(&str, &str)],
        #[case] wanted: &[&str],
    ) {
        let target = entry(
            "com.acme/ledger",
            r#""packages": [{"registryType": "npm", "identifier": "@acme/ledger"},
                {"registryType": "oci", "identifier": "images.example/acme:1"}]"#,
        );
        let packages: Vec<String> = packages
            .iter()
            .map(|(kind, text)| format!(r#"{{"registryType": "{kind}", "identifier": "{text}"}}"#))
            .collect();
        let members = format!(r#""packages": [{}]"#, packages.join(","));
        let found = with_content(&members, |content| foreign_packages(content, &target));
        let values: Vec<&str> = found.iter().map(|signal| signal.value.as_str()).collect();
        assert_eq!(values, wanted);
    }
}
