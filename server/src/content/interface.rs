//! A program's windows: lists, buttons, a table, a chart, and a dialog that is dragged about.

use super::Dice;
use crate::demo::{canvas::Canvas, text::Font, theme::Rgba};

const GROUND: Rgba = Rgba::hex(0xF3F4F8);
const CARD: Rgba = Rgba::hex(0xFFFFFF);
const LINE: Rgba = Rgba::hex(0xD9DCE6);
const INK: Rgba = Rgba::hex(0x20242E);
const DIM: Rgba = Rgba::hex(0x6B7280);
const ACCENT: Rgba = Rgba::hex(0x2563EB);
const COLORS: [Rgba; 6] = [
    Rgba::hex(0xE2556B),
    Rgba::hex(0xF59E0B),
    Rgba::hex(0x10B981),
    Rgba::hex(0x2563EB),
    Rgba::hex(0x8B5CF6),
    Rgba::hex(0x0EA5E9),
];
const HEADER: f32 = 56.0;
const LIST: f32 = 300.0;

const NAMES: [&str; 12] = [
    "Ada Byron",
    "Jun Mori",
    "Lena Vogt",
    "Omar Haddad",
    "Ines Prado",
    "Tom Ashby",
    "Mei Lin",
    "Nils Dahl",
    "Sara Costa",
    "Ivo Petrov",
    "Noor Aziz",
    "Kim Park",
];
const SUBJECTS: [&str; 8] = [
    "Minutes of Tuesday",
    "Invoice 2041",
    "New curtains",
    "Re: the bay window",
    "Lunch?",
    "Release on Friday",
    "Photos of the house",
    "Your parcel is here",
];
const COLUMNS: [&str; 6] = ["Name", "Owner", "State", "Size", "Changed", "Share"];

/// Draws the program with the dialog at its place at `frame`.
pub fn paint(canvas: &mut Canvas<'_>, dice: Dice, frame: u64) {
    canvas.clear(GROUND);
    let (width, height) = (canvas.width(), canvas.height());
    paint_header(canvas, width);
    paint_list(canvas, dice);
    let left = LIST + 24.0;
    let inner = (width - left - 24.0).max(1.0);
    let chart_height = (height * 0.32).max(40.0);
    paint_chart(canvas, dice.at(1), left, HEADER + 20.0, inner, chart_height);
    let table = HEADER + chart_height + 40.0;
    paint_table(
        canvas,
        dice.at(2),
        left,
        table,
        inner,
        height - table - 20.0,
    );
    // Round and round: every frame another place, all of them on the screen.
    let angle = frame as f32 % 600.0 / 600.0 * std::f32::consts::TAU;
    let (x, y) = (
        (width - 420.0) * (0.55 + 0.3 * angle.cos()),
        (height - 240.0) * (0.5 + 0.35 * angle.sin()),
    );
    paint_dialog(canvas, dice.at(3), x, y, frame);
}

fn paint_header(canvas: &mut Canvas<'_>, width: f32) {
    let stops = [(0.0, Rgba::hex(0x2B3A67)), (1.0, Rgba::hex(0x1B2547))];
    canvas.vertical_gradient((0.0, 0.0), (width, HEADER), &stops);
    canvas.circle(32.0, HEADER / 2.0, 14.0, COLORS[1]);
    canvas.text(58.0, 35.0, Font::Sans, 19.0, CARD, "Correspondence");
    let mut x = LIST + 24.0;
    for label in [
        "File", "Edit", "View", "Folder", "Message", "Window", "Help",
    ] {
        x += canvas.text(x, 34.0, Font::Sans, 14.5, Rgba::hex(0xDCE3F5), label) + 26.0;
    }
    canvas.round_rect(width - 290.0, 13.0, 250.0, 30.0, 15.0, CARD.with_alpha(40));
    canvas.text(
        width - 272.0,
        33.0,
        Font::Sans,
        13.5,
        Rgba::hex(0xC4CCE4),
        "Search mail",
    );
}

fn paint_list(canvas: &mut Canvas<'_>, dice: Dice) {
    let height = canvas.height();
    canvas.rect(0.0, HEADER, LIST, height - HEADER, CARD);
    canvas.rect(LIST, HEADER, 1.0, height - HEADER, LINE);
    for row in 0..((height - HEADER).max(0.0) / 64.0) as u64 + 1 {
        let dice = dice.at(row);
        let top = HEADER + row as f32 * 64.0;
        let name = dice.pick(0, &NAMES);
        if row == 2 {
            canvas.rect(0.0, top, LIST, 64.0, Rgba::hex(0xE4ECFD));
            canvas.rect(0.0, top, 4.0, 64.0, ACCENT);
        }
        canvas.circle(34.0, top + 32.0, 18.0, dice.pick(1, &COLORS));
        canvas.text(29.0, top + 38.0, Font::Sans, 16.0, CARD, &name[..1]);
        canvas.text(64.0, top + 27.0, Font::Sans, 15.0, INK, name);
        canvas.text(
            64.0,
            top + 47.0,
            Font::Sans,
            13.0,
            DIM,
            dice.pick(2, &SUBJECTS),
        );
        let time = format!("{:02}:{:02}", dice.below(3, 24), dice.below(4, 60));
        canvas.text(LIST - 52.0, top + 27.0, Font::Sans, 12.0, DIM, &time);
        canvas.rect(64.0, top + 63.0, LIST - 64.0, 1.0, LINE);
    }
}

fn paint_card(canvas: &mut Canvas<'_>, x: f32, y: f32, width: f32, height: f32) {
    canvas.round_rect(x, y, width, height, 8.0, CARD);
    canvas.round_outline(x, y, width, height, 8.0, LINE);
}

fn paint_chart(canvas: &mut Canvas<'_>, dice: Dice, x: f32, y: f32, width: f32, height: f32) {
    paint_card(canvas, x, y, width, height);
    canvas.text(x + 18.0, y + 28.0, Font::Sans, 16.0, INK, "Messages a week");
    let floor = y + height - 26.0;
    let room = (height - 80.0).max(1.0);
    for line in 0..5 {
        let at = floor - room * line as f32 / 4.0;
        canvas.rect(x + 18.0, at, width - 36.0, 1.0, LINE);
    }
    let bars = ((width - 36.0).max(0.0) / 44.0) as u64;
    for bar in 0..bars {
        let tall = room * (dice.below(bar, 90) as f32 + 10.0) / 100.0;
        let left = x + 28.0 + bar as f32 * 44.0;
        let color = COLORS[(bar % 3) as usize + 3];
        canvas.round_rect(left, floor - tall, 24.0, tall, 3.0, color);
    }
    canvas.stroke(COLORS[0], 2.0, |path| {
        path.move_to(x + 40.0, floor - room * 0.5);
        for bar in 1..bars {
            let up = room * (dice.below(1000 + bar, 60) as f32 + 20.0) / 100.0;
            path.line_to(x + 40.0 + bar as f32 * 44.0, floor - up);
        }
    });
}

fn paint_table(canvas: &mut Canvas<'_>, dice: Dice, x: f32, y: f32, width: f32, height: f32) {
    if height < 40.0 {
        return;
    }
    paint_card(canvas, x, y, width, height);
    let column_width = (width - 36.0) / COLUMNS.len() as f32;
    for (column, label) in COLUMNS.into_iter().enumerate() {
        let left = x + 18.0 + column as f32 * column_width;
        canvas.text(left, y + 26.0, Font::Sans, 13.5, DIM, label);
    }
    for row in 0..((height - 50.0) / 32.0) as u64 {
        let dice = dice.at(row);
        let top = y + 38.0 + row as f32 * 32.0;
        canvas.rect(x + 1.0, top, width - 2.0, 1.0, LINE);
        if row % 2 == 1 {
            canvas.rect(x + 1.0, top + 1.0, width - 2.0, 31.0, Rgba::hex(0xF8F9FC));
        }
        let state = dice.below(5, 3) as usize;
        let cells = [
            dice.pick(0, &SUBJECTS).to_owned(),
            dice.pick(1, &NAMES).to_owned(),
            String::new(),
            format!("{}.{} kB", dice.below(2, 900), dice.below(3, 10)),
            format!(
                "2026-{:02}-{:02}",
                dice.below(4, 12) + 1,
                dice.below(6, 28) + 1
            ),
        ];
        for (column, text) in cells.iter().enumerate() {
            let left = x + 18.0 + column as f32 * column_width;
            canvas.text(left, top + 21.0, Font::Sans, 14.0, INK, text);
        }
        let left = x + 18.0 + 2.0 * column_width;
        let color = [COLORS[2], COLORS[1], COLORS[0]][state];
        canvas.round_rect(left, top + 6.0, 76.0, 20.0, 10.0, color.with_alpha(45));
        let label = ["done", "waiting", "late"][state];
        canvas.text(left + 14.0, top + 20.0, Font::Sans, 13.0, color, label);
        let left = x + 18.0 + 5.0 * column_width;
        let whole = (column_width - 20.0).max(2.0);
        let part = whole * dice.below(7, 101) as f32 / 100.0;
        canvas.round_rect(left, top + 12.0, whole, 8.0, 4.0, LINE);
        canvas.round_rect(left, top + 12.0, part.max(2.0), 8.0, 4.0, ACCENT);
    }
}

fn paint_dialog(canvas: &mut Canvas<'_>, dice: Dice, x: f32, y: f32, frame: u64) {
    for reach in 0..12 {
        let reach = reach as f32;
        let shadow = Rgba::hex(0).with_alpha(7);
        let (width, height) = (420.0 + 2.0 * reach, 240.0 + 2.0 * reach);
        canvas.round_rect(
            x - reach,
            y - reach + 4.0,
            width,
            height,
            10.0 + reach,
            shadow,
        );
    }
    canvas.round_rect(x, y, 420.0, 240.0, 10.0, CARD);
    canvas.round_outline(x, y, 420.0, 240.0, 10.0, LINE);
    canvas.text(x + 24.0, y + 38.0, Font::Sans, 18.0, INK, "Sending");
    let subject = dice.pick(0, &SUBJECTS);
    canvas.text(x + 24.0, y + 66.0, Font::Sans, 14.0, DIM, subject);
    let done = frame % 240;
    canvas.round_rect(x + 24.0, y + 92.0, 372.0, 12.0, 6.0, LINE);
    canvas.round_rect(
        x + 24.0,
        y + 92.0,
        12.0 + done as f32 * 1.5,
        12.0,
        6.0,
        ACCENT,
    );
    let text = format!("{} of 240 messages", done);
    canvas.text(x + 24.0, y + 128.0, Font::Sans, 13.5, INK, &text);
    for (button, label) in ["Pause", "Cancel"].into_iter().enumerate() {
        let left = x + 212.0 + button as f32 * 96.0;
        let (ground, ink) = if button == 0 {
            (ACCENT, CARD)
        } else {
            (GROUND, INK)
        };
        canvas.round_rect(left, y + 186.0, 86.0, 34.0, 6.0, ground);
        canvas.text(left + 22.0, y + 208.0, Font::Sans, 14.0, ink, label);
    }
}
