//! Runs the demo server until it is killed:
//! `cargo run -p oriel-server --example demo_server -- PORT [tls|nla] [mixed|avc|lossless] [bitmaps] [still]`.
//!
//! User and password come from `ORIEL_USER` and `ORIEL_PASSWORD`; without them everyone comes in.

use std::{error::Error, net::Ipv4Addr};

use oriel_protocol::{
    client::GraphicsSupport,
    secret::{Credentials, Secret},
    server::AcceptedSecurity,
};
use oriel_server::{
    demo::{self, DemoOptions},
    encoder::EncodingPolicy,
};

fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| arguments.iter().any(|argument| argument == word);
    let port = arguments.first().ok_or("a port is missing")?.parse()?;
    let credentials = match (std::env::var("ORIEL_USER"), std::env::var("ORIEL_PASSWORD")) {
        (Ok(user), Ok(password)) => Some(Credentials {
            user,
            domain: String::new(),
            password: Secret::new(password),
        }),
        _ => None,
    };
    let server = demo::start(DemoOptions {
        bind: (Ipv4Addr::LOCALHOST, port).into(),
        security: AcceptedSecurity {
            tls: !has("nla"),
            nla: has("nla"),
        },
        credentials,
        is_deterministic: has("still"),
        graphics: GraphicsSupport {
            pipeline: !has("bitmaps"),
            ..GraphicsSupport::default()
        },
        policy: match () {
            () if has("avc") => EncodingPolicy::WholeFrameAvc,
            () if has("lossless") => EncodingPolicy::Lossless,
            () => EncodingPolicy::Mixed,
        },
        ..DemoOptions::default()
    })?;
    println!("READY {}", server.address());
    loop {
        std::thread::park();
    }
}
