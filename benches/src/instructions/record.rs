//! The counts that are kept, and how new ones are held against them.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
    fs, io,
    path::Path,
};

/// A count may grow by so much before it is a finding, in percent.
const ALLOWED_GROWTH_PERCENT: f64 = 5.0;

const HEAD: &str = "\
# Instructions of the hot paths, as valgrind's callgrind counts them: see benches/src/instructions.rs.
# `./dev test --all` fails where one grows by more than 5 %. `./dev bench instructions` shows how
# they stand, and with --accept it writes this file: do that on purpose, and say why in the commit.
";

/// What a count depends on, besides the code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// `rustc --version`.
    pub compiler: String,
    /// `valgrind --version`.
    pub valgrind: String,
    /// What the processor can do, as a program under valgrind sees it.
    pub processor: String,
}

/// The kept counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// How they were counted.
    pub circumstances: Circumstances,
    /// Instructions, by the name of the case.
    pub counts: BTreeMap<String, u64>,
}

/// The record cannot be read.
#[derive(Debug)]
pub enum RecordError {
    /// The system says no.
    Io(io::Error),
    /// A line is none of those that are written.
    Line(String),
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Line(line) => write!(f, "cannot make sense of `{line}`"),
        }
    }
}

impl std::error::Error for RecordError {}

impl From<io::Error> for RecordError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// How a count stands against the kept one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Growth {
    /// Nothing is kept.
    New,
    /// Within what is allowed, or less than before; in percent.
    Within(f64),
    /// Grown by so many percent.
    Grown(f64),
}

impl Record {
    /// Reads the record.
    ///
    /// # Errors
    /// Where the file is not there or not a record.
    pub fn load(path: &Path) -> Result<Self, RecordError> {
        Self::parse(&fs::read_to_string(path)?)
    }

    /// Writes the record.
    ///
    /// # Errors
    /// Where the system does not let it.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        fs::write(path, self.to_text())
    }

    /// How `count` stands.
    pub fn growth(&self, name: &str, count: u64) -> Growth {
        let Some(&kept) = self.counts.get(name) else {
            return Growth::New;
        };
        let percent = (count as f64 - kept as f64) * 100.0 / kept.max(1) as f64;
        if percent > ALLOWED_GROWTH_PERCENT {
            Growth::Grown(percent)
        } else {
            Growth::Within(percent)
        }
    }

    /// The little of TOML that the record needs: tables of strings and numbers.
    fn parse(text: &str) -> Result<Self, RecordError> {
        let mut record = Self::default();
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with(['#', '[']) {
                continue;
            }
            record
                .take_line(line)
                .ok_or_else(|| RecordError::Line(line.to_owned()))?;
        }
        Ok(record)
    }

    fn take_line(&mut self, line: &str) -> Option<()> {
        let (name, value) = line.split_once(" = ")?;
        let place = match name {
            "compiler" => &mut self.circumstances.compiler,
            "valgrind" => &mut self.circumstances.valgrind,
            "processor" => &mut self.circumstances.processor,
            _ => {
                let count = value.replace('_', "").parse().ok()?;
                self.counts.insert(unquoted(name)?.to_owned(), count);
                return Some(());
            }
        };
        unquoted(value)?.clone_into(place);
        Some(())
    }

    fn to_text(&self) -> String {
        let mut text = HEAD.to_owned();
        let Circumstances {
            compiler,
            valgrind,
            processor,
        } = &self.circumstances;
        let _ = write!(
            text,
            "\n[circumstances]\ncompiler = \"{compiler}\"\nvalgrind = \"{valgrind}\"\nprocessor = \"{processor}\"\n\n[counts]\n"
        );
        for (name, count) in &self.counts {
            let _ = writeln!(text, "\"{name}\" = {}", grouped(*count));
        }
        text
    }
}

fn unquoted(text: &str) -> Option<&str> {
    text.strip_prefix('"')?.strip_suffix('"')
}

/// A number in groups of three digits.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            circumstances: Circumstances {
                compiler: "rustc 1.95.0 (abc 2026-03-21)".into(),
                valgrind: "valgrind-3.19.0".into(),
                processor: "x86_64: avx2".into(),
            },
            counts: [("decode planar".to_owned(), 1_234_567)].into(),
        }
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let text = record().to_text();
        assert!(text.contains("\"decode planar\" = 1_234_567\n"), "{text}");
        assert_eq!(Record::parse(&text).expect("our own text"), record());
    }

    #[test]
    fn a_line_that_makes_no_sense_is_named() {
        for line in ["compiler = 3", "\"a\" = much", "nonsense"] {
            let error = Record::parse(line).expect_err(line);
            assert!(error.to_string().contains(line), "{error}");
        }
    }

    #[test]
    fn growth_beyond_five_percent_is_told_apart_from_less() {
        let mut record = record();
        record.counts.insert("a".into(), 1000);
        assert_eq!(record.growth("b", 1), Growth::New);
        assert!(matches!(record.growth("a", 1050), Growth::Within(_)));
        assert!(matches!(record.growth("a", 10), Growth::Within(_)));
        assert!(matches!(record.growth("a", 1051), Growth::Grown(_)));
    }
}
