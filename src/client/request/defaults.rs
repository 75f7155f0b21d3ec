//! Fields that every request has, unless it says otherwise.

use http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, TRAILER, TRANSFER_ENCODING};
use http::{HeaderMap, Method, Request};

use crate::client::destination::credentials;

/// Adds those that the request does not have. CONNECT is for a proxy, and has none of what is for the servers. User and password of the URI take the place of
/// a default `Authorization`.
pub(in crate::client) fn add<B>(request: &mut Request<B>, defaults: &HeaderMap) {
    if *request.method() == Method::CONNECT {
        return;
    }
    let has_credentials = credentials::userinfo(request.uri()).is_some();
    let headers = request.headers_mut();
    for name in defaults.keys() {
        let has_its_own = headers.contains_key(name) || has_credentials && *name == AUTHORIZATION;
        if !has_its_own {
            headers.extend(defaults.get_all(name).iter().map(|value| (name.clone(), value.clone())));
        }
    }
}

/// Whether one of these says something of a single request, and cannot be said of all.
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

    #[test]
    fn user_and_password_of_the_uri_take_the_place_of_a_default() {
        let defaults = HeaderMap::from_iter([(AUTHORIZATION, value("Bearer x")), (ACCEPT, value("a"))]);
        let mut request = Request::get("http://user:pw@a.example/").body(()).unwrap();
        add(&mut request, &defaults);
        assert_eq!(*request.headers(), HeaderMap::from_iter([(ACCEPT, value("a"))]));
    }
}
