//! Which rows of a feed are new (R2): every row is new, repeated, or refused, and nothing else.

use std::collections::{BTreeMap, HashMap};

use countersign_kernel::Digest;

use super::billing_event::BillingEvent;

/// One version of a feed's file: the bytes that lay there once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileVersion {
    /// Such as `billingeventfeed_v1/year=2027/month=01/data.csv`.
    pub(crate) path: String,
    pub(crate) feed: String,
    /// SHA-256 of the bytes.
    pub(crate) digest: Digest,
}

/// Some of a file's rows, in order: what one transaction takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// How many rows of the file come before it.
    pub(crate) from: u64,
    pub(crate) lines: Vec<Line>,
    /// Whether the file ends with it.
    pub(crate) last: bool,
}

impl Chunk {
    /// How many rows of the file are behind it and in it.
    pub(crate) const fn end(&self) -> u64 {
        self.from + self.lines.len() as u64
    }

    /// Its rows behind the first `done` of the file; none when the file is not yet that far.
    pub(crate) fn behind(&self, done: u64) -> Option<&[Line]> {
        let skipped = done.checked_sub(self.from)?;
        let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
        Some(&self.lines[skipped.min(self.lines.len())..])
    }
}

/// A row of a file: taken for what it says, or refused for a reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// 1 is the header's first.
    pub(crate) number: u64,
    pub(crate) row: Result<FeedRow, String>,
}

/// A well-formed row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FeedRow {
    pub(crate) key: RowKey,
    /// As it stood in the file, column by column, without the empty ones: the evidence.
    pub(crate) cells: BTreeMap<String, String>,
    /// Of what the row says, however it was written.
    pub(crate) content: Digest,
    /// What a row of the billing feed says.
    pub(crate) event: Option<BillingEvent>,
}

/// What a row is about: its feed's key, and which version of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RowKey {
    pub(crate) entity: String,
    /// Empty where rows never change.
    pub(crate) version: String,
}

/// What becomes of a well-formed row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Not seen before: it is taken.
    New,
    /// Seen before with the same content, in this file or an earlier one.
    Repeated,
    /// Its key stands for other content already, which is never overwritten: it is refused.
    Conflict,
}

/// Judges rows in order, against what is known and against each other.
pub(crate) fn judge<'a>(
    rows: impl IntoIterator<Item = (&'a RowKey, Digest)>,
    mut known: HashMap<RowKey, Digest>,
) -> Vec<Verdict> {
    let mut judge_one = |(key, content): (&RowKey, Digest)| match known.get(key) {
        None => {
            known.insert(key.clone(), content);
            Verdict::New
        }
        Some(seen) if *seen == content => Verdict::Repeated,
        Some(_) => Verdict::Conflict,
    };
    rows.into_iter().map(&mut judge_one).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(entity: &str) -> RowKey {
        RowKey {
            entity: entity.to_owned(),
            version: String::new(),
        }
    }

    /// R2: whoever goes on after a crash, or beside another turn, takes each row once.
    #[test]
    fn a_chunk_goes_on_behind_what_is_done() {
        let line = |number| Line {
            number,
            row: Err(String::new()),
        };
        let chunk = Chunk {
            from: 10,
            lines: (11..=13).map(line).collect(),
            last: false,
        };
        assert_eq!(chunk.end(), 13);
        let numbers = |done| {
            let lines = chunk.behind(done)?;
            Some(lines.iter().map(|line| line.number).collect::<Vec<_>>())
        };
        assert_eq!(numbers(10), Some(vec![11, 12, 13]));
        assert_eq!(numbers(12), Some(vec![13]));
        assert_eq!(numbers(13), Some(vec![]));
        assert_eq!(numbers(99), Some(vec![]));
        assert_eq!(numbers(9), None);
    }

    #[test]
    fn new_repeated_conflict() {
        let rows = [
            (key("known"), Digest::of(b"a")),
            (key("known"), Digest::of(b"b")),
            (key("fresh"), Digest::of(b"a")),
            (key("fresh"), Digest::of(b"a")),
            (key("fresh"), Digest::of(b"b")),
        ];
        let known = HashMap::from([(key("known"), Digest::of(b"a"))]);
        let verdicts = judge(rows.iter().map(|(key, digest)| (key, *digest)), known);
        assert_eq!(
            verdicts,
            [
                Verdict::Repeated,
                Verdict::Conflict,
                Verdict::New,
                Verdict::Repeated,
                Verdict::Conflict
            ]
        );
    }

    proptest! {
        /// R2: judged in one piece or in two, the same; each key is new exactly once.
        #[test]
        fn however_a_file_is_cut(
            rows in prop::collection::vec((0_u8..6, 0_u8..3), 0..40),
            cut in 0_usize..40,
        ) {
            let rows: Vec<(RowKey, Digest)> = rows
                .into_iter()
                .map(|(entity, content)| (key(&entity.to_string()), Digest::of(&[content])))
                .collect();
            let judged = |rows: &[(RowKey, Digest)], known| {
                judge(rows.iter().map(|(key, digest)| (key, *digest)), known)
            };
            let whole = judged(&rows, HashMap::new());
            let (first, second) = rows.split_at(cut.min(rows.len()));
            let mut pieces = judged(first, HashMap::new());
            let known = first
                .iter()
                .zip(&pieces)
                .filter(|(_, verdict)| **verdict == Verdict::New)
                .map(|(row, _)| row.clone())
                .collect();
            pieces.extend(judged(second, known));
            prop_assert_eq!(&whole, &pieces);
            let mut seen: Vec<&RowKey> = rows.iter().map(|(key, _)| key).collect();
            seen.sort();
            seen.dedup();
            let new = whole.iter().filter(|verdict| **verdict == Verdict::New).count();
            prop_assert_eq!(new, seen.len());
        }
    }
}
