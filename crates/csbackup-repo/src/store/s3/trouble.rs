//! What an S3 server means by its errors.

use std::error::Error as StdError;

use csbackup::StoreTrouble;
use object_store::Error;
use object_store::client::{HttpError, HttpErrorKind};

use crate::error::StoreError;
use crate::store::network::root;

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    Read,
    List,
    Write,
    Remove,
}

impl Doing {
    fn verb(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::List => "list",
            Self::Write => "write",
            Self::Remove => "remove",
        }
    }

    fn changes(self) -> bool {
        matches!(self, Self::Write | Self::Remove)
    }
}

/// The error of a request for `what`.
///
/// `object_store` shows status and content of an answer nowhere but in the text of its errors, so they
/// are looked for there.
pub(super) fn explain(doing: Doing, what: &str, error: &Error) -> StoreError {
    let text = error.to_string();
    let code = between(&text, "<Code>", "</Code>").unwrap_or_default();
    let message = between(&text, "<Message>", "</Message>").unwrap_or_default();
    let verb = doing.verb();
    let (trouble, reason) = match code {
        "NoSuchBucket" => (StoreTrouble::Missing, "there is no such bucket".to_owned()),
        "QuotaExceeded" | "XMinioStorageFull" | "InsufficientCapacity" | "EntityTooLarge" => {
            (StoreTrouble::Full, format!("the store takes no more: {code} {message}"))
        }
        "RequestTimeTooSkewed" => {
            (StoreTrouble::Refused, "the clocks of this machine and of the server differ too much".to_owned())
        }
        "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "ExpiredToken"
        | "InvalidToken"
        | "AccountProblem"
        | "AuthorizationHeaderMalformed"
        | "InvalidClientTokenId"
        | "NotSignedUp" => {
            (StoreTrouble::Refused, format!("the server does not accept the credentials: {code} {message}"))
        }
        "SlowDown" | "ServiceUnavailable" => (StoreTrouble::Unreachable, "the server is too busy".to_owned()),
        _ => match error {
            Error::PermissionDenied { .. } if doing.changes() => {
                (StoreTrouble::ReadOnly, format!("these credentials may not {verb} `{what}`"))
            }
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
                (StoreTrouble::Refused, format!("these credentials may not {verb} `{what}`"))
            }
            Error::NotFound { .. } => (StoreTrouble::Damaged, format!("`{what}` is not there")),
            _ => by_transport(error, &text, verb, what),
        },
    };
    StoreError::new(trouble, reason.trim_end())
}

/// An error without a code of S3.
fn by_transport(error: &Error, text: &str, verb: &str, what: &str) -> (StoreTrouble, String) {
    let why = match text.split_once("status code: ") {
        Some((_, status)) => status.trim_end_matches([':', ' ']).to_owned(),
        None => root(error),
    };
    let reason = format!("cannot {verb} `{what}`: {why}");
    if why.starts_with("507") {
        return (StoreTrouble::Full, reason);
    }
    let busy = ["429", "502", "503", "504"].iter().any(|status| why.starts_with(status));
    let unreachable = matches!(
        http_error(error),
        Some(
            HttpErrorKind::Connect
                | HttpErrorKind::Timeout
                | HttpErrorKind::Interrupted
                | HttpErrorKind::Request
        )
    );
    let trouble = if busy || unreachable { StoreTrouble::Unreachable } else { StoreTrouble::Failed };
    (trouble, reason)
}

fn http_error(error: &Error) -> Option<HttpErrorKind> {
    let mut source: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(inner) = source {
        if let Some(http) = inner.downcast_ref::<HttpError>() {
            return Some(http.kind());
        }
        source = inner.source();
    }
    None
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found)
}
