//! S3 stores, in restic's layout.

use bytes::Bytes;
use csbackup::StoreTrouble;
use futures::StreamExt as _;
use object_store::aws::{AmazonS3, AmazonS3Builder, Checksum};
use object_store::path::Path;
use object_store::{
    ClientOptions, GetOptions, GetRange, ObjectStore, ObjectStoreExt as _, PutOptions, PutPayload,
    RetryConfig,
};
use rustic_core::{BytesList, FileType, Id, ReadBackend, RusticResult, WriteBackend};

use super::network::Network;
use super::{StoreOptions, present};
use crate::error::StoreError;
use crate::location::Bucket;
use crate::lock::LockFiles;

mod trouble;

use trouble::{Doing, explain};

/// One repository in a bucket.
#[derive(Debug)]
pub(super) struct S3Store {
    client: AmazonS3,
    network: Network,
    /// For people.
    place: String,
    /// What the keys of all objects begin with, without a slash at its end.
    root: String,
}

impl S3Store {
    pub(super) fn new(bucket: &Bucket, folder: &str, options: &StoreOptions) -> Result<Self, StoreError> {
        let network = Network::new(options.timeout)?;
        let client = client(bucket, options, &network)?;
        let root = format!("{}/{folder}", bucket.prefix).trim_matches('/').to_owned();
        Ok(Self { client, network, place: format!("s3:{bucket}/{folder}"), root })
    }

    fn key(&self, kind: FileType, id: &Id) -> Result<Path, StoreError> {
        let hex = id.to_hex();
        let name = hex.as_str();
        key(&match kind {
            FileType::Config => format!("{}/config", self.root),
            FileType::Pack => format!("{}/data/{}/{name}", self.root, name.get(..2).unwrap_or_default()),
            _ => format!("{}/{}/{name}", self.root, kind.dirname()),
        })
    }

    /// An object, or part of it, with its whole size.
    fn get(&self, key: &Path, range: Option<GetRange>) -> Result<(Bytes, u64), StoreError> {
        let asked = GetOptions { range, ..GetOptions::default() };
        let failed = |error| explain(Doing::Read, key.as_ref(), &error);
        let answer =
            self.network.wait(0, async { self.client.get_opts(key, asked).await.map_err(failed) })?;
        let (size, length) = (answer.meta.size, answer.range.end.saturating_sub(answer.range.start));
        let bytes = self.network.wait(length, async { answer.bytes().await.map_err(failed) })?;
        if bytes.len() as u64 != length {
            let reason = format!("`{key}` ended after {} of {length} bytes", bytes.len());
            return Err(StoreError::new(StoreTrouble::Failed, reason));
        }
        Ok((bytes, size))
    }

    fn files(&self, kind: FileType) -> Result<Vec<(Id, u32)>, StoreError> {
        if kind == FileType::Config {
            // Read, not looked up: an answer without content would not say that the bucket is missing.
            return match self.get(&self.key(kind, &Id::default())?, None) {
                Ok((_, size)) => Ok(vec![(Id::default(), u32::try_from(size).unwrap_or(u32::MAX))]),
                Err(error) if error.trouble == StoreTrouble::Damaged => Ok(Vec::new()),
                Err(error) => Err(error),
            };
        }
        let listed = self.names(kind.dirname())?.into_iter();
        let known =
            |(name, size): (String, u64)| Some((name.parse().ok()?, u32::try_from(size).unwrap_or(u32::MAX)));
        Ok(listed.filter_map(known).collect())
    }

    /// Names and sizes below one of the repository's folders.
    fn names(&self, folder: &str) -> Result<Vec<(String, u64)>, StoreError> {
        let folder = key(&format!("{}/{folder}", self.root))?;
        let mut listed = self.client.list(Some(&folder));
        let mut found = Vec::new();
        while let Some(object) = self.network.wait(0, async { Ok(listed.next().await) })? {
            let object = object.map_err(|error| explain(Doing::List, folder.as_ref(), &error))?;
            found.extend(object.location.filename().map(|name| (name.to_owned(), object.size)));
        }
        Ok(found)
    }

    fn part(&self, kind: FileType, id: &Id, offset: u32, length: u32) -> Result<Bytes, StoreError> {
        let key = self.key(kind, id)?;
        let range = u64::from(offset)..u64::from(offset) + u64::from(length);
        let (bytes, _) = self.get(&key, Some(GetRange::Bounded(range)))?;
        match bytes.len() as u64 == u64::from(length) {
            true => Ok(bytes),
            false => {
                let reason = format!("`{key}` has {} of {length} bytes at {offset}", bytes.len());
                Err(StoreError::new(StoreTrouble::Damaged, reason))
            }
        }
    }

    fn put(&self, key: &Path, content: Vec<Bytes>) -> Result<(), StoreError> {
        let content = PutPayload::from_iter(content);
        self.network.wait(content.content_length() as u64, async {
            let put = self.client.put_opts(key, content, PutOptions::default()).await;
            put.map(drop).map_err(|error| explain(Doing::Write, key.as_ref(), &error))
        })
    }

    fn delete(&self, key: &Path) -> Result<(), StoreError> {
        self.network.wait(0, async {
            self.client.delete(key).await.map_err(|error| explain(Doing::Remove, key.as_ref(), &error))
        })
    }

    fn lock(&self, name: &str) -> Result<Path, StoreError> {
        key(&format!("{}/locks/{name}", self.root))
    }
}

impl LockFiles for S3Store {
    fn list(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.names("locks")?.into_iter().map(|(name, _)| name).collect())
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        present(self.get(&self.lock(name)?, None).map(|(bytes, _)| bytes.into()))
    }

    fn write(&self, name: &str, content: &[u8]) -> Result<(), StoreError> {
        self.put(&self.lock(name)?, vec![Bytes::copy_from_slice(content)])
    }

    fn remove(&self, name: &str) -> Result<(), StoreError> {
        present(self.delete(&self.lock(name)?)).map(drop)
    }
}

fn key(text: &str) -> Result<Path, StoreError> {
    Path::parse(text).map_err(|error| {
        StoreError::new(StoreTrouble::Failed, format!("`{text}` cannot be the key of an object: {error}"))
    })
}

fn client(bucket: &Bucket, options: &StoreOptions, network: &Network) -> Result<AmazonS3, StoreError> {
    let who = &options.credentials;
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&bucket.name)
        .with_region(region(bucket, options))
        .with_client_options(
            // The time of each request is ours: what is right for a list is too short for a pack.
            ClientOptions::new()
                .with_timeout_disabled()
                .with_connect_timeout(network.connect_timeout())
                .with_allow_http(true),
        )
        // Repeated by us, for all stores alike.
        .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() })
        // The server compares it with what arrived; and buckets with object lock want it.
        .with_checksum_algorithm(Checksum::SHA256)
        // Not every server knows the other way.
        .with_disable_bulk_delete(true);
    match &bucket.endpoint {
        Some(endpoint) => builder = builder.with_endpoint(endpoint),
        // A name with dots has no certificate as part of a host name.
        None => builder = builder.with_virtual_hosted_style_request(!bucket.name.contains('.')),
    }
    match (&who.access_key, &who.secret_key) {
        (Some(key), Some(secret)) => {
            builder = builder.with_access_key_id(key).with_secret_access_key(secret.reveal());
            if let Some(token) = &who.session_token {
                builder = builder.with_token(token.reveal());
            }
        }
        // A machine in Amazon's cloud has a role.
        (None, None) if bucket.endpoint.is_none() => {}
        _ => {
            let reason = "there are no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
            return Err(StoreError::new(StoreTrouble::Refused, reason));
        }
    }
    builder.build().map_err(|error| {
        let reason = format!("the S3 client cannot be set up: {}", super::network::root(&error));
        StoreError::new(StoreTrouble::Failed, reason)
    })
}

/// The region that requests are signed for: as set, or as Amazon's host name says.
fn region(bucket: &Bucket, options: &StoreOptions) -> String {
    let host = bucket.endpoint.as_deref().and_then(|endpoint| endpoint.strip_suffix(".amazonaws.com"));
    let of_host = host.and_then(|host| host.strip_prefix("https://s3."));
    let region = options.credentials.region.as_deref().or(of_host);
    region.unwrap_or("us-east-1").to_owned()
}

/// The folders of a bucket that hold a repository.
pub(super) fn folders(bucket: &Bucket, options: &StoreOptions) -> Result<Vec<String>, StoreError> {
    let store = S3Store::new(bucket, "", options)?;
    let prefix = if bucket.prefix.is_empty() { None } else { Some(key(&bucket.prefix)?) };
    let listed = store.network.wait(0, async {
        let listed = store.client.list_with_delimiter(prefix.as_ref()).await;
        listed.map_err(|error| explain(Doing::List, &bucket.prefix, &error))
    })?;
    let mut names = Vec::new();
    for folder in listed.common_prefixes {
        let Some(name) = folder.filename() else { continue };
        if !S3Store::new(bucket, name, options)?.files(FileType::Config)?.is_empty() {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

impl ReadBackend for S3Store {
    fn location(&self) -> String {
        self.place.clone()
    }

    fn list_with_size(&self, kind: FileType) -> RusticResult<Vec<(Id, u32)>> {
        self.files(kind).map_err(StoreError::boxed)
    }

    fn read_full(&self, kind: FileType, id: &Id) -> RusticResult<Bytes> {
        let read = self.key(kind, id).and_then(|key| self.get(&key, None));
        read.map(|(bytes, _)| bytes).map_err(StoreError::boxed)
    }

    fn read_partial(
        &self,
        kind: FileType,
        id: &Id,
        _cacheable: bool,
        offset: u32,
        length: u32,
    ) -> RusticResult<Bytes> {
        self.part(kind, id, offset, length).map_err(StoreError::boxed)
    }

    fn warmup_path(&self, kind: FileType, id: &Id) -> String {
        self.key(kind, id).map(|key| key.to_string()).unwrap_or_default()
    }
}

impl WriteBackend for S3Store {
    fn write_bytes(&self, kind: FileType, id: &Id, _cacheable: bool, content: BytesList) -> RusticResult<()> {
        self.key(kind, id).and_then(|key| self.put(&key, content.into_vec())).map_err(StoreError::boxed)
    }

    fn remove(&self, kind: FileType, id: &Id, _cacheable: bool) -> RusticResult<()> {
        self.key(kind, id).and_then(|key| self.delete(&key)).map_err(StoreError::boxed)
    }
}
