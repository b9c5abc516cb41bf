use bytes::Bytes;
use serde::Serialize;

use crate::config::Contact;

/// The place in the document of the API behind which the contact stands.
const INFO: &str = "info:\n";

/// Whom a person asks for a server that is not served, as answers say it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Asking {
    #[serde(skip_serializing_if = "Option::is_none")]
    contact: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_url: Option<String>,
}

impl Asking {
    /// Returns what the settings say; `None` where they say nothing, which changes no byte of any answer.
    pub(super) fn of(contact: &Contact) -> Option<Self> {
        let Contact { name, request_url } = contact.clone();
        let is_empty = name.is_none() && request_url.is_none();
        (!is_empty).then_some(Self { contact: name, request_url })
    }

    /// Returns a sentence for the person who misses a server.
    pub(super) fn sentence(&self) -> String {
        let parts: Vec<&str> =
            [&self.contact, &self.request_url].into_iter().flatten().map(String::as_str).collect();
        format!("To ask for it: {}", parts.join(", "))
    }

    /// Returns the member for the `metadata` of lists, with the comma in front, under a key of our namespace.
    pub(super) fn metadata(&self, namespace: &str) -> Bytes {
        let key = json(&format!("{namespace}/contact"));
        format!(",{key}:{}", json(self)).into()
    }

    /// Returns the document of the API with the contact.
    pub(super) fn document(&self, document: &str) -> String {
        let mail = self.request_url.as_deref().and_then(|url| url.strip_prefix("mailto:"));
        let mail = mail.map(|address| address.split('?').next().unwrap_or_default());
        let page = self.request_url.as_deref().filter(|_| mail.is_none());
        let members = [("name", self.contact.as_deref()), ("url", page), ("email", mail)];
        let members = members.into_iter().filter_map(|(key, value)| Some((key, value?)));
        // A text of JSON is one of YAML.
        let lines: String =
            members.map(|(key, value)| format!("    {key}: {}\n", json(&value))).collect();
        document.replacen(INFO, &format!("{INFO}  contact:\n{lines}"), 1)
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(name: Option<&str>, request_url: Option<&str>) -> Option<Asking> {
        let [name, request_url] = [name, request_url].map(|text| text.map(str::to_owned));
        Asking::of(&Contact { name, request_url })
    }

    #[rstest::rstest]
    #[case(
        Some("A \"team\": #1"),
        Some("https://a.example/x"),
        "  contact:\n    name: \"A \\\"team\\\": #1\"\n    url: \"https://a.example/x\"\n"
    )]
    #[case(None, Some("mailto:a@b.example?subject=x"), "  contact:\n    email: \"a@b.example\"\n")]
    fn document_names_the_contact_once(
        #[case] name: Option<&str>,
        #[case] url: Option<&str>,
        #[case] lines: &str,
    ) {
        let asking = asking(name, url).expect("a contact");
        let document = asking.document("openapi: 3.1.0\ninfo:\n  title: x\nservers: {info:\n 1}\n");
        assert_eq!(
            document,
            format!("openapi: 3.1.0\ninfo:\n{lines}  title: x\nservers: {{info:\n 1}}\n")
        );
    }

    #[test]
    fn settings_without_a_contact_say_nothing() {
        assert!(asking(None, None).is_none());
    }
}
