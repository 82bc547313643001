//! Approval policies: a row per seller, and one for whoever has none (A1).

use countersign_kernel::SellerId;
use countersign_platform::Failure;
use sqlx::PgExecutor;
use sqlx::types::Json;

use super::dossier::Change;
use super::inconsistent;
use super::step::PolicyStepJson;
use crate::domain::Policy;
use crate::domain::policy::PolicyStep;

#[derive(sqlx::FromRow)]
struct PolicyRow {
    steps: Json<Vec<PolicyStepJson>>,
    checklist: Json<Vec<String>>,
    one_person_may_decide_several_steps: bool,
}

/// The seller's policy, or the one that holds for whoever has none.
pub(crate) async fn load(
    executor: impl PgExecutor<'_>,
    seller: &SellerId,
) -> Result<Policy, Failure> {
    let row: PolicyRow = sqlx::query_as(
        "SELECT steps, checklist, one_person_may_decide_several_steps FROM approval_policies
        WHERE seller IN ($1, '') ORDER BY seller DESC LIMIT 1",
    )
    .bind(seller.as_str())
    .fetch_one(executor)
    .await?;
    let Json(steps) = row.steps;
    let steps: Vec<_> = steps
        .into_iter()
        .map(PolicyStep::try_from)
        .collect::<Result<_, _>>()?;
    Policy::new(
        steps,
        row.checklist.0,
        row.one_person_may_decide_several_steps,
    )
    .map_err(|_| inconsistent("approval_policies"))
}

/// Replaces the seller's policy.
pub(crate) async fn put(
    executor: impl PgExecutor<'_>,
    change: &Change,
    policy: &Policy,
) -> Result<(), Failure> {
    let steps: Vec<_> = policy.steps().iter().map(PolicyStepJson::from).collect();
    sqlx::query(
        "INSERT INTO approval_policies AS p (seller, version, steps, checklist,
            one_person_may_decide_several_steps, put_by, put_at)
        VALUES ($1, 1, $2, $3, $4, $5, $6)
        ON CONFLICT ON CONSTRAINT approval_policies_pkey DO UPDATE SET
            version = p.version + 1, steps = excluded.steps, checklist = excluded.checklist,
            one_person_may_decide_several_steps = excluded.one_person_may_decide_several_steps,
            put_by = excluded.put_by, put_at = excluded.put_at",
    )
    .bind(change.seller.as_str())
    .bind(Json(steps))
    .bind(Json(policy.checklist()))
    .bind(policy.one_person_may_decide_several_steps())
    .bind(change.by.as_str())
    .bind(change.at)
    .execute(executor)
    .await?;
    Ok(())
}
