//! A code editor: small coloured text on dark ground, a list of files, tabs and a status bar.

use super::Dice;
use crate::demo::{
    apps::{Token, highlight},
    canvas::Canvas,
    text::Font,
    theme::{self, Rgba},
};

const SIZE: f32 = 13.0;
const LINE_HEIGHT: f32 = 18.0;
const SIDE_BAR: f32 = 220.0;
const TABS: f32 = 34.0;
const STATUS: f32 = 24.0;
const GUTTER: f32 = 56.0;

const GROUND: Rgba = Rgba::hex(0x1B1F2E);
const SIDE: Rgba = Rgba::hex(0x151824);
const CURRENT: Rgba = Rgba::hex(0x262B3F);
const STATUS_BAR: Rgba = Rgba::hex(0x3557A8);

/// Pieces of a program; `$` stands for a name that differs from piece to piece.
const PIECES: [[&str; 12]; 4] = [
    [
        "/// Carries out what `$` was asked for; `None` where it draws nothing.",
        "pub fn $(&mut self, command: &Command) -> Option<Rect> {",
        "    let surface = self.surfaces.get_mut(&command.surface)?;",
        "    let damage = match command.codec {",
        "        Codec::Planar => surface.decode_planar(&command.payload),",
        "        Codec::Avc444 { lc: 0..=2 } => surface.combine(&command),",
        "        _ => return None, // 0x0C is not for us",
        "    };",
        "    self.$ += 1;",
        "    Some(damage)",
        "}",
        "",
    ],
    [
        "impl<'a> Iterator for $<'a> {",
        "    type Item = (usize, &'a [u8]);",
        "",
        "    fn next(&mut self) -> Option<Self::Item> {",
        "        let (run, rest) = self.data.split_first()?;",
        "        let length = (*run as usize & 0x1F) + 1;",
        "        let $ = rest.get(..length)?;",
        "        self.data = &rest[length..];",
        "        Some((length, $))",
        "    }",
        "}",
        "",
    ],
    [
        "#[test]",
        "fn a_$_that_ends_early_is_refused() {",
        "    let mut target = Picture::new(Size::new(64, 48));",
        "    for length in 0..PAYLOAD.len() {",
        "        let result = decode(&PAYLOAD[..length], &mut target.as_mut());",
        "        assert_eq!(",
        "            result,",
        "            Err(DecodeError::Truncated { missing: 3072 - length }),",
        "            \"{length} bytes of $\"",
        "        );",
        "    }",
        "}",
    ],
    [
        "",
        "/// Where the next `$` goes, counted from the top left corner.",
        "#[derive(Clone, Copy, Debug, PartialEq, Eq)]",
        "pub struct $ {",
        "    /// Columns from the left.",
        "    pub x_px: u32,",
        "    /// Rows from the top.",
        "    pub y_px: u32,",
        "    /// What it was before: \"nothing\" at first.",
        "    pub before: Option<Box<$>>,",
        "}",
        "",
    ],
];

const NAMES: [&str; 24] = [
    "segment",
    "tile",
    "frame_queue",
    "glyph",
    "apply",
    "history",
    "region",
    "cursor",
    "Window",
    "plane",
    "stride",
    "blit",
    "Context",
    "residual",
    "band",
    "upgrade",
    "surface_map",
    "Reader",
    "offset",
    "token",
    "packet",
    "present",
    "Layout",
    "column",
];

/// Draws the editor with its text scrolled down by `frame` lines.
pub fn paint(canvas: &mut Canvas<'_>, dice: Dice, frame: u64) {
    canvas.clear(GROUND);
    let (width, height) = (canvas.width(), canvas.height());
    let cell = canvas.measure(Font::Mono, SIZE, "0");
    let rows = ((height - TABS - STATUS).max(0.0) / LINE_HEIGHT) as u64 + 1;
    for row in 0..rows {
        let line = frame + row;
        let top = TABS + row as f32 * LINE_HEIGHT;
        if row == rows / 3 {
            canvas.rect(SIDE_BAR, top, width - SIDE_BAR, LINE_HEIGHT, CURRENT);
        }
        let baseline = top + LINE_HEIGHT * 0.72;
        let number = (line + 1).to_string();
        canvas.text(
            SIDE_BAR + GUTTER - 16.0 - cell * number.len() as f32,
            baseline,
            Font::Mono,
            SIZE,
            theme::ANSI[8],
            &number,
        );
        paint_line(canvas, dice, line, SIDE_BAR + GUTTER, baseline, cell);
    }
    paint_tabs(canvas, dice);
    paint_files(canvas, dice);
    canvas.rect(0.0, height - STATUS, width, STATUS, STATUS_BAR);
    let status = format!(
        "Ln {}, Col 17    UTF-8    Rust    main*",
        frame + rows / 3 + 1
    );
    canvas.text(10.0, height - 8.0, Font::Sans, 12.5, theme::TEXT, &status);
}

fn paint_line(canvas: &mut Canvas<'_>, dice: Dice, line: u64, left: f32, baseline: f32, cell: f32) {
    let length = PIECES[0].len() as u64;
    let dice = dice.at(line / length);
    let piece = dice.pick(0, &PIECES);
    let text = piece[(line % length) as usize].replace('$', dice.pick(1, &NAMES));
    let mut column = 0;
    for (token, piece) in highlight(&text) {
        if token != Token::Plain || !piece.trim().is_empty() {
            let x = left + column as f32 * cell;
            canvas.text(x, baseline, Font::Mono, SIZE, token.color(), piece);
        }
        column += piece.chars().count();
    }
}

fn paint_tabs(canvas: &mut Canvas<'_>, dice: Dice) {
    canvas.rect(0.0, 0.0, canvas.width(), TABS, SIDE);
    let mut x = SIDE_BAR;
    for tab in 0..5 {
        let name = format!("{}.rs", dice.pick(tab, &NAMES).to_lowercase());
        let is_open = tab == 0;
        let ground = if is_open { GROUND } else { Rgba::hex(0x1E2233) };
        canvas.rect(x, 0.0, 138.0, TABS, ground);
        if is_open {
            canvas.rect(x, 0.0, 138.0, 2.0, theme::ACCENT);
        }
        let color = if is_open {
            theme::TEXT
        } else {
            theme::TEXT_DIM
        };
        canvas.circle(x + 16.0, TABS / 2.0, 4.0, theme::ANSI[1 + tab as usize]);
        canvas.text(x + 28.0, 22.0, Font::Sans, 13.0, color, &name);
        x += 139.0;
    }
}

fn paint_files(canvas: &mut Canvas<'_>, dice: Dice) {
    let height = canvas.height();
    canvas.rect(0.0, TABS, SIDE_BAR, height - TABS, SIDE);
    canvas.rect(
        SIDE_BAR - 1.0,
        TABS,
        1.0,
        height - TABS,
        Rgba::hex(0x2A3047),
    );
    let rows = ((height - TABS - STATUS).max(0.0) / 22.0) as u64;
    for row in 0..rows {
        let dice = dice.at(1 << 32 | row);
        let top = TABS + 6.0 + row as f32 * 22.0;
        if row == 4 {
            canvas.rect(0.0, top, SIDE_BAR - 1.0, 22.0, CURRENT);
        }
        let is_folder = dice.below(0, 5) == 0;
        let indent = if is_folder { 14.0 } else { 32.0 };
        let name = dice.pick(1, &NAMES).to_lowercase();
        if is_folder {
            canvas.path(theme::TEXT_DIM, |path| {
                path.move_to(indent, top + 8.0);
                path.line_to(indent + 9.0, top + 8.0);
                path.line_to(indent + 4.5, top + 14.0);
                path.close();
            });
            canvas.text(
                indent + 15.0,
                top + 15.0,
                Font::Sans,
                13.0,
                theme::TEXT,
                &name,
            );
        } else {
            canvas.round_rect(indent, top + 5.0, 9.0, 12.0, 2.0, theme::ANSI[4]);
            let name = format!("{name}.rs");
            canvas.text(
                indent + 15.0,
                top + 15.0,
                Font::Sans,
                13.0,
                theme::TEXT_DIM,
                &name,
            );
        }
    }
}
