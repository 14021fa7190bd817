//! The command line: what tests, benches and scripts rely on.

use std::{path::PathBuf, str::FromStr, sync::Arc, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use oriel_codecs::{bulk::CompressionLevel, geometry::Size, video::DecoderKind};
use oriel_protocol::client::ConnectionType;
use oriel_render::{CompositorChoice, PresentChoice, TileChoice, TileEngine};
use oriel_transport::{CertificatePolicy, certificate::FingerprintError};

use crate::{
    decoders::{DecoderChoice, KeptTileEngines},
    failure,
    recording::Speed,
    target::{Target, split_domain},
};

/// A native viewer for remote desktops that speaks RDP.
#[derive(Debug, Parser)]
#[command(name = "oriel", version, after_long_help = failure::exit_code_help())]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show and use the desktop of HOST.
    ///
    /// In the window, Ctrl+Alt+Enter switches to the whole screen and back, and Ctrl+Alt+I shows
    /// figures of the session. All other keys go to the desktop.
    Connect(ConnectArgs),
    /// Start a small desktop on this machine, and show and use it.
    Demo(DemoArgs),
    /// Show a session that `--record` has written, without a server.
    Replay(ReplayArgs),
    /// Connect to HOST, print each step with its milliseconds and what the server offers, and leave.
    Check(CheckArgs),
    /// List the H.264 decoders, which of them work here, and why the others do not.
    Decoders(DecodersArgs),
}

/// `oriel connect`.
#[derive(Debug, Args)]
pub struct ConnectArgs {
    /// Whom to connect to.
    // Not in the documentation, which would take the brackets for links.
    #[arg(help = "[USER@]HOST[:PORT]; an IPv6 address with a port stands in brackets")]
    #[arg(value_name = "HOST[:PORT]")]
    pub target: Target,
    /// Who connects.
    #[command(flatten)]
    pub account: AccountArgs,
    /// How the session is shown.
    #[command(flatten)]
    pub session: SessionArgs,
}

/// `oriel demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Who connects; the password is made up for the run unless one is given.
    #[command(flatten)]
    pub account: AccountArgs,
    /// How the session is shown.
    #[command(flatten)]
    pub session: SessionArgs,
}

/// `oriel replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The recording.
    #[arg(value_name = "FILE")]
    pub recording: PathBuf,
    /// So many times as fast as it was, or as fast as it can be shown.
    #[arg(long, value_name = "N|max", default_value = "1")]
    pub speed: Speed,
    /// How the session is shown; it has the size and the graphics that it was recorded with.
    #[command(flatten)]
    pub view: ViewArgs,
}

/// `oriel check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Whom to connect to.
    // Not in the documentation, which would take the brackets for links.
    #[arg(help = "[USER@]HOST[:PORT]; an IPv6 address with a port stands in brackets")]
    #[arg(value_name = "HOST[:PORT]")]
    pub target: Target,
    /// Who connects.
    #[command(flatten)]
    pub account: AccountArgs,
}

/// `oriel decoders`.
#[derive(Debug, Args)]
pub struct DecodersArgs {
    /// Try drivers out again that were tried out before.
    #[arg(long)]
    pub again: bool,
    /// Try this one out in this process, which its driver may crash.
    #[arg(long, value_name = "NAME", hide = true)]
    pub probe: Option<DecoderKind>,
    /// Try out whether its pictures are drawn from where it puts them.
    #[arg(long, hide = true, requires = "probe")]
    pub sharing: bool,
}

/// Account, security and patience.
#[derive(Clone, Debug, Args)]
pub struct AccountArgs {
    /// User name; DOMAIN\user and user@domain are understood.
    #[arg(long, short = 'u')]
    pub user: Option<String>,
    /// Windows domain of the user.
    #[arg(long, short = 'd')]
    pub domain: Option<String>,
    /// Read the password from the first line of standard input. Else the variable ORIEL_PASSWORD
    /// is taken, else the terminal asks. A password never stands on the command line.
    #[arg(long)]
    pub password_stdin: bool,
    /// What to do with a certificate that no authority of this system vouches for: pin it when it
    /// is first seen, refuse it, take it, or take only the one with this SHA-256.
    #[arg(
        long,
        value_name = "tofu|strict|ignore|sha256:HEX",
        default_value = "tofu",
        value_parser = parse_certificate_policy
    )]
    pub cert: CertificatePolicy,
    /// Security protocols to offer.
    #[arg(long, value_enum, default_value_t)]
    pub security: SecurityChoice,
    /// Sign in by Kerberos, with tickets from this key distribution centre; where it has none for
    /// the server, NTLM follows.
    #[arg(long, value_name = "HOST[:PORT]")]
    pub kdc: Option<String>,
    /// Seconds to wait for the connection, and for the server at each step.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = parse_seconds)]
    pub connect_timeout: Duration,
}

impl AccountArgs {
    /// User and domain: the options win over what stands in the target, `DOMAIN\user` is split.
    pub fn user_and_domain(&self, target: Option<&Target>) -> (String, String) {
        let user = self
            .user
            .as_deref()
            .or_else(|| target.and_then(|target| target.user.as_deref()))
            .unwrap_or_default();
        let (domain, user) = split_domain(user);
        let domain = self.domain.as_deref().or(domain).unwrap_or_default();
        (user.to_owned(), domain.to_owned())
    }
}

/// How a session is shown, and what is done in it by itself.
#[derive(Clone, Debug, Default, Args)]
pub struct SessionArgs {
    /// Size of the desktop [default: that of the window, or 1280x800].
    #[arg(long, value_name = "WxH")]
    pub size: Option<DesktopSize>,
    /// Best graphics to ask for; off means plain bitmaps.
    #[arg(long, value_enum, default_value_t)]
    pub gfx: GraphicsChoice,
    /// Ask for a cache of 16 MB in place of 100 MB, for machines that are short of memory; the
    /// server sends more then.
    #[arg(long)]
    pub small_cache: bool,
    /// Kind of link to tell the server of.
    #[arg(long, value_enum, default_value_t)]
    pub link: LinkChoice,
    /// Best compression to ask for, beside that of the graphics pipeline.
    #[arg(long, value_enum, default_value_t)]
    pub compression: CompressionChoice,
    /// How it is shown.
    #[command(flatten)]
    pub view: ViewArgs,
    /// Type a text once the desktop is up.
    #[arg(long = "type", value_name = "TEXT", allow_hyphen_values = true)]
    pub type_text: Option<String>,
    /// Record what the server sends, to be shown again by `oriel replay`. The recording holds what
    /// can be seen, and neither credentials nor key strokes nor the clipboard.
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
}

/// How a session or a recording is shown.
#[derive(Clone, Debug, Default, Args)]
pub struct ViewArgs {
    /// Where the picture is put together.
    #[arg(long, value_enum, default_value_t)]
    pub compositor: Compositor,
    /// What decodes H.264: auto, vaapi, nvdec, vulkan, videotoolbox, d3d11va, ffmpeg or openh264.
    /// See `oriel decoders` for those that work here.
    #[arg(long, value_name = "NAME", default_value = "auto")]
    pub decoder: DecoderChoice,
    /// Fill the screen; Ctrl+Alt+Enter switches.
    #[arg(long)]
    pub fullscreen: bool,
    /// No window.
    #[arg(long)]
    pub headless: bool,
    /// Write the last picture of the desktop to a file.
    #[arg(long, value_name = "FILE.png")]
    pub screenshot: Option<PathBuf>,
    /// Leave so many seconds after the desktop is up (and what was to be typed is typed).
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    pub exit_after: Option<Duration>,
    /// Write figures of the session to a file.
    #[arg(long, value_name = "FILE.json")]
    pub stats: Option<PathBuf>,
    /// Write down what each thread does and each frame's way, for Perfetto (ui.perfetto.dev).
    #[arg(long, value_name = "FILE.json")]
    pub trace: Option<PathBuf>,
    /// How pictures reach the screen, where the GPU draws them. Immediate is the quickest, and
    /// tears; auto is a mailbox where there is one, else fifo.
    #[arg(long, value_enum, default_value_t)]
    pub present: Present,
    /// Who makes pixels of RemoteFX, where a GPU could as well; auto is the quicker one.
    #[arg(long, value_enum, default_value_t)]
    pub tiles: Tiles,
}

fn parse_certificate_policy(text: &str) -> Result<CertificatePolicy, String> {
    Ok(match text {
        "tofu" => CertificatePolicy::TrustOnFirstUse,
        "strict" => CertificatePolicy::Strict,
        "ignore" => CertificatePolicy::Ignore,
        _ if text.starts_with("sha256:") => {
            CertificatePolicy::Sha256(text.parse().map_err(|e: FingerprintError| e.to_string())?)
        }
        _ => return Err("it is one of tofu, strict, ignore, sha256:HEX".to_owned()),
    })
}

/// Security protocols to offer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum SecurityChoice {
    /// TLS with and without network level authentication; the server picks.
    #[default]
    Auto,
    /// Only with network level authentication.
    Nla,
    /// Only TLS.
    Tls,
}

/// Best graphics to ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum GraphicsChoice {
    /// All that can be decoded here.
    #[default]
    Auto,
    /// H.264 with full colour.
    Avc444,
    /// H.264 with a quarter of the colour.
    Avc420,
    /// No H.264: RemoteFX Progressive, ClearCodec and planar, as the server likes.
    #[value(aliases = ["planar", "clear"])]
    Progressive,
    /// No H.264, and RemoteFX rather than its progressive variant.
    Rfx,
    /// No graphics pipeline: RemoteFX, NSCodec, JPEG and bitmaps.
    Surface,
    /// No graphics pipeline: NSCodec and bitmaps.
    Nsc,
    /// No graphics pipeline: JPEG and bitmaps.
    Jpeg,
    /// No graphics pipeline: bitmaps.
    Off,
}

/// What to tell the server about the link; some choose codec and bit rate by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LinkChoice {
    /// The server measures.
    #[default]
    Auto,
    /// 56 kbit/s.
    Modem,
    /// Up to 2 Mbit/s.
    BroadbandLow,
    /// Up to 16 Mbit/s, long delay.
    Satellite,
    /// Up to 10 Mbit/s.
    BroadbandHigh,
    /// More, with a long delay.
    Wan,
    /// More; xrdp 0.9 sends RemoteFX to these clients alone.
    Lan,
}

impl From<LinkChoice> for ConnectionType {
    fn from(choice: LinkChoice) -> Self {
        match choice {
            LinkChoice::Auto => Self::Autodetect,
            LinkChoice::Modem => Self::Modem,
            LinkChoice::BroadbandLow => Self::BroadbandLow,
            LinkChoice::Satellite => Self::Satellite,
            LinkChoice::BroadbandHigh => Self::BroadbandHigh,
            LinkChoice::Wan => Self::Wan,
            LinkChoice::Lan => Self::Lan,
        }
    }
}

/// Bulk compressors, each with all before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum CompressionChoice {
    /// None.
    Off,
    /// MPPC with 8 KiB of history, of RDP 4.
    #[value(name = "8k")]
    K8,
    /// MPPC with 64 KiB of history, of RDP 5.
    #[value(name = "64k")]
    K64,
    /// NCRUSH, of RDP 6.0.
    Rdp6,
    /// XCRUSH, of RDP 6.1.
    #[default]
    Rdp61,
}

impl From<CompressionChoice> for Option<CompressionLevel> {
    fn from(choice: CompressionChoice) -> Self {
        match choice {
            CompressionChoice::Off => None,
            CompressionChoice::K8 => Some(CompressionLevel::K8),
            CompressionChoice::K64 => Some(CompressionLevel::K64),
            CompressionChoice::Rdp6 => Some(CompressionLevel::Rdp6),
            CompressionChoice::Rdp61 => Some(CompressionLevel::Rdp61),
        }
    }
}

/// Where the picture is put together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Compositor {
    /// On the GPU where there is a real one.
    #[default]
    Auto,
    /// On the GPU, or on what the system passes off as one.
    Gpu,
    /// On the CPU.
    Cpu,
}

impl From<Compositor> for CompositorChoice {
    fn from(choice: Compositor) -> Self {
        match choice {
            Compositor::Auto => Self::Auto,
            Compositor::Gpu => Self::Gpu,
            Compositor::Cpu => Self::Cpu,
        }
    }
}

/// How pictures reach the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Present {
    /// A mailbox where there is one.
    #[default]
    Auto,
    /// At each refresh the newest.
    Mailbox,
    /// At once, in the middle of a refresh as well.
    Immediate,
    /// At each refresh the next; each is drawn just before.
    Fifo,
}

impl From<Present> for PresentChoice {
    fn from(choice: Present) -> Self {
        match choice {
            Present::Auto => Self::Auto,
            Present::Mailbox => Self::Mailbox,
            Present::Immediate => Self::Immediate,
            Present::Fifo => Self::Fifo,
        }
    }
}

/// Who makes pixels of RemoteFX.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Tiles {
    /// The one that was quicker when both were tried.
    #[default]
    Auto,
    /// The GPU, where it can.
    Gpu,
    /// The CPU.
    Cpu,
}

impl From<Tiles> for TileChoice {
    fn from(choice: Tiles) -> Self {
        match choice {
            Tiles::Auto => Self::Remembered(Arc::new(KeptTileEngines)),
            Tiles::Gpu => Self::Fixed(TileEngine::Gpu),
            Tiles::Cpu => Self::Fixed(TileEngine::Cpu),
        }
    }
}

/// A desktop's size on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DesktopSize(pub Size);

impl FromStr for DesktopSize {
    type Err = String;

    /// What `[MS-RDPBCGR] 2.2.1.3.2` and `[MS-RDPEDISP] 2.2.2.2.1` allow: 200 to 8192 each way.
    fn from_str(text: &str) -> Result<Self, String> {
        const SIDE: std::ops::RangeInclusive<u32> = 200..=8192;
        let side = |text: &str| text.parse().ok().filter(|side| SIDE.contains(side));
        text.split_once(['x', 'X'])
            .and_then(|(width, height)| Some(Self(Size::new(side(width)?, side(height)?))))
            .ok_or_else(|| {
                format!(
                    "a size is written WIDTHxHEIGHT, each from {} to {}",
                    SIDE.start(),
                    SIDE.end()
                )
            })
    }
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "it is a number of seconds")?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use oriel_transport::Fingerprint;

    use super::*;

    fn connect(arguments: &[&str]) -> ConnectArgs {
        let all = ["oriel", "connect"].iter().chain(arguments);
        match Cli::try_parse_from(all).unwrap().command {
            Command::Connect(connect) => connect,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_of_the_contract_is_taken() {
        let args = connect(&[
            "pc:33890",
            "--user",
            "ann",
            "--domain",
            "LAB",
            "--password-stdin",
            "--cert",
            "strict",
            "--security",
            "nla",
            "--size",
            "1600x900",
            "--gfx",
            "avc420",
            "--small-cache",
            "--link",
            "lan",
            "--compression",
            "64k",
            "--compositor",
            "cpu",
            "--decoder",
            "openh264",
            "--fullscreen",
            "--headless",
            "--screenshot",
            "a.png",
            "--exit-after",
            "2.5",
            "--stats",
            "a.json",
            "--trace",
            "b.json",
            "--present",
            "immediate",
            "--type",
            "-x hello",
            "--connect-timeout",
            "3",
        ]);
        assert_eq!(args.target.port, 33890);
        assert_eq!(
            args.account.user_and_domain(None),
            ("ann".into(), "LAB".into())
        );
        assert!(args.account.password_stdin);
        assert_eq!(args.account.cert, CertificatePolicy::Strict);
        assert_eq!(args.account.security, SecurityChoice::Nla);
        assert_eq!(args.account.connect_timeout, Duration::from_secs(3));
        assert_eq!(args.session.size, Some(DesktopSize(Size::new(1600, 900))));
        assert_eq!(args.session.gfx, GraphicsChoice::Avc420);
        assert!(args.session.small_cache);
        assert_eq!(args.session.link, LinkChoice::Lan);
        assert_eq!(args.session.compression, CompressionChoice::K64);
        assert_eq!(args.session.view.compositor, Compositor::Cpu);
        assert!(args.session.view.fullscreen && args.session.view.headless);
        assert_eq!(args.session.view.screenshot, Some("a.png".into()));
        assert_eq!(
            args.session.view.exit_after,
            Some(Duration::from_millis(2500))
        );
        assert_eq!(args.session.view.stats, Some("a.json".into()));
        assert_eq!(args.session.view.trace, Some("b.json".into()));
        assert_eq!(args.session.view.present, Present::Immediate);
        assert_eq!(args.session.type_text.as_deref(), Some("-x hello"));
    }

    #[test]
    fn nothing_but_a_host_means_the_defaults() {
        let args = connect(&["pc"]);
        assert_eq!(args.account.cert, CertificatePolicy::TrustOnFirstUse);
        assert_eq!(args.account.security, SecurityChoice::Auto);
        assert_eq!(args.account.connect_timeout, Duration::from_secs(10));
        assert_eq!(args.session.gfx, GraphicsChoice::Auto);
        assert!(!args.session.small_cache);
        assert_eq!(args.session.size, None);
        assert!(!args.session.view.headless);
    }

    #[test]
    fn what_goes_without_h264_can_be_asked_for_by_the_name_of_any_of_it() {
        for name in ["progressive", "planar", "clear"] {
            let args = connect(&["pc", "--gfx", name]);
            assert_eq!(args.session.gfx, GraphicsChoice::Progressive, "{name}");
        }
    }

    #[test]
    fn there_is_no_way_to_put_a_password_on_the_command_line() {
        for flag in ["--password", "--pass", "-p"] {
            let all = ["oriel", "connect", "pc", flag, "secret"];
            assert!(Cli::try_parse_from(all).is_err(), "{flag}");
        }
    }

    #[test]
    fn a_user_comes_from_the_option_before_the_target() {
        let target: Target = r"LAB\ann@pc".parse().unwrap();
        let mut account = connect(&["pc"]).account;
        assert_eq!(
            account.user_and_domain(Some(&target)),
            ("ann".into(), "LAB".into())
        );
        account.user = Some("bob".into());
        assert_eq!(
            account.user_and_domain(Some(&target)),
            ("bob".into(), String::new())
        );
        account.domain = Some("CORP".into());
        account.user = Some(r"LAB\bob".into());
        assert_eq!(
            account.user_and_domain(None),
            ("bob".into(), "CORP".into()),
            "the domain that was asked for wins"
        );
    }

    #[test]
    fn a_pinned_certificate_is_named_by_its_whole_fingerprint() {
        let fingerprint = Fingerprint([10; 32]);
        assert_eq!(
            parse_certificate_policy(&fingerprint.to_string()),
            Ok(CertificatePolicy::Sha256(fingerprint))
        );
        for bad in ["sha256:0a", "sha256:zz", "trust", "", &"0a".repeat(32)] {
            assert!(parse_certificate_policy(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_outside_of_the_protocol_are_refused() {
        assert!("1280x800".parse::<DesktopSize>().is_ok());
        for bad in ["1280", "x800", "199x800", "1280x8193", "1280x-1", "axb"] {
            assert!(bad.parse::<DesktopSize>().is_err(), "{bad}");
        }
    }
}
