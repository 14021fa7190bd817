//! Counts the instructions of the hot paths and holds them against what they were:
//! `./dev bench instructions [--accept] [NAME…]`.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use oriel_benches::instructions::{
    COUNTED_FUNCTION, Case, Circumstances, Growth, Record, RecordError, cases, grouped,
};

type AnyError = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let result = match arguments.as_slice() {
        // What valgrind runs.
        [run, name] if run == "run" => run_case(name).map(|()| true),
        [run] if run == "processor" => {
            println!("{}", processor());
            Ok(true)
        }
        _ => guard(&arguments),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run_case(name: &str) -> Result<(), AnyError> {
    let case = cases().into_iter().find(|case| case.name == name);
    case.ok_or_else(|| format!("no case {name}"))?.run();
    Ok(())
}

/// Counts, prints how the counts stand and, where asked to, keeps them. False where one grew.
fn guard(arguments: &[String]) -> Result<bool, AnyError> {
    let (options, names): (Vec<_>, Vec<_>) = arguments
        .iter()
        .map(String::as_str)
        .partition(|argument| argument.starts_with("--"));
    let accepts = match options.as_slice() {
        [] => false,
        ["--accept"] => true,
        _ => return Err(format!("no option {}", options.join(" ")).into()),
    };
    let cases: Vec<Case> = cases()
        .into_iter()
        .filter(|case| names.is_empty() || names.iter().any(|name| case.name.contains(name)))
        .collect();
    if cases.is_empty() {
        return Err(format!("no case is named like {}", names.join(" ")).into());
    }

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("instructions.toml");
    let kept = match Record::load(&path) {
        Err(RecordError::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            Record::default()
        }
        result => result.map_err(|error| format!("{}: {error}", path.display()))?,
    };
    let circumstances = circumstances()?;
    let is_comparable = circumstances.processor == kept.circumstances.processor;
    if !accepts && !is_comparable && !kept.counts.is_empty() {
        // Other loops would be counted than those of the record.
        eprintln!(
            "skipped: the counts are for {}, and this is {}",
            kept.circumstances.processor, circumstances.processor
        );
        return Ok(true);
    }
    let counts = count_all(&cases)?;
    let grown = print_table(&kept, &cases, &counts);
    if accepts {
        let mut record = kept;
        record.circumstances = circumstances;
        if names.is_empty() {
            record.counts.clear();
        }
        let counted = cases.iter().map(|case| case.name.to_owned()).zip(counts);
        record.counts.extend(counted);
        record.save(&path)?;
        eprintln!("written: {}", path.display());
        return Ok(true);
    }
    if grown > 0 {
        eprintln!("{grown} of {} paths take more than is kept", cases.len());
        for (what, then, now) in [
            (
                "compiler",
                &kept.circumstances.compiler,
                &circumstances.compiler,
            ),
            (
                "valgrind",
                &kept.circumstances.valgrind,
                &circumstances.valgrind,
            ),
        ] {
            if then != now {
                eprintln!("the {what} is another: {now}, then {then}");
            }
        }
        eprintln!("if that is meant: ./dev bench instructions --accept");
    }
    Ok(grown == 0)
}

/// Returns how many grew or are not kept at all.
fn print_table(kept: &Record, cases: &[Case], counts: &[u64]) -> usize {
    let mut grown = 0;
    for (case, &count) in cases.iter().zip(counts) {
        let verdict = match kept.growth(case.name, count) {
            Growth::New => {
                grown += 1;
                "not kept yet".to_owned()
            }
            Growth::Within(percent) => format!("{percent:+.1} %"),
            Growth::Grown(percent) => {
                grown += 1;
                format!("{percent:+.1} %  GROWN")
            }
        };
        println!("{:32} {:>15}  {verdict}", case.name, grouped(count));
    }
    grown
}

/// The counts of the cases, in their order. A count does not mind company, so that all processors
/// are at it.
fn count_all(cases: &[Case]) -> Result<Vec<u64>, AnyError> {
    let next = AtomicUsize::new(0);
    let counts: Mutex<Vec<Result<u64, String>>> = Mutex::new(vec![Ok(0); cases.len()]);
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers.min(cases.len()) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(case) = cases.get(index) else { break };
                    let count = count(case).map_err(|error| error.to_string());
                    counts.lock().expect("no worker panics with the lock")[index] = count;
                }
            });
        }
    });
    let counts = counts.into_inner().expect("no worker panics with the lock");
    counts
        .into_iter()
        .map(|count| count.map_err(AnyError::from))
        .collect()
}

/// Runs the case under callgrind.
fn count(case: &Case) -> Result<u64, AnyError> {
    let file = OutFile::new(case);
    let output = Command::new("valgrind")
        .arg("--tool=callgrind")
        .arg(format!("--toggle-collect={COUNTED_FUNCTION}"))
        .arg(format!("--callgrind-out-file={}", file.0.display()))
        .arg(env::current_exe()?)
        .args(["run", case.name])
        .output()
        .map_err(|error| format!("cannot run valgrind: {error}"))?;
    let failed = |why: &str| {
        let said = String::from_utf8_lossy(&output.stderr);
        format!("{}: {why}\n{said}", case.name)
    };
    if !output.status.success() {
        return Err(failed("the run failed").into());
    }
    let text = std::fs::read_to_string(&file.0)?;
    let count = text
        .lines()
        .find_map(|line| line.strip_prefix("summary: "))
        .and_then(|count| count.trim().parse().ok());
    match count {
        Some(0) | None => Err(failed("callgrind collected nothing").into()),
        Some(count) => Ok(count),
    }
}

/// A file that goes away.
struct OutFile(PathBuf);

impl OutFile {
    fn new(case: &Case) -> Self {
        let name = case.name.replace(|c: char| !c.is_alphanumeric(), "-");
        let name = format!("oriel-callgrind-{}-{name}", std::process::id());
        Self(env::temp_dir().join(name))
    }
}

impl Drop for OutFile {
    fn drop(&mut self) {
        // Nothing is there where the run failed.
        let _ = std::fs::remove_file(&self.0);
    }
}

fn circumstances() -> Result<Circumstances, AnyError> {
    let said = |command: &mut Command| -> Result<String, AnyError> {
        let output = command
            .output()
            .map_err(|error| format!("cannot run {command:?}: {error}"))?;
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    };
    let compiler = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    Ok(Circumstances {
        compiler: said(Command::new(compiler).arg("--version"))?,
        valgrind: said(Command::new("valgrind").arg("--version"))?,
        processor: said(
            Command::new("valgrind")
                .args(["--tool=none", "--quiet"])
                .arg(env::current_exe()?)
                .arg("processor"),
        )?,
    })
}

/// What code that picks its loops while it runs may ask for.
fn processor() -> String {
    #[cfg(target_arch = "x86_64")]
    let features: Vec<&str> = [
        ("sse4.2", is_x86_feature_detected!("sse4.2")),
        ("avx", is_x86_feature_detected!("avx")),
        ("avx2", is_x86_feature_detected!("avx2")),
        ("bmi2", is_x86_feature_detected!("bmi2")),
        ("fma", is_x86_feature_detected!("fma")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
    ]
    .into_iter()
    .filter_map(|(name, is_there)| is_there.then_some(name))
    .collect();
    #[cfg(not(target_arch = "x86_64"))]
    let features: Vec<&str> = Vec::new();
    format!("{} {}", env::consts::ARCH, features.join(" "))
        .trim_end()
        .to_owned()
}
