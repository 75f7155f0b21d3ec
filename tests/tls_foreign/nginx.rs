//! nginx.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, Response, StatusCode, Version};
use hyper_happy_eyeballs::Client;
use hyper_happy_eyeballs::tls::{TlsInfo, TlsOptions};
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;
use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};

use crate::files::Directory;
use crate::programs::{Process, find_for_gate, say};
use crate::tls::authority::Authority;
use crate::tls::clients::{HOST, connector, in_time, trusting};

/// The most that this server takes of a request's body.
const MOST: &str = "64k";

struct Nginx {
    address: SocketAddr,
    authority: Authority,
    _process: Process,
    _directory: Directory,
}

impl Nginx {
    /// `None` if there is none on this machine. `more` is more of the configuration of its server.
    fn start(more: &str) -> Option<Self> {
        let program = find_for_gate("nginx")?;
        let (authority, directory) = (Authority::new("a root"), Directory::new("nginx"));
        directory.write_identity(&authority.server(&[HOST]));
        for _ in 0..10 {
            // Another process may take the port before the server does.
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
            let file = directory.write("nginx.conf", &configuration(directory.path(), free, more));
            let mut command = Command::new(&program);
            command.arg("-p").arg(directory.path()).arg("-c").arg(file).args(["-e", "stderr"]);
            match Process::start(&mut command, "event method") {
                Ok((process, _)) => {
                    return Some(Self { address: free, authority, _process: process, _directory: directory });
                }
                Err(said) => say(&format!("nginx did not start: {said:?}")),
            }
        }
        panic!("nginx does not start");
    }

    fn options(&self) -> TlsOptions {
        trusting(&self.authority)
    }

    fn client(&self, options: TlsOptions) -> Client<crate::tls::clients::Connector> {
        Client::new(connector(options, [self.address]))
    }
}

/// One process, all of whose files are in `directory`.
fn configuration(directory: &Path, address: SocketAddr, more: &str) -> String {
    let directory = directory.display();
    format!(
        "daemon off;\nmaster_process off;\npid {directory}/pid;\nerror_log stderr notice;\nevents {{ worker_connections 128; }}\n\
         http {{\n access_log off;\n client_body_temp_path {directory}/body;\n proxy_temp_path {directory}/proxy;\n \
         fastcgi_temp_path {directory}/fastcgi;\n uwsgi_temp_path {directory}/uwsgi;\n scgi_temp_path {directory}/scgi;\n \
         server {{\n  listen {address} ssl http2;\n  server_name {HOST};\n  ssl_certificate server.pem;\n  \
         ssl_certificate_key key.pem;\n  ssl_protocols TLSv1.2 TLSv1.3;\n  ssl_session_cache builtin:100;\n  \
         client_max_body_size {MOST};\n  {more}\n  location / {{\n   default_type text/plain;\n   \
         return 200 \"$request_method $server_protocol $ssl_protocol $ssl_server_name $content_length\\n\";\n  }}\n }}\n}}\n"
    )
}

fn request(method: Method, body: usize) -> Request<Full<Bytes>> {
    let uri = format!("https://{HOST}/");
    Request::builder().method(method).uri(uri).body(Full::from(vec![b'x'; body])).unwrap()
}

async fn text<B>(response: Response<B>) -> String
where
    B: hyper::body::Body<Error: std::fmt::Debug>,
{
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

const VERSIONS: [(&SupportedProtocolVersion, &str); 2] = [(&TLS12, "TLSv1.2"), (&TLS13, "TLSv1.3")];

#[tokio::test]
async fn nginx_is_spoken_to_by_every_version_of_tls() {
    let Some(nginx) = Nginx::start("") else { return };
    let (http, alpn) =
        if cfg!(feature = "http2") { (Version::HTTP_2, &b"h2"[..]) } else { (Version::HTTP_11, &b"http/1.1"[..]) };
    for (version, name) in VERSIONS {
        let client = nginx.client(nginx.options().versions([version]));
        for method in [Method::GET, Method::HEAD, Method::POST, Method::GET] {
            let length = if method == Method::POST { 10_000 } else { 0 };
            let response = in_time(client.request(request(method.clone(), length))).await.unwrap();
            assert_eq!((response.status(), response.version()), (StatusCode::OK, http), "{method}");
            let info = response.extensions().get::<TlsInfo>().unwrap();
            assert_eq!(info.protocol_version(), Some(version.version));
            assert_eq!(info.alpn(), Some(alpn));
            let length = if length > 0 { length.to_string() } else { String::new() };
            let expected = format!("{method} {http:?} {name} {HOST} {length}\n");
            assert_eq!(text(response).await, if method == Method::HEAD { String::new() } else { expected });
        }
        assert_eq!(client.pool_statistics().total.idle, 1, "all went over one connection");
    }
}

#[tokio::test]
async fn nginx_is_spoken_to_over_http_2_by_the_client_of_hyper_util() {
    let Some(nginx) = Nginx::start("") else { return };
    for (version, name) in VERSIONS {
        let connector = connector(nginx.options().versions([version]), [nginx.address]);
        let client = legacy::Client::builder(TokioExecutor::new()).build::<_, Full<Bytes>>(connector);
        for (method, length) in [(Method::GET, 0), (Method::HEAD, 0), (Method::POST, 10_000)] {
            let response = in_time(client.request(request(method.clone(), length))).await.unwrap();
            assert_eq!((response.status(), response.version()), (StatusCode::OK, Version::HTTP_2), "{method}");
            assert_eq!(response.extensions().get::<TlsInfo>().unwrap().alpn(), Some(&b"h2"[..]));
            let length = if length > 0 { length.to_string() } else { String::new() };
            let expected = format!("{method} HTTP/2.0 {name} {HOST} {length}\n");
            assert_eq!(text(response).await, if method == Method::HEAD { String::new() } else { expected });
        }
    }
}

#[tokio::test]
async fn sessions_of_nginx_are_resumed() {
    let Some(nginx) = Nginx::start("") else { return };
    for (version, _) in VERSIONS {
        let connector = connector(nginx.options().versions([version]), [nginx.address]);
        for is_resumed in [false, true, true] {
            let response = in_time(Client::new(connector.clone()).request(request(Method::GET, 0))).await.unwrap();
            assert_eq!(response.extensions().get::<TlsInfo>().unwrap().is_resumed(), is_resumed, "{version:?}");
            text(response).await;
        }
    }
}

#[tokio::test]
async fn an_upload_that_nginx_refuses_before_it_has_read_it_gets_its_answer() {
    // How nginx closes when it has not read everything: it reads on for a while, or it does not.
    for closing in ["lingering_close on;", "lingering_close off;"] {
        let Some(nginx) = Nginx::start(closing) else { return };
        for (version, name) in VERSIONS {
            let client = nginx.client(nginx.options().versions([version]));
            for _ in 0..20 {
                let response = in_time(client.request(request(Method::PUT, 4 * 1024 * 1024))).await;
                let status = response.unwrap_or_else(|error| panic!("{closing} {name}: {error:?}")).status();
                assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
            }
        }
    }
}

#[tokio::test]
async fn nginx_refuses_a_client_without_a_protocol_of_its_own_in_http() {
    let Some(nginx) = Nginx::start("ssl_verify_client on;\n  ssl_client_certificate server.pem;") else { return };
    // It asks for a certificate, and says in HTTP that there is none.
    let response = in_time(nginx.client(nginx.options()).request(request(Method::GET, 0))).await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert!(text(response).await.contains("No required SSL certificate was sent"));
}
