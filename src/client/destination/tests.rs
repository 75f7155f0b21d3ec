use std::hash::BuildHasher;

use foldhash::quality::FixedState;

use super::*;

fn request(method: Method, uri: &str) -> Request<()> {
    Request::builder().method(method).uri(uri).body(()).unwrap()
}

fn destination(uri: &str) -> Destination {
    Destination::take_from(&mut request(Method::GET, uri)).unwrap()
}

#[track_caller]
fn assert_target(method: Method, uri: &str, is_proxied: bool, expected: &str) {
    let destination = Destination::take_from(&mut request(method.clone(), uri)).unwrap();
    assert_eq!(destination.target(&method, is_proxied).to_string(), expected);
}

#[test]
fn an_origin_is_told_the_path_and_the_query() {
    assert_target(Method::GET, "http://a.example/b?c", false, "/b?c");
    assert_target(Method::GET, "http://a.example", false, "/");
    assert_target(Method::GET, "http://a.example?c", false, "/?c");
    assert_target(Method::GET, "https://[::1]:8443/b", false, "/b");
    assert_target(Method::OPTIONS, "http://a.example/b", false, "/b");
}

#[test]
fn a_proxy_is_told_the_whole() {
    assert_target(Method::GET, "http://user:pw@a.example:81/b?c", true, "http://a.example:81/b?c");
    assert_target(Method::GET, "http://a.example", true, "http://a.example/");
    assert_target(Method::GET, "http://a.example?c", true, "http://a.example/?c");
    assert_target(Method::GET, "http://u@a.example?c", true, "http://a.example/?c");
    assert_target(Method::GET, "https://a.example:443/b", true, "https://a.example/b");
    assert_target(Method::GET, "http://[fe80::1%25lo]:8080/b", true, "http://[fe80::1]:8080/b");
    assert_target(Method::GET, "ws://a.example/b", true, "http://a.example/b");
    assert_target(Method::GET, "WSS://a.example:443/b", true, "https://a.example/b");
    assert_target(Method::GET, "ftp://a.example/b", true, "ftp://a.example/b");
}

#[test]
fn a_tunnel_is_to_an_authority() {
    assert_target(Method::CONNECT, "a.example:443", false, "a.example:443");
    assert_target(Method::CONNECT, "@a.example:81", true, "a.example:81");
    assert_target(Method::CONNECT, "a.example", false, "a.example:80");
    assert_target(Method::CONNECT, "https://[::1]/b", false, "[::1]:443");
    assert_target(Method::CONNECT, "http://a.example:/b", false, "a.example:80");
    assert_target(Method::CONNECT, "[fe80::1%25lo]:81", false, "[fe80::1]:81");
    let scheme = |uri| Destination::take_from(&mut request(Method::CONNECT, uri)).unwrap().scheme().to_owned();
    assert_eq!((&*scheme("a.example:443"), &*scheme("a.example:80")), ("https", "http"));
    for uri in ["u@a.example:81", "https://:p@[::1]/b"] {
        assert!(Destination::take_from(&mut request(Method::CONNECT, uri)).unwrap_err().is_invalid_request(), "{uri}");
    }
}

#[test]
fn scheme_and_authority_make_a_destination_whatever_their_form_and_the_path() {
    let hash = |destination: &Destination| FixedState::default().hash_one(destination);
    let one = destination("http://Some.Host.Example:81/a?b");
    let other = destination("http://some.hOST.example:81/c");
    assert_eq!((&one, hash(&one)), (&other, hash(&other)));
    for forms in [
        &["http://a.example/", "http://a.example:80", "http://A.example:/b", "http://u:p@a.example:0080/?c"][..],
        &["https://a.example", "HTTPS://a.example:443/"],
        &["wss://a.example/", "wss://a.example:443/b", "WSS://a.example:"],
        &["http://some.host.example:81/", "http://u@some.host.example:081/"],
        &["http://[::1]:80/", "http://u@[::1]/"],
    ] {
        let all: Vec<_> = forms.iter().map(|uri| destination(uri)).collect();
        for (other, uri) in all.iter().zip(forms) {
            assert_eq!((other, hash(other)), (&all[0], hash(&all[0])), "{uri}");
            assert_eq!(other.without_path().into_uri(), all[0].without_path().into_uri(), "{uri}");
        }
    }
    for uri in ["https://some.host.example:81", "http://some.host.example", "ws://some.host.example:81", "http://a"] {
        assert_ne!(one, destination(uri), "{uri}");
        assert_ne!(hash(&one), hash(&destination(uri)), "{uri}");
    }
}

#[test]
fn a_host_that_cannot_be_written_is_none() {
    let message = |method, uri: &str| {
        let taken = Destination::take_from(&mut request(method, uri));
        taken.and_then(|taken| taken.check()).map_err(|error| error.to_string())
    };
    for method in [Method::GET, Method::CONNECT] {
        for (authority, why) in [
            ("[@]", "\"]\" is not a host"),
            ("[1@]:80", "\"]\" is not a host"),
            ("u@[@]:80", "\"]\" is not a host"),
            ("a[::1]", "\"a[::1]\" is not a host"),
            ("[::1]a", "\"[::1]a\" is not a host"),
            ("[::1]a:80", "\"[::1]a\" is not a host"),
            ("[]", "the URI has no host"),
            ("[]:80", "the URI has no host"),
            ("[%]", "the URI has no host"),
            ("[%25lo]:80", "the URI has no host"),
            (":80", "the URI has no host"),
            ("u@:80", "the URI has no host"),
            ("a:80x", "\"80x\" is not a port"),
            ("a:+80", "\"+80\" is not a port"),
            ("a:65536", "\"65536\" is not a port"),
            ("a:0", "port 0 cannot be connected to"),
            ("[::1]:00", "port 0 cannot be connected to"),
            ("a:123foo", "\"123foo\" is not a port"),
        ] {
            let why = Err(format!("invalid request: {why}"));
            assert_eq!(message(method.clone(), &format!("http://{authority}/")), why, "{authority}");
            if method == Method::CONNECT {
                assert_eq!(message(method.clone(), authority), why, "{authority}");
            }
        }
        for authority in ["1", "1:1", "a:00080", "a:65535", ":@a:", "a_b", "a!b:1", "[::1%25lo]:1", "[v1.a]"] {
            assert_eq!(message(method.clone(), &format!("http://{authority}/")), Ok(()), "{authority}");
        }
    }
}

fn asterisk(method: Method) -> Request<()> {
    let uri = Uri::builder().scheme("http").authority("a.example").path_and_query("*").build().unwrap();
    Request::builder().method(method).uri(uri).body(()).unwrap()
}

#[test]
fn the_server_as_a_whole_has_options() {
    let whole = Destination::take_from(&mut asterisk(Method::OPTIONS)).unwrap();
    assert!(whole.is_asterisk());
    assert_eq!(whole.target(&Method::OPTIONS, false), "*");
}

#[test]
fn what_http2_is_told_begins_with_a_slash() {
    let whole = |uri: &str| {
        let destination = destination(uri);
        destination.whole(destination.http_scheme(), "b.example".parse().unwrap()).unwrap()
    };
    for (uri, scheme, path) in [
        ("http://a.example", "http", "/"),
        ("http://a.example?c", "http", "/?c"),
        ("https://a.example/b?c", "https", "/b?c"),
        ("wss://a.example/b", "https", "/b"),
        ("ws://a.example#d", "http", "/"),
    ] {
        let whole = whole(uri);
        assert_eq!(whole.scheme_str(), Some(scheme), "{uri}");
        assert_eq!(whole.path_and_query().unwrap().as_str(), path, "{uri}");
        assert_eq!(whole.authority().unwrap(), "b.example", "{uri}");
    }
}

#[test]
fn a_request_that_cannot_be_sent_says_why() {
    let message = |mut request| Destination::take_from(&mut request).unwrap_err().to_string();
    assert_eq!(message(request(Method::GET, "/path")), "invalid request: the URI has no host");
    assert_eq!(message(request(Method::GET, "a.example:80")), "invalid request: the URI has no scheme");
    assert_eq!(message(request(Method::CONNECT, "x://a.example")), "invalid request: CONNECT needs a port");
    assert_eq!(message(asterisk(Method::GET)), "invalid request: GET * means nothing");
    let mut old = request(Method::CONNECT, "a.example:443");
    *old.version_mut() = Version::HTTP_10;
    assert_eq!(message(old), "invalid request: CONNECT over HTTP/1.0 is not supported");
    let mut new = request(Method::GET, "http://a.example/");
    *new.version_mut() = Version::HTTP_3;
    assert_eq!(message(new), "invalid request: GET over HTTP/3.0 is not supported");
}
