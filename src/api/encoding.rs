use std::io::Write;

use axum::http::{HeaderMap, header};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

/// The content encoding of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

/// The smallest body to compress; below this, compression costs more than it saves.
const LEAST_BYTES: usize = 256;
const ZSTD_LEVEL: i32 = 3;

impl Encoding {
    /// Returns the encoding that the client prefers; of equal ones the smallest (RFC 9110, section 12.5.3).
    pub(super) fn accepted(headers: &HeaderMap) -> Self {
        let mut best = (Self::Identity, 0.0);
        let mut named = false;
        for value in headers.get_all(header::ACCEPT_ENCODING) {
            for item in value.to_str().unwrap_or_default().split(',') {
                let (name, weight) = weighted(item);
                let encoding = match name {
                    "zstd" => Self::Zstd,
                    "gzip" | "x-gzip" => {
                        named = true;
                        Self::Gzip
                    }
                    // `*` does not cover an encoding that has its own item.
                    "*" if !named => Self::Gzip,
                    _ => continue,
                };
                let better = weight > best.1 || (weight >= best.1 && encoding == Self::Zstd);
                if weight > 0.0 && better {
                    best = (encoding, weight);
                }
            }
        }
        best.0
    }

    /// Returns this encoding, or `Identity` for a body that is too small.
    pub(super) const fn for_size(self, bytes: usize) -> Self {
        if bytes < LEAST_BYTES { Self::Identity } else { self }
    }

    /// Returns the value of `Content-Encoding`, which is also the suffix of an `ETag`.
    pub(super) const fn word(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
        }
    }

    /// Returns the encoded body; `None` if encoding fails, which does not happen when writing to memory.
    pub(super) fn packed(self, body: &Bytes) -> Option<Bytes> {
        match self {
            Self::Identity => Some(exact(body.to_vec())),
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(body).ok()?;
                encoder.finish().ok().map(exact)
            }
            Self::Zstd => zstd::bulk::compress(body, ZSTD_LEVEL).ok().map(exact),
        }
    }
}

/// Returns bytes without room behind them: an encoder reserves as much as the whole page, a page as much as its items have
/// with what it leaves out, and a cache would keep that.
fn exact(bytes: Vec<u8>) -> Bytes {
    bytes.into_boxed_slice().into()
}

fn weighted(item: &str) -> (&str, f32) {
    let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
    let weight =
        parameters.trim().strip_prefix("q=").map_or(1.0, |text| text.parse().unwrap_or(0.0));
    (name.trim(), weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(Encoding::Gzip)]
    #[case(Encoding::Zstd)]
    #[case(Encoding::Identity)]
    fn encoded_body_takes_no_more_memory_than_it_has_bytes(#[case] encoding: Encoding) {
        // A page is made with room for what its items have left out.
        let mut page = Vec::with_capacity(1_000_000);
        page.resize(if encoding == Encoding::Identity { 9_000 } else { 1_000_000 }, 7);
        let body = Bytes::from(page);
        let packed = encoding.packed(&body).expect("a body");
        let (size, own) = (packed.len(), packed.try_into_mut().expect("no other handle"));
        assert!(size < 10_000 && own.capacity() <= 2 * size, "{} for {size}", own.capacity());
    }

    #[rstest::rstest]
    #[case("", Encoding::Identity)]
    #[case("gzip", Encoding::Gzip)]
    #[case("gzip, deflate, br, zstd", Encoding::Zstd)]
    #[case("zstd, gzip", Encoding::Zstd)]
    #[case("gzip;q=1.0, zstd;q=0.5", Encoding::Gzip)]
    #[case("gzip;q=0", Encoding::Identity)]
    #[case("zstd;q=0, gzip;q=0.1", Encoding::Gzip)]
    #[case("br", Encoding::Identity)]
    #[case("identity", Encoding::Identity)]
    #[case("*", Encoding::Gzip)]
    #[case("gzip;q=0, *", Encoding::Identity)]
    #[case("gzip;q=x", Encoding::Identity)]
    fn preferred_encoding_of_the_client_is_chosen(
        #[case] accepted: &str,
        #[case] wanted: Encoding,
    ) {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, accepted.parse().expect("a header"));
        assert_eq!(Encoding::accepted(&headers), wanted);
    }
}
