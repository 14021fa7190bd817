//! `oriel demo`: a desktop on this machine, and the viewer on it.

use std::path::PathBuf;

use oriel_protocol::secret::Secret;
use oriel_server::demo::{self, DemoOptions};

use super::{Server, finish, show};
use crate::{
    cli::{DemoArgs, SessionArgs},
    failure::Failure,
    password,
    target::{Target, split_domain},
    window::Outcome,
};

/// Where a run without a display leaves its picture.
const PICTURE: &str = "oriel-demo.png";

/// Starts the demo desktop on loopback and shows it.
pub(super) fn run(args: DemoArgs, runtime: &tokio::runtime::Runtime) -> Result<(), Failure> {
    let mut options = DemoOptions::with_password();
    if let Some(credentials) = &mut options.credentials {
        if let Some(user) = &args.account.user {
            split_domain(user).1.clone_into(&mut credentials.user);
        }
        if let Some(password) = given_password(&args)? {
            credentials.password = password;
        }
    }
    let credentials = options.credentials.clone().unwrap_or_default();
    let demo = demo::start(options).map_err(|error| Failure::Internal {
        reason: error.to_string(),
    })?;
    let mut account = args.account;
    // The certificate was made a moment ago and is known for certain: nothing is to be pinned.
    account.cert = oriel_transport::CertificatePolicy::Sha256(oriel_transport::Fingerprint(
        demo.certificate_sha256(),
    ));
    let server = Server {
        target: Target {
            host: demo.address().ip().to_string(),
            port: demo.address().port(),
            user: None,
        },
        credentials,
        account,
    };
    let mut session = args.session;
    if !session.view.headless && !has_display() {
        eprintln!("oriel: there is no display, so the demo runs without a window");
        run_headless(&mut session);
    }
    let outcome = match show(&server, &session, runtime) {
        Err(Failure::NoDisplay { reason }) => {
            eprintln!("oriel: no window can be opened ({reason}), so the demo runs without one");
            run_headless(&mut session);
            show(&server, &session, runtime)?
        }
        outcome => outcome?,
    };
    finish(&outcome, &session)?;
    if session.view.headless {
        println!("{}", figures(&outcome, &session));
    }
    demo.stop();
    outcome.end.map(|_| ())
}

fn given_password(args: &DemoArgs) -> Result<Option<Secret>, Failure> {
    if !args.account.password_stdin {
        return Ok(None);
    }
    let password = password::obtain(true, "demo", "the demo");
    password.map(Some).map_err(|error| Failure::Internal {
        reason: format!("the password cannot be read: {error}"),
    })
}

fn run_headless(session: &mut SessionArgs) {
    session.view.headless = true;
    session
        .view
        .screenshot
        .get_or_insert_with(|| PathBuf::from(PICTURE));
}

/// A line for whoever has no window to look at.
fn figures(outcome: &Outcome, session: &SessionArgs) -> String {
    let render = outcome.renderer.as_ref().map(|r| r.statistics());
    let line = outcome.record.line(&render.unwrap_or_default());
    match &session.view.screenshot {
        Some(path) => format!("{}: {line}", path.display()),
        None => line,
    }
}

/// Whether a window system is announced; it may still refuse.
fn has_display() -> bool {
    if cfg!(not(all(unix, not(target_os = "macos")))) {
        return true;
    }
    ["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}
