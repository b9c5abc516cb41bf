use std::sync::{Mutex, PoisonError};

use zstd::bulk::{Compressor, Decompressor};

use crate::store::StoreError;

/// Sample text that entries resemble. It must not change within a format: values packed with it can
/// only be unpacked with it.
const DICTIONARY: &[u8] = include_bytes!("dictionary.json");
/// With a dictionary, the fastest level gives within a few percent of the default level's size.
const LEVEL: i32 = 1;

/// Tag of packed values: the length of the first text and of both, then the two texts.
const PACKED: u8 = 1;
/// A page has 32 MiB at most, and no row is larger than its page.
const MAX_UNPACKED: usize = 64 * 1024 * 1024;

/// A compressor; it cannot be shared and is costly to make.
pub(in crate::store) struct Packer(Compressor<'static>);

/// Decompressors for any number of threads: a thread that finds none idle makes another, so there are
/// as many as threads that unpack at once. They are costly to make, and use memory.
pub(in crate::store) struct Unpackers(Mutex<Vec<Unpacker>>);

struct Unpacker(Decompressor<'static>);

impl Packer {
    pub(in crate::store) fn new() -> Result<Self, StoreError> {
        let compressor = Compressor::with_dictionary(LEVEL, DICTIONARY);
        compressor.map(Self).map_err(|_| StoreError::damaged("the dictionary", "this program"))
    }

    /// Packs two texts.
    pub(in crate::store) fn pack(
        &mut self,
        first: &str,
        second: &str,
    ) -> Result<Vec<u8>, StoreError> {
        let both = [first.as_bytes(), second.as_bytes()].concat();
        let too_large = |_| StoreError::damaged("a text beyond 4 GiB", "a row");
        let length = u32::try_from(both.len()).map_err(too_large)?;
        let border = u32::try_from(first.len()).map_err(too_large)?;
        let packed = self
            .0
            .compress(&both)
            .map_err(|source| StoreError::File { path: "zstd".into(), source })?;
        let mut value = Vec::with_capacity(9 + packed.len());
        value.push(PACKED);
        value.extend(border.to_le_bytes());
        value.extend(length.to_le_bytes());
        value.extend(packed);
        Ok(value)
    }
}

impl Unpackers {
    pub(in crate::store) fn new() -> Result<Self, StoreError> {
        Ok(Self(Mutex::new(vec![Unpacker::new()?])))
    }

    /// Returns the two texts of a packed value; `None` when it is damaged.
    pub(in crate::store) fn unpack(&self, value: &[u8]) -> Option<(Box<str>, Box<str>)> {
        let idle = self.idle().pop();
        let mut unpacker = idle.map_or_else(Unpacker::new, Ok).ok()?;
        let unpacked = unpacker.unpack(value);
        self.idle().push(unpacker);
        unpacked
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Unpacker>> {
        // A thread that panicked has left no decompressor inside: one in use is taken out of the list.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Unpacker {
    fn new() -> Result<Self, StoreError> {
        let decompressor = Decompressor::with_dictionary(DICTIONARY);
        decompressor.map(Self).map_err(|_| StoreError::damaged("the dictionary", "this program"))
    }

    /// Returns the two texts of a packed value; `None` when it is damaged.
    fn unpack(&mut self, value: &[u8]) -> Option<(Box<str>, Box<str>)> {
        let (&PACKED, rest) = value.split_first()? else {
            return None;
        };
        let (border, rest) = rest.split_first_chunk()?;
        let (length, packed) = rest.split_first_chunk()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let border = usize::try_from(u32::from_le_bytes(*border)).ok()?;
        if length > MAX_UNPACKED {
            return None;
        }
        let both = self.0.decompress(packed, length).ok()?;
        let both = String::from_utf8(both).ok()?;
        let (first, second) = both.split_at_checked(border)?;
        (both.len() == length).then(|| (first.into(), second.into()))
    }
}

/// Returns the unpacked length of a packed value, as its header states it.
pub(in crate::store) fn unpacked_length(value: &[u8]) -> u64 {
    let length = value.get(5..).and_then(|rest| rest.first_chunk());
    length.map_or(0, |length| u64::from(u32::from_le_bytes(*length)))
}

impl std::fmt::Debug for Packer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Packer")
    }
}

impl std::fmt::Debug for Unpackers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Unpackers")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Digest;

    #[test]
    fn dictionary_of_this_format_is_unchanged() {
        assert_eq!(Digest::of(DICTIONARY).to_string(), include_str!("dictionary.sha256").trim());
    }

    #[test]
    fn packed_texts_are_unpacked_unchanged() {
        let (mut packer, unpacker) =
            (Packer::new().expect("a packer"), Unpackers::new().expect("unpackers"));
        for (first, second) in [("", ""), ("{}", "é"), (&"x".repeat(300_000), "{\"a\":1}")] {
            let packed = packer.pack(first, second).expect("packed");
            assert_eq!(unpacker.unpack(&packed), Some((first.into(), second.into())));
        }
    }

    #[test]
    fn damaged_value_does_not_unpack_and_does_not_panic() {
        let (mut packer, unpacker) =
            (Packer::new().expect("a packer"), Unpackers::new().expect("unpackers"));
        let packed =
            packer.pack(&"first text, and more of it".repeat(9), "second").expect("packed");
        for length in 0..packed.len() {
            assert_eq!(unpacker.unpack(&packed[..length]), None, "cut to {length}");
        }
        for index in 0..9 {
            let mut flipped = packed.clone();
            flipped[index] ^= 0xff;
            assert_ne!(
                unpacker.unpack(&flipped),
                unpacker.unpack(&packed),
                "byte {index} of the frame is flipped"
            );
        }
    }
}
