//! The road through a Certadm library, and the machine of the CA where the program runs on it.

use std::path::PathBuf;

use certadm::{Authority, CaHost};
use certadm_native::{Library, NativeCa};
use clap::error::ErrorKind;
use csbackup::{FileAccess, MappedFiles};

use crate::args::{Place, Shares};
use crate::exit::usage;

/// A CA reached through a library.
pub(crate) struct LibraryCa {
    pub(crate) ca: NativeCa,
    /// It is the CA of this machine.
    is_local: bool,
}

impl LibraryCa {
    /// The library and the CA that the arguments name; `None` where they name neither.
    pub(crate) fn open(place: &Place) -> anyhow::Result<Option<Self>> {
        let path = place.library.certadm.as_deref();
        if path.is_none() && !place.ca.local {
            return Ok(None);
        }
        if place.logon.is_given() {
            let text = "Certadm logs on by itself, as whoever runs the program: leave out how to log on";
            return Err(usage(ErrorKind::ArgumentConflict, text));
        }
        // The library first: without it the rest is beside the point.
        let library = path.map_or_else(Library::system, Library::open)?;
        let authority = match &place.ca.ca {
            Some(target) => match (&target.name, target.port) {
                (Some(name), csra_client::RESOLVER_PORT) => {
                    Authority { host: target.host.clone(), name: name.clone() }
                }
                (None, _) => {
                    let text = r"Certadm does not tell the name of a CA: give it with `--ca 'HOST\CA NAME'`";
                    return Err(usage(ErrorKind::MissingRequiredArgument, text));
                }
                (_, port) => {
                    let text = format!(
                        "Certadm is told a host and no port: leave out `:{port}` (for our own, CERTADM_PORT)"
                    );
                    return Err(usage(ErrorKind::InvalidValue, &text));
                }
            },
            None => local_authority()?,
        };
        Ok(Some(Self { ca: NativeCa::new(library, authority), is_local: place.ca.local }))
    }

    /// The machine of the CA, if it is this one.
    pub(crate) fn host(&self) -> Option<Box<dyn CaHost>> {
        self.is_local.then(local_host).flatten()
    }

    /// Files outside the database: what the operator mapped; on Windows the system reads the others, from
    /// the CA's own host.
    pub(crate) fn files(
        &self,
        maps: impl Iterator<Item = (String, PathBuf)>,
        shares: &Shares,
    ) -> Box<dyn FileAccess> {
        let mapped = MappedFiles::new(maps);
        #[cfg(windows)]
        {
            if shares.no_smb {
                return Box::new(mapped);
            }
            let own = &certadm::CertServer::authority(&self.ca).host;
            let names = shares.smb_hosts.iter().map(|text| text.split('=').next().unwrap_or(text));
            let hosts = std::iter::once(own.as_str()).chain(names);
            let hosts = hosts.map(|name| csbackup_smb::Host::at(name, name)).collect();
            let system = csbackup_smb::SystemFiles::new(hosts);
            Box::new(csbackup_smb::FirstOf::new(vec![Box::new(mapped), Box::new(system)]))
        }
        #[cfg(not(windows))]
        {
            // There is no log-on of the system's that could be used.
            let _ = shares;
            Box::new(mapped)
        }
    }
}

#[cfg(windows)]
fn local_authority() -> anyhow::Result<Authority> {
    let (host, name) = winhost::local_authority()?;
    Ok(Authority { host, name })
}

#[cfg(not(windows))]
fn local_authority() -> anyhow::Result<Authority> {
    let text = r"only Windows tells which CA is on this machine: name it with `--ca 'HOST\CA NAME'`";
    Err(usage(ErrorKind::MissingRequiredArgument, text))
}

#[cfg(windows)]
fn local_host() -> Option<Box<dyn CaHost>> {
    // Without a CA on this machine, its name was not found before.
    winhost::WindowsHost::new().ok().map(|host| -> Box<dyn CaHost> { Box::new(host) })
}

#[cfg(not(windows))]
fn local_host() -> Option<Box<dyn CaHost>> {
    None
}
