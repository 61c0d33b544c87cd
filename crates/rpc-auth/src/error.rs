use crate::Account;

/// Why nobody can be logged on, before or after a server was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is not the name of an account.
    #[error("`{}` is not an account name (`DOMAIN\\user`, `user@realm` or `user`)", .0.escape_debug())]
    Account(String),
    /// The text is not the name of a method.
    #[error("`{}` is not a way to log on (`negotiate`, `kerberos` or `ntlm`)", .0.escape_debug())]
    Method(String),
    /// The credentials are of a kind that NTLM cannot use.
    #[error("NTLM needs a password or an NT hash, there is only {0}")]
    NotForNtlm(&'static str),
    /// The credentials are of a kind that Kerberos cannot use.
    #[error("Kerberos needs a password, a keytab or a credential cache, there is only {0}")]
    NotForKerberos(&'static str),
    /// Nothing says which realm an account belongs to.
    #[error(
        "no Kerberos realm is known for `{0}`: name it as `user@REALM`, or set default_realm in krb5.conf"
    )]
    NoRealm(Account),
    /// Tickets are for names.
    #[error("Kerberos needs the name of the host, `{0}` is an address")]
    Address(String),
    /// No credential cache was named and the environment names none.
    #[error("no credential cache is named: KRB5CCNAME is not set, or not to a file")]
    NoCache,
    /// The credential cache is somebody else's.
    #[error("the credential cache is that of {found}, not of `{wanted}`")]
    OtherCache {
        /// Who was to log on.
        wanted: Account,
        /// Whose cache it is.
        found: String,
    },
    /// The server refused the proof. It does not say whether the user is unknown or the password wrong.
    #[error("the host `{host}` refused the user name or password of `{account}` (it does not say which)")]
    Refused {
        /// Who tried to log on.
        account: String,
        /// The host.
        host: String,
    },
    /// Kerberos files or names are not usable.
    #[error(transparent)]
    Kerberos(#[from] kerberos::Error),
    /// The system has no randomness to give.
    #[error("the system gives no random bytes")]
    Random(#[from] getrandom::Error),
}
