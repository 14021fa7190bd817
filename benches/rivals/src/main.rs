//! `./dev bench codecs`: Oriel's codecs beside FreeRDP's and IronRDP's, on the same bytes.
//!
//! Each row is a codec and a picture. All who know the codec take turns, round after round, so that
//! a busy machine slows them alike, and the median of the rounds is shown in megapixels a second
//! (bulk compression: megabytes a second of what is expanded). One thread is one core, the same one
//! for all, also for FreeRDP's RemoteFX, which has threads of its own; what is taken there is the
//! time of the processor, so that others on the machine do not count. Beside that Oriel runs on two
//! threads, and Oriel and FreeRDP on all cores, by the clock on the wall.
//!
//! Payloads that stand alone are bands of a picture, which our threads share; ClearCodec and bulk
//! compression have a history, and stay on one.
//!
//! Every decoder's pixels end up as BGRA in the picture. IronRDP's interleaved and planar decoders
//! hand out less than that, and are followed by what `ironrdp-session` does next.

mod table;

use std::{process::ExitCode, time::Duration};

use oriel_codecs::Size;
use oriel_server::content::{Content, picture};

use table::{
    cases::{self, Bench},
    contest::Machine,
    load::Load,
    report::{self, Row},
};

#[global_allocator]
static ALLOCATOR: table::memory::Counting = table::memory::Counting;

const SIZES: [Size; 2] = [Size::new(1920, 1080), Size::new(3840, 2160)];

const USAGE: &str = "usage: ./dev bench codecs [--quick] [CODEC…]
  --quick   two contents at 1080p and few rounds; prints, and writes nothing
  CODEC…    only codecs whose names begin so; prints, and writes nothing
The whole table goes to docs/performance.md.";

fn main() -> ExitCode {
    let (flags, names): (Vec<_>, Vec<_>) = std::env::args()
        .skip(1)
        .partition(|argument| argument.starts_with('-'));
    if flags.iter().any(|flag| flag != "--quick") {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    }
    let is_quick = !flags.is_empty();
    let (sizes, contents, budget_ms) = if is_quick {
        (&SIZES[..1], &[Content::Text, Content::Photo][..], 250)
    } else {
        (&SIZES[..], &Content::ALL[..], 700)
    };
    let budget = Duration::from_millis(budget_ms);

    let bench = Bench::new(Machine::new(), budget, names);
    if bench.freerdp().is_none() {
        eprintln!("libfreerdp2 is not installed: its columns stay empty");
    }
    let load = Load::start();
    let mut rows: Vec<Row> = Vec::new();
    for &size in sizes {
        for &content in contents {
            let source = picture(content, size, 0);
            cases::run_all(&bench, &source, |mut row| {
                row.content = content.name();
                row.size = size;
                eprintln!("{}", row.line());
                rows.push(row);
            });
        }
    }
    let text = report::markdown(&rows, bench.freerdp(), &load);
    if is_quick || bench.is_partial() {
        println!("{text}");
        return ExitCode::SUCCESS;
    }
    match report::write(&text) {
        Ok(path) => {
            eprintln!("written to {}", path.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            println!("{text}");
            ExitCode::FAILURE
        }
    }
}
