//! Server redirection (`[MS-RDPBCGR] 2.2.13.1`).

/// Where to connect instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerRedirection {
    /// The session to return to.
    pub session_id: u32,
}
