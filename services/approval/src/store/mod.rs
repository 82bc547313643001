//! SQL, and nothing but SQL.
//!
//! | module | what |
//! |---|---|
//! | [`dossier`] | the write side: lock an engagement, save what changed, guarded by version |
//! | [`views`] | the read side: cases, documents |
//! | [`callbacks`] | e-signature callbacks that were taken, by their id |
//! | [`policies`] | approval policies |
//! | `row`, `estimate`, `step`, `case` | columns and JSON ↔ domain, exhaustively |

pub(crate) mod callbacks;
pub(crate) mod dossier;
pub(crate) mod policies;
pub(crate) mod views;

mod case;
mod estimate;
mod row;
mod step;

use countersign_platform::Failure;

/// A row that cannot be a state: never guessed at.
fn inconsistent(what: &'static str) -> Failure {
    Failure::internal(
        "reading approval's tables",
        format!("{what} is not what was written"),
    )
}
