//! A toy terminal: shows what is typed, and knows a few commands.

use std::{collections::VecDeque, time::Duration};

use super::{App, Moment};
use crate::demo::{
    calendar::Date,
    canvas::Canvas,
    keyboard::Key,
    pointer::PointerKind,
    text::Font,
    theme::{self, Rgba},
};

const SIZE: f32 = 14.0;
const LINE_HEIGHT: f32 = 19.0;
const MARGIN: f32 = 12.0;
const GROUND: Rgba = Rgba::hex(0x11141F);
/// Lines that can be scrolled back to.
const MAX_LINES: usize = 1000;
/// Characters of one line of input.
const MAX_INPUT: usize = 4096;
/// Lines of input that are remembered.
const MAX_HISTORY: usize = 100;
/// Half a blink of the cursor.
const BLINK: Duration = Duration::from_millis(530);
/// The cursor stops blinking so long after the last key: an idle desktop is to be idle.
const BLINK_FOR: Duration = Duration::from_secs(10);

const BAY_WINDOW: [&str; 7] = [
    r"     ________     ",
    r"   _/   ||   \_   ",
    r"  / |   ||   | \  ",
    r" |  |___||___|  | ",
    r" |  |   ||   |  | ",
    r"  \_|___||___|_/  ",
    r"    \________/    ",
];

/// A piece of a line in one colour.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Span {
    color: Rgba,
    text: String,
}

impl Span {
    fn new(color: Rgba, text: impl Into<String>) -> Self {
        Self {
            color,
            text: text.into(),
        }
    }
}

type Line = Vec<Span>;

/// The terminal.
#[derive(Debug)]
pub struct Terminal {
    lines: VecDeque<Line>,
    input: Vec<char>,
    cursor: usize,
    history: Vec<String>,
    /// Which line of the history is shown; its length for the line being typed.
    recalled: usize,
    /// Lines scrolled back.
    scrolled: usize,
    rows: usize,
    columns: usize,
    is_focused: bool,
    blinks: bool,
    is_cursor_lit: bool,
    last_key: Duration,
    now: Moment,
}

impl Terminal {
    /// A terminal with a greeting; `blinks` tells whether its cursor does.
    pub fn new(blinks: bool) -> Self {
        let mut terminal = Self {
            lines: VecDeque::new(),
            input: Vec::new(),
            cursor: 0,
            history: Vec::new(),
            recalled: 0,
            scrolled: 0,
            rows: 1,
            columns: 80,
            is_focused: false,
            blinks,
            is_cursor_lit: true,
            last_key: Duration::ZERO,
            now: Moment {
                elapsed: Duration::ZERO,
                local_unix_s: 0,
            },
        };
        terminal.print(vec![
            Span::new(theme::TEXT, "Welcome to the "),
            Span::new(theme::ANSI[3], "Oriel"),
            Span::new(theme::TEXT, " demo desktop."),
        ]);
        terminal.print(vec![
            Span::new(theme::TEXT_DIM, "Type "),
            Span::new(theme::ANSI[2], "help"),
            Span::new(theme::TEXT_DIM, " and press Enter, or just type."),
        ]);
        terminal.print(Vec::new());
        terminal
    }

    /// The line being typed.
    #[cfg(test)]
    fn typed(&self) -> String {
        self.input.iter().collect()
    }

    fn prompt() -> [Span; 3] {
        [
            Span::new(theme::ANSI[2], "guest@oriel"),
            Span::new(theme::ANSI[4], " ~ "),
            Span::new(theme::TEXT_DIM, "$ "),
        ]
    }

    fn print(&mut self, line: Line) {
        if self.lines.len() == MAX_LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    fn say(&mut self, color: Rgba, text: impl Into<String>) {
        self.print(vec![Span::new(color, text)]);
    }

    fn set_input(&mut self, text: &str) {
        self.input = text.chars().collect();
        self.cursor = self.input.len();
    }

    fn recall(&mut self, index: usize) {
        self.recalled = index;
        let text = self.history.get(index).cloned().unwrap_or_default();
        self.set_input(&text);
    }

    fn enter(&mut self) {
        let text: String = std::mem::take(&mut self.input).into_iter().collect();
        self.cursor = 0;
        let mut line = Self::prompt().to_vec();
        line.push(Span::new(theme::TEXT, text.clone()));
        self.print(line);
        let words: Vec<&str> = text.split_whitespace().collect();
        if let Some((command, arguments)) = words.split_first() {
            self.history.push(text.clone());
            if self.history.len() > MAX_HISTORY {
                self.history.remove(0);
            }
            self.run(command, arguments);
        }
        self.recalled = self.history.len();
    }

    fn run(&mut self, command: &str, arguments: &[&str]) {
        match command {
            "help" => {
                for (name, meaning) in [
                    ("help", "this list"),
                    ("about", "where you are"),
                    ("colors", "the sixteen colours of this terminal"),
                    ("date", "the day and the time"),
                    ("echo", "says it again"),
                    ("count", "counts, to have something to scroll"),
                    ("history", "what was typed before"),
                    ("clear", "an empty screen, as does Ctrl+L"),
                ] {
                    self.print(vec![
                        Span::new(theme::ANSI[2], format!("  {name:<9}")),
                        Span::new(theme::TEXT_DIM, meaning),
                    ]);
                }
            }
            "about" => self.about(),
            "colors" | "colours" => self.colors(),
            "date" => {
                let date = Date::from_unix(self.now.local_unix_s);
                self.say(theme::TEXT, date.long());
            }
            "echo" => self.say(theme::TEXT, arguments.join(" ")),
            "count" => {
                let last: usize = arguments
                    .first()
                    .and_then(|number| number.parse().ok())
                    .unwrap_or(100);
                for number in 1..=last.min(MAX_LINES) {
                    let bar = "▇".repeat(number % 40);
                    self.print(vec![
                        Span::new(theme::TEXT_DIM, format!("{number:>5} ")),
                        Span::new(theme::ANSI[1 + number % 6], bar),
                    ]);
                }
            }
            "history" => {
                for (index, line) in self.history.clone().into_iter().enumerate() {
                    self.say(theme::TEXT_DIM, format!("{:>5}  {line}", index + 1));
                }
            }
            "clear" => self.lines.clear(),
            unknown => self.say(
                theme::ANSI[1],
                format!("{unknown}: not a command; help lists those that are"),
            ),
        }
    }

    fn about(&mut self) {
        let uptime_s = self.now.elapsed.as_secs();
        let facts = [
            ("", "guest@oriel".to_owned()),
            ("", "-----------".to_owned()),
            ("desktop  ", "Oriel demo, drawn in memory".to_owned()),
            ("version  ", env!("CARGO_PKG_VERSION").to_owned()),
            ("text     ", "cosmic-text, Ubuntu and Hack".to_owned()),
            ("shapes   ", "tiny-skia".to_owned()),
            (
                "uptime   ",
                format!("{} min {} s", uptime_s / 60, uptime_s % 60),
            ),
        ];
        for (picture, (name, value)) in BAY_WINDOW.into_iter().zip(facts) {
            self.print(vec![
                Span::new(theme::ANSI[3], format!(" {picture}  ")),
                Span::new(theme::ANSI[4], name),
                Span::new(theme::TEXT, value),
            ]);
        }
    }

    fn colors(&mut self) {
        for row in theme::ANSI.chunks(8) {
            self.print(row.iter().map(|&color| Span::new(color, " ████")).collect());
        }
    }

    /// Cuts a line into rows of at most `columns` characters.
    fn wrap(line: &Line, columns: usize) -> Vec<Line> {
        let mut rows = vec![Line::new()];
        let mut used = 0;
        for span in line {
            let mut rest = span.text.as_str();
            while !rest.is_empty() {
                if used == columns {
                    rows.push(Line::new());
                    used = 0;
                }
                let end = rest
                    .char_indices()
                    .nth(columns - used)
                    .map_or(rest.len(), |(at, _)| at);
                let piece = &rest[..end];
                used += piece.chars().count();
                if let Some(row) = rows.last_mut() {
                    row.push(Span::new(span.color, piece));
                }
                rest = &rest[end..];
            }
        }
        rows
    }

    fn input_line(&self) -> Line {
        let mut line = Self::prompt().to_vec();
        line.push(Span::new(
            theme::TEXT,
            self.input.iter().collect::<String>(),
        ));
        line
    }
}

impl App for Terminal {
    fn title(&self) -> &str {
        "Terminal"
    }

    fn short_title(&self) -> &str {
        "Terminal"
    }

    fn color(&self) -> Rgba {
        theme::ANSI[2]
    }

    fn preferred_size(&self) -> (f32, f32) {
        (612.0, 300.0)
    }

    fn paint(&mut self, canvas: &mut Canvas<'_>) {
        canvas.clear(GROUND);
        let scale = canvas.scale();
        // Whole cells: columns stay aligned, and each character is drawn once and kept.
        let cell_px = scale.px(SIZE * 0.602).max(1);
        let line_px = scale.px(LINE_HEIGHT);
        let margin_px = scale.px(MARGIN);
        let size = canvas.size_px();
        self.columns = ((size.width as i32 - 2 * margin_px) / cell_px).max(1) as usize;
        self.rows = ((size.height as i32 - 2 * margin_px) / line_px).max(1) as usize;

        let wanted = self.rows + self.scrolled;
        let input_rows = Self::wrap(&self.input_line(), self.columns);
        let prompt_len: usize = Self::prompt()
            .iter()
            .map(|span| span.text.chars().count())
            .sum();
        let cursor_at = prompt_len + self.cursor;
        // From the cursor's row to the end of the input.
        let cursor_from_end = input_rows.len().saturating_sub(cursor_at / self.columns);
        let mut rows: VecDeque<Line> = input_rows.into();
        if cursor_from_end == 0 {
            rows.push_back(Line::new());
        }
        let cursor_row_from_end = cursor_from_end.max(1);
        for line in self.lines.iter().rev() {
            if rows.len() >= wanted {
                break;
            }
            for row in Self::wrap(line, self.columns).into_iter().rev() {
                rows.push_front(row);
            }
        }
        self.scrolled = self.scrolled.min(rows.len().saturating_sub(self.rows));
        let last = rows.len() - self.scrolled;
        let first = last.saturating_sub(self.rows);
        let cursor_row = rows.len() - cursor_row_from_end;
        if (first..last).contains(&cursor_row) {
            let x = margin_px + (cursor_at % self.columns) as i32 * cell_px;
            let y = margin_px + (cursor_row - first) as i32 * line_px;
            if !self.is_focused {
                canvas.rect_px(
                    x,
                    y + line_px - scale.px(3.0),
                    cell_px,
                    scale.px(2.0),
                    theme::TEXT_DIM,
                );
            } else if self.is_cursor_lit {
                let color = theme::ACCENT.with_alpha(190);
                canvas.rect_px(
                    x,
                    y + scale.px(1.0),
                    cell_px,
                    line_px - scale.px(2.0),
                    color,
                );
            }
        }
        for (index, row) in rows.range(first..last).enumerate() {
            let baseline = margin_px + index as i32 * line_px + scale.px(14.5);
            let mut column = 0;
            for span in row {
                let x = margin_px + column * cell_px;
                canvas.text_cells(x, baseline, cell_px, SIZE, span.color, &span.text);
                column += span.text.chars().count() as i32;
            }
        }
        if self.scrolled > 0 {
            let note = format!("{} lines further down", self.scrolled);
            let width = canvas.measure(Font::Sans, 12.0, &note) + 20.0;
            let (x, y) = (canvas.width() - width - 10.0, canvas.height() - 32.0);
            canvas.round_rect(x, y, width, 22.0, 11.0, theme::TITLE_FOCUSED);
            canvas.text(x + 10.0, y + 15.5, Font::Sans, 12.0, theme::TEXT, &note);
        }
    }

    fn advance(&mut self, now: Moment) -> bool {
        self.now = now;
        let idle = now.elapsed.saturating_sub(self.last_key);
        let is_lit = !self.blinks
            || !self.is_focused
            || idle >= BLINK_FOR
            || (idle.as_millis() / BLINK.as_millis()).is_multiple_of(2);
        std::mem::replace(&mut self.is_cursor_lit, is_lit) != is_lit
    }

    fn period(&self) -> Option<Duration> {
        let idle = self.now.elapsed.saturating_sub(self.last_key);
        (self.blinks && self.is_focused && idle < BLINK_FOR).then_some(BLINK)
    }

    fn key(&mut self, key: Key) -> bool {
        self.last_key = self.now.elapsed;
        self.is_cursor_lit = true;
        match key {
            Key::PageUp => self.scrolled += self.rows.max(2) - 1,
            Key::PageDown => self.scrolled = self.scrolled.saturating_sub(self.rows.max(2) - 1),
            _ => self.scrolled = 0,
        }
        match key {
            Key::Text(character) if self.input.len() < MAX_INPUT => {
                self.input.insert(self.cursor, character);
                self.cursor += 1;
            }
            Key::Backspace if self.cursor > 0 => {
                self.cursor -= 1;
                self.input.remove(self.cursor);
            }
            Key::Delete if self.cursor < self.input.len() => {
                self.input.remove(self.cursor);
            }
            Key::Enter => self.enter(),
            Key::Left => self.cursor = self.cursor.saturating_sub(1),
            Key::Right => self.cursor = (self.cursor + 1).min(self.input.len()),
            Key::Home | Key::Control('a') => self.cursor = 0,
            Key::End | Key::Control('e') => self.cursor = self.input.len(),
            Key::Up if self.recalled > 0 => self.recall(self.recalled - 1),
            Key::Down if self.recalled < self.history.len() => self.recall(self.recalled + 1),
            Key::Control('l') => self.lines.clear(),
            Key::Control('u') => {
                self.input.drain(..self.cursor);
                self.cursor = 0;
            }
            Key::Control('c') => {
                let mut line = self.input_line();
                line.push(Span::new(theme::TEXT_DIM, "^C"));
                self.print(line);
                self.set_input("");
            }
            _ => {}
        }
        true
    }

    fn wheel(&mut self, notches: i32) -> bool {
        let scrolled = self.scrolled.saturating_add_signed(notches as isize * 3);
        std::mem::replace(&mut self.scrolled, scrolled) != scrolled
    }

    fn set_focus(&mut self, is_focused: bool) -> bool {
        self.last_key = self.now.elapsed;
        self.is_cursor_lit = true;
        std::mem::replace(&mut self.is_focused, is_focused) != is_focused
    }

    fn pointer(&self) -> PointerKind {
        PointerKind::Text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn type_text(terminal: &mut Terminal, text: &str) {
        for character in text.chars() {
            terminal.key(Key::Text(character));
        }
    }

    fn last_line(terminal: &Terminal) -> String {
        let line = terminal.lines.back().expect("a line");
        line.iter().map(|span| span.text.as_str()).collect()
    }

    #[test]
    fn what_is_typed_can_be_corrected_and_run() {
        let mut terminal = Terminal::new(false);
        type_text(&mut terminal, "echo helo");
        terminal.key(Key::Left);
        type_text(&mut terminal, "l");
        terminal.key(Key::End);
        type_text(&mut terminal, "!x");
        terminal.key(Key::Backspace);
        assert_eq!(terminal.typed(), "echo hello!");
        terminal.key(Key::Enter);
        assert_eq!(last_line(&terminal), "hello!");
        terminal.key(Key::Up);
        assert_eq!(terminal.typed(), "echo hello!");
    }

    #[test]
    fn the_screen_keeps_a_bounded_number_of_lines() {
        let mut terminal = Terminal::new(false);
        for _ in 0..3 {
            type_text(&mut terminal, "count 1000");
            terminal.key(Key::Enter);
        }
        assert_eq!(terminal.lines.len(), MAX_LINES);
        type_text(&mut terminal, "clear");
        terminal.key(Key::Enter);
        assert!(terminal.lines.is_empty());
    }

    #[test]
    fn long_lines_wrap_without_losing_a_character() {
        let line = vec![
            Span::new(theme::TEXT, "abc"),
            Span::new(theme::ACCENT, "é".repeat(20)),
        ];
        let rows = Terminal::wrap(&line, 5);
        assert_eq!(rows.len(), 5);
        let text: String = rows.iter().flatten().map(|s| s.text.as_str()).collect();
        assert_eq!(text, format!("abc{}", "é".repeat(20)));
    }

    #[test]
    fn the_cursor_stops_blinking_when_nobody_types() {
        let mut terminal = Terminal::new(true);
        terminal.set_focus(true);
        let at = |ms| Moment {
            elapsed: Duration::from_millis(ms),
            local_unix_s: 0,
        };
        assert!(terminal.advance(at(600)), "goes dark");
        assert!(terminal.advance(at(20_000)), "stays lit");
        assert_eq!(terminal.period(), None);
    }
}
