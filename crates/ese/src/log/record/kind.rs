//! Types of records and their names.

use core::fmt;

/// Type of a log record (`lrtyp`): its first byte.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RecordType(pub u8);

impl RecordType {
    /// The name in format digest section 15, without the engine's prefix `lrtyp`.
    pub fn name(self) -> &'static str {
        NAMES.get(usize::from(self.0)).copied().unwrap_or("Unknown")
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// By number.
#[rustfmt::skip]
const NAMES: [&str; 102] = [
    "NOP", "Init", "Term", "MS", "End", "Begin", "Commit", "Rollback", "Begin0", "Commit0",
    "Refresh", "MacroBegin", "MacroCommit", "MacroAbort", "CreateDB", "AttachDB", "DetachDB",
    "RecoveryUndo", "RecoveryQuit", "FullBackup",
    "IncBackup", "JetOp", "Trace", "ShutDownMark", "CreateMultipleExtentFDP",
    "CreateSingleExtentFDP", "ConvertFDP", "Split", "Merge", "Insert",
    "FlagInsert", "FlagInsertAndReplaceData", "FlagDelete", "Replace", "ReplaceD", "Delete", "UndoInfo",
    "Delta", "SetExternalHeader", "Undo",
    "SLVPageAppend", "SLVSpace", "Checksum", "SLVPageMove", "ForceDetachDB", "ExtRestore", "Backup",
    "Unknown", "EmptyTree", "Init2",
    "Term2", "RecoveryUndo2", "RecoveryQuit2", "BeginDT", "PrepCommit", "PrepRollback", "Unknown",
    "ForceWriteLog", "ConvertFDP2", "ExtRestore2",
    "Backup2", "ForceLogRollover", "Split2", "Merge2", "Scrub", "PageMove", "PagePatchRequest",
    "MacroInfo", "ExtendDB", "CommitCtx",
    "ScanCheck", "NOP2", "ReAttach", "MacroInfo2", "FreeFDP", "Ignored9", "FragmentBegin", "Fragment",
    "ShrinkDB", "CreateDBFinish",
    "RecoveryQuitKeepAttachments", "TrimDB", "Ignored10", "Ignored11", "Ignored12", "Ignored13",
    "Ignored14", "Ignored15", "Ignored16", "Ignored17",
    "Ignored18", "Ignored19", "SetDbVersion", "Delta64", "ShrinkDB2", "NewPage", "RootPageMove",
    "SignalAttachDb", "ScanCheck2", "ShrinkDB3",
    "ExtentFreed", "ExtentFreed2",
];
