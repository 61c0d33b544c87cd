//! The log of this program: on stderr, of our own crates only.

use std::io;

use anyhow::anyhow;
use tracing_subscriber::filter::{EnvFilter, FilterExt as _, filter_fn};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::args::{Args, Command};
use crate::{env, windows};

/// Crates whose log is shown, whatever is asked for: others write keys into theirs.
const OURS: [&str; 5] = ["certsrv", "csbackup", "csra_client", "kerberos", "rpc_auth"];

/// Starts to log: what CSBACKUP_LOG says, else what the options ask for.
pub(crate) fn start(args: &Args) -> anyhow::Result<()> {
    let (serves, as_json) = match &args.command {
        Command::Serve(serve) => (true, serve.log_json),
        _ => (false, false),
    };
    let level = match () {
        () if args.verbose => "debug",
        () if args.quiet => "error",
        () if serves => "info",
        // With --json nothing is said beside it, unless it is asked for.
        () if args.json => "off",
        () => "warn",
    };
    let filter = match env::value(env::LOG)? {
        Some(text) => {
            EnvFilter::try_new(&text).map_err(|error| anyhow!("{} = `{text}`: {error}", env::LOG))?
        }
        None => EnvFilter::new(level),
    };
    let ours = filter_fn(|metadata| {
        let name = metadata.target().split("::").next().unwrap_or_default();
        OURS.contains(&name)
    });
    let wanted = env::value(env::NO_COLOR)?.is_none() && io::IsTerminal::is_terminal(&io::stderr());
    let colour = wanted && windows::colour();
    let lines = fmt::layer().with_writer(io::stderr);
    let lines = match as_json {
        true => lines.json().boxed(),
        false => lines.with_ansi(colour).with_target(false).boxed(),
    };
    tracing_subscriber::registry().with(lines.with_filter(filter.and(ours))).init();
    Ok(())
}
