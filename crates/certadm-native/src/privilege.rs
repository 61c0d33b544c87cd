use std::fmt;

use certadm::{Call, Error};
use dtyp::HResult;

use crate::system;

/// A privilege that calls of the interface need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Privilege {
    /// `SeBackupPrivilege`.
    Backup,
    /// `SeRestorePrivilege`.
    Restore,
}

/// The privileges of the process. What is behind it may be shared by all its threads, as on Windows:
/// sessions of several threads need a common owner.
pub trait Privileges {
    /// Enables a privilege. True: that changed something, and [`Privileges::disable`] puts it back.
    ///
    /// # Errors
    /// The account does not hold it; the system's refusal.
    fn enable(&self, privilege: Privilege) -> Result<bool, PrivilegeError>;

    /// Disables a privilege. That this fails is nothing that anybody could act on.
    fn disable(&self, privilege: Privilege);
}

/// Why a privilege is not enabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PrivilegeError {
    /// The account, or this token of it, does not hold the privilege (`ERROR_NOT_ALL_ASSIGNED`).
    NotHeld,
    /// The system refused to tell or to change it.
    Failed(HResult),
}

/// Those of the system: the process token of Windows. Elsewhere there are none, and none are needed.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemPrivileges;

/// An enabled privilege. Dropping it puts it back to what it was.
pub(crate) struct Held<'a> {
    privileges: &'a dyn Privileges,
    privilege: Privilege,
    was_changed: bool,
}

impl Privilege {
    /// The system's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Backup => "SeBackupPrivilege",
            Self::Restore => "SeRestorePrivilege",
        }
    }

    /// The privilege with the system's name `name`, as in [`Error::NoPrivilege`].
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Backup, Self::Restore].into_iter().find(|privilege| privilege.name() == name)
    }

    /// What the operator can do where it is missing, the likeliest first.
    pub fn hints(self) -> Vec<&'static str> {
        let grant = match self {
            Self::Backup => {
                "administrators and members of Backup Operators hold it; others get it in secpol.msc: Local Policies, User Rights Assignment, `Back up files and directories`, and log on again"
            }
            Self::Restore => {
                "administrators and members of Backup Operators hold it; others get it in secpol.msc: Local Policies, User Rights Assignment, `Restore files and directories`, and log on again"
            }
        };
        vec![
            "run it elevated: without that, User Account Control takes the privilege from the session",
            grant,
        ]
    }
}

impl fmt::Display for Privilege {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for PrivilegeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotHeld => f.write_str("the account does not hold the privilege"),
            Self::Failed(code) => write!(f, "the privilege cannot be enabled: {code}"),
        }
    }
}

impl std::error::Error for PrivilegeError {}

impl Privileges for SystemPrivileges {
    fn enable(&self, privilege: Privilege) -> Result<bool, PrivilegeError> {
        system::enable(privilege)
    }

    fn disable(&self, privilege: Privilege) {
        system::disable(privilege);
    }
}

impl<'a> Held<'a> {
    /// Enables `privilege` for `call`.
    pub(crate) fn new(
        privileges: &'a dyn Privileges,
        privilege: Privilege,
        call: Call,
    ) -> Result<Self, Error> {
        match privileges.enable(privilege) {
            Ok(was_changed) => Ok(Self { privileges, privilege, was_changed }),
            Err(PrivilegeError::NotHeld) => Err(Error::NoPrivilege { call, privilege: privilege.name() }),
            Err(PrivilegeError::Failed(code)) => Err(Error::Refused { call, code }),
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if self.was_changed {
            self.privileges.disable(self.privilege);
        }
    }
}
