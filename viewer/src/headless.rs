//! A session without a window.

use oriel_render::{PresentTarget, Renderer, RendererConfig, decode::DecoderPlan};

use crate::{
    cli::SessionArgs,
    failure::Failure,
    session::{Activity, Inbox, Notice, Plan, attend},
    statistics::render_events,
    window::Outcome,
};

/// Runs a session to its end: until its errands are done, the server ends it, or Ctrl+C.
///
/// # Errors
/// [`Failure::Display`] where nothing can put the picture together.
pub async fn run(
    plan: Plan,
    session: &SessionArgs,
    decoders: DecoderPlan,
) -> Result<Outcome, Failure> {
    let (inbox, activity) = (Inbox::default(), Activity::default());
    let config = RendererConfig {
        compositor: session.view.compositor.into(),
        tiles: session.view.tiles.into(),
        trace: plan.trace.clone(),
        decoders,
        ..Default::default()
    };
    let events = render_events(inbox.clone(), activity.clone());
    let renderer = Renderer::start(config, PresentTarget::Headless, events).map_err(|error| {
        Failure::Display {
            reason: error.to_string(),
        }
    })?;
    let server = plan.server.clone();
    let tell = move |notice| match notice {
        Notice::Pinned(fingerprint) => {
            eprintln!("oriel: first visit to {server}: its certificate {fingerprint} is pinned");
        }
        Notice::DecoderReplaced(change) => eprintln!("oriel: {change}"),
        _ => {}
    };
    let interrupt = {
        let inbox = inbox.clone();
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                inbox.disconnect();
            }
        })
    };
    let (end, record) = attend(plan, &renderer, &inbox, &activity, &tell).await;
    interrupt.abort();
    Ok(Outcome {
        end,
        record,
        renderer: Some(renderer),
    })
}
