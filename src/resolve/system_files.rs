//! Reads the system's files about name resolution. This may block.

use std::{env, fs, io};

use super::system::resolv_conf::of_environment;

pub(super) const HOSTS: &str = "/etc/hosts";
pub(super) const NSSWITCH: &str = "/etc/nsswitch.conf";
pub(super) const GAI_CONF: &str = "/etc/gai.conf";
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// Reads a file; `None` if it does not exist. Invalid UTF-8 is replaced, so that an odd byte in a comment does not affect other lines.
///
/// # Errors
///
/// The file may exist, but cannot be read: there is no free descriptor, say.
pub(super) fn read(path: &str) -> io::Result<Option<String>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(text(bytes))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns the error that prevents files from being opened now: there is no free descriptor, say. getaddrinfo takes a file that it cannot open for a
/// missing one, and then says that names do not exist.
pub(super) fn what_keeps_files_closed() -> Option<io::Error> {
    use io::ErrorKind::{IsADirectory, NotADirectory, NotFound, PermissionDenied};

    let error = fs::File::open(HOSTS).err()?;
    let is_about_the_file = matches!(error.kind(), NotFound | PermissionDenied | NotADirectory | IsADirectory);
    (!is_about_the_file).then_some(error)
}

/// Returns resolv.conf with the settings of the environment appended, or `None` if it does not exist.
///
/// # Errors
///
/// Those of `read`, which reads the file.
pub(super) fn resolv_conf(read: impl FnOnce(&str) -> io::Result<Option<String>>) -> io::Result<Option<String>> {
    Ok(read(RESOLV_CONF)?.map(with_environment))
}

/// Appends the settings of the environment to resolv.conf.
pub(super) fn with_environment(resolv_conf: String) -> String {
    let variable = |name| env::var_os(name).map(|value| text(value.into_encoded_bytes()));
    resolv_conf + &of_environment(variable("RES_OPTIONS").as_deref(), variable("LOCALDOMAIN").as_deref())
}

/// Returns the result of gethostname(2) on Linux. Other systems do not need it, and it is empty there.
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
