use super::content::one_line;
use super::error::{CliError, Exit};
use super::names::{names, unknown};
use super::print::{as_json, counted, out};
use super::target::Target;
use crate::config::Settings;
use crate::curation::{ArtefactReport, PackageReport};
use crate::daemon::{EntryPackages, Screenings, packages as read_packages};
use crate::model::{Escaped, Name};

/// Lists the packages of the entries of a name with their files, or of all entries that are served or approved.
pub(super) async fn packages(
    settings: Settings,
    name: Option<&str>,
    json: bool,
) -> Result<Exit, CliError> {
    let parsed = name.map(|text| {
        Name::parse(text).map_err(|source| CliError::Name { text: text.to_owned(), source })
    });
    let parsed = parsed.transpose()?;
    let target = Target::open(&settings)?;
    let entries = read(&target, parsed.as_ref()).await?;
    if let Some(name) = name
        && entries.is_empty()
    {
        let known = names(&target).await?;
        if !known.names.iter().any(|known| known == name) {
            return Err(unknown(name, name, &known));
        }
    }
    if json {
        as_json(&entries);
    } else if entries.is_empty() {
        out("No packages.");
    } else {
        entries.iter().for_each(|entry| print_entry(entry, name.is_some()));
    }
    Ok(Exit::Done)
}

async fn read(target: &Target, name: Option<&Name>) -> Result<Vec<EntryPackages>, CliError> {
    match target {
        Target::Store(offline) => {
            let (snapshot, now) = offline.known()?;
            Ok(read_packages(&snapshot, offline.policy(), &Screenings::offline(), now, name)?)
        }
        Target::Daemon(operator) => {
            let path: Vec<&str> =
                std::iter::once("packages").chain(name.map(Name::as_str)).collect();
            operator.get(&path, &[]).await
        }
    }
}

fn print_entry(entry: &EntryPackages, verbose: bool) {
    let state = if entry.served { "served" } else { "hidden" };
    let (name, version) = (Escaped(&entry.name), Escaped(&entry.version));
    out(&format!("{name}@{version} from {}: {state}", entry.upstream));
    entry.packages.iter().for_each(|package| print_package(package, verbose));
}

/// Prints a package; the files too if `verbose` is true.
pub(super) fn print_package(package: &PackageReport, verbose: bool) {
    let version = package.version.as_ref();
    let version = version.map(|version| format!(" {}", Escaped(version))).unwrap_or_default();
    let facts = [
        package.floating.map(|floating| format!("floating: {floating}")),
        package.moved_at.map(|at| format!("moved {at}")),
        (!package.artefacts.is_empty())
            .then(|| counted(package.artefacts.len() as u64, "recorded file", "recorded files")),
        (package.more > 0).then(|| counted(package.more, "further file", "further files")),
        package.looked_at.is_none().then(|| "not looked at".to_owned()),
        package.problem.as_ref().map(|why| format!("no usable answer: {}", Escaped(why))),
    ];
    let facts: Vec<String> = facts.into_iter().flatten().collect();
    out(&format!(
        "      package {} {}{version}: {}",
        Escaped(&package.kind),
        Escaped(&package.identifier),
        facts.join(", ")
    ));
    for artefact in package.artefacts.iter().filter(|artefact| verbose || artefact.before.is_some())
    {
        print_artefact(artefact, verbose);
    }
    if let Some(provenance) = &package.provenance {
        out(&format!("        provenance: {}", one_line(&provenance.why)));
    }
    if verbose && let Some(at) = package.next_look {
        out(&format!("        next look {at}"));
    }
}

fn print_artefact(artefact: &ArtefactReport, verbose: bool) {
    let (file, digest) = (Escaped(&artefact.file), Escaped(&artefact.digest));
    out(&format!("        {file}: {digest}"));
    if let Some(before) = &artefact.before {
        out(&format!("          changed: it had {} before", Escaped(before)));
    }
    if verbose {
        out(&format!("          first seen {}, last seen {}", artefact.first, artefact.last));
        if !artefact.platforms.is_empty() {
            out(&format!("          for {}", Escaped(&artefact.platforms.join(", "))));
        }
    }
}
