//! Documents of an engagement and how many there may be (O6, A7).

use countersign_kernel::Digest;
use uuid::Uuid;

use super::Rejection;

/// SOW and annexes together: what O6 lets travel beside the EULA.
pub const MAX_SOW_AND_ANNEXES: usize = 5;
/// Licence agreements of one engagement.
pub const MAX_EULAS: usize = 5;
/// AWS takes one contract of an authorization (O2).
pub const MAX_RESELLER_CONTRACTS: usize = 1;
/// Signed copies kept as evidence.
pub const MAX_SIGNED_COPIES: usize = 5;

/// What a document is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DocumentKind {
    /// The statement of work: stamped and signed. One at a time.
    Sow,
    /// The seller's licence agreement (O6).
    Eula,
    /// Any further document.
    Annex,
    /// The SOW as signed: evidence, not part of what is approved (A6).
    SignedSow,
    /// The seller's own contract with a reseller (O2).
    ResellerContract,
}

impl DocumentKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::Sow,
        Self::Eula,
        Self::Annex,
        Self::SignedSow,
        Self::ResellerContract,
    ];

    /// The kind's stable word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sow => "sow",
            Self::Eula => "eula",
            Self::Annex => "annex",
            Self::SignedSow => "signed_sow",
            Self::ResellerContract => "reseller_contract",
        }
    }

    /// Whether an approval binds documents of this kind (A4).
    #[must_use]
    pub const fn is_approved(self) -> bool {
        match self {
            Self::Sow | Self::Eula | Self::Annex | Self::ResellerContract => true,
            Self::SignedSow => false,
        }
    }
}

/// What the content was found to be (A7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MediaType {
    /// An unencrypted, readable PDF.
    Pdf,
    /// UTF-8 text without NUL.
    PlainText,
}

impl MediaType {
    /// The IANA name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::PlainText => "text/plain",
        }
    }
}

/// A document, named by its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// This copy of it in this engagement.
    pub document_id: Uuid,
    /// What it is for.
    pub kind: DocumentKind,
    /// Shown to people; says nothing about the content.
    pub file_name: String,
    /// Sniffed from the content.
    pub media_type: MediaType,
    /// How many bytes.
    pub size_bytes: u64,
    /// SHA-256 of the bytes: the key in the object store.
    pub digest: Digest,
}

/// O6: one SOW; SOW and annexes at most [`MAX_SOW_AND_ANNEXES`]; the others bounded too.
pub(super) fn check_counts<'a>(
    documents: impl IntoIterator<Item = &'a Document>,
) -> Result<(), Rejection> {
    let (mut sows, mut annexes, mut eulas, mut signed, mut contracts) = (0, 0, 0, 0, 0);
    for document in documents {
        let count = match document.kind {
            DocumentKind::Sow => &mut sows,
            DocumentKind::Annex => &mut annexes,
            DocumentKind::Eula => &mut eulas,
            DocumentKind::SignedSow => &mut signed,
            DocumentKind::ResellerContract => &mut contracts,
        };
        *count += 1;
    }
    if sows > 1 {
        return Err(Rejection::SowAlreadyPresent);
    }
    let limits = [
        (sows + annexes, MAX_SOW_AND_ANNEXES),
        (eulas, MAX_EULAS),
        (signed, MAX_SIGNED_COPIES),
        (contracts, MAX_RESELLER_CONTRACTS),
    ];
    match limits.into_iter().find(|(count, limit)| count > limit) {
        Some((_, limit)) => Err(Rejection::TooManyDocuments { limit }),
        None => Ok(()),
    }
}

/// O6: nothing is approved without its SOW and at least one EULA.
pub(super) fn check_complete(documents: &[Document]) -> Result<(), Rejection> {
    let has = |kind| documents.iter().any(|document| document.kind == kind);
    if !has(DocumentKind::Sow) {
        return Err(Rejection::SowMissing);
    }
    if !has(DocumentKind::Eula) {
        return Err(Rejection::EulaMissing);
    }
    check_counts(documents)
}
