//! Histories in which something was lost once.
