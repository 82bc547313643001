//! The import of what a seller has at AWS (O12): begun by a person, read page by page by its task.

use countersign_kernel::SellerId;
use countersign_platform::{Failure, NewAudit, NewTask, TaskRun, UnitOfWork};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::domain::import::{Counts, Import, List, Listed};
use crate::store;

/// Reads one page of AWS's lists.
pub(crate) const READ: &str = "offer.import";

/// What a reading is about.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Reading {
    pub(crate) seller: String,
    pub(crate) number: u32,
}

impl Reading {
    /// What the run is about.
    pub(crate) fn of(run: &TaskRun) -> Result<(SellerId, u32), Failure> {
        let reading: Self = serde_json::from_value(run.payload.clone())
            .map_err(|wrong| Failure::undecodable(format!("the task {}", run.key), wrong))?;
        let seller = reading.seller.parse();
        let seller = seller.map_err(|wrong| Failure::undecodable("a task's seller", wrong))?;
        Ok((seller, reading.number))
    }
}

/// What AWS answered.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Page {
        list: List,
        offers: Vec<Listed>,
        next_token: Option<String>,
    },
    /// `stale`: it may be the token that AWS no longer takes.
    Refused { problem: String, stale: bool },
}

/// Begins an import; one that is under way goes on.
pub(crate) async fn start(uow: &mut UnitOfWork, seller: &SellerId) -> Result<Import, Failure> {
    let last = store::import::lock(uow.connection(), seller).await?;
    if let Some(running) = last.as_ref().filter(|last| last.runs(last.number)) {
        return Ok(running.clone());
    }
    let now = uow.now();
    let import = Import::after(last.as_ref(), now);
    store::import::put(uow.connection(), seller, &import).await?;
    audit(uow, seller, &import, "start_import").await?;
    let reading = Reading {
        seller: seller.to_string(),
        number: import.number,
    };
    let payload = serde_json::to_value(reading)
        .map_err(|wrong| Failure::internal("writing a task", wrong))?;
    let task = NewTask {
        kind: READ,
        key: format!("{seller}/{}", import.number),
        payload,
        due_at: now,
    };
    uow.schedule(task).await?;
    Ok(import)
}

/// Keeps a page and where the import goes on behind it, in one. Returns whether it does.
pub(crate) async fn take(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    number: u32,
    answer: Answer,
) -> Result<bool, Failure> {
    let now = uow.now();
    let known = store::import::lock(uow.connection(), seller).await?;
    let Some(import) = known.filter(|import| import.runs(number)) else {
        return Ok(false);
    };
    let after = match answer {
        Answer::Page {
            list,
            offers,
            next_token,
        } => {
            let counts = keep(uow, seller, &offers).await?;
            import.read(list, counts, next_token, now)
        }
        Answer::Refused { problem, stale } => import.refused(problem, stale, now),
    };
    store::import::put(uow.connection(), seller, &after).await?;
    let goes_on = after.runs(number);
    if !goes_on {
        audit(uow, seller, &after, "end_import").await?;
    }
    Ok(goes_on)
}

async fn keep(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    offers: &[Listed],
) -> Result<Counts, Failure> {
    let now = uow.now();
    let mut counts = Counts::default();
    for offer in offers {
        counts.seen += 1;
        match store::import::keep(uow.connection(), seller, offer, now).await? {
            Some(true) => counts.new += 1,
            Some(false) => counts.changed += 1,
            None => {}
        }
    }
    Ok(counts)
}

async fn audit(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    import: &Import,
    action: &str,
) -> Result<(), Failure> {
    let counts = import.counts;
    uow.audit(NewAudit {
        seller: seller.clone(),
        engagement: None,
        aggregate_id: format!("import-{}", import.number),
        action: action.to_owned(),
        reason: String::new(),
        before: None,
        after: Some(json!({
            "since": import.since,
            "pages": import.pages,
            "seen": counts.seen,
            "new": counts.new,
            "changed": counts.changed,
        })),
    })
    .await
}
