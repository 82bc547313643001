//! Rows of a feed's file, taken a chunk at a time (R2).
//!
//! A file version is taken once. How far it has come is written with the rows of each chunk, so that
//! whoever goes on after a crash goes on behind the last row that was taken or refused.

use countersign_kernel::SellerId;
use countersign_platform::{Failure, UnitOfWork};

use crate::domain::ids::BillingEventId;
use crate::domain::intake::{Chunk, FeedRow, FileVersion, Line, RowKey, Verdict, judge};
use crate::store;
use crate::store::feed::{FileState, Kept, Tally};

/// How a chunk went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// There are further rows.
    More,
    /// That was the last.
    Finished,
    /// The file version was dealt with before.
    Known,
}

/// Takes those rows of a chunk that were not taken yet: another turn may be reading the same file.
pub(crate) async fn take_rows(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    version: &FileVersion,
    remarks: &[String],
    chunk: &Chunk,
) -> Result<Progress, Failure> {
    let now = uow.now();
    store::due::take_turn(uow.connection(), seller).await?;
    let before = match store::feed::find(uow.connection(), seller, version).await? {
        Some(Kept {
            state: FileState::Reading,
            tally,
        }) => tally,
        Some(_) => return Ok(Progress::Known),
        None => {
            let state = FileState::Reading;
            store::feed::insert(uow.connection(), seller, version, state, remarks, now).await?;
            Tally::default()
        }
    };
    let lines = chunk
        .behind(before.rows())
        .ok_or_else(|| Failure::Conflict(format!("{} is not that far", version.path)))?;
    if lines.is_empty() && !chunk.last {
        return Ok(Progress::More);
    }
    let taken = take_lines(uow, seller, version, lines).await?;
    let tally = Tally {
        new: before.new + taken.new,
        repeated: before.repeated + taken.repeated,
        refused: before.refused + taken.refused,
    };
    let state = match (chunk.last, tally.refused) {
        (false, _) => FileState::Reading,
        (true, 0) => FileState::Ingested,
        (true, _) => FileState::Partial,
    };
    let after = Kept { state, tally };
    store::feed::advance(uow.connection(), seller, version, before, &after, now).await?;
    Ok(if chunk.last {
        Progress::Finished
    } else {
        Progress::More
    })
}

async fn take_lines(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    version: &FileVersion,
    lines: &[Line],
) -> Result<Tally, Failure> {
    let now = uow.now();
    let mut refused: Vec<(u64, String)> = Vec::new();
    let mut rows: Vec<(u64, &FeedRow)> = Vec::new();
    for line in lines {
        match &line.row {
            Ok(row) => rows.push((line.number, row)),
            Err(reason) => refused.push((line.number, reason.clone())),
        }
    }
    let keys: Vec<&RowKey> = rows.iter().map(|(_, row)| &row.key).collect();
    let known = store::feed::known(uow.connection(), seller, &version.feed, &keys).await?;
    let verdicts = judge(rows.iter().map(|(_, row)| (&row.key, row.content)), known);
    let mut new: Vec<(u64, &FeedRow)> = Vec::new();
    let mut repeated = 0;
    for ((number, row), verdict) in rows.into_iter().zip(verdicts) {
        match verdict {
            Verdict::New => new.push((number, row)),
            Verdict::Repeated => repeated += 1,
            Verdict::Conflict => {
                let key = &row.key.entity;
                refused.push((
                    number,
                    format!("conflict: {key} was delivered before otherwise"),
                ));
            }
        }
    }
    store::feed::keep(uow.connection(), seller, version, &new, now).await?;
    store::feed::refuse(uow.connection(), seller, version, &refused).await?;
    let mut events: Vec<&BillingEventId> = Vec::new();
    for event in new.iter().filter_map(|(_, row)| row.event.as_ref()) {
        store::billing::insert(uow.connection(), seller, event).await?;
        events.push(&event.id);
    }
    store::due::mark(uow.connection(), seller, &events).await?;
    Ok(Tally {
        new: new.len() as u64,
        repeated,
        refused: refused.len() as u64,
    })
}

/// Notes that nothing of a file version can be taken. Returns whether that is news.
pub(crate) async fn refuse_file(
    uow: &mut UnitOfWork,
    seller: &SellerId,
    version: &FileVersion,
    reason: &str,
) -> Result<Progress, Failure> {
    let now = uow.now();
    store::due::take_turn(uow.connection(), seller).await?;
    if store::feed::find(uow.connection(), seller, version)
        .await?
        .is_some()
    {
        return Ok(Progress::Known);
    }
    let remarks = [reason.to_owned()];
    store::feed::insert(
        uow.connection(),
        seller,
        version,
        FileState::Refused,
        &remarks,
        now,
    )
    .await?;
    Ok(Progress::Finished)
}
