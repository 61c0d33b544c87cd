//! Lock files on a rest server; an append-only one lets them be removed.

use reqwest::header::ACCEPT;
use reqwest::{Method, StatusCode};
use serde::Deserialize;

use csbackup::StoreTrouble;

use super::{LIST, RestStore, refused};
use crate::error::StoreError;
use crate::lock::LockFiles;
use crate::store::locks::present;

impl LockFiles for RestStore {
    fn list(&self) -> Result<Vec<String>, StoreError> {
        #[derive(Deserialize)]
        struct Entry {
            name: String,
        }
        let what = "list `locks/`";
        let (status, body) = self.send(what, 0, self.request(Method::GET, "locks/")?.header(ACCEPT, LIST))?;
        if status != StatusCode::OK {
            return Err(refused(what, false, status, &body));
        }
        // A list without entries is `null` for some servers.
        let entries: Option<Vec<Entry>> = serde_json::from_slice(&body).map_err(|error| {
            StoreError::new(StoreTrouble::Failed, format!("cannot {what}: the answer is no list: {error}"))
        })?;
        Ok(entries.unwrap_or_default().into_iter().map(|entry| entry.name).collect())
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let what = format!("read the lock `{name}`");
        let (status, body) = self.send(&what, 0, self.request(Method::GET, &format!("locks/{name}"))?)?;
        match status {
            StatusCode::OK => Ok(Some(body.to_vec())),
            status => present(Err(refused(&what, false, status, &body))),
        }
    }

    fn write(&self, name: &str, content: &[u8]) -> Result<(), StoreError> {
        let what = format!("write the lock `{name}`");
        let request = self.request(Method::POST, &format!("locks/{name}"))?.body(content.to_vec());
        let (status, body) = self.send(&what, 0, request)?;
        if status.is_success() { Ok(()) } else { Err(refused(&what, true, status, &body)) }
    }

    fn remove(&self, name: &str) -> Result<(), StoreError> {
        let what = format!("remove the lock `{name}`");
        let (status, body) = self.send(&what, 0, self.request(Method::DELETE, &format!("locks/{name}"))?)?;
        match status.is_success() {
            true => Ok(()),
            false => present::<()>(Err(refused(&what, true, status, &body))).map(drop),
        }
    }
}
