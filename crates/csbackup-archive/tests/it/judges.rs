//! Other people's `age`, `zstd` and `tar` open an archive.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use csbackup::{Folder, Quiet, Requested, VerifyLevel, verify_folder};
use testkit::ca::plain_life;
use testkit::world::{World, spawn, tree};

use crate::world::{Pair, catalogue, host, run};

/// Runs a program with files as its input and output. `None`: it is not here.
fn judge(program: &str, args: &[&str], input: &Path, output: &Path) -> Option<()> {
    let mut command = Command::new(program);
    command.args(args).stdin(File::open(input).unwrap()).stdout(File::create(output).unwrap());
    match spawn(command.stderr(Stdio::inherit())) {
        Ok(mut child) => assert!(child.wait().unwrap().success(), "{program}"),
        Err(_) => {
            testkit::data::skip(&format!("the program `{program}` is not on this machine"));
            return None;
        }
    }
    Some(())
}

#[test]
fn age_zstd_and_tar_unpack_what_the_ca_delivered() {
    let (world, pair) = (World::new(&plain_life()), Pair::new());
    let medium = host(&world, &pair);
    run(&world, &medium, Requested::Full).unwrap();
    let sets = catalogue(&medium);
    let set = sets.newest().unwrap();
    let at = |name: &str| world.folder().join(name);
    fs::write(at("key.txt"), pair.file()).unwrap();
    let key = at("key.txt").display().to_string();
    let Some(()) = judge("age", &["-d", "-i", &key], &medium.path_of(set), &at("set.zst")) else { return };
    let Some(()) = judge("zstd", &["-d"], &at("set.zst"), &at("set.tar")) else { return };
    fs::create_dir(at("set")).unwrap();
    let into = at("set").display().to_string();
    let Some(()) = judge("tar", &["-x", "-C", &into], &at("set.tar"), &at("said")) else { return };

    let mut unpacked = tree(&at("set"));
    let manifest = unpacked.iter().position(|(path, _)| path.ends_with("manifest.json")).unwrap();
    let (path, bytes) = unpacked.remove(manifest);
    assert_eq!(path.parent(), Some(at("set").as_path()));
    assert_eq!(bytes, fs::read(medium.path_of(set).with_extension("json")).unwrap());
    assert_eq!(unpacked.len(), set.manifest.files.len());
    for file in &set.manifest.files {
        let path = file.set_path().unwrap().below(&at("set"));
        assert_eq!(blake3::hash(&fs::read(&path).unwrap()).to_hex().as_str(), file.blake3, "{}", file.path);
    }
    let folder = Folder::open(&at("set").join("DataBase")).unwrap();
    let report = verify_folder(&folder, VerifyLevel::Stream, &Quiet).unwrap();
    assert_eq!(report.all_findings().collect::<Vec<_>>(), []);
}
