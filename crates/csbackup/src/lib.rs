#![doc = include_str!("../README.md")]
#![warn(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod backup;
mod catalogue;
mod chain;
mod check;
mod copy;
mod directory;
mod doctor;
mod drill;
pub mod durable;
mod error;
mod files;
mod import;
mod index;
mod keys;
mod look;
pub mod manifest;
mod medium;
mod names;
mod note;
mod observer;
mod place;
mod recover;
pub mod registry;
mod restore;
mod retention;
mod session;
mod source;
pub mod status;
mod transfer;
mod trouble;
mod verify;

pub use backup::*;
pub use catalogue::{Catalogue, SetState};
pub use copy::{CopyReport, Missing, copy};
pub use directory::Directory;
pub use doctor::*;
pub use drill::*;
pub use error::Error;
pub use files::{FileAccess, MappedFiles};
pub use import::{ImportOptions, import};
pub use index::{CrlState, Index, IndexBuilder, IndexKey, IndexRows, Overview, index_of};
pub use keys::KeyPassword;
pub use look::*;
pub use manifest::{FindingEntry, Manifest, SetId};
pub use medium::{FileSink, Lock, Medium, ReadBack, SetWriter, Stamp, StoredSet};
pub use names::{SetPath, safe_name, shown_name};
pub use note::{
    DrillContent, DrillOutcome, DrillRecord, LogRange, Note, NoteBody, ReadExtent, TruncationOutcome,
};
pub use observer::{Observer, Quiet, Step};
pub use place::Folder;
pub use recover::{Lost, Recovered, Scratch, Until};
pub use restore::{
    CaPlaces, CaSide, Part, PlanItem, RegistryChange, RestoreOptions, RestorePlan, RestoreStatus,
    RestoreTarget, Restored, ServiceEnd, captured_file, captured_registry, plan_restore, registry_changes,
    restore, restore_ca, restore_status, resume, undo,
};
pub use retention::{
    Fate, ForgetPlan, Forgotten, Hold, KeepOptions, Now, Reason, forget, plan_forget, plan_forget_named,
};
pub use source::{FileSource, SharedSource};
pub use trouble::StoreTrouble;
pub use verify::{LogProof, Proof, VerifiedFile, VerifyLevel, VerifyReport, verify_folder, verify_set};
