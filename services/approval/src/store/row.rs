//! The one statement that reads an engagement whole, and its row.

use countersign_kernel::Digest;
use countersign_platform::Failure;
use serde::Deserialize;
use sqlx::types::Json;
use uuid::Uuid;

use super::case::CaseColumns;
use super::estimate::EstimateJson;
use super::inconsistent;
use super::step::{ItemJson, StepJson};
use crate::domain::command::Loss;
use crate::domain::dossier::Submission;
use crate::domain::{Document, DocumentKind, Dossier, Estimate, MediaType};

/// Reads engagements whole, in one statement, so that parts of one answer cannot be of different
/// times. The caller adds the condition on `e` and `c`.
macro_rules! select_dossiers {
    ($condition:literal) => {
        concat!(
            "SELECT e.engagement, e.version, e.estimate_state, e.estimate,
                (SELECT coalesce(jsonb_agg(jsonb_build_object(
                        'document_id', d.document_id, 'kind', d.kind, 'file_name', d.file_name,
                        'media_type', d.media_type, 'size_bytes', d.size_bytes,
                        'digest', encode(d.digest, 'hex')) ORDER BY d.position), '[]')
                    FROM documents d
                    WHERE d.seller = e.seller AND d.engagement = e.engagement
                        AND d.removed_at IS NULL) AS documents,
                c.case_id, c.phase, c.one_person_may_decide_several_steps, c.steps, c.checklist,
                c.stamped_digest, c.stamped_by, c.stamped_at, c.routed_sow_digest, c.routed_at,
                c.internal_signatory, c.customer_signatory, c.internal_signed_by,
                c.internal_signed_at, c.customer_signed_by, c.customer_signed_at,
                c.signed_sow_document_id
            FROM engagements e
            LEFT JOIN cases c ON c.seller = e.seller AND c.engagement = e.engagement
            ",
            $condition
        )
    };
}
pub(super) use select_dossiers;

#[derive(Debug, sqlx::FromRow)]
pub(super) struct DossierRow {
    engagement: String,
    version: i64,
    estimate_state: String,
    estimate: Option<Json<EstimateJson>>,
    documents: Json<Vec<DocumentJson>>,
    #[sqlx(flatten)]
    case: CaseColumns,
}

#[derive(Debug, Deserialize)]
pub(super) struct DocumentJson {
    document_id: Uuid,
    kind: String,
    file_name: String,
    media_type: String,
    size_bytes: u64,
    digest: String,
}

/// A dossier with the version that guards its next write; 0 when nothing is written yet.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) dossier: Dossier,
    pub(crate) version: i64,
}

impl TryFrom<DossierRow> for Stored {
    type Error = Failure;

    fn try_from(row: DossierRow) -> Result<Self, Failure> {
        let estimate = row
            .estimate
            .map(|Json(json)| Estimate::try_from(json))
            .transpose()?;
        let Json(documents) = row.documents;
        let documents = documents
            .into_iter()
            .map(Document::try_from)
            .collect::<Result<Vec<_>, _>>()?;
        let dossier = Dossier {
            engagement: row
                .engagement
                .parse()
                .map_err(|_| inconsistent("an engagement id"))?,
            estimate: submission(&row.estimate_state, estimate)?,
            case: row.case.into_case(&documents)?,
            documents,
        };
        Ok(Self {
            dossier,
            version: row.version,
        })
    }
}

fn submission(state: &str, estimate: Option<Estimate>) -> Result<Submission, Failure> {
    let gone = |last, cause| Submission::Lost {
        last: Box::new(last),
        cause,
    };
    match (state, estimate) {
        ("none", None) => Ok(Submission::None),
        ("live", Some(estimate)) => Ok(Submission::Live(Box::new(estimate))),
        ("withdrawn", Some(last)) => Ok(gone(last, Loss::Withdrawn)),
        ("expired", Some(last)) => Ok(gone(last, Loss::Expired)),
        _ => Err(inconsistent("engagements.estimate_state")),
    }
}

/// The word and the estimate of a submission.
pub(super) fn submission_columns(submission: &Submission) -> (&'static str, Option<EstimateJson>) {
    match submission {
        Submission::None => ("none", None),
        Submission::Live(estimate) => ("live", Some(EstimateJson::from(&**estimate))),
        Submission::Lost { last, cause } => {
            let word = match cause {
                Loss::Withdrawn => "withdrawn",
                Loss::Expired => "expired",
            };
            (word, Some(EstimateJson::from(&**last)))
        }
    }
}

impl TryFrom<DocumentJson> for Document {
    type Error = Failure;

    fn try_from(json: DocumentJson) -> Result<Self, Failure> {
        Ok(Self {
            document_id: json.document_id,
            kind: kind(&json.kind)?,
            file_name: json.file_name,
            media_type: media_type(&json.media_type)?,
            size_bytes: json.size_bytes,
            digest: json
                .digest
                .parse()
                .map_err(|_| inconsistent("documents.digest"))?,
        })
    }
}

fn kind(word: &str) -> Result<DocumentKind, Failure> {
    let kind = DocumentKind::ALL
        .into_iter()
        .find(|kind| kind.word() == word);
    kind.ok_or_else(|| inconsistent("documents.kind"))
}

fn media_type(name: &str) -> Result<MediaType, Failure> {
    let known = [MediaType::Pdf, MediaType::PlainText];
    let media_type = known
        .into_iter()
        .find(|media_type| media_type.name() == name);
    media_type.ok_or_else(|| inconsistent("documents.media_type"))
}

/// A digest out of a BYTEA column.
pub(super) fn digest(bytes: &[u8]) -> Result<Digest, Failure> {
    let bytes = bytes.try_into().map_err(|_| inconsistent("a digest"))?;
    Ok(Digest::from_bytes(bytes))
}

pub(super) type StepsColumn = Json<Vec<StepJson>>;
pub(super) type ItemsColumn = Json<Vec<ItemJson>>;
