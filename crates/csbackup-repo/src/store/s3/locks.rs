//! Lock files as objects.

use bytes::Bytes;
use futures::StreamExt as _;
use object_store::path::Path;
use object_store::{ObjectStore as _, ObjectStoreExt as _, PutPayload};

use super::trouble::{Doing, explain};
use super::{S3Store, key};
use crate::error::StoreError;
use crate::lock::LockFiles;
use crate::store::locks::present;

impl S3Store {
    fn lock(&self, name: &str) -> Result<Path, StoreError> {
        key(&format!("{}/locks/{name}", self.root))
    }
}

impl LockFiles for S3Store {
    fn list(&self) -> Result<Vec<String>, StoreError> {
        let folder = key(&format!("{}/locks", self.root))?;
        let mut listed = self.client.list(Some(&folder));
        let mut names = Vec::new();
        while let Some(object) = self.network.wait(0, async { Ok(listed.next().await) })? {
            let object = object.map_err(|error| explain(Doing::List, folder.as_ref(), &error))?;
            names.extend(object.location.filename().map(str::to_owned));
        }
        Ok(names)
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(present(self.get(&self.lock(name)?, None))?.map(|(bytes, _)| bytes.to_vec()))
    }

    fn write(&self, name: &str, content: &[u8]) -> Result<(), StoreError> {
        let key = self.lock(name)?;
        let content = PutPayload::from_bytes(Bytes::copy_from_slice(content));
        let put = async {
            let put = self.client.put(&key, content).await;
            put.map(drop).map_err(|error| explain(Doing::Write, key.as_ref(), &error))
        };
        self.network.wait(0, put)
    }

    fn remove(&self, name: &str) -> Result<(), StoreError> {
        let key = self.lock(name)?;
        let delete = async {
            self.client.delete(&key).await.map_err(|error| explain(Doing::Remove, key.as_ref(), &error))
        };
        present(self.network.wait(0, delete)).map(drop)
    }
}
