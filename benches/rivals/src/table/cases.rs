//! What is measured: every codec, both ways, with the bytes that Oriel and FreeRDP make of a picture.

mod bulk;
mod parts;
mod raster;
mod surface;
mod transform;

use std::time::Duration;

use oriel_codecs::{Picture, Size};
use oriel_rivals::freerdp::FreeRdp;

use super::{
    contest::{Contest, Machine, Maker, Turn},
    report::{Direction, Row},
};

/// The machine, and what of all is wanted.
pub struct Bench {
    machine: Machine,
    budget: Duration,
    names: Vec<String>,
    freerdp: Option<FreeRdp>,
}

impl Bench {
    /// Rows of codecs whose names begin like one of `names`, or of all where there is none.
    pub fn new(machine: Machine, budget: Duration, names: Vec<String>) -> Self {
        Self {
            machine,
            budget,
            names,
            freerdp: FreeRdp::load(),
        }
    }

    /// The library, where it is installed.
    pub fn freerdp(&self) -> Option<FreeRdp> {
        self.freerdp
    }

    /// Whether only some codecs are wanted.
    pub fn is_partial(&self) -> bool {
        !self.names.is_empty()
    }

    fn wants(&self, codec: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|name| codec.starts_with(name))
    }

    /// FreeRDP as one who takes part, where it is installed.
    fn rival<'a>(
        &self,
        target_bytes: usize,
        make: impl Fn(FreeRdp) -> Turn<'a> + 'a,
    ) -> Option<Maker<'a, Turn<'a>>> {
        let freerdp = self.freerdp?;
        Some(Maker::rival(target_bytes, move || make(freerdp)))
    }

    fn row(&self, label: Label, contest: &Contest<'_>) -> Row {
        Row {
            codec: label.codec,
            direction: label.direction,
            encoder: label.encoder,
            content: "",
            size: Size::default(),
            amount: contest.amount,
            outcome: self.machine.race(contest, self.budget),
        }
    }
}

/// What a row is about.
#[derive(Clone, Copy, Debug)]
struct Label {
    codec: &'static str,
    direction: Direction,
    encoder: &'static str,
}

impl Label {
    const fn decoding(codec: &'static str, encoder: &'static str) -> Self {
        Self {
            codec,
            direction: Direction::Decoding,
            encoder,
        }
    }

    const fn encoding(codec: &'static str) -> Self {
        Self {
            codec,
            direction: Direction::Encoding,
            encoder: "",
        }
    }
}

/// Who encoded what is decoded.
const ORIEL: &str = "Oriel";
const FREERDP: &str = "FreeRDP";

/// Bytes of the picture that is drawn.
fn bytes_of(size: Size) -> usize {
    size.area() as usize * 4
}

/// Hands every row of a picture to `push`.
pub fn run_all(bench: &Bench, source: &Picture, mut push: impl FnMut(Row)) {
    for run in [raster::run, transform::run, surface::run, bulk::run] {
        run(bench, source, &mut push);
    }
}
