use std::io::{Cursor, Seek, SeekFrom, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::archive::{Archive, FeedError};

/// The documents of an archive, or the reasons why they have no bytes.
type Documents = Vec<(String, Result<Vec<u8>, String>)>;

fn packed(files: &[(&str, &[u8])], options: SimpleFileOptions) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer.start_file(*name, options).expect("a file");
        writer.write_all(bytes).expect("written");
    }
    writer.finish().expect("an archive").into_inner()
}

fn open(bytes: &[u8]) -> Result<Archive, FeedError> {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(bytes).expect("written");
    file.seek(SeekFrom::Start(0)).expect("a seek");
    Archive::open(file)
}

fn documents(bytes: &[u8]) -> Result<Documents, FeedError> {
    let mut documents = Documents::new();
    open(bytes)?.for_each(|name, document| -> Result<(), FeedError> {
        documents.push((name.to_owned(), document.map(<[u8]>::to_vec)));
        Ok(())
    })?;
    Ok(documents)
}

fn deflated() -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(CompressionMethod::Deflated)
}

#[rstest::rstest]
#[case::deflated(deflated())]
#[case::stored(SimpleFileOptions::default().compression_method(CompressionMethod::Stored))]
#[case::large(deflated().large_file(true))]
fn documents_of_an_archive_are_those_that_were_packed(#[case] options: SimpleFileOptions) {
    let text = "x".repeat(100_000);
    let files =
        [("a.json", text.as_bytes()), ("README.md", b"no"), ("b/c.json", b"{}"), ("e.json", b"")];
    let bytes = packed(&files, options);
    assert_eq!(open(&bytes).expect("open").count().expect("counted"), 3);
    let read = documents(&bytes).expect("read");
    let wanted = [("a.json", text.as_bytes()), ("b/c.json", b"{}"), ("e.json", b"")];
    assert_eq!(read.len(), wanted.len());
    for ((name, document), (of, bytes)) in read.iter().zip(wanted) {
        assert_eq!((name.as_str(), document.as_deref()), (of, Ok(bytes)));
    }
}

/// More than 65,535 entries need the record for large archives.
#[test]
fn archive_with_very_many_entries_is_read() {
    let names: Vec<String> = (0..70_000).map(|number| format!("{number}.json")).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"{}"[..])).collect();
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let archive = open(&packed(&files, stored)).expect("open");
    assert_eq!(archive.count().expect("counted"), 70_000);
}

#[test]
fn entry_that_unpacks_to_too_much_is_refused_by_itself() {
    let bomb = vec![b'0'; 30 * 1024 * 1024];
    let bytes = packed(&[("bomb.json", &bomb), ("b.json", b"{}")], deflated());
    assert!(bytes.len() < 100_000, "{} bytes", bytes.len());
    let read = documents(&bytes).expect("read");
    assert_eq!(read[0].1, Err("more than 1048576 bytes".to_owned()));
    assert_eq!(read[1].1, Ok(b"{}".to_vec()));
}

#[test]
fn what_is_refused_counts_as_unpacked() {
    let bomb = vec![b'0'; 2 * 1024 * 1024];
    let bytes = packed(&[("a.json", &bomb), ("b.json", &bomb), ("c.json", &bomb)], deflated());
    let mut archive = open(&bytes).expect("open");
    let read = |archive: &Archive| archive.for_each(|_, _| Ok::<_, FeedError>(()));
    assert!(read(&archive).is_ok());
    archive.max_unpacked = 2 * 1024 * 1024;
    assert!(matches!(read(&archive), Err(FeedError::Unpacked)));
}

#[test]
fn refused_name_counts_no_other_document_as_unpacked_again() {
    let text = vec![b' '; 1024 * 1024 - 2];
    let names: Vec<String> = (0..50).map(|number| format!("../{number}.json")).collect();
    let bad = names.iter().map(|name| (name.as_str(), &b"{}"[..]));
    let files: Vec<(&str, &[u8])> = std::iter::once(("a.json", &text[..])).chain(bad).collect();
    let mut archive = open(&packed(&files, deflated())).expect("open");
    archive.max_unpacked = 2 * 1024 * 1024;
    let mut refused = 0;
    let read = archive.for_each(|_, document| -> Result<(), FeedError> {
        refused += usize::from(document.is_err());
        Ok(())
    });
    assert!(read.is_ok(), "{read:?}");
    assert_eq!(refused, 50);
}

#[test]
fn entry_that_is_packed_into_too_much_is_not_unpacked() {
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let bytes = packed(&[("a.json", &vec![b'0'; 3 * 1024 * 1024])], stored);
    let read = documents(&bytes).expect("read");
    assert_eq!(read[0].1, Err("more than 2097152 bytes packed".to_owned()));
}

#[rstest::rstest]
#[case("../a.json")]
#[case("x/../../a.json")]
#[case("/etc/a.json")]
#[case("..\\a.json")]
fn name_that_leads_out_is_refused(#[case] name: &str) {
    // The writer of the test normalizes names, so the name is written over another one of its length.
    let honest = "n".repeat(name.len() - 5) + ".json";
    let bytes = packed(&[(&honest, b"{}")], deflated());
    let bytes = replaced(&bytes, honest.as_bytes(), name.as_bytes());
    let read = documents(&bytes).expect("read");
    assert_eq!(read, [("an entry".to_owned(), Err(format!("`{name}` leads out of the archive")))]);
    assert_eq!(open(&bytes).expect("open").count().expect("counted"), 0);
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(from.len()).position(|window| window == from) {
        bytes[at + found..at + found + to.len()].copy_from_slice(to);
        at += found + to.len();
    }
    bytes
}

#[test]
fn every_damage_is_an_error_and_never_a_panic() {
    let files: [(&str, &[u8]); 2] = [("a.json", b"{\"id\":\"A-1\"}"), ("b.json", b"{}")];
    let bytes = packed(&files, deflated());
    assert!(matches!(documents(b"<html>busy</html>"), Err(FeedError::NotAnArchive(_))));
    assert!(matches!(documents(b""), Err(FeedError::NotAnArchive(_))));
    for length in 0..bytes.len() {
        assert!(documents(&bytes[..length]).is_err(), "cut to {length}");
    }
    let sound: Documents = documents(&bytes).expect("read");
    for index in 0..bytes.len() {
        for flip in [0x01, 0xff] {
            let mut flipped = bytes.clone();
            flipped[index] ^= flip;
            // A document is never another one: its checksum shows that. Names are not covered by it.
            for (_, document) in documents(&flipped).unwrap_or_default() {
                let is_sound = sound.iter().any(|(_, known)| *known == document);
                assert!(document.is_err() || is_sound, "byte {index}");
            }
        }
    }
}
