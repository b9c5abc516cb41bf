use std::borrow::Cow;

use url::form_urlencoded;

use super::problem::Problem;
use crate::catalog::{Cursor, Query, VersionFilter};
use crate::model::{Timestamp, as_seen};

const DEFAULT_LIMIT: usize = 30;
const MAX_LIMIT: usize = 100;

/// The query parameters of the contract, read strictly; any others are ignored.
#[derive(Debug, Default)]
pub(super) struct Params<'a> {
    cursor: Option<Cow<'a, str>>,
    limit: Option<Cow<'a, str>>,
    search: Option<Cow<'a, str>>,
    updated_since: Option<Cow<'a, str>>,
    version: Option<Cow<'a, str>>,
    include_deleted: Option<Cow<'a, str>>,
}

impl<'a> Params<'a> {
    pub(super) fn read(query: Option<&'a str>) -> Result<Self, Problem> {
        let mut params = Self::default();
        for (key, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if key.contains('\0') || value.contains('\0') {
                return Err(Problem::BadRequest(
                    "The query has a NUL byte, which is not allowed".into(),
                ));
            }
            let place = match key.as_ref() {
                "cursor" => &mut params.cursor,
                "limit" => &mut params.limit,
                "search" => &mut params.search,
                "updated_since" => &mut params.updated_since,
                "version" => &mut params.version,
                "include_deleted" => &mut params.include_deleted,
                _ => continue,
            };
            // The first of several wins, and an empty one is ignored.
            if place.is_none() && !value.is_empty() {
                *place = Some(value);
            }
        }
        Ok(params)
    }

    pub(super) fn limit(&self) -> Result<usize, Problem> {
        let Some(text) = self.limit.as_deref() else {
            return Ok(DEFAULT_LIMIT);
        };
        match text.parse() {
            Ok(limit) if (1..=MAX_LIMIT).contains(&limit) => Ok(limit),
            _ => {
                Err(Problem::Unprocessable(format!("limit must be a number from 1 to {MAX_LIMIT}")))
            }
        }
    }

    pub(super) fn include_deleted(&self) -> Result<Option<bool>, Problem> {
        match self.include_deleted.as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(Problem::Unprocessable("include_deleted must be true or false".into())),
        }
    }

    pub(super) fn with_deleted(&self) -> Result<bool, Problem> {
        Ok(self.include_deleted()?.unwrap_or(false))
    }

    /// Returns the position after the previous page of the versions of one name.
    pub(super) fn position(&self) -> Result<Option<Query>, Problem> {
        match self.cursor.as_deref().map(|text| Cursor::parse(&plus(text))).transpose()? {
            Some(Cursor::Whole(query)) => Ok(Some(query)),
            _ => Ok(None),
        }
    }

    /// Returns the query of a list request. The filters in a cursor of ours win over those of the request,
    /// because clients drop theirs from the second page on.
    pub(super) fn query(&self) -> Result<Query, Problem> {
        let include_deleted = self.include_deleted()?;
        let updated_since = match self.updated_since.as_deref() {
            None => None,
            Some(text) => Some(Timestamp::parse(&plus(text)).map_err(|_| {
                Problem::BadRequest(
                    "updated_since must be an RFC 3339 date and time, such as 2026-08-05T14:30:00Z"
                        .into(),
                )
            })?),
        };
        if updated_since.is_some() && include_deleted == Some(false) {
            return Err(Problem::BadRequest(
                "updated_since includes deleted servers; remove include_deleted=false".into(),
            ));
        }
        let query = Query {
            search: self.search.as_deref().map(str::to_owned),
            version: self
                .version
                .as_deref()
                .map(|text| VersionFilter::parse(&as_seen(&plus(text)))),
            updated_since,
            include_deleted: include_deleted.unwrap_or(false),
            ..Query::default()
        };
        match self.cursor.as_deref().map(|text| Cursor::parse(&plus(text))).transpose()? {
            None => Ok(query),
            Some(Cursor::Whole(whole)) => Ok(whole),
            Some(Cursor::Position { name, version }) => {
                Ok(Query { after: Some((name, version)), ..query })
            }
        }
    }
}

/// Restores each `+` that a client did not escape. It arrives as a space, which timestamps, versions and
/// cursors do not have.
fn plus(text: &str) -> Cow<'_, str> {
    if text.contains(' ') { text.replace(' ', "+").into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Result<Query, String> {
        let params = Params::read(Some(text)).map_err(|problem| problem.to_string())?;
        params.limit().map_err(|problem| problem.to_string())?;
        params.query().map_err(|problem| problem.to_string())
    }

    #[test]
    fn parameters_of_the_contract_are_read_and_others_ignored() {
        let read = query("search=Git+Hub&version=1.0.0+5&include_deleted=true&limit=100&x=%00y");
        assert!(read.is_err(), "a NUL byte");
        let read = query("search=Git+Hub&version=1.0.0+5&include_deleted=true&limit=100&foo=bar");
        let wanted = Query {
            search: Some("Git Hub".into()),
            version: Some(VersionFilter::Exact("1.0.0+5".into())),
            include_deleted: true,
            ..Query::default()
        };
        assert_eq!(read, Ok(wanted));
        assert_eq!(query(""), Ok(Query::default()));
        assert_eq!(query("search=&version=&cursor="), Ok(Query::default()));
    }

    #[test]
    fn offset_with_a_space_for_its_plus_is_read() {
        let read = query("updated_since=2026-01-01T02:00:00+02:00").expect("a query");
        assert_eq!(read.updated_since, Timestamp::parse("2026-01-01T00:00:00Z").ok());
    }

    #[test]
    fn bare_position_keeps_the_filters_of_the_query() {
        let read = query("cursor=a.b/c:1.0.0+5&search=x").expect("a query");
        assert_eq!(read.after, Some(("a.b/c".into(), "1.0.0+5".into())));
        assert_eq!(read.search.as_deref(), Some("x"));
    }

    #[rstest::rstest]
    #[case("limit=0", "limit must be a number from 1 to 100")]
    #[case("limit=101", "limit must be")]
    #[case("limit=-1", "limit must be")]
    #[case("limit=1000000000", "limit must be")]
    #[case("limit=abc", "limit must be")]
    #[case("include_deleted=maybe", "include_deleted must be true or false")]
    #[case("updated_since=yesterday", "updated_since must be an RFC 3339")]
    #[case("updated_since=2026-01-01", "updated_since must be an RFC 3339")]
    #[case(
        "updated_since=2026-01-01T00:00:00Z&include_deleted=false",
        "remove include_deleted=false"
    )]
    #[case("cursor=!!!", "the cursor is not from this registry")]
    fn invalid_parameter_is_rejected_with_what_is_allowed(
        #[case] text: &str,
        #[case] wanted: &str,
    ) {
        let problem = query(text).expect_err("refused");
        assert!(problem.contains(wanted), "{problem}");
    }
}
