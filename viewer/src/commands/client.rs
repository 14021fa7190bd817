//! What the server is told about this machine and what is wanted of it.

use std::path::PathBuf;

use etcetera::BaseStrategy;
use oriel_protocol::client::{
    ClientConfig, GraphicsSupport, MonitorLayout, SecurityOffer, TimeZone,
};
use oriel_transport::{ConnectOptions, KerberosOptions};

use super::Server;
use crate::{
    cli::{AccountArgs, GraphicsChoice, SecurityChoice, SessionArgs},
    target::Target,
};

/// Names another file of pinned certificates.
const KNOWN_HOSTS_VARIABLE: &str = "ORIEL_KNOWN_HOSTS";

/// How to reach a server and whom to believe.
pub(super) fn connect_options(target: &Target, account: &AccountArgs) -> ConnectOptions {
    ConnectOptions {
        connect_timeout: account.connect_timeout,
        certificate_policy: account.cert,
        known_hosts: Some(known_hosts()),
        kerberos: account
            .kdc
            .clone()
            .map(|kdc| KerberosOptions { kdc: Some(kdc) }),
        ..ConnectOptions::new(target.host.clone(), target.port)
    }
}

/// What a server is told.
pub(super) fn client_config(
    server: &Server,
    session: &SessionArgs,
    layout: MonitorLayout,
    keyboard_layout: u32,
) -> ClientConfig {
    let size = layout.rect.size();
    ClientConfig {
        client_name: machine_name().unwrap_or_else(|| "oriel".to_owned()),
        security: match server.account.security {
            SecurityChoice::Auto => SecurityOffer::Auto,
            SecurityChoice::Nla => SecurityOffer::Nla,
            SecurityChoice::Tls => SecurityOffer::Tls,
        },
        monitors: vec![layout],
        keyboard_layout,
        graphics: GraphicsSupport {
            small_cache: session.small_cache,
            ..graphics_support(session.gfx)
        },
        connection_type: session.link.into(),
        compression: session.compression.into(),
        time_zone: local_time_zone().unwrap_or_default(),
        random_seed: rand::random(),
        keeps_recording: session.record.is_some(),
        ..ClientConfig::new(server.target.host.clone(), server.credentials.clone(), size)
    }
}

fn graphics_support(choice: GraphicsChoice) -> GraphicsSupport {
    let all = GraphicsSupport::default();
    let without_avc = GraphicsSupport {
        avc420: false,
        avc444: false,
        ..all
    };
    let without_surface_codecs = GraphicsSupport {
        remote_fx: false,
        ns_codec: false,
        jpeg: false,
        ..without_avc
    };
    let bitmaps = GraphicsSupport {
        pipeline: false,
        ..without_surface_codecs
    };
    match choice {
        GraphicsChoice::Auto | GraphicsChoice::Avc444 => all,
        GraphicsChoice::Avc420 => GraphicsSupport {
            avc444: false,
            ..all
        },
        // Servers that see RemoteFX announced for surface commands send it in the pipeline too.
        GraphicsChoice::Progressive => without_surface_codecs,
        GraphicsChoice::Rfx => GraphicsSupport {
            thin_client: true,
            remote_fx: true,
            ..without_surface_codecs
        },
        GraphicsChoice::Surface => GraphicsSupport {
            pipeline: false,
            ..without_avc
        },
        GraphicsChoice::Nsc => GraphicsSupport {
            ns_codec: true,
            ..bitmaps
        },
        GraphicsChoice::Jpeg => GraphicsSupport {
            jpeg: true,
            ..bitmaps
        },
        GraphicsChoice::Off => bitmaps,
    }
}

/// The file of pinned certificates.
fn known_hosts() -> PathBuf {
    if let Some(path) = std::env::var_os(KNOWN_HOSTS_VARIABLE) {
        return path.into();
    }
    // Without a home folder there is no better place than the current one.
    let folder = etcetera::choose_base_strategy().map(|strategy| strategy.config_dir());
    folder.unwrap_or_default().join("oriel").join("known_hosts")
}

fn machine_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = name.or_else(|| std::env::var("COMPUTERNAME").ok())?;
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// The offset in force now. Both names are the present one's: no switch is announced.
#[cfg(unix)]
fn local_time_zone() -> Option<TimeZone> {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .ok()?;
    let now = libc::time_t::try_from(now.as_secs()).ok()?;
    // SAFETY: `tm` is made of integers and a pointer, for which all zeros is a value.
    let mut local: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live values, which the call does not keep; it reads TZ, which
    // nothing in this process changes.
    if unsafe { libc::localtime_r(&raw const now, &raw mut local) }.is_null() {
        return None;
    }
    let name = if local.tm_zone.is_null() {
        String::new()
    } else {
        // SAFETY: the C library points `tm_zone` to a text of its own that ends with a NUL.
        let name = unsafe { std::ffi::CStr::from_ptr(local.tm_zone) };
        name.to_string_lossy().into_owned()
    };
    Some(TimeZone {
        bias_minutes: i32::try_from(-local.tm_gmtoff / 60).ok()?,
        standard_name: name.clone(),
        daylight_name: name,
    })
}

#[cfg(not(unix))]
fn local_time_zone() -> Option<TimeZone> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_choice_of_graphics_offers_no_more_than_it_says() {
        let offered = |choice| {
            let support = graphics_support(choice);
            let names = [
                ("pipeline", support.pipeline),
                ("avc420", support.avc420),
                ("avc444", support.avc444),
                ("remotefx", support.remote_fx),
                ("nscodec", support.ns_codec),
                ("jpeg", support.jpeg),
            ];
            let names = names.into_iter().filter(|(_, is_offered)| *is_offered);
            names.map(|(name, _)| name).collect::<Vec<_>>().join(" ")
        };
        let everything = "pipeline avc420 avc444 remotefx nscodec jpeg";
        for (choice, names) in [
            (GraphicsChoice::Auto, everything),
            (GraphicsChoice::Avc444, everything),
            (
                GraphicsChoice::Avc420,
                "pipeline avc420 remotefx nscodec jpeg",
            ),
            (GraphicsChoice::Progressive, "pipeline"),
            (GraphicsChoice::Rfx, "pipeline remotefx"),
            (GraphicsChoice::Surface, "remotefx nscodec jpeg"),
            (GraphicsChoice::Nsc, "nscodec"),
            (GraphicsChoice::Jpeg, "jpeg"),
            (GraphicsChoice::Off, ""),
        ] {
            assert_eq!(offered(choice), names, "{choice:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_time_zone_is_one_of_this_planet() {
        let zone = local_time_zone().unwrap();
        assert!(
            (-14 * 60..=12 * 60).contains(&zone.bias_minutes),
            "{zone:?}"
        );
        assert!(!zone.standard_name.is_empty());
    }
}
