//! `csbackup`: backup and recovery of Microsoft certification authorities.

mod advice;
mod archive;
mod args;
mod authority;
mod commands;
mod config;
mod copy;
mod crl;
mod demo;
mod doctor;
mod drill;
mod dump;
mod env;
mod exit;
mod generate;
mod key;
mod library;
mod log;
mod look;
mod password;
mod ping;
mod printer;
mod progress;
mod report;
mod repository;
mod restore;
mod road;
mod rows;
mod run;
mod schedule;
mod serve;
mod sets;
mod state;
mod status;
mod upkeep;
mod windows;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::Args;
use crate::printer::Printer;

fn main() -> ExitCode {
    let args = match parsed() {
        Ok(args) => args,
        Err(error) => {
            if let Some(error) = error.downcast_ref::<clap::Error>() {
                error.exit();
            }
            let code = exit::code_of(&error);
            let is_json = std::env::args_os().any(|word| word == "--json");
            Printer::new(is_json, false).error(&error, &[], code);
            return code.into();
        }
    };
    let printer = Printer::new(args.json, args.quiet);
    let ended = log::start(&args).and_then(|()| commands::run(&args, &printer));
    windows::record(&args, &ended);
    match ended {
        Ok(code) => code.into(),
        Err(error) => {
            if let Some(error) = error.downcast_ref::<clap::Error>() {
                error.exit();
            }
            let code = exit::code_of(&error);
            printer.error(&error, &advice::hints(&error, args.is_remote()), code);
            code.into()
        }
    }
}

/// What was typed, with what the configuration says of a CA that was named.
fn parsed() -> anyhow::Result<Args> {
    let expanded = config::expand(std::env::args_os().collect())?;
    Args::try_parse_from(&expanded.args).map_err(|error| expanded.explain(error))
}
