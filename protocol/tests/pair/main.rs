//! The client's and the server's machine talk to each other under virtual time: the stream has a
//! delay and arrives in pieces of any size.

mod compression;
mod connecting;
mod endings;
mod hostile;
mod pair;
mod session;
