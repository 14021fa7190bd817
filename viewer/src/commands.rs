//! The commands, from the command line to the exit code.

mod check;
mod client;
mod decoders;
mod demo;
mod replay;

use std::{path::Path, process::ExitCode};

use oriel_codecs::{geometry::Size, picture::Picture};
use oriel_protocol::{client::MonitorLayout, secret::Credentials};
use oriel_render::{Renderer, Trace};

use crate::{
    cli::{AccountArgs, Cli, Command, ConnectArgs, SessionArgs},
    decoders::choose,
    failure::Failure,
    headless,
    input::text::US_LAYOUT,
    password,
    session::{Errands, Plan, Source},
    target::Target,
    window::{self, Launch, Outcome},
};

/// Size of the desktop where neither the command line nor a window says.
const HEADLESS_SIZE: Size = Size::new(1280, 800);

/// Does what the command line asks for.
pub fn run(cli: Cli) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("oriel-net")
        .enable_all()
        .build();
    let result = match runtime {
        Ok(runtime) => {
            let result = dispatch(cli, &runtime);
            // A name that is still being looked up must not keep the process.
            runtime.shutdown_background();
            result
        }
        Err(error) => Err(Failure::Internal {
            reason: format!("no threads for the network: {error}"),
        }),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("oriel: {failure}");
            failure.exit_code()
        }
    }
}

fn dispatch(cli: Cli, runtime: &tokio::runtime::Runtime) -> Result<(), Failure> {
    match cli.command {
        Command::Connect(args) => connect(args, runtime),
        Command::Demo(args) => demo::run(args, runtime),
        Command::Replay(args) => replay::run(args, runtime),
        Command::Check(args) => runtime.block_on(check::run(args)),
        Command::Decoders(args) => {
            decoders::run(&args);
            Ok(())
        }
    }
}

fn connect(args: ConnectArgs, runtime: &tokio::runtime::Runtime) -> Result<(), Failure> {
    let credentials = credentials(&args.account, &args.target)?;
    let server = Server {
        target: args.target,
        credentials,
        account: args.account,
    };
    let outcome = show(&server, &args.session, runtime)?;
    finish(&outcome, &args.session)?;
    outcome.end.map(|_| ())
}

/// A server with all that is needed to connect to it any number of times.
#[derive(Clone)]
struct Server {
    target: Target,
    credentials: Credentials,
    account: AccountArgs,
}

impl Server {
    fn plan(&self, session: &SessionArgs, layout: MonitorLayout, keyboard_layout: u32) -> Plan {
        let client = client::client_config(self, session, layout, keyboard_layout);
        Plan {
            server: self.target.to_string(),
            source: Source::Server {
                connect: client::connect_options(&self.target, &self.account),
                client: Box::new(client),
                record: session.record.clone(),
            },
            errands: Errands::default(),
            trace: None,
        }
    }
}

fn credentials(account: &AccountArgs, target: &Target) -> Result<Credentials, Failure> {
    let (user, domain) = account.user_and_domain(Some(target));
    let password = password::obtain(account.password_stdin, &user, &target.to_string());
    let password = password.map_err(|error| Failure::Internal {
        reason: format!("the password cannot be read: {error}"),
    })?;
    Ok(Credentials {
        user,
        domain,
        password,
    })
}

/// Shows a server's session in a window, or runs it without one.
fn show(
    server: &Server,
    session: &SessionArgs,
    runtime: &tokio::runtime::Runtime,
) -> Result<Outcome, Failure> {
    let (again, options) = (server.clone(), session.clone());
    let plans = move |layout, keyboard_layout| again.plan(&options, layout, keyboard_layout);
    let leaves_when_settled = session.view.screenshot.is_some() || session.type_text.is_some();
    show_plans(
        server.target.to_string(),
        Box::new(plans),
        session,
        leaves_when_settled,
        runtime,
    )
}

/// Shows what `plans` make for a layout and a keyboard. Without a window, a session that
/// `leaves_when_settled` ends by itself.
fn show_plans(
    name: String,
    plans: Box<dyn Fn(MonitorLayout, u32) -> Plan>,
    session: &SessionArgs,
    leaves_when_settled: bool,
    runtime: &tokio::runtime::Runtime,
) -> Result<Outcome, Failure> {
    let decoders = choose(session.view.decoder)?;
    let traced = session.view.trace.as_deref().map(|path| {
        let trace = Trace::create(path).map_err(|error| unwritable(path, &error))?;
        Ok((path, trace))
    });
    let traced = traced.transpose()?;
    let trace = traced.as_ref().map(|(_, trace)| trace.clone());
    let shown = if session.view.headless {
        let size = session.size.map_or(HEADLESS_SIZE, |size| size.0);
        let mut plan = plans(MonitorLayout::single(size), US_LAYOUT);
        plan.errands = Errands {
            text: session.type_text.clone(),
            exit_after: session.view.exit_after,
            exit_when_settled: leaves_when_settled,
        };
        plan.trace = trace;
        runtime.block_on(headless::run(plan, session, decoders))
    } else {
        window::run(Launch {
            server: name,
            plan: plans,
            session: session.clone(),
            decoders,
            runtime: runtime.handle().clone(),
            trace,
        })
    };
    // However it ended, what was seen of it is worth having.
    let written = traced.map_or(Ok(()), |(path, trace)| {
        trace.finish().map_err(|error| unwritable(path, &error))
    });
    let shown = shown?;
    written.map(|()| shown)
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::File {
        path: path.display().to_string(),
        reason: error.to_string(),
    }
}

/// Writes the files that were asked for, whatever the end.
fn finish(outcome: &Outcome, session: &SessionArgs) -> Result<(), Failure> {
    if let (Some(path), Some(renderer)) = (&session.view.screenshot, &outcome.renderer) {
        save_screenshot(renderer, path)?;
    }
    if let Some(path) = &session.view.stats {
        let render = outcome.renderer.as_ref().map(Renderer::statistics);
        let render = render.unwrap_or_default();
        outcome.record.write(path, &outcome.end, &render)?;
    }
    Ok(())
}

/// Writes the desktop's last picture; where there was none, there is no file.
fn save_screenshot(renderer: &Renderer, path: &Path) -> Result<(), Failure> {
    let failed = |reason: String| Failure::File {
        path: path.display().to_string(),
        reason,
    };
    let picture = renderer.screenshot().recv();
    let picture = picture.map_err(|_| failed("the renderer has no picture".to_owned()))?;
    if picture.size().is_empty() {
        return Ok(());
    }
    write_png(&picture, path).map_err(|error| failed(error.to_string()))
}

fn write_png(picture: &Picture, path: &Path) -> image::ImageResult<()> {
    let rgb = picture
        .data()
        .chunks_exact(4)
        .flat_map(|p| [p[2], p[1], p[0]]);
    image::save_buffer_with_format(
        path,
        &rgb.collect::<Vec<u8>>(),
        picture.size().width,
        picture.size().height,
        image::ExtendedColorType::Rgb8,
        image::ImageFormat::Png,
    )
}
