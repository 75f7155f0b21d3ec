//! What servers say that cannot do TLS, or not this TLS.

/// A fatal alert in a record: `handshake_failure`.
pub(crate) const HANDSHAKE_FAILURE: [u8; 7] = [21, 3, 3, 0, 2, 2, 40];

/// A fatal alert in a record: `protocol_version`, with which a server of TLS 1.0 refuses a client that wants more.
pub(crate) const PROTOCOL_VERSION: [u8; 7] = [21, 3, 1, 0, 2, 2, 70];

/// What no peer has ever said.
pub(crate) const GARBAGE: [u8; 64] = [0xff; 64];

/// A server that speaks before its client does, and no TLS.
pub(crate) const GREETING: &[u8] = b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n";

/// The ServerHello of a server that has TLS 1.0 and nothing later: no session, TLS_RSA_WITH_AES_128_CBC_SHA, no compression.
pub(crate) fn tls_1_0_server_hello() -> Vec<u8> {
    let mut hello = vec![3, 1];
    hello.extend([7; 32]);
    hello.extend([0, 0, 0x2f, 0]);
    // Both lengths are far below 256.
    let length = u8::try_from(hello.len()).unwrap();
    [&[22, 3, 1, 0, length + 4, 2, 0, 0, length][..], &hello].concat()
}
