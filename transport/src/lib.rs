//! Oriel.
