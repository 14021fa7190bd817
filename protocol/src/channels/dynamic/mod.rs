//! Dynamic virtual channels over the static channel `drdynvc` (`[MS-RDPEDYC]`).
//!
//! Both machines take whole messages of the static channel (see
//! [`ChannelReassembler`](super::ChannelReassembler)) and give back such messages, each to be cut
//! with [`write_chunks`](super::write_chunks). Up to version 3 of the protocol is spoken: what
//! arrives compressed is expanded, while nothing is sent so, since graphics are compressed
//! already. Nothing is moved to other transports: a soft-sync request is answered with an empty
//! list.
//!
//! ```
//! use oriel_protocol::channels::dynamic::*;
//! let mut server = DynamicChannelsServer::new();
//! let mut client = DynamicChannelsClient::new([names::GRAPHICS]);
//! let channel = server.open(names::GRAPHICS);
//! loop {
//!     let mut is_idle = true;
//!     while let Some(message) = server.poll_transmit() {
//!         client.handle_data(&message)?;
//!         is_idle = false;
//!     }
//!     while let Some(message) = client.poll_transmit() {
//!         server.handle_data(&message)?;
//!         is_idle = false;
//!     }
//!     if is_idle {
//!         break;
//!     }
//! }
//! assert_eq!(server.poll_event(), Some(DynamicChannelEvent::Ready { version: 3 }));
//! assert!(matches!(server.poll_event(), Some(DynamicChannelEvent::Opened { .. })));
//! assert!(server.send(channel, b"hello"));
//! # Ok::<(), oriel_protocol::wire::DecodeError>(())
//! ```

mod client;
mod inbox;
mod pdu;
mod server;

use bytes::Bytes;

pub use client::DynamicChannelsClient;
pub use pdu::{DynamicChannelId, DynamicPdu, PDU_LENGTH, SoftSyncTunnel};
pub use server::DynamicChannelsServer;

/// Names of the channels that Oriel knows.
pub mod names {
    /// The graphics pipeline (`[MS-RDPEGFX] 2.1`).
    pub const GRAPHICS: &str = "Microsoft::Windows::RDS::Graphics";
    /// Display control (`[MS-RDPEDISP] 2.1`).
    pub const DISPLAY_CONTROL: &str = "Microsoft::Windows::RDS::DisplayControl";
}

/// Most bytes of a message on a dynamic channel.
///
/// The largest that a server has reason to send is one raw picture of a 7680 by 4320 desktop.
pub const MESSAGE_LIMIT: usize = 144 * 1024 * 1024;

/// Channels that may be open at once.
pub const CHANNEL_LIMIT: usize = 32;

/// The latest version that this side speaks. From 3 on data may be compressed.
const VERSION: u16 = 3;

/// What the dynamic channels tell their owner, on either side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DynamicChannelEvent {
    /// Both sides know each other's version; a server's channels are created from here on.
    Ready {
        /// The version that is spoken.
        version: u16,
    },
    /// A channel is open.
    Opened {
        /// Its number.
        channel: DynamicChannelId,
        /// Its name.
        name: String,
    },
    /// The client has no listener of that name. On the client it tells what the server wanted.
    Refused {
        /// Its number, free again.
        channel: DynamicChannelId,
        /// Its name.
        name: String,
        /// The HRESULT in the answer.
        status: i32,
    },
    /// A channel was closed by the other side.
    Closed {
        /// Its number.
        channel: DynamicChannelId,
        /// Its name.
        name: String,
    },
    /// A whole message.
    Data {
        /// On which channel.
        channel: DynamicChannelId,
        /// The message.
        data: Bytes,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::DecodeError;

    /// Client and server, wired back to back.
    struct Pair {
        client: DynamicChannelsClient,
        server: DynamicChannelsServer,
    }

    impl Pair {
        fn new() -> Self {
            Self {
                client: DynamicChannelsClient::new([names::GRAPHICS, names::DISPLAY_CONTROL]),
                server: DynamicChannelsServer::new(),
            }
        }

        fn run(&mut self) -> (Vec<DynamicChannelEvent>, Vec<DynamicChannelEvent>) {
            loop {
                let mut is_idle = true;
                while let Some(message) = self.server.poll_transmit() {
                    self.client.handle_data(&message).unwrap();
                    is_idle = false;
                }
                while let Some(message) = self.client.poll_transmit() {
                    self.server.handle_data(&message).unwrap();
                    is_idle = false;
                }
                if is_idle {
                    break;
                }
            }
            (
                std::iter::from_fn(|| self.client.poll_event()).collect(),
                std::iter::from_fn(|| self.server.poll_event()).collect(),
            )
        }
    }

    #[test]
    fn a_known_name_opens_and_an_unknown_one_is_refused_with_a_failure() {
        let mut pair = Pair::new();
        let graphics = pair.server.open(names::GRAPHICS);
        let echo = pair.server.open("ECHO");
        let (client, server) = pair.run();
        let ready = DynamicChannelEvent::Ready { version: 3 };
        let opened = DynamicChannelEvent::Opened {
            channel: graphics,
            name: names::GRAPHICS.to_owned(),
        };
        for events in [client, server] {
            assert_eq!(events[..2], [ready.clone(), opened.clone()]);
            assert!(matches!(
                &events[2],
                DynamicChannelEvent::Refused { channel, name, status }
                    if *channel == echo && name == "ECHO" && *status < 0
            ));
        }
        assert!(!pair.server.send(echo, b"nobody listens"));
    }

    #[test]
    fn messages_of_every_length_around_the_limits_arrive_whole_both_ways() {
        let mut pair = Pair::new();
        let channel = pair.server.open(names::GRAPHICS);
        pair.run();
        for length in [
            0, 1, 1589, 1590, 1591, 1595, 1596, 1597, 1600, 3200, 100_000,
        ] {
            let data: Vec<u8> = (0..length).map(|i| (i * 7) as u8).collect();
            assert!(pair.server.send(channel, &data));
            assert!(pair.client.send(channel, &data));
            let (client, server) = pair.run();
            let expected = DynamicChannelEvent::Data {
                channel,
                data: Bytes::from(data),
            };
            let expected = std::slice::from_ref(&expected);
            assert_eq!(client, expected, "{length} bytes to the client");
            assert_eq!(server, expected, "{length} bytes to the server");
        }
    }

    #[test]
    fn a_channel_closed_by_either_side_is_gone_on_both() {
        let mut pair = Pair::new();
        for by_client in [true, false] {
            let channel = pair.server.open(names::DISPLAY_CONTROL);
            pair.run();
            if by_client {
                assert!(pair.client.close(channel));
            } else {
                assert!(pair.server.close(channel));
            }
            let (client, server) = pair.run();
            let closed = DynamicChannelEvent::Closed {
                channel,
                name: names::DISPLAY_CONTROL.to_owned(),
            };
            assert_eq!(if by_client { server } else { client }, [closed]);
            assert!(!pair.client.send(channel, b"x") && !pair.server.send(channel, b"x"));
        }
    }

    #[test]
    fn a_message_over_the_limit_is_refused_before_it_is_collected() {
        let mut pair = Pair::new();
        let channel = pair.server.open(names::GRAPHICS);
        pair.run();
        let first = DynamicPdu::DataFirst {
            channel,
            length: MESSAGE_LIMIT as u32 + 1,
            is_compressed: false,
            data: b"start",
        };
        assert!(matches!(
            pair.client.handle_data(&first.to_vec()),
            Err(DecodeError::TooLarge { .. })
        ));
    }

    #[test]
    fn data_for_a_channel_that_is_not_open_is_ignored_since_closing_races() {
        let mut client = DynamicChannelsClient::new([names::GRAPHICS]);
        let data = DynamicPdu::Data {
            channel: DynamicChannelId(9),
            is_compressed: false,
            data: b"late",
        };
        client.handle_data(&data.to_vec()).unwrap();
        assert_eq!(client.poll_event(), None);
    }
}
