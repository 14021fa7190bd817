//! The demo desktop as a source of pixels: what it says changed is all that changed.

use std::time::{Duration, Instant};

use oriel_codecs::{
    geometry::{Point, Rect, Size},
    picture::Picture,
};
use oriel_protocol::{
    graphics::PointerUpdate,
    input::{InputEvent, MouseButton, ScanCode, ScanCodePrefix},
};
use oriel_server::{
    demo::{DemoDesktop, DemoDesktopConfig},
    source::{DesktopSource, InputSink},
};
use proptest::prelude::*;

const SIZE: Size = Size::new(760, 520);

fn desktop(is_deterministic: bool) -> DemoDesktop {
    DemoDesktop::new(DemoDesktopConfig {
        size: SIZE,
        is_deterministic,
        ..DemoDesktopConfig::default()
    })
}

fn copy(target: &mut Picture, source: &Picture, rect: Rect) {
    let stride = target.stride_bytes();
    for y in rect.top as usize..rect.bottom as usize {
        let row = y * stride + rect.left as usize * 4..y * stride + rect.right as usize * 4;
        target.data_mut()[row.clone()].copy_from_slice(&source.data()[row]);
    }
}

fn press(desktop: &mut DemoDesktop, position: Point) {
    button(desktop, position, true);
    button(desktop, position, false);
}

fn button(desktop: &mut DemoDesktop, position: Point, is_pressed: bool) {
    desktop.input(&InputEvent::MouseButton {
        position,
        button: MouseButton::Left,
        is_pressed,
    });
}

fn type_text(desktop: &mut DemoDesktop, text: &str) {
    for unit in text.encode_utf16() {
        desktop.input(&InputEvent::Unicode {
            unit,
            is_pressed: true,
        });
    }
}

fn event() -> impl Strategy<Value = InputEvent> {
    let position = || {
        (-20..SIZE.width as i32 + 20, -20..SIZE.height as i32 + 20)
            .prop_map(|(x, y)| Point::new(x, y))
    };
    prop_oneof![
        3 => position().prop_map(|position| InputEvent::MouseMove { position }),
        3 => (position(), any::<bool>()).prop_map(|(position, is_pressed)| {
            InputEvent::MouseButton { position, button: MouseButton::Left, is_pressed }
        }),
        1 => (position(), -360i16..360).prop_map(|(position, delta)| {
            InputEvent::VerticalWheel { position, delta }
        }),
        4 => (1u8..0x59, any::<bool>(), any::<bool>()).prop_map(|(code, extended, is_pressed)| {
            let prefix = if extended { ScanCodePrefix::Extended } else { ScanCodePrefix::None };
            InputEvent::Key { scan_code: ScanCode { code, prefix }, is_pressed }
        }),
        1 => any::<u16>().prop_map(|unit| InputEvent::Unicode { unit, is_pressed: true }),
        1 => (any::<i16>(), any::<i16>()).prop_map(|(dx, dy)| {
            InputEvent::RelativeMouseMove { dx, dy }
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn damage_covers_every_change_and_composing_parts_equals_composing_all(
        batches in prop::collection::vec(prop::collection::vec(event(), 1..6), 1..12),
    ) {
        let mut desktop = desktop(false);
        let start = Instant::now();
        let mut copied = Picture::new(SIZE);
        for (index, batch) in batches.iter().enumerate() {
            for event in batch {
                desktop.input(event);
            }
            desktop.advance(start + Duration::from_millis(index as u64 * 90));
            for rect in desktop.take_damage().rects {
                prop_assert!(SIZE.to_rect().contains_rect(&rect));
                copy(&mut copied, desktop.pixels(), rect);
            }
            prop_assert!(&copied == desktop.pixels(), "damage left out a change");
            prop_assert!(desktop.compose_whole() == copied, "stale pixels");
        }
    }
}

#[test]
fn a_deterministic_desktop_is_always_the_same_and_comes_to_rest() {
    let mut first = desktop(true);
    let mut second = desktop(true);
    let now = Instant::now();
    first.advance(now);
    second.advance(now);
    second.advance(now + Duration::from_secs(5));
    assert!(first.pixels() == second.pixels());
    first.take_damage();
    first.advance(now + Duration::from_secs(70));
    assert!(first.take_damage().is_empty());
    assert_eq!(first.idle_for(now), None);
}

#[test]
fn typing_changes_the_terminal_and_nothing_else() {
    let mut desktop = desktop(true);
    desktop.take_damage();
    let (title, terminal) = desktop.window_rects().pop().expect("windows are open");
    assert_eq!(title, "Terminal");
    type_text(&mut desktop, "hello");
    desktop.advance(Instant::now());
    let damage = desktop.take_damage();
    assert!(!damage.is_empty());
    for rect in damage.rects {
        assert!(terminal.contains_rect(&rect), "{rect:?} in {terminal:?}");
        assert!(rect.height() < 60, "a line, not the window: {rect:?}");
    }
}

#[test]
fn a_dragged_window_is_told_as_one_move() {
    let mut desktop = desktop(true);
    let (_, before) = desktop.window_rects().pop().expect("windows are open");
    let grip = Point::new(before.left + 60, before.top + 12);
    button(&mut desktop, grip, true);
    desktop.advance(Instant::now());
    desktop.take_damage();
    let old = desktop.pixels().clone();
    for step in 1..=4 {
        desktop.input(&InputEvent::MouseMove {
            position: Point::new(grip.x - 5 * step, grip.y - 3 * step),
        });
    }
    desktop.advance(Instant::now());
    let damage = desktop.take_damage();
    let [step] = damage.moves[..] else {
        panic!("{:?}", damage.moves);
    };
    assert_eq!(step.destination.x - step.source.left, -20);
    assert_eq!(step.destination.y - step.source.top, -12);
    assert_eq!(
        old.pixel(step.source.origin()),
        desktop.pixels().pixel(step.destination)
    );
    let (_, after) = desktop.window_rects().pop().expect("windows are open");
    assert_eq!(after, before.translate(-20, -12));
}

#[test]
fn a_window_closes_by_its_button_and_comes_back_from_the_task_bar() {
    let mut desktop = desktop(true);
    let (_, terminal) = desktop.window_rects().pop().expect("windows are open");
    press(
        &mut desktop,
        Point::new(terminal.right - 20, terminal.top + 17),
    );
    assert_eq!(desktop.window_rects().len(), 3);
    // The fourth button of the task bar.
    press(
        &mut desktop,
        Point::new(58 + 3 * 124 + 50, SIZE.height as i32 - 20),
    );
    let (title, _) = desktop.window_rects().pop().expect("windows are open");
    assert_eq!(title, "Terminal");
    assert_eq!(desktop.window_rects().len(), 4);
}

#[test]
fn the_pointer_is_a_beam_over_text_and_follows_the_scale() {
    let mut desktop = desktop(true);
    let shape = |desktop: &mut DemoDesktop| match desktop.take_pointer(96) {
        Some(PointerUpdate::Shape(shape)) => shape,
        other => panic!("{other:?}"),
    };
    let arrow = shape(&mut desktop);
    assert_eq!(desktop.take_pointer(96), None, "only when it changes");
    let (_, terminal) = desktop.window_rects().pop().expect("windows are open");
    desktop.input(&InputEvent::MouseMove {
        position: Point::new(terminal.left + 100, terminal.bottom - 60),
    });
    assert_ne!(shape(&mut desktop), arrow);
    desktop.resize(SIZE, 200);
    assert_eq!(shape(&mut desktop).size, Size::new(64, 64));
}

#[test]
fn every_size_and_scale_gives_a_whole_picture() {
    let mut desktop = desktop(true);
    for (size, percent) in [
        (Size::new(200, 200), 100),
        (Size::new(1920, 1080), 150),
        (Size::new(201, 333), 300),
        (Size::new(1366, 768), 125),
    ] {
        desktop.resize(size, percent);
        desktop.advance(Instant::now());
        assert_eq!(desktop.size(), size);
        assert_eq!(desktop.pixels().size(), size);
        let rects = desktop.take_damage().rects;
        assert_eq!(rects, [size.to_rect()]);
        assert!(
            desktop
                .pixels()
                .data()
                .iter()
                .skip(3)
                .step_by(4)
                .all(|&a| a == 255)
        );
    }
    desktop.resize(Size::new(1, 100_000), 100);
    assert_eq!(desktop.size(), Size::new(200, 8192));
}
