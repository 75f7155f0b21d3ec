//! The request line and `Host` (RFC 9112 §3).

use std::net::Ipv4Addr;

use hyper::header::HOST;
use hyper::{HeaderMap, Method, Request, Uri, Version};
use hyper_happy_eyeballs::Client;
use hyper_happy_eyeballs::client::Connector;
use tokio::net::TcpStream;

use crate::peer::{Body, OK, Peer, Unknown, both, empty, field, get, in_time, read};
use crate::support::loopback::ClosedPort;

#[tokio::test]
async fn an_origin_is_told_the_path_and_the_query() {
    for (uri, line, host) in [
        ("http://a.example/b?c=d", "GET /b?c=d HTTP/1.1", "a.example"),
        ("http://a.example", "GET / HTTP/1.1", "a.example"),
        ("http://a.example?c", "GET /?c HTTP/1.1", "a.example"),
        ("http://a.example:80/", "GET / HTTP/1.1", "a.example"),
        ("http://a.example:443/", "GET / HTTP/1.1", "a.example:443"),
        ("https://a.example:443/", "GET / HTTP/1.1", "a.example"),
        ("http://[::1]/", "GET / HTTP/1.1", "[::1]"),
        ("http://[::1]:8080/b", "GET /b HTTP/1.1", "[::1]:8080"),
        ("http://user:secret@a.example:81/b", "GET /b HTTP/1.1", "a.example:81"),
    ] {
        let head = head_of(get(uri.parse().unwrap())).await;
        assert_eq!((head.lines().next(), field(&head, "host")), (Some(line), Some(host)), "{uri}");
        assert!(!head.contains("secret"), "{head}");
        let basic = uri.contains('@').then_some("Basic dXNlcjpzZWNyZXQ=");
        assert_eq!(field(&head, "authorization"), basic, "{uri}");
    }
}

#[tokio::test]
async fn whatever_becomes_a_uri_can_be_asked_for() {
    let client = Client::default();
    let closed = ClosedPort::new(Ipv4Addr::LOCALHOST.into());
    let text = format!("http://{}/", closed.address());
    let uri: Uri = text.parse().unwrap();
    for response in [client.get(text.as_str()), client.get(&text), client.get(text.clone()), client.get(uri)] {
        assert!(in_time(response).await.unwrap_err().is_connect());
    }
    for (text, line) in [
        ("http://a.example/ secret", "invalid request: the URI cannot be read: invalid uri character"),
        ("", "invalid request: the URI cannot be read: empty string"),
        ("/secret", "invalid request: the URI has no host"),
    ] {
        let error = in_time(client.get(text)).await.unwrap_err();
        assert!(error.is_invalid_request() && error.is_permanent(), "{text}: {error:?}");
        assert_eq!(error.to_string(), line);
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
}

#[tokio::test]
async fn a_request_has_the_default_headers_that_it_does_not_have_itself() {
    let defaults = [("user-agent", "crawler/1"), ("accept", "text/html"), ("accept", "text/plain")];
    let defaults: HeaderMap =
        defaults.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).into_iter().collect();
    let builder = Client::builder().default_headers(defaults.clone());
    // The values of headers may be secret, so `Debug` omits them.
    assert!(format!("{builder:?}").contains("user-agent") && !format!("{builder:?}").contains("crawler"));
    let peer = Peer::listen().await;
    let client = builder.build(proxied(&peer)).unwrap();
    let server = async {
        let mut conn = peer.accept().await;
        [conn.answer(OK).await, conn.answer(OK).await]
    };
    let ([first, second], ()) = tokio::join!(server, async {
        let uri = "http://a.example/";
        read(client.get(uri).await.unwrap()).await;
        let own = Request::get(uri).header("accept", "*/*").body(empty()).unwrap();
        read(client.request(own).await.unwrap()).await;
    });
    for line in ["\r\nuser-agent: crawler/1\r\n", "\r\naccept: text/html\r\naccept: text/plain\r\n"] {
        assert!(first.contains(line), "{first}");
    }
    assert_eq!((field(&second, "user-agent"), field(&second, "accept")), (Some("crawler/1"), Some("*/*")));
    for name in ["host", "content-length", "transfer-encoding", "trailer"] {
        let unfit = HeaderMap::from_iter([(name.parse().unwrap(), "1".parse().unwrap())]);
        assert!(Client::builder().default_headers(unfit).build(proxied(&peer)).is_err(), "{name}");
    }
}

#[tokio::test]
async fn a_host_that_the_caller_gives_is_the_only_one() {
    let mut request = get("http://a.example/".parse().unwrap());
    request.headers_mut().insert(HOST, "b.example".parse().unwrap());
    let head = head_of(request).await;
    assert_eq!(field(&head, "host"), Some("b.example"));
    assert_eq!(head.to_lowercase().matches("\r\nhost:").count(), 1);
}

#[tokio::test]
async fn a_server_as_a_whole_is_asked_by_an_asterisk() {
    let uri = Uri::builder().scheme("http").authority("a.example").path_and_query("*").build().unwrap();
    let head = head_of(Request::options(uri).body(empty()).unwrap()).await;
    assert_eq!(head.lines().next(), Some("OPTIONS * HTTP/1.1"));
}

#[tokio::test]
async fn a_proxy_is_told_the_whole_uri_but_for_the_user() {
    let peer = Peer::listen().await;
    let client = Client::new(proxied(&peer));
    let server = async {
        let mut conn = peer.accept().await;
        [conn.answer(OK).await, conn.answer(OK).await]
    };
    let (heads, ()) = both(server, async {
        for uri in ["http://user:secret@a.example:81/b?c", "http://user:secret@a.example:81"] {
            assert_eq!(read(client.request(get(uri.parse().unwrap())).await.unwrap()).await.0, "ok");
        }
    })
    .await;
    for (head, target) in heads.iter().zip(["http://a.example:81/b?c", "http://a.example:81/"]) {
        assert_eq!(head.lines().next().unwrap(), format!("GET {target} HTTP/1.1"));
        assert_eq!(field(head, "host"), Some("a.example:81"));
        assert!(!head.contains("secret"), "{head}");
        assert_eq!(field(head, "authorization"), Some("Basic dXNlcjpzZWNyZXQ="));
        assert_eq!(field(head, "proxy-authorization"), None);
    }
}

#[tokio::test]
async fn a_proxy_that_does_tls_itself_is_told_the_whole_uri() {
    let peer = Peer::listen().await;
    // A connector that has made a tunnel does not say that it is proxied.
    let client = Client::new(proxied(&peer));
    let server = async { peer.accept().await.answer(OK).await };
    let (head, response) = both(server, client.request(get("https://a.example/b?c".parse().unwrap()))).await;
    assert_eq!(read(response.unwrap()).await.0, "ok");
    let told = (head.lines().next(), field(&head, "host"));
    assert_eq!(told, (Some("GET https://a.example/b?c HTTP/1.1"), Some("a.example")));
}

#[tokio::test]
async fn a_server_as_a_whole_is_not_asked_over_a_proxy_and_the_connection_stays() {
    let peer = Peer::listen().await;
    let client = Client::new(proxied(&peer));
    let server = async { peer.accept().await.answer(OK).await };
    let (head, ()) = both(server, async {
        let uri = Uri::builder().scheme("http").authority("a.example").path_and_query("*").build().unwrap();
        let error = client.request(Request::options(uri).body(empty()).unwrap()).await.unwrap_err();
        assert!(error.is_invalid_request() && error.is_permanent() && !error.may_retry(), "{error:?}");
        assert_eq!(read(client.get("http://a.example/").await.unwrap()).await.0, "ok");
    })
    .await;
    assert_eq!(head.lines().next(), Some("GET http://a.example/ HTTP/1.1"));
}

#[tokio::test]
async fn uris_that_mean_the_same_have_one_connection() {
    let peer = Peer::listen().await;
    let client = Client::new(peer.connector());
    let forms = ["http://a.example/", "http://a.example:80/", "http://a.example:/", "http://u:p@A.example:0080"];
    let server = async {
        let mut conn = peer.accept().await;
        for _ in forms {
            conn.answer(OK).await;
        }
    };
    let ((), ()) = both(server, async {
        for uri in forms {
            assert_eq!(read(client.get(uri).await.unwrap()).await.0, "ok", "{uri}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_older_version_is_said_if_it_is_asked_for() {
    let mut request = get("http://a.example/b".parse().unwrap());
    *request.version_mut() = Version::HTTP_10;
    assert_eq!(head_of(request).await.lines().next(), Some("GET /b HTTP/1.0"));
}

#[tokio::test]
async fn any_method_goes_out_as_it_is() {
    for method in [Method::DELETE, Method::PATCH, Method::TRACE, Method::from_bytes(b"BREW").unwrap()] {
        let request = Request::builder().method(method.clone()).uri("http://a.example/").body(empty()).unwrap();
        assert_eq!(head_of(request).await.lines().next().unwrap(), format!("{method} / HTTP/1.1"));
    }
}

/// Returns the head of a request as the server reads it.
async fn head_of(request: Request<Body>) -> String {
    let peer = Peer::listen().await;
    let client = Client::new(peer.secure_connector());
    let server = async { peer.accept().await.answer(OK).await };
    let (head, response) = both(server, client.request(request)).await;
    assert_eq!(read(response.unwrap()).await.0, "ok");
    head
}

/// A connector whose connections report that they go through a proxy.
fn proxied(peer: &Peer) -> impl Connector + use<> {
    let address = peer.address();
    tower::service_fn(move |_: Uri| async move {
        TcpStream::connect(address).await.map(|stream| Unknown::new(stream).proxied())
    })
}
