//! The project's own commands: `cargo xtask COMMAND`. CI runs `cargo xtask ci` and nothing else.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a developer's tool: its output is for the reader, not for another program"
)]

mod check;
mod ci;
mod deny;
mod dist;
mod test;
mod tools;
mod windows;

use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};

const USAGE: &str = "\
usage: cargo xtask COMMAND

  ci            formatting, clippy, deny, check, documentation, then all tests: what CI runs
  check         the rules no compiler knows: crate edges, file lengths, unfinished code, documents
  test          install what the tests need, run them all, count passed, failed and skipped
  library       build libcertadm.so (our Certadm for this system) and its header into `target/library`
  windows       build csbackup.exe, certadm.dll and the C example into `target/windows`
  dist [PARTS]  what is released, into `target/dist`: --static, --deb, --zip, --msi, --sbom, without these all;
                --check installs, tries and removes it in a fresh Debian and a fresh Wine
  deny          licences, sources and bans of the dependencies, by deny.toml
  bench [ARGS]  run the benchmarks (`benches/run.sh`)";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    run(&args).unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn run(args: &[String]) -> Result<ExitCode> {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["ci"] => ci::run(),
        ["check"] => check::run(),
        ["test"] => test::run(&[]),
        // Not in the usage: `cargo xtask test -- -p ese` runs a part, with the same set-up and count.
        ["test", "--", cargo_args @ ..] => test::run(cargo_args),
        ["windows"] => windows::run(),
        ["library"] => windows::library(),
        ["dist", words @ ..] => dist::run(words),
        ["deny"] => deny::run(),
        ["bench", bench_args @ ..] => bench(bench_args),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        [] => bail!("no command given\n\n{USAGE}"),
        other => bail!("cannot understand `{}`\n\n{USAGE}", other.join(" ")),
    }
}

fn bench(args: &[&str]) -> Result<ExitCode> {
    let script = tools::workspace().join("benches/run.sh");
    if !script.is_file() {
        bail!("there are no benchmarks: `benches/run.sh` does not exist");
    }
    tools::peers();
    let status = Command::new("bash")
        .arg(&script)
        .args(args)
        .current_dir(tools::workspace())
        .status()
        .context("cannot start bash for `benches/run.sh`")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
