//! A window of highlighted code: small coloured text on dark ground.

use super::App;
use crate::demo::{
    canvas::Canvas,
    pointer::PointerKind,
    text::Font,
    theme::{self, Rgba},
};

/// What the window shows.
const SOURCE: &str = r#"//! A bay window: sit inside, see out of the building.

/// Encoded graphics go in at one end, lit pixels come out.
pub struct Oriel<'a, P: Present> {
    surfaces: HashMap<SurfaceId, Surface>,
    present: &'a mut P,
    frames: u64,
}

impl<'a, P: Present> Oriel<'a, P> {
    /// Carries out one command; `None` where it draws nothing.
    pub fn apply(&mut self, command: &Command) -> Option<Rect> {
        let surface = self.surfaces.get_mut(&command.surface)?;
        let damage = match command.codec {
            Codec::Planar => surface.decode_planar(&command.payload),
            Codec::Avc444 { lc: 0..=2 } => surface.combine(&command),
            _ => return None, // 0x0C is not for us
        };
        self.frames += 1;
        self.present.blit(damage, "newest frame wins", 60.0);
        Some(damage)
    }
}
"#;

const KEYWORDS: [&str; 12] = [
    "pub", "struct", "impl", "fn", "let", "mut", "match", "return", "self", "use", "as", "for",
];
const GROUND: Rgba = theme::WINDOW;
const SIZE: f32 = 12.5;
const LINE_HEIGHT: f32 = 17.0;
const GUTTER: f32 = 40.0;

/// What a piece of code is, for its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// Names and blanks.
    Plain,
    /// From `//` to the end of the line.
    Comment,
    /// A word of the language.
    Keyword,
    /// A name that starts with a capital.
    Type,
    /// A name before a parenthesis.
    Call,
    /// In quotation marks.
    Text,
    /// Starts with a digit.
    Number,
    /// Starts with an apostrophe.
    Lifetime,
    /// One character of punctuation.
    Mark,
}

impl Token {
    /// What it is drawn in on dark ground.
    pub fn color(self) -> Rgba {
        match self {
            Token::Plain => theme::TEXT,
            Token::Comment => theme::ANSI[8],
            Token::Keyword => theme::ANSI[5],
            Token::Type => theme::ANSI[3],
            Token::Call => theme::ANSI[4],
            Token::Text => theme::ANSI[2],
            Token::Number => Rgba::hex(0xFF5A4F),
            Token::Lifetime => theme::ANSI[1],
            Token::Mark => theme::ANSI[6],
        }
    }
}

/// Cuts a line of Rust into coloured pieces; their texts joined are the line.
pub fn highlight(line: &str) -> Vec<(Token, &str)> {
    let mut pieces = Vec::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let word = |test: fn(char) -> bool| rest.find(|c| !test(c)).unwrap_or(rest.len());
        let (token, end) = if rest.starts_with("//") {
            (Token::Comment, rest.len())
        } else if first == '"' {
            let end = rest[1..].find('"').map_or(rest.len(), |at| at + 2);
            (Token::Text, end)
        } else if first == '\'' {
            (Token::Lifetime, word(|c| c.is_alphanumeric() || c == '\''))
        } else if first.is_ascii_digit() {
            (Token::Number, word(|c| c.is_ascii_alphanumeric()))
        } else if first.is_alphabetic() || first == '_' {
            let end = word(|c| c.is_alphanumeric() || c == '_');
            let token = if KEYWORDS.contains(&&rest[..end]) {
                Token::Keyword
            } else if first.is_uppercase() {
                Token::Type
            } else if rest[end..].starts_with('(') {
                Token::Call
            } else {
                Token::Plain
            };
            (token, end)
        } else if first == ' ' {
            (Token::Plain, word(|c| c == ' '))
        } else {
            (Token::Mark, first.len_utf8())
        };
        pieces.push((token, &rest[..end]));
        rest = &rest[end..];
    }
    pieces
}

/// Highlighted code, and samples of small text below it.
#[derive(Debug, Default)]
pub struct Code {
    first_line: usize,
}

impl Code {
    fn samples(canvas: &mut Canvas<'_>) {
        let top = canvas.height() - 58.0;
        canvas.rect(0.0, top, canvas.width(), 58.0, Rgba::hex(0x101322));
        let words = "fine print in colour: il1 O0 mnw @#&";
        for (row, (size, colors)) in [
            (9.0, [Rgba::hex(0xFF3B30), Rgba::hex(0x4C7DFF)]),
            (10.5, [Rgba::hex(0x4C7DFF), Rgba::hex(0xFF3B30)]),
            (12.0, [Rgba::hex(0xE056FD), Rgba::hex(0x2ECC71)]),
        ]
        .into_iter()
        .enumerate()
        {
            let baseline = top + 16.0 + row as f32 * 17.0;
            for (column, color) in colors.into_iter().enumerate() {
                let x = 14.0 + column as f32 * (canvas.width() / 2.0 - 6.0);
                canvas.text(x, baseline, Font::Mono, size, color, words);
            }
        }
    }
}

impl App for Code {
    fn title(&self) -> &str {
        "oriel.rs"
    }

    fn short_title(&self) -> &str {
        "Editor"
    }

    fn color(&self) -> Rgba {
        theme::ANSI[4]
    }

    fn preferred_size(&self) -> (f32, f32) {
        (596.0, 470.0)
    }

    fn paint(&mut self, canvas: &mut Canvas<'_>) {
        canvas.clear(GROUND);
        let cell = canvas.measure(Font::Mono, SIZE, "0");
        for (row, line) in SOURCE.lines().skip(self.first_line).enumerate() {
            let baseline = 20.0 + row as f32 * LINE_HEIGHT;
            let number = (row + self.first_line + 1).to_string();
            let width = cell * number.len() as f32;
            canvas.text(
                GUTTER - 14.0 - width,
                baseline,
                Font::Mono,
                SIZE,
                theme::ANSI[8].with_alpha(150),
                &number,
            );
            let mut column = 0;
            for (token, text) in highlight(line) {
                let x = GUTTER + column as f32 * cell;
                if token != Token::Plain || !text.trim().is_empty() {
                    canvas.text(x, baseline, Font::Mono, SIZE, token.color(), text);
                }
                column += text.chars().count();
            }
        }
        Self::samples(canvas);
    }

    fn wheel(&mut self, notches: i32) -> bool {
        let last = SOURCE.lines().count() as i32 - 1;
        let line = (self.first_line as i32 - notches * 3).clamp(0, last) as usize;
        std::mem::replace(&mut self.first_line, line) != line
    }

    fn pointer(&self) -> PointerKind {
        PointerKind::Text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn highlighting_loses_no_character() {
        for line in SOURCE.lines().chain(["", "'", "\"open", "é(", "0x"]) {
            let joined: String = highlight(line).into_iter().map(|(_, text)| text).collect();
            assert_eq!(joined, line);
        }
    }

    #[test]
    fn calls_types_and_numbers_are_told_apart() {
        let pieces = highlight("Some(blit(0x0C)) // x");
        assert!(pieces.contains(&(Token::Type, "Some")));
        assert!(pieces.contains(&(Token::Call, "blit")));
        assert!(pieces.contains(&(Token::Number, "0x0C")));
        assert!(pieces.contains(&(Token::Comment, "// x")));
    }
}
