pub use windows_sys::Win32::Security::Cryptography::Certificates::{
    CSBACKUP_DISABLE_INCREMENTAL, CSBACKUP_TYPE_FULL, CSBACKUP_TYPE_LOGS_ONLY, CSBACKUP_TYPE_MASK,
    CSBFT_DATABASE_DIRECTORY, CSBFT_DIRECTORY, CSBFT_LOG_DIRECTORY, CSRESTORE_TYPE_CATCHUP,
    CSRESTORE_TYPE_FULL, CSRESTORE_TYPE_MASK, CSRESTORE_TYPE_ONLINE,
};

use crate::{CSBFT, DWORD};

/// Tag of a log file, `!`.
pub const CSBFT_LOG: CSBFT = 0x21;
/// Tag of the log directory.
pub const CSBFT_LOG_DIR: CSBFT = 0x82;
/// Tag of the directory of the checkpoint file.
pub const CSBFT_CHECKPOINT_DIR: CSBFT = 0x83;
/// Tag of a database, `D`.
pub const CSBFT_CERTSERVER_DATABASE: CSBFT = 0x44;
/// Tag of a patch file, `%`.
pub const CSBFT_PATCH_FILE: CSBFT = 0x25;
/// A tag that is reserved.
pub const CSBFT_UNKNOWN: CSBFT = 0x0F;

/// `CertSrvServerControlW`: let the service end. The bindings give these three with 64 bits.
pub const CSCONTROL_SHUTDOWN: DWORD = 1;
/// `CertSrvServerControlW`: not supported.
pub const CSCONTROL_SUSPEND: DWORD = 2;
/// `CertSrvServerControlW`: not supported.
pub const CSCONTROL_RESTART: DWORD = 3;

/// `szBACKUPANNOTATION`.
pub const BACKUP_ANNOTATION: &str = "Cert Server Backup Interface";
/// `szRESTOREANNOTATION`.
pub const RESTORE_ANNOTATION: &str = "Cert Server Restore Interface";
