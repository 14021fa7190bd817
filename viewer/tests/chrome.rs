//! What the pages look like and what can be done on them.
//!
//! The pictures are painted by Oriel's own rasteriser, so they are the same on every machine;
//! `UPDATE_SNAPSHOTS=1` writes them anew.

use std::{cell::RefCell, rc::Rc, time::Duration};

use egui_kittest::{
    Harness, SnapshotOptions, TestRenderer,
    kittest::{NodeT, Queryable},
};
use oriel::{
    chrome::{
        Action, FailurePage, NoticePage, Page, ProgressPage, StatisticsPage, StepFigures,
        raster::Rasterizer, show,
    },
    failure::Failure,
};
use oriel_codecs::geometry::{Point, Size};
use oriel_transport::Fingerprint;

/// Oriel's rasteriser where the harness would have wgpu.
struct OwnRenderer(Rasterizer);

impl TestRenderer for OwnRenderer {
    fn handle_delta(&mut self, delta: &mut egui::TexturesDelta) {
        self.0.update_textures(delta);
        self.0.free_textures(delta);
    }

    fn render(
        &mut self,
        context: &egui::Context,
        output: &egui::FullOutput,
    ) -> Result<image::RgbaImage, String> {
        let scale = output.pixels_per_point;
        let window = context.content_rect().size() * scale;
        let size = Size::new(window.x as u32, window.y as u32);
        let primitives = context.tessellate(output.shapes.clone(), scale);
        // The desktop behind: a dull blue.
        let mut image =
            image::RgbaImage::from_pixel(size.width, size.height, image::Rgba([40, 62, 80, 255]));
        let Some(painted) = self.0.paint(size, scale, &primitives) else {
            return Ok(image);
        };
        let rect = painted.rect();
        for y in rect.top..rect.bottom {
            for x in rect.left..rect.right {
                let [blue, green, red, alpha] = painted
                    .picture
                    .pixel(Point::new(x - rect.left, y - rect.top));
                let behind = image.get_pixel_mut(x as u32, y as u32);
                for (channel, over) in behind.0.iter_mut().zip([red, green, blue]) {
                    let keep = u32::from(*channel) * (255 - u32::from(alpha));
                    *channel = (u32::from(over) + (keep + 127) / 255).min(255) as u8;
                }
            }
        }
        Ok(image)
    }
}

/// A page in a window, and what was asked for on it.
struct Shown {
    harness: Harness<'static>,
    actions: Rc<RefCell<Vec<Action>>>,
}

impl Shown {
    fn new(page: Page) -> Self {
        let actions = Rc::new(RefCell::new(Vec::new()));
        let sink = actions.clone();
        let harness = Harness::builder()
            .with_size(egui::vec2(900.0, 600.0))
            .with_options(SnapshotOptions::new().output_path("tests/snapshots"))
            .renderer(OwnRenderer(Rasterizer::default()))
            .with_context_setup(oriel::chrome::apply_style)
            .build_ui(move |ui| sink.borrow_mut().extend(show(ui, &page)));
        let mut shown = Self { harness, actions };
        shown.harness.run();
        shown
    }

    fn click(mut self, label: &str) -> Vec<Action> {
        self.harness.get_by_label(label).click();
        self.harness.run();
        self.actions.take()
    }

    fn press(mut self, key: egui::Key) -> Vec<Action> {
        self.harness.key_press(key);
        self.harness.run();
        self.actions.take()
    }
}

fn connecting() -> Page {
    let mut page = ProgressPage::new("office.example:3390");
    page.advance(1, Duration::from_millis(12));
    page.advance(2, Duration::from_millis(31));
    page.advance(3, Duration::from_millis(148));
    Page::Connecting(page)
}

fn failed(failure: &Failure) -> Page {
    Page::Failed(FailurePage {
        sentences: failure.sentences(),
    })
}

fn certificate_changed() -> Page {
    failed(&Failure::CertificateChanged {
        address: "office.example:3390".into(),
        known: Fingerprint([0x5a; 32]),
        presented: Fingerprint(std::array::from_fn(|i| i as u8)),
        known_hosts: Some("/home/ann/.config/oriel/known_hosts".into()),
    })
}

fn over_the_desktop() -> Page {
    Page::Desktop {
        notice: Some(NoticePage {
            title: "First visit to office.example: its certificate is pinned now.".into(),
            detail: Fingerprint([0xc3; 32]).to_string(),
        }),
        statistics: Some(StatisticsPage {
            frames_per_second: 29.6,
            steps: [
                ("Receive", [0.41, 2.2, 3.17]),
                ("Decode", [2.1, 6.4, 9.05]),
                ("Apply", [0.08, 0.3, 0.71]),
                ("Submit", [0.2, 0.52, 1.36]),
                ("Present", [0.6, 1.12, 2.04]),
                ("In all", [3.4, 10.51, 16.3]),
                ("Input", [0.05, 0.12, 0.31]),
            ]
            .map(|(name, p50_p95_p99_ms)| StepFigures {
                name,
                p50_p95_p99_ms,
            })
            .into(),
            codecs: "avc444v2, planar".into(),
            engines: "ffmpeg, cpu".into(),
            round_trip_ms: Some(14.2),
            bytes_per_second: 812_000.0,
            bytes: 48_400_000,
            memory: (29_900_000, 38_200_000),
            memory_kinds: vec![
                ("planes", 13_300_000),
                ("surfaces", 8_290_000),
                ("output", 8_290_000),
            ],
            desktop: Size::new(1920, 1080),
        }),
    }
}

#[test]
fn the_progress_page_looks_as_drawn() {
    Shown::new(connecting()).harness.snapshot("connecting");
}

#[test]
fn the_error_page_looks_as_drawn() {
    let page = failed(&Failure::WrongPassword {
        user: r"LAB\ann".into(),
    });
    Shown::new(page).harness.snapshot("wrong_password");
}

#[test]
fn the_alarm_of_a_changed_certificate_looks_as_drawn() {
    Shown::new(certificate_changed())
        .harness
        .snapshot("certificate_changed");
}

#[test]
fn notice_and_statistics_look_as_drawn() {
    Shown::new(over_the_desktop())
        .harness
        .snapshot("notice_and_statistics");
}

#[test]
fn every_sentence_of_a_failure_can_be_read_by_a_screen_reader() {
    let failure = Failure::AccountLocked { user: "ann".into() };
    let shown = Shown::new(failed(&failure));
    let sentences = failure.sentences();
    for sentence in [&sentences.what, &sentences.why, &sentences.next] {
        let node = shown.harness.get_by_label(sentence);
        assert!(!node.accesskit_node().is_hidden(), "{sentence}");
    }
}

#[test]
fn the_error_page_is_left_by_buttons_and_by_keys() {
    let page = || failed(&Failure::NlaRequired);
    assert_eq!(Shown::new(page()).click("Try again"), [Action::Retry]);
    assert_eq!(Shown::new(page()).click("Close"), [Action::Close]);
    assert_eq!(Shown::new(page()).press(egui::Key::Enter), [Action::Retry]);
    assert_eq!(Shown::new(page()).press(egui::Key::Escape), [Action::Close]);
}

#[test]
fn connecting_can_be_given_up() {
    assert_eq!(Shown::new(connecting()).click("Cancel"), [Action::Close]);
    assert_eq!(
        Shown::new(connecting()).press(egui::Key::Escape),
        [Action::Close]
    );
}

#[test]
fn a_notice_is_dismissed_and_keys_pass_it_by() {
    assert_eq!(
        Shown::new(over_the_desktop()).click("OK"),
        [Action::DismissNotice]
    );
    for key in [egui::Key::Enter, egui::Key::Escape] {
        assert_eq!(Shown::new(over_the_desktop()).press(key), []);
    }
}

#[test]
fn an_alarm_stays_inside_of_a_small_window() {
    let page = certificate_changed();
    let mut harness = Harness::builder()
        .with_size(egui::vec2(360.0, 560.0))
        .with_context_setup(oriel::chrome::apply_style)
        .build_ui(move |ui| {
            show(ui, &page);
        });
    harness.run();
    for label in ["Try again", "Close"] {
        let button = harness.get_by_label(label).rect();
        assert!(
            button.min.x >= 0.0 && button.max.x <= 360.0,
            "{label}: {button:?}"
        );
        assert!(button.max.y <= 560.0, "{label}: {button:?}");
    }
}
