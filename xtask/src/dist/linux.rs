//! The program for any Linux: one file, linked statically with musl.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::{Release, copy, documents, shipped};
use crate::tools;

pub(super) const TARGET: &str = "x86_64-unknown-linux-musl";
const COMPILER: &str = "musl-gcc";

/// The folder that the tarball has: program, completions, man pages, documents.
pub(super) fn tree(release: &Release) -> Result<PathBuf> {
    tools::require_c_compiler()?;
    if !tools::on_path(COMPILER) {
        tools::apt_install(&["musl-tools"])?;
    }
    tools::rust_target(TARGET)?;
    tools::build_release(TARGET, &["csbackup-cli"], &shipped(TARGET))?;

    let tree = release.fresh("linux")?.join(format!("csbackup-{}-x86_64-linux", release.version));
    let program = tree.join("csbackup");
    copy(&tools::target().join(TARGET).join("release/csbackup"), &program)?;
    tools::run(Command::new(&program).arg("generate").arg(&tree))
        .context("the program cannot write its man pages")?;
    documents(&tree, TARGET)?;
    release.settle(&tree)?;
    Ok(tree)
}

pub(super) fn tarball(release: &Release, tree: &Path) -> Result<PathBuf> {
    let name = tree.file_name().context("the tree has a name")?;
    let file = release.file(&format!("{}.tar.gz", name.display()))?;
    let mut tar = Command::new("tar");
    tar.args(["--create", "--format=gnu", "--sort=name", "--owner=root:0", "--group=root:0"])
        .arg(format!("--mtime=@{}", release.epoch))
        .arg("--use-compress-program=gzip -9n")
        .arg("--file")
        .arg(&file)
        .arg("--directory")
        .arg(tree.parent().unwrap_or(tree))
        .arg(name);
    tools::run(&mut tar)?;
    Ok(file)
}
