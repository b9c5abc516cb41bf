use std::fs::{
    DirBuilder, DirEntry, File, Permissions, create_dir_all, metadata, read_dir, set_permissions,
};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{Access, access};

/// The bits of other users than the owner.
const OTHERS: u32 = 0o077;
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// The bit of folders that all users share, such as `/tmp`.
const STICKY: u32 = 0o1000;

/// Refuses a path at which no folder is and none can be made, without making one.
///
/// # Errors
/// When something else is there or above it.
pub fn check_folder(data: &Path) -> io::Result<()> {
    let not_a_folder =
        |path: &Path| io::Error::other(format!("{} is not a folder", path.display()));
    for path in data.ancestors() {
        match metadata(path) {
            Ok(found) if found.is_dir() => return Ok(()),
            Ok(_) => return Err(not_a_folder(path)),
            Err(_) if path.is_symlink() => return Err(not_a_folder(path)),
            Err(_) => {}
        }
    }
    Ok(())
}

/// Asks the system if this user may write a data folder, or make it.
///
/// # Errors
/// When the system refuses it, for example on a disk that is read-only.
pub fn may_write(data: &Path) -> io::Result<()> {
    let here = |path| if path == Path::new("") { Path::new(".") } else { path };
    match data.ancestors().map(here).find(|path| path.exists()) {
        Some(path) => Ok(access(path, Access::WRITE_OK | Access::EXEC_OK)?),
        None => Ok(()),
    }
}

/// Creates a data folder for its owner alone; one that exists stays as it is.
pub(super) fn create(data: &Path) -> io::Result<()> {
    if data.is_dir() {
        return Ok(());
    }
    check_folder(data)?;
    if let Some(above) = data.parent() {
        create_dir_all(above)?;
    }
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(data)?;
    // The umask may have taken bits of the owner.
    set_permissions(data, Permissions::from_mode(FOLDER_MODE))
}

/// Opens a file of the data folder for its owner alone, whatever the umask; makes it if it is absent.
///
/// # Errors
/// When it cannot be opened or made.
pub fn open_private(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    let file =
        options.read(true).write(true).create(true).truncate(false).mode(FILE_MODE).open(path)?;
    // A file of another owner keeps its mode; the folder is closed all the same.
    let _ = file.set_permissions(Permissions::from_mode(FILE_MODE));
    Ok(file)
}

/// Takes an existing data folder and its files away from other users; returns true if they could enter it. It holds the
/// store, the token and the socket of operations.
///
/// # Errors
/// When the system refuses it, for example because the folder has another owner, or when all users share the folder.
pub fn restrict_folder(data: &Path) -> io::Result<bool> {
    let mode = metadata(data)?.permissions().mode();
    if mode & STICKY != 0 {
        let shared =
            format!("its mode is {:04o}, that of a folder that all users share", mode & 0o7777);
        return Err(io::Error::other(shared));
    }
    let was_open = mode & OTHERS != 0;
    if was_open {
        set_permissions(data, Permissions::from_mode(FOLDER_MODE))?;
    }
    for entry in read_dir(data)?.flatten() {
        let is_open = |entry: &DirEntry| {
            let metadata = entry.metadata().ok()?;
            Some(metadata.is_file() && metadata.permissions().mode() & OTHERS != 0)
        };
        if is_open(&entry) == Some(true) {
            set_permissions(entry.path(), Permissions::from_mode(FILE_MODE))?;
        }
    }
    Ok(was_open)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        metadata(path).expect("a folder").permissions().mode() & 0o7777
    }

    /// P91.
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
        let file = data.join("earlier");
        std::fs::write(&file, "").expect("a file");
        set_permissions(&file, Permissions::from_mode(0o644)).expect("a mode");
        assert!(restrict_folder(&data).expect("restricted"));
        assert_eq!(mode(&file), 0o600);
        assert!(!restrict_folder(&data).expect("nothing to do"));
        assert_eq!(mode(&data), 0o700);
    }

    #[test]
    fn path_at_or_below_a_file_is_no_data_folder_and_nothing_is_made() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("file"), "").expect("a file");
        std::os::unix::fs::symlink(path("nowhere"), path("link")).expect("a link");
        for (name, is_folder) in
            [("", true), ("a/b", true), ("file", false), ("file/data", false), ("link", false)]
        {
            assert_eq!(check_folder(&path(name)).is_ok(), is_folder, "{name}");
            if !is_folder {
                let refused = create(&path(name)).expect_err("no folder").to_string();
                assert!(refused.contains("is not a folder"), "{refused}");
            }
        }
        assert!(!path("a").exists());
        assert!(may_write(&path("a/b")).is_ok());
        assert!(may_write(Path::new("/proc/1/data")).is_err());
    }

    #[test]
    fn folder_that_all_users_share_keeps_its_mode() {
        let folder = tempfile::tempdir().expect("a folder");
        set_permissions(folder.path(), Permissions::from_mode(0o1777)).expect("a mode");
        let refused = restrict_folder(folder.path()).expect_err("shared").to_string();
        assert!(refused.contains("1777"), "{refused}");
        assert_eq!(mode(folder.path()), 0o1777);
    }
}
