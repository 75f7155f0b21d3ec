//! The default fields of requests.

use http::header::{CONTENT_LENGTH, HOST, TRAILER, TRANSFER_ENCODING};
use http::{HeaderMap, Method, Request};

/// Adds the default fields that the request does not have. CONNECT gets none, since they are meant for servers, and CONNECT is for a proxy.
pub(in crate::client) fn add<B>(request: &mut Request<B>, defaults: &HeaderMap) {
    if *request.method() == Method::CONNECT {
        return;
    }
    let headers = request.headers_mut();
    for name in defaults.keys() {
        if !headers.contains_key(name) {
            headers.extend(defaults.get_all(name).iter().map(|value| (name.clone(), value.clone())));
        }
    }
}

/// Whether one of these fields belongs to a single request, and so cannot be a default.
pub(in crate::client) fn are_unfit(defaults: &HeaderMap) -> bool {
    [HOST, CONTENT_LENGTH, TRANSFER_ENCODING, TRAILER].iter().any(|name| defaults.contains_key(name))
}

#[cfg(test)]
mod tests {
    use http::header::{ACCEPT, HeaderValue, USER_AGENT};

    use super::*;

    fn value(text: &'static str) -> HeaderValue {
        HeaderValue::from_static(text)
    }

    #[test]
    fn a_field_of_the_request_takes_the_place_of_all_values_of_the_default() {
        let defaults =
            HeaderMap::from_iter([(ACCEPT, value("a")), (ACCEPT, value("b")), (USER_AGENT, value("crawler/1"))]);
        let mut request = Request::get("/").header(ACCEPT, "c").body(()).unwrap();
        add(&mut request, &defaults);
        assert_eq!(*request.headers(), HeaderMap::from_iter([(ACCEPT, value("c")), (USER_AGENT, value("crawler/1"))]));
        let mut request = Request::get("/").body(()).unwrap();
        add(&mut request, &defaults);
        assert_eq!(*request.headers(), defaults);
        let mut request = Request::connect("a.example:443").body(()).unwrap();
        add(&mut request, &defaults);
        assert!(request.headers().is_empty());
    }
}
