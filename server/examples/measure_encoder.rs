//! Milliseconds and bytes a frame of the encoder on the demo desktop:
//! `cargo run --release -p oriel-server --example measure_encoder -- [WIDTHxHEIGHT]`.

use std::{
    error::Error,
    time::{Duration, Instant},
};

use oriel_codecs::geometry::{Point, Size};
use oriel_protocol::{
    capabilities::RemoteFxMode,
    graphics::{GraphicsCommand, SurfaceTarget},
    input::{InputEvent, MouseButton},
};
use oriel_server::{
    demo::{DemoDesktop, DemoDesktopConfig},
    encoder::{ClientGraphics, EncodingPolicy, FrameEncoder},
    source::{DesktopSource, InputSink},
};

const FRAMES: u32 = 90;

/// What the user does between two frames.
type Work = fn(&mut DemoDesktop, u32);

fn main() -> Result<(), Box<dyn Error>> {
    let size = match std::env::args().nth(1) {
        Some(text) => {
            let (width, height) = text.split_once('x').ok_or("a size is WIDTHxHEIGHT")?;
            Size::new(width.parse()?, height.parse()?)
        }
        None => Size::new(1280, 800),
    };
    let pipeline = |avc420, avc444| ClientGraphics::Pipeline {
        avc420,
        avc444,
        progressive: true,
    };
    let remote_fx = ClientGraphics::Bitmaps(SurfaceTarget {
        remote_fx: Some(RemoteFxMode {
            flags: 0,
            entropy: RemoteFxMode::RLGR3,
        }),
        max_payload_bytes: 4 << 20,
        ..SurfaceTarget::default()
    });
    let clients = [
        ("mixed 4:4:4", pipeline(true, true), EncodingPolicy::Mixed),
        ("mixed 4:2:0", pipeline(true, false), EncodingPolicy::Mixed),
        ("progressive", pipeline(false, false), EncodingPolicy::Mixed),
        ("planar", pipeline(false, false), EncodingPolicy::Lossless),
        ("remotefx", remote_fx, EncodingPolicy::Mixed),
        (
            "bitmaps",
            ClientGraphics::BITMAPS_ALONE,
            EncodingPolicy::Lossless,
        ),
        (
            "avc444 whole",
            pipeline(true, true),
            EncodingPolicy::WholeFrameAvc,
        ),
        (
            "avc420 whole",
            pipeline(true, false),
            EncodingPolicy::WholeFrameAvc,
        ),
    ];
    let works: [(&str, Work); 3] = [
        ("video", |_, _| {}),
        ("typing", |desktop, frame| {
            desktop.input(&InputEvent::Unicode {
                unit: u16::from(b'a') + (frame % 26) as u16,
                is_pressed: true,
            });
        }),
        ("dragging", drag),
    ];
    println!("{size:?}, {FRAMES} frames each");
    println!("client        work      first ms   KiB | draw ms | encode ms   max |  KiB/frame");
    for (name, client, policy) in clients {
        for (work_name, work) in works {
            measure(size, (name, client, policy), (work_name, work))?;
        }
    }
    Ok(())
}

fn drag(desktop: &mut DemoDesktop, frame: u32) {
    let at = |frame: u32| {
        Point::new(
            420 + (frame * 3 % 160) as i32,
            420 - (frame * 2 % 120) as i32,
        )
    };
    if frame == 0 {
        desktop.input(&InputEvent::MouseButton {
            position: at(0),
            button: MouseButton::Left,
            is_pressed: true,
        });
    }
    desktop.input(&InputEvent::MouseMove {
        position: at(frame),
    });
}

fn measure(
    size: Size,
    (name, client, policy): (&str, ClientGraphics, EncodingPolicy),
    (work_name, work): (&str, Work),
) -> Result<(), Box<dyn Error>> {
    let mut desktop = DemoDesktop::new(DemoDesktopConfig {
        size,
        is_deterministic: work_name != "video",
        ..DemoDesktopConfig::default()
    });
    let mut encoder = FrameEncoder::new(client, policy);
    let mut commands = Vec::new();
    encoder.start(size, &mut commands);
    let start = Instant::now();
    let (mut draw, mut encode, mut slowest) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let (mut bytes, mut first) = (0, (Duration::ZERO, 0));
    for frame in 0..=FRAMES {
        // The desktop's time, not the wall's: a frame every 33 ms.
        let now = start + Duration::from_millis(u64::from(frame) * 33);
        let before = Instant::now();
        if frame > 0 {
            work(&mut desktop, frame - 1);
        }
        desktop.advance(now);
        let damage = desktop.take_damage();
        let drawn = Instant::now();
        commands.clear();
        encoder.encode(now, desktop.pixels(), &damage, &mut commands)?;
        let took = drawn.elapsed();
        let size = commands.iter().map(payload_bytes).sum::<usize>();
        if frame == 0 {
            first = (took, size);
        } else {
            draw += drawn - before;
            encode += took;
            slowest = slowest.max(took);
            bytes += size;
        }
    }
    let ms = |duration: Duration| duration.as_secs_f64() * 1000.0;
    println!(
        "{name:<13} {work_name:<9} {:8.2} {:6} | {:7.2} | {:9.2} {:5.1} | {:10.1}",
        ms(first.0),
        first.1 / 1024,
        ms(draw) / f64::from(FRAMES),
        ms(encode) / f64::from(FRAMES),
        ms(slowest),
        bytes as f64 / 1024.0 / f64::from(FRAMES),
    );
    Ok(())
}

fn payload_bytes(command: &GraphicsCommand) -> usize {
    match command {
        GraphicsCommand::Draw { payload, .. } => payload.len(),
        _ => 0,
    }
}
