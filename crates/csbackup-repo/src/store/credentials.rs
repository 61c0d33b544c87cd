//! Who we are to servers.

use std::fmt;

use crate::keys::Password;

/// Credentials of stores, under the names that Amazon's tools and restic use.
#[derive(Clone, Default)]
pub struct StoreCredentials {
    pub(super) access_key: Option<String>,
    pub(super) secret_key: Option<Password>,
    pub(super) session_token: Option<Password>,
    pub(super) region: Option<String>,
    pub(super) user: Option<String>,
    pub(super) password: Option<Password>,
}

impl StoreCredentials {
    /// The variables that are looked up, and what each is.
    pub const VARIABLES: [(&str, &str); 7] = [
        ("AWS_ACCESS_KEY_ID", "access key of an S3 store"),
        ("AWS_SECRET_ACCESS_KEY", "its secret"),
        ("AWS_SESSION_TOKEN", "its session token, where there is one"),
        ("AWS_REGION", "region of an S3 store"),
        ("AWS_DEFAULT_REGION", "the same, where AWS_REGION is not set"),
        ("RESTIC_REST_USERNAME", "user of a rest server, where the location names none"),
        ("RESTIC_REST_PASSWORD", "password of a rest server"),
    ];

    /// Credentials from variables; `value` gives the value of one, if it is set.
    pub fn from_variables(value: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| value(name).filter(|value| !value.is_empty());
        let secret = |name: &str| set(name).map(Password::new);
        Self {
            access_key: set("AWS_ACCESS_KEY_ID"),
            secret_key: secret("AWS_SECRET_ACCESS_KEY"),
            session_token: secret("AWS_SESSION_TOKEN"),
            region: set("AWS_REGION").or_else(|| set("AWS_DEFAULT_REGION")),
            user: set("RESTIC_REST_USERNAME"),
            password: secret("RESTIC_REST_PASSWORD"),
        }
    }
}

impl fmt::Debug for StoreCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreCredentials")
    }
}
