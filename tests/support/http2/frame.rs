//! Frames of HTTP/2 (RFC 9113 §4 and §6): their names and their encoding.

/// A frame as it was read.
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

/// The names of the settings, from 1 (RFC 9113 §6.5.2).
const SETTINGS_NAMES: [&str; 6] = ["header-table", "push", "max-streams", "window", "frame-size", "header-list"];

/// The names of the error codes, from 0 (RFC 9113 §7).
const CODES: [&str; 14] = [
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
];

/// Returns the code with this name.
pub(crate) fn code(name: &str) -> Option<u32> {
    CODES.iter().position(|code| *code == name).and_then(|at| u32::try_from(at).ok())
}

/// Returns the name of a code, or its number if it has none.
pub(crate) fn code_name(code: u32) -> String {
    let name = usize::try_from(code).ok().and_then(|at| CODES.get(at));
    name.map_or_else(|| code.to_string(), |name| (*name).to_owned())
}

/// Returns the identifier of the setting with this name.
pub(crate) fn setting(name: &str) -> Option<u16> {
    SETTINGS_NAMES.iter().position(|setting| *setting == name).and_then(|at| u16::try_from(at + 1).ok())
}

/// Writes a frame.
pub(crate) fn put(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let len = u32::try_from(payload.len()).unwrap();
    out.extend_from_slice(&len.to_be_bytes()[1..]);
    out.extend([kind, flags]);
    out.extend(stream.to_be_bytes());
    out.extend_from_slice(payload);
}

/// Writes a field as a literal, without Huffman's code and without indexing (RFC 7541 §6.2.2).
pub(crate) fn put_field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.push(0);
    put_string(out, name.as_bytes());
    put_string(out, value);
}

/// Writes a string literal (RFC 7541 §5.2).
fn put_string(out: &mut Vec<u8>, bytes: &[u8]) {
    const MOST: usize = 0x7f;
    if bytes.len() < MOST {
        out.push(bytes.len().try_into().unwrap());
    } else {
        out.push(0x7f);
        let mut rest = bytes.len() - MOST;
        while rest >= 0x80 {
            out.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
            rest >>= 7;
        }
        out.push(rest.try_into().unwrap());
    }
    out.extend_from_slice(bytes);
}

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

/// The flag of SETTINGS and PING.
pub(crate) const ACK: u8 = 1;
/// The flag of HEADERS and DATA.
pub(crate) const END_STREAM: u8 = 1;
/// The flag of HEADERS and CONTINUATION.
pub(crate) const END_HEADERS: u8 = 4;

/// The initial window of streams and connections (RFC 9113 §6.9.2).
pub(crate) const FIRST_WINDOW: i64 = 65_535;
/// The most bytes of a frame, unless the peer allows more.
pub(crate) const MOST: usize = 16_384;
/// The payload of the server's PINGs.
pub(crate) const PINGED: &[u8] = b"scenario";
