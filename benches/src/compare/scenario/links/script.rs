//! The scripted work: a desktop on which each key that goes down is the next step.
//!
//! A step is shown in the marker, so that whoever looks at the screen knows when it has arrived
//! there. Between steps nothing moves, which is what makes the bytes of each the bytes of that step
//! and of no other ("slow motion"): a server that skips frames on a thin link cannot look cheap by
//! it. Only the film of the last act also runs at its own speed.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use oriel_codecs::{Picture, Rect, Size, geometry::Point};
use oriel_protocol::{graphics::PointerUpdate, input::InputEvent};
use oriel_server::{
    content::{Content, Scene},
    source::{Damage, DesktopSource, InputSink, Move},
};

use super::{copy, marker};

/// The desktop's size: no link that thin carries more.
pub const DESKTOP: Size = Size::new(1280, 720);
/// The paper that is typed on and scrolled.
const PAPER: Rect = Rect::new(240, 80, 880, 656);
/// Columns and rows of a letter.
const LETTER: Size = Size::new(8, 18);
/// Rows that a step scrolls by: three lines.
const SCROLL_PX: i32 = 3 * LETTER.height as i32;
const WINDOW: Size = Size::new(480, 320);
/// How far a step drags the window.
const DRAG: Point = Point::new(23, 11);
const FILM: Rect = Rect::new(400, 225, 880, 495);
/// Pictures of the film, which begins again after the last.
const FILM_PICTURES: u64 = 50;
/// Pictures that are shown in slow motion.
const SLOW_PICTURES: u32 = 5;
/// Pictures of the film in a second.
pub const FILM_RATE: u32 = 25;

/// A part of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// A letter a step.
    Type,
    /// Three lines a step.
    Scroll,
    /// A window opens with the first step and is dragged with the others.
    Window,
    /// A picture of the film a step.
    SlowFilm,
    /// The film at its own speed, for as long.
    Film(Duration),
}

impl Act {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Scroll => "scroll",
            Self::Window => "window",
            Self::SlowFilm => "film, slow",
            Self::Film(_) => "film",
        }
    }
}

/// Acts, and how many steps each has; a film at its own speed has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script(pub Vec<(Act, u32)>);

impl Script {
    /// All of the work, or a sample of it.
    pub fn new(is_quick: bool) -> Self {
        let (letters, rest, film) = if is_quick { (12, 5, 3) } else { (24, 10, 10) };
        Self(vec![
            (Act::Type, letters),
            (Act::Scroll, rest),
            (Act::Window, rest),
            (Act::SlowFilm, SLOW_PICTURES),
            (Act::Film(Duration::from_secs(film)), 1),
        ])
    }

    /// In words.
    pub fn told(&self) -> String {
        let parts: Vec<String> = self
            .0
            .iter()
            .map(|(act, steps)| match act {
                Act::Type => format!("{steps} letters are typed"),
                Act::Scroll => format!("a page scrolls {steps} times by three lines"),
                Act::Window => format!("a window opens and is dragged {} times", steps - 1),
                Act::SlowFilm => format!("{steps} pictures of a film are shown one by one"),
                Act::Film(length) => format!("and the film runs for {} s", length.as_secs()),
            })
            .collect();
        parts.join(", ")
    }

    /// Pictures of the film at its own speed.
    pub fn film_pictures(&self) -> u32 {
        let lengths = self.0.iter().map(|(act, _)| match act {
            Act::Film(length) => length.as_secs() as u32,
            _ => 0,
        });
        lengths.sum::<u32>() * FILM_RATE
    }

    /// The act that step `step` belongs to, counted from 1, and which of its steps it is.
    fn act(&self, step: u32) -> Option<(Act, u32)> {
        let mut before = 0;
        for &(act, steps) in &self.0 {
            if step <= before + steps {
                return Some((act, step - before));
            }
            before += steps;
        }
        None
    }
}

/// The film, painted before any clock runs.
pub struct Film(Vec<Picture>);

impl Film {
    /// Paints it.
    pub fn new() -> Self {
        let mut scene = Scene::new(Content::Video, FILM.size(), 3);
        // Every second frame of a film that is made for twice the rate.
        Self(
            (0..FILM_PICTURES)
                .map(|number| scene.picture(number * 2))
                .collect(),
        )
    }

    fn picture(&self, number: u32) -> &Picture {
        &self.0[number as usize % self.0.len()]
    }
}

/// The desktop of one client.
pub struct ScriptDesktop {
    script: Script,
    step: u32,
    picture: Picture,
    /// Everything but the window and the marker.
    ground: Picture,
    letters: Picture,
    window: Option<(Picture, Point)>,
    film: Arc<Film>,
    film_start: Option<(Instant, Duration)>,
    /// Pictures of the film that were shown.
    shown: u32,
    damage: Damage,
}

impl ScriptDesktop {
    /// Before the first step.
    pub fn new(script: Script, film: Arc<Film>) -> Self {
        let ground = Scene::new(Content::Interface, DESKTOP, 1).picture(0);
        let paper = Size::new(PAPER.width(), PAPER.height());
        let mut desktop = Self {
            script,
            step: 0,
            picture: Picture::new(DESKTOP),
            ground,
            // Text enough for all that is scrolled into sight.
            letters: Scene::new(Content::Text, Size::new(paper.width, 4000), 2).picture(0),
            window: None,
            film,
            film_start: None,
            shown: 0,
            damage: Damage::default(),
        };
        super::fill(&mut desktop.ground, &PAPER, [255; 4]);
        desktop.show(DESKTOP.to_rect());
        desktop.mark(0);
        desktop
    }

    fn next_step(&mut self) {
        let Some((act, index)) = self.script.act(self.step + 1) else {
            return;
        };
        self.step += 1;
        match act {
            Act::Type => self.type_letter(index - 1),
            Act::Scroll => self.scroll(index - 1),
            Act::Window if index == 1 => self.open_window(),
            Act::Window => self.drag_window(),
            Act::SlowFilm => self.film_picture(index - 1),
            Act::Film(length) => self.film_start = Some((Instant::now(), length)),
        }
        self.mark(self.step);
    }

    fn type_letter(&mut self, index: u32) {
        let columns = PAPER.width() / LETTER.width - 2;
        let corner = Point::new(
            ((1 + index % columns) * LETTER.width) as i32,
            ((1 + index / columns) * LETTER.height) as i32,
        );
        let source = Rect::at(Point::new(corner.x, corner.y + 200), LETTER);
        let target = Point::new(PAPER.left + corner.x, PAPER.top + corner.y);
        copy(&self.letters, &source, &mut self.ground, target);
        self.show(Rect::at(target, LETTER));
    }

    fn scroll(&mut self, index: u32) {
        let source = Rect::new(PAPER.left, PAPER.top + SCROLL_PX, PAPER.right, PAPER.bottom);
        let kept = self.ground.clone();
        copy(&kept, &source, &mut self.ground, PAPER.origin());
        let strip = Rect::new(
            PAPER.left,
            PAPER.bottom - SCROLL_PX,
            PAPER.right,
            PAPER.bottom,
        );
        let from = Point::new(0, 400 + index as i32 * SCROLL_PX);
        copy(
            &self.letters,
            &Rect::at(from, strip.size()),
            &mut self.ground,
            strip.origin(),
        );
        self.damage.moves.push(Move {
            source,
            destination: PAPER.origin(),
        });
        self.show(PAPER);
    }

    fn open_window(&mut self) {
        let picture = Scene::new(Content::Editor, WINDOW, 4).picture(0);
        let corner = Point::new(160, 110);
        self.window = Some((picture, corner));
        self.show(Rect::at(corner, WINDOW));
    }

    fn drag_window(&mut self) {
        let Some((_, corner)) = &mut self.window else {
            return;
        };
        let source = Rect::at(*corner, WINDOW);
        *corner = Point::new(corner.x + DRAG.x, corner.y + DRAG.y);
        let target = Rect::at(*corner, WINDOW);
        self.damage.moves.push(Move {
            source,
            destination: target.origin(),
        });
        self.show(source.union(&target));
    }

    fn film_picture(&mut self, number: u32) {
        self.window = None;
        let picture = self.film.picture(number);
        copy(
            picture,
            &picture.size().to_rect(),
            &mut self.ground,
            FILM.origin(),
        );
        // A window that lay elsewhere goes with the first picture.
        self.show(if number == 0 { DESKTOP.to_rect() } else { FILM });
    }

    /// Brings a rectangle of the picture up to date.
    fn show(&mut self, rect: Rect) {
        copy(&self.ground, &rect, &mut self.picture, rect.origin());
        if let Some((window, corner)) = &self.window {
            copy(window, &WINDOW.to_rect(), &mut self.picture, *corner);
        }
        self.damage.rects.push(rect);
    }

    fn mark(&mut self, number: u32) {
        marker::paint(&mut self.picture, number);
        self.damage.rects.extend(marker::places(DESKTOP));
    }
}

impl DesktopSource for ScriptDesktop {
    fn size(&self) -> Size {
        DESKTOP
    }

    fn resize(&mut self, _size: Size, _scale_percent: u32) {
        // The work is made for one size.
        self.damage = Damage::of(DESKTOP.to_rect());
    }

    fn advance(&mut self, now: Instant) {
        let Some((start, length)) = self.film_start else {
            return;
        };
        let passed = now.saturating_duration_since(start);
        if passed >= length {
            self.film_start = None;
            // Above all numbers that a film of that length comes to.
            self.mark(marker::NUMBERS - 1);
            return;
        }
        let due = (passed.as_secs_f64() * f64::from(FILM_RATE)) as u32 + 1;
        if due > self.shown {
            self.shown = due;
            self.film_picture(due);
            self.mark(self.step + due);
        }
    }

    fn take_damage(&mut self) -> Damage {
        std::mem::take(&mut self.damage)
    }

    fn pixels(&self) -> &Picture {
        &self.picture
    }

    fn take_pointer(&mut self, _max_side_px: u32) -> Option<PointerUpdate> {
        None
    }

    fn idle_for(&self, now: Instant) -> Option<Duration> {
        let (start, _) = self.film_start?;
        let next = start + Duration::from_secs(1) * self.shown / FILM_RATE;
        Some(next.saturating_duration_since(now))
    }
}

impl InputSink for ScriptDesktop {
    fn input(&mut self, event: &InputEvent) {
        if matches!(
            event,
            InputEvent::Key {
                is_pressed: true,
                ..
            }
        ) {
            self.next_step();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(desktop: &mut ScriptDesktop) -> Damage {
        let scan_code = oriel_protocol::input::ScanCode {
            code: 0x1e,
            prefix: oriel_protocol::input::ScanCodePrefix::None,
        };
        for is_pressed in [true, false] {
            desktop.input(&InputEvent::Key {
                scan_code,
                is_pressed,
            });
        }
        desktop.take_damage()
    }

    #[test]
    fn each_key_is_one_step_and_all_that_changes_is_told() {
        let mut desktop = ScriptDesktop::new(Script::new(true), Arc::new(Film::new()));
        desktop.take_damage();
        for step in 1..=27 {
            let before = desktop.picture.clone();
            let damage = press(&mut desktop);
            assert_eq!(desktop.step, step);
            let size = DESKTOP;
            let is_told = |point| damage.rects.iter().any(|rect| rect.contains(point));
            for y in 0..size.height as i32 {
                for x in 0..size.width as i32 {
                    let point = Point::new(x, y);
                    let is_same = before.pixel(point) == desktop.picture.pixel(point);
                    assert!(is_same || is_told(point), "step {step}: ({x}, {y})");
                }
            }
            assert_ne!(before.data(), desktop.picture.data(), "step {step}");
        }
    }

    #[test]
    fn the_film_shows_the_pictures_of_its_time_and_ends() {
        let mut desktop = ScriptDesktop::new(
            Script(vec![(Act::Film(Duration::from_secs(1)), 1)]),
            Arc::new(Film::new()),
        );
        press(&mut desktop);
        let start = Instant::now();
        desktop.advance(start + Duration::from_millis(900));
        assert!((20..=25).contains(&desktop.shown), "{}", desktop.shown);
        assert!(desktop.idle_for(start).is_some());
        desktop.advance(start + Duration::from_millis(1100));
        assert!(desktop.idle_for(start).is_none());
        assert!(!desktop.take_damage().is_empty());
    }
}
