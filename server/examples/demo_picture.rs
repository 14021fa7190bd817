//! Draws the demo desktop to a PNG: `cargo run -p oriel-server --example demo_picture -- OUT.png [WIDTHxHEIGHT] [PERCENT] [TEXT]`.

use std::{error::Error, time::Instant};

use oriel_codecs::geometry::Size;
use oriel_protocol::input::InputEvent;
use oriel_server::{
    demo::{DemoDesktop, DemoDesktopConfig},
    source::{DesktopSource, InputSink},
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().unwrap_or_else(|| "demo.png".to_owned());
    let size = match arguments.next() {
        Some(text) => {
            let (width, height) = text.split_once('x').ok_or("a size is WIDTHxHEIGHT")?;
            Size::new(width.parse()?, height.parse()?)
        }
        None => Size::new(1280, 800),
    };
    let scale_percent = arguments.next().map_or(Ok(100), |text| text.parse())?;
    let start = Instant::now();
    let mut desktop = DemoDesktop::new(DemoDesktopConfig {
        size,
        scale_percent,
        is_deterministic: true,
        ..DemoDesktopConfig::default()
    });
    let made = start.elapsed();
    for unit in arguments.next().unwrap_or_default().encode_utf16() {
        desktop.input(&InputEvent::Unicode {
            unit,
            is_pressed: true,
        });
    }
    desktop.advance(Instant::now());
    println!("made in {made:?}, with input in {:?}", start.elapsed());
    let mut rgb = Vec::new();
    for pixel in desktop.pixels().data().chunks_exact(4) {
        rgb.extend([pixel[2], pixel[1], pixel[0]]);
    }
    image::save_buffer(path, &rgb, size.width, size.height, image::ColorType::Rgb8)?;
    Ok(())
}
