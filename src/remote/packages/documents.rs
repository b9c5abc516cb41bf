//! The parts of the documents of package registries that name a server or its files. Everything else in them is skipped while they are
//! read, since a few megabytes of JSON make hundreds of megabytes of values.

use std::fmt;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A text; `None` for any other value.
#[derive(Debug, Default, Clone)]
pub(super) struct Text(pub(super) Option<String>);

/// The metadata of one version of an npm package.
#[derive(Debug, Deserialize)]
pub(super) struct NpmVersion {
    #[serde(default)]
    pub(super) name: Text,
    #[serde(default)]
    pub(super) version: Text,
    #[serde(default, rename = "mcpName")]
    pub(super) mcp_name: Text,
    #[serde(default)]
    pub(super) dist: NpmDist,
}

/// The tarball of a version. Its weaker `shasum` is not read.
#[derive(Debug, Default, Deserialize)]
pub(super) struct NpmDist {
    #[serde(default)]
    pub(super) integrity: Text,
}

/// The metadata of a Python package.
#[derive(Debug, Deserialize)]
pub(super) struct PythonProject {
    pub(super) info: PythonInfo,
    /// The files of one version.
    #[serde(default)]
    pub(super) urls: Vec<PythonFile>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PythonFile {
    #[serde(default)]
    pub(super) filename: Text,
    #[serde(default)]
    pub(super) digests: PythonDigests,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct PythonDigests {
    #[serde(default)]
    pub(super) sha256: Text,
}

#[derive(Debug, Deserialize)]
pub(super) struct PythonInfo {
    #[serde(default)]
    pub(super) name: Text,
    #[serde(default)]
    pub(super) version: Text,
    #[serde(default)]
    pub(super) description: Text,
}

/// An index, a manifest or a configuration of an image.
#[derive(Debug, Deserialize)]
pub(super) struct ImageDocument {
    #[serde(default)]
    annotations: Labels,
    #[serde(default)]
    pub(super) manifests: Vec<Reference>,
    #[serde(default)]
    pub(super) config: ImageConfig,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Reference {
    #[serde(default)]
    pub(super) digest: Text,
    #[serde(default)]
    pub(super) platform: Platform,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Platform {
    #[serde(default)]
    os: Text,
    #[serde(default)]
    architecture: Text,
    #[serde(default)]
    variant: Text,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct ImageConfig {
    #[serde(default)]
    pub(super) digest: Text,
    #[serde(default, rename = "Labels")]
    labels: Option<Labels>,
}

/// The annotation, or label, by which an image names its server.
#[derive(Debug, Default, Deserialize)]
struct Labels {
    #[serde(default, rename = "io.modelcontextprotocol.server.name")]
    name: Text,
}

/// The list of what refers to an image.
#[derive(Debug, Deserialize)]
pub(super) struct ReferrerIndex {
    pub(super) manifests: Vec<Referrer>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Referrer {
    #[serde(default)]
    pub(super) digest: Text,
    #[serde(default, rename = "artifactType")]
    pub(super) artifact_type: Text,
    #[serde(default)]
    pub(super) annotations: BundleAnnotations,
}

/// The annotation that says what a bundle is about. It is not signed.
#[derive(Debug, Default, Deserialize)]
pub(super) struct BundleAnnotations {
    #[serde(default, rename = "dev.sigstore.bundle.predicateType")]
    pub(super) predicate_type: Text,
}

/// A manifest that attaches a bundle to an image.
#[derive(Debug, Deserialize)]
pub(super) struct BundleManifest {
    #[serde(default)]
    pub(super) layers: Vec<Layer>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Layer {
    #[serde(default, rename = "mediaType")]
    pub(super) media_type: Text,
    #[serde(default)]
    pub(super) digest: Text,
}

#[derive(Debug, Deserialize)]
pub(super) struct TokenDocument {
    #[serde(default)]
    pub(super) token: Text,
    #[serde(default)]
    pub(super) access_token: Text,
}

impl ImageDocument {
    /// Returns the name of the server in an annotation or a label.
    pub(super) fn name(&self) -> Option<&str> {
        let label = || self.config.labels.as_ref()?.name.0.as_deref();
        self.annotations.name.0.as_deref().or_else(label)
    }
}

impl Platform {
    /// Writes it as `linux/arm64/v8`; `None` for what is attached to an index and runs nowhere, and for other texts.
    pub(super) fn describe(&self) -> Option<String> {
        let Self { os, architecture, variant } = self;
        let parts =
            [Some(os.0.as_deref()?), Some(architecture.0.as_deref()?), variant.0.as_deref()];
        let parts: Vec<&str> = parts.into_iter().flatten().collect();
        let is_word = |part: &&str| {
            (1..=32).contains(&part.len())
                && *part != "unknown"
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        };
        parts.iter().all(is_word).then(|| parts.join("/"))
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        source.deserialize_any(TextOnly)
    }
}

struct TextOnly;

impl<'de> Visitor<'de> for TextOnly {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Text, E> {
        Ok(Text(Some(text.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Text, E> {
        Ok(Text(None))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Text, E> {
        Ok(Text(None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Text, E> {
        Ok(Text(None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Text, E> {
        Ok(Text(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Text, E> {
        Ok(Text(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Text, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Text(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Text, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Text(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(r#"{"name":"x","mcpName":"a.b/c","other":{"":0}}"#, Some("a.b/c"))]
    #[case(r#"{"name":"x","mcpName":{"a":[1,2,{}]}}"#, None)]
    #[case(r#"{"name":"x","mcpName":[["a.b/c"]]}"#, None)]
    #[case(r#"{"name":"x","mcpName":null}"#, None)]
    #[case(r#"{"name":"x"}"#, None)]
    fn only_a_text_names_a_server(#[case] json: &str, #[case] name: Option<&str>) {
        let document: NpmVersion = serde_json::from_str(json).expect("a document");
        assert_eq!(document.mcp_name.0.as_deref(), name);
    }
}
