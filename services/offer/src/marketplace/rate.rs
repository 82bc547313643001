//! AWS's rates (O9; facts §1.1, §3): calls a second, per account and operation. All replicas take
//! their calls from one bucket in the database, so that more of them are not more calls.
//!
//! Every attempt takes a token, also one that repeats another: the SDK repeats nothing by itself
//! ([`super::observe`]). Where the database does not say that a call is allowed, none is made.

use std::time::Duration;

use chrono::TimeDelta;
use countersign_kernel::SellerId;
use countersign_platform::{Cause, Counter, Database, Metrics, TraceContext};

use super::{CallError, Later, Why};
use crate::store;
use crate::store::rate::{Bucket, Token};

/// Calls a second that AWS lets an account make. SQS lets it make as many as it likes; a queue that
/// answers at once is not asked more often than this.
const RATES: [(&str, u32); 22] = [
    ("StartChangeSet", 5),
    ("ListChangeSets", 5),
    ("DescribeChangeSet", 10),
    ("DescribeEntity", 20),
    ("ListEntities", 10),
    ("SearchAgreements", 5),
    ("DescribeAgreement", 5),
    ("GetAgreementTerms", 10),
    ("SendAgreementPaymentRequest", 5),
    ("CancelAgreementPaymentRequest", 5),
    ("GetAgreementPaymentRequest", 5),
    ("ListAgreementPaymentRequests", 5),
    ("SendAgreementCancellationRequest", 2),
    ("CancelAgreementCancellationRequest", 2),
    ("GetAgreementCancellationRequest", 5),
    ("ListAgreementCancellationRequests", 5),
    ("BatchCreateBillingAdjustmentRequest", 2),
    ("GetBillingAdjustmentRequest", 5),
    ("ListBillingAdjustmentRequests", 5),
    ("ListAgreementInvoiceLineItems", 10),
    ("ReceiveMessage", 10),
    ("DeleteMessage", 20),
];
/// Of an operation whose rate is not known here: the lowest that AWS publishes for any.
const UNLISTED: u32 = 2;
/// How long a call waits for its token before its task comes back later: a task that waits keeps
/// others from running.
const PATIENCE: TimeDelta = TimeDelta::seconds(2);
/// How long nobody calls after AWS said that calls are too many: its rates are of a second.
const PUT_OFF: TimeDelta = TimeDelta::seconds(1);

/// The rates of one account.
#[derive(Debug, Clone)]
pub(super) struct Rates {
    database: Database,
    seller: SellerId,
    percent: u32,
    waits: Counter,
}

impl Rates {
    /// `percent` of AWS's rates are ours: at least one call a second of each operation.
    pub(super) fn new(
        database: Database,
        seller: SellerId,
        percent: u32,
        metrics: &Metrics,
    ) -> Self {
        let waits = metrics.counter(
            "countersign.aws.rate_waits",
            "Calls to AWS that waited for their turn in the account's rate, or were put off.",
        );
        for outcome in ["waited", "put_off", "unknown"] {
            waits.add(0, &[("outcome", outcome)]);
        }
        Self {
            database,
            seller,
            percent,
            waits,
        }
    }

    /// Takes a token, and waits until it counts.
    ///
    /// # Errors
    /// [`CallError::Later`] when none comes soon, and when Postgres does not say.
    pub(super) async fn take(&self, operation: &'static str) -> Result<(), CallError> {
        let bucket = bucket(operation, self.percent);
        let (cause, trace) = self.cause(operation);
        let token = self
            .database
            .transaction(&self.seller, cause, trace, |uow| {
                let seller = self.seller.clone();
                Box::pin(async move {
                    let connection = uow.connection();
                    Ok(store::rate::take(connection, &seller, operation, bucket, PATIENCE).await?)
                })
            })
            .await;
        match token {
            Ok(Token::Taken(Duration::ZERO)) => Ok(()),
            Ok(Token::Taken(wait)) => {
                self.waits.increment(&[("outcome", "waited")]);
                tokio::time::sleep(wait).await;
                Ok(())
            }
            Ok(Token::Due(wait)) => {
                self.waits.increment(&[("outcome", "put_off")]);
                let problem = format!("{operation} has its next turn in {} ms", wait.as_millis());
                Err(CallError::Later(Later {
                    why: Why::Rate,
                    problem,
                    asked: None,
                }))
            }
            Err(failure) => {
                self.waits.increment(&[("outcome", "unknown")]);
                Err(CallError::Later(Later::fault(format!(
                    "the rate of {operation} is not known: {}",
                    failure.report()
                ))))
            }
        }
    }

    /// AWS counts more calls than we do, such as those of another tool with the same account: all
    /// replicas pause.
    pub(super) async fn put_off(&self, operation: &'static str) {
        let bucket = bucket(operation, self.percent);
        let (cause, trace) = self.cause(operation);
        let done = self
            .database
            .transaction(&self.seller, cause, trace, |uow| {
                let seller = self.seller.clone();
                Box::pin(async move {
                    let connection = uow.connection();
                    Ok(store::rate::spend(connection, &seller, operation, bucket, PUT_OFF).await?)
                })
            })
            .await;
        if let Err(failure) = done {
            tracing::warn!(operation, problem = failure.report(), "no pause was kept");
        }
    }

    /// Nothing that is audited or published comes of it.
    fn cause(&self, operation: &str) -> (Cause, TraceContext) {
        let cause = Cause::Task {
            kind: "offer.aws-rate".to_owned(),
            key: operation.to_owned(),
        };
        let trace = TraceContext::current();
        let trace = trace.unwrap_or_else(|| TraceContext::start(self.database.ids()));
        (cause, trace)
    }
}

/// Steady calls and a full bucket together are AWS's rate, so that no second ever has more of them.
fn bucket(operation: &str, percent: u32) -> Bucket {
    let listed = RATES.iter().find(|(name, _)| *name == operation);
    let rate = listed.map_or(UNLISTED, |(_, rate)| *rate);
    let ours = (rate * percent / 100).max(1);
    let steady = (ours * 4 / 5).max(1);
    Bucket {
        step: TimeDelta::microseconds(i64::from(1_000_000_u32.div_ceil(steady))),
        depth: i32::try_from(ours - steady).unwrap_or(1).max(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// O9: in no second, wherever it begins, are there more calls than AWS's rate.
    #[test]
    fn a_full_bucket_and_what_refills_it_are_aws_s_rate() {
        for (operation, rate) in RATES.into_iter().chain([("SomethingNew", UNLISTED)]) {
            for percent in [100, 50, 1] {
                let Bucket { step, depth } = bucket(operation, percent);
                // A second ends before what comes with its end.
                let refilled = 999_999 / step.num_microseconds().unwrap();
                let ours = i64::from((rate * percent / 100).max(1));
                let most = i64::from(depth) + refilled;
                assert!(most <= ours, "{operation} {percent}: {most} of {ours}");
                assert!(most * 2 >= ours, "{operation} {percent}: {most} of {ours}");
            }
        }
    }
}
