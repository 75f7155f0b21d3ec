//! User and password of a URI as the field `Authorization` (RFC 7617). Pure text work.

use std::borrow::Cow;

use base64::prelude::{BASE64_STANDARD, Engine};
use http::Uri;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use percent_encoding::percent_decode_str;

use crate::client::error::ClientError;

/// Adds `Authorization` for the user and password of `uri`, unless the request has that field.
///
/// # Errors
///
/// An invalid request, if Basic authentication cannot express them. It tells neither.
#[cold]
pub(in crate::client) fn add(headers: &mut HeaderMap, uri: &Uri) -> Result<(), ClientError> {
    match userinfo(uri) {
        Some(userinfo) if !headers.contains_key(AUTHORIZATION) => {
            headers.insert(AUTHORIZATION, basic(userinfo).map_err(ClientError::invalid_request)?);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// The user and password of a URI, as they are written there. `None` if both are empty.
pub(in crate::client) fn userinfo(uri: &Uri) -> Option<&str> {
    let (userinfo, _) = uri.authority()?.as_str().rsplit_once('@')?;
    Some(userinfo).filter(|userinfo| !matches!(*userinfo, "" | ":"))
}

/// Returns the value of `Authorization` for a userinfo (RFC 3986 §3.2.1): percent-encoded bytes are decoded, and the bytes are not asked for their charset.
///
/// # Errors
///
/// A text, if the user has a colon, or either has a control character (RFC 7617 §2).
fn basic(userinfo: &str) -> Result<HeaderValue, &'static str> {
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    // A percent sign without two hexadecimal digits stands for itself.
    let [user, password] = [user, password].map(|text| Cow::from(percent_decode_str(text)));
    if user.contains(&b':') {
        return Err("the user in the URI has a colon, which Basic authentication cannot express");
    }
    if user.iter().chain(&*password).any(u8::is_ascii_control) {
        return Err("user or password in the URI has a control character, which Basic authentication cannot express");
    }
    let value = format!("Basic {}", BASE64_STANDARD.encode([&*user, b":", &*password].concat()));
    let mut value = HeaderValue::try_from(value).expect("base64 is visible ASCII");
    // Debug does not print it, and HTTP/2 does not index it.
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_password_of_a_uri_are_basic_credentials() {
        for (authority, expected) in [
            // RFC 7617 §2 and §2.1.
            ("Aladdin:open%20sesame@a.example", Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")),
            ("test:123%C2%A3@a.example", Some("Basic dGVzdDoxMjPCow==")),
            ("user:pass@a.example:81", Some("Basic dXNlcjpwYXNz")),
            ("user@a.example", Some("Basic dXNlcjo=")),
            ("user:@a.example", Some("Basic dXNlcjo=")),
            (":pass@a.example", Some("Basic OnBhc3M=")),
            ("user:a:b@a.example", Some("Basic dXNlcjphOmI=")),
            ("user:a%3ab%40@[::1]:81", Some("Basic dXNlcjphOmJA")),
            // No byte is lost, whether or not it is text.
            ("u:%FF%fe@a.example", Some("Basic dTr//g==")),
            ("u:100%@a.example", Some("Basic dToxMDAl")),
            ("u:%4@a.example", Some("Basic dTolNA==")),
            ("u:%+1@a.example", Some("Basic dTolKzE=")),
            ("@a.example", None),
            (":@a.example", None),
            ("a.example", None),
        ] {
            let mut headers = HeaderMap::new();
            add(&mut headers, &uri(authority)).unwrap();
            assert_eq!(headers.get(AUTHORIZATION).map(|value| value.to_str().unwrap()), expected, "{authority}");
            assert!(headers.values().all(HeaderValue::is_sensitive), "{authority}");
        }
    }

    #[test]
    fn what_basic_cannot_express_is_an_error_without_a_secret() {
        for authority in
            ["a%3Ab:secret@a.example", "user:secret%0a@a.example", "%00:secret@a.example", "u:%7F@a.example"]
        {
            let error = add(&mut HeaderMap::new(), &uri(authority)).unwrap_err();
            assert!(error.is_invalid_request(), "{authority}");
            assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
        }
    }

    #[test]
    fn a_field_of_the_request_has_precedence() {
        let mut headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static("Bearer x"))]);
        add(&mut headers, &uri("a%3Ab:secret@a.example")).unwrap();
        assert_eq!(headers.get_all(AUTHORIZATION).iter().collect::<Vec<_>>(), ["Bearer x"]);
    }

    fn uri(authority: &str) -> Uri {
        format!("http://{authority}/").parse().unwrap()
    }
}
