use std::collections::BTreeSet;

use serde_json::Value;

use super::EscapedWhole;
use super::difference_text::{added_text, became, bounded, removed_text};

/// Changes that are shown to people at once. The first so many of `all_changes` have some of each member.
pub const FIRST_CHANGES: usize = 100;
/// Changes that are listed for programs. With `WHOLE_TEXT` and the limit on an entry, it bounds the list.
const MOST_CHANGES: usize = 2_000;
/// Characters of one text in a list that is kept with an alert. An acknowledgement covers both contents by their
/// digests, so what is cut here is still bound.
const ALERT_TEXT: usize = 400;
/// Characters of one text for a person who decides: more than most entries have.
const WHOLE_TEXT: usize = 64 * 1024;
/// Characters of a pointer.
const MAX_POINTER: usize = 400;

/// Lists what changed between two `server` objects, by JSON pointer (RFC 6901): at most `most` members, of which the
/// texts are cut, and the number of the others. What a client runs or reaches is listed first.
#[must_use]
pub fn changed_members(before: &str, after: &str, most: usize) -> Vec<String> {
    list(before, after, Limits { first: most, most, text: ALERT_TEXT })
}

/// Lists everything that changed between two `server` objects for a person who decides, with whole texts. An entry is
/// bounded, and so is the list.
#[must_use]
pub fn all_changes(before: &str, after: &str) -> Vec<String> {
    let limits = Limits { first: FIRST_CHANGES, most: MOST_CHANGES, text: WHOLE_TEXT };
    list(before, after, limits)
}

#[derive(Clone, Copy)]
struct Limits {
    first: usize,
    most: usize,
    text: usize,
}

fn list(before: &str, after: &str, limits: Limits) -> Vec<String> {
    let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let (before_value, after_value) = (parse(before), parse(after));
    let compare = |found: &mut dyn FnMut(usize, Change<'_, '_>)| {
        let mut comparison = Comparison { pointer: Vec::new(), found };
        comparison.compare(None, Some(&before_value), Some(&after_value));
    };
    // Nothing is written before it is known how many changes each group has.
    let mut counts = [0; GROUPS];
    compare(&mut |group, _| counts[group] += 1);
    let (first, most) = (shares(counts, limits.first), shares(counts, limits.most));
    let (mut written, mut lists) = ([0; GROUPS], [const { Vec::new() }; 2 * GROUPS]);
    compare(&mut |group, change| {
        if written[group] < most[group] {
            let is_later = written[group] >= first[group];
            lists[group + GROUPS * usize::from(is_later)].push(change.text(limits.text));
            written[group] += 1;
        }
    });
    let mut changes: Vec<String> = lists.into_iter().flatten().collect();
    let more = counts.iter().sum::<usize>() - changes.len();
    if changes.is_empty() && before != after {
        changes.push("only the layout of the bytes".to_owned());
    }
    if more > 0 {
        changes.push(format!("and {more} more; `vidimus show` prints each content"));
    }
    changes
}

/// Members of an entry in the order in which changes of them are listed: first those that decide about what a client
/// runs or reaches. Those that every version changes come last.
const MEMBERS: [&str; 10] = [
    "packages",
    "remotes",
    "repository",
    "websiteUrl",
    "name",
    "description",
    "title",
    "icons",
    "version",
    "$schema",
];
/// Groups of changes: one for each member, and one for everything that the schema does not know. No group can take the
/// place of another one.
const GROUPS: usize = MEMBERS.len() + 1;
const UNKNOWN: usize = MEMBERS.len();

/// Members of packages, remotes, the repository and icons.
const INNER_MEMBERS: [&str; 31] = [
    "registryType",
    "identifier",
    "version",
    "fileSha256",
    "registryBaseUrl",
    "runtimeHint",
    "type",
    "url",
    "transport",
    "source",
    "id",
    "subfolder",
    "src",
    "name",
    "value",
    "default",
    "choices",
    "isSecret",
    "isRequired",
    "isRepeated",
    "format",
    "runtimeArguments",
    "packageArguments",
    "environmentVariables",
    "headers",
    "variables",
    "valueHint",
    "placeholder",
    "description",
    "mimeType",
    "sizes",
];

/// Divides places among groups, so that a group with many changes leaves the others theirs.
fn shares(counts: [usize; GROUPS], places: usize) -> [usize; GROUPS] {
    let mut shares = [0; GROUPS];
    let mut left = places;
    while left > 0 {
        let open: Vec<usize> =
            (0..GROUPS).filter(|group| shares[*group] < counts[*group]).collect();
        let Some(each) = left.checked_div(open.len()) else { break };
        for group in open {
            // Fewer places than groups: the first groups have them.
            let share = each.max(1).min(counts[group] - shares[group]).min(left);
            shares[group] += share;
            left -= share;
        }
    }
    shares
}

/// A comparison under way. A publisher chooses keys and depth, so a pointer is only written where it is shown.
struct Comparison<'v, 'f> {
    pointer: Vec<Step<'v>>,
    found: &'f mut dyn FnMut(usize, Change<'_, '_>),
}

/// A value that was removed, added or changed.
struct Change<'c, 'v> {
    pointer: &'c [Step<'v>],
    before: Option<&'v Value>,
    after: Option<&'v Value>,
}

#[derive(Clone, Copy)]
enum Step<'v> {
    Member(&'v str),
    Item(usize),
}

impl<'v> Comparison<'v, '_> {
    fn compare(
        &mut self,
        group: Option<usize>,
        before: Option<&'v Value>,
        after: Option<&'v Value>,
    ) {
        match (before, after) {
            (Some(Value::Object(before)), Some(Value::Object(after))) => {
                let keys: BTreeSet<&'v String> = before.keys().chain(after.keys()).collect();
                let mut keys: Vec<(usize, &'v String)> =
                    keys.into_iter().map(|key| (self.rank(key), key)).collect();
                keys.sort_by_key(|(rank, _)| *rank);
                for (rank, key) in keys {
                    let group = match group {
                        None => rank,
                        Some(_) if rank == usize::MAX => UNKNOWN,
                        Some(group) => group,
                    };
                    self.pointer.push(Step::Member(key));
                    self.compare(Some(group), before.get(key), after.get(key));
                    self.pointer.pop();
                }
            }
            (Some(Value::Array(before)), Some(Value::Array(after))) => {
                for index in 0..before.len().max(after.len()) {
                    self.pointer.push(Step::Item(index));
                    self.compare(group, before.get(index), after.get(index));
                    self.pointer.pop();
                }
            }
            (before, after) if before != after => {
                let change = Change { pointer: &self.pointer, before, after };
                (self.found)(group.unwrap_or(UNKNOWN), change);
            }
            _ => {}
        }
    }

    /// Returns the place of a member of the object under comparison among its members.
    fn rank(&self, key: &str) -> usize {
        let place = |known: &[&str]| known.iter().position(|known| *known == key);
        match self.pointer.last() {
            None => place(&MEMBERS).unwrap_or(UNKNOWN),
            // Names that the publisher chooses.
            Some(Step::Member("variables")) => 0,
            Some(_) => place(&INNER_MEMBERS).unwrap_or(usize::MAX),
        }
    }
}

impl Change<'_, '_> {
    fn text(&self, most: usize) -> String {
        let change = match (self.before, self.after) {
            (Some(before), Some(after)) => became(before, after, most),
            (Some(gone), None) => removed_text(gone, most),
            (None, new) => added_text(new.unwrap_or(&Value::Null), most),
        };
        format!("{}: {change}", self.pointer())
    }

    fn pointer(&self) -> String {
        let mut pointer = String::new();
        for step in self.pointer {
            if pointer.len() > MAX_POINTER {
                break;
            }
            pointer.push('/');
            match step {
                Step::Member(key) => {
                    let key = key.chars().take(MAX_POINTER).collect::<String>();
                    pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
                }
                Step::Item(index) => pointer.push_str(&index.to_string()),
            }
        }
        bounded(&EscapedWhole(&pointer).to_string(), MAX_POINTER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(r#"{"a":1}"#, r#"{"a":1}"#, &[])]
    #[case(r#"{"a":1}"#, r#"{ "a":1}"#, &["only the layout of the bytes"])]
    #[case(r#"{"a":1,"b":2}"#, r#"{"a":3,"c":4}"#, &["/a: 1 became 3", "/b: 2 removed", "/c: 4 added"])]
    #[case(r#"{"p":[{"i":"x"}]}"#, r#"{"p":[{"i":"y"}]}"#, &[r#"/p/0/i: "x" became "y""#])]
    #[case(r#"{"p":[1]}"#, r#"{"p":[1,2]}"#, &["/p/1: 2 added"])]
    #[case(r#"{"p":[1,2,3]}"#, r#"{"p":[9]}"#, &["/p/0: 1 became 9", "/p/1: 2 removed", "/p/2: 3 removed"])]
    #[case(r#"{"a/b":{"~":1}}"#, r#"{"a/b":{"~":2}}"#, &["/a~1b/~0: 1 became 2"])]
    fn change_is_listed_by_json_pointer(
        #[case] before: &str,
        #[case] after: &str,
        #[case] wanted: &[&str],
    ) {
        assert_eq!(changed_members(before, after, 100), wanted);
    }

    #[test]
    fn long_list_of_changes_is_truncated() {
        let object = |value: u8| {
            let members: Vec<String> =
                (0..112).map(|key| format!(r#""k{key:03}":{value}"#)).collect();
            format!("{{{}}}", members.join(","))
        };
        let changes = changed_members(&object(1), &object(2), 100);
        assert_eq!(
            (changes.len(), changes[100].as_str()),
            (101, "and 12 more; `vidimus show` prints each content")
        );
    }

    #[test]
    fn members_that_every_version_changes_are_shown_last() {
        let object = |value: u8| {
            let keys: Vec<String> = (0..30).map(|key| format!("\"{key}\":{value}")).collect();
            format!(r#"{{"_meta":{{{}}},"version":"{value}","remotes":[{value}]}}"#, keys.join(","))
        };
        let changes = changed_members(&object(1), &object(2), 3);
        assert_eq!(changes[0], "/remotes/0: 1 became 2");
        assert_eq!(changes[3], "and 29 more; `vidimus show` prints each content");
    }

    #[test]
    fn long_texts_are_compared_word_by_word() {
        let object = |word: &str| {
            let text = format!("{}{word} {}", "lorem ipsum ".repeat(20), "dolor sit ".repeat(20));
            serde_json::json!({"d": text.trim()}).to_string()
        };
        let changes = changed_members(&object("reads"), &object("writes"), 10);
        let wanted = "/d: …ipsum lorem ipsum [-reads-]{+writes+} dolor sit… (in a text of";
        assert!(changes[0].replace("  ", " ").starts_with("/d: …"), "{changes:?}");
        assert!(changes[0].contains("[-reads-]{+writes+}"), "{wanted} {changes:?}");
        let unlike = changed_members(
            &object("x"),
            &serde_json::json!({"d": "y".repeat(300)}).to_string(),
            10,
        );
        assert!(unlike[0].contains("became"), "{unlike:?}");
    }

    #[test]
    fn pointers_and_changes_of_a_hostile_object_are_bounded() {
        let key = |index: usize| format!("{index:04}{}", "k".repeat(4_000));
        let leaves: Vec<String> = (0..4_000).map(|leaf| format!("\"{leaf}\":1")).collect();
        let mut object = format!("{{{}}}", leaves.join(","));
        for depth in 0..28 {
            object = format!("{{\"{}\":{object}}}", key(depth));
        }
        let changes = changed_members(&object, &object.replace(":1", ":2"), 20);
        assert_eq!(
            (changes.len(), changes[20].as_str()),
            (21, "and 3980 more; `vidimus show` prints each content")
        );
        let bytes: usize = changes.iter().map(String::len).sum();
        assert!(bytes < 20 * 1_000, "{bytes}");
    }

    /// Everything that a publisher may do to hide a change of what a client runs: other changes around it, and equal
    /// text in front of it.
    #[rstest::rstest]
    #[case::members_that_nothing_knows(|server: &mut Value| {
        for index in 0..105 {
            server[format!("a{index:03}")] = index.into();
        }
    })]
    #[case::members_of_the_package(|server: &mut Value| {
        for index in 0..105 {
            server["packages"][0][format!("a{index:03}")] = index.into();
        }
    })]
    #[case::members_that_every_version_changes(|server: &mut Value| {
        for index in 0..105 {
            server["_meta"][format!("a{index:03}")] = index.into();
        }
    })]
    #[case::icons(|server: &mut Value| server["icons"] = serde_json::json!(vec![1; 105]))]
    #[case::another_package(|server: &mut Value| {
        let package = serde_json::json!({"a": "x".repeat(9_000)});
        server["packages"].as_array_mut().expect("a list").push(package);
    })]
    #[case::variables(|server: &mut Value| {
        server["packages"][0]["environmentVariables"] = serde_json::json!(vec![1; 105]);
    })]
    fn change_of_what_a_client_runs_cannot_be_hidden(#[case] hide: fn(&mut Value)) {
        let server = |identifier: &str, url: &str| {
            serde_json::json!({
                "packages": [{"identifier": identifier, "environmentVariables": []}],
                "remotes": [{"url": url}],
                "repository": {"url": url}, "icons": [], "_meta": {},
            })
        };
        let before = server("benign", "https://benign.example");
        let mut after = server("evil", "https://evil.example");
        hide(&mut after);
        let (before, after) = (before.to_string(), after.to_string());
        let shown = all_changes(&before, &after);
        for (changes, places) in [
            (changed_members(&before, &after, 20), 21),
            (shown[..shown.len().min(100)].to_vec(), 100),
        ] {
            assert!(changes.len() <= places, "{changes:?}");
            for (place, wanted) in [
                ("/packages/0/identifier: ", "evil"),
                ("/remotes/0/url: ", "evil.example"),
                ("/repository/url: ", "evil.example"),
            ] {
                let is_shown =
                    |change: &String| change.starts_with(place) && change.contains(wanted);
                assert!(changes.iter().any(is_shown), "{place} in {changes:?}");
            }
        }
    }

    #[test]
    fn equal_beginnings_of_long_texts_do_not_hide_their_difference() {
        let object =
            |end: &str| format!(r#"{{"remotes":[{{"url":"{}{end}"}}]}}"#, "x".repeat(3_000));
        let changes = changed_members(&object("good"), &object("evil"), 20);
        assert!(
            changes[0].contains("xgood\" became …") && changes[0].contains("xevil\""),
            "{changes:?}"
        );
        // Whole values are compared alike: here one is no text any more.
        let list = |end: &str| format!(r#"{{"packages":{end}}}"#);
        let long = format!("[\"{}\"]", "x".repeat(3_000));
        let changes = changed_members(&list("[]"), &list(&long), 20);
        assert!(
            changes[0].starts_with("/packages/0: ")
                && changes[0].contains("more characters) added")
        );
        assert!(all_changes(&list("[]"), &list(&long))[0].ends_with("x\" added"));
    }

    proptest::proptest! {
        /// However many changes each group has: all places are given, and no group with changes has none.
        #[test]
        fn every_group_has_a_share(counts in proptest::array::uniform11(0_usize..300), places in 11_usize..200) {
            let shares = shares(counts, places);
            proptest::prop_assert_eq!(
                shares.iter().sum::<usize>(), places.min(counts.iter().sum::<usize>())
            );
            for (share, count) in shares.into_iter().zip(counts) {
                proptest::prop_assert!(share <= count && (share > 0) == (count > 0));
            }
        }
    }
}
