use std::sync::Arc;

use smol_str::SmolStr;

use super::fields::{EXPIRES, FINDING, NAME, RESULT, SUBJECT, TIME, TOOL, WORD};
use super::found::count;
use super::result::{ScanResult, Verdict};
use super::sarif::read_sarif;
use crate::lint::{Fields, Finding, Kind, Node, Reader, Source, bounded, parse_yaml};
use crate::model::{Digest, Name, Timestamp, Version};

/// The severities of findings, the worst first.
const SEVERITIES: [&str; 5] = ["critical", "high", "medium", "low", "info"];
const MAX_WORD: usize = 128;

/// Reads the file of one result; `None` if it has none but comments.
///
/// # Errors
/// Everything that is wrong with it, each with its place: then it says nothing.
pub fn read_scan(source: &Arc<Source>) -> Result<Option<ScanResult>, Vec<Finding>> {
    let mut reader = Reader::default();
    let documents = parse_yaml(source, &mut reader.findings);
    let mut documents = documents.iter().filter(|node| node.kind != Kind::Null);
    let mut result = None;
    if reader.findings.is_empty() {
        result = documents.next().map(|node| read_document(&mut reader, source, node));
        if let Some(second) = documents.next() {
            reader.error(second, "a second result", "one file for each result");
        }
    }
    if reader.findings.is_empty() { Ok(result.flatten()) } else { Err(bounded(reader.findings)) }
}

fn read_document(reader: &mut Reader, source: &Arc<Source>, node: &Node) -> Option<ScanResult> {
    let fields = reader.mapping(node, &RESULT)?;
    let keys = ["tool", "subject", "verdict", "time", "expires"];
    demand(reader, &fields, "a result", &keys);
    let tool = fields.get("tool").and_then(|node| read_tool(reader, node));
    let subject = fields.get("subject").and_then(|node| read_subject(reader, node));
    let verdict = fields.get("verdict").and_then(|node| reader.word(node, &Verdict::WORDS));
    let time = fields.get("time").and_then(|node| reader.parsed(node, time));
    let expires = fields.get("expires").and_then(|node| reader.parsed(node, last_moment));
    if let Some((time, expires)) = time.zip(expires)
        && expires < time
    {
        reader.error(node, format!("a result that ends at {expires}"), "an end after its `time`");
    }
    let counts = match (fields.get("findings"), fields.get("sarif")) {
        (Some(_), Some(sarif)) => {
            reader.error(sarif, "`sarif` beside `findings`", "one of them");
            Vec::new()
        }
        (Some(findings), None) => read_findings(reader, findings),
        (None, Some(sarif)) => {
            let tool = tool.as_ref().map(|(name, version)| (name.as_str(), version.as_str()));
            read_sarif(reader, sarif, tool)
        }
        (None, None) => Vec::new(),
    };
    let ((tool, tool_version), (name, version, received)) = (tool?, subject?);
    Some(ScanResult {
        file: source.file.clone(),
        digest: Digest::of(source.text.as_bytes()),
        tool,
        tool_version,
        name,
        version,
        received,
        verdict: verdict?,
        counts,
        time: time?,
        expires: expires?,
    })
}

/// Adds a finding for each required key that is absent.
fn demand(reader: &mut Reader, fields: &Fields<'_>, of: &str, keys: &[&str]) {
    for key in keys {
        if fields.get(key).is_none() {
            let allowed: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
            reader.error(fields.node, format!("{of} without `{key}`"), allowed.join(", "));
        }
    }
}

fn read_tool(reader: &mut Reader, node: &Node) -> Option<(SmolStr, SmolStr)> {
    let fields = reader.mapping(node, &TOOL)?;
    demand(reader, &fields, "a tool", &["name", "version"]);
    let name = fields.get("name").and_then(|node| reader.parsed(node, tool_name));
    let version = fields.get("version").and_then(|node| reader.parsed(node, word));
    name.zip(version)
}

fn read_subject(reader: &mut Reader, node: &Node) -> Option<(Name, Version, Digest)> {
    let fields = reader.mapping(node, &SUBJECT)?;
    demand(reader, &fields, "a subject", &["name", "version", "digest"]);
    let name = fields.get("name").and_then(|node| reader.parsed(node, Name::parse));
    let version = fields.get("version").and_then(|node| reader.parsed(node, Version::parse));
    let digest = fields.get("digest").and_then(|node| reader.parsed(node, str::parse::<Digest>));
    Some((name?, version?, digest?))
}

fn read_findings(reader: &mut Reader, node: &Node) -> Vec<(&'static str, usize)> {
    let words = SEVERITIES.map(|word| (word, word));
    let mut found = Vec::new();
    for item in reader.items(node) {
        let Some(fields) = reader.mapping(item, &FINDING) else { continue };
        demand(reader, &fields, "a finding", &["id", "severity"]);
        fields.get("id").and_then(|node| reader.parsed(node, word));
        fields.get("message").and_then(|node| reader.text(node));
        found.extend(fields.get("severity").and_then(|node| reader.word(node, &words)));
    }
    count(&SEVERITIES, &found)
}

/// Reads the name of a tool, which is compared as it is written.
fn tool_name(text: &str) -> Result<SmolStr, &'static str> {
    let is_name = text.starts_with(|first: char| first.is_ascii_alphanumeric());
    word(text).ok().filter(|_| is_name).ok_or(NAME)
}

/// Reads a version of a tool, or the id of a finding.
fn word(text: &str) -> Result<SmolStr, &'static str> {
    let is_word = text.len() <= MAX_WORD && text.bytes().all(|byte| byte.is_ascii_graphic());
    is_word.then(|| text.into()).ok_or(WORD)
}

fn time(text: &str) -> Result<Timestamp, &'static str> {
    Timestamp::parse(text).map_err(|_| TIME)
}

fn last_moment(text: &str) -> Result<Timestamp, &'static str> {
    Timestamp::parse_last_moment(text).map_err(|_| EXPIRES)
}
