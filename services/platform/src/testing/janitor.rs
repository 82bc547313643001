//! Drops the databases of tests that have ended, on a thread of its own.
//!
//! A test bed is dropped on its test's own runtime, and waiting there would hold up every other
//! connection of that runtime. Postgres' `DROP DATABASE` waits until each session has answered a
//! barrier, a session that is just being opened answers once its client has sent the next message,
//! and that client would be the one held up: both wait until Postgres' authentication timeout breaks
//! the new session off, a minute later, without a word.

use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::execute;

/// A database and the superuser's URL by which it is dropped.
struct Leftover {
    admin: String,
    database: String,
}

/// Has `database` dropped, soon. One that is still there when the process ends goes with the run:
/// `cargo countersign test` removes what bears its name.
pub(super) fn remove(admin: String, database: String) {
    static JANITOR: OnceLock<Sender<Leftover>> = OnceLock::new();
    let janitor = JANITOR.get_or_init(|| {
        let (sender, receiver) = channel();
        std::thread::spawn(move || clean(&receiver));
        sender
    });
    // A janitor that could not start leaves everything to the end of the run.
    let _ = janitor.send(Leftover { admin, database });
}

fn clean(leftovers: &Receiver<Leftover>) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    else {
        return;
    };
    for Leftover { admin, database } in leftovers {
        let statement = format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)");
        // A database that stays does no harm to the next test.
        let _ = runtime.block_on(execute(&admin, statement));
    }
}
