//! Where a password comes from: never from an argument, which everybody on a machine can read.

use std::fs;
use std::io::{IsTerminal as _, stderr, stdin};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};
use clap::error::ErrorKind;
use rpc_auth::Secret;
use zeroize::Zeroizing;

use crate::args::PasswordSource;
use crate::env;
use crate::exit::usage;
use crate::printer::Printer;

/// Service name of the entries in the keyring of the system.
const SERVICE: &str = "csbackup";

/// The password of `user`: from the place that an option names, else from the environment, else from a
/// prompt where somebody is there to answer it.
pub(crate) fn find(source: &PasswordSource, user: &str, printer: Printer) -> anyhow::Result<Secret> {
    if let Some(file) = &source.password_file {
        return of_file(file, printer);
    }
    if source.password_keyring {
        return of_keyring(SERVICE, user);
    }
    if let Some(password) = env::value(env::PASSWORD)? {
        return Ok(Secret::new(password));
    }
    let missing = || {
        format!(
            "no password for `{user}`: give `--password-file` or `--password-keyring`, or set {}",
            env::PASSWORD
        )
    };
    ask(&format!("password of {user}: "), missing)
}

/// Asks somebody; where nobody is there, `missing` says what to give instead. Never empty.
pub(crate) fn ask(prompt: &str, missing: impl FnOnce() -> String) -> anyhow::Result<Secret> {
    if !(stdin().is_terminal() && stderr().is_terminal()) {
        return Err(usage(ErrorKind::MissingRequiredArgument, &missing()));
    }
    let password = rpassword::prompt_password(prompt).context("cannot ask for the password")?;
    not_empty(password, "the password")
}

/// As [`ask`], twice: a slip of the fingers would lock something away.
pub(crate) fn ask_twice(prompt: &str, missing: impl FnOnce() -> String) -> anyhow::Result<Secret> {
    let first = ask(prompt, missing)?;
    let second = ask("the same once more: ", String::new)?;
    ensure!(first.expose() == second.expose(), "the two passwords differ");
    Ok(first)
}

/// The content of a file, without the end of its line; never empty.
pub(crate) fn of_file(file: &Path, printer: Printer) -> anyhow::Result<Secret> {
    let text = read(file, printer)?;
    let line = text.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text));
    not_empty(line.unwrap_or(&text).to_owned(), &format!("the password file `{}`", file.display()))
}

/// The first line of a file; never empty.
pub(crate) fn of_first_line(file: &Path, printer: Printer) -> anyhow::Result<Secret> {
    let text = read(file, printer)?;
    let line = text.lines().next().unwrap_or_default();
    not_empty(line.to_owned(), &format!("the first line of the password file `{}`", file.display()))
}

fn read(file: &Path, printer: Printer) -> anyhow::Result<Zeroizing<String>> {
    let shown = file.display();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let metadata =
            fs::metadata(file).with_context(|| format!("cannot read the password file `{shown}`"))?;
        let mode = metadata.permissions().mode() & 0o777;
        if metadata.is_file() && mode & 0o044 != 0 {
            let text =
                format!("others can read the password file `{shown}` (mode {mode:04o}): `chmod 600 {shown}`");
            printer.warning(&text);
        }
    }
    #[cfg(not(unix))]
    let _ = printer;
    let bytes = fs::read(file).with_context(|| format!("cannot read the password file `{shown}`"))?;
    text(&Zeroizing::new(bytes)).with_context(|| format!("the password file `{shown}` is not UTF-8"))
}

/// UTF-8, or what editors and PowerShell on Windows write: with a byte order mark.
fn text(bytes: &[u8]) -> Option<Zeroizing<String>> {
    let (units, rest) = bytes.get(2..).unwrap_or_default().as_chunks::<2>();
    let decode = |unit: fn([u8; 2]) -> u16| {
        let units: Zeroizing<Vec<u16>> = Zeroizing::new(units.iter().map(|pair| unit(*pair)).collect());
        String::from_utf16(&units).ok().filter(|_| rest.is_empty())
    };
    let text = match bytes {
        [0xFF, 0xFE, ..] => decode(u16::from_le_bytes),
        [0xFE, 0xFF, ..] => decode(u16::from_be_bytes),
        _ => str::from_utf8(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes)).ok().map(str::to_owned),
    };
    text.map(Zeroizing::new)
}

/// The first line that a command prints; never empty. What it asks and says reaches the terminal.
pub(crate) fn of_command(command: &str) -> anyhow::Result<Secret> {
    // No text names the command: some hold the password itself.
    let output = shell(command)
        .stdin(Stdio::inherit())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run the password command")?;
    let printed = Zeroizing::new(output.stdout);
    ensure!(output.status.success(), "the password command failed ({})", output.status);
    let text = text(&printed).context("what the password command printed is not UTF-8")?;
    not_empty(text.lines().next().unwrap_or_default().to_owned(), "what the password command printed")
}

#[cfg(not(windows))]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]);
    shell
}

#[cfg(windows)]
fn shell(command: &str) -> Command {
    use std::os::windows::process::CommandExt as _;
    let mut shell = Command::new("cmd");
    // As it stands: the shell of Windows has its own rules for quotes.
    shell.arg("/C").raw_arg(command);
    shell
}

fn not_empty(password: String, what: &str) -> anyhow::Result<Secret> {
    ensure!(!password.is_empty(), "{what} is empty");
    Ok(Secret::new(password))
}

/// The entry of a service for a user; never empty.
#[cfg(feature = "keyring")]
pub(crate) fn of_keyring(service: &str, user: &str) -> anyhow::Result<Secret> {
    let entry = keyring::Entry::new(service, user).map_err(|error| match keyring::Entry::store_status() {
        // Only this tells why.
        Err(reason) => anyhow::anyhow!("there is no keyring here: {reason}"),
        Ok(()) => error.into(),
    })?;
    match entry.get_password() {
        Ok(password) => not_empty(password, "the password in the keyring"),
        Err(keyring::Error::NoEntry) => {
            bail!("the keyring has no password of service `{service}` for `{user}`")
        }
        Err(error) => Err(error).with_context(|| format!("cannot read the keyring for `{user}`")),
    }
}

#[cfg(not(feature = "keyring"))]
pub(crate) fn of_keyring(service: &str, _user: &str) -> anyhow::Result<Secret> {
    bail!("this program was built without support for keyrings (service `{service}`)")
}
