//! TLS handshakes that are counted. The server is another process.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use http::Uri;
use hyper_happy_eyeballs::HappyEyeballsConnector;
use hyper_happy_eyeballs::resolve::FixedResolver;
use hyper_happy_eyeballs::tls::TlsOptions;
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

use super::count::{AtLength, Counter, Program};
use super::{GROUP, fill};
use crate::identity::{bytes_of, self_signed, text_of};
use crate::report::{Row, Standing, Unit};
use crate::run::Run;

pub(super) const BARE: &str = "bare TcpStream and tokio-rustls";
pub(super) const OURS: &str = "this crate";

const HOST: &str = "test.example";

const HANDSHAKE: &str = "\
    it would be unfair to count the server: it is another process. Both connect over TCP, shake hands with the same \
    provider, verify the same certificate, offer the same protocols, and read one byte, with which the session tickets \
    come; each is run at two lengths, of which the difference counts";

/// What a handshake may cost, in times of one over a bare socket.
const LIMIT_HANDSHAKE: f64 = 1.02;

pub(super) fn measure(run: &mut Run) {
    for (name, sessions) in
        [("instructions for an https connect", "full"), ("instructions for an https connect, resumed", "resumed")]
    {
        if !run.options.wants(GROUP, name) {
            continue;
        }
        run.progress(GROUP, name);
        let server = Server::start();
        let program = |(mode, standing)| {
            let said = &server.said;
            let at_length: AtLength<'_> =
                Box::new(move |n| Program::child(&["handshake", mode, sessions, said, &n.to_string()]));
            (mode, standing, at_length)
        };
        let programs = [(OURS, Standing::Ours), (BARE, Standing::Beside)].map(program).into();
        let mut row = Row::new(GROUP, name, Unit::Count("instructions"), HANDSHAKE);
        fill(&mut row, Counter::Instructions, programs, run.options.pick((50, 150), (100, 500)));
        if let (Some(ours), Some(bare)) = (row.figure(OURS), row.figure(BARE)) {
            let times = ours.median / bare.median;
            let said = format!("{times:.4} times the handshake over a bare socket, at most {LIMIT_HANDSHAKE}");
            row.check(times <= LIMIT_HANDSHAKE, said);
        }
        run.push(row);
    }
}

/// So many handshakes, one after the other, of which all but the first are resumed or none. `server` is what the server said.
pub(crate) fn run(mode: &str, sessions: &str, server: &str, handshakes: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(connect(mode, sessions == "resumed", server, handshakes));
}

async fn connect(mode: &str, is_resumed: bool, server: &str, handshakes: usize) {
    let (port, root) = server.split_once(' ').unwrap();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse().unwrap()));
    let root = CertificateDer::from(bytes_of(root));
    match mode {
        BARE => {
            let mut roots = RootCertStore::empty();
            roots.add(root).unwrap();
            let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
            config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
            config.resumption = if is_resumed { Resumption::in_memory_sessions(2_048) } else { Resumption::disabled() };
            let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
            for _ in 0..handshakes {
                let stream = TcpStream::connect(address).await.unwrap();
                stream.set_nodelay(true).unwrap();
                let mut stream = connector.connect(ServerName::try_from(HOST).unwrap(), stream).await.unwrap();
                end(&mut stream).await;
            }
        }
        OURS => {
            let hosts = if is_resumed { 256 } else { 0 };
            let connector = HappyEyeballsConnector::builder()
                .resolver(FixedResolver::new().with(HOST, [address]))
                .tls(TlsOptions::new().root_certificates([root]).session_hosts(hosts))
                .build()
                .unwrap();
            let uri: Uri = format!("https://{HOST}/").parse().unwrap();
            for _ in 0..handshakes {
                let mut stream = connector.clone().oneshot(uri.clone()).await.unwrap();
                end(&mut stream).await;
            }
        }
        _ => panic!("no such mode: {mode}"),
    }
}

/// The server's byte comes with its session tickets.
async fn end(stream: &mut (impl AsyncRead + Unpin)) {
    assert_eq!(stream.read_u8().await.unwrap(), b'!');
}

/// A server, in a process of its own. It ends when this is dropped.
pub(super) struct Server {
    process: Child,
    /// Its port, and the certificate to trust.
    pub(super) said: String,
}

impl Server {
    pub(super) fn start() -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(crate::child::arguments(&["shake-hands"]))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut said).unwrap();
        Self { process, said: said.trim().to_owned() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Says its port and its certificate, and shakes hands until it is killed.
pub(crate) fn serve() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (certificate, config) = self_signed(HOST, ["http/1.1"]);
        let acceptor = tokio_rustls::TlsAcceptor::from(config);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        println!("{} {}", listener.local_addr().unwrap().port(), text_of(&certificate));
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut stream = acceptor.accept(stream).await.unwrap();
                // The client hangs up when it has what it waits for.
                drop(stream.write_all(b"!").await);
                drop(stream.read(&mut [0; 16]).await);
            });
        }
    });
}
