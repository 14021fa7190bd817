//! The client's machine against a server that plays from a script.

mod hostile;
mod script;
mod sequence;
mod session;
