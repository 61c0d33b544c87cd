//! Opening the place where sets are kept.

use std::num::{NonZeroU32, NonZeroU64};
use std::ops::Deref;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use csbackup::{Catalogue, Directory, Medium};
use csbackup_archive::Archives;
use csbackup_repo::{Location, Repositories, StoreCredentials, StoreOptions};

use crate::archive;
use crate::args::{RepoAccess, Sets};
use crate::env;
use crate::exit::{Exit, NoRepository, code_of_unreadable, usage};
use crate::repository::{Purpose, password};
use crate::windows;

/// The place of sets that a command works on.
pub(crate) struct Kept {
    medium: Box<dyn Medium>,
    /// How it is named on a command line, to be followed as it stands.
    pub(crate) option: String,
    /// Its folder, when its sets are plain folders.
    pub(crate) folder: Option<PathBuf>,
}

impl Kept {
    /// The sets in a directory.
    pub(crate) fn directory(path: &Path) -> Self {
        let option = format!("--dir {}", quoted(path));
        Self { medium: Box::new(Directory::new(path)), option, folder: Some(path.to_owned()) }
    }

    /// What was named; of repositories only that of `ca_name`, when given.
    pub(crate) fn open(sets: &Sets, ca_name: Option<&str>) -> anyhow::Result<Self> {
        if let Some(root) = &sets.archive.archive {
            return Self::archives(root, |root| archive::for_writing(root, &sets.archive));
        }
        match (&sets.dir, &sets.access.repo) {
            (Some(dir), _) => Ok(Self::directory(dir)),
            (None, Some(location)) => Self::repositories(location, &sets.access, ca_name),
            (None, None) => {
                let text = "where the sets are is not said: give `--dir PATH`, `--repo LOCATION` or `--archive PATH`";
                Err(usage(ErrorKind::MissingRequiredArgument, text))
            }
        }
    }

    /// As [`Kept::open`], as a target of copies: folders are made when it is used, only where its disk is.
    pub(crate) fn far(sets: &Sets, ca_name: Option<&str>) -> anyhow::Result<Self> {
        let Some(dir) = &sets.dir else { return Self::open(sets, ca_name) };
        // Sets hold names of people and machines, and may hold keys.
        let private = |folder: &Path| windows::private_folder(folder).map_err(std::io::Error::other);
        Ok(Self { medium: Box::new(Directory::far(dir, private)), ..Self::directory(dir) })
    }

    /// As [`Kept::open`], for reading: what is not there is an error.
    pub(crate) fn existing(sets: &Sets, ca_name: Option<&str>) -> anyhow::Result<Self> {
        let folder = sets.dir.as_ref().or(sets.archive.archive.as_ref());
        match folder {
            Some(dir) if !dir.is_dir() => {
                Err(NoRepository(format!("there is no folder `{}`", dir.display())).into())
            }
            _ => match &sets.archive.archive {
                Some(root) => Self::archives(root, |root| archive::for_reading(root, &sets.archive)),
                None => Self::open(sets, ca_name),
            },
        }
    }

    fn archives(root: &Path, open: impl FnOnce(&Path) -> anyhow::Result<Archives>) -> anyhow::Result<Self> {
        // A journal of a restore names it, and is read from another folder.
        let root = std::path::absolute(root)?;
        let option = format!("--archive {}", quoted(&root));
        Ok(Self { medium: Box::new(open(&root)?), option, folder: None })
    }

    fn repositories(location: &Location, access: &RepoAccess, ca_name: Option<&str>) -> anyhow::Result<Self> {
        let (location, mut medium) = repositories(location, access, Purpose::Open)?;
        if let Some(name) = ca_name {
            medium = medium.only(name);
        }
        let option = format!("--repo {}", quoted(Path::new(&location.to_string())));
        Ok(Self { medium: Box::new(medium), option, folder: None })
    }

    /// What was named, or what the journal of a restore recorded.
    pub(crate) fn again(sets: &Sets, recorded: Option<PathBuf>) -> anyhow::Result<Option<Self>> {
        if sets.are_given() {
            return match sets.archive.archive {
                Some(_) => Self::existing(sets, None).map(Some),
                None => Self::open(sets, None).map(Some),
            };
        }
        let Some(recorded) = recorded else { return Ok(None) };
        if let Some(root) = recorded.to_str().and_then(|text| text.strip_prefix(csbackup_archive::LOCATION)) {
            let open = |root: &Path| archive::for_reading(root, &sets.archive);
            return Self::archives(Path::new(root), open).map(Some);
        }
        match recorded.to_str().and_then(|text| text.strip_prefix(REPOSITORY)) {
            Some(location) => Self::repositories(&location.parse()?, &sets.access, None).map(Some),
            None => Ok(Some(Self::directory(&recorded))),
        }
    }

    /// The same with its full path.
    pub(crate) fn absolute(self) -> anyhow::Result<Self> {
        match &self.folder {
            Some(folder) => Ok(Self::directory(&std::path::absolute(folder)?)),
            None => Ok(self),
        }
    }

    /// All sets here, or those of one CA.
    pub(crate) fn catalogue(&self, ca_name: Option<&str>) -> anyhow::Result<Catalogue> {
        let mut catalogue = Catalogue::load(&**self, None)?;
        // Where no repository could be opened, that is the run's end.
        let all_out_of_reach = code_of_unreadable(&catalogue.unreadable) == Exit::Incomplete;
        if catalogue.sets().is_empty() && all_out_of_reach {
            return Err(catalogue.unreadable.swap_remove(0).into());
        }
        Ok(match ca_name {
            Some(name) => catalogue.only(name),
            None => catalogue,
        })
    }
}

impl Deref for Kept {
    type Target = dyn Medium;

    fn deref(&self) -> &Self::Target {
        &*self.medium
    }
}

/// The repositories at a location, and its full name: a journal of a restore has it, and is read from
/// another folder.
pub(crate) fn repositories(
    location: &Location,
    access: &RepoAccess,
    purpose: Purpose,
) -> anyhow::Result<(Location, Repositories)> {
    let location = match location {
        Location::Local(path) => Location::Local(std::path::absolute(path)?),
        location => location.clone(),
    };
    let password = password(&access.password, &location, purpose)?;
    Ok((location.clone(), Repositories::new(location, store_options(access), password)))
}

/// How repositories name their place: a journal of a restore has it.
const REPOSITORY: &str = "repo:";

/// A path as a shell takes it.
pub(crate) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/\\._-:".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text;
    }
    if cfg!(windows) { format!("\"{text}\"") } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// How the store is reached: limits as asked for, credentials from the environment.
fn store_options(access: &RepoAccess) -> StoreOptions {
    let bytes = |kib: Option<NonZeroU32>| kib.map(|kib| NonZeroU64::from(kib).saturating_mul(KIB));
    StoreOptions {
        // One that is no UTF-8 is none: the store then says which it lacks.
        credentials: StoreCredentials::from_variables(|name| env::value(name).ok().flatten()),
        upload_limit: bytes(access.limit_upload),
        download_limit: bytes(access.limit_download),
        ..StoreOptions::default()
    }
}

const KIB: NonZeroU64 = NonZeroU64::MIN.saturating_add(1023);
