use axum::http::{HeaderMap, HeaderValue, Method, header};

/// The seconds for which a browser may keep what OPTIONS allows: a day, the most that one keeps. The answer depends on
/// the settings alone, which are read at the start.
const PREFLIGHT_KEPT: HeaderValue = HeaderValue::from_static("86400");

/// The origins that may read answers. Editors run in web views, and requests of web views have an origin.
/// Errors need the headers too. Of these headers, a request without an origin gets the first two only: the
/// others are 160 bytes that nothing would read.
#[derive(Debug)]
pub(super) struct Cors {
    /// Empty if every origin may.
    origins: Vec<HeaderValue>,
}

impl Cors {
    pub(super) fn of(origins: &[String]) -> Self {
        if origins.iter().any(|origin| origin == "*") {
            return Self { origins: Vec::new() };
        }
        let origins = origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
        Self { origins: origins.collect() }
    }

    pub(super) fn allow(&self, method: &Method, asked: &HeaderMap, headers: &mut HeaderMap) {
        let any_origin = self.origins.is_empty();
        let origin = asked.get(header::ORIGIN).filter(|origin| self.origins.contains(origin));
        let allowed =
            if any_origin { Some(HeaderValue::from_static("*")) } else { origin.cloned() };
        if let Some(allowed) = allowed {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        }
        let vary = if any_origin { "Accept-Encoding" } else { "Accept-Encoding, Origin" };
        headers.insert(header::VARY, HeaderValue::from_static(vary));
        if *method != Method::OPTIONS && !asked.contains_key(header::ORIGIN) {
            return;
        }
        if *method == Method::OPTIONS {
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_KEPT);
        }
        for (name, value) in [
            (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, OPTIONS"),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, Content-Type"),
            (
                header::ACCESS_CONTROL_EXPOSE_HEADERS,
                "ETag, Retry-After, Link, X-Request-Id, Vidimus-Epoch",
            ),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(&["*"], Some("https://a.example"), Some("*"))]
    #[case(&["https://a.example"], Some("https://a.example"), Some("https://a.example"))]
    #[case(&["https://a.example"], Some("https://b.example"), None)]
    #[case(&["https://a.example"], None, None)]
    fn only_configured_origins_are_allowed(
        #[case] origins: &[&str],
        #[case] origin: Option<&'static str>,
        #[case] wanted: Option<&str>,
    ) {
        let origins: Vec<String> = origins.iter().map(ToString::to_string).collect();
        let (mut asked, mut headers) = (HeaderMap::new(), HeaderMap::new());
        if let Some(origin) = origin {
            asked.insert(header::ORIGIN, HeaderValue::from_static(origin));
        }
        Cors::of(&origins).allow(&Method::GET, &asked, &mut headers);
        let allowed = headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN);
        assert_eq!(allowed.and_then(|value| value.to_str().ok()), wanted);
        let vary = headers[header::VARY].to_str().expect("a text");
        assert_eq!(vary.contains("Origin"), origins != ["*"]);
        let exposes = headers.contains_key(header::ACCESS_CONTROL_EXPOSE_HEADERS);
        assert_eq!(exposes, origin.is_some());
    }

    #[rstest::rstest]
    #[case(Method::OPTIONS, true)]
    #[case(Method::GET, false)]
    fn only_the_answer_to_a_preflight_says_how_long_it_may_be_kept(
        #[case] method: Method,
        #[case] is_kept: bool,
    ) {
        let (mut asked, mut headers) = (HeaderMap::new(), HeaderMap::new());
        asked.insert(header::ORIGIN, HeaderValue::from_static("https://a.example"));
        Cors::of(&["*".to_owned()]).allow(&method, &asked, &mut headers);
        let kept = headers.get(header::ACCESS_CONTROL_MAX_AGE);
        assert_eq!(kept.is_some_and(|seconds| seconds == "86400"), is_kept);
    }
}
