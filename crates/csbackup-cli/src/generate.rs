//! `csbackup generate DIR`: shell completions and man pages, for who packages the program.
//!
//! ```text
//! DIR/completions/csbackup.bash, _csbackup (zsh), csbackup.fish, _csbackup.ps1
//! DIR/man/csbackup.1, csbackup-backup.1, ...
//! ```
//!
//! They are made from the definition that reads the arguments, so they cannot tell of other ones.

use std::fs;

use anyhow::Context as _;
use clap::CommandFactory as _;
use clap_complete::Shell;
use serde_json::json;

use crate::args::{Args, Generate};
use crate::exit::Exit;
use crate::printer::Printer;

const SHELLS: [Shell; 4] = [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell];

pub(crate) fn generate(args: &Generate, printer: Printer) -> anyhow::Result<Exit> {
    let [completions, man] = ["completions", "man"].map(|name| args.dir.join(name));
    for folder in [&completions, &man] {
        fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    }
    for shell in SHELLS {
        clap_complete::generate_to(shell, &mut Args::command(), "csbackup", &completions)
            .with_context(|| format!("cannot write into `{}`", completions.display()))?;
    }
    clap_mangen::generate_to(Args::command(), &man)
        .with_context(|| format!("cannot write into `{}`", man.display()))?;
    let text = format!("completions and man pages are in {}", args.dir.display());
    printer.result("generated", json!({ "dir": args.dir }), &text);
    Ok(Exit::Done)
}
