use std::fs::{DirBuilder, Permissions, create_dir_all, metadata, set_permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

/// The bits of other users than the owner.
const OTHERS: u32 = 0o077;
/// The bit of folders that all users share, such as `/tmp`.
const STICKY: u32 = 0o1000;

/// Creates a data folder for its owner alone; one that exists stays as it is.
pub(super) fn create(data: &Path) -> io::Result<()> {
    if data.is_dir() {
        return Ok(());
    }
    if let Some(above) = data.parent() {
        create_dir_all(above)?;
    }
    DirBuilder::new().recursive(true).mode(0o700).create(data)
}

/// Takes an existing data folder away from other users; returns true if they could enter it. It holds the store, the
/// token and the socket of operations.
///
/// # Errors
/// When the system refuses it, for example because the folder has another owner, or when all users share the folder.
pub fn restrict_folder(data: &Path) -> io::Result<bool> {
    let mode = metadata(data)?.permissions().mode();
    if mode & OTHERS == 0 {
        return Ok(false);
    }
    if mode & STICKY != 0 {
        return Err(io::Error::other("it is a folder that all users share"));
    }
    set_permissions(data, Permissions::from_mode(0o700))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        metadata(path).expect("a folder").permissions().mode() & 0o7777
    }

    #[test]
    fn data_folder_is_closed_to_other_users() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("a/data");
        create(&data).expect("created");
        assert_eq!(mode(&data), 0o700);
        let above = mode(data.parent().expect("a parent"));
        assert_ne!(above, 0o700, "folders above it are not the daemon's");
        set_permissions(&data, Permissions::from_mode(0o755)).expect("a mode");
        create(&data).expect("exists");
        assert_eq!(mode(&data), 0o755);
        assert!(restrict_folder(&data).expect("restricted"));
        assert!(!restrict_folder(&data).expect("nothing to do"));
        assert_eq!(mode(&data), 0o700);
    }

    #[test]
    fn folder_that_all_users_share_keeps_its_mode() {
        let folder = tempfile::tempdir().expect("a folder");
        set_permissions(folder.path(), Permissions::from_mode(0o1777)).expect("a mode");
        assert!(restrict_folder(folder.path()).is_err());
        assert_eq!(mode(folder.path()), 0o1777);
    }
}
