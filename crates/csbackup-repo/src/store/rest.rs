//! Servers that speak restic's REST protocol: rest-server, and `rclone serve restic`.
//!
//! Our own client, not the library's: that one takes any error for "there is no repository", does not
//! compare lengths, and hides what the server said.
//!
//! Source: restic documentation, "REST Backend".

use std::fmt;

use bytes::Bytes;
use csbackup::StoreTrouble;
use reqwest::header::{ACCEPT, CONTENT_LENGTH, RANGE};
use reqwest::{Body, Client, Method, RequestBuilder, StatusCode, Url};
use rustic_core::{BytesList, FileType, Id, ReadBackend, RusticResult, WriteBackend};
use serde::Deserialize;

use super::network::{Network, root};
use super::{StoreOptions, present};
use crate::error::StoreError;

use crate::lock::LockFiles;

/// Lists with sizes.
const LIST: &str = "application/vnd.x.restic.rest.v2";

/// A file in a list.
#[derive(Deserialize)]
struct Entry {
    name: String,
    size: u64,
}

/// One repository on a rest server.
pub(super) struct RestStore {
    client: Client,
    network: Network,
    /// For people.
    place: String,
    /// The repository's address, with user and password: never shown.
    url: Url,
}

impl fmt::Debug for RestStore {
    /// The address has a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RestStore({})", self.place)
    }
}

impl RestStore {
    pub(super) fn new(url: &Url, folder: &str, options: &StoreOptions) -> Result<Self, StoreError> {
        let unusable = |_| StoreError::new(StoreTrouble::Failed, "the address cannot have folders or a user");
        let network = Network::new(options.timeout)?;
        let mut url = url.clone();
        url.path_segments_mut().map_err(unusable)?.pop_if_empty().push(folder).push("");
        let place = format!("rest:{url}");
        let who = &options.credentials;
        if let Some(user) = who.user.as_deref().filter(|_| url.username().is_empty()) {
            url.set_username(user).map_err(unusable)?;
        }
        if let Some(password) = &who.password {
            url.set_password(Some(password.reveal())).map_err(unusable)?;
        }
        let client =
            Client::builder().connect_timeout(network.connect_timeout()).build().map_err(|error| {
                StoreError::new(
                    StoreTrouble::Failed,
                    format!("the HTTP client cannot be set up: {}", root(&error)),
                )
            })?;
        Ok(Self { client, network, place, url })
    }

    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, StoreError> {
        let url = self.url.join(path).map_err(|error| {
            StoreError::new(StoreTrouble::Failed, format!("`{path}` cannot be part of an address: {error}"))
        })?;
        Ok(self.client.request(method, url))
    }

    /// Sends a request that moves about this many bytes, and takes the answer.
    fn send(
        &self,
        what: &str,
        bytes: u64,
        request: RequestBuilder,
    ) -> Result<(StatusCode, Bytes), StoreError> {
        let failed = |error: reqwest::Error| {
            let trouble = match error.is_builder() || error.is_decode() {
                true => StoreTrouble::Failed,
                false => StoreTrouble::Unreachable,
            };
            StoreError::new(trouble, format!("cannot {what}: {}", root(&error.without_url())))
        };
        self.network.wait(bytes, async {
            let answer = request.send().await.map_err(failed)?;
            let status = answer.status();
            Ok((status, answer.bytes().await.map_err(failed)?))
        })
    }

    fn files(&self, kind: FileType) -> Result<Vec<(Id, u32)>, StoreError> {
        if kind == FileType::Config {
            return match self.send("look for `config`", 0, self.request(Method::HEAD, "config")?)? {
                (StatusCode::OK, _) => Ok(vec![(Id::default(), 0)]),
                (StatusCode::NOT_FOUND, _) => Ok(Vec::new()),
                (status, body) => Err(refused("look for `config`", false, status, &body)),
            };
        }
        let listed = self.names(kind.dirname())?.into_iter();
        let known =
            |entry: Entry| Some((entry.name.parse().ok()?, u32::try_from(entry.size).unwrap_or(u32::MAX)));
        Ok(listed.filter_map(known).collect())
    }

    /// Names and sizes in one of the repository's folders.
    fn names(&self, folder: &str) -> Result<Vec<Entry>, StoreError> {
        let what = format!("list `{folder}/`");
        let request = self.request(Method::GET, &format!("{folder}/"))?.header(ACCEPT, LIST);
        let body = match self.send(&what, 0, request)? {
            (StatusCode::OK, body) => body,
            (status, body) => return Err(refused(&what, false, status, &body)),
        };
        // A list without entries is `null` for some servers.
        let entries: Option<Vec<Entry>> = serde_json::from_slice(&body).map_err(|error| {
            StoreError::new(StoreTrouble::Failed, format!("cannot {what}: the answer is no list: {error}"))
        })?;
        Ok(entries.unwrap_or_default())
    }

    fn get(&self, path: &str, part: Option<(u32, u32)>) -> Result<Bytes, StoreError> {
        let what = format!("read `{path}`");
        let mut request = self.request(Method::GET, path)?;
        let mut expected = StatusCode::OK;
        if let Some((offset, length)) = part {
            let last = u64::from(offset) + u64::from(length).saturating_sub(1);
            request = request.header(RANGE, format!("bytes={offset}-{last}"));
            expected = StatusCode::PARTIAL_CONTENT;
        }
        // Of a whole file the size is not known before; those that are read whole are small.
        let bytes = part.map_or(8 << 20, |(_, length)| u64::from(length));
        let (status, body) = self.send(&what, bytes, request)?;
        if status != expected {
            return Err(refused(&what, false, status, &body));
        }
        match part {
            Some((offset, length)) if body.len() as u64 != u64::from(length) => {
                let reason = format!("`{path}` has {} of {length} bytes at {offset}", body.len());
                Err(StoreError::new(StoreTrouble::Damaged, reason))
            }
            _ => Ok(body),
        }
    }

    fn post(&self, path: &str, content: BytesList) -> Result<(), StoreError> {
        let (what, size) = (format!("write `{path}`"), content.size());
        let pieces = content.clone().into_vec().into_iter().map(Ok::<_, std::io::Error>);
        let body = Body::wrap_stream(futures::stream::iter(pieces));
        // With it a server can tell a whole file from the beginning of one.
        let request = self.request(Method::POST, path)?.header(CONTENT_LENGTH, size).body(body);
        let (status, answer) = self.send(&what, size as u64, request)?;
        if status.is_success() {
            return Ok(());
        }
        let refused = refused(&what, true, status, &answer);
        // An append-only server refuses what it has already: a first attempt whose answer was lost.
        let whole = || content.slice().concat();
        match refused.trouble == StoreTrouble::ReadOnly
            && self.get(path, None).is_ok_and(|had| had == whole())
        {
            true => Ok(()),
            false => Err(refused),
        }
    }

    fn delete(&self, path: &str) -> Result<(), StoreError> {
        let what = format!("remove `{path}`");
        let (status, body) = self.send(&what, 0, self.request(Method::DELETE, path)?)?;
        if status.is_success() { Ok(()) } else { Err(refused(&what, true, status, &body)) }
    }

    fn make(&self) -> Result<(), StoreError> {
        let what = "make the repository";
        let (status, body) = self.send(what, 0, self.request(Method::POST, "?create=true")?)?;
        if status.is_success() { Ok(()) } else { Err(refused(what, true, status, &body)) }
    }
}

impl LockFiles for RestStore {
    fn list(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.names("locks")?.into_iter().map(|entry| entry.name).collect())
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        present(self.get(&format!("locks/{name}"), None).map(Into::into))
    }

    fn write(&self, name: &str, content: &[u8]) -> Result<(), StoreError> {
        self.post(&format!("locks/{name}"), Bytes::copy_from_slice(content).into())
    }

    fn remove(&self, name: &str) -> Result<(), StoreError> {
        present(self.delete(&format!("locks/{name}"))).map(drop)
    }
}

fn path(kind: FileType, id: &Id) -> String {
    match kind {
        FileType::Config => "config".to_owned(),
        _ => format!("{}/{}", kind.dirname(), id.to_hex().as_str()),
    }
}

/// What a status means when it was not the one that was hoped for.
fn refused(what: &str, changes: bool, status: StatusCode, body: &[u8]) -> StoreError {
    let body = String::from_utf8_lossy(body);
    let said = body.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let said: String = said.chars().filter(|c| !c.is_control()).take(200).collect();
    let (trouble, reason) = match status {
        StatusCode::UNAUTHORIZED => (StoreTrouble::Refused, "the server does not accept user and password"),
        StatusCode::FORBIDDEN | StatusCode::METHOD_NOT_ALLOWED if changes => {
            (StoreTrouble::ReadOnly, "the server does not allow it; it may be append-only")
        }
        StatusCode::FORBIDDEN => (StoreTrouble::Refused, "the server does not allow it"),
        StatusCode::NOT_FOUND => (StoreTrouble::Damaged, "it is not there"),
        StatusCode::PAYLOAD_TOO_LARGE | StatusCode::INSUFFICIENT_STORAGE => {
            (StoreTrouble::Full, "the server has no more space for us")
        }
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => (StoreTrouble::Unreachable, "the server is not ready"),
        _ => (StoreTrouble::Failed, "the server failed"),
    };
    let code = status.as_u16();
    let said = if said.is_empty() { String::new() } else { format!(": {said}") };
    StoreError::new(trouble, format!("cannot {what}: {reason} ({code}{said})"))
}

impl ReadBackend for RestStore {
    fn location(&self) -> String {
        self.place.clone()
    }

    fn list_with_size(&self, kind: FileType) -> RusticResult<Vec<(Id, u32)>> {
        self.files(kind).map_err(StoreError::boxed)
    }

    fn read_full(&self, kind: FileType, id: &Id) -> RusticResult<Bytes> {
        self.get(&path(kind, id), None).map_err(StoreError::boxed)
    }

    fn read_partial(
        &self,
        kind: FileType,
        id: &Id,
        _cacheable: bool,
        offset: u32,
        length: u32,
    ) -> RusticResult<Bytes> {
        self.get(&path(kind, id), Some((offset, length))).map_err(StoreError::boxed)
    }

    fn warmup_path(&self, kind: FileType, id: &Id) -> String {
        path(kind, id)
    }
}

impl WriteBackend for RestStore {
    fn create(&self) -> RusticResult<()> {
        self.make().map_err(StoreError::boxed)
    }

    fn write_bytes(&self, kind: FileType, id: &Id, _cacheable: bool, content: BytesList) -> RusticResult<()> {
        self.post(&path(kind, id), content).map_err(StoreError::boxed)
    }

    fn remove(&self, kind: FileType, id: &Id, _cacheable: bool) -> RusticResult<()> {
        self.delete(&path(kind, id)).map_err(StoreError::boxed)
    }
}
