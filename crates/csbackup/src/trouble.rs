/// What stands in the way of a place where sets are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreTrouble {
    /// There is no repository.
    Missing,
    /// There is one already.
    Exists,
    /// The password opens none of its keys.
    WrongPassword,
    /// None of the keys at hand decrypts it.
    NoKey,
    /// Another run, or another program, holds its lock.
    Locked,
    /// No space is left.
    Full,
    /// It may be read only, or nothing may be removed from it.
    ReadOnly,
    /// It belongs to another CA.
    OtherCa,
    /// Made by a later version.
    UnknownFormat,
    /// It does not answer, or not in time.
    Unreachable,
    /// It refuses these credentials.
    Refused,
    /// What it holds is damaged.
    Damaged,
    /// Anything else.
    Failed,
}

impl StoreTrouble {
    pub(crate) fn hints(self) -> Vec<&'static str> {
        match self {
            Self::Missing => vec!["`csbackup init` makes one; check the place's name and the CA's"],
            Self::Exists => vec!["use it as it is, or choose another place"],
            Self::WrongPassword => {
                vec![
                    "without one of its passwords nobody can read a repository: look where it was kept at `init`",
                ]
            }
            Self::NoKey => {
                vec![
                    "reading needs `--identity FILE` with the key of one of the recipients it was written for",
                ]
            }
            Self::Locked => {
                vec!["wait for the other run; a lock whose program died counts as stale after 30 minutes"]
            }
            Self::Full => {
                vec!["free some space, or `csbackup forget` and `prune`; published sets stay as they are"]
            }
            Self::ReadOnly => vec!["another account, or the server's own administration, must do this"],
            Self::OtherCa => {
                vec!["one repository holds one CA: check the place's name, or `init` another place"]
            }
            Self::UnknownFormat => vec!["use the version of csbackup that wrote it, or a later one"],
            Self::Unreachable => {
                vec!["check network, name and port; `csbackup list` says which sets are there"]
            }
            Self::Refused => vec!["check the credentials and what they may do"],
            Self::Damaged => {
                vec!["`csbackup check --read-data` tells what is affected, `repair` what can be mended"]
            }
            Self::Failed => vec![],
        }
    }
}
