//! An offer's nested parts.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::agreement::StoredAgreement;
use super::deal::StoredDeal;
use super::intake::StoredIntake;
use super::kind::StoredKind;
use super::{Unreadable, from_value, parse, to_value};
use crate::domain::offer::{
    AwsError, Basis, LegalDocument, Origin, PendingChange, Publication, ReadyDocument, Release,
    Stage, Way,
};

#[derive(Serialize, Deserialize)]
struct StoredBasis {
    deal: StoredDeal,
    intake: StoredIntake,
    #[serde(default)]
    kind: StoredKind,
    #[serde(default)]
    origin: StoredOrigin,
}

/// How it came to be; a row without it was drafted here.
#[derive(Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
enum StoredOrigin {
    #[default]
    Drafted,
    Cloned {
        from: String,
    },
    Associated,
}

impl StoredOrigin {
    fn of(origin: &Origin) -> Self {
        match origin {
            Origin::Drafted => Self::Drafted,
            Origin::Cloned { from } => Self::Cloned {
                from: from.to_string(),
            },
            Origin::Associated => Self::Associated,
        }
    }

    fn read(self) -> Result<Origin, Unreadable> {
        Ok(match self {
            Self::Drafted => Origin::Drafted,
            Self::Cloned { from } => Origin::Cloned {
                from: parse(&from, "offer id")?,
            },
            Self::Associated => Origin::Associated,
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum StoredDocument {
    Assembling,
    Ready {
        digest: String,
        pages: u32,
        size_bytes: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reseller_contract: Option<String>,
    },
    Failed {
        reason: String,
    },
}

#[derive(Serialize, Deserialize)]
pub(super) struct StoredError {
    code: String,
    message: String,
}

impl StoredError {
    pub(super) fn of(error: &AwsError) -> Self {
        Self {
            code: error.code.clone(),
            message: error.message.clone(),
        }
    }

    pub(super) fn read(self) -> AwsError {
        let Self { code, message } = self;
        AwsError { code, message }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum StoredStage {
    Draft,
    Releasing {
        change: u32,
        #[serde(default)]
        faults: u32,
        released_at: DateTime<Utc>,
        overdue: bool,
        #[serde(default)]
        way: StoredWay,
    },
    Published {
        publication: StoredPublication,
        pending: Option<StoredPending>,
    },
    Accepted {
        publication: StoredPublication,
        agreement: StoredAgreement,
    },
    Cancelled {
        publication: Option<StoredPublication>,
        reason: String,
        by: String,
    },
    Expired {
        publication: StoredPublication,
    },
}

/// How a release reaches AWS; a row without it was sent by the API.
#[derive(Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
enum StoredWay {
    #[default]
    Api,
    Portal {
        given: Option<String>,
    },
}

impl StoredWay {
    fn of(way: &Way) -> Self {
        match way {
            Way::Api => Self::Api,
            Way::Portal { given } => Self::Portal {
                given: given.as_ref().map(ToString::to_string),
            },
        }
    }

    fn read(self) -> Result<Way, Unreadable> {
        Ok(match self {
            Self::Api => Way::Api,
            Self::Portal { given } => Way::Portal {
                given: given.map(|id| parse(&id, "offer id of AWS")).transpose()?,
            },
        })
    }
}

#[derive(Serialize, Deserialize)]
struct StoredPublication {
    aws_offer_id: String,
    url: String,
    released_at: DateTime<Utc>,
    published_at: DateTime<Utc>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum StoredPending {
    Expiry {
        change: u32,
        #[serde(default)]
        faults: u32,
        to: NaiveDate,
    },
    Cancellation {
        change: u32,
        #[serde(default)]
        faults: u32,
        asked_at: DateTime<Utc>,
        reason: String,
        by: String,
    },
}

impl StoredPublication {
    fn of(publication: &Publication) -> Self {
        Self {
            aws_offer_id: publication.aws_offer_id.to_string(),
            url: publication.url.clone(),
            released_at: publication.released_at,
            published_at: publication.published_at,
        }
    }

    fn read(self) -> Result<Publication, Unreadable> {
        Ok(Publication {
            aws_offer_id: parse(&self.aws_offer_id, "offer id of AWS")?,
            url: self.url,
            released_at: self.released_at,
            published_at: self.published_at,
        })
    }
}

impl StoredPending {
    fn of(pending: &PendingChange) -> Self {
        match pending {
            PendingChange::Expiry { change, faults, to } => Self::Expiry {
                change: *change,
                faults: *faults,
                to: *to,
            },
            PendingChange::Cancellation {
                change,
                faults,
                asked_at,
                reason,
                by,
            } => Self::Cancellation {
                change: *change,
                faults: *faults,
                asked_at: *asked_at,
                reason: reason.clone(),
                by: by.to_string(),
            },
        }
    }

    fn read(self) -> Result<PendingChange, Unreadable> {
        Ok(match self {
            Self::Expiry { change, faults, to } => PendingChange::Expiry { change, faults, to },
            Self::Cancellation {
                change,
                faults,
                asked_at,
                reason,
                by,
            } => PendingChange::Cancellation {
                change,
                faults,
                asked_at,
                reason,
                by: parse(&by, "principal")?,
            },
        })
    }
}

impl StoredStage {
    fn of(stage: &Stage) -> Self {
        match stage {
            Stage::Draft => Self::Draft,
            Stage::Releasing(Release {
                change,
                faults,
                released_at,
                overdue,
                way,
            }) => Self::Releasing {
                change: *change,
                faults: *faults,
                released_at: *released_at,
                overdue: *overdue,
                way: StoredWay::of(way),
            },
            Stage::Published {
                publication,
                pending,
            } => Self::Published {
                publication: StoredPublication::of(publication),
                pending: pending.as_ref().map(StoredPending::of),
            },
            Stage::Accepted {
                publication,
                agreement,
            } => Self::Accepted {
                publication: StoredPublication::of(publication),
                agreement: StoredAgreement::of(agreement),
            },
            Stage::Cancelled {
                publication,
                reason,
                by,
            } => Self::Cancelled {
                publication: publication.as_ref().map(StoredPublication::of),
                reason: reason.clone(),
                by: by.to_string(),
            },
            Stage::Expired(publication) => Self::Expired {
                publication: StoredPublication::of(publication),
            },
        }
    }

    fn read(self) -> Result<Stage, Unreadable> {
        Ok(match self {
            Self::Draft => Stage::Draft,
            Self::Releasing {
                change,
                faults,
                released_at,
                overdue,
                way,
            } => Stage::Releasing(Release {
                change,
                faults,
                released_at,
                overdue,
                way: way.read()?,
            }),
            Self::Published {
                publication,
                pending,
            } => Stage::Published {
                publication: publication.read()?,
                pending: pending.map(StoredPending::read).transpose()?,
            },
            Self::Accepted {
                publication,
                agreement,
            } => Stage::Accepted {
                publication: publication.read()?,
                agreement: agreement.read()?,
            },
            Self::Cancelled {
                publication,
                reason,
                by,
            } => Stage::Cancelled {
                publication: publication.map(StoredPublication::read).transpose()?,
                reason,
                by: parse(&by, "principal")?,
            },
            Self::Expired { publication } => Stage::Expired(publication.read()?),
        })
    }
}

pub(crate) fn basis(basis: &Basis) -> Value {
    let (deal, intake) = (StoredDeal::of(&basis.deal), StoredIntake::of(&basis.intake));
    let kind = StoredKind::of(&basis.kind);
    let origin = StoredOrigin::of(&basis.origin);
    to_value(&StoredBasis {
        deal,
        intake,
        kind,
        origin,
    })
}

pub(crate) fn basis_from(value: Value) -> Result<Basis, Unreadable> {
    let stored: StoredBasis = from_value(value)?;
    Ok(Basis {
        deal: stored.deal.read()?,
        intake: stored.intake.read()?,
        kind: stored.kind.read()?,
        origin: stored.origin.read()?,
    })
}

pub(crate) fn document(document: &LegalDocument) -> Value {
    to_value(&match document {
        LegalDocument::Assembling => StoredDocument::Assembling,
        LegalDocument::Ready(ReadyDocument {
            digest,
            pages,
            size_bytes,
            reseller_contract,
        }) => {
            let digest = digest.to_string();
            StoredDocument::Ready {
                digest,
                pages: *pages,
                size_bytes: *size_bytes,
                reseller_contract: reseller_contract.map(|digest| digest.to_string()),
            }
        }
        LegalDocument::Failed { reason } => StoredDocument::Failed {
            reason: reason.clone(),
        },
    })
}

pub(crate) fn document_from(value: Value) -> Result<LegalDocument, Unreadable> {
    Ok(match from_value(value)? {
        StoredDocument::Assembling => LegalDocument::Assembling,
        StoredDocument::Ready {
            digest,
            pages,
            size_bytes,
            reseller_contract,
        } => {
            let digest = parse(&digest, "digest")?;
            let contract = reseller_contract.map(|digest| parse(&digest, "digest"));
            LegalDocument::Ready(ReadyDocument {
                digest,
                pages,
                size_bytes,
                reseller_contract: contract.transpose()?,
            })
        }
        StoredDocument::Failed { reason } => LegalDocument::Failed { reason },
    })
}

pub(crate) fn errors(errors: &[AwsError]) -> Value {
    let stored: Vec<StoredError> = errors.iter().map(StoredError::of).collect();
    to_value(&stored)
}

pub(crate) fn errors_from(value: Value) -> Result<Vec<AwsError>, Unreadable> {
    let stored: Vec<StoredError> = from_value(value)?;
    Ok(stored.into_iter().map(StoredError::read).collect())
}

pub(crate) fn stage(stage: &Stage) -> Value {
    to_value(&StoredStage::of(stage))
}

pub(crate) fn stage_from(value: Value) -> Result<Stage, Unreadable> {
    from_value::<StoredStage>(value)?.read()
}
