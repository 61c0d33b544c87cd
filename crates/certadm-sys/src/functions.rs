use crate::{BOOL, BYTE, CSEDB_RSTMAPW, DWORD, HCSBC, HRESULT, LARGE_INTEGER, LONG, ULONG, VOID, WCHAR};

/// A parameter or a function, as it stands in this crate: C names for types, Rust syntax for pointers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    /// The exported name.
    pub name: &'static str,
    /// Types of the parameters, in order.
    pub parameters: &'static [&'static str],
    /// Type of the result; `()` is none.
    pub result: &'static str,
}

/// Where the functions come from: a library, or a table of one's own.
pub trait Resolve {
    /// Why there is no such function.
    type Error;

    /// The function of the exported name `name`; `F` is its type in this crate.
    ///
    /// # Errors
    /// There is none of that name.
    fn resolve<F: Copy>(&self, name: &'static str) -> Result<F, Self::Error>;
}

macro_rules! functions {
    ($($(#[$doc:meta])* $field:ident: $name:ident($($parameter:ident: $type:ty),*) -> $result:ty;)*) => {
        $(
            $(#[$doc])*
            pub type $name = unsafe extern "system" fn($($parameter: $type),*) -> $result;
        )*

        /// All documented functions.
        #[derive(Debug, Clone, Copy)]
        pub struct Functions {
            $(
                #[doc = concat!("[`", stringify!($name), "`]")]
                pub $field: $name,
            )*
        }

        impl Functions {
            /// Asks for every function, in the order of [`SIGNATURES`].
            ///
            /// # Errors
            /// The first that there is not.
            pub fn resolve<R: Resolve>(from: &R) -> Result<Self, R::Error> {
                Ok(Self { $($field: from.resolve::<$name>(stringify!($name))?,)* })
            }
        }

        /// What there is, as text: to write or to check a C header from.
        pub const SIGNATURES: &[Signature] = &[
            $(Signature {
                name: stringify!($name),
                parameters: &[$(stringify!($type)),*],
                result: stringify!($result),
            },)*
        ];
    };
}

functions! {
    /// Is the service of `server` (a host's NetBIOS or DNS name) running? A failure: no. Success and
    /// false: it runs, but is suspended.
    is_server_online: CertSrvIsServerOnlineW(server: *const WCHAR, online: *mut BOOL) -> HRESULT;
    /// Opens a backup context; it owes a [`CertSrvBackupEnd`]. `jet_flags` is 0, `flags` one of
    /// [`CSBACKUP_TYPE_FULL`](crate::CSBACKUP_TYPE_FULL) and
    /// [`CSBACKUP_TYPE_LOGS_ONLY`](crate::CSBACKUP_TYPE_LOGS_ONLY).
    backup_prepare: CertSrvBackupPrepareW(
        server: *const WCHAR, jet_flags: ULONG, flags: ULONG, context: *mut HCSBC
    ) -> HRESULT;
    /// Lists the databases, tagged; `size` is in bytes, with the list's final NUL. The list is freed with
    /// [`CertSrvBackupFree`], as are those of the next two.
    backup_get_database_names: CertSrvBackupGetDatabaseNamesW(
        context: HCSBC, names: *mut *mut WCHAR, size: *mut DWORD
    ) -> HRESULT;
    /// Lists the logs, tagged.
    backup_get_backup_logs: CertSrvBackupGetBackupLogsW(
        context: HCSBC, names: *mut *mut WCHAR, size: *mut DWORD
    ) -> HRESULT;
    /// Lists files that are not in the database, without tags.
    backup_get_dynamic_file_list: CertSrvBackupGetDynamicFileListW(
        context: HCSBC, names: *mut *mut WCHAR, size: *mut DWORD
    ) -> HRESULT;
    /// Opens a listed file, its name without the tag; owes a [`CertSrvBackupClose`]. `read_hint` is the size
    /// of the reads to come, in bytes, and counts once per context; 0 leaves it to the library.
    backup_open_file: CertSrvBackupOpenFileW(
        context: HCSBC, name: *const WCHAR, read_hint: DWORD, size: *mut LARGE_INTEGER
    ) -> HRESULT;
    /// Reads the next bytes of the open file; fewer than `size` are its end.
    backup_read: CertSrvBackupRead(
        context: HCSBC, buffer: *mut VOID, size: DWORD, read: *mut DWORD
    ) -> HRESULT;
    /// Closes the open file.
    backup_close: CertSrvBackupClose(context: HCSBC) -> HRESULT;
    /// Lets the CA delete the logs that were backed up.
    backup_truncate_logs: CertSrvBackupTruncateLogs(context: HCSBC) -> HRESULT;
    /// Ends the context, which is gone then.
    backup_end: CertSrvBackupEnd(context: HCSBC) -> HRESULT;
    /// Frees what a function allocated.
    backup_free: CertSrvBackupFree(memory: *mut VOID) -> ();
    /// Lists where database, logs and checkpoint are, tagged. The context is one of either kind, the service
    /// runs. Freed with [`CertSrvBackupFree`].
    restore_get_database_locations: CertSrvRestoreGetDatabaseLocationsW(
        context: HCSBC, names: *mut *mut WCHAR, size: *mut DWORD
    ) -> HRESULT;
    /// Opens a restore context; it owes a [`CertSrvRestoreEnd`]. `flags` is
    /// [`CSRESTORE_TYPE_FULL`](crate::CSRESTORE_TYPE_FULL).
    restore_prepare: CertSrvRestorePrepareW(
        server: *const WCHAR, flags: ULONG, context: *mut HCSBC
    ) -> HRESULT;
    /// Leaves the next start of the service instructions to replay the logs from `low` to `high`. Only a
    /// local administrator may. Paths that are not needed are null; so is `map`, with a `count` of 0, for an
    /// incremental backup.
    restore_register: CertSrvRestoreRegisterW(
        context: HCSBC, checkpoint_directory: *const WCHAR, log_directory: *const WCHAR,
        map: *mut CSEDB_RSTMAPW, count: LONG, backup_log_directory: *const WCHAR, low: ULONG, high: ULONG
    ) -> HRESULT;
    /// As [`CertSrvRestoreRegisterW`], for whoever has the restore privilege. The name has no `W`.
    restore_register_through_file: CertSrvRestoreRegisterThroughFile(
        context: HCSBC, checkpoint_directory: *const WCHAR, log_directory: *const WCHAR,
        map: *mut CSEDB_RSTMAPW, count: LONG, backup_log_directory: *const WCHAR, low: ULONG, high: ULONG
    ) -> HRESULT;
    /// Says how laying down the files ended; until then the service does not start.
    restore_register_complete: CertSrvRestoreRegisterComplete(context: HCSBC, outcome: HRESULT) -> HRESULT;
    /// Ends the context, which is gone then.
    restore_end: CertSrvRestoreEnd(context: HCSBC) -> HRESULT;
    /// Ends the service: [`CSCONTROL_SHUTDOWN`](crate::CSCONTROL_SHUTDOWN). `server` may also be a config
    /// string; both results may be null, and nothing is allocated.
    server_control: CertSrvServerControlW(
        server: *const WCHAR, control: DWORD, size: *mut DWORD, out: *mut *mut BYTE
    ) -> HRESULT;
}
