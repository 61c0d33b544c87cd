//! `cargo xtask deny`: licences, sources and bans of all dependencies, by the rules of `deny.toml`.
//!
//! Not in CI: cargo-deny takes minutes to build there, and what it looks at changes with `Cargo.lock` only. Its list
//! of advisories is fetched from the network, so `cargo deny check advisories` is for machines that reach it.

use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};

use crate::tools;

const VERSION: &str = "0.20.2";

pub(crate) fn check() -> Result<ExitCode> {
    let deny = tools::cargo_install("cargo-deny", VERSION)?;
    let status = Command::new(deny)
        .args(["--workspace", "--locked", "check", "bans", "licenses", "sources"])
        .current_dir(tools::workspace())
        .status()
        .context("cannot start cargo-deny")?;
    if !status.success() {
        bail!("a dependency is against the rules of deny.toml");
    }
    Ok(ExitCode::SUCCESS)
}
