//! A CA with archives, and what is asked of them.

use std::fs;
use std::path::{Path, PathBuf};

use age::secrecy::ExposeSecret as _;
use age::x25519;
use csbackup::manifest::Content;
use csbackup::{
    BackupOptions, Catalogue, Error, Medium as _, Observer, Outcome, Requested, SetId, SetPath, SetState,
    StoredSet,
};
use csbackup_archive::{Archives, Identities, Recipients};
use testkit::world::World;

/// A key pair.
pub(crate) struct Pair(x25519::Identity);

impl Pair {
    pub(crate) fn new() -> Self {
        Self(x25519::Identity::generate())
    }

    /// As a line of a file of recipients.
    pub(crate) fn public(&self) -> String {
        self.0.to_public().to_string()
    }

    /// As a file of identities.
    pub(crate) fn file(&self) -> String {
        format!("# a comment\n{}\n", self.0.to_string().expose_secret())
    }

    pub(crate) fn recipients(&self) -> Recipients {
        Recipients::parse(&self.public()).unwrap()
    }

    pub(crate) fn identities(&self) -> Identities {
        Identities::parse(self.file().as_bytes(), None).unwrap()
    }
}

/// Where the archives of a world are.
pub(crate) fn place(world: &World) -> PathBuf {
    world.folder().join("archives")
}

/// The archives as the CA's host has them: nothing to read with.
pub(crate) fn host(world: &World, pair: &Pair) -> Archives {
    Archives::new(place(world), pair.recipients(), Identities::default())
}

/// The archives as whoever holds the key has them.
pub(crate) fn holder(root: &Path, pair: &Pair) -> Archives {
    Archives::new(root, Recipients::default(), pair.identities())
}

/// A backup without any fault.
pub(crate) fn run(world: &World, medium: &Archives, kind: Requested) -> Result<Outcome, Error> {
    run_seen(world, medium, kind, &world.seen)
}

pub(crate) fn run_seen(
    world: &World,
    medium: &Archives,
    kind: Requested,
    observer: &dyn Observer,
) -> Result<Outcome, Error> {
    let options = BackupOptions { kind, ..BackupOptions::default() };
    world.run_observed(&mut world.ca.connect(), medium, &options, observer)
}

/// A full backup and two increments; each has a host process of its own.
pub(crate) fn chain(world: &mut World, pair: &Pair) -> Vec<StoredSet> {
    for kind in [Requested::Full, Requested::Auto, Requested::Auto] {
        run(world, &host(world, pair), kind).unwrap();
        world.ca.advance().unwrap();
    }
    catalogue(&host(world, pair)).sets().to_vec()
}

pub(crate) fn catalogue(medium: &Archives) -> Catalogue {
    Catalogue::load(medium, None).unwrap()
}

pub(crate) fn states(medium: &Archives) -> Vec<SetState> {
    let catalogue = catalogue(medium);
    catalogue.sets().iter().map(|set| catalogue.state(set)).collect()
}

/// Changes one byte of a file, counted from its end when negative.
pub(crate) fn flip(path: &Path, at: i64) {
    let mut bytes = fs::read(path).unwrap();
    let at = usize::try_from(at).unwrap_or_else(|_| bytes.len() - usize::try_from(-at).unwrap());
    bytes[at] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

/// Stores a set as no CA has it, beside one that is there: a file of 2 MB that nothing compresses, between
/// two small ones.
pub(crate) fn store_big(medium: &Archives, world: &World) -> StoredSet {
    let mut manifest = catalogue(medium).sets()[0].manifest.clone();
    manifest.sequence += 1;
    manifest.log_list = None;
    let mut big = vec![0; 2_000_000];
    blake3::Hasher::new().finalize_xof().fill(&mut big);
    let template = manifest.files[0].clone();
    manifest.files.clear();
    let mut writer = medium.begin(world.ca.authority()).unwrap();
    for (name, bytes, size) in
        [("before", &b"small"[..], None), ("big", &big, Some(2_000_000)), ("behind", b"", Some(0))]
    {
        let path = SetPath::inside("DataBase", name);
        let mut sink = writer.create(&path, size).unwrap();
        bytes.chunks(70_001).for_each(|piece| sink.write(piece).unwrap());
        sink.finish().unwrap();
        let (blake3, path) = (blake3::hash(bytes).to_hex().to_string(), path.as_str().to_owned());
        let (name, size, content) = (name.to_owned(), bytes.len() as u64, Content::Other);
        manifest.files.push(csbackup::manifest::FileEntry {
            name,
            path,
            size,
            blake3,
            content,
            ese: None,
            ..template.clone()
        });
    }
    let bytes = serde_json::to_vec(&manifest).unwrap();
    let hash = blake3::hash(&bytes).to_hex();
    let id = SetId::parse(&format!("20300101T000000Z-full-{}", &hash[..8])).unwrap();
    writer.publish(&id, &manifest, &bytes).unwrap()
}
