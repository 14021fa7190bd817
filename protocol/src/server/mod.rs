//! The server side of the conversation.
