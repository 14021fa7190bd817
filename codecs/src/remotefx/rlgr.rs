//! RLGR, the adaptive run-length Golomb-Rice code (`[MS-RDPRFX] 3.1.8.1.7`).

mod decoder;
mod encoder;

pub use decoder::decode;
pub use encoder::encode;

/// Parameters are kept scaled by eight, so that they adapt in eighths.
const SCALE_BITS: u32 = 3;
const MAX_SCALED: u32 = 80;
/// `kp` where the run-length mode begins.
const RUN_MODE: u32 = 1 << SCALE_BITS;
const UP_RUN: u32 = 4;
const DOWN_RUN: u32 = 6;
const UP_ZERO: u32 = 3;
const DOWN_NONZERO: u32 = 3;
/// What the Golomb-Rice parameter loses where the quotient is zero.
const DOWN_RICE: u32 = 2;
