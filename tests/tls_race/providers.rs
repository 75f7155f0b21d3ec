//! Two providers of cryptography in one program.
#![cfg(all(feature = "tls-aws-lc-rs", feature = "tls-ring"))]

use hyper_happy_eyeballs::tls::TlsOptions;
use rustls::NamedGroup;
use rustls::crypto::CryptoProvider;

use crate::tls::authority::Authority;
use crate::tls::clients::{HOST, connect, provider};
use crate::tls::conduct::Conduct;
use crate::{builder, listen};

/// A configuration that rustls makes by itself panics then.
#[tokio::test]
async fn with_two_providers_compiled_in_and_none_chosen_for_the_process_aws_lc_rs_is_used() {
    assert!(CryptoProvider::get_default().is_none(), "a test has chosen a provider for the process");
    let authority = Authority::new("a root");
    let server = listen(Conduct::serves(&authority.server(&[HOST]))).await;
    let options = TlsOptions::new().root_certificates([authority.certificate()]);
    connect(&builder(&[&server]).tls(options.clone()).build().unwrap()).await.unwrap();
    connect(&builder(&[&server]).tls(options.provider(provider())).build().unwrap()).await.unwrap();
    let [of_default, of_ring] = &server.hellos()[..] else { panic!("{:?}", server.hellos()) };
    // A key exchange that ring does not have.
    assert!(of_default.groups.contains(&NamedGroup::X25519MLKEM768), "{of_default:?}");
    assert!(!of_ring.groups.contains(&NamedGroup::X25519MLKEM768), "{of_ring:?}");
    assert!(CryptoProvider::get_default().is_none(), "a library has chosen a provider for the process");
}
