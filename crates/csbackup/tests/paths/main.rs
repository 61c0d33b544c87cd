//! Names and places: hostile names, restore, import, folders that no manifest describes.
//!
//! Properties of `safe_name` are in the program's tests, `csbackup-cli/tests/it/names.rs`.

mod chain_restore;
mod circle;
mod configuration;
mod fake;
mod folders;
mod hostile;
mod import;
mod life;
mod odd_imports;
mod recovered;
mod registered;
mod registry;
mod restore;
mod restore_faults;
mod restore_kill;
mod site;
