//! Finds out which of FFmpeg's interfaces there are: some are the same through few of its versions.

use std::env;

fn main() {
    println!("cargo::rustc-check-cfg=cfg(ffmpeg_vulkan)");
    let is_at_least =
        |version: &str| env::var(format!("DEP_FFMPEG_FFMPEG_{version}")).as_deref() == Ok("true");
    let is_linux = env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux");
    // Before 7.1 queues are named otherwise, and what came later was not looked at.
    if is_linux && is_at_least("7_1") && !is_at_least("8_0") {
        println!("cargo::rustc-cfg=ffmpeg_vulkan");
    }
    println!("cargo::rerun-if-changed=build.rs");
}
