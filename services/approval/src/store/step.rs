//! Steps and checklist items as JSON.

use chrono::{DateTime, Utc};
use countersign_kernel::Digest;
use countersign_platform::Failure;
use serde::{Deserialize, Serialize};

use super::inconsistent;
use crate::domain::Part;
use crate::domain::command::ItemClosing;
use crate::domain::dossier::{ChecklistItem, Outcome, Step, Verdict};
use crate::domain::policy::PolicyStep;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PolicyStepJson {
    name: String,
    role: String,
    binds: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StepJson {
    #[serde(flatten)]
    policy: PolicyStepJson,
    outcome: OutcomeJson,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OutcomeJson {
    Undecided,
    Approved(VerdictJson),
    Voided(VerdictJson),
    ChangesRequested(VerdictJson),
    Rejected(VerdictJson),
}

#[derive(Debug, Serialize, Deserialize)]
struct VerdictJson {
    by: String,
    at: DateTime<Utc>,
    comment: String,
    bound: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ItemJson {
    item: String,
    closed: Option<ClosedJson>,
}

#[derive(Debug, Serialize, Deserialize)]
struct ClosedJson {
    by: String,
    /// Why it was waived; absent when it was done.
    waived: Option<String>,
}

impl From<&PolicyStep> for PolicyStepJson {
    fn from(step: &PolicyStep) -> Self {
        Self {
            name: step.name.clone(),
            role: step.role.clone(),
            binds: step
                .binds
                .iter()
                .map(|part| part.word().to_owned())
                .collect(),
        }
    }
}

impl TryFrom<PolicyStepJson> for PolicyStep {
    type Error = Failure;

    fn try_from(json: PolicyStepJson) -> Result<Self, Failure> {
        let part = |word: &String| Part::from_word(word);
        let binds = json.binds.iter().map(part).collect::<Option<_>>();
        let binds = binds.ok_or_else(|| inconsistent("what a step binds"))?;
        Ok(Self {
            name: json.name,
            role: json.role,
            binds,
        })
    }
}

impl From<&Step> for StepJson {
    fn from(step: &Step) -> Self {
        let outcome = match &step.outcome {
            Outcome::Undecided => OutcomeJson::Undecided,
            Outcome::Approved(verdict) => OutcomeJson::Approved(verdict.into()),
            Outcome::Voided(verdict) => OutcomeJson::Voided(verdict.into()),
            Outcome::ChangesRequested(verdict) => OutcomeJson::ChangesRequested(verdict.into()),
            Outcome::Rejected(verdict) => OutcomeJson::Rejected(verdict.into()),
        };
        Self {
            policy: (&step.policy).into(),
            outcome,
        }
    }
}

impl TryFrom<StepJson> for Step {
    type Error = Failure;

    fn try_from(json: StepJson) -> Result<Self, Failure> {
        let outcome = match json.outcome {
            OutcomeJson::Undecided => Outcome::Undecided,
            OutcomeJson::Approved(verdict) => Outcome::Approved(verdict.try_into()?),
            OutcomeJson::Voided(verdict) => Outcome::Voided(verdict.try_into()?),
            OutcomeJson::ChangesRequested(verdict) => {
                Outcome::ChangesRequested(verdict.try_into()?)
            }
            OutcomeJson::Rejected(verdict) => Outcome::Rejected(verdict.try_into()?),
        };
        Ok(Self {
            policy: json.policy.try_into()?,
            outcome,
        })
    }
}

impl From<&Verdict> for VerdictJson {
    fn from(verdict: &Verdict) -> Self {
        Self {
            by: verdict.by.to_string(),
            at: verdict.at,
            comment: verdict.comment.clone(),
            bound: verdict.bound.to_string(),
        }
    }
}

impl TryFrom<VerdictJson> for Verdict {
    type Error = Failure;

    fn try_from(json: VerdictJson) -> Result<Self, Failure> {
        Ok(Self {
            by: json
                .by
                .parse()
                .map_err(|_| inconsistent("who decided a step"))?,
            at: json.at,
            comment: json.comment,
            bound: json
                .bound
                .parse::<Digest>()
                .map_err(|_| inconsistent("a bound digest"))?,
        })
    }
}

impl From<&ChecklistItem> for ItemJson {
    fn from(item: &ChecklistItem) -> Self {
        let closed = item.closed.as_ref().map(|(closing, by)| ClosedJson {
            by: by.to_string(),
            waived: match closing {
                ItemClosing::Done => None,
                ItemClosing::Waived { reason } => Some(reason.clone()),
            },
        });
        Self {
            item: item.item.clone(),
            closed,
        }
    }
}

impl TryFrom<ItemJson> for ChecklistItem {
    type Error = Failure;

    fn try_from(json: ItemJson) -> Result<Self, Failure> {
        let closed = |closed: ClosedJson| {
            let by = closed
                .by
                .parse()
                .map_err(|_| inconsistent("who closed an item"))?;
            let waived = |reason| ItemClosing::Waived { reason };
            Ok::<_, Failure>((closed.waived.map_or(ItemClosing::Done, waived), by))
        };
        Ok(Self {
            item: json.item,
            closed: json.closed.map(closed).transpose()?,
        })
    }
}
