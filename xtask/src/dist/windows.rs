//! The program and our Certadm for Windows, as a folder.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use super::{Release, copy, documents, shipped};
use crate::{tools, windows};

/// The folder that zip and installer have.
pub(super) fn tree(release: &Release, linux: &Path) -> Result<PathBuf> {
    windows::require_tools()?;
    let built = windows::build("windows-dist", &shipped(windows::TARGET))?;
    let tree = release.fresh("windows")?.join(format!("csbackup-{}-x86_64-windows", release.version));
    for name in ["csbackup.exe", "certadm.dll"] {
        copy(&built.join(name), &tree.join(name))?;
    }
    copy(&tools::workspace().join("include/certadm.h"), &tree.join("certadm.h"))?;
    let completion = "completions/_csbackup.ps1";
    copy(&linux.join(completion), &tree.join(completion))?;
    documents(&tree, windows::TARGET)?;
    release.settle(&tree)?;
    Ok(tree)
}

/// All files of a tree, relative to it, in a stable order.
pub(super) fn files(tree: &Path) -> Result<Vec<String>> {
    let mut find = Command::new("find");
    let found = tools::stdout(find.args([".", "-type", "f", "-printf", "%P\\n"]).current_dir(tree))?;
    let mut files: Vec<String> = found.lines().map(str::to_owned).collect();
    files.sort();
    Ok(files)
}

pub(super) fn zip(release: &Release, tree: &Path) -> Result<()> {
    if !tools::on_path("zip") {
        tools::apt_install(&["zip"])?;
    }
    let name = tree.file_name().context("the tree has a name")?.display().to_string();
    let file = release.file(&format!("{name}.zip"))?;
    let mut zip = Command::new("zip")
        .args(["-9", "-q", "-X"])
        .arg(&file)
        .arg("-@")
        .current_dir(tree.parent().unwrap_or(tree))
        // The format keeps local time.
        .env("TZ", "UTC")
        .stdin(Stdio::piped())
        .spawn()
        .context("cannot start zip")?;
    let list: String = files(tree)?.iter().map(|path| format!("{name}/{path}\n")).collect();
    if let Some(mut names) = zip.stdin.take() {
        names.write_all(list.as_bytes()).context("cannot tell zip its files")?;
    }
    if !zip.wait().context("cannot wait for zip")?.success() {
        bail!("zip failed");
    }
    Ok(())
}
