//! `csbackup`: backup and recovery of Microsoft certification authorities.

mod args;
mod commands;
mod demo;
mod exit;
mod printer;
mod progress;
mod report;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::Args;
use crate::printer::Printer;

fn main() -> ExitCode {
    let args = Args::parse();
    let printer = Printer::new(args.json, args.quiet);
    progress::catch_interrupts();
    match commands::run(&args, &printer) {
        Ok(code) => code.into(),
        Err(error) => {
            let code = exit::code_of(&error);
            printer.error(&error, code);
            code.into()
        }
    }
}
