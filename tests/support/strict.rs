//! A strict parser of requests, which accepts only what RFC 9112 allows clients to send. It shares no code with the client.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// A request as it was received.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) version: String,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: String,
    pub(crate) trailers: Vec<(String, String)>,
}

impl Seen {
    /// Returns the values of a field, whose name is in lower case.
    pub(crate) fn all(&self, name: &'static str) -> impl Iterator<Item = &str> {
        self.fields.iter().filter(move |(found, _)| found == name).map(|(_, value)| &**value)
    }

    pub(crate) fn one(&self, name: &'static str) -> Option<&str> {
        self.all(name).next()
    }
}

/// Answers requests until the client has closed. Returns bytes that are no request, or only a part of one.
pub(crate) async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    mut answer: impl FnMut(Seen) -> String,
) -> Result<(), String> {
    let mut unread = Vec::new();
    loop {
        while let Some((seen, length)) = parse(&unread)? {
            unread.drain(..length);
            stream.write_all(answer(seen).as_bytes()).await.map_err(|error| error.to_string())?;
        }
        let read: io::Result<usize> = stream.read_buf(&mut unread).await;
        if !matches!(read, Ok(1..)) {
            let rest = String::from_utf8_lossy(&unread);
            return if rest.is_empty() { Ok(()) } else { Err(format!("a part of a request: {rest:?}")) };
        }
    }
}

/// Parses the first request in `bytes`. Returns it with its length, if it is complete.
pub(crate) fn parse(bytes: &[u8]) -> Result<Option<(Seen, usize)>, String> {
    let mut rest = Reader { bytes, place: 0 };
    let Some(line) = rest.line()? else { return Ok(None) };
    let [method, target, version] = *line.split(' ').collect::<Vec<_>>() else {
        return Err(format!("not a request line: {line:?}"));
    };
    let mut seen = Seen { method: method.into(), target: target.into(), version: version.into(), ..Seen::default() };
    check(is_token(method), "the method", &line)?;
    check(!target.is_empty() && target.bytes().all(|byte| byte.is_ascii_graphic()), "the target", &line)?;
    check(["HTTP/1.0", "HTTP/1.1"].contains(&version), "the version", &line)?;
    match rest.fields()? {
        Some(fields) => seen.fields = fields,
        None => return Ok(None),
    }
    check(seen.all("host").count() == 1, "one Host", &seen)?;
    let lengths = seen.all("content-length").count();
    let codings = seen.all("transfer-encoding").count();
    check(lengths + codings <= 1, "one way to frame it", &seen)?;
    if let Some(codings) = seen.one("transfer-encoding") {
        let codings: Vec<_> = codings.split(',').map(str::trim).collect();
        let chunked = codings.iter().filter(|coding| coding.eq_ignore_ascii_case("chunked")).count();
        let is_last = codings.last().is_some_and(|last| last.eq_ignore_ascii_case("chunked"));
        check(chunked == 1 && is_last && version == "HTTP/1.1", "the Transfer-Encoding", &seen)?;
        let Some((body, trailers)) = rest.chunks()? else { return Ok(None) };
        (seen.body, seen.trailers) = (body, trailers);
        return Ok(Some((seen, rest.place)));
    }
    let length = seen.one("content-length").unwrap_or("0");
    check(!length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit()), "the length", &seen)?;
    let length = length.parse().map_err(|_fault| format!("the length: {seen:?}"))?;
    let Some(body) = rest.exactly(length)? else { return Ok(None) };
    seen.body = body;
    Ok(Some((seen, rest.place)))
}

struct Reader<'a> {
    bytes: &'a [u8],
    place: usize,
}

impl Reader<'_> {
    fn exactly(&mut self, length: usize) -> Result<Option<String>, String> {
        let Some(taken) = self.bytes[self.place..].get(..length) else { return Ok(None) };
        self.place += length;
        String::from_utf8(taken.to_vec()).map(Some).map_err(|_fault| "not text".to_owned())
    }

    fn line(&mut self) -> Result<Option<String>, String> {
        let rest = &self.bytes[self.place..];
        let Some(end) = rest.windows(2).position(|end| end == b"\r\n") else { return Ok(None) };
        let line = self.exactly(end)?;
        self.place += 2;
        match line.filter(|line| line.bytes().any(|byte| byte.is_ascii_control())) {
            Some(line) => Err(format!("a control character: {line:?}")),
            None => Ok(Some(String::from_utf8_lossy(&rest[..end]).into_owned())),
        }
    }

    fn fields(&mut self) -> Result<Option<Vec<(String, String)>>, String> {
        let mut fields = Vec::new();
        loop {
            let Some(line) = self.line()? else { return Ok(None) };
            if line.is_empty() {
                return Ok(Some(fields));
            }
            let Some((name, value)) = line.split_once(':') else { return Err(format!("not a field: {line:?}")) };
            check(is_token(name), "the name of a field", &line)?;
            fields.push((name.to_ascii_lowercase(), value.trim_matches([' ', '\t']).to_owned()));
        }
    }

    #[expect(clippy::type_complexity, reason = "a body and its trailers")]
    fn chunks(&mut self) -> Result<Option<(String, Vec<(String, String)>)>, String> {
        let mut body = String::new();
        loop {
            let Some(line) = self.line()? else { return Ok(None) };
            check(!line.is_empty() && line.bytes().all(|byte| byte.is_ascii_hexdigit()), "the size of a chunk", &line)?;
            let size = usize::from_str_radix(&line, 16).map_err(|_fault| format!("the size of a chunk: {line:?}"))?;
            if size == 0 {
                return Ok(self.fields()?.map(|trailers| (body, trailers)));
            }
            let Some(data) = self.exactly(size)? else { return Ok(None) };
            body.push_str(&data);
            match self.exactly(2)?.as_deref() {
                Some("\r\n") => {}
                None => return Ok(None),
                Some(other) => return Err(format!("behind a chunk: {other:?}")),
            }
        }
    }
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

fn check(holds: bool, what: &str, of: &dyn std::fmt::Debug) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("{what}: {of:?}")) }
}
