//! Requests one after the other through a client with its pool, in plain text or over TLS.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Empty};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use rustls::ClientConfig;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use serde_json::json;
use tokio::time::{sleep, timeout};
use tower::{Service, ServiceExt};

use crate::Failure;
use crate::arguments::Arguments;
use crate::report::Report;

/// Sends `n` requests, one after the other, and reads each response to its end.
pub(crate) async fn send<S, B>(arguments: &Arguments, client: S) -> Result<(), Failure>
where
    S: Service<Request<Empty<Bytes>>, Response = Response<B>> + Clone,
    S::Error: Into<Failure>,
    B: Body,
    B::Error: Into<Failure>,
{
    let limit = arguments.outer.unwrap_or(arguments.limit);
    for i in 0..arguments.count {
        let request = Request::builder().method(arguments.method.clone()).uri(arguments.uri(i)?);
        let request = request.body(Empty::new())?;
        let mut report = Report::begin(&arguments.who, i);
        let exchange = async {
            let response = client.clone().oneshot(request).await.map_err(Into::into)?;
            let (parts, body) = response.into_parts();
            body.collect().await.map_err(Into::into)?;
            Ok::<_, Failure>(parts)
        };
        let outcome = timeout(limit, exchange).await;
        report.stop();
        match outcome {
            Ok(Ok(parts)) => {
                report.set("status", json!(parts.status.as_u16()));
                report.succeeded(&parts.extensions);
            }
            Ok(Err(error)) => report.failed(&*error),
            Err(_) => report.gave_up(),
        }
        report.print();
        sleep(arguments.gap).await;
    }
    Ok(())
}

/// TLS over `connector`, without a look at the certificate: the origin makes its own.
pub(crate) fn secured<C>(connector: C) -> Result<HttpsConnector<C>, Failure> {
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth();
    Ok(HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().wrap_connector(connector))
}

#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
