//! What a reseller's sale brings, and what goes to the manufacturer (O5, S1).

use super::{accept, apply, balance, open_cases, position};
use crate::domain::agreement::Command;
use crate::domain::billing_event::BillingEvent;
use crate::domain::discrepancy::{Case, Kind};
use crate::domain::ledger::Account;
use crate::domain::samples::{Row, resold, usd};

/// A reseller's first payment: what the buyer pays, what goes to the manufacturer, the margin's deposit.
fn resold_rows(wholesale: &str, deposit: &str) -> Vec<BillingEvent> {
    let paid = usd(wholesale).negated().amount_text();
    let rows = [
        Row::new("rev", "INVOICED", "SELLER_REV_SHARE", "0.55"),
        Row::new("cost", "INVOICED", "SELLER_REV_SHARE", wholesale).wholesale(),
        Row::new("col", "COLLECTED", "SELLER_REV_SHARE", "0.55").parent("rev"),
        Row::new("pay-rev", "DISBURSED", "SELLER_REV_SHARE", "-0.55")
            .parent("rev")
            .disbursement("dep"),
        Row::new("pay-cost", "DISBURSED", "SELLER_REV_SHARE", &paid)
            .wholesale()
            .parent("cost")
            .disbursement("dep"),
        Row::new("dep", "DISBURSED", "DISBURSEMENT", deposit)
            .agreement(None)
            .offer(None),
    ];
    rows.into_iter().map(Row::build).collect()
}

/// S1, O5: the buyer's price comes in, the wholesale price goes out, the margin is what arrives.
#[test]
fn a_resellers_sale_brings_its_margin() {
    let (state, _) = accept(resold(), &resold_rows("-0.50", "0.05"));
    let position = position(&state);
    assert_eq!(open_cases(&state), [] as [&Case; 0]);
    for (account, expected) in [
        (Account::Cash, "0.05"),
        (Account::AwsReceivable, "0.00"),
        (Account::DisbursementClearing, "0.00"),
        (Account::WholesaleCost, "1.00"),
        (Account::AccruedWholesale, "-0.50"),
        (Account::UnbilledReceivable, "0.55"),
        (Account::DeferredRevenue, "-1.10"),
        (Account::ListingFeeExpense, "0.00"),
    ] {
        assert_eq!(balance(position, account), usd(expected), "{account:?}");
    }
}

/// R3, R8: another amount for the manufacturer than was agreed is a case, which a person can accept.
#[test]
fn another_wholesale_price_is_a_case() {
    for (wholesale, deposit, kind) in [
        ("-0.53", "0.02", Kind::Wholesale),
        ("-0.51", "0.04", Kind::PennyDifference),
    ] {
        let rows = resold_rows(wholesale, deposit);
        let (state, _) = accept(resold(), &rows);
        let cases = open_cases(&state);
        assert_eq!(cases.len(), 1, "{cases:?}");
        let finding = cases[0].finding;
        assert_eq!((finding.kind, finding.expected), (kind, usd("-0.50")));
        assert_eq!(finding.actual, usd(wholesale));
        let resolve = Command::Resolve {
            case: cases[0].id.clone(),
            by: "fin@acme.example".parse().unwrap(),
            reason: "agreed by mail".into(),
        };
        let (state, _) = apply(&state, resolve, &rows);
        assert!(open_cases(&state).is_empty());
        let left = balance(position(&state), Account::AccruedWholesale);
        assert_eq!(left, usd("-0.50"), "of the second charge");
    }
}
