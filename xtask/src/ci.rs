//! `cargo xtask ci`: everything a change must pass, cheapest first. The first failure ends it.

use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};

use crate::{check, deny, test, tools, windows};

pub(crate) fn run() -> Result<ExitCode> {
    step("fmt", tools::cargo().args(["fmt", "--all", "--check"]), "run `cargo fmt --all`")?;
    step(
        "clippy",
        tools::cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
        "mend each warning; silence one only with `#[expect(.., reason = \"..\")]`",
    )?;
    windows()?;
    deny()?;
    announce("check");
    if check::run()? != ExitCode::SUCCESS {
        bail!("ci stopped at `check`");
    }
    step(
        "doc",
        tools::cargo().args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"),
        "mend each warning of rustdoc",
    )?;
    announce("test");
    test::run(&[])
}

/// Where the compiler for Linux sees nothing; what they depend on is soon checked.
fn windows() -> Result<()> {
    if let Err(error) = windows::require_tools() {
        // The tests skip it by name, and in CI fail for it.
        println!("clippy for Windows is left out: {error:#}");
        return Ok(());
    }
    let target =
        ["clippy", "--target", windows::TARGET, "--package", "winhost", "--package", "certadm-native"];
    step(
        "clippy for Windows",
        tools::cargo().args(target).args(["--", "-D", "warnings"]),
        "mend each warning",
    )
}

/// Builds nothing: it reads `Cargo.lock` and what the crates say of themselves.
fn deny() -> Result<()> {
    announce("deny");
    match deny::tool() {
        Ok(tool) => deny::check(&tool),
        Err(error) if tools::in_ci() => Err(error),
        Err(error) => {
            println!("deny is left out: {error:#}");
            Ok(())
        }
    }
}

fn step(name: &str, command: &mut Command, hint: &str) -> Result<()> {
    announce(name);
    let status = command.status().with_context(|| format!("cannot start cargo for `{name}`"))?;
    if !status.success() {
        bail!("ci stopped at `{name}`: {hint}");
    }
    Ok(())
}

fn announce(name: &str) {
    println!("== {name}");
}
