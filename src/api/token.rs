use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use aws_lc_rs::rand;

/// The file in the data folder with the operations token.
pub const TOKEN_FILE: &str = "ops.token";

/// Reads the operations token of a data folder, or makes one that only the owner of the file can read.
///
/// # Errors
/// Returns an error if the file cannot be read or made, or has no token.
pub fn make_token(data: &Path) -> std::io::Result<String> {
    match read_token(data) {
        Err(error) if error.kind() == ErrorKind::NotFound => make(data),
        read => read,
    }
}

/// Reads the operations token that a daemon made.
///
/// # Errors
/// Returns an error if the file does not exist, cannot be read, or has no token.
pub fn read_token(data: &Path) -> std::io::Result<String> {
    let text = std::fs::read_to_string(data.join(TOKEN_FILE))?;
    let token = text.trim();
    if token.len() >= 32 {
        return Ok(token.to_owned());
    }
    Err(std::io::Error::new(
        ErrorKind::InvalidData,
        "the operations token has fewer than 32 characters; remove the file to get a new one",
    ))
}

/// Writes a new token under another name, then renames it: a crash leaves no token or a complete one.
fn make(data: &Path) -> std::io::Result<String> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes)
        .map_err(|_| std::io::Error::other("the system provides no random numbers"))?;
    let token: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let draft = data.join("ops.token.new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(token.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&draft, data.join(TOKEN_FILE))?;
    Ok(token)
}
