//! restic's lock files.
