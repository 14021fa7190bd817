//! Pictures reach a real window: under Xvfb, on both compositors, to the pixel.

#![cfg(target_os = "linux")]

mod support;

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdout, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use oriel_codecs::{
    geometry::{Point, Rect, Size},
    picture::Picture,
};
use oriel_protocol::graphics::{Color, FrameId, GraphicsCommand, PayloadCodec, SurfaceId};
use oriel_render::{
    CompositorChoice, Overlay, PresentTarget, RenderEvent, Renderer, RendererConfig, Scaling, View,
    compositor::{
        Compositor, CpuCompositor, Damage, Presentation, Scene, SceneLimits, WindowLayer,
    },
};
use winit::{
    application::ApplicationHandler,
    dpi::PhysicalSize,
    event::WindowEvent,
    event_loop::{ActiveEventLoop, EventLoop, EventLoopProxy},
    platform::x11::EventLoopBuilderExtX11,
    window::{Window, WindowAttributes, WindowId},
};

/// Which compositor the child process uses; unset in the test itself.
const CHILD: &str = "ORIEL_TEST_WINDOW_CHILD";
const DESKTOP: Size = Size::new(320, 240);
const LARGER: Size = Size::new(480, 400);
const SURFACE: SurfaceId = SurfaceId(1);
const FILLED: Rect = Rect::new(40, 30, 120, 90);
const OVERLAY_AT: Point = Point::new(100, 60);

fn first_frame() -> Vec<GraphicsCommand> {
    GraphicsCommand::desktop(SURFACE, DESKTOP)
        .into_iter()
        .chain([
            GraphicsCommand::StartFrame { frame: FrameId(1) },
            support::draw(
                SURFACE,
                DESKTOP.to_rect(),
                PayloadCodec::Uncompressed,
                support::picture(DESKTOP, 3).into_data(),
            ),
            GraphicsCommand::EndFrame { frame: FrameId(1) },
        ])
        .collect()
}

fn second_frame() -> Vec<GraphicsCommand> {
    vec![
        GraphicsCommand::StartFrame { frame: FrameId(2) },
        GraphicsCommand::SolidFill {
            surface: SURFACE,
            color: Color {
                blue: 10,
                green: 220,
                red: 90,
                alpha: 255,
            },
            rects: vec![FILLED],
        },
        GraphicsCommand::EndFrame { frame: FrameId(2) },
    ]
}

fn overlay() -> Picture {
    Picture::filled(Size::new(60, 50), [64, 0, 64, 128])
}

/// The window as it must look after so many frames.
fn expected(frames: usize, window: Size, has_overlay: bool) -> Picture {
    let mut compositor = CpuCompositor::new(None);
    let mut scene = Scene::new(SceneLimits::default());
    let commands = [first_frame(), second_frame()].into_iter().take(frames);
    for batch in support::decode_all(commands.flatten().collect()) {
        for step in batch.steps {
            let step = step.expect("commands without fault");
            scene.apply(&mut compositor, &step).expect("no fault");
        }
        scene.compose(&mut compositor).expect("memory");
    }
    let nothing = Damage::new();
    let layers: Vec<_> = has_overlay
        .then(|| WindowLayer {
            origin: OVERLAY_AT,
            picture: Arc::new(overlay()),
            inverting: None,
        })
        .into_iter()
        .collect();
    compositor
        .render_window(&Presentation {
            view: View::new(DESKTOP, window, Scaling::Fit),
            damage: &nothing,
            repaint: &nothing,
            layers: &layers,
        })
        .expect("memory")
}

/// An X server without a screen, gone with the value.
struct Display {
    server: Child,
    /// Kept open: the server may write again.
    _out: BufReader<ChildStdout>,
    name: String,
}

impl Display {
    /// None, and a line that says so, where the system has none.
    fn start() -> Option<Self> {
        let server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "800x600x24", "-noreset"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut server) = server else {
            println!("skipped: no Xvfb");
            return None;
        };
        let mut number = String::new();
        let mut out = BufReader::new(server.stdout.take().expect("a pipe"));
        out.read_line(&mut number).expect("Xvfb tells its display");
        Some(Self {
            server,
            _out: out,
            name: format!(":{}", number.trim()),
        })
    }

    /// The top left corner of the screen, where a window lies without a window manager.
    fn shot(&self, size: Size) -> Option<Picture> {
        let shot = Command::new("import")
            .args(["-silent", "-window", "root", "png:-"])
            .env("DISPLAY", &self.name)
            .output()
            .ok()?;
        let image = image::load_from_memory(&shot.stdout).ok()?.into_rgb8();
        let mut data = Vec::with_capacity(size.area() as usize * 4);
        for y in 0..size.height {
            for x in 0..size.width {
                let [red, green, blue] = image.get_pixel_checked(x, y)?.0;
                data.extend([blue, green, red, 255]);
            }
        }
        Picture::from_bgra(size, data)
    }

    /// Waits until the screen shows `picture`, within `steps`.
    fn await_picture(&self, picture: &Picture, steps: u8, what: &str) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let shot = self.shot(picture.size()).expect("import takes a picture");
            let is_there = shot
                .data()
                .iter()
                .zip(picture.data())
                .all(|(a, b)| a.abs_diff(*b) <= steps);
            if is_there {
                return;
            }
            if Instant::now() > deadline {
                support::assert_close(&shot, picture, steps, what);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Starts this test binary again, as a process with a window that follows one line each.
fn drive(compositor: &str, steps: u8) {
    if Command::new("import").arg("-version").output().is_err() {
        println!("skipped: no import (ImageMagick) to look at the screen with");
        return;
    }
    let Some(display) = Display::start() else {
        return;
    };
    let mut child = Command::new(std::env::current_exe().expect("a path"))
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(CHILD, compositor)
        .env("DISPLAY", &display.name)
        .env_remove("WAYLAND_DISPLAY")
        .stdin(Stdio::piped())
        .spawn()
        .expect("the test starts itself");
    let mut lines = child.stdin.take().expect("a pipe");
    let mut tell = |line: &str| writeln!(lines, "{line}").expect("the child listens");

    display.await_picture(&expected(1, DESKTOP, false), steps, "first frame");
    tell("fill");
    display.await_picture(&expected(2, DESKTOP, false), steps, "damage");
    tell("overlay");
    display.await_picture(&expected(2, DESKTOP, true), steps, "overlay");
    tell("larger");
    display.await_picture(&expected(2, LARGER, true), steps, "scaled");
    if compositor == "gpu" {
        // The device is opened again, and what it kept is gone until the server draws again.
        tell("lose");
        tell("again");
        display.await_picture(
            &expected(2, LARGER, true),
            steps,
            "after the device was lost",
        );
    }
    tell("end");
    assert!(child.wait().expect("the child ends").success());
}

#[test]
fn a_window_shows_what_the_cpu_compositor_composed() {
    drive("cpu", 0);
}

#[test]
fn a_window_shows_what_the_gpu_compositor_composed_and_survives_its_device() {
    if support::gpu().is_some() {
        drive("gpu", 2);
    }
}

/// The other process. Does nothing where it is not asked to.
#[test]
fn child() {
    let Ok(compositor) = std::env::var(CHILD) else {
        return;
    };
    let compositor = match compositor.as_str() {
        "gpu" => CompositorChoice::Gpu,
        _ => CompositorChoice::Cpu,
    };
    let event_loop = EventLoop::with_user_event()
        .with_any_thread(true)
        .build()
        .expect("a display");
    let proxy = event_loop.create_proxy();
    std::thread::spawn(move || listen(&proxy));
    event_loop
        .run_app(&mut App {
            compositor,
            shown: None,
            copied_before: 0,
        })
        .expect("the event loop runs");
}

fn listen(proxy: &EventLoopProxy<String>) {
    for line in std::io::stdin().lines().map_while(Result::ok) {
        if proxy.send_event(line).is_err() {
            return;
        }
    }
}

struct App {
    compositor: CompositorChoice,
    shown: Option<(Arc<Window>, Renderer)>,
    /// Bytes that had been copied before the second frame came.
    copied_before: u64,
}

fn submit(renderer: &Renderer, commands: Vec<GraphicsCommand>) {
    for command in commands {
        renderer.try_submit(command).expect("room");
    }
}

impl ApplicationHandler<String> for App {
    fn resumed(&mut self, event_loop: &ActiveEventLoop) {
        let attributes = WindowAttributes::default()
            .with_inner_size(PhysicalSize::new(DESKTOP.width, DESKTOP.height));
        let window = Arc::new(event_loop.create_window(attributes).expect("a window"));
        let config = RendererConfig {
            compositor: self.compositor,
            ..RendererConfig::default()
        };
        let target = PresentTarget::Window {
            window: window.clone(),
            size: DESKTOP,
        };
        let renderer = Renderer::start(config, target, |event| {
            if let RenderEvent::Failed(error) = event {
                panic!("{error}");
            }
        })
        .expect("a renderer");
        submit(&renderer, first_frame());
        self.shown = Some((window, renderer));
    }

    fn window_event(&mut self, _: &ActiveEventLoop, _: WindowId, event: WindowEvent) {
        let Some((_, renderer)) = &self.shown else {
            return;
        };
        match event {
            WindowEvent::Resized(size) => {
                renderer.resize_target(Size::new(size.width, size.height));
            }
            WindowEvent::RedrawRequested => renderer.redraw(),
            _ => {}
        }
    }

    fn user_event(&mut self, event_loop: &ActiveEventLoop, line: String) {
        let Some((window, renderer)) = &self.shown else {
            return;
        };
        match line.as_str() {
            "fill" => {
                self.copied_before = renderer.statistics().copied.total();
                submit(renderer, second_frame());
            }
            "overlay" => {
                // The second frame is on the screen: its rectangle went there, and no more.
                let copied = renderer.statistics().copied.total() - self.copied_before;
                if self.compositor == CompositorChoice::Cpu {
                    assert_eq!(copied, FILLED.size().area() * 4);
                }
                renderer.set_overlay(Some(Overlay::Picture {
                    origin: OVERLAY_AT,
                    picture: overlay(),
                }));
            }
            "larger" => {
                let size = PhysicalSize::new(LARGER.width, LARGER.height);
                let _ = window.request_inner_size(size);
            }
            "lose" => renderer.simulate_device_loss(),
            "again" => {
                submit(renderer, first_frame());
                submit(renderer, second_frame());
            }
            _ => {
                renderer.stop();
                self.shown = None;
                event_loop.exit();
            }
        }
    }
}
