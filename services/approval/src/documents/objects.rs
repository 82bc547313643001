//! Bytes by digest in an object store: a local folder by default, S3 in production (A7).
//!
//! An object is put once, whole, before its document is recorded: a crash in between leaves bytes
//! that nothing names, and never a name without bytes. The same bytes are the same object.

use std::sync::Arc;

use bytes::Bytes;
use countersign_kernel::{Digest, SellerId};
use countersign_platform::Failure;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions};

/// Why the configured place cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DocumentsUrlError {
    /// Only `file:///folder` and `s3://bucket/prefix` are known.
    #[error("{0:?} is neither file:///folder nor s3://bucket/prefix")]
    Unknown(String),
    /// The folder cannot be made.
    #[error("making the documents' folder")]
    Folder(#[source] std::io::Error),
    /// The object store refuses its configuration.
    #[error("opening the documents' object store")]
    Store(#[source] object_store::Error),
}

/// The documents' bytes. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Objects {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
}

impl Objects {
    /// Opens `file:///folder` (made when missing, written through to the disk) or
    /// `s3://bucket/prefix` (credentials and region as the AWS tools take them).
    pub(crate) async fn open(url: &str) -> Result<Self, DocumentsUrlError> {
        if let Some(folder) = url
            .strip_prefix("file://")
            .filter(|path| path.starts_with('/'))
        {
            tokio::fs::create_dir_all(folder)
                .await
                .map_err(DocumentsUrlError::Folder)?;
            let store = LocalFileSystem::new_with_prefix(folder);
            let store = store.map_err(DocumentsUrlError::Store)?.with_fsync(true);
            return Ok(Self {
                store: Arc::new(store),
                prefix: Path::default(),
            });
        }
        let Some(place) = url.strip_prefix("s3://") else {
            return Err(DocumentsUrlError::Unknown(url.to_owned()));
        };
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let store = AmazonS3Builder::from_env().with_bucket_name(bucket).build();
        let store = store.map_err(DocumentsUrlError::Store)?;
        Ok(Self {
            store: Arc::new(store),
            prefix: Path::from(prefix),
        })
    }

    /// Stores `bytes` under their digest, unless they are there.
    pub(crate) async fn put(
        &self,
        seller: &SellerId,
        digest: Digest,
        bytes: Bytes,
    ) -> Result<(), Failure> {
        let options = PutOptions {
            mode: PutMode::Create,
            ..PutOptions::default()
        };
        let key = self.key(seller, digest);
        match self.store.put_opts(&key, bytes.into(), options).await {
            Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => Ok(()),
            Err(error) => Err(Failure::unavailable("storing a document", error)),
        }
    }

    /// The bytes of a digest, checked against it.
    pub(crate) async fn get(&self, seller: &SellerId, digest: Digest) -> Result<Bytes, Failure> {
        let away = |error| match error {
            object_store::Error::NotFound { .. } => {
                Failure::internal("reading a document that is recorded", error)
            }
            other => Failure::unavailable("reading a document", other),
        };
        let found = self
            .store
            .get(&self.key(seller, digest))
            .await
            .map_err(away)?;
        let bytes = found.bytes().await.map_err(away)?;
        if Digest::of(&bytes) != digest {
            return Err(Failure::internal(
                "reading a document",
                "its bytes have another digest",
            ));
        }
        Ok(bytes)
    }

    /// A folder per seller, so that one seller's digest never reaches another's bytes; in it,
    /// spread over 256 folders.
    fn key(&self, seller: &SellerId, digest: Digest) -> Path {
        let digest = digest.to_string();
        let parts = [seller.as_str(), &digest[..2], &digest];
        parts.into_iter().fold(self.prefix.clone(), Path::join)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seller(name: &str) -> SellerId {
        name.parse().unwrap()
    }

    #[tokio::test]
    async fn only_known_places_are_opened() {
        for wrong in [
            "",
            "/tmp/x",
            "file://relative",
            "http://host/x",
            "gs://bucket",
        ] {
            assert!(
                matches!(
                    Objects::open(wrong).await,
                    Err(DocumentsUrlError::Unknown(_))
                ),
                "{wrong}"
            );
        }
    }

    #[tokio::test]
    async fn bytes_are_put_once_and_come_back_checked() {
        let folder = tempfile::tempdir().unwrap();
        let objects = Objects::open(&format!("file://{}", folder.path().display()))
            .await
            .unwrap();
        let (acme, digest) = (seller("acme"), Digest::of(b"sow"));
        for _ in 0..2 {
            objects
                .put(&acme, digest, Bytes::from_static(b"sow"))
                .await
                .unwrap();
        }
        assert_eq!(objects.get(&acme, digest).await.unwrap(), "sow");
        assert!(
            objects.get(&seller("other"), digest).await.is_err(),
            "another seller's folder"
        );
        // A seller whose name is a path stays in its own folder.
        objects
            .put(&seller(".."), digest, Bytes::from_static(b"sow"))
            .await
            .unwrap();
        assert!(std::fs::read_dir(folder.path()).unwrap().count() == 2);

        let text = digest.to_string();
        let path = folder.path().join("acme").join(&text[..2]).join(&text);
        std::fs::write(path, "changed").unwrap();
        assert!(matches!(
            objects.get(&acme, digest).await,
            Err(Failure::Internal { .. })
        ));
    }
}
