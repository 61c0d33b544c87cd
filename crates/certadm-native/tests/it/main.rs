//! The road through a library, against one whose every answer is ours.

mod backup;
mod engine;
mod fake;
mod lists;
mod load;
mod privileges;
mod restore;
mod state;
