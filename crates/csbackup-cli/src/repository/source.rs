//! The password of a repository: where it is taken from.

use anyhow::ensure;
use csbackup_repo::{Location, Password};
use rpc_auth::Secret;

use crate::args::{NewPassword, RepositoryPassword};
use crate::printer::Printer;
use crate::{env, password};

/// What a password is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Opening what is there.
    Open,
    /// Making a repository: it is asked for twice, and weak ones are refused.
    Choose,
}

/// The password of the repositories at `location`: from the place that an option names, else from the
/// environment, else from a prompt.
pub(crate) fn password(
    given: &RepositoryPassword,
    location: &Location,
    purpose: Purpose,
) -> anyhow::Result<Password> {
    let place = Place {
        options: given.options,
        variables: given.variables,
        service: "csbackup-repo",
        file: given.repo_password_file.as_deref(),
        command: given.repo_password_command.as_deref(),
        keyring: given.repo_password_keyring,
    };
    let prompt = match purpose {
        Purpose::Open => format!("password of the repository {location}: "),
        Purpose::Choose => format!("password for the new repository {location}: "),
    };
    place.find(location, purpose, &prompt)
}

/// A password that a repository at `location` is to have.
pub(crate) fn new_password(given: &NewPassword, location: &Location) -> anyhow::Result<Password> {
    let place = Place {
        options: "--new-password",
        variables: &[env::NEW_REPO_PASSWORD],
        service: "csbackup-new-repo",
        file: given.new_password_file.as_deref(),
        command: given.new_password_command.as_deref(),
        keyring: given.new_password_keyring,
    };
    place.find(location, Purpose::Choose, &format!("new password of the repository {location}: "))
}

/// Where one is.
struct Place<'a> {
    /// How the names of the options begin.
    options: &'static str,
    /// Environment variables; the first that is set counts.
    variables: &'static [&'static str],
    /// Service in the keyring; the user is the location.
    service: &'static str,
    file: Option<&'a std::path::Path>,
    command: Option<&'a str>,
    keyring: bool,
}

impl Place<'_> {
    fn find(&self, location: &Location, purpose: Purpose, prompt: &str) -> anyhow::Result<Password> {
        let secret = self.secret(location, purpose, prompt)?;
        let password = Password::new(secret.expose());
        if purpose == Purpose::Choose {
            let weakness = password.weakness();
            ensure!(weakness.is_none(), "the password {}", weakness.unwrap_or_default());
        }
        Ok(password)
    }

    fn secret(&self, location: &Location, purpose: Purpose, prompt: &str) -> anyhow::Result<Secret> {
        if let Some(file) = self.file {
            return password::of_first_line(file, Printer::of_this_run());
        }
        if let Some(command) = self.command {
            return password::of_command(command);
        }
        if self.keyring {
            return password::of_keyring(self.service, &location.to_string());
        }
        for variable in self.variables {
            if let Some(text) = env::value(variable)? {
                return Ok(Secret::new(text));
            }
        }
        let missing = || {
            let (options, variable) = (self.options, self.variables.join(" or "));
            format!(
                "no password for the repository `{location}`: give `{options}-file`, `{options}-command` or \
                 `{options}-keyring`, or set {variable}"
            )
        };
        match purpose {
            Purpose::Open => password::ask(prompt, missing),
            Purpose::Choose => password::ask_twice(prompt, missing),
        }
    }
}
