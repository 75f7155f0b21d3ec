//! Which systems keep their resolver configuration in files.

/// Whether the files in `/etc` say how names are looked up. On other systems hickory reads the configuration.
pub(super) fn resolves_by_files() -> bool {
    cfg!(all(unix, not(any(target_os = "android", target_vendor = "apple"))))
}
