//! A small disk of its own: a file system in memory that only one folder's processes see.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A mount namespace with a small disk at a folder; dropping it ends both.
pub(crate) struct SmallDisk {
    holder: Child,
    folder: PathBuf,
}

impl SmallDisk {
    /// Mounts a disk of so many MiB at a folder; `None` where this machine allows no such mount.
    pub(crate) fn mount(folder: &Path, mebibytes: u32) -> Option<Self> {
        fs::create_dir_all(folder).expect("a folder");
        let mount =
            format!("mount -t tmpfs -o mode=0700,size={mebibytes}m disk \"$0\" && echo on && cat");
        let mut holder = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", &mount])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut said = [0; 3];
        let answered = holder.stdout.as_mut().map(|out| std::io::Read::read_exact(out, &mut said));
        let disk = Self { holder, folder: folder.to_owned() };
        (matches!(answered, Some(Ok(()))) && Command::new("nsenter").arg("-V").output().is_ok())
            .then_some(disk)
    }

    /// Returns the folder as other processes see it.
    pub(crate) fn folder(&self) -> PathBuf {
        let inside = self.folder.strip_prefix("/").expect("a whole path");
        Path::new("/proc").join(self.holder.id().to_string()).join("root").join(inside)
    }

    /// Returns a command that runs a program where the disk is mounted.
    pub(crate) fn command(&self, program: &str, work: &Path) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--user", "--preserve-credentials", "--mount", "--target"]);
        command.arg(self.holder.id().to_string()).args(["sh", "-c", "cd \"$0\" && exec \"$@\""]);
        command.arg(work).arg(program);
        command
    }

    /// Fills the disk to the last byte.
    pub(crate) fn fill(&self) {
        let mut filler = File::options()
            .append(true)
            .create(true)
            .open(self.folder().join("filler"))
            .expect("a file");
        for size in [64 * 1024, 4096, 1] {
            let full = loop {
                if let Err(error) = filler.write_all(&vec![b'x'; size]) {
                    break error;
                }
            };
            assert_eq!(full.kind(), ErrorKind::StorageFull);
        }
    }

    /// Frees so many bytes of what [`SmallDisk::fill`] took.
    pub(crate) fn free_some(&self, bytes: u64) {
        let path = self.folder().join("filler");
        let filler = File::options().write(true).open(path).expect("a file");
        let size = filler.metadata().expect("a size").len();
        filler.set_len(size - bytes).expect("a smaller file");
    }

    /// Makes the disk read-only; returns false where this machine does not allow it.
    pub(crate) fn make_read_only(&self) -> bool {
        let mut command = self.command("mount", Path::new("/"));
        command.args(["-o", "remount,ro"]).arg(&self.folder);
        command.status().is_ok_and(|status| status.success())
    }

    /// Frees what [`SmallDisk::fill`] took.
    pub(crate) fn free(&self) {
        fs::remove_file(self.folder().join("filler")).expect("removed");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
