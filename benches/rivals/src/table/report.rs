//! The rows as a person reads them.

use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use oriel_codecs::Size;
use oriel_rivals::freerdp::FreeRdp;

use super::{contest::Outcome, load::Load};

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Bytes to pixels.
    Decoding,
    /// Pixels to bytes.
    Encoding,
}

/// A codec and a picture, and what came of it.
#[derive(Clone, Debug)]
pub struct Row {
    /// The codec, with its form.
    pub codec: &'static str,
    /// Which way.
    pub direction: Direction,
    /// Who made what is decoded.
    pub encoder: &'static str,
    /// What is to be seen.
    pub content: &'static str,
    /// Size of the picture.
    pub size: Size,
    /// Pixels or bytes of a turn.
    pub amount: u64,
    /// Times and memory.
    pub outcome: Outcome,
}

impl Row {
    fn speed(&self, time: Duration) -> f64 {
        self.amount as f64 / time.as_secs_f64() / 1e6
    }

    fn cell(&self, time: Option<Duration>) -> String {
        time.map_or("—".to_owned(), |time| short(self.speed(time)))
    }

    /// Our one thread against the better rival on one core.
    fn ratio(&self) -> Option<f64> {
        let rivals = [self.outcome.freerdp[0], self.outcome.ironrdp];
        let best = rivals.into_iter().flatten().min()?;
        Some(best.as_secs_f64() / self.outcome.ours[0].as_secs_f64())
    }

    /// Our two threads against our one.
    fn gain(&self) -> f64 {
        let [one, two, _] = self.outcome.ours;
        one.as_secs_f64() / two.as_secs_f64()
    }

    fn name(&self) -> String {
        match self.encoder {
            "" => self.codec.to_owned(),
            encoder => format!("{}, by {encoder}", self.codec),
        }
    }

    /// As it is told while the rest is still measured.
    pub fn line(&self) -> String {
        let way = match self.direction {
            Direction::Decoding => "decode",
            Direction::Encoding => "encode",
        };
        let ratio = self.ratio().map_or("—".to_owned(), |r| format!("{r:.2}"));
        let name = format!(
            "{way} {} {} {}p",
            self.name(),
            self.content,
            self.size.height
        );
        let [one, two, all] = self.outcome.ours.map(|time| short(self.speed(time)));
        let [freerdp, _] = self.outcome.freerdp.map(|time| self.cell(time));
        let ironrdp = self.cell(self.outcome.ironrdp);
        format!(
            "{name:<52} {one:>6} {two:>6} {all:>6}  FreeRDP {freerdp:>6}  IronRDP {ironrdp:>6}  {ratio:>5}"
        )
    }
}

/// A figure with three digits that matter.
fn short(value: f64) -> String {
    match value {
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

fn bytes(count: Option<usize>) -> String {
    match count {
        None => "—".to_owned(),
        Some(count) if count >= 1 << 20 => format!("{:.1} MB", count as f64 / 1e6),
        Some(count) if count >= 10_000 => format!("{:.0} kB", count as f64 / 1e3),
        Some(count) => format!("{count} B"),
    }
}

/// The section: how it was made, a summary for each way, and every row.
pub fn markdown(rows: &[Row], freerdp: Option<FreeRdp>, load: &Load) -> String {
    let mut text = conditions(freerdp, load);
    for (direction, title) in [
        (Direction::Decoding, "Decoding"),
        (Direction::Encoding, "Encoding"),
    ] {
        let rows: Vec<&Row> = rows
            .iter()
            .filter(|row| row.direction == direction)
            .collect();
        summary(&rows, title, &mut text);
        details(&rows, title, &mut text);
    }
    text
}

fn conditions(freerdp: Option<FreeRdp>, load: &Load) -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    format!(
        "*{} · commit {} · FreeRDP {}, ironrdp-graphics {}, ironrdp-bulk {}, ironrdp-nscodec {} · \
         {} processors ({}), {:.1} of them busy with other things on average · {} minutes*\n",
        output("date", &["-u", "+%Y-%m-%d %H:%M UTC"]),
        output("git", &["describe", "--always", "--dirty", "--exclude=*"]),
        freerdp.map_or("absent".to_owned(), FreeRdp::version),
        locked_version("ironrdp-graphics"),
        locked_version("ironrdp-bulk"),
        locked_version("ironrdp-nscodec"),
        std::thread::available_parallelism().map_or(1, usize::from),
        model.unwrap_or("unknown"),
        load.others(),
        load.elapsed().as_secs().div_ceil(60),
    )
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_else(|_| "unknown".to_owned())
}

/// A crate's version in this workspace's lock file.
fn locked_version(name: &str) -> &'static str {
    const LOCK: &str = include_str!("../../Cargo.lock");
    let head = format!("name = \"{name}\"\nversion = \"");
    let start = LOCK.find(&head).map(|start| start + head.len());
    start
        .and_then(|start| LOCK[start..].split('"').next())
        .unwrap_or("unknown")
}

/// A line for each codec and encoder: the mean of all contents and sizes, and the worst ratio.
fn summary(rows: &[&Row], title: &str, text: &mut String) {
    let is_decoding = title == "Decoding";
    let _ = write!(
        text,
        "\n**{title}**, megapixels a second (bulk compression: megabytes), geometric mean of all \
         contents and sizes\n\n| codec | 1 thread | 2 | all | 2 / 1 | FreeRDP | on all | IronRDP | \
         ratio | lowest |"
    );
    let memory = " memory | FreeRDP | IronRDP |";
    text.push_str(if is_decoding { memory } else { "" });
    text.push_str("\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    text.push_str(if is_decoding {
        " ---: | ---: | ---: |\n"
    } else {
        "\n"
    });
    let mut names: Vec<String> = Vec::new();
    for row in rows {
        if !names.contains(&row.name()) {
            names.push(row.name());
        }
    }
    for name in names {
        let of_name = || rows.iter().filter(|row| row.name() == name);
        let mean = |figure: &dyn Fn(&Row) -> Option<f64>| {
            let figures: Vec<f64> = of_name().filter_map(|row| figure(row)).collect();
            let sum: f64 = figures.iter().map(|figure| figure.ln()).sum();
            (!figures.is_empty()).then(|| (sum / figures.len() as f64).exp())
        };
        let speed = |time: &dyn Fn(&Outcome) -> Option<Duration>| {
            let mean = mean(&|row: &Row| time(&row.outcome).map(|time| row.speed(time)));
            mean.map_or("—".to_owned(), short)
        };
        let two = |value: Option<f64>| value.map_or("—".to_owned(), |v| format!("{v:.2}"));
        let lowest = of_name()
            .filter_map(|row| row.ratio().map(|ratio| (ratio, *row)))
            .min_by(|a, b| a.0.total_cmp(&b.0));
        let lowest = lowest.map_or("—".to_owned(), |(ratio, row)| {
            format!("{ratio:.2} ({} {}p)", row.content, row.size.height)
        });
        let cells = [
            name.clone(),
            speed(&|o| Some(o.ours[0])),
            speed(&|o| Some(o.ours[1])),
            speed(&|o| Some(o.ours[2])),
            two(mean(&|row| Some(row.gain()))),
            speed(&|o| o.freerdp[0]),
            speed(&|o| o.freerdp[1]),
            speed(&|o| o.ironrdp),
            two(mean(&Row::ratio)),
            lowest,
        ];
        let _ = write!(text, "| {} |", cells.join(" | "));
        if is_decoding {
            let most = |bytes: &dyn Fn(&Outcome) -> Option<usize>| {
                of_name().filter_map(|row| bytes(&row.outcome)).max()
            };
            let cells = [
                bytes(most(&|o| Some(o.our_bytes))),
                bytes(most(&|o| o.freerdp_bytes)),
                bytes(most(&|o| o.ironrdp_bytes)),
            ];
            let _ = write!(text, " {} |", cells.join(" | "));
        }
        text.push('\n');
    }
}

fn details(rows: &[&Row], title: &str, text: &mut String) {
    let _ = writeln!(
        text,
        "\n<details><summary>{title}: every content and size</summary>\n\n| codec | content | 1 \
         thread | 2 | all | FreeRDP | on all | IronRDP | ratio |\n| --- | --- | ---: | ---: | \
         ---: | ---: | ---: | ---: | ---: |"
    );
    for row in rows {
        let [one, two, all] = row.outcome.ours.map(|time| short(row.speed(time)));
        let [freerdp, on_all] = row.outcome.freerdp.map(|time| row.cell(time));
        let ironrdp = row.cell(row.outcome.ironrdp);
        let ratio = row.ratio().map_or("—".to_owned(), |r| format!("{r:.2}"));
        let content = format!("{} {}p", row.content, row.size.height);
        let cells = [
            row.name(),
            content,
            one,
            two,
            all,
            freerdp,
            on_all,
            ironrdp,
            ratio,
        ];
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text.push_str("\n</details>\n");
}

/// Puts the section between its marks in `docs/performance.md`, whose path it returns.
pub fn write(section: &str) -> io::Result<PathBuf> {
    const MARK: &str = "<!-- codecs -->\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/performance.md");
    let path = path.canonicalize()?;
    let text = fs::read_to_string(&path)?;
    let missing = || io::Error::other(format!("{} has no {MARK}", path.display()));
    let start = text.find(MARK).ok_or_else(missing)? + MARK.len();
    let end = start + text[start..].find("<!-- end -->").ok_or_else(missing)?;
    fs::write(
        &path,
        format!("{}\n{section}{}", &text[..start], &text[end..]),
    )?;
    Ok(path)
}
