//! Billing adjustments: invoiced money that goes back to the buyer (facts §3.1). AWS takes each without asking
//! the buyer, and none can be undone. So each line is asked for by a person, AWS answers each by itself, and
//! an invoice has one open line at a time: that one is found again when AWS's answer is lost.

use countersign_kernel::chrono::{DateTime, Utc};
use countersign_kernel::{Money, Principal};

use super::{ChangeOrder, Event, Refusal};
use crate::domain::id::{AwsAdjustmentId, InvoiceId};
use crate::domain::offer::AwsError;
use crate::domain::rejection::{Rejection, Violation};

/// The most lines of one change order: three for each of the most charges that an agreement has (facts §0
/// row 7).
const LINES_MAX: usize = 180;
/// The longest description (facts §3.1).
const DESCRIPTION_MAX: usize = 500;

/// An invoice as AWS shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invoice {
    pub(crate) id: InvoiceId,
    /// Before tax.
    pub(crate) amount: Money,
    /// The most that AWS would take back of it.
    pub(crate) adjustable: Money,
    pub(crate) issued_at: Option<DateTime<Utc>>,
}

/// What a person asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) invoice_id: InvoiceId,
    /// Before tax, above zero.
    pub(crate) amount: Money,
    /// What the buyer reads beside it.
    pub(crate) description: String,
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Adjustment {
    /// 1, 2, 3 in the order of the asking.
    pub(crate) number: u32,
    pub(crate) asked: Asked,
    pub(crate) by: Principal,
    pub(crate) at: DateTime<Utc>,
    pub(crate) state: AdjustmentState,
}

/// Where a line stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AdjustmentState {
    /// It is on its way: AWS may have it or not.
    Sending,
    /// AWS has it; the status is AWS's own word.
    Pending { id: AwsAdjustmentId, status: String },
    /// AWS credits the buyer.
    Completed { id: AwsAdjustmentId },
    /// AWS refused it, or found it wrong after it had taken it.
    Failed {
        id: Option<AwsAdjustmentId>,
        error: AwsError,
    },
}

impl AdjustmentState {
    /// The state of an adjustment that AWS shows under this status.
    pub(crate) fn at_aws(id: AwsAdjustmentId, status: &str, message: Option<&str>) -> Self {
        match status {
            "COMPLETED" => Self::Completed { id },
            "VALIDATION_FAILED" => Self::Failed {
                id: Some(id),
                error: AwsError {
                    code: status.to_owned(),
                    message: message.unwrap_or_default().to_owned(),
                },
            },
            other => Self::Pending {
                id,
                status: other.to_owned(),
            },
        }
    }

    /// Whether AWS has not said the last word.
    pub(crate) const fn is_open(&self) -> bool {
        matches!(self, Self::Sending | Self::Pending { .. })
    }

    /// AWS's id of it, once AWS has it.
    pub(crate) const fn aws_id(&self) -> Option<&AwsAdjustmentId> {
        match self {
            Self::Sending => None,
            Self::Pending { id, .. } | Self::Completed { id } => Some(id),
            Self::Failed { id, .. } => id.as_ref(),
        }
    }
}

impl ChangeOrder {
    /// The lines that are on their way to AWS.
    pub(crate) fn unsent(&self) -> impl Iterator<Item = &Adjustment> {
        let lines = self.adjustments.iter();
        lines.filter(|line| line.state == AdjustmentState::Sending)
    }

    /// The lines that AWS has and has not ended, by AWS's id.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = (u32, &AwsAdjustmentId)> {
        self.adjustments
            .iter()
            .filter_map(|line| match &line.state {
                AdjustmentState::Pending { id, .. } => Some((line.number, id)),
                AdjustmentState::Sending
                | AdjustmentState::Completed { .. }
                | AdjustmentState::Failed { .. } => None,
            })
    }
}

impl Adjustment {
    /// AWS's token for it: the same however often it is sent (O9).
    pub(crate) fn client_token(&self, order: &ChangeOrder) -> String {
        format!("{}-{}", order.id, self.number)
    }
}

/// Asks for adjustments, all of them or none; what AWS is known to refuse is refused here (O4).
pub(super) fn ask(
    order: &ChangeOrder,
    asked: &[Asked],
    by: &Principal,
    now: DateTime<Utc>,
) -> Result<Vec<Event>, Rejection> {
    if order.stage.over_at().is_none() {
        let state = order.stage.name();
        return Err(Refusal::AgreementNotOver { state }.into());
    }
    let wrong = violations(order, asked);
    if !wrong.is_empty() {
        return Err(Rejection::Invalid(wrong));
    }
    let first = u32::try_from(order.adjustments.len()).unwrap_or(u32::MAX);
    let lines = (1..).zip(asked).map(|(place, asked)| Adjustment {
        number: first.saturating_add(place),
        asked: asked.clone(),
        by: by.clone(),
        at: now,
        state: AdjustmentState::Sending,
    });
    Ok(vec![Event::AdjustmentsAsked(lines.collect())])
}

fn violations(order: &ChangeOrder, asked: &[Asked]) -> Vec<Violation> {
    let mut wrong = Vec::new();
    if asked.is_empty() || order.adjustments.len() + asked.len() > LINES_MAX {
        let problem = format!("1 line or more, and at most {LINES_MAX} of a change order");
        wrong.push(Violation::new("adjustments", "ADJUSTMENTS_COUNT", problem));
    }
    for (place, line) in asked.iter().enumerate() {
        let Asked {
            invoice_id,
            amount,
            description,
        } = line;
        if !amount.is_positive() {
            let problem = format!("{amount} of {invoice_id}: above zero");
            wrong.push(Violation::new(
                "adjustments.amount",
                "ADJUSTMENT_AMOUNT",
                problem,
            ));
        }
        if let Some(most) = most(order, line) {
            let problem = format!("{amount} of {invoice_id}: AWS takes back at most {most}");
            let reason = "ADJUSTMENT_OVER_MAXIMUM";
            wrong.push(Violation::new("adjustments.amount", reason, problem));
        }
        if description.chars().count() > DESCRIPTION_MAX {
            let problem = format!("at most {DESCRIPTION_MAX} characters");
            let reason = "ADJUSTMENT_DESCRIPTION";
            wrong.push(Violation::new("adjustments.description", reason, problem));
        }
        let open =
            |known: &Adjustment| known.state.is_open() && known.asked.invoice_id == *invoice_id;
        let twice = asked[..place]
            .iter()
            .any(|other| other.invoice_id == *invoice_id);
        if twice || order.adjustments.iter().any(open) {
            let problem = format!("{invoice_id} has a line that AWS has not ended: one at a time");
            let reason = "ADJUSTMENT_OPEN";
            wrong.push(Violation::new("adjustments.invoice_id", reason, problem));
        }
    }
    wrong
}

/// The most that AWS takes back of the line's invoice, if that is known and less than is asked for.
fn most(order: &ChangeOrder, line: &Asked) -> Option<Money> {
    let mut invoices = order.invoices.iter();
    let invoice = invoices.find(|invoice| invoice.id == line.invoice_id)?;
    let left = invoice.adjustable.checked_sub(line.amount);
    let fits = left.is_ok_and(|left| !left.is_negative());
    (!fits).then_some(invoice.adjustable)
}

/// What AWS shows of lines that it has not ended; the last word stands.
pub(super) fn seen(order: &ChangeOrder, seen: &[(u32, AdjustmentState)]) -> Vec<Event> {
    let news = seen.iter().filter(|(number, state)| {
        let mut lines = order.adjustments.iter();
        let line = lines.find(|line| line.number == *number);
        line.is_some_and(|line| line.state.is_open() && line.state != *state)
    });
    news.map(|(number, state)| Event::AdjustmentSeen {
        number: *number,
        state: state.clone(),
    })
    .collect()
}
