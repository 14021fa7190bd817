//! `oriel replay`: a recorded session once more, without a server.

use super::{finish, show_plans};
use crate::{
    cli::{ReplayArgs, SessionArgs},
    failure::Failure,
    recording::Player,
    session::{Errands, Plan, Source},
};

/// Plays a recording.
pub(super) fn run(args: ReplayArgs, runtime: &tokio::runtime::Runtime) -> Result<(), Failure> {
    let unplayable = |error| Failure::from_recording(&args.recording, &error);
    // In a window, the last picture stays until somebody closes it.
    let stays = !args.view.headless && args.view.exit_after.is_none();
    let player = Player::open(&args.recording, args.speed, stays).map_err(unplayable)?;
    let server = format!("{} (recorded)", player.server());
    let session = SessionArgs {
        view: args.view,
        ..Default::default()
    };
    let name = server.clone();
    let plans = move |_, _| Plan {
        server: name.clone(),
        source: Source::Recording(player.clone()),
        errands: Errands::default(),
        trace: None,
    };
    let outcome = show_plans(server, Box::new(plans), &session, false, runtime)?;
    finish(&outcome, &session)?;
    outcome.end.map(|_| ())
}
