//! Carries Kerberos messages to a key distribution centre and back (RFC 4120, section 7.2).

use std::{io, time::Duration};

use sspi::{ErrorKind, NetworkProtocol, NetworkRequest, Result};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket, lookup_host},
    time::timeout,
};

use crate::error::SignInFailure;

/// How long a key distribution centre may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// Longest answer that is read; tickets are far below.
const MAX_ANSWER_BYTES: u32 = 256 * 1024;

/// Reads `host`, `host:port`, `tcp://host:port` or `udp://host:port`.
pub(super) fn url(text: &str) -> std::result::Result<url::Url, SignInFailure> {
    sspi::kerberos::config::parse_kdc_url(text)
        .ok_or_else(|| SignInFailure::Kerberos(format!("{text:?} is no address of a KDC")))
}

/// Sends one request and returns the answer behind its four bytes of length.
pub(super) async fn send(request: &NetworkRequest) -> Result<Vec<u8>> {
    let fail = |error: io::Error| {
        sspi::Error::new(
            ErrorKind::NoAuthenticatingAuthority,
            format!("key distribution centre {}: {error}", request.url),
        )
    };
    match timeout(ANSWER_LIMIT, exchange(request)).await {
        Ok(answer) => answer.map_err(fail),
        Err(_) => Err(fail(io::ErrorKind::TimedOut.into())),
    }
}

async fn exchange(request: &NetworkRequest) -> io::Result<Vec<u8>> {
    let host = request.url.host_str().unwrap_or_default();
    let port = request.url.port().unwrap_or(88);
    match request.protocol {
        NetworkProtocol::Tcp => {
            let mut stream = TcpStream::connect((host, port)).await?;
            stream.write_all(&request.data).await?;
            let length = stream.read_u32().await?;
            if length > MAX_ANSWER_BYTES {
                return Err(io::Error::other(format!("an answer of {length} bytes")));
            }
            let mut answer = length.to_be_bytes().to_vec();
            answer.resize(4 + length as usize, 0);
            stream.read_exact(&mut answer[4..]).await?;
            Ok(answer)
        }
        NetworkProtocol::Udp => {
            let address = lookup_host((host, port))
                .await?
                .next()
                .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
            let local = if address.is_ipv4() {
                "0.0.0.0:0"
            } else {
                "[::]:0"
            };
            let socket = UdpSocket::bind(local).await?;
            socket.connect(address).await?;
            socket.send(&request.data).await?;
            let mut datagram = vec![0; 65_536];
            let length = socket.recv(&mut datagram).await?;
            let mut answer = (length as u32).to_be_bytes().to_vec();
            answer.extend_from_slice(&datagram[..length]);
            Ok(answer)
        }
        NetworkProtocol::Http | NetworkProtocol::Https => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "a KDC proxy is not supported",
        )),
    }
}
