//! Why a server ends a session (`[MS-RDPBCGR] 2.2.5.1.1`).

/// The code of a Set Error Info PDU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ErrorInfo(pub u32);
