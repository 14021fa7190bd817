//! What a recorded client told its server, as far as the server's answers depend on it.

use std::time::Duration;

use oriel_codecs::geometry::{Rect, Size};
use oriel_protocol::{
    client::{
        ClientConfig, ConnectionType, GraphicsSupport, MonitorLayout, SecurityOffer,
        StaticChannelRequest,
    },
    secret::Credentials,
};
use serde::{Deserialize, Serialize};

/// The header of a recording.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Setup {
    /// The version of the program that wrote it.
    pub(super) oriel: String,
    server: String,
    security: Security,
    graphics: Graphics,
    link: Link,
    monitors: Vec<Monitor>,
    channels: Vec<Channel>,
    /// What the licence exchange was encrypted with, under TLS: a replay must decrypt it again.
    licence_seed: [u8; 32],
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Security {
    Auto,
    Nla,
    Tls,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Link {
    Modem,
    BroadbandLow,
    Satellite,
    BroadbandHigh,
    Wan,
    Lan,
    Autodetect,
}

#[derive(Debug, Serialize, Deserialize)]
struct Graphics {
    pipeline: bool,
    avc420: bool,
    avc444: bool,
    small_cache: bool,
    thin_client: bool,
    remote_fx: bool,
    ns_codec: bool,
    jpeg: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Monitor {
    left: i32,
    top: i32,
    right: i32,
    bottom: i32,
    is_primary: bool,
    desktop_scale_percent: u32,
    device_scale_percent: u32,
}

#[derive(Debug, Serialize, Deserialize)]
struct Channel {
    name: String,
    options: u32,
}

impl Setup {
    /// Of a client, without who signs in.
    pub(super) fn of(config: &ClientConfig) -> Self {
        let GraphicsSupport {
            pipeline,
            avc420,
            avc444,
            small_cache,
            thin_client,
            remote_fx,
            ns_codec,
            jpeg,
        } = config.graphics;
        Self {
            oriel: env!("CARGO_PKG_VERSION").to_owned(),
            server: config.server_name.clone(),
            security: match config.security {
                SecurityOffer::Auto => Security::Auto,
                SecurityOffer::Nla => Security::Nla,
                SecurityOffer::Tls => Security::Tls,
            },
            graphics: Graphics {
                pipeline,
                avc420,
                avc444,
                small_cache,
                thin_client,
                remote_fx,
                ns_codec,
                jpeg,
            },
            link: match config.connection_type {
                ConnectionType::Modem => Link::Modem,
                ConnectionType::BroadbandLow => Link::BroadbandLow,
                ConnectionType::Satellite => Link::Satellite,
                ConnectionType::BroadbandHigh => Link::BroadbandHigh,
                ConnectionType::Wan => Link::Wan,
                ConnectionType::Lan => Link::Lan,
                ConnectionType::Autodetect => Link::Autodetect,
            },
            monitors: config.monitors.iter().map(Monitor::of).collect(),
            channels: config.static_channels.iter().map(Channel::of).collect(),
            licence_seed: config.random_seed,
        }
    }

    /// A client that understands the same answers.
    pub(super) fn config(&self) -> ClientConfig {
        let Graphics {
            pipeline,
            avc420,
            avc444,
            small_cache,
            thin_client,
            remote_fx,
            ns_codec,
            jpeg,
        } = self.graphics;
        ClientConfig {
            security: match self.security {
                Security::Auto => SecurityOffer::Auto,
                Security::Nla => SecurityOffer::Nla,
                Security::Tls => SecurityOffer::Tls,
            },
            graphics: GraphicsSupport {
                pipeline,
                avc420,
                avc444,
                small_cache,
                thin_client,
                remote_fx,
                ns_codec,
                jpeg,
            },
            connection_type: match self.link {
                Link::Modem => ConnectionType::Modem,
                Link::BroadbandLow => ConnectionType::BroadbandLow,
                Link::Satellite => ConnectionType::Satellite,
                Link::BroadbandHigh => ConnectionType::BroadbandHigh,
                Link::Wan => ConnectionType::Wan,
                Link::Lan => ConnectionType::Lan,
                Link::Autodetect => ConnectionType::Autodetect,
            },
            monitors: self.monitors.iter().map(Monitor::layout).collect(),
            static_channels: self.channels.iter().map(Channel::request).collect(),
            random_seed: self.licence_seed,
            // Nobody waits for a server here.
            step_timeout: Duration::from_secs(u32::MAX.into()),
            ..ClientConfig::new(self.server.clone(), Credentials::default(), Size::default())
        }
    }

    /// The server as it was named.
    pub(super) fn server(&self) -> &str {
        &self.server
    }
}

impl Monitor {
    fn of(layout: &MonitorLayout) -> Self {
        Self {
            left: layout.rect.left,
            top: layout.rect.top,
            right: layout.rect.right,
            bottom: layout.rect.bottom,
            is_primary: layout.is_primary,
            desktop_scale_percent: layout.desktop_scale_percent,
            device_scale_percent: layout.device_scale_percent,
        }
    }

    fn layout(&self) -> MonitorLayout {
        MonitorLayout {
            rect: Rect {
                left: self.left,
                top: self.top,
                right: self.right,
                bottom: self.bottom,
            },
            is_primary: self.is_primary,
            desktop_scale_percent: self.desktop_scale_percent,
            device_scale_percent: self.device_scale_percent,
            ..MonitorLayout::single(Size::default())
        }
    }
}

impl Channel {
    fn of(request: &StaticChannelRequest) -> Self {
        Self {
            name: request.name.clone(),
            options: request.options,
        }
    }

    fn request(&self) -> StaticChannelRequest {
        StaticChannelRequest {
            name: self.name.clone(),
            options: self.options,
        }
    }
}

#[cfg(test)]
mod tests {
    use oriel_protocol::secret::Secret;

    use super::*;

    #[test]
    fn a_setup_comes_back_whole_and_holds_no_credentials() {
        let credentials = Credentials {
            user: "ann-at-work".into(),
            domain: "LAB-DOMAIN".into(),
            password: Secret::new("correct horse"),
        };
        let mut config = ClientConfig::new("pc", credentials, Size::new(1600, 900));
        config.graphics.avc444 = false;
        config.connection_type = ConnectionType::Wan;
        config.security = SecurityOffer::Nla;
        config.random_seed = [7; 32];
        config.static_channels.push(StaticChannelRequest {
            name: "echo".into(),
            options: 0x8000_0000,
        });
        let text = serde_json::to_string(&Setup::of(&config)).unwrap();
        for secret in ["ann-at-work", "LAB-DOMAIN", "correct horse"] {
            assert!(!text.contains(secret), "{secret}");
        }
        let again = serde_json::from_str::<Setup>(&text).unwrap().config();
        assert_eq!(again.graphics, config.graphics);
        assert_eq!(again.connection_type, config.connection_type);
        assert_eq!(again.security, config.security);
        assert_eq!(again.monitors, config.monitors);
        assert_eq!(again.static_channels, config.static_channels);
        assert_eq!(again.random_seed, config.random_seed);
        assert_eq!(again.cookie, None);
    }
}
