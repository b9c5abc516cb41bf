//! Measures the verification of one bundle, after the trust root was read.
//!
//! `cargo bench --bench provenance -- [TIMES]`, 1,000 by default, for each of the real bundles among the fixtures.

#![allow(clippy::cast_precision_loss, reason = "figures are rounded anyway")]

use std::hint::black_box;
use std::time::Instant;

use vidimus::attestation::Verifier;
use vidimus::provenance::ArtefactDigest;

const BUNDLES: [(&str, &[u8], &str); 2] = [
    (
        "npm provenance, version 0.1, chain of certificates",
        include_bytes!("../tests/fixtures/attestations/npm-provenance.json"),
        "sha512:46d4e2f74c4877316640000a6fdf8a8b59f1e0847667973e9859f774dd31b8f1e0937813b777fb66a2ac67d50540fe34640966eee9fc2ccca387082b4c85cd3c",
    ),
    (
        "attestation, version 0.3, one certificate",
        include_bytes!("../tests/fixtures/attestations/conda.json"),
        "sha256:54303491a8418fbed24344b513546182c29b43bf282ceb433af65e2299f9271f",
    ),
];

fn main() {
    let times =
        std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(1_000_usize);
    let begun = Instant::now();
    let verifier = Verifier::new(None, None).expect("the embedded trust");
    println!("reading the trust root: {:.2} ms", begun.elapsed().as_secs_f64() * 1e3);
    for (name, bundle, digest) in BUNDLES {
        let digests = [ArtefactDigest::parse(digest).expect("a digest")];
        let mut slowest = 0.0_f64;
        let begun = Instant::now();
        for _ in 0..times {
            let one = Instant::now();
            black_box(verifier.verify(black_box(bundle), &digests)).expect("a finding");
            slowest = slowest.max(one.elapsed().as_secs_f64());
        }
        println!(
            "{name}: {:.2} ms each, {:.2} ms the slowest of {times}",
            begun.elapsed().as_secs_f64() * 1e3 / times as f64,
            slowest * 1e3,
        );
    }
}
