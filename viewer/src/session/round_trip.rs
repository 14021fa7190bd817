//! The round trip to the server, as the system's TCP measures it.

use std::time::Duration;

/// Asks the system about one connection, beside whoever reads and writes it.
#[cfg(target_os = "linux")]
#[derive(Debug)]
pub struct RoundTripMeter(std::os::fd::OwnedFd);

#[cfg(target_os = "linux")]
impl RoundTripMeter {
    /// A meter of `socket`; `None` where the process has no descriptor left.
    pub fn of(socket: &impl std::os::fd::AsFd) -> Option<Self> {
        socket.as_fd().try_clone_to_owned().ok().map(Self)
    }

    /// The smoothed round trip; `None` where it is not known.
    pub fn round_trip(&self) -> Option<Duration> {
        use std::os::fd::AsRawFd;

        // SAFETY: `tcp_info` is made of integers, for which all zeros is a value.
        let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
        let mut length = size_of::<libc::tcp_info>() as libc::socklen_t;
        // SAFETY: the descriptor is open as long as it is owned here; the kernel writes at most
        // `length` bytes to `info`, which is that large, and how many it wrote to `length`.
        let result = unsafe {
            libc::getsockopt(
                self.0.as_raw_fd(),
                libc::IPPROTO_TCP,
                libc::TCP_INFO,
                (&raw mut info).cast(),
                &raw mut length,
            )
        };
        (result == 0 && info.tcpi_rtt > 0).then(|| Duration::from_micros(u64::from(info.tcpi_rtt)))
    }
}

/// Nothing is known here.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
pub struct RoundTripMeter;

#[cfg(not(target_os = "linux"))]
impl RoundTripMeter {
    /// There is none.
    pub fn of<T>(_socket: &T) -> Option<Self> {
        None
    }

    /// Unknown.
    pub fn round_trip(&self) -> Option<Duration> {
        None
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::{
        io::{Read, Write},
        net::{TcpListener, TcpStream},
        os::unix::net::UnixStream,
    };

    use super::*;

    #[test]
    fn a_connection_on_loopback_has_a_short_round_trip() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        for _ in 0..3 {
            client.write_all(b"ping").unwrap();
            server.read_exact(&mut [0; 4]).unwrap();
            server.write_all(b"pong").unwrap();
            client.read_exact(&mut [0; 4]).unwrap();
        }
        let measured = RoundTripMeter::of(&client).unwrap().round_trip();
        assert!(measured.unwrap() < Duration::from_secs(1), "{measured:?}");
    }

    #[test]
    fn what_is_no_tcp_has_none() {
        let (one, _other) = UnixStream::pair().unwrap();
        assert_eq!(RoundTripMeter::of(&one).unwrap().round_trip(), None);
    }
}
