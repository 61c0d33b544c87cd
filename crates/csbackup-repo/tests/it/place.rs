//! A repository beside the CA of a world.

use std::io;
use std::path::PathBuf;

use csbackup::{Medium, SetPath, StoredSet, safe_name};
use csbackup_repo::{Location, Password, Repositories, StoreOptions};
use testkit::ca::authority;
use testkit::world::World;

pub(crate) const PASSWORD: &str = "quite secret";

/// The repositories beside a world's CA; made, if they are not there yet.
pub(crate) fn place(world: &World) -> Repositories {
    let medium = opened(world);
    if !folder(world).join("config").exists() {
        medium.init(&authority().name, 1 << 20).unwrap();
    }
    medium
}

/// As another program sees them.
pub(crate) fn opened(world: &World) -> Repositories {
    let location = Location::Local(world.folder().join("repository"));
    Repositories::new(location, StoreOptions::default(), Password::new(PASSWORD))
}

/// The folder of the one restic repository.
pub(crate) fn folder(world: &World) -> PathBuf {
    world.folder().join("repository").join(safe_name(&authority().name))
}

/// Is every file of a set there, with the content that its manifest tells?
pub(crate) fn reads_back(medium: &dyn Medium, set: &StoredSet) -> Result<(), String> {
    for file in &set.manifest.files {
        let path = SetPath::parse(&file.path).unwrap();
        let mut content = medium.open(set, &path).map_err(|error| error.to_string())?;
        let mut hash = blake3::Hasher::new();
        io::copy(&mut content, &mut hash).map_err(|error| error.to_string())?;
        if hash.finalize().to_hex().as_str() != file.blake3 {
            return Err(format!("{} has another content", file.path));
        }
    }
    Ok(())
}
