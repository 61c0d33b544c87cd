use std::path::{Path, PathBuf};
use std::{env, io};

use certadm_sys::{Functions, Resolve};

use crate::system;

/// A `Certadm.dll`, loaded, with all its functions. Dropping it unloads it.
#[derive(Debug)]
pub struct Library {
    functions: Functions,
    path: PathBuf,
    /// Below what was resolved from it. INVARIANT: nothing that `functions` names runs once it is dropped.
    _loaded: Loaded,
    /// Dropped last: the library may still want it while it is unloaded.
    _com: system::Com,
}

/// Why there is no library to work with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// Not Windows.
    #[error("this system has no Certadm.dll of its own")]
    NotWindows,
    /// The system does not tell where its own libraries are, or the path makes no sense to it.
    #[error("cannot tell where `{path}` is")]
    Path {
        /// What was looked for.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// There is no such file.
    #[error("there is no `{path}`")]
    Missing {
        /// Full path.
        path: PathBuf,
        /// It is the system's own library that is missing, not one that was named.
        is_system: bool,
    },
    /// A library of another processor or another system, or none.
    #[error("`{path}` is no library for {system}", system = this_system())]
    WrongKind {
        /// Full path.
        path: PathBuf,
        /// The loader's answer.
        source: libloading::Error,
    },
    /// The loader refused it, perhaps because a library that it needs is missing.
    #[error("cannot load `{path}`")]
    Load {
        /// Full path.
        path: PathBuf,
        /// The loader's answer.
        source: libloading::Error,
    },
    /// A function is not there.
    #[error("`{path}` has no function `{name}`")]
    Function {
        /// Full path.
        path: PathBuf,
        /// The exported name.
        name: &'static str,
        /// The loader's answer.
        source: Option<libloading::Error>,
    },
}

impl Library {
    /// The system's own, in the system directory and nowhere else.
    ///
    /// # Errors
    /// See [`LoadError`]; always on a system that is not Windows.
    pub fn system() -> Result<Self, LoadError> {
        let path = system::library()?;
        if !path.is_file() {
            return Err(LoadError::Missing { path, is_system: true });
        }
        Self::load(path, system::Place::System)
    }

    /// The one at `path`; a relative one starts in the current directory. It is not searched for anywhere.
    ///
    /// Loading runs code of the library: the path must come from the operator.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub fn open(path: &Path) -> Result<Self, LoadError> {
        let path = std::path::absolute(path)
            .map_err(|source| LoadError::Path { path: path.to_path_buf(), source })?;
        if !path.is_file() {
            return Err(LoadError::Missing { path, is_system: false });
        }
        Self::load(path, system::Place::Named)
    }

    /// Full path of the library.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn functions(&self) -> &Functions {
        &self.functions
    }

    /// INVARIANT: `path` is absolute, so that the loader does not search for it.
    fn load(path: PathBuf, place: system::Place) -> Result<Self, LoadError> {
        let com = system::Com::new();
        let library = match system::load(&path, place) {
            Ok(library) => library,
            Err(source) if is_wrong_kind(&source) => return Err(LoadError::WrongKind { path, source }),
            Err(source) => return Err(LoadError::Load { path, source }),
        };
        let loaded = Loaded(library);
        match Functions::resolve(&loaded) {
            Ok(functions) => Ok(Self { functions, path, _loaded: loaded, _com: com }),
            Err((name, source)) => Err(LoadError::Function { path, name, source }),
        }
    }
}

impl LoadError {
    /// What the operator can do, the likeliest first.
    pub fn hints(&self) -> Vec<&'static str> {
        match self {
            Self::NotWindows => vec![
                "`--certadm PATH` names a library with that interface; without it the CA is reached over the network",
            ],
            Self::Missing { is_system: true, .. } => vec![
                "on a CA the role brings it: `Install-WindowsFeature ADCS-Cert-Authority`",
                "elsewhere the remote administration tools do: `Install-WindowsFeature RSAT-ADCS-Mgmt` on a server, `Add-WindowsCapability -Online -Name Rsat.CertificateServices.Tools~~~~0.0.1.0` on a client",
            ],
            Self::WrongKind { .. } => {
                vec!["csbackup and the library must be built for the same processor: 64-bit for 64-bit"]
            }
            Self::Function { .. } => vec![
                "the library is older than Windows Server 2003, or is not Certadm.dll: `--certadm PATH` names another",
            ],
            Self::Load { .. } => vec![
                "a library that it needs may be missing: install what it came with, on Windows the role or the remote administration tools of AD CS",
            ],
            Self::Path { .. } | Self::Missing { .. } => vec![],
        }
    }
}

/// A library whose functions are not resolved yet.
#[derive(Debug)]
struct Loaded(libloading::Library);

impl Resolve for Loaded {
    type Error = (&'static str, Option<libloading::Error>);

    fn resolve<F: Copy>(&self, name: &'static str) -> Result<F, Self::Error> {
        // SAFETY: only `Functions::resolve` calls this, with the function type that `certbcli.h` declares for
        // the name; a null address is not made into one.
        let symbol = unsafe { self.0.get::<Option<F>>(name) }.map_err(|source| (name, Some(source)))?;
        (*symbol).ok_or((name, None))
    }
}

/// The loaders have one error for everything; these are their words for a file of another kind.
fn is_wrong_kind(error: &libloading::Error) -> bool {
    let mut text = error.to_string();
    if let Some(source) = std::error::Error::source(error) {
        text.push_str(&source.to_string());
    }
    // ERROR_BAD_EXE_FORMAT; glibc; musl; dyld.
    let words = [
        "os error 193)",
        "invalid ELF",
        "wrong ELF",
        "file too short",
        "Exec format error",
        "mach-o",
        "incompatible architecture",
    ];
    words.iter().any(|word| text.contains(word))
}

fn this_system() -> String {
    format!("{} on {}", env::consts::OS, env::consts::ARCH)
}
