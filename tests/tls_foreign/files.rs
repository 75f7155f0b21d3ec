//! A directory for the files of a program, until it is dropped.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::tls::authority::Identity;

pub(crate) struct Directory {
    path: PathBuf,
}

impl Directory {
    pub(crate) fn new(name: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("{name}-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::SeqCst));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        Self { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let file = self.path.join(name);
        fs::write(&file, text).unwrap();
        file
    }

    /// The certificate and the key of a server.
    pub(crate) fn write_identity(&self, identity: &Identity) -> [PathBuf; 2] {
        [self.write("server.pem", identity.pem()), self.write("key.pem", identity.key_pem())]
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // Not worth a panic beside another one.
        fs::remove_dir_all(&self.path).ok();
    }
}
