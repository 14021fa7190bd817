//! Pictures that look like work, the same on every machine: what codecs, servers and viewers are
//! measured and tested with.
//!
//! A [`Scene`] is one kind of [`Content`] at one size; its frames are numbered, and each number
//! moves it on: text scrolls, a photograph is panned, a window is dragged, a film runs. Frame 0 is
//! the still. Any frame can be asked for at any time, and is the same each time.
//!
//! ```
//! use oriel_codecs::Size;
//! use oriel_server::content::{Content, Scene, picture};
//!
//! let size = Size::new(320, 200);
//! let still = picture(Content::Text, size, 0);
//! let mut scene = Scene::new(Content::Text, size, 0);
//! assert_eq!(scene.picture(0), still);
//! assert_ne!(scene.picture(1), still, "it scrolls");
//! ```

mod dice;
mod editor;
mod interface;
mod page;
mod photo;

use std::time::Duration;

use oriel_codecs::{Picture, Size};
use tiny_skia::Pixmap;

use crate::demo::{
    apps::{App, Moment, Video},
    canvas::{Canvas, Scale},
    text::TextPainter,
};
use dice::Dice;
use photo::Photo;

/// Frames a second that films are made for, and scrolling feels natural at.
pub const FRAMES_PER_SECOND: u32 = 60;

/// What is to be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// A white page of text with headings, links and code in colour; scrolls by a few pixels.
    Text,
    /// A dark code editor with a list of files; scrolls by whole lines.
    Editor,
    /// Hills under a sky, with the grain of a photograph; panned sideways.
    Photo,
    /// A program's windows: lists, buttons, a table, a chart; one of them is dragged.
    Interface,
    /// A film: everything moves, and has some grain.
    Video,
}

impl Content {
    /// Each kind once.
    pub const ALL: [Self; 5] = [
        Self::Text,
        Self::Editor,
        Self::Photo,
        Self::Interface,
        Self::Video,
    ];

    /// A lower-case word for tables and command lines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Editor => "editor",
            Self::Photo => "photo",
            Self::Interface => "interface",
            Self::Video => "video",
        }
    }

    /// The kind with this [`name`](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|content| content.name() == name)
    }
}

/// One frame of a scene whose seed is 0. Who needs several keeps a [`Scene`], which is faster.
///
/// # Panics
/// If `size` is empty.
pub fn picture(content: Content, size: Size, frame: u64) -> Picture {
    Scene::new(content, size, 0).picture(frame)
}

/// A kind of content at a size, to take frames of.
#[derive(Debug)]
pub struct Scene {
    content: Content,
    size: Size,
    dice: Dice,
    text: TextPainter,
    /// Made when first asked for: the other kinds do without.
    photo: Option<Photo>,
}

impl Scene {
    /// A scene; another `seed` gives other words, hills and numbers.
    ///
    /// # Panics
    /// If `size` is empty.
    pub fn new(content: Content, size: Size, seed: u64) -> Self {
        assert!(!size.is_empty(), "a picture without pixels");
        Self {
            content,
            size,
            dice: Dice::new(seed),
            text: TextPainter::new(),
            photo: None,
        }
    }

    /// What is to be seen.
    pub fn content(&self) -> Content {
        self.content
    }

    /// Width and height of its pictures.
    pub fn size(&self) -> Size {
        self.size
    }

    /// The scene at a frame; all pixels are opaque.
    pub fn picture(&mut self, frame: u64) -> Picture {
        let mut pixmap =
            Pixmap::new(self.size.width, self.size.height).expect("not empty, and it fits memory");
        let dice = self.dice;
        if self.content == Content::Photo {
            let photo = self
                .photo
                .get_or_insert_with(|| Photo::new(self.size, dice));
            photo.paint(pixmap.data_mut(), frame);
        } else {
            // Screens of many pixels have small ones.
            let scale = Scale::new(if self.size.height > 1440 { 150 } else { 100 });
            let mut canvas = Canvas::new(&mut pixmap, &mut self.text, scale);
            match self.content {
                Content::Text => page::paint(&mut canvas, dice, frame),
                Content::Editor => editor::paint(&mut canvas, dice, frame),
                Content::Interface => interface::paint(&mut canvas, dice, frame),
                Content::Photo | Content::Video => paint_film(&mut canvas, dice, frame),
            }
        }
        Picture::from_bgra(self.size, pixmap.take()).expect("four bytes a pixel")
    }
}

/// The demo's film, with a little noise that differs from frame to frame.
fn paint_film(canvas: &mut Canvas<'_>, dice: Dice, frame: u64) {
    let mut film = Video::new(FRAMES_PER_SECOND, false);
    let elapsed_us = (frame * 1_000_000).div_ceil(u64::from(FRAMES_PER_SECOND));
    film.advance(Moment {
        elapsed: Duration::from_micros(elapsed_us),
        local_unix_s: 0,
    });
    film.paint(canvas);
    photo::add_grain(canvas.data_mut(), dice.at(frame), 2);
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_frame_is_the_same_whenever_it_is_asked_for() {
        for content in Content::ALL {
            let size = Size::new(650, 500);
            let mut scene = Scene::new(content, size, 7);
            let later = scene.picture(5);
            assert!(scene.picture(0) != later, "{content:?} does not move");
            let again = Scene::new(content, size, 7).picture(5);
            assert!(again == later, "{content:?} is not the same again");
            let other = Scene::new(content, size, 8).picture(5);
            assert!(other != later, "{content:?} ignores its seed");
        }
    }

    #[test]
    fn every_size_is_drawn_and_opaque() {
        for content in Content::ALL {
            for (width, height) in [(1, 1), (1, 70), (64, 3), (1000, 40), (90, 700)] {
                let picture = picture(content, Size::new(width, height), 3);
                assert_eq!(picture.size(), Size::new(width, height));
                assert!(
                    picture.data().iter().skip(3).step_by(4).all(|&a| a == 255),
                    "{content:?} {width}x{height}"
                );
            }
        }
    }

    #[test]
    fn text_has_few_colours_and_photographs_many() {
        let colors = |content| {
            let picture = picture(content, Size::new(640, 400), 0);
            let pixels = picture.data().chunks_exact(4);
            pixels.map(<[u8]>::to_vec).collect::<HashSet<_>>().len()
        };
        let (text, photo) = (colors(Content::Text), colors(Content::Photo));
        assert!(text < 4000 && photo > 20_000, "{text} and {photo}");
    }

    #[test]
    fn names_name_each_kind() {
        for content in Content::ALL {
            assert_eq!(Content::from_name(content.name()), Some(content));
        }
        assert_eq!(Content::from_name("tapestry"), None);
    }

    #[test]
    fn text_scrolls_without_changing_what_is_drawn() {
        let size = Size::new(500, 400);
        let mut scene = Scene::new(Content::Text, size, 1);
        let (before, after) = (scene.picture(10), scene.picture(11));
        let moved = page::SCROLL_PER_FRAME as u32;
        let row = |picture: &Picture, y: u32| picture.view().row(y).to_vec();
        for y in 0..size.height - moved {
            assert_eq!(row(&before, y + moved), row(&after, y), "row {y}");
        }
    }
}
