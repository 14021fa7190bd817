//! Carrying decoded steps out without a GPU, and painting a window.

use oriel_codecs::{
    Point, Rect, Size,
    video::{AvcVersion, ColorDescription, DecodedAvc, YuvFrame},
    yuv::{MainChroma, Yuv420Picture, Yuv444Picture, avc444, bgra_to_yuv420, bgra_to_yuv444},
};
use oriel_protocol::graphics::{CacheSlot, Color, GraphicsCommand, SurfaceId};
use oriel_render::{
    Scaling, View,
    compositor::{Compositor, CpuCompositor, Damage, Presentation, Scene, SceneLimits},
    decode::{Painting, PixelBlock, Step},
};

use super::{Case, SIZE, picture};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "apply pixels",
        prepare: || applying(vec![pixels()]),
    },
    Case {
        name: "apply a scroll",
        prepare: || applying(vec![scroll()]),
    },
    Case {
        name: "apply fills",
        prepare: || applying(vec![fills()]),
    },
    Case {
        name: "apply cached tiles",
        prepare: || applying(cached_tiles()),
    },
    Case {
        name: "apply AVC420",
        prepare: || applying(vec![avc420()]),
    },
    Case {
        name: "apply AVC444",
        prepare: || applying(vec![avc444(AvcVersion::Avc444, avc444::split_v1)]),
    },
    Case {
        name: "apply AVC444v2",
        prepare: || applying(vec![avc444(AvcVersion::Avc444V2, avc444::split_v2)]),
    },
    Case {
        name: "paint a window",
        prepare: || painting(SIZE),
    },
    Case {
        name: "paint a window, scaled",
        prepare: || painting(Size::new(SIZE.width * 5 / 4, SIZE.height * 5 / 4)),
    },
];

const SURFACE: SurfaceId = SurfaceId(1);

/// A desktop of one surface.
struct Desktop {
    scene: Scene,
    compositor: CpuCompositor,
}

impl Desktop {
    fn new() -> Self {
        let mut desktop = Self {
            scene: Scene::new(SceneLimits::default()),
            compositor: CpuCompositor::new(None),
        };
        for command in GraphicsCommand::desktop(SURFACE, SIZE) {
            desktop.apply(&Step::Command(command));
        }
        desktop.apply(&pixels());
        desktop.compose();
        desktop
    }

    fn apply(&mut self, step: &Step) {
        self.scene
            .apply(&mut self.compositor, step)
            .expect("a step that fits the desktop");
    }

    fn compose(&mut self) {
        self.scene
            .compose(&mut self.compositor)
            .expect("memory for the output");
    }

    /// What the window would show is made, as H.264 is then at the latest.
    fn present(&mut self) {
        let (damage, repaint) = (Damage::of(SIZE.to_rect()), Damage::new());
        let presentation = Presentation {
            view: View::new(SIZE, SIZE, Scaling::Fit),
            damage: &damage,
            repaint: &repaint,
            layers: &[],
        };
        self.compositor
            .present(&presentation)
            .expect("there is no window to fail");
    }
}

/// The steps of a frame, and the output brought up to date and shown.
fn applying(steps: Vec<Step>) -> Box<dyn FnMut()> {
    let mut desktop = Desktop::new();
    Box::new(move || {
        for step in &steps {
            desktop.apply(step);
        }
        desktop.compose();
        desktop.present();
    })
}

fn painting(window: Size) -> Box<dyn FnMut()> {
    let mut desktop = Desktop::new();
    let damage = Damage::of(SIZE.to_rect());
    let repaint = Damage::new();
    Box::new(move || {
        let presentation = Presentation {
            view: View::new(SIZE, window, Scaling::Fit),
            damage: &damage,
            repaint: &repaint,
            layers: &[],
        };
        desktop
            .compositor
            .render_window(&presentation)
            .expect("memory for the window");
    })
}

fn pixels() -> Step {
    let payload = picture(0).data().to_vec().into();
    Step::Paint {
        surface: SURFACE,
        painting: Painting::Pixels {
            rect: SIZE.to_rect(),
            block: PixelBlock::from_payload(SIZE, payload).expect("pixels for the whole block"),
        },
    }
}

fn scroll() -> Step {
    Step::Command(GraphicsCommand::SurfaceToSurface {
        source: SURFACE,
        destination: SURFACE,
        rect: Rect::new(0, 16, SIZE.width as i32, SIZE.height as i32),
        points: vec![Point::default()],
    })
}

fn fills() -> Step {
    let rects = (0..40).map(|index| Rect::new(index * 12, index * 7, index * 12 + 90, 300));
    Step::Command(GraphicsCommand::SolidFill {
        surface: SURFACE,
        color: Color {
            blue: 10,
            green: 20,
            red: 30,
            alpha: 255,
        },
        rects: rects.collect(),
    })
}

/// A tile into the cache, and out again all over the desktop.
fn cached_tiles() -> Vec<Step> {
    let (columns, rows) = (SIZE.width as i32 / 64, SIZE.height as i32 / 64);
    let corners = (0..rows).flat_map(|y| (0..columns).map(move |x| Point::new(x * 64, y * 64)));
    let commands = [
        GraphicsCommand::SurfaceToCache {
            surface: SURFACE,
            key: 1,
            slot: CacheSlot(1),
            rect: Rect::new(100, 100, 164, 164),
        },
        GraphicsCommand::CacheToSurface {
            slot: CacheSlot(1),
            surface: SURFACE,
            points: corners.collect(),
        },
    ];
    commands.into_iter().map(Step::Command).collect()
}

fn avc420() -> Step {
    let mut view = Yuv420Picture::new(SIZE);
    bgra_to_yuv420(&picture(0), &SIZE.to_rect(), &mut view);
    avc(AvcVersion::Avc420, view, None)
}

type Split = fn(&Yuv444Picture, &Rect, &mut Yuv420Picture, &mut Yuv420Picture);

fn avc444(version: AvcVersion, split: Split) -> Step {
    let mut full = Yuv444Picture::new(SIZE);
    bgra_to_yuv444(&picture(0), &SIZE.to_rect(), &mut full);
    let (mut main, mut auxiliary) = (Yuv420Picture::new(SIZE), Yuv420Picture::new(SIZE));
    split(&full, &SIZE.to_rect(), &mut main, &mut auxiliary);
    avc(version, main, Some(auxiliary))
}

/// What a decoder would hand on, had it lost nothing.
fn avc(version: AvcVersion, luma: Yuv420Picture, chroma: Option<Yuv420Picture>) -> Step {
    let frame = |picture| YuvFrame::from_picture(picture, ColorDescription::default());
    let everywhere = vec![SIZE.to_rect()];
    let chroma_regions = chroma.as_ref().map_or(Vec::new(), |_| everywhere.clone());
    Step::Paint {
        surface: SURFACE,
        painting: Painting::Avc(DecodedAvc {
            version,
            luma_view: Some(frame(luma)),
            chroma_view: chroma.map(frame),
            luma_regions: everywhere,
            chroma_regions,
            main_chroma: MainChroma::Averaged,
        }),
    }
}
