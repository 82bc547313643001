//! One row of AWS's billing event feed, and what each kind of row means for the seller (R2, R3).

use std::fmt;
use std::str::FromStr;

use countersign_kernel::Money;
use countersign_kernel::chrono::{DateTime, NaiveDate, Utc};

use super::ids::{AgreementId, AwsOfferId, BillingEventId, InvoiceId};

/// A billing event: immutable, one per `billing_event_id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BillingEvent {
    pub(crate) id: BillingEventId,
    pub(crate) agreement: Option<AgreementId>,
    pub(crate) offer: Option<AwsOfferId>,
    pub(crate) action: Action,
    pub(crate) kind: TransactionType,
    /// Of a reseller's sale, what it owes the manufacturer: AWS's `RESALE` and `BUYING` (facts §6.6).
    pub(crate) wholesale: bool,
    /// The change in what AWS owes the seller; on a `DISBURSEMENT` row the whole deposit.
    pub(crate) amount: Money,
    pub(crate) invoice: Option<InvoiceId>,
    pub(crate) invoiced_on: Option<NaiveDate>,
    pub(crate) payment_due: Option<NaiveDate>,
    pub(crate) acted_at: DateTime<Utc>,
    /// The invoiced row that this one mirrors; on a failure, the deposit that failed.
    pub(crate) parent: Option<BillingEventId>,
    /// The `DISBURSEMENT` row that this paid-out row is part of.
    pub(crate) disbursement: Option<BillingEventId>,
    pub(crate) bank_trace: Option<String>,
}

/// The text is none of AWS's words for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not known")]
pub(crate) struct UnknownWord(pub(crate) String);

/// What happened (facts §6.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Action {
    /// AWS invoiced the buyer.
    Invoiced,
    /// AWS got the buyer's money.
    Collected,
    /// AWS let the buyer off.
    Forgiven,
    /// AWS paid the seller.
    Disbursed,
}

impl Action {
    const ALL: [Self; 4] = [
        Self::Invoiced,
        Self::Collected,
        Self::Forgiven,
        Self::Disbursed,
    ];

    const fn word(self) -> &'static str {
        match self {
            Self::Invoiced => "INVOICED",
            Self::Collected => "COLLECTED",
            Self::Forgiven => "FORGIVEN",
            Self::Disbursed => "DISBURSED",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Action {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.into_iter().find(|action| action.word() == word);
        found.ok_or_else(|| UnknownWord(word.to_owned()))
    }
}

/// Whose part of an invoice a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Share {
    /// `SELLER_REV_SHARE`: the price.
    SellerRevenue,
    /// `AWS_REV_SHARE`: the listing fee, below zero.
    ListingFee,
    /// `SELLER_TAX_SHARE`: tax that AWS hands to the seller to remit.
    SellerTax,
    /// `OTHER_SELLER_TAX_SHARE`.
    OtherSellerTax,
    /// `AWS_TAX_SHARE`: tax that AWS remits itself; informational.
    AwsTax,
    /// `AWS_INFRA_SHARE`.
    AwsInfrastructure,
}

impl Share {
    const ALL: [Self; 6] = [
        Self::SellerRevenue,
        Self::ListingFee,
        Self::SellerTax,
        Self::OtherSellerTax,
        Self::AwsTax,
        Self::AwsInfrastructure,
    ];

    const fn word(self) -> &'static str {
        match self {
            Self::SellerRevenue => "SELLER_REV_SHARE",
            Self::ListingFee => "AWS_REV_SHARE",
            Self::SellerTax => "SELLER_TAX_SHARE",
            Self::OtherSellerTax => "OTHER_SELLER_TAX_SHARE",
            Self::AwsTax => "AWS_TAX_SHARE",
            Self::AwsInfrastructure => "AWS_INFRA_SHARE",
        }
    }
}

/// Whether a share is charged or given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Nature {
    Original,
    Refund,
    Credit,
}

impl Nature {
    const ALL: [Self; 3] = [Self::Original, Self::Refund, Self::Credit];

    const fn suffix(self) -> &'static str {
        match self {
            Self::Original => "",
            Self::Refund => "_REFUND",
            Self::Credit => "_CREDIT",
        }
    }
}

/// AWS's `transaction_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TransactionType {
    Share(Share, Nature),
    /// `BALANCE_ADJUSTMENT`.
    BalanceAdjustment,
    /// `DISBURSEMENT`: one deposit, whole.
    Disbursement,
    /// `DISBURSEMENT_FAILURE`: a deposit that came back.
    DisbursementFailure,
}

impl fmt::Display for TransactionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Share(share, nature) => write!(f, "{}{}", share.word(), nature.suffix()),
            Self::BalanceAdjustment => f.write_str("BALANCE_ADJUSTMENT"),
            Self::Disbursement => f.write_str("DISBURSEMENT"),
            Self::DisbursementFailure => f.write_str("DISBURSEMENT_FAILURE"),
        }
    }
}

impl FromStr for TransactionType {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        let share = |share: Share| {
            let suffix = word.strip_prefix(share.word())?;
            let nature = Nature::ALL
                .into_iter()
                .find(|nature| nature.suffix() == suffix)?;
            Some(Self::Share(share, nature))
        };
        match word {
            "BALANCE_ADJUSTMENT" => Ok(Self::BalanceAdjustment),
            "DISBURSEMENT" => Ok(Self::Disbursement),
            "DISBURSEMENT_FAILURE" => Ok(Self::DisbursementFailure),
            _ => Share::ALL
                .into_iter()
                .find_map(share)
                .ok_or_else(|| UnknownWord(word.to_owned())),
        }
    }
}

/// What a row does to the balance between AWS and the seller. AWS's own column for this,
/// `balance_impacting`, is described in two ways that exclude each other (facts §0 row 12), so it is
/// kept as evidence and never read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Revenue,
    /// What goes to the manufacturer of what is resold.
    Wholesale,
    Fee,
    Tax,
    Adjustment,
    /// Nothing: tax that AWS remits.
    Informational,
    Deposit,
    DepositFailure,
}

impl TransactionType {
    pub(crate) const fn effect(self) -> Effect {
        match self {
            Self::Share(Share::SellerRevenue, _) => Effect::Revenue,
            Self::Share(Share::ListingFee, _) => Effect::Fee,
            Self::Share(Share::SellerTax | Share::OtherSellerTax, _) => Effect::Tax,
            Self::Share(Share::AwsTax, _) => Effect::Informational,
            Self::Share(Share::AwsInfrastructure, _) | Self::BalanceAdjustment => {
                Effect::Adjustment
            }
            Self::Disbursement => Effect::Deposit,
            Self::DisbursementFailure => Effect::DepositFailure,
        }
    }

    /// Whether the row charges anew, rather than giving back what was charged.
    pub(crate) const fn is_original(self) -> bool {
        match self {
            Self::Share(_, nature) => matches!(nature, Nature::Original),
            Self::BalanceAdjustment | Self::Disbursement | Self::DisbursementFailure => true,
        }
    }
}

impl BillingEvent {
    pub(crate) const fn effect(&self) -> Effect {
        let effect = self.kind.effect();
        if self.wholesale && matches!(effect, Effect::Revenue) {
            Effect::Wholesale
        } else {
            effect
        }
    }

    /// Whether the row says that a part of an invoice was paid out in a deposit.
    pub(crate) fn is_payout(&self) -> bool {
        self.action == Action::Disbursed && self.moves_balance()
    }

    /// Whether the row is a part of what AWS owes, rather than a deposit or a remark.
    pub(crate) const fn moves_balance(&self) -> bool {
        matches!(
            self.effect(),
            Effect::Revenue | Effect::Wholesale | Effect::Fee | Effect::Tax | Effect::Adjustment
        )
    }

    /// The day that decides which charge the row belongs to.
    pub(crate) fn charged_on(&self) -> NaiveDate {
        self.invoiced_on
            .unwrap_or_else(|| self.acted_at.date_naive())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aws_s_words_round_trip_and_no_others_parse() {
        for word in ["INVOICED", "COLLECTED", "FORGIVEN", "DISBURSED"] {
            assert_eq!(word.parse::<Action>().unwrap().to_string(), word);
        }
        for (word, effect) in [
            ("SELLER_REV_SHARE", Effect::Revenue),
            ("SELLER_REV_SHARE_REFUND", Effect::Revenue),
            ("AWS_REV_SHARE", Effect::Fee),
            ("AWS_REV_SHARE_CREDIT", Effect::Fee),
            ("SELLER_TAX_SHARE", Effect::Tax),
            ("OTHER_SELLER_TAX_SHARE_REFUND", Effect::Tax),
            ("AWS_TAX_SHARE", Effect::Informational),
            ("AWS_INFRA_SHARE", Effect::Adjustment),
            ("BALANCE_ADJUSTMENT", Effect::Adjustment),
            ("DISBURSEMENT", Effect::Deposit),
            ("DISBURSEMENT_FAILURE", Effect::DepositFailure),
        ] {
            let kind = word.parse::<TransactionType>().unwrap();
            assert_eq!((kind.to_string().as_str(), kind.effect()), (word, effect));
        }
        for wrong in [
            "",
            "invoiced",
            "SELLER_REV_SHARE_",
            "SELLER_REV_SHARE_BONUS",
            "DISBURSED",
        ] {
            assert!(wrong.parse::<TransactionType>().is_err(), "{wrong:?}");
        }
        assert!("PAID".parse::<Action>().is_err());
    }
}
