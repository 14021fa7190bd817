//! `oriel check`: connects, tells each step and what the server offers, and leaves.

use std::time::{Duration, Instant};

use oriel_protocol::{
    client::{MonitorLayout, ServerOffer},
    graphics::GraphicsCommand,
};

use super::{HEADLESS_SIZE, Server, credentials};
use crate::{
    chrome::ProgressPage,
    cli::{CheckArgs, SessionArgs},
    failure::Failure,
    input::text::US_LAYOUT,
    session::{
        Activity, Canvas, Errands, Inbox, Notice, SessionRecord, attend, format_graphics_version,
    },
};

/// How long to listen for what a server offers once the session runs: its channels come late.
const LISTEN: Duration = Duration::from_millis(1500);

/// A canvas on which nothing stays.
struct Nowhere;

impl Canvas for Nowhere {
    fn try_submit(&self, _: GraphicsCommand, _: Instant) -> Result<(), GraphicsCommand> {
        Ok(())
    }
}

/// Checks a server.
pub(super) async fn run(args: CheckArgs) -> Result<(), Failure> {
    let credentials = credentials(&args.account, &args.target)?;
    let server = Server {
        target: args.target,
        credentials,
        account: args.account,
    };
    let layout = MonitorLayout::single(HEADLESS_SIZE);
    let mut plan = server.plan(&SessionArgs::default(), layout, US_LAYOUT);
    plan.errands = Errands {
        exit_after: Some(LISTEN),
        ..Default::default()
    };
    println!("{}:{}", server.target.host, server.target.port);
    let names = ProgressPage::new(String::new()).steps;
    let tell = |notice| match notice {
        Notice::Step { done, took } => {
            let name = done.checked_sub(1).and_then(|at| names.get(at));
            let name = name.map_or("", |step| step.name);
            println!("  {name:<24}{:>9.1} ms", took.as_secs_f64() * 1e3);
        }
        Notice::Pinned(fingerprint) => println!("  certificate pinned: {fingerprint}"),
        _ => {}
    };
    let (inbox, activity) = (Inbox::default(), Activity::default());
    let (end, record) = attend(plan, &Nowhere, &inbox, &activity, &tell).await;
    print!("{}", describe(&record));
    end.map(|_| ())
}

/// What a server offers, a line each.
fn describe(record: &SessionRecord) -> String {
    let mut lines = Vec::new();
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            lines.push(format!("  {name:<20}{value}\n"));
        }
    };
    line("security", record.security.clone());
    line(
        "certificate",
        record.certificate.clone().unwrap_or_default(),
    );
    let Some(figures) = &record.figures else {
        return lines.concat();
    };
    let ServerOffer {
        version,
        static_channels,
        multitransport_offered,
        skip_channel_join,
        capability_sets,
        dynamic_channels,
        graphics_version,
        graphics_flags,
        auto_reconnect,
        ..
    } = &figures.offer;
    let yes = |is_so: bool| if is_so { "yes" } else { "no" }.to_owned();
    line("protocol version", format!("{version:#010x}"));
    let desktop = figures.desktop;
    line("desktop", format!("{}x{}", desktop.width, desktop.height));
    line("static channels", static_channels.join(", "));
    line("dynamic channels", dynamic_channels.join(", "));
    line(
        "graphics pipeline",
        match graphics_version {
            Some(version) => format!(
                "{} (flags {graphics_flags:#x})",
                format_graphics_version(*version)
            ),
            None => "none: bitmaps".to_owned(),
        },
    );
    let sets: Vec<String> = capability_sets.iter().map(u16::to_string).collect();
    line("capability sets", sets.join(", "));
    line("UDP offered", yes(*multitransport_offered));
    line("skips channel join", yes(*skip_channel_join));
    line("reconnect cookie", yes(*auto_reconnect));
    if let Some(round_trip) = figures.round_trip {
        line(
            "round trip",
            format!("{:.1} ms", round_trip.as_secs_f64() * 1e3),
        );
    }
    lines.concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Figures;

    #[test]
    fn what_a_server_offers_stands_in_lines() {
        let mut figures = Figures::default();
        figures.offer.graphics_version = Some(0x000A_0701);
        figures.offer.dynamic_channels = vec!["a".into(), "b".into()];
        let record = SessionRecord {
            security: "TLS".into(),
            figures: Some(figures),
            ..Default::default()
        };
        let text = describe(&record);
        assert!(text.contains("10.7 (flags 0x0)"), "{text}");
        assert!(text.contains("a, b"), "{text}");
    }

    #[test]
    fn a_failed_check_still_tells_what_it_saw() {
        let record = SessionRecord {
            certificate: Some("sha256:00".into()),
            ..Default::default()
        };
        assert!(describe(&record).contains("sha256:00"));
    }
}
