//! Where the merged PDFs lie, by digest: a local folder, or S3. AWS reads the document from a URL: a
//! signed one for S3, a web server's for the folder.

use std::path::Path as FsPath;
use std::sync::Arc;
use std::time::Duration;

use countersign_kernel::Digest;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::signer::{Method, Signer as _};
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload};

/// How long AWS can read a document from its signed URL: the longest that S3 allows, since AWS reads
/// it some time after the change set was started.
const SIGNED_FOR: Duration = Duration::from_hours(7 * 24);

/// Why a document was not stored or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// The address names neither a folder nor a bucket.
    #[error("the document store {url:?} cannot be opened")]
    Open {
        url: String,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Neither signed nor public: AWS could not read the document.
    #[error("a folder as document store needs document_public_url_base")]
    NoPublicUrl,
    /// The store failed.
    #[error("cannot {action} the document {digest}")]
    Access {
        action: &'static str,
        digest: Digest,
        source: object_store::Error,
    },
    /// What lies under the digest has another.
    #[error("the document stored as {digest} has other content")]
    Damaged { digest: Digest },
}

/// The store of merged documents.
#[derive(Debug, Clone)]
pub(crate) struct DocumentStore {
    objects: Arc<dyn ObjectStore>,
    prefix: Path,
    address: Address,
}

#[derive(Debug, Clone)]
enum Address {
    Signed(Arc<AmazonS3>),
    Public(String),
}

impl DocumentStore {
    /// Opens `s3://bucket/prefix` or a folder, which is made when it is missing. With a
    /// `public_url_base`, documents are read under `<base>/<digest>.pdf`.
    pub(crate) fn open(url: &str, public_url_base: Option<&str>) -> Result<Self, StoreError> {
        if let Some(bucket) = url.strip_prefix("s3://") {
            let prefix = bucket.split_once('/').map_or("", |(_, prefix)| prefix);
            let objects = AmazonS3Builder::from_env().with_url(url).build();
            let objects = Arc::new(objects.map_err(|source| open_error(url, source))?);
            let address =
                public_url_base.map_or_else(|| Address::Signed(Arc::clone(&objects)), public);
            return Ok(Self {
                objects,
                prefix: Path::from(prefix),
                address,
            });
        }
        let base = public_url_base.ok_or(StoreError::NoPublicUrl)?;
        let folder = FsPath::new(url.strip_prefix("file://").unwrap_or(url));
        std::fs::create_dir_all(folder).map_err(|source| open_error(url, source))?;
        let objects = LocalFileSystem::new_with_prefix(folder);
        let objects = Arc::new(
            objects
                .map_err(|source| open_error(url, source))?
                .with_fsync(true),
        );
        Ok(Self {
            objects,
            prefix: Path::default(),
            address: public(base),
        })
    }

    /// Stores `bytes` under their digest. Storing the same again changes nothing.
    pub(crate) async fn put(&self, digest: Digest, bytes: Vec<u8>) -> Result<(), StoreError> {
        self.objects
            .put(&self.key(digest), PutPayload::from(bytes))
            .await
            .map(|_| ())
            .map_err(|source| StoreError::Access {
                action: "store",
                digest,
                source,
            })
    }

    /// Whether the document is there, as its digest says; `Err` when that cannot be told now.
    pub(crate) async fn holds(&self, digest: Digest) -> Result<bool, StoreError> {
        match self.get(digest).await {
            Ok(_) => Ok(true),
            Err(
                StoreError::Damaged { .. }
                | StoreError::Access {
                    source: object_store::Error::NotFound { .. },
                    ..
                },
            ) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Reads the document, and checks that it still is what its digest says.
    pub(crate) async fn get(&self, digest: Digest) -> Result<bytes::Bytes, StoreError> {
        let read = |source| StoreError::Access {
            action: "read",
            digest,
            source,
        };
        let found = self.objects.get(&self.key(digest)).await.map_err(read)?;
        let bytes = found.bytes().await.map_err(read)?;
        if Digest::of(&bytes) == digest {
            Ok(bytes)
        } else {
            Err(StoreError::Damaged { digest })
        }
    }

    /// Where AWS reads the document.
    pub(crate) async fn url(&self, digest: Digest) -> Result<String, StoreError> {
        match &self.address {
            Address::Public(base) => Ok(format!("{base}/{}", name(digest))),
            Address::Signed(bucket) => {
                let key = self.key(digest);
                let signed = bucket.signed_url(Method::GET, &key, SIGNED_FOR).await;
                let sign = |source| StoreError::Access {
                    action: "sign",
                    digest,
                    source,
                };
                Ok(signed.map_err(sign)?.to_string())
            }
        }
    }

    fn key(&self, digest: Digest) -> Path {
        self.prefix.clone().join(name(digest))
    }
}

fn name(digest: Digest) -> String {
    format!("{digest}.pdf")
}

fn public(base: &str) -> Address {
    Address::Public(base.trim_end_matches('/').to_owned())
}

fn open_error(
    url: &str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> StoreError {
    StoreError::Open {
        url: url.to_owned(),
        source: source.into(),
    }
}
