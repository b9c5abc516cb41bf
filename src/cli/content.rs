use super::print::counted;
use crate::curation::{EntryContent, InputContent, PackageContent, RemoteContent};
use crate::daemon::{Dates, Drift};
use crate::model::{EscapedWhole, FIRST_CHANGES};

/// A fact of an entry as people read it: a label, and a text that a publisher may have written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// Empty for a text that belongs to the line above.
    pub(super) label: String,
    pub(super) text: String,
    /// True for words of ours that ask a person to find something out.
    pub(super) is_question: bool,
}

impl Line {
    pub(super) fn new(label: &str, text: impl Into<String>) -> Self {
        Self { label: label.to_owned(), text: text.into(), is_question: false }
    }

    /// Returns the line as a part of the line above.
    fn indented(self) -> Self {
        let label = self.label.trim();
        let label = if label.is_empty() { "-".to_owned() } else { format!("{label}:") };
        let text = format!("{label} {}", self.text);
        Self { label: String::new(), text, ..self }
    }

    pub(super) fn question(text: impl Into<String>) -> Self {
        Self { is_question: true, ..Self::new("", text) }
    }
}

/// Returns a text as it is printed behind a label: whole, and without more than one space in a row. A terminal breaks a
/// long line anywhere, and what follows must not look like a line of ours, which are indented.
pub(super) fn one_line(text: &str) -> String {
    let text = EscapedWhole(text).to_string();
    let mut line = String::with_capacity(text.len());
    let (mut blank, mut blanks) = (' ', 0);
    // A space at the end is written, too.
    for character in text.chars().map(Some).chain([None]) {
        if let Some(found) = character.filter(|found| found.is_whitespace()) {
            (blank, blanks) = (found, blanks + 1);
            continue;
        }
        match blanks {
            0 => {}
            1 => line.push(blank),
            many => line.push_str(&format!(" [{many} spaces] ")),
        }
        blanks = 0;
        line.extend(character);
    }
    line
}

/// Returns what an entry says of itself, member by member.
pub(super) fn content_lines(content: &EntryContent) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    lines.extend(content.title.as_ref().map(|title| Line::new("title", title)));
    lines.push(Line::new("description", &content.description));
    lines.extend(content.website.as_ref().map(|website| Line::new("website", website)));
    lines.extend(content.repository.as_ref().map(|repository| {
        let id = repository.id.as_ref().map(|id| format!(" (id {id})")).unwrap_or_default();
        let folder = repository.subfolder.as_ref();
        let folder = folder.map(|folder| format!(", folder {folder}")).unwrap_or_default();
        Line::new("repository", format!("{}{id}{folder}", repository.url))
    }));
    content.packages.iter().for_each(|package| add_package(&mut lines, package));
    content.remotes.iter().for_each(|remote| add_remote(&mut lines, "remote", remote));
    if content.packages.is_empty() && content.remotes.is_empty() {
        lines.push(Line::new("reached by", "it names neither packages nor remotes"));
    }
    lines.extend(content.icons.iter().map(|icon| Line::new("icon", icon)));
    if !content.other_members.is_empty() {
        lines.push(Line::new("other members", content.other_members.join(", ")));
    }
    lines
}

/// Returns the dates of a content.
pub(super) fn dates_line(dates: &Dates) -> Line {
    let Dates { published, first_seen, counts_from, .. } = dates;
    // An entry without a date of its publisher has the time of the sync run that found it.
    let published = if published.to_string() == first_seen.to_string() {
        "no date of the publisher".to_owned()
    } else {
        format!("{published} (the publisher's date)")
    };
    let text = format!("{published}, first seen {first_seen}, counts from {counts_from}");
    Line::new("published", text)
}

/// Returns what the upstream sends in place of the content that is shown: the members that differ, and the whole
/// content, since a reviewer may pin it.
pub(super) fn drift_lines(drift: &Drift) -> Vec<Line> {
    let title = Line::new("drift", format!("the upstream sends {} now", drift.received));
    let heading = Line::new("", "the content that it sends now:");
    let content = content_lines(&drift.content).into_iter().map(Line::indented);
    [title]
        .into_iter()
        .chain(change_lines(&drift.changes))
        .chain([heading])
        .chain(content)
        .collect()
}

/// Returns the first members of a difference, and the number of the others.
pub(super) fn change_lines(changes: &[String]) -> impl Iterator<Item = Line> {
    let more = changes.len().saturating_sub(FIRST_CHANGES);
    let more = (more > 0).then(|| {
        let more = counted(more as u64, "more change", "more changes");
        Line::new("", format!("and {more}; `--json` lists them"))
    });
    changes.iter().take(FIRST_CHANGES).map(|change| Line::new("", change)).chain(more)
}

fn add_package(lines: &mut Vec<Line>, package: &PackageContent) {
    let PackageContent { registry_type, identifier, version, exact, .. } = package;
    let version = version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
    let exact = if *exact { "exact" } else { "not exact: it may name other content later" };
    let mut text = format!("{registry_type} {identifier}{version} ({exact})");
    for (label, value) in [
        ("from", &package.registry_base_url),
        ("SHA-256", &package.file_sha256),
        ("run with", &package.runtime_hint),
    ] {
        if let Some(value) = value {
            text.push_str(&format!(", {label} {value}"));
        }
    }
    lines.push(Line::new("package", text));
    lines.extend(package.inputs.iter().map(input_line));
    if package.transport.transport != "stdio" || !package.transport.inputs.is_empty() {
        add_remote(lines, "  reached by", &package.transport);
    }
}

fn add_remote(lines: &mut Vec<Line>, label: &str, remote: &RemoteContent) {
    let url = remote.url.as_deref().unwrap_or("no URL");
    lines.push(Line::new(label, format!("{} {url}", remote.transport)));
    lines.extend(remote.inputs.iter().map(input_line));
}

fn input_line(input: &InputContent) -> Line {
    let name = if input.name.is_empty() { "(without a name)" } else { &input.name };
    let kind = input.place.as_str();
    let secret = if input.secret { " secret" } else { "" };
    let required = if input.required { ", required" } else { "" };
    let quoted = |text: &String| serde_json::Value::from(text.as_str()).to_string();
    let said = |label: &str, text: &Option<String>| {
        text.as_ref().map(|text| format!("{label}{}", quoted(text))).unwrap_or_default()
    };
    let choices: Vec<String> = input.choices.iter().map(quoted).collect();
    let choices = match choices.as_slice() {
        [] => String::new(),
        choices => format!(", one of {}", choices.join(" | ")),
    };
    let text = [
        said(" = ", &input.value),
        required.to_owned(),
        said(", default ", &input.default),
        choices,
        said(", format ", &input.format),
        said(", placeholder ", &input.placeholder),
        said(", value named ", &input.value_hint),
        input.description.as_ref().map(|text| format!(": {text}")).unwrap_or_default(),
    ];
    Line::new("", format!("{kind}{secret} {name}{}", text.concat()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::Timestamp;

    #[test]
    fn entry_without_a_stated_date_has_none_of_its_publisher() {
        let at = |day: i64| Timestamp::from_micros(day * 86_400_000_000);
        let dates = |published| Dates {
            published: at(published),
            updated: at(2),
            first_seen: at(2),
            counts_from: at(2),
        };
        assert!(dates_line(&dates(1)).text.contains("(the publisher's date)"));
        assert!(dates_line(&dates(2)).text.starts_with("no date of the publisher, first seen"));
        let read = Dates { published: at(2).minus(Duration::from_millis(1)), ..dates(2) };
        assert!(dates_line(&read).text.contains("(the publisher's date)"), "a second before");
        let read = Dates { first_seen: at(2).plus(Duration::from_millis(400)), ..dates(2) };
        assert!(dates_line(&read).text.starts_with("no date of the publisher, first seen"));
    }

    #[rstest::rstest]
    #[case("a b", "a b")]
    #[case("a  b", "a [2 spaces] b")]
    #[case("x          digest        sha256:00", "x [10 spaces] digest [8 spaces] sha256:00")]
    #[case(" a   ", " a [3 spaces] ")]
    #[case("a\n   b", "a\\n [3 spaces] b")]
    #[case("a\u{a0}\u{3000}b", "a [2 spaces] b")]
    fn padded_text_does_not_look_like_a_line_of_ours(#[case] text: &str, #[case] printed: &str) {
        assert_eq!(one_line(text), printed);
    }

    #[test]
    fn line_of_an_input_has_every_member() {
        let content = EntryContent::of(
            r#"{"icons":[{"src":"https://i.example/x.svg"}],"remotes":[{"type":"sse","url":"https://{host}/","variables":{"host":
                {"value":"v","default":"d, secret","choices":["a | b","c"],"format":"string","placeholder":"p"}}}]}"#,
        );
        let lines = content_lines(&content);
        let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
        let input = r#"variable host = "v", default "d, secret", one of "a | b" | "c", format "string", placeholder "p""#;
        assert!(texts.contains(&input), "{texts:?}");
        assert!(lines.contains(&Line::new("icon", "https://i.example/x.svg")), "{lines:?}");
    }
}
