//! How the body of a request is framed (RFC 9112 §6). Pure functions, called before the request gets a connection.

use http::header::{CONTENT_LENGTH, HeaderName, HeaderValue, TRAILER, TRANSFER_ENCODING};
use http::{HeaderMap, Method, Version};
use http_body::Body;

use crate::client::error::ClientError;

/// How the server learns where the body of a request ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::client) enum Framing {
    /// The request ends with its head.
    Empty,
    /// By a `Content-Length` of so many bytes, at least one.
    Length(u64),
    /// By the last chunk. In a box, so that the enum stays small: every request moves a `Framing`, and few have chunks.
    Chunked(Box<Chunks>),
}

/// What is known of a body that is sent in chunks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::client) struct Chunks {
    /// How many bytes the body has, if it declares that.
    pub(in crate::client) promised: Option<u64>,
    /// The names in the `Trailer` field. hyper drops trailers with other names.
    pub(in crate::client) trailers: Vec<HeaderName>,
}

/// What a body says of its length before it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::client) enum Size {
    Exact(u64),
    Unknown,
}

impl Size {
    #[inline]
    pub(in crate::client) fn of<B: Body>(body: &B) -> Self {
        let hint = body.size_hint();
        match hint.exact() {
            Some(length) => Self::Exact(length),
            None if hint.lower() == 0 && body.is_end_stream() => Self::Exact(0),
            None => Self::Unknown,
        }
    }
}

impl Framing {
    /// Decides how a request is framed.
    ///
    /// # Errors
    ///
    /// An invalid request, if the fields of the caller contradict each other, the body or the version. Sent anyway, such a request would have the
    /// server take the next request for a part of this body, or a part of this body for the next request.
    pub(in crate::client) fn decide(
        method: &Method,
        version: Version,
        headers: &HeaderMap,
        size: Size,
    ) -> Result<Self, ClientError> {
        let (is_chunked, declared) = (is_chunked(headers)?, declared_length(headers)?);
        if is_chunked && version == Version::HTTP_10 {
            return Err(ClientError::invalid_request("HTTP/1.0 has no Transfer-Encoding"));
        }
        if is_chunked && declared.is_some() {
            return Err(ClientError::invalid_request("it has both Content-Length and Transfer-Encoding"));
        }
        let promised = match (size, declared) {
            (Size::Exact(exact), Some(declared)) if exact != declared => {
                return Err(ClientError::invalid_request("the Content-Length is not that of the body"));
            }
            (Size::Exact(length), _) | (Size::Unknown, Some(length)) => Some(length),
            (Size::Unknown, None) => None,
        };
        if promised == Some(0) {
            return Ok(Self::Empty);
        }
        // CONNECT and TRACE have no content (RFC 9110 §9.3.6 and §9.3.8).
        if matches!(*method, Method::CONNECT | Method::TRACE) {
            return Err(ClientError::invalid_request(format!("{method} has no body")));
        }
        match promised {
            Some(length) if !is_chunked && (declared.is_some() || !may_have_trailers(version, headers)) => {
                Ok(Self::Length(length))
            }
            None if version == Version::HTTP_10 => {
                Err(ClientError::invalid_request("HTTP/1.0 needs a body whose length is known, or a Content-Length"))
            }
            promised => Ok(Self::Chunked(Box::new(Chunks { promised, trailers: announced_trailers(headers) }))),
        }
    }

    /// How many bytes the body has, if that is known.
    #[inline]
    pub(in crate::client) fn promised(&self) -> Option<u64> {
        match self {
            Self::Empty => Some(0),
            Self::Length(length) => Some(*length),
            Self::Chunked(chunks) => chunks.promised,
        }
    }

    /// Writes the framing fields. If the body is empty and the method `means_content`, `Content-Length: 0` is written.
    pub(in crate::client) fn write_to(&self, headers: &mut HeaderMap, means_content: bool) {
        match self {
            Self::Empty => {
                // An empty body has no chunks.
                headers.remove(TRANSFER_ENCODING);
                write_once(headers, 0);
                if means_content {
                    headers.entry(CONTENT_LENGTH).or_insert(HeaderValue::from_static("0"));
                }
            }
            Self::Length(length) => write_once(headers, *length),
            // hyper adds `Transfer-Encoding` only for methods that usually have a body. Without the field it would not send the body.
            Self::Chunked(_) if !headers.contains_key(TRANSFER_ENCODING) => {
                headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
            }
            Self::Chunked(_) => {}
        }
    }
}

/// Whether the last transfer coding is `chunked`, which is the only way to frame a request by codings (RFC 9112 §6.1).
fn is_chunked(headers: &HeaderMap) -> Result<bool, ClientError> {
    let mut fields = headers.get_all(TRANSFER_ENCODING).iter();
    let Some(field) = fields.next() else {
        return Ok(false);
    };
    if fields.next().is_some() {
        return Err(ClientError::invalid_request("it has several Transfer-Encoding fields"));
    }
    let mut codings = field.as_bytes().split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
    let ends_in_chunked = codings.next_back().is_some_and(|last| last.eq_ignore_ascii_case(b"chunked"));
    if !ends_in_chunked || !codings.all(|coding| is_token(coding) && !coding.eq_ignore_ascii_case(b"chunked")) {
        return Err(ClientError::invalid_request(
            "the Transfer-Encoding is no list of codings that ends in one chunked",
        ));
    }
    Ok(true)
}

/// Returns the caller's `Content-Length` (RFC 9110 §8.6). It may be given several times, if all values are equal.
fn declared_length(headers: &HeaderMap) -> Result<Option<u64>, ClientError> {
    let mut declared = None;
    for field in headers.get_all(CONTENT_LENGTH) {
        for text in field.as_bytes().split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
            let Some(length) = number(text) else {
                return Err(ClientError::invalid_request("the Content-Length is not a number"));
            };
            if declared.is_some_and(|other| other != length) {
                return Err(ClientError::invalid_request("it has several values of Content-Length"));
            }
            declared = Some(length);
        }
    }
    Ok(declared)
}

/// Parses a number of digits alone. `str::parse` would also accept a sign.
fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0, |number: u64, &byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

/// Replaces several values of `Content-Length` by one. A list must not be sent (RFC 9110 §8.6). Adds nothing where there is no such field.
fn write_once(headers: &mut HeaderMap, length: u64) {
    let mut fields = headers.get_all(CONTENT_LENGTH).iter();
    let Some(field) = fields.next() else {
        return;
    };
    if fields.next().is_some() || !field.as_bytes().iter().all(u8::is_ascii_digit) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
}

/// Whether the request announces trailers. They need chunks: nothing can follow a body with a `Content-Length` (RFC 9110 §6.5.1).
fn may_have_trailers(version: Version, headers: &HeaderMap) -> bool {
    version != Version::HTTP_10 && headers.contains_key(TRAILER)
}

/// Returns the names in the `Trailer` fields, parsed as hyper parses them.
fn announced_trailers(headers: &HeaderMap) -> Vec<HeaderName> {
    let lists = headers.get_all(TRAILER).iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).filter_map(|name| name.trim().parse().ok()).collect()
}

/// Whether `text` is a token (RFC 9110 §5.6.2).
fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

#[cfg(test)]
mod tests {
    use std::panic::Location;

    use bytes::Bytes;
    use http_body::{Frame, SizeHint};
    use http_body_util::{Empty, Full};

    use super::*;

    type Fields<'a> = &'a [(HeaderName, &'a str)];

    fn map(fields: Fields<'_>) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(name.clone(), value.parse().unwrap());
        }
        map
    }

    /// What is decided, and the framing fields that go out.
    #[track_caller]
    fn framed(method: &Method, version: Version, fields: Fields<'_>, size: Size) -> Result<(Framing, String), String> {
        let mut headers = map(fields);
        let framing = Framing::decide(method, version, &headers, size).map_err(|error| {
            assert!(error.is_invalid_request(), "{error:?} at {}", Location::caller());
            error.to_string()
        })?;
        framing.write_to(&mut headers, false);
        let mut sent = Vec::new();
        for name in [CONTENT_LENGTH, TRANSFER_ENCODING] {
            for value in headers.get_all(&name) {
                sent.push(format!("{name}: {}", value.to_str().unwrap()));
            }
        }
        Ok((framing, sent.join("; ")))
    }

    #[track_caller]
    fn check(version: Version, fields: Fields<'_>, size: Size, framing: Framing, sent: &str) {
        for method in [Method::GET, Method::HEAD, Method::POST, Method::DELETE] {
            let found = framed(&method, version, fields, size);
            assert_eq!(found, Ok((framing.clone(), sent.to_owned())), "{method} {version:?} {fields:?} {size:?}");
        }
    }

    #[track_caller]
    fn check_invalid(version: Version, fields: Fields<'_>, size: Size, why: &str) {
        for method in [Method::GET, Method::HEAD, Method::POST] {
            let found = framed(&method, version, fields, size);
            assert_eq!(found, Err(format!("invalid request: {why}")), "{method} {version:?} {fields:?} {size:?}");
        }
    }

    const NEW: Version = Version::HTTP_11;
    const OLD: Version = Version::HTTP_10;

    fn chunked(promised: Option<u64>, trailers: Vec<HeaderName>) -> Framing {
        Framing::Chunked(Box::new(Chunks { promised, trailers }))
    }

    #[test]
    fn the_body_decides_what_the_caller_leaves_open() {
        for version in [NEW, OLD] {
            check(version, &[], Size::Exact(0), Framing::Empty, "");
            // hyper writes the field.
            check(version, &[], Size::Exact(5), Framing::Length(5), "");
        }
        check(NEW, &[], Size::Unknown, chunked(None, Vec::new()), "transfer-encoding: chunked");
        check_invalid(OLD, &[], Size::Unknown, "HTTP/1.0 needs a body whose length is known, or a Content-Length");
    }

    #[test]
    fn a_declared_length_is_that_of_the_body_and_is_sent_once() {
        let five: Fields<'_> = &[(CONTENT_LENGTH, "5")];
        let five_twice: Fields<'_> = &[(CONTENT_LENGTH, "5"), (CONTENT_LENGTH, "5")];
        for version in [NEW, OLD] {
            for fields in [five, five_twice, &[(CONTENT_LENGTH, "5, 5")], &[(CONTENT_LENGTH, " 5 ,5")]] {
                for size in [Size::Exact(5), Size::Unknown] {
                    check(version, fields, size, Framing::Length(5), "content-length: 5");
                }
                for size in [Size::Exact(0), Size::Exact(4)] {
                    check_invalid(version, fields, size, "the Content-Length is not that of the body");
                }
            }
            for size in [Size::Exact(0), Size::Unknown] {
                check(version, &[(CONTENT_LENGTH, "0")], size, Framing::Empty, "content-length: 0");
                check(version, &[(CONTENT_LENGTH, "0, 0")], size, Framing::Empty, "content-length: 0");
            }
            let two: Fields<'_> = &[(CONTENT_LENGTH, "5"), (CONTENT_LENGTH, "6")];
            for fields in [two, &[(CONTENT_LENGTH, "5, 6")]] {
                check_invalid(version, fields, Size::Unknown, "it has several values of Content-Length");
            }
            for text in ["+5", "-5", "five", "", "5,", ",", "0x5", "5 5", "5.0", "18446744073709551616"] {
                let fields: Fields<'_> = &[(CONTENT_LENGTH, text)];
                check_invalid(version, fields, Size::Unknown, "the Content-Length is not a number");
            }
        }
        let most: Fields<'_> = &[(CONTENT_LENGTH, "18446744073709551615")];
        check(NEW, most, Size::Unknown, Framing::Length(u64::MAX), "content-length: 18446744073709551615");
    }

    #[test]
    fn transfer_codings_end_in_one_chunked() {
        let gzip = "transfer-encoding: gzip, Chunked";
        check(
            NEW,
            &[(TRANSFER_ENCODING, "chunked")],
            Size::Unknown,
            chunked(None, Vec::new()),
            "transfer-encoding: chunked",
        );
        check(NEW, &[(TRANSFER_ENCODING, "gzip, Chunked")], Size::Unknown, chunked(None, Vec::new()), gzip);
        let promised = chunked(Some(5), Vec::new());
        check(NEW, &[(TRANSFER_ENCODING, "chunked")], Size::Exact(5), promised, "transfer-encoding: chunked");
        // Nothing is encoded.
        check(NEW, &[(TRANSFER_ENCODING, "chunked")], Size::Exact(0), Framing::Empty, "");
        for size in [Size::Exact(0), Size::Exact(5), Size::Unknown] {
            let wrong = ["gzip", "", "chunked, gzip", "chunked, chunked", "chunked,", ",chunked", "a;b=\"c, chunked\""];
            for text in wrong.into_iter().chain(["identity", "chunked;a=b", "x chunked"]) {
                let why = "the Transfer-Encoding is no list of codings that ends in one chunked";
                check_invalid(NEW, &[(TRANSFER_ENCODING, text)], size, why);
            }
            let several: Fields<'_> = &[(TRANSFER_ENCODING, "gzip"), (TRANSFER_ENCODING, "chunked")];
            check_invalid(NEW, several, size, "it has several Transfer-Encoding fields");
            check_invalid(OLD, &[(TRANSFER_ENCODING, "chunked")], size, "HTTP/1.0 has no Transfer-Encoding");
            for length in ["0", "3", "5"] {
                let both: Fields<'_> = &[(CONTENT_LENGTH, length), (TRANSFER_ENCODING, "chunked")];
                check_invalid(NEW, both, size, "it has both Content-Length and Transfer-Encoding");
            }
        }
    }

    #[test]
    fn announced_trailers_need_chunks() {
        let fields: Fields<'_> = &[(TRAILER, "Digest, no token"), (TRAILER, "age")];
        let trailers = vec![HeaderName::from_static("digest"), HeaderName::from_static("age")];
        for (size, promised) in [(Size::Exact(5), Some(5)), (Size::Unknown, None)] {
            let framing = chunked(promised, trailers.clone());
            check(NEW, fields, size, framing, "transfer-encoding: chunked");
        }
        check(NEW, fields, Size::Exact(0), Framing::Empty, "");
        check(OLD, fields, Size::Exact(5), Framing::Length(5), "");
        let declared: Fields<'_> = &[(TRAILER, "age"), (CONTENT_LENGTH, "5")];
        check(NEW, declared, Size::Exact(5), Framing::Length(5), "content-length: 5");
    }

    #[test]
    fn connect_and_trace_have_no_body() {
        for method in [Method::CONNECT, Method::TRACE] {
            for size in [Size::Exact(5), Size::Unknown] {
                let why = format!("invalid request: {method} has no body");
                assert_eq!(framed(&method, NEW, &[], size), Err(why));
            }
            assert_eq!(framed(&method, NEW, &[], Size::Exact(0)), Ok((Framing::Empty, String::new())));
            let chunked: Fields<'_> = &[(TRANSFER_ENCODING, "chunked")];
            assert_eq!(framed(&method, NEW, chunked, Size::Exact(0)), Ok((Framing::Empty, String::new())));
        }
    }

    #[test]
    fn a_length_that_a_body_says_is_believed_before_its_end() {
        struct Says(SizeHint, bool);

        impl Body for Says {
            type Data = Bytes;
            type Error = std::convert::Infallible;

            fn poll_frame(
                self: std::pin::Pin<&mut Self>,
                _: &mut std::task::Context<'_>,
            ) -> std::task::Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
                panic!("it is asked for nothing")
            }

            fn is_end_stream(&self) -> bool {
                self.1
            }

            fn size_hint(&self) -> SizeHint {
                self.0
            }
        }

        let mut lower = SizeHint::new();
        lower.set_lower(1);
        assert_eq!(Size::of(&Says(SizeHint::with_exact(5), true)), Size::Exact(5));
        assert_eq!(Size::of(&Says(SizeHint::with_exact(0), false)), Size::Exact(0));
        assert_eq!(Size::of(&Says(SizeHint::new(), true)), Size::Exact(0));
        assert_eq!(Size::of(&Says(SizeHint::new(), false)), Size::Unknown);
        assert_eq!(Size::of(&Says(lower, true)), Size::Unknown);
        assert_eq!(Size::of(&Empty::<Bytes>::new()), Size::Exact(0));
        assert_eq!(Size::of(&Full::new(Bytes::from("hello"))), Size::Exact(5));
    }
}
