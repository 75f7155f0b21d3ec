//! Where a system keeps its configuration.

/// Whether names are looked up as the files in `/etc` say. Where that is elsewhere, hickory knows where.
pub(super) fn resolves_by_files() -> bool {
    cfg!(all(unix, not(any(target_os = "android", target_vendor = "apple"))))
}
