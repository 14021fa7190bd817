//! `--trace`: a file that Perfetto opens, however the session went.

// Each test program uses another part of it.
#[allow(dead_code)]
mod support;

use std::collections::{HashMap, HashSet};

use support::{Ran, Viewer, start, still_desktop};

/// The events of a trace, by their phase.
fn traced(ran: &Ran, phase: &str) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(ran.file("trace.json")).expect("a trace");
    let events: Vec<serde_json::Value> = serde_json::from_str(&text).expect("an array of events");
    let of_phase = events.into_iter().filter(|event| event["ph"] == phase);
    of_phase.collect()
}

#[test]
fn a_trace_has_each_threads_work_and_each_frames_way() {
    let (server, password) = start(still_desktop());
    let ran = Viewer::connect(&server, &password)
        .args(&["--trace", "trace.json", "--type", "hi", "--exit-after", "3"])
        .observed()
        .run()
        .succeeded();
    let names: HashMap<u64, String> = traced(&ran, "M")
        .iter()
        .filter(|event| event["name"] == "thread_name")
        .map(|event| {
            let name = event["args"]["name"].as_str().expect("a name");
            (event["tid"].as_u64().expect("a number"), name.to_owned())
        })
        .collect();
    let mut work: HashMap<&str, HashSet<String>> = HashMap::new();
    for slice in traced(&ran, "X") {
        assert!(slice["ts"].as_f64() >= Some(0.0) && slice["dur"].as_f64() >= Some(0.0));
        let thread = &names[&slice["tid"].as_u64().expect("a number")];
        let name = slice["name"].as_str().expect("a name").to_owned();
        work.entry(thread).or_default().insert(name);
    }
    let render = &work["oriel-render"];
    assert!(
        render.contains("apply") && render.contains("present"),
        "{work:?}"
    );
    let decodes = work
        .iter()
        .find(|(thread, _)| thread.starts_with("oriel-decode-"));
    assert!(decodes.is_some(), "{work:?}");
    assert!(work.values().any(|done| done.contains("parse")), "{work:?}");
    let figures = ran.figures();
    for (stage, count) in [
        ("apply", &figures["frames"]["applied"]),
        ("present", &figures["steps_us"]["present"]["count"]),
        ("input to wire", &figures["input_to_wire_us"]["count"]),
    ] {
        for phase in ["b", "e"] {
            let found = traced(&ran, phase);
            let found = found.iter().filter(|event| event["name"] == stage).count();
            assert_eq!(count.as_u64(), Some(found as u64), "{stage} {phase}");
            assert!(found > 0, "{stage}");
        }
    }
    let total = &figures["steps_us"]["total"];
    assert!(total["p50"].as_u64() <= total["p99"].as_u64(), "{total}");
}

#[test]
fn a_session_that_never_was_leaves_a_trace_that_opens() {
    let (server, _) = start(still_desktop());
    let ran = Viewer::connect(&server, "not the password")
        .args(&["--trace", "trace.json"])
        .run();
    assert_eq!(ran.code, 30, "{}", ran.stderr);
    assert!(!traced(&ran, "M").is_empty());
}
