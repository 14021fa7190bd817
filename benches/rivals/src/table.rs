//! The table: who takes part, what is measured, and how it is shown.

pub mod cases;
pub mod contest;
pub mod load;
pub mod memory;
pub mod report;
