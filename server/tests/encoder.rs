//! What the encoder sends is what the desktop shows.

mod mirror;

use std::time::{Duration, Instant};

use mirror::{Mirror, psnr_db, scribble};
use oriel_codecs::{
    geometry::{Point, Rect, Size},
    picture::Picture,
};
use oriel_protocol::{
    capabilities::{NsCodecProperties, RemoteFxMode},
    graphics::{GraphicsCommand, SurfaceTarget},
    input::{InputEvent, MouseButton},
};
use oriel_server::{
    demo::{DemoDesktop, DemoDesktopConfig},
    encoder::{ClientGraphics, EncodingPolicy, FrameEncoder},
    source::{Damage, DesktopSource, InputSink, Move},
};
use proptest::prelude::*;

const FRAME: Duration = Duration::from_millis(33);
const NO_AVC: ClientGraphics = ClientGraphics::Pipeline {
    avc420: false,
    avc444: false,
    progressive: true,
};
const THIN: ClientGraphics = ClientGraphics::Pipeline {
    avc420: false,
    avc444: false,
    progressive: false,
};
const AVC420: ClientGraphics = ClientGraphics::Pipeline {
    avc420: true,
    avc444: false,
    progressive: true,
};
const AVC444: ClientGraphics = ClientGraphics::Pipeline {
    avc420: true,
    avc444: true,
    progressive: true,
};

/// A client without the pipeline that takes payloads of so many bytes in surface commands.
const fn surface_commands(max_payload_bytes: usize) -> SurfaceTarget {
    SurfaceTarget {
        remote_fx: None,
        ns_codec: None,
        jpeg: false,
        max_payload_bytes,
    }
}
const REMOTE_FX: ClientGraphics = ClientGraphics::Bitmaps(SurfaceTarget {
    remote_fx: Some(RemoteFxMode {
        flags: 0,
        entropy: RemoteFxMode::RLGR1,
    }),
    ..surface_commands(200_000)
});
const NS_CODEC: ClientGraphics = ClientGraphics::Bitmaps(SurfaceTarget {
    ns_codec: Some(NsCodecProperties {
        dynamic_fidelity: true,
        subsampling: false,
        color_loss_level: 2,
    }),
    ..surface_commands(100_000)
});
const JPEG: ClientGraphics = ClientGraphics::Bitmaps(SurfaceTarget {
    jpeg: true,
    ..surface_commands(1 << 20)
});
/// Every kind of client.
const ALL: [ClientGraphics; 8] = [
    NO_AVC,
    THIN,
    AVC420,
    AVC444,
    REMOTE_FX,
    NS_CODEC,
    JPEG,
    ClientGraphics::BITMAPS_ALONE,
];

/// An encoder and the client that it talks to.
struct Wire {
    encoder: FrameEncoder,
    mirror: Mirror,
    now: Instant,
    last: Vec<GraphicsCommand>,
}

impl Wire {
    fn new(client: ClientGraphics, policy: EncodingPolicy, size: Size) -> Self {
        let mut wire = Self {
            encoder: FrameEncoder::new(client, policy),
            mirror: if client.is_bitmaps() {
                Mirror::primary(size)
            } else {
                Mirror::default()
            },
            now: Instant::now(),
            last: Vec::new(),
        };
        wire.start(size);
        wire
    }

    fn start(&mut self, size: Size) {
        let mut commands = Vec::new();
        self.encoder.start(size, &mut commands);
        commands
            .iter()
            .for_each(|command| self.mirror.apply(command));
    }

    fn frame(&mut self, pixels: &Picture, damage: &Damage) -> bool {
        self.now += FRAME;
        self.last.clear();
        let frame = self
            .encoder
            .encode(self.now, pixels, damage, &mut self.last)
            .expect("encodes");
        self.last
            .iter()
            .for_each(|command| self.mirror.apply(command));
        frame.is_some()
    }

    /// Lets time go on until everything was sent exactly.
    fn rest(&mut self, pixels: &Picture) {
        while let Some(due) = self.encoder.refinement_due(self.now) {
            self.now += due;
            self.frame(pixels, &Damage::default());
        }
    }
}

fn demo(size: Size) -> DemoDesktop {
    DemoDesktop::new(DemoDesktopConfig {
        size,
        is_deterministic: true,
        ..DemoDesktopConfig::default()
    })
}

fn all(size: Size) -> Damage {
    Damage::of(size.to_rect())
}

#[test]
fn without_loss_every_client_shows_the_demo_desktop_exactly() {
    for size in [Size::new(640, 480), Size::new(333, 207)] {
        let desktop = demo(size);
        for client in ALL {
            let mut wire = Wire::new(client, EncodingPolicy::Lossless, size);
            assert!(wire.frame(desktop.pixels(), &all(size)));
            assert!(wire.mirror.picture() == desktop.pixels(), "{client:?}");
            assert!(
                !wire.frame(desktop.pixels(), &all(size)),
                "nothing changed: no frame"
            );
        }
    }
}

#[test]
fn text_is_exact_at_once_and_pictures_become_so_pass_by_pass() {
    let size = Size::new(640, 480);
    let desktop = demo(size);
    let mut wire = Wire::new(AVC444, EncodingPolicy::Mixed, size);
    wire.frame(desktop.pixels(), &all(size));
    for kind in ["clear", "progressive", "fill"] {
        assert!(wire.mirror.count(kind) > 0, "{:?}", wire.mirror.counts);
    }
    let likeness = |wire: &Wire| psnr_db(wire.mirror.picture(), desktop.pixels(), &size.to_rect());
    let mut before = likeness(&wire);
    assert!(before > 20.0 && before.is_finite(), "{before:.1} dB");
    // Pass by pass, some tiles at a time, each better than what was there.
    let first_passes = wire.mirror.count("progressive");
    while let Some(due) = wire.encoder.refinement_due(wire.now) {
        wire.now += due;
        wire.frame(desktop.pixels(), &Damage::default());
        let now = likeness(&wire);
        assert!(now > before, "{now:.1} dB after {before:.1} dB");
        before = now;
    }
    assert!(wire.mirror.count("progressive") >= first_passes + 2);
    assert!(wire.mirror.count("planar") > 0, "exactly at last");
    assert!(wire.mirror.picture() == desktop.pixels());
    assert!(
        wire.mirror.payload_bytes < size.area() as usize,
        "it compresses"
    );
}

#[test]
fn whole_frames_of_h264_look_like_the_desktop() {
    let size = Size::new(642, 366);
    let desktop = demo(size);
    for (client, kind, least_db) in [(AVC444, "avc444 both", 38.0), (AVC420, "avc420", 25.0)] {
        let mut wire = Wire::new(client, EncodingPolicy::WholeFrameAvc, size);
        wire.frame(desktop.pixels(), &all(size));
        assert_eq!(wire.mirror.count(kind), 1);
        assert_eq!(wire.mirror.count("planar"), 0);
        let db = psnr_db(wire.mirror.picture(), desktop.pixels(), &size.to_rect());
        assert!(db > least_db, "{kind}: {db:.1} dB");
    }
}

#[test]
fn what_moves_goes_as_video_and_becomes_exact_when_it_rests() {
    for (client, kind) in [
        (AVC444, "avc444 luma"),
        (AVC420, "avc420"),
        (NO_AVC, "progressive"),
        (THIN, "remotefx"),
        (REMOTE_FX, "remotefx"),
        (NS_CODEC, "nscodec"),
        (JPEG, "jpeg"),
    ] {
        let size = Size::new(1100, 700);
        let mut desktop = DemoDesktop::new(DemoDesktopConfig {
            size,
            ..DemoDesktopConfig::default()
        });
        let mut wire = Wire::new(client, EncodingPolicy::Mixed, size);
        let start = Instant::now();
        for frame in 0..20 {
            desktop.advance(start + FRAME * frame);
            let damage = desktop.take_damage();
            wire.frame(desktop.pixels(), &damage);
        }
        assert!(wire.mirror.count(kind) >= 8, "{:?}", wire.mirror.counts);
        let db = psnr_db(wire.mirror.picture(), desktop.pixels(), &size.to_rect());
        println!("{client:?}: {db:.1} dB, {:?}", wire.mirror.counts);
        assert!(db > 33.0 && db.is_finite(), "{kind}: {db:.1} dB");
        wire.rest(desktop.pixels());
        assert!(wire.mirror.picture() == desktop.pixels(), "{kind}");
        assert_eq!(wire.encoder.refinement_due(wire.now), None);
    }
}

#[test]
fn a_little_that_keeps_changing_in_few_colours_stays_exact() {
    let size = Size::new(640, 360);
    let mut pixels = Picture::filled(size, [90, 90, 90, 255]);
    let mut wire = Wire::new(AVC444, EncodingPolicy::Mixed, size);
    wire.frame(&pixels, &all(size));
    for frame in 0..12u32 {
        // Blocks that turn black and white, as a clock's digits do.
        for (index, pixel) in pixels.data_mut().chunks_exact_mut(4).enumerate() {
            let (x, y) = (index as u32 % size.width, index as u32 / size.width);
            if x < 128 && y < 16 {
                pixel[..3].fill(if (x / 16 * 37 + frame) % 2 == 0 {
                    0
                } else {
                    255
                });
            }
        }
        wire.frame(&pixels, &all(size));
        assert!(wire.mirror.picture() == &pixels, "frame {frame}");
    }
    let counts = &wire.mirror.counts;
    assert!(
        counts.keys().all(|kind| !kind.starts_with("avc")),
        "{counts:?}"
    );
}

#[test]
fn fine_colours_that_move_get_both_views() {
    let size = Size::new(512, 256);
    let mut pixels = Picture::new(size);
    let mut wire = Wire::new(AVC444, EncodingPolicy::Mixed, size);
    for frame in 0..12u8 {
        for (index, pixel) in pixels.data_mut().chunks_exact_mut(4).enumerate() {
            // Columns of red and blue that swap places.
            let is_red = (index as u8 ^ frame) & 1 == 0;
            pixel.copy_from_slice(if is_red {
                &[0, 0, 250, 255]
            } else {
                &[250, 0, 0, 255]
            });
        }
        wire.frame(&pixels, &all(size));
    }
    assert!(
        wire.mirror.count("avc444 both") > 3,
        "{:?}",
        wire.mirror.counts
    );
    let db = psnr_db(wire.mirror.picture(), &pixels, &size.to_rect());
    assert!(db > 30.0, "{db:.1} dB");
}

#[test]
fn a_dragged_window_is_copied_not_sent_again() {
    let size = Size::new(900, 640);
    let mut desktop = demo(size);
    let mut told = Wire::new(NO_AVC, EncodingPolicy::Lossless, size);
    let mut untold = Wire::new(NO_AVC, EncodingPolicy::Lossless, size);
    for wire in [&mut told, &mut untold] {
        wire.frame(desktop.pixels(), &all(size));
        wire.mirror.payload_bytes = 0;
    }
    desktop.take_damage();
    let (_, window) = desktop.window_rects().pop().expect("windows are open");
    let grip = Point::new(window.left + 80, window.top + 10);
    desktop.input(&InputEvent::MouseButton {
        position: grip,
        button: MouseButton::Left,
        is_pressed: true,
    });
    for step in 1..=6 {
        desktop.input(&InputEvent::MouseMove {
            position: Point::new(grip.x - 7 * step, grip.y - 4 * step),
        });
        desktop.advance(told.now);
        let mut damage = desktop.take_damage();
        told.frame(desktop.pixels(), &damage);
        damage.moves.clear();
        untold.frame(desktop.pixels(), &damage);
        for wire in [&told, &untold] {
            assert!(wire.mirror.picture() == desktop.pixels(), "step {step}");
        }
    }
    assert_eq!(told.mirror.count("copy"), 6);
    let (told, untold) = (told.mirror.payload_bytes, untold.mirror.payload_bytes);
    assert!(
        told * 4 < untold * 3,
        "{told} bytes, {untold} without hints"
    );
}

#[test]
fn a_wrong_hint_does_no_harm() {
    let size = Size::new(300, 200);
    let mut pixels = Picture::new(size);
    let mut wire = Wire::new(AVC444, EncodingPolicy::Lossless, size);
    scribble(&mut pixels.as_mut(), 7);
    wire.frame(&pixels, &all(size));
    for (source, destination) in [
        (Rect::new(0, 0, 100, 100), Point::new(50, 50)),
        (Rect::new(0, 0, 100, 100), Point::new(250, 150)),
        (Rect::new(-5, 0, 10, 10), Point::new(0, 0)),
        (Rect::new(10, 10, 10, 10), Point::new(0, 0)),
    ] {
        let damage = Damage {
            rects: vec![size.to_rect()],
            moves: vec![Move {
                source,
                destination,
            }],
        };
        wire.frame(&pixels, &damage);
        assert!(wire.mirror.picture() == &pixels);
    }
}

#[test]
fn a_new_size_starts_over() {
    let mut desktop = demo(Size::new(400, 300));
    let mut wire = Wire::new(AVC444, EncodingPolicy::Mixed, desktop.size());
    let damage = desktop.take_damage();
    wire.frame(desktop.pixels(), &damage);
    desktop.resize(Size::new(521, 289), 150);
    wire.start(desktop.size());
    let damage = desktop.take_damage();
    wire.frame(desktop.pixels(), &damage);
    assert_eq!(wire.mirror.frames.len(), 2);
    wire.rest(desktop.pixels());
    assert!(wire.mirror.picture() == desktop.pixels());
}

#[test]
fn what_the_client_lost_is_sent_again() {
    let size = Size::new(400, 300);
    let desktop = demo(size);
    let mut wire = Wire::new(NO_AVC, EncodingPolicy::Lossless, size);
    wire.frame(desktop.pixels(), &all(size));
    let lost = Rect::new(100, 100, 150, 120);
    wire.encoder.invalidate(&[lost]);
    assert!(wire.frame(desktop.pixels(), &Damage::default()));
    let sent = wire
        .last
        .iter()
        .fold(Rect::default(), |sent, command| match command {
            GraphicsCommand::Draw { rect, .. } => sent.union(rect),
            GraphicsCommand::SolidFill { rects, .. } => rects.iter().fold(sent, |s, r| s.union(r)),
            _ => sent,
        });
    assert!(sent.contains_rect(&lost));
    assert!(sent.size().area() < size.area() / 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_changes_end_exactly_on_every_client(
        width in 8u32..260,
        height in 8u32..200,
        client in prop::sample::select(&ALL[..]),
        changes in prop::collection::vec(
            (0.0f64..1.0, 0.0f64..1.0, 0.0f64..1.0, 0.0f64..1.0, any::<u32>(), any::<bool>()),
            1..14,
        ),
    ) {
        let size = Size::new(width, height);
        let mut pixels = Picture::new(size);
        let mut wire = Wire::new(client, EncodingPolicy::Mixed, size);
        wire.frame(&pixels, &Damage::default());
        for (x, y, w, h, seed, is_flat) in changes {
            let left = (x * f64::from(width - 1)) as i32;
            let top = (y * f64::from(height - 1)) as i32;
            let rect = Rect::new(
                left,
                top,
                left + 1 + (w * f64::from(width as i32 - left - 1)) as i32,
                top + 1 + (h * f64::from(height as i32 - top - 1)) as i32,
            );
            let mut view = pixels.as_mut();
            let mut view = view.sub(&rect).expect("inside");
            if is_flat {
                for y in 0..view.size().height {
                    view.row_mut(y).chunks_exact_mut(4).for_each(|pixel| {
                        pixel[..3].copy_from_slice(&seed.to_le_bytes()[..3]);
                    });
                }
            } else {
                scribble(&mut view, seed);
            }
            wire.frame(&pixels, &Damage::of(rect));
        }
        wire.rest(&pixels);
        prop_assert!(wire.mirror.picture() == &pixels);
    }
}
