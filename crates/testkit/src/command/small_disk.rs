//! A file system of a few hundred KiB, mounted for one run only.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Sandbox;
use crate::shared::skip;

/// Mounts, runs, lists what is left, and gives on the exit code. The mount goes away with its namespace.
const SCRIPT: &str = r#"
mount -t tmpfs -o "size=$1" tmpfs "$2" || exit 99
folder=$2 listing=$3
shift 3
"$@"
code=$?
(cd "$folder" && find . -mindepth 1) > "$listing"
exit $code
"#;

/// A folder of a sandbox that lies on a small disk while a program runs.
#[derive(Debug)]
pub struct SmallDisk<'a> {
    sandbox: &'a Sandbox,
    name: &'static str,
    size: &'static str,
}

impl<'a> SmallDisk<'a> {
    /// Makes the folder; `None`, after saying so, where this user may not mount.
    ///
    /// The mount is made in a namespace of its own, in which any user is root where the system allows it.
    ///
    /// # Panics
    /// When mounting is not possible and `LONGSHORE_REQUIRE_ALL` is `1`.
    pub fn new(
        sandbox: &'a Sandbox,
        name: &'static str,
        size: &'static str,
    ) -> Option<SmallDisk<'a>> {
        fs::create_dir(sandbox.path(name)).expect("a folder to mount on");
        let disk = SmallDisk {
            sandbox,
            name,
            size,
        };
        let tried = disk.wrap(&Command::new("true")).output();
        if tried.is_ok_and(|output| output.status.success()) {
            return Some(disk);
        }
        skip("small disks", "this user may not mount file systems");
        None
    }

    /// Gives a command that runs another one while the disk is there.
    pub fn wrap(&self, command: &Command) -> Command {
        let mut wrapped = Command::new("unshare");
        wrapped.args(["--map-root-user", "--mount", "/bin/sh", "-c", SCRIPT, "sh"]);
        wrapped.arg(self.size);
        wrapped.args([self.folder(), self.listing_file()]);
        wrapped.arg(command.get_program()).args(command.get_args());
        self.sandbox.prepare(&mut wrapped);
        wrapped
    }

    /// Lists what was on the disk when the program had ended.
    ///
    /// # Panics
    /// When nothing has run.
    pub fn left(&self) -> Vec<String> {
        let text = fs::read_to_string(self.listing_file()).expect("a command has run");
        text.lines().map(str::to_owned).collect()
    }

    fn folder(&self) -> PathBuf {
        self.sandbox.path(self.name)
    }

    fn listing_file(&self) -> PathBuf {
        let scratch = self.sandbox.scratch();
        let above: &Path = scratch.parent().expect("scratch lies in the sandbox");
        above.join("left-on-the-disk")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_small_and_shows_what_is_left() {
        let sandbox = Sandbox::new("/bin/sh");
        let Some(disk) = SmallDisk::new(&sandbox, "disk", "64k") else {
            return;
        };
        let fill = sandbox.command(["-c", "head -c 1000000 /dev/zero > disk/file"]);
        let run = sandbox.complete(&mut disk.wrap(&fill));
        assert_ne!(run.code, Some(0));
        assert!(run.stderr.contains("No space left"), "{}", run.stderr);
        assert_eq!(disk.left(), ["./file"]);
        assert!(fs::read_dir(sandbox.path("disk")).unwrap().next().is_none());
    }
}
