//! Temporary folders.

use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

/// A file system in memory, as Linux has it: on disks, the tests would mostly wait for fsync.
const MEMORY: &str = "/dev/shm";
/// The free space that the tests need there, in KiB; containers often have 64 MiB.
const LEAST: u64 = 2 * 1024 * 1024;

/// Creates a folder, in memory if there is room. `TMPDIR` sets another place.
pub(crate) fn folder() -> TempDir {
    static HAS_MEMORY: OnceLock<bool> = OnceLock::new();
    let is_chosen = std::env::var_os("TMPDIR").is_some();
    let made = if !is_chosen && *HAS_MEMORY.get_or_init(has_memory) {
        tempfile::tempdir_in(MEMORY)
    } else {
        tempfile::tempdir()
    };
    made.expect("a temporary folder")
}

fn has_memory() -> bool {
    let Ok(output) = Command::new("df").args(["-Pk", MEMORY]).output() else { return false };
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let available = printed.lines().nth(1).and_then(|line| line.split_whitespace().nth(3));
    available.and_then(|kibibytes| kibibytes.parse().ok()).is_some_and(|free: u64| free >= LEAST)
}
