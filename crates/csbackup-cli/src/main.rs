//! `csbackup`: backup and recovery of Microsoft certification authorities.

mod advice;
mod archive;
mod args;
mod authority;
mod commands;
mod copy;
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
mod serve;
mod sets;
mod upkeep;
mod windows;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::Args;
use crate::printer::Printer;

fn main() -> ExitCode {
    let args = Args::parse();
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
