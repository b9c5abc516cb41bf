//! The length of files.

use super::source::Source;

/// The maximum number of lines of a file, without tests.
const MOST: usize = 400;

/// Returns the files that are too long, each with its length.
pub(super) fn too_long(sources: &[Source]) -> Vec<(String, String)> {
    sources
        .iter()
        .filter(|source| !source.is_only_tests())
        .map(|source| (source, source.without_tests().trim_end().lines().count()))
        .filter(|(_, lines)| *lines > MOST)
        .map(|(source, lines)| {
            (format!("{}: too long", source.path), format!("{lines} lines; {MOST} at most"))
        })
        .collect()
}

#[test]
fn planted_long_file_is_found() {
    let lines = |count: usize| "let x = 1;\n".repeat(count);
    let tests = format!("\n#[cfg(test)]\nmod tests {{\n{}}}\n", lines(300));
    let of = |path: &str, text: &str| too_long(&[Source::new(path, text)]).len();
    assert_eq!(of("m/a.rs", &lines(MOST + 1)), 1);
    assert_eq!(of("m/a.rs", &format!("{}{tests}", lines(MOST + 1))), 1);
    assert_eq!(of("m/a.rs", &format!("{}{}", "// words\n".repeat(MOST), lines(1))), 1);
    assert_eq!(of("m/a.rs", &lines(MOST)), 0);
    assert_eq!(of("m/a.rs", &format!("{}{tests}", lines(MOST - 1))), 0);
    assert_eq!(of("m/tests.rs", &lines(2 * MOST)), 0);
    assert_eq!(of("m/a_tests.rs", &lines(2 * MOST)), 0);
}
