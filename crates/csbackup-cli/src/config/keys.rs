//! The keys of a CA.

/// Options that a section may have. Each is an option of some command, and means what it means there.
pub(super) const OPTIONS: &[&str] = &[
    "archive",
    "auth",
    "ca",
    "ca-dir",
    "ca-name",
    "ccache",
    "certadm",
    "copies-before-truncate",
    "copy-password-command",
    "copy-password-file",
    "copy-password-keyring",
    "copy-to",
    "dir",
    "identity",
    "kdc",
    "keep-logs",
    "key-password-file",
    "key-password-keyring",
    "keytab",
    "limit-download",
    "limit-upload",
    "local",
    "map",
    "no-smb",
    "password-file",
    "password-keyring",
    "read-size",
    "recipient",
    "recipients-file",
    "repo",
    "repo-password-command",
    "repo-password-file",
    "repo-password-keyring",
    "restart-service",
    "scratch",
    "smb-host",
    "timeout",
    "user",
    "verify",
    "verify-store",
    "wait",
    "with-key",
];

/// Where the CA is, and who asks: only for commands that ask a CA. A restore to a CA is never a default.
pub(super) const PLACE: &[&str] = &[
    "auth",
    "ca",
    "ca-dir",
    "ccache",
    "certadm",
    "kdc",
    "keytab",
    "local",
    "password-file",
    "password-keyring",
    "read-size",
    "timeout",
    "user",
];

/// Of each of these one is given; what the command line says stands for the others too.
pub(super) const ONE_OF: &[&[&str]] = &[
    &["ca", "ca-dir", "local"],
    &["dir", "repo", "archive"],
    &["password-file", "password-keyring", "keytab", "ccache"],
    &["repo-password-file", "repo-password-command", "repo-password-keyring"],
    &["copy-password-file", "copy-password-command", "copy-password-keyring"],
    &["key-password-file", "key-password-keyring"],
];

/// Options whose value is a path: it is a full one, since nobody knows in which folder a scheduled run begins.
pub(super) const PATHS: &[&str] = &[
    "archive",
    "ca-dir",
    "ccache",
    "certadm",
    "copy-password-file",
    "dir",
    "identity",
    "key-password-file",
    "keytab",
    "password-file",
    "recipients-file",
    "repo-password-file",
    "scratch",
];

/// What a policy may say.
pub(super) const POLICY: &[&str] = &[
    "certificate-critical",
    "certificate-warning",
    "crl-critical",
    "crl-warning",
    "drill",
    "full",
    "incremental",
    "keep-daily",
    "keep-last",
    "keep-monthly",
    "keep-weekly",
    "keep-within",
    "keep-yearly",
    "offline",
    "prune",
    "rpo",
];

/// The key that was meant, perhaps.
pub(super) fn nearest<'a>(wrong: &str, known: &[&'a str]) -> Option<&'a str> {
    let wrong = wrong.replace('_', "-").to_lowercase();
    let is_near = |key: &&&str| differs_by_little(&wrong, key);
    let is_part = |key: &&&str| key.contains(&wrong) || wrong.contains(**key);
    let is_same = known.iter().find(|key| **key == wrong);
    is_same.or_else(|| known.iter().find(is_near)).or_else(|| known.iter().find(is_part)).copied()
}

/// By one letter, or by two that changed places.
fn differs_by_little(a: &str, b: &str) -> bool {
    let common = |a: &mut dyn Iterator<Item = char>, b: &mut dyn Iterator<Item = char>| {
        a.zip(b).take_while(|(a, b)| a == b).count()
    };
    let (front, back) =
        (common(&mut a.chars(), &mut b.chars()), common(&mut a.chars().rev(), &mut b.chars().rev()));
    front + back + 2 >= a.chars().count().max(b.chars().count())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory as _;

    use super::*;
    use crate::args::Args;

    #[test]
    fn each_key_is_an_option_of_some_command() {
        let command = Args::command();
        let longs: BTreeSet<_> = command
            .get_subcommands()
            .flat_map(|sub| sub.get_arguments().filter_map(|arg| arg.get_long()))
            .collect();
        let policy = POLICY.iter().filter(|key| key.starts_with("keep-"));
        for key in
            OPTIONS.iter().chain(policy).chain(PLACE).chain(PATHS).chain(ONE_OF.iter().copied().flatten())
        {
            assert!(longs.contains(key), "{key}");
        }
    }

    #[test]
    fn a_key_that_was_meant_is_found() {
        let cases = [
            ("repos", "repo"),
            ("repo_password_file", "repo-password-file"),
            ("usre", "user"),
            ("Timeout", "timeout"),
        ];
        for (wrong, meant) in cases {
            assert_eq!(nearest(wrong, OPTIONS), Some(meant));
        }
        assert_eq!(nearest("colour", OPTIONS), None);
    }
}
