//! The graphics pipeline as machines, one a side (`[MS-RDPEGFX] 3.2`, `3.3`).
//!
//! Both live as long as the dynamic channel
//! [`names::GRAPHICS`](crate::channels::dynamic::names::GRAPHICS) is open, and take and give its
//! messages. What the server sends is wrapped in bulk compression, what the client sends is not.

mod client;
mod server;

pub use client::{GraphicsPipelineClient, PipelineEvent};
pub use server::{GraphicsPipelineServer, PipelineServerEvent};

#[cfg(test)]
mod tests;
