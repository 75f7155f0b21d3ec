//! Reads the files of the system that say where and how names are looked up. It may block.

use std::{env, fs, io};

use super::system::resolv_conf::of_environment;

pub(super) const HOSTS: &str = "/etc/hosts";
pub(super) const NSSWITCH: &str = "/etc/nsswitch.conf";
pub(super) const GAI_CONF: &str = "/etc/gai.conf";
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// The text of a file, or `None` if there is no such file. What is no UTF-8 is replaced: an odd byte in a comment leaves the other lines as they are.
///
/// # Errors
///
/// If it is not known what the file says: there is no free descriptor, say. That is no missing file.
pub(super) fn read(path: &str) -> io::Result<Option<String>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(text(bytes))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// What keeps files from being opened now: there is no free descriptor, say. getaddrinfo takes a file that it cannot open for one that is not there, and
/// says that names do not exist.
pub(super) fn what_keeps_files_closed() -> Option<io::Error> {
    use io::ErrorKind::{IsADirectory, NotADirectory, NotFound, PermissionDenied};

    let error = fs::File::open(HOSTS).err()?;
    let is_about_the_file = matches!(error.kind(), NotFound | PermissionDenied | NotADirectory | IsADirectory);
    (!is_about_the_file).then_some(error)
}

/// resolv.conf with what the environment says besides, or `None` if there is no such file.
///
/// # Errors
///
/// Those of `read`, by which the file is read.
pub(super) fn resolv_conf(read: impl FnOnce(&str) -> io::Result<Option<String>>) -> io::Result<Option<String>> {
    Ok(read(RESOLV_CONF)?.map(with_environment))
}

/// What stands in resolv.conf, and then what the environment says.
pub(super) fn with_environment(resolv_conf: String) -> String {
    let variable = |name| env::var_os(name).map(|value| text(value.into_encoded_bytes()));
    resolv_conf + &of_environment(variable("RES_OPTIONS").as_deref(), variable("LOCALDOMAIN").as_deref())
}

/// What gethostname(2) says on Linux. Elsewhere no rule asks for it, and it is empty.
///
/// # Errors
///
/// Those of [`read`].
pub(super) fn hostname() -> io::Result<String> {
    Ok(read("/proc/sys/kernel/hostname")?.unwrap_or_default())
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_that_is_not_there_is_none() {
        assert!(read("/no/such/file").unwrap().is_none());
        assert!(read(env!("CARGO_MANIFEST_DIR")).is_err(), "it is a directory");
        let own = concat!(env!("CARGO_MANIFEST_DIR"), "/src/resolve/system_files.rs");
        assert!(read(own).unwrap().unwrap().starts_with("//! Reads"));
    }

    #[test]
    fn an_odd_byte_leaves_the_other_lines() {
        assert_eq!(text(b"# M\xfcller\n127.0.0.1 a\n".to_vec()), "# M\u{fffd}ller\n127.0.0.1 a\n");
    }
}
