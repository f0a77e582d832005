//! The same over the real state, sled on a disk, for fewer runs.
