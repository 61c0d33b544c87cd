//! The CA that a restore goes to, and where it has its files.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use certadm::{CaHost, CertServer, ConfigEntry, ConfigValue};
use clap::error::ErrorKind;
use csbackup::{CaPlaces, CaSide, MappedFiles, StoredSet};

use crate::args::{Library, Logon, PasswordSource, Place, Restore, TheCa};
use crate::exit::usage;
use crate::printer::Printer;
use crate::road::Road;

/// A CA on this machine.
pub(crate) struct LocalCa {
    pub(crate) server: Box<dyn CertServer>,
    pub(crate) host: Option<Box<dyn CaHost>>,
    /// Folder of an embedded CA's logs; it has its database there too.
    embedded: Option<PathBuf>,
    mappings: Vec<(String, PathBuf)>,
    /// Its registry values now.
    pub(crate) registry: Vec<ConfigEntry>,
}

impl LocalCa {
    /// The CA that the arguments name; `None` where they name a folder.
    pub(crate) fn open(args: &Restore, printer: Printer) -> anyhow::Result<Option<Self>> {
        if let Some(target) = &args.to.ca {
            let text = format!(
                "a restore is registered on the CA's own machine: run csbackup on {} with `restore --local`, or lay the \
                 set down with `--to DIR`",
                target.host
            );
            return Err(usage(ErrorKind::ArgumentConflict, &text));
        }
        if args.to.ca_dir.is_none() && !args.to.local {
            return Ok(None);
        }
        // The one place where a road for a restore is opened.
        let road = Road::open(&road_of(args), printer)?;
        let (embedded, mappings) = match &road {
            Road::Directory(ca) => (Some(std::path::absolute(ca.path().join("CertLog"))?), ca.mappings()),
            _ => (None, Vec::new()),
        };
        let mut host = road.host();
        let registry = host.as_mut().map(|host| host.capture().registry).unwrap_or_default();
        Ok(Some(Self { host, server: road.server(), embedded, mappings, registry }))
    }

    pub(crate) fn side(&mut self) -> CaSide<'_> {
        CaSide {
            server: &mut *self.server,
            host: match &mut self.host {
                Some(host) => Some(&mut **host),
                None => None,
            },
        }
    }

    /// Where the CA has its files; `set` tells what is the same here as there.
    pub(crate) fn places(&self, args: &Restore, set: &StoredSet) -> anyhow::Result<CaPlaces> {
        let recorded = |kind: &str| {
            let mut map = set.manifest.restore_map.iter();
            map.find(|entry| entry.kind == kind).map(|entry| entry.path.as_str())
        };
        let enroll: Option<PathBuf> =
            self.host.as_ref().and_then(|host| host.enroll_folder()).map(PathBuf::from);
        let mut maps: Vec<(String, PathBuf)> = args.maps.clone();
        maps.extend(self.mappings.iter().cloned());
        // A CA that moved: what it published from the old host's share belongs to the folder behind it.
        let share = format!(r"\\{}\CertEnroll", set.manifest.ca.host);
        let own =
            self.mappings.iter().find(|(unc, _)| unc.ends_with(r"\CertEnroll")).map(|(_, path)| path.clone());
        maps.extend(own.or(enroll.clone()).map(|folder| (share, folder)));
        let files = MappedFiles::new(maps);
        let known = |name: &str| self.embedded.clone().or_else(|| registry_folder(&self.registry, name));
        let (database, logs) = (known("DBDirectory"), known("DBLogDirectory"));
        let journal = match &logs {
            Some(folder) => folder.clone(),
            None => recorded("log-directory").and_then(|unc| files.resolve(unc).ok()).context(
                "where the CA has its logs is not known: the registry has no DBLogDirectory; give the place with `--map`",
            )?,
        };
        Ok(CaPlaces {
            database,
            logs,
            system: known("DBSystemDirectory"),
            files,
            enroll,
            policy: self.host.as_ref().and_then(|host| host.policy_file()).map(PathBuf::from),
            journal,
        })
    }

    /// Folder of the journal, without a set to ask.
    pub(crate) fn journal(&self) -> anyhow::Result<PathBuf> {
        self.embedded.clone().or_else(|| registry_folder(&self.registry, "DBLogDirectory")).context(
            "where the CA has its logs is not known: name the folder of the restored logs with `--to`",
        )
    }
}

fn road_of(args: &Restore) -> Place {
    let password = PasswordSource { password_file: None, password_keyring: false };
    Place {
        ca: TheCa { ca_dir: args.to.ca_dir.clone(), ca: None, local: args.to.local },
        library: Library { certadm: args.certadm.clone() },
        logon: Logon {
            auth: None,
            user: None,
            password,
            keytab: None,
            ccache: None,
            kdc: None,
            timeout: None,
            read_size: None,
        },
    }
}

fn registry_folder(registry: &[ConfigEntry], name: &str) -> Option<PathBuf> {
    let entry =
        registry.iter().find(|entry| entry.node.is_empty() && entry.name.eq_ignore_ascii_case(name))?;
    match &entry.value {
        ConfigValue::Text(text) => Some(PathBuf::from(text)),
        _ => None,
    }
    .filter(|path: &PathBuf| Path::is_absolute(path))
}
