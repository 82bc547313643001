//! Where the merged PDFs lie, by digest: a local folder, or S3. AWS reads the document from a URL: a
//! signed one for S3, a web server's for the folder.

use std::path::Path as FsPath;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use countersign_kernel::Digest;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::signer::{Method, Signer as _};
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload};

/// How long AWS can read a document from its signed URL: the longest that S3 allows, since AWS reads
/// it some time after the change set was started.
const SIGNED_FOR: Duration = Duration::from_hours(7 * 24);

/// How long a URL is good enough to be sent to AWS: a day is left for AWS to read the document.
pub(crate) const SENDABLE_FOR: TimeDelta = TimeDelta::days(6);

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
            let builder = AmazonS3Builder::from_env().with_url(url);
            return Self::in_bucket(builder, prefix, public_url_base)
                .map_err(|source| open_error(url, source));
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

    fn in_bucket(
        builder: AmazonS3Builder,
        prefix: &str,
        public_url_base: Option<&str>,
    ) -> object_store::Result<Self> {
        let objects = Arc::new(builder.build()?);
        let address = public_url_base.map_or_else(|| Address::Signed(Arc::clone(&objects)), public);
        Ok(Self {
            objects,
            prefix: Path::from(prefix),
            address,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(public_url_base: Option<&str>) -> DocumentStore {
        let builder = AmazonS3Builder::new()
            .with_url("s3://acme-legal/merged/2026")
            .with_region("eu-central-1")
            .with_access_key_id("AKIAEXAMPLE")
            .with_secret_access_key("secret");
        DocumentStore::in_bucket(builder, "merged/2026", public_url_base).unwrap()
    }

    /// O6: AWS reads the document from a URL that bears its own signature, for as long as S3 allows; or from
    /// a public address, where the seller has one.
    #[tokio::test]
    async fn aws_reads_from_a_signed_or_a_public_url() {
        let digest = Digest::of(b"merged");
        let signed = bucket(None).url(digest).await.unwrap();
        let (address, signature) = signed.split_once('?').unwrap();
        assert!(address.starts_with("https://"), "{address}");
        assert!(address.contains("acme-legal"), "{address}");
        assert!(
            address.ends_with(&format!("/merged/2026/{digest}.pdf")),
            "{address}"
        );
        for part in [
            "X-Amz-Expires=604800",
            "X-Amz-Signature=",
            "X-Amz-Credential=AKIAEXAMPLE",
        ] {
            assert!(signature.contains(part), "{signature} has no {part}");
        }
        let public = bucket(Some("https://documents.acme.example/legal/"));
        assert_eq!(
            public.url(digest).await.unwrap(),
            format!("https://documents.acme.example/legal/{digest}.pdf")
        );
    }

    #[tokio::test]
    async fn a_folder_keeps_by_digest_and_notices_what_was_changed() {
        let folder = tempfile::tempdir().unwrap();
        let url = folder.path().to_str().unwrap();
        let refused = DocumentStore::open(url, None);
        assert!(matches!(refused, Err(StoreError::NoPublicUrl)));
        let store = DocumentStore::open(url, Some("https://documents.acme.example")).unwrap();
        let digest = Digest::of(b"merged");
        assert!(!store.holds(digest).await.unwrap());
        for _ in 0..2 {
            store.put(digest, b"merged".to_vec()).await.unwrap();
        }
        assert_eq!(store.get(digest).await.unwrap(), b"merged".as_slice());
        std::fs::write(folder.path().join(name(digest)), b"Merged").unwrap();
        assert!(!store.holds(digest).await.unwrap());
        let damaged = store.get(digest).await;
        assert!(matches!(damaged, Err(StoreError::Damaged { .. })));
    }
}
