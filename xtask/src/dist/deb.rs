//! The Debian package: the static program, so that it depends on nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::{EXAMPLE, Release, copy, make, windows, write};
use crate::tools;

/// The first revision of each version: the package is built anew only with a new version.
const REVISION: &str = "1";

/// There is no address to write to; the home page has the list of issues.
const MAINTAINER: &str = "the csbackup developers <nobody@csbackup.invalid>";

const HOMEPAGE: &str = "https://github.com/csbackup/csbackup";

/// Who looks at the package with `lintian` sees why it is so.
const OVERRIDES: &str = include_str!("lintian-overrides");

pub(super) fn build(release: &Release, tree: &Path) -> Result<PathBuf> {
    let root = release.fresh("deb")?;
    stage(release, tree, &root)?;
    release.settle(&root)?;
    // For root only: it will have the way to passwords.
    tools::run(Command::new("chmod").arg("0700").arg(root.join("etc/csbackup")))?;

    let file = release.file(&format!("csbackup_{}-{REVISION}_amd64.deb", release.version))?;
    let mut build = Command::new("dpkg-deb");
    build
        // More threads would give other bytes.
        .args(["--root-owner-group", "-Zxz", "--threads-max=1", "--build"])
        .arg(&root)
        .arg(&file)
        .env("SOURCE_DATE_EPOCH", &release.epoch);
    tools::run(&mut build)?;
    Ok(file)
}

fn stage(release: &Release, tree: &Path, root: &Path) -> Result<()> {
    copy(&tree.join("csbackup"), &root.join("usr/bin/csbackup"))?;
    make(&root.join("etc/csbackup"))?;
    for (from, to) in [
        ("csbackup.bash", "bash-completion/completions/csbackup"),
        ("_csbackup", "zsh/vendor-completions/_csbackup"),
        ("csbackup.fish", "fish/vendor_completions.d/csbackup.fish"),
    ] {
        copy(&tree.join("completions").join(from), &root.join("usr/share").join(to))?;
    }
    for page in windows::files(&tree.join("man"))? {
        let to = root.join("usr/share/man/man1").join(&page);
        copy(&tree.join("man").join(&page), &to)?;
        gzip(&to)?;
    }
    let doc = root.join("usr/share/doc/csbackup");
    for file in windows::files(&tree.join("docs"))? {
        copy(&tree.join("docs").join(&file), &doc.join("docs").join(&file))?;
    }
    for (from, to) in [
        ("README.md", "README.md"),
        (EXAMPLE, EXAMPLE),
        ("CHANGELOG.md", "changelog"),
        ("THIRD-PARTY.txt", "THIRD-PARTY.txt"),
    ] {
        copy(&tree.join(from), &doc.join(to))?;
    }
    write(&doc.join("copyright"), &copyright(tree)?)?;
    write(&doc.join("changelog.Debian"), &changelog(release)?)?;
    for file in ["changelog", "changelog.Debian", "THIRD-PARTY.txt"] {
        gzip(&doc.join(file))?;
    }
    write(&root.join("usr/share/lintian/overrides/csbackup"), OVERRIDES)?;
    control(release, root)
}

/// What dpkg knows of the package; written last, it has the hashes and the size of the rest.
fn control(release: &Release, root: &Path) -> Result<()> {
    let files = windows::files(root)?;
    let sums = tools::stdout(Command::new("md5sum").args(&files).current_dir(root))?;
    let mut size = 0;
    for file in &files {
        let file = root.join(file);
        size += fs::metadata(&file).with_context(|| format!("cannot read `{}`", file.display()))?.len();
    }
    write(&root.join("DEBIAN/md5sums"), &sums)?;
    let control = format!(
        "Package: csbackup\n\
         Version: {}-{REVISION}\n\
         Section: admin\n\
         Priority: optional\n\
         Architecture: amd64\n\
         Installed-Size: {}\n\
         Maintainer: {MAINTAINER}\n\
         Homepage: {HOMEPAGE}\n\
         Recommends: ca-certificates\n\
         Suggests: restic\n\
         Description: backup and recovery of Microsoft certification authorities\n\
         \x20csbackup takes a CA of Active Directory Certificate Services through its own\n\
         \x20backup interface, over the network, proves page by page that what it took is\n\
         \x20good before the CA deletes its logs, keeps it in an encrypted repository,\n\
         \x20restores it, and drills that without Windows.\n",
        release.version,
        size.div_ceil(1024),
    );
    write(&root.join("DEBIAN/control"), &control)
}

/// As Debian wants it: machine-readable, with the text of MIT; that of Apache-2.0 is on every Debian.
fn copyright(tree: &Path) -> Result<String> {
    let file = tree.join("LICENSE-MIT");
    let mit = fs::read_to_string(&file).with_context(|| format!("cannot read `{}`", file.display()))?;
    // After a title and the holder's line.
    let terms = mit.lines().skip_while(|line| !line.starts_with("Permission"));
    let terms: String =
        terms.map(|line| if line.is_empty() { " .\n".to_owned() } else { format!(" {line}\n") }).collect();
    let holder = mit.lines().find_map(|line| line.strip_prefix("Copyright (c) ")).unwrap_or_default();
    Ok(format!(
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\
         Upstream-Name: csbackup\n\
         Source: {HOMEPAGE}\n\
         Comment: Crates of others are linked into the program. Their licences are in\n\
         \x20/usr/share/doc/csbackup/THIRD-PARTY.txt.gz\n\n\
         Files: *\n\
         Copyright: {holder}\n\
         License: Expat or Apache-2.0\n\n\
         License: Expat\n\
         {terms}\n\
         License: Apache-2.0\n\
         \x20On Debian systems the text of this licence is in\n\
         \x20/usr/share/common-licenses/Apache-2.0\n"
    ))
}

fn changelog(release: &Release) -> Result<String> {
    let date = release.date("%a, %d %b %Y %H:%M:%S +0000")?;
    Ok(format!(
        "csbackup ({}-{REVISION}) unstable; urgency=medium\n\n  \
           * Version {}; what changed is in changelog.gz.\n\n \
         -- {MAINTAINER}  {date}\n",
        release.version, release.version
    ))
}

fn gzip(file: &Path) -> Result<()> {
    tools::run(Command::new("gzip").args(["-9n", "--force"]).arg(file))
}
