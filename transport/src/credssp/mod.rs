//! Network Level Authentication: CredSSP over an established TLS stream (`[MS-CSSP]`).
//!
//! ```text
//!  client                                   server
//!    │── TSRequest { negoToken }  ────────────▶│   until the security package is content
//!    │◀───────────── TSRequest { negoToken } ──│
//!    │── TSRequest { pubKeyAuth } ────────────▶│   binds the sign-in to this TLS channel,
//!    │◀──────────── TSRequest { pubKeyAuth } ──│   proves the server to the client
//!    │── TSRequest { authInfo }   ────────────▶│   delegates the credentials
//!    │◀───── early user authorization result ──│   with PROTOCOL_HYBRID_EX only
//! ```
//!
//! The `sspi` crate does the mathematics: NTLM, Kerberos, SPNEGO, the key binding, and versions 2
//! to 6 of the exchange. This module frames the messages, bounds them, and tells the failures
//! apart.

mod client;
mod kdc;
mod server;

use std::io;

use sspi::credssp::TsRequest;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use zeroize::Zeroizing;

pub use client::{ClientSignIn, KerberosOptions, authenticate};
pub use server::{AcceptError, CREDSSP_VERSION, ServerSignIn, accept};

/// Longest `TSRequest` that is read. Kerberos tickets with many groups reach tens of kilobytes.
const MAX_TS_REQUEST_BYTES: usize = 64 * 1024;

/// `AUTHZ_SUCCESS`, `[MS-CSSP] 2.2.2`.
const AUTHORIZATION_SUCCESS: u32 = 0;

/// Reads one DER `SEQUENCE` with its header, and not one byte more.
async fn read_ts_request<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<TsRequest> {
    const SEQUENCE: u8 = 0x30;
    let invalid = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);

    let mut message = vec![0; 2];
    stream.read_exact(&mut message).await?;
    if message[0] != SEQUENCE {
        return Err(invalid(format!(
            "no TSRequest: it starts with {:#04x}",
            message[0]
        )));
    }
    let content_length = match message[1] {
        short @ 0..=0x7f => usize::from(short),
        long @ 0x81..=0x83 => {
            let header = message.len();
            message.resize(header + usize::from(long & 0x0f), 0);
            stream.read_exact(&mut message[header..]).await?;
            message[header..]
                .iter()
                .fold(0, |length, &byte| length << 8 | usize::from(byte))
        }
        other => {
            return Err(invalid(format!(
                "no TSRequest: length of form {other:#04x}"
            )));
        }
    };
    if content_length > MAX_TS_REQUEST_BYTES {
        return Err(invalid(format!("TSRequest of {content_length} bytes")));
    }
    let header = message.len();
    message.resize(header + content_length, 0);
    stream.read_exact(&mut message[header..]).await?;
    TsRequest::from_buffer(&message)
}

async fn write_ts_request<S: AsyncWrite + Unpin>(
    stream: &mut S,
    request: &TsRequest,
) -> io::Result<()> {
    let mut message = Zeroizing::new(Vec::new());
    request.encode_ts_request(&mut *message)?;
    stream.write_all(&message).await?;
    stream.flush().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_message_is_read_to_its_end_and_no_further() {
        let request = TsRequest {
            nego_tokens: Some(vec![7; 300]),
            ..TsRequest::default()
        };
        let mut wire = Vec::new();
        request.encode_ts_request(&mut wire).unwrap();
        wire.extend_from_slice(b"next");
        let mut stream = wire.as_slice();
        let read = read_ts_request(&mut stream).await.unwrap();
        assert_eq!(read.nego_tokens, request.nego_tokens);
        assert_eq!(stream, b"next");
    }

    #[tokio::test]
    async fn foreign_bytes_and_huge_lengths_are_refused_before_anything_is_allocated() {
        for wire in [
            &b"HTTP/1.1 400 Bad Request"[..],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[0x30, 0x83, 0xff, 0xff, 0xff],
            &[0x30, 0x80],
        ] {
            let error = read_ts_request(&mut &*wire).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_bytes_are_an_error_or_a_message(wire: Vec<u8>) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let _ = runtime.block_on(read_ts_request(&mut wire.as_slice()));
            let mut framed = vec![0x30, 0x82, (wire.len() >> 8) as u8, wire.len() as u8];
            framed.extend_from_slice(&wire);
            let _ = runtime.block_on(read_ts_request(&mut framed.as_slice()));
        }
    }
}
