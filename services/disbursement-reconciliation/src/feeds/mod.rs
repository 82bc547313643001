//! The outside world: AWS's seller data feeds in a folder or a bucket (R2, facts §6.6).
//!
//! | file | what |
//! |---|---|
//! | [`layout`] | which feeds, which columns, where the files lie |
//! | [`source`] | listing and reading the files of one seller |
//! | [`csv_file`] | bytes → rows, and why a row or a file is refused |
//! | [`billing_event`], [`values`] | row → what it says |
//! | [`resold`] | what the rows tell of the sales of resellers |
//! | [`ingest`] | a turn over the files: outside first, then transactions; asked for, or by the clock |

mod billing_event;
mod csv_file;
pub(crate) mod ingest;
mod layout;
mod resold;
pub(crate) mod source;
mod values;
