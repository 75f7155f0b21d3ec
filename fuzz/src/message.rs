//! A strict parser of HTTP/1 requests (RFC 9112), written for these targets: it accepts only what a client may send.

use std::fmt;

/// A request, as a server reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) method: String,
    pub(crate) target: Vec<u8>,
    /// The minor version: 0 or 1.
    pub(crate) minor: u8,
    /// The fields in their order, names in lower case, values without the white space around them.
    pub(crate) fields: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<(String, Vec<u8>)>,
}

/// How much of a request the bytes contain.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// A whole request, and how many bytes it takes.
    Whole(Message, usize),
    /// The beginning of one. The head is there if it is complete.
    Partial(Option<Message>),
    /// No client may send this.
    Wrong(Wrong),
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong(pub(crate) String);

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Message {
    /// The values of a field.
    pub(crate) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.fields.iter().filter(move |(present, _)| present == name).map(|(_, value)| &value[..])
    }
}

/// Reads the first request of `bytes`.
pub(crate) fn parse(bytes: &[u8]) -> Parsed {
    match whole(bytes) {
        Ok((message, len)) => Parsed::Whole(message, len),
        Err(Stop::Short(head)) => Parsed::Partial(head.map(|head| *head)),
        Err(Stop::Wrong(text)) => Parsed::Wrong(Wrong(text)),
    }
}

enum Stop {
    Short(Option<Box<Message>>),
    Wrong(String),
}

fn wrong<T>(text: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Wrong(text.into()))
}

fn whole(bytes: &[u8]) -> Result<(Message, usize), Stop> {
    let mut at = 0;
    let line = line(bytes, &mut at)?;
    let mut message = request_line(line)?;
    message.fields = fields(bytes, &mut at)?;
    if message.values("host").count() != 1 {
        return wrong(format!("{} Host fields", message.values("host").count()));
    }
    let lengths: Vec<_> = message.values("content-length").map(<[u8]>::to_vec).collect();
    let codings: Vec<_> = message.values("transfer-encoding").map(<[u8]>::to_ascii_lowercase).collect();
    let short = |head: &Message| Stop::Short(Some(Box::new(head.clone())));
    match (&lengths[..], &codings[..]) {
        ([], []) => {}
        ([length], []) => {
            let length = number(length, 10)?;
            let end = at.checked_add(length).filter(|end| *end <= bytes.len()).ok_or_else(|| short(&message))?;
            message.body = bytes[at..end].to_vec();
            at = end;
        }
        ([], [coding]) if coding == b"chunked" => {
            if message.minor == 0 {
                return wrong("chunks in HTTP/1.0");
            }
            let head = message.clone();
            chunks(bytes, &mut at, &mut message).map_err(|stop| match stop {
                Stop::Short(_) => short(&head),
                stop => stop,
            })?;
        }
        _ => return wrong(format!("the framing is ambiguous: {} lengths, {} codings", lengths.len(), codings.len())),
    }
    Ok((message, at))
}

fn request_line(line: &[u8]) -> Result<Message, Stop> {
    let words: Vec<_> = line.split(|byte| *byte == b' ').collect();
    let [method, target, version] = words[..] else {
        return wrong(format!("{} words in the request line {:?}", words.len(), line.escape_ascii().to_string()));
    };
    if method.is_empty() || !method.iter().all(|byte| is_token(*byte)) {
        return wrong("the method is no token");
    }
    if target.is_empty() || target.iter().any(|byte| byte.is_ascii_control()) {
        return wrong("the target is empty, or has a control character");
    }
    let minor = match version {
        b"HTTP/1.0" => 0,
        b"HTTP/1.1" => 1,
        _ => return wrong("the version is not HTTP/1"),
    };
    Ok(Message {
        method: String::from_utf8_lossy(method).into_owned(),
        target: target.to_vec(),
        minor,
        fields: Vec::new(),
        body: Vec::new(),
        trailers: Vec::new(),
    })
}

/// The lines up to the empty one.
fn fields(bytes: &[u8], at: &mut usize) -> Result<Vec<(String, Vec<u8>)>, Stop> {
    let mut fields = Vec::new();
    loop {
        let line = line(bytes, at)?;
        if line.is_empty() {
            return Ok(fields);
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { return wrong("a field without a colon") };
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
            return wrong("the name of a field is no token");
        }
        if value.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
            return wrong("a control character in the value of a field");
        }
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        fields.push((name, trimmed(value).to_vec()));
    }
}

fn chunks(bytes: &[u8], at: &mut usize, message: &mut Message) -> Result<(), Stop> {
    loop {
        let size = number(line(bytes, at)?, 16)?;
        if size == 0 {
            message.trailers = fields(bytes, at)?;
            return Ok(());
        }
        let end = at.checked_add(size).filter(|end| *end <= bytes.len()).ok_or(Stop::Short(None))?;
        message.body.extend_from_slice(&bytes[*at..end]);
        *at = end;
        if !line(bytes, at)?.is_empty() {
            return wrong("a chunk is longer than its size says");
        }
    }
}

/// The next line, which must end with CR LF and have no other of either.
fn line<'a>(bytes: &'a [u8], at: &mut usize) -> Result<&'a [u8], Stop> {
    let rest = &bytes[*at..];
    let Some(end) = rest.iter().position(|byte| *byte == b'\n') else { return Err(Stop::Short(None)) };
    let Some(line) = rest[..end].strip_suffix(b"\r") else { return wrong("a line that ends with LF alone") };
    if line.contains(&b'\r') {
        return wrong("CR within a line");
    }
    *at += end + 1;
    Ok(line)
}

fn number(text: &[u8], radix: u32) -> Result<usize, Stop> {
    let digits = std::str::from_utf8(text).ok().filter(|text| text.chars().all(|digit| digit.is_digit(radix)));
    match digits.and_then(|text| usize::from_str_radix(text, radix).ok()) {
        Some(number) => Ok(number),
        None => wrong(format!("{:?} is no number", text.escape_ascii().to_string())),
    }
}

/// Without the spaces and tabs around it.
pub(crate) fn trimmed(value: &[u8]) -> &[u8] {
    let is_text = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let start = value.iter().position(is_text).unwrap_or(value.len());
    let end = value.iter().rposition(is_text).map_or(start, |last| last + 1);
    &value[start..end]
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(bytes: &[u8]) -> Option<Vec<u8>> {
        match parse(bytes) {
            Parsed::Whole(message, len) if len == bytes.len() => Some(message.body),
            _ => None,
        }
    }

    #[test]
    fn a_body_is_as_long_as_its_framing_says() {
        assert_eq!(body(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), Some(Vec::new()));
        assert_eq!(body(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab"), Some(b"ab".to_vec()));
        let chunked = b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n";
        assert_eq!(body(chunked), Some(b"ab".to_vec()));
        assert!(matches!(parse(&chunked[..chunked.len() - 1]), Parsed::Partial(Some(_))));
    }

    #[test]
    fn what_a_client_must_not_send_is_refused() {
        for wrong in [
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
            "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na",
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "GET / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
        ] {
            assert!(matches!(parse(wrong.as_bytes()), Parsed::Wrong(_)), "{wrong}");
        }
    }
}
