//! The headers of an answer that speak of further pages. The list of the API says it in its body only; a registry that says
//! it in a header has another shape, and its first page must not count for the whole list.

use reqwest::header::{CONTENT_RANGE, HeaderMap, LINK};

use crate::sync::PagingHeaders;

/// Headers that lead to a next page or count everything, without `x-`.
const KNOWN: [&str; 21] = [
    "next",
    "next-cursor",
    "next-page",
    "next-page-token",
    "next-token",
    "next-link",
    "continuation-token",
    "has-more",
    "has-next",
    "has-next-page",
    "pagination",
    "total",
    "total-count",
    "total-items",
    "total-results",
    "total-pages",
    "total-records",
    "page-count",
    "wp-total",
    "wp-totalpages",
    "ms-continuation",
];
/// More of them are not looked at.
const MAX_HEADERS: usize = 64;

/// Returns the headers that speak of further pages.
pub(super) fn paging_headers(headers: &HeaderMap) -> PagingHeaders {
    let known = headers.iter().filter_map(|(name, value)| {
        let name = name.as_str();
        let bare = name.strip_prefix("x-").unwrap_or(name);
        let text = || String::from_utf8_lossy(value.as_bytes()).into_owned();
        KNOWN.contains(&bare).then(|| (name.to_owned(), text()))
    });
    let ranges = headers.get_all(CONTENT_RANGE).into_iter().filter_map(|range| {
        let (_, total) = range.to_str().ok()?.rsplit_once('/')?;
        let is_number = total.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| ("content-range total".to_owned(), total.to_owned()))
    });
    let values = known.chain(ranges).take(MAX_HEADERS).collect();
    PagingHeaders { links_to_next: links_to_next(headers), values }
}

/// Returns true if a header `Link` leads to a next page (RFC 8288, section 3).
fn links_to_next(headers: &HeaderMap) -> bool {
    let is_next = |parameter: &str| {
        let Some((name, value)) = parameter.split_once('=') else { return false };
        // A comma begins another link.
        let relations = value.split(|c: char| c.is_whitespace() || c == ',' || c == '"');
        name.trim().eq_ignore_ascii_case("rel")
            && relations.into_iter().any(|relation| relation.eq_ignore_ascii_case("next"))
    };
    let links = headers.get_all(LINK).into_iter();
    links.map(|link| String::from_utf8_lossy(link.as_bytes())).any(|text| {
        // An address may contain anything.
        let parameters =
            text.split('<').map(|link| link.split_once('>').map_or(link, |(_, rest)| rest));
        parameters.flat_map(|parameters| parameters.split(';')).any(is_next)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(&[r#"</x?cursor=a>; rel="next""#], true)]
    #[case(&["</x>;REL=Next"], true)]
    #[case(&[r#"</x>; title="a"; rel="prev next""#], true)]
    #[case(&[r#"</a>; rel="prev", </b>; rel="next""#], true)]
    #[case(&["</a>; rel=next, </b>; rel=prev"], true)]
    #[case(&[r#"</s.json>; rel="describedBy""#, r#"</x>; rel="next""#], true)]
    #[case(&[r#"</s.json>; rel="describedBy""#], false)]
    #[case(&["</x;rel=next>; rel=self"], false)]
    #[case(&[r#"</x>; rel="nextdoor""#], false)]
    #[case(&["</x>; rel"], false)]
    #[case(&[], false)]
    fn link_to_a_next_page_is_found_in_every_form(#[case] links: &[&str], #[case] found: bool) {
        let mut headers = HeaderMap::new();
        for link in links {
            headers.append(LINK, link.parse().expect("a header"));
        }
        assert_eq!(links_to_next(&headers), found, "{links:?}");
    }

    #[test]
    fn headers_that_speak_of_further_pages_are_kept_and_no_others() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-total-count", "600"),
            ("next-cursor", "a"),
            ("x-ratelimit-remaining", "7"),
            ("x-request-id", "b"),
            ("content-range", "servers 0-99/600"),
        ] {
            headers.insert(name, value.parse().expect("a header"));
        }
        let mut values = paging_headers(&headers).values;
        values.sort();
        let wanted =
            [("content-range total", "600"), ("next-cursor", "a"), ("x-total-count", "600")];
        assert_eq!(values, wanted.map(|(name, value)| (name.to_owned(), value.to_owned())));
        headers.insert("content-range", "servers 0-99/*".parse().expect("a header"));
        assert_eq!(paging_headers(&headers).values.len(), 2);
    }
}
