use super::head::timestamp;
use crate::history::Event;
use crate::model::Timestamp;
use crate::store::StoreError;

const BLOCK: u8 = 1;
/// Kind, time of the commit, count and unpacked length.
const HEADER_BYTES: usize = 17;
/// The fastest level: the events of a publication have most of their text in common.
const LEVEL: i32 = 1;
/// Events have bounded texts, and a block a bounded number of events.
const MAX_UNPACKED: usize = 64 * 1024 * 1024;

/// The events of one commit, or some of many, that follow one another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct Block {
    pub(in crate::store) committed_at: Timestamp,
    pub(in crate::store) events: Vec<Event>,
}

pub(in crate::store) fn block(
    events: &[Event],
    committed_at: Timestamp,
) -> Result<Vec<u8>, StoreError> {
    let damaged = || StoreError::damaged("events that cannot be encoded", "memory");
    let encoded = postcard::to_allocvec(events).map_err(|_| damaged())?;
    let packed = zstd::bulk::compress(&encoded, LEVEL)
        .map_err(|source| StoreError::File { path: "zstd".into(), source })?;
    let count = u32::try_from(events.len()).map_err(|_| damaged())?;
    let length = u32::try_from(encoded.len()).map_err(|_| damaged())?;
    let mut value = Vec::with_capacity(HEADER_BYTES + packed.len());
    value.push(BLOCK);
    value.extend(committed_at.as_micros().to_le_bytes());
    value.extend(count.to_le_bytes());
    value.extend(length.to_le_bytes());
    value.extend(packed);
    Ok(value)
}

/// Returns the time at which a block was committed, and the number of its events.
pub(in crate::store) fn block_header(value: &[u8]) -> Option<(Timestamp, u64)> {
    let (BLOCK, rest) = value.split_first().map(|(kind, rest)| (*kind, rest))? else {
        return None;
    };
    let count = rest.get(8..)?.first_chunk()?;
    Some((timestamp(rest)?, u64::from(u32::from_le_bytes(*count))))
}

pub(in crate::store) fn read_block(value: &[u8]) -> Option<Block> {
    let (committed_at, count) = block_header(value)?;
    let length = value.get(13..)?.first_chunk()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    if length > MAX_UNPACKED {
        return None;
    }
    let encoded = zstd::bulk::decompress(value.get(HEADER_BYTES..)?, length).ok()?;
    let events: Vec<Event> = postcard::from_bytes(&encoded).ok()?;
    (events.len() as u64 == count).then_some(Block { committed_at, events })
}
