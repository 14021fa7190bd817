//! Puts each pass together from its file and the parts that it names, and validates it: a shader
//! that does not parse stops the build rather than the first session on a GPU.

use std::{env, fs, path::Path};

use naga::valid::{Capabilities, ValidationFlags, Validator};

/// A line of this form stands for the text of `wgsl/parts/NAME`.
const INCLUDE: &str = "// include: ";

fn main() {
    println!("cargo::rerun-if-changed=wgsl");
    let out = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    for entry in fs::read_dir("wgsl").expect("the folder wgsl") {
        let path = entry.expect("an entry of the folder wgsl").path();
        if path.extension().is_none_or(|extension| extension != "wgsl") {
            continue;
        }
        let source = assemble(&path);
        validate(&path, &source);
        let name = path.file_name().expect("a file has a name");
        fs::write(Path::new(&out).join(name), source).expect("OUT_DIR takes files");
    }
}

fn assemble(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    let mut source = String::with_capacity(text.len());
    for line in text.lines() {
        match line.strip_prefix(INCLUDE) {
            Some(part) => {
                let part = Path::new("wgsl/parts").join(part);
                source += &fs::read_to_string(&part)
                    .unwrap_or_else(|error| panic!("{path:?} includes {part:?}: {error}"));
            }
            None => source += line,
        }
        source.push('\n');
    }
    source
}

fn validate(path: &Path, source: &str) {
    let module = naga::front::wgsl::parse_str(source)
        .unwrap_or_else(|error| panic!("{path:?}: {}", error.emit_to_string(source)));
    // No capability beyond what every WebGPU device has.
    Validator::new(ValidationFlags::all(), Capabilities::empty())
        .validate(&module)
        .unwrap_or_else(|error| panic!("{path:?}: {}", error.emit_to_string(source)));
}
