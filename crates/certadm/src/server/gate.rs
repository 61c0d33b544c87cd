use dtyp::HResult;

use crate::Call;

/// Roles a caller holds on the CA, as bits ([MS-CSRA] 3.1.4.2.17, `GetMyRoles`).
///
/// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Roles(pub u32);

impl Roles {
    /// Manage the CA.
    pub const ADMINISTRATOR: Self = Self(0x1);
    /// Issue and revoke.
    pub const OFFICER: Self = Self(0x2);
    /// Audit log.
    pub const AUDITOR: Self = Self(0x4);
    /// Back up: read permission on the CA and the backup privilege on its host.
    pub const OPERATOR: Self = Self(0x8);
    /// Read the database.
    pub const READ: Self = Self(0x100);
    /// Request certificates.
    pub const ENROLL: Self = Self(0x200);

    /// Does the caller hold all of `roles`?
    pub fn has(self, roles: Self) -> bool {
        self.0 & roles.0 == roles.0
    }

    /// Does the caller hold one of `roles`?
    pub fn has_any(self, roles: Self) -> bool {
        self.0 & roles.0 != 0
    }

    /// May the caller read the database? Administrators, officers and those who may enroll read by
    /// implication ([MS-CSRA] 3.1.1.7).
    ///
    /// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
    pub fn may_read(self) -> bool {
        self.has_any(Self::ADMINISTRATOR.with(Self::OFFICER).with(Self::READ).with(Self::ENROLL))
    }

    /// The union.
    #[must_use]
    pub fn with(self, roles: Self) -> Self {
        Self(self.0 | roles.0)
    }

    /// How many of the roles that separation keeps apart are held.
    fn separated(self) -> u32 {
        (self.0 & 0xf).count_ones()
    }
}

/// `InterfaceFlags` of a CA ([MS-CSRA] 3.1.4.2.14).
///
/// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InterfaceFlags(pub u32);

impl InterfaceFlags {
    /// No administration for remote callers.
    pub const NO_REMOTE_ADMIN: u32 = 0x10;
    /// No administration for local callers.
    pub const NO_LOCAL_ADMIN: u32 = 0x20;
    /// No backup for remote callers; set on a CA by default.
    pub const NO_REMOTE_BACKUP: u32 = 0x40;
    /// No backup for local callers.
    pub const NO_LOCAL_BACKUP: u32 = 0x80;
    /// Administration only over sealed calls.
    pub const ENFORCE_ENCRYPT_ADMIN: u32 = 0x400;

    fn any(self, bits: u32) -> bool {
        self.0 & bits != 0
    }
}

/// Who calls, as the transport established it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// The caller's identity was established.
    pub known: bool,
    /// The call came over the network.
    pub remote: bool,
    /// The call was sealed (RPC packet privacy); true for calls in process.
    pub sealed: bool,
    /// Roles on the CA.
    pub roles: Roles,
}

impl Caller {
    /// A backup operator in the CA's own process.
    pub const LOCAL_OPERATOR: Self =
        Self { known: true, remote: false, sealed: true, roles: Roles(Roles::OPERATOR.0 | Roles::READ.0) };
}

/// The checks before any method runs, in the order of [MS-CSRA] 3.1.4.1, and the role that each method
/// needs (3.1.1.7).
///
/// The answers are those of Windows Server 2008 and later: earlier ones answer some backup methods
/// otherwise when [`InterfaceFlags::NO_REMOTE_BACKUP`] is set.
///
/// [MS-CSRA]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-csra/
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gate {
    /// The CA's interface flags.
    pub flags: InterfaceFlags,
    /// Unsealed calls are refused whatever the flags say (fix for CVE-2022-37976).
    pub seal_required: bool,
    /// A caller with two roles is refused.
    pub role_separation: bool,
}

impl Gate {
    /// May `caller` make this `call`?
    ///
    /// # Errors
    /// [`HResult::ACCESS_DENIED`] or [`HResult::ROLE_CONFLICT`].
    pub fn admit(&self, caller: &Caller, call: Call) -> Result<(), HResult> {
        let (no_admin, no_backup) = if caller.remote {
            (InterfaceFlags::NO_REMOTE_ADMIN, InterfaceFlags::NO_REMOTE_BACKUP)
        } else {
            (InterfaceFlags::NO_LOCAL_ADMIN, InterfaceFlags::NO_LOCAL_BACKUP)
        };
        let seal = self.seal_required || self.flags.any(InterfaceFlags::ENFORCE_ENCRYPT_ADMIN);
        if !caller.known || (seal && !caller.sealed) || self.flags.any(no_admin) {
            return Err(HResult::ACCESS_DENIED);
        }
        let needed = Needed::of(call);
        if needed == Needed::Nothing {
            return Ok(());
        }
        if self.role_separation && caller.roles.separated() > 1 {
            return Err(HResult::ROLE_CONFLICT);
        }
        if !needed.is_met(caller.roles) || (needed == Needed::Backup && self.flags.any(no_backup)) {
            return Err(HResult::ACCESS_DENIED);
        }
        Ok(())
    }
}

/// What a caller must be allowed for a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needed {
    Nothing,
    Read,
    Administrator,
    Officer,
    Control,
    /// The operator, and backups not switched off.
    Backup,
}

impl Needed {
    fn of(call: Call) -> Self {
        match call {
            Call::GetServerState => Self::Nothing,
            Call::Ping | Call::Ping2 => Self::Administrator,
            Call::ServerControl => Self::Control,
            Call::ImportCertificate => Self::Officer,
            Call::EnumViewColumn
            | Call::GetViewDefaultColumnSet
            | Call::OpenView
            | Call::EnumView
            | Call::CloseView
            | Call::GetCAProperty
            | Call::GetCAPropertyInfo
            | Call::EnumViewColumnTable
            | Call::GetConfigEntry
            | Call::GetMyRoles => Self::Read,
            Call::BackupPrepare
            | Call::BackupEnd
            | Call::BackupGetAttachmentInformation
            | Call::BackupGetBackupLogs
            | Call::BackupOpenFile
            | Call::BackupReadFile
            | Call::BackupCloseFile
            | Call::BackupTruncateLogs
            | Call::BackupGetDynamicFiles
            | Call::RestoreGetDatabaseLocations
            | Call::RestorePrepare
            | Call::RestoreRegister
            | Call::RestoreRegisterComplete
            | Call::RestoreEnd => Self::Backup,
        }
    }

    fn is_met(self, roles: Roles) -> bool {
        match self {
            Self::Nothing => true,
            Self::Read => roles.may_read(),
            Self::Administrator => roles.has(Roles::ADMINISTRATOR),
            Self::Officer => roles.has(Roles::OFFICER),
            Self::Control => roles.has_any(Roles::ADMINISTRATOR.with(Roles::OPERATOR)),
            Self::Backup => roles.has(Roles::OPERATOR),
        }
    }
}
