//! Fixed messages of servers that do not speak TLS, or not this version.

/// A fatal alert in a record: `handshake_failure`.
pub(crate) const HANDSHAKE_FAILURE: [u8; 7] = [21, 3, 3, 0, 2, 2, 40];

/// A fatal alert in a record: `protocol_version`, as a TLS 1.0 server refuses a newer client.
pub(crate) const PROTOCOL_VERSION: [u8; 7] = [21, 3, 1, 0, 2, 2, 70];

/// Bytes that no protocol begins with.
pub(crate) const GARBAGE: [u8; 64] = [0xff; 64];

/// The greeting of a server that speaks first, and no TLS.
pub(crate) const GREETING: &[u8] = b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n";

/// Returns the ServerHello of a server with TLS 1.0 only: no session, TLS_RSA_WITH_AES_128_CBC_SHA, no compression.
pub(crate) fn tls_1_0_server_hello() -> Vec<u8> {
    let mut hello = vec![3, 1];
    hello.extend([7; 32]);
    hello.extend([0, 0, 0x2f, 0]);
    // Both lengths are far below 256.
    let length = u8::try_from(hello.len()).unwrap();
    [&[22, 3, 1, 0, length + 4, 2, 0, 0, length][..], &hello].concat()
}
