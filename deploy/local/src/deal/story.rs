//! What a play leaves to tell.

/// An amount that a step asked to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoneyLine {
    /// What it is, in the file's words.
    pub label: String,
    /// The amount in major units, as the service wrote it.
    pub amount: String,
    /// ISO 4217; empty when what was shown is no money.
    pub currency: String,
}

/// What came of a deal.
#[derive(Debug, Clone, Default)]
pub struct Story {
    /// The file's short name.
    pub deal: String,
    /// The file's title.
    pub title: String,
    /// How many steps were played.
    pub steps: usize,
    /// The amounts to show, in the order of the steps.
    pub money: Vec<MoneyLine>,
}
