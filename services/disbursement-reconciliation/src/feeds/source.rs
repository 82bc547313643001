//! The files of one seller's feeds, in a folder or a bucket.

use std::sync::Arc;

use bytes::Bytes;
use countersign_kernel::SellerId;
use countersign_platform::{BoxError, Failure};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use url::Url;

use super::layout::{Feed, FeedFile};
use crate::config::FeedLocation;

/// The largest file that is read: a month of billing events of a large seller, many times over.
const MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;

/// Where one seller's feeds lie.
#[derive(Debug, Clone)]
pub(crate) struct FeedSource {
    pub(crate) seller: SellerId,
    store: Arc<dyn ObjectStore>,
    root: Path,
}

impl FeedSource {
    /// Opens a location of the configuration; nothing is read yet.
    pub(crate) fn open(location: &FeedLocation) -> Result<Self, BoxError> {
        let url = Url::parse(&location.url)?;
        let options = location
            .options
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()));
        let (store, root) = object_store::parse_url_opts(&url, options)?;
        Ok(Self {
            seller: location.seller.parse()?,
            store: Arc::from(store),
            root,
        })
    }

    /// The files that are there now, older months first.
    pub(crate) async fn files(&self) -> Result<Vec<FeedFile>, Failure> {
        let mut files = Vec::new();
        for feed in Feed::ALL {
            let folder = self.root.clone().join(feed.folder());
            let found: Vec<_> = self
                .store
                .list(Some(&folder))
                .try_collect()
                .await
                .map_err(|error| Failure::unavailable(format!("listing the feed {feed}"), error))?;
            for object in found {
                let Some(file) = self.file(&object.location) else {
                    continue;
                };
                if object.size > MAX_FILE_BYTES {
                    tracing::error!(%file, size = object.size, "a feed file is too large to be read");
                    continue;
                }
                files.push(file);
            }
        }
        files.sort_unstable();
        Ok(files)
    }

    fn file(&self, location: &Path) -> Option<FeedFile> {
        let parts: Vec<_> = location.prefix_match(&self.root)?.collect();
        let relative: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
        relative.join("/").parse().ok()
    }

    /// The bytes of a file; none when it has gone meanwhile.
    pub(crate) async fn read(&self, file: FeedFile) -> Result<Option<Bytes>, Failure> {
        let path = file
            .to_string()
            .split('/')
            .fold(self.root.clone(), Path::join);
        let away = |error| Failure::unavailable(format!("reading {file}"), error);
        match self.store.get(&path).await {
            Ok(found) => Ok(Some(found.bytes().await.map_err(away)?)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(away(error)),
        }
    }
}
