use super::attested::{Attested, Subject};
use super::expected::{Expected, Holder};
use super::file_name::{is_npm_release, is_python_release};
use super::finding::{Evidence, Finding, Refusal, Signer, Workload};
use super::repository::{Forge, Repository};
use super::verdict::{Build, Failure, Verdict};
use crate::ownership::{Package, image};

const SLSA: [&str; 2] = ["https://slsa.dev/provenance/v0.2", "https://slsa.dev/provenance/v1"];
const NPM_PUBLISH: &str = "https://github.com/npm/attestation/tree/main/specs/publish/v0.1";
const PYTHON_PUBLISH: &str = "https://docs.pypi.org/attestations/publish/v1";
const IMAGE_SIGNATURE: &str = "https://sigstore.dev/cosign/sign/v1";
/// Characters of a text from outside in a verdict.
const MAX_TEXT: usize = 300;

/// The kinds of predicates that say something about the origin of a package.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// SLSA provenance, which names a builder.
    Provenance,
    /// A signature by the workflow that published the file.
    Signature,
    /// The registry confirms that it published the release.
    Registry,
}

/// Compares the attestations of one file with what is known about its package.
///
/// Enforces: a subject with the digest of the file names this package and version; a known predicate type, issuer and
/// builder; a certificate that names the entry's repository, and an owner that is the account that holds the namespace,
/// by id where both are known. Every attestation of an npm or Python package must agree, since its registry checks what
/// is attached; of an image one is enough, since scanners and others attach their own.
#[must_use]
pub fn judge(evidence: &Evidence, expected: &Expected<'_>) -> Verdict {
    let attestations = match evidence {
        Evidence::Unavailable => return Verdict::Unavailable,
        Evidence::Attestations(attestations) => attestations,
    };
    let (mut build, mut failure) = (None, None);
    for attestation in attestations {
        match examine(attestation, expected) {
            // Provenance names the builder; a signature beside it does not.
            Ok(Some((Kind::Provenance, found))) => build = Some(found),
            Ok(Some((_, found))) => build = build.or(Some(found)),
            Ok(None) => {}
            Err(reason) => failure = failure.or(Some(reason)),
        }
    }
    let is_one_enough = expected.package.registry == "oci";
    match (build, failure) {
        (Some(build), None) => Verdict::Verified(Box::new(build)),
        (Some(build), Some(_)) if is_one_enough => Verdict::Verified(Box::new(build)),
        (_, Some(reason)) => Verdict::Failed { reason },
        (None, None) => Verdict::Unsigned,
    }
}

/// Returns the build that an attestation shows; `None` if it is not about the build.
fn examine(
    attestation: &Result<Finding, Refusal>,
    expected: &Expected<'_>,
) -> Result<Option<(Kind, Build)>, Failure> {
    let finding = attestation.as_ref().map_err(|refusal| Failure::Refused { refusal: *refusal })?;
    let Finding { attested, signer, .. } = finding;
    let kind = match kind(&expected.package.registry, &attested.predicate_type) {
        Some(kind) => kind,
        // A bill of materials, for example.
        None if expected.package.registry == "oci" => return Ok(None),
        None => {
            return Err(Failure::Predicate { predicate_type: bounded(&attested.predicate_type) });
        }
    };
    check_subject(attested, expected)?;
    match (kind, signer) {
        (Kind::Registry, Signer::Registry(_)) => check_release(attested, expected).map(|()| None),
        (Kind::Provenance | Kind::Signature, Signer::Workload(workload)) => {
            build(finding, workload, kind, expected).map(|build| Some((kind, build)))
        }
        (Kind::Registry, Signer::Workload(workload)) => {
            Err(Failure::Signer { signer: bounded(&workload.signer) })
        }
        (_, Signer::Registry(key)) => Err(Failure::Signer { signer: bounded(key) }),
    }
}

fn kind(registry: &str, predicate_type: &str) -> Option<Kind> {
    match (registry, predicate_type) {
        ("npm" | "pypi" | "oci", other) if SLSA.contains(&other) => Some(Kind::Provenance),
        ("npm", NPM_PUBLISH) => Some(Kind::Registry),
        ("pypi", PYTHON_PUBLISH) | ("oci", IMAGE_SIGNATURE) => Some(Kind::Signature),
        _ => None,
    }
}

fn check_subject(attested: &Attested, expected: &Expected<'_>) -> Result<(), Failure> {
    let digests = &expected.artefact.digests;
    let has_digest =
        |subject: &&Subject| subject.digests.iter().any(|digest| digests.contains(digest));
    let mut same = attested.subjects.iter().filter(has_digest).peekable();
    let first = same.peek().ok_or(Failure::OtherArtefact)?.name.clone();
    if same.any(|subject| is_name_of(&subject.name, expected)) {
        Ok(())
    } else {
        Err(Failure::OtherPackage { subject: bounded(&first) })
    }
}

fn is_name_of(subject: &str, expected: &Expected<'_>) -> bool {
    let Expected { package, version, artefact, .. } = *expected;
    match package.registry.as_str() {
        "npm" => is_npm_release(subject, package, version),
        "pypi" => {
            artefact.file.as_deref().is_none_or(|file| file == subject)
                && is_python_release(subject, package, version)
        }
        // The digest of a manifest covers its tag too, and signatures of images have no name.
        "oci" => {
            subject.is_empty()
                || image(&Package::new("oci", subject, None).identifier).0
                    == image(&package.identifier).0
        }
        _ => false,
    }
}

fn same_url(one: &str, other: &str) -> bool {
    one.trim_end_matches('/') == other.trim_end_matches('/')
}

fn check_release(attested: &Attested, expected: &Expected<'_>) -> Result<(), Failure> {
    let is_this = attested.release.as_ref().is_some_and(|release| {
        let is_stated = |registry: &&str| same_url(registry, &release.registry);
        release.name == expected.package.identifier
            && release.version == expected.version
            && expected.registries.iter().any(is_stated)
    });
    let named = || match &attested.release {
        Some(release) => format!("{} {} of {}", release.name, release.version, release.registry),
        None => String::new(),
    };
    if is_this { Ok(()) } else { Err(Failure::OtherPackage { subject: bounded(&named()) }) }
}

fn build(
    finding: &Finding,
    workload: &Workload,
    kind: Kind,
    expected: &Expected<'_>,
) -> Result<Build, Failure> {
    let attested = &finding.attested;
    let forge = match workload.issuer.as_str() {
        "https://token.actions.githubusercontent.com" => Forge::GitHub,
        "https://gitlab.com" => Forge::GitLab,
        other => return Err(Failure::Issuer { issuer: bounded(other) }),
    };
    let (Some(source), Some(commit), Some(ran)) =
        (&workload.repository, &workload.commit, &workload.workflow)
    else {
        return Err(Failure::NoSource);
    };
    let repository = Repository::parse(source).filter(|read| read.forge() == forge);
    let repository = repository.ok_or(Failure::NoSource)?;
    let workflow = inside(ran, source).ok_or(Failure::NoSource)?;
    let builder = check_builder(attested, workload, kind, source)?;
    if let Some(stated) = &attested.repository
        && Repository::parse(before_reference(stated)).as_ref() != Some(&repository)
    {
        let (predicate, certificate) = (bounded(stated), bounded(source));
        return Err(Failure::Contradiction { predicate, certificate });
    }
    match expected.repository {
        None => return Err(Failure::NoRepository { built_from: bounded(source) }),
        Some(other) if *other != repository => {
            let expected = bounded(&other.to_string());
            return Err(Failure::OtherRepository { expected, built_from: bounded(source) });
        }
        Some(_) => {}
    }
    if let Some(holder) = expected.holder {
        check_owner(holder, &repository, workload)?;
    }
    let is_own = inside(&workload.signer, source).is_some();
    Ok(Build {
        repository: bounded(source),
        repository_id: workload.repository_id.as_deref().map(bounded),
        commit: bounded(commit),
        workflow: bounded(workflow),
        called: (!is_own).then(|| bounded(before_reference(&workload.signer))),
        builder: bounded(builder),
        signed_at: finding.signed_at,
    })
}

/// Returns the builder: that of the predicate, if it is one that the certificate confirms, otherwise the machine.
fn check_builder<'b>(
    attested: &'b Attested,
    workload: &'b Workload,
    kind: Kind,
    source: &str,
) -> Result<&'b str, Failure> {
    let runner = workload.runner.as_deref();
    if let Some(other) = runner.filter(|name| !matches!(*name, "github-hosted" | "gitlab-hosted")) {
        return Err(Failure::SelfHosted { runner: bounded(other) });
    }
    if kind == Kind::Signature {
        return Ok(runner.unwrap_or(&workload.issuer));
    }
    let builder = attested.builder.as_deref().unwrap_or_default();
    let is_known = matches!(
        builder,
        "https://github.com/actions/runner" | "https://github.com/actions/runner/github-hosted"
    );
    let is_gitlab =
        builder.strip_prefix(source).is_some_and(|rest| rest.starts_with("/-/runners/"));
    // The generators of GitHub and of SLSA name the workflow that signs.
    if is_known || is_gitlab || builder == workload.signer {
        Ok(builder)
    } else {
        Err(Failure::Builder { builder: bounded(builder) })
    }
}

/// Compares the owner by its id, where the certificate and the namespace have one: a login can be given to another.
fn check_owner(
    holder: &Holder,
    repository: &Repository,
    workload: &Workload,
) -> Result<(), Failure> {
    let is_same = match (holder.id, workload.owner_id.as_deref()) {
        (Some(id), Some(stated)) => stated.parse() == Ok(id),
        _ => holder.login.eq_ignore_ascii_case(repository.owner()),
    };
    if is_same && repository.forge() == Forge::GitHub {
        return Ok(());
    }
    let with_id = |login: &str, id: Option<String>| match id {
        Some(id) => format!("{login} (id {id})"),
        None => login.to_owned(),
    };
    Err(Failure::OtherOwner {
        expected: bounded(&with_id(&holder.login, holder.id.map(|id| id.to_string()))),
        owner: bounded(&with_id(repository.owner(), workload.owner_id.clone())),
    })
}

/// Returns the path of a workflow in its repository; `None` if it is in another one.
fn inside<'w>(workflow: &'w str, source: &str) -> Option<&'w str> {
    let path = before_reference(workflow).strip_prefix(source)?.strip_prefix('/')?;
    Some(path.trim_start_matches('/')).filter(|path| !path.is_empty())
}

/// Returns a URI without the branch, tag or commit behind it.
fn before_reference(uri: &str) -> &str {
    uri.split_once('@').map_or(uri, |(before, _)| before)
}

fn bounded(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}
