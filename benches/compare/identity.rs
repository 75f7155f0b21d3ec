//! The certificate of a server in a process of its own, which tells its clients as text what to trust.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A new certificate for `host`, and the configuration of a server that has it and speaks these protocols.
pub(crate) fn self_signed<'a>(
    host: &str,
    protocols: impl IntoIterator<Item = &'a str>,
) -> (CertificateDer<'static>, Arc<ServerConfig>) {
    let certified = rcgen::generate_simple_self_signed([host.to_owned()]).unwrap();
    let certificate = certified.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(certified.signing_key.serialize_der().into());
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    config.alpn_protocols = protocols.into_iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    (certificate, Arc::new(config))
}

pub(crate) fn text_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn bytes_of(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
