//! Finding a server and opening a connection to it.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    net::{TcpStream, lookup_host},
    task::JoinSet,
    time::{Instant, sleep_until, timeout_at},
};

use crate::error::ConnectError;

/// How long an address has before the next one is tried beside it (RFC 8305, section 5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Opens a TCP connection to `host`, trying all of its addresses, within `limit` altogether.
///
/// Addresses are tried in the resolver's order, the next one 250 ms after the one before or as soon
/// as that one failed; the first that answers wins.
pub async fn connect_tcp(
    host: &str,
    port: u16,
    limit: Duration,
) -> Result<(TcpStream, SocketAddr), ConnectError> {
    let deadline = Instant::now() + limit;
    let timeout = || ConnectError::ConnectTimeout {
        host: host.to_owned(),
        port,
        limit,
    };

    let addresses: Vec<SocketAddr> = match timeout_at(deadline, lookup_host((host, port))).await {
        Err(_) => return Err(timeout()),
        Ok(Err(error)) => {
            return Err(ConnectError::NameNotFound {
                host: host.to_owned(),
                source: Some(error),
            });
        }
        Ok(Ok(addresses)) => addresses.collect(),
    };
    if addresses.is_empty() {
        return Err(ConnectError::NameNotFound {
            host: host.to_owned(),
            source: None,
        });
    }
    match timeout_at(deadline, first_to_answer(addresses)).await {
        Err(_) => Err(timeout()),
        Ok(Ok((stream, address))) => {
            // Input events are a few bytes each and must not wait for company.
            let _ = stream.set_nodelay(true);
            Ok((stream, address))
        }
        Ok(Err(error)) => Err(match error.kind() {
            io::ErrorKind::ConnectionRefused => ConnectError::Refused {
                host: host.to_owned(),
                port,
            },
            io::ErrorKind::TimedOut => timeout(),
            _ => ConnectError::Unreachable {
                host: host.to_owned(),
                port,
                source: error,
            },
        }),
    }
}

async fn first_to_answer(addresses: Vec<SocketAddr>) -> io::Result<(TcpStream, SocketAddr)> {
    let mut waiting = addresses.into_iter();
    let mut attempts = JoinSet::new();
    let mut last_error = None;
    let mut next_attempt = Instant::now();
    loop {
        let has_more = waiting.len() > 0;
        tokio::select! {
            () = sleep_until(next_attempt), if has_more => {
                if let Some(address) = waiting.next() {
                    attempts.spawn(async move {
                        TcpStream::connect(address).await.map(|stream| (stream, address))
                    });
                    next_attempt = Instant::now() + ATTEMPT_DELAY;
                }
            }
            Some(outcome) = attempts.join_next() => match outcome {
                Ok(Ok(connected)) => return Ok(connected),
                Ok(Err(error)) => {
                    last_error = Some(error);
                    next_attempt = Instant::now();
                }
                Err(error) => last_error = Some(io::Error::other(error)),
            },
            else => {
                return Err(last_error.unwrap_or_else(|| io::ErrorKind::NotFound.into()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn a_name_without_an_address_is_not_found() {
        let error = connect_tcp("no-such-host.invalid", 3389, Duration::from_secs(5)).await;
        assert!(
            matches!(error, Err(ConnectError::NameNotFound { .. })),
            "{error:?}"
        );
    }

    #[tokio::test]
    async fn a_closed_port_is_refused() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let error = connect_tcp("127.0.0.1", port, Duration::from_secs(5)).await;
        assert!(
            matches!(error, Err(ConnectError::Refused { .. })),
            "{error:?}"
        );
    }

    #[tokio::test]
    async fn the_next_address_is_tried_where_one_fails() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let alive = listener.local_addr().unwrap();
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let dead = closed.local_addr().unwrap();
        drop(closed);
        let (_stream, address) = first_to_answer(vec![dead, alive]).await.unwrap();
        assert_eq!(address, alive);
    }
}
