//! Figures and states of charges, a case per row (R3, R4).

use super::billing_event::BillingEvent;
use super::cash::{ChargeCash, ChargeState, OverdueBucket, charges};
use super::samples::{Row, date, handbook, handbook_rows, usd};

fn only_charge(rows: Vec<BillingEvent>) -> ChargeCash {
    charges(&handbook(), &rows.into_iter().collect())
        .unwrap()
        .remove(0)
}

fn state_on(rows: Vec<BillingEvent>, today: &str) -> ChargeState {
    only_charge(rows).state(usd("0"), date(today)).unwrap()
}

fn invoiced() -> Vec<BillingEvent> {
    handbook_rows("99937.50").into_iter().take(2).collect()
}

fn with(mut rows: Vec<BillingEvent>, more: Vec<Row>) -> Vec<BillingEvent> {
    rows.extend(more.into_iter().map(Row::build));
    rows
}

/// The main job's figures: nothing owed, 99 937.50 arrived.
#[test]
fn the_handbook_deal_arrives_to_the_cent() {
    let cash = only_charge(handbook_rows("99937.50"));
    assert_eq!(cash.gross, usd("102500.00"));
    assert_eq!(cash.fee, usd("-2562.50"));
    assert_eq!(cash.collected, usd("102500.00"));
    assert_eq!(cash.disbursed, usd("99937.50"));
    assert_eq!(cash.residual(usd("0")).unwrap(), usd("0"));
}

/// R4: invoiced and not paid out: days past due decide, the due day included in time.
#[test]
fn states_of_time() {
    for (today, expected) in [
        ("2027-02-04", None),
        ("2027-02-05", Some(OverdueBucket::Days1To30)),
        ("2027-03-06", Some(OverdueBucket::Days1To30)),
        ("2027-03-07", Some(OverdueBucket::Days31To60)),
        ("2027-04-05", Some(OverdueBucket::Days31To60)),
        ("2027-04-06", Some(OverdueBucket::Days61To90)),
        ("2027-05-05", Some(OverdueBucket::Days61To90)),
        ("2027-05-06", Some(OverdueBucket::Days91To120)),
        ("2027-06-04", Some(OverdueBucket::Days91To120)),
        ("2027-06-05", Some(OverdueBucket::Days121Plus)),
    ] {
        let expected = expected.map_or(ChargeState::Invoiced, ChargeState::Overdue);
        assert_eq!(state_on(invoiced(), today), expected, "{today}");
        assert_eq!(state_on(vec![], today), ChargeState::NotDue, "{today}");
    }
}

/// R4: what was collected, forgiven and paid out decides, whatever the day.
#[test]
fn states_of_money() {
    let collected = |amount| Row::new("c", "COLLECTED", "SELLER_REV_SHARE", amount);
    let failure = Row::new("x", "DISBURSED", "DISBURSEMENT_FAILURE", "-99937.50").parent("dep");
    let payout = |id, amount, deposit: &str| {
        let row = Row::new(id, "DISBURSED", "SELLER_REV_SHARE", amount);
        row.parent("inv-rev").disbursement(deposit)
    };
    let deposit = |id, amount| Row::new(id, "DISBURSED", "DISBURSEMENT", amount);
    let taken_back = vec![
        payout("p1", "-10.00", "d1"),
        deposit("d1", "10.00"),
        payout("p2", "10.00", "d2"),
        deposit("d2", "-10.00"),
    ];
    let promised = vec![payout("p1", "-102500.00", "d1")];
    let late = ChargeState::Overdue(OverdueBucket::Days121Plus);
    for (name, rows, expected) in [
        (
            "collected",
            with(invoiced(), vec![collected("102500.00")]),
            ChargeState::Collected,
        ),
        (
            "half collected",
            with(invoiced(), vec![collected("50000.00")]),
            late,
        ),
        (
            "disbursed",
            handbook_rows("99937.50"),
            ChargeState::Disbursed,
        ),
        (
            "short",
            handbook_rows("99937.49"),
            ChargeState::PartiallyDisbursed,
        ),
        (
            "over",
            handbook_rows("99937.51"),
            ChargeState::OverDisbursed,
        ),
        (
            "failed",
            with(handbook_rows("99937.50"), vec![failure]),
            ChargeState::Failed,
        ),
        (
            "taken back",
            with(invoiced(), taken_back),
            ChargeState::Reversed,
        ),
        (
            "paid out, its deposit not known",
            with(invoiced(), promised),
            late,
        ),
    ] {
        assert_eq!(state_on(rows, "2027-06-05"), expected, "{name}");
    }
}

/// R4: who owes nothing, or less, is not overdue with what was given back or let off.
#[test]
fn states_of_what_is_given_back() {
    let collected = |amount| Row::new("c", "COLLECTED", "SELLER_REV_SHARE", amount);
    let forgiven = |id, kind, amount| Row::new(id, "FORGIVEN", kind, amount);
    let given_back = |amount| Row::new("r1", "INVOICED", "SELLER_REV_SHARE_REFUND", amount);
    let let_off = vec![
        forgiven("f1", "SELLER_REV_SHARE", "-102500.00").parent("inv-rev"),
        forgiven("f2", "AWS_REV_SHARE", "2562.50").parent("inv-fee"),
    ];
    let late = ChargeState::Overdue(OverdueBucket::Days121Plus);
    for (name, rows, expected) in [
        (
            "forgiven",
            with(invoiced(), let_off.clone()),
            ChargeState::Forgiven,
        ),
        (
            "given back before it was paid, with its fee",
            with(
                invoiced(),
                vec![
                    given_back("-102500.00"),
                    Row::new("r2", "INVOICED", "AWS_REV_SHARE_REFUND", "2562.50"),
                ],
            ),
            ChargeState::Reversed,
        ),
        (
            "forgiven in part",
            with(
                invoiced(),
                vec![forgiven("f1", "SELLER_REV_SHARE", "-2500.00")],
            ),
            late,
        ),
        (
            "forgiven after it was paid",
            with(handbook_rows("99937.50"), let_off.clone()),
            ChargeState::OverDisbursed,
        ),
        (
            "collected, and paid back to the buyer",
            with(
                invoiced(),
                vec![
                    collected("102500.00"),
                    Row::new("c2", "COLLECTED", "SELLER_REV_SHARE_REFUND", "-1.00"),
                ],
            ),
            late,
        ),
        (
            "given back before it was paid, the fee kept",
            with(invoiced(), vec![given_back("-102500.00")]),
            ChargeState::Reversed,
        ),
        (
            "given back in part",
            with(invoiced(), vec![given_back("-102499.99")]),
            late,
        ),
    ] {
        assert_eq!(state_on(rows, "2027-06-05"), expected, "{name}");
    }
}

/// R3: a failed deposit that is paid again is paid.
#[test]
fn paid_again_after_a_failure() {
    let mut rows = with(
        handbook_rows("99937.50"),
        vec![Row::new("x", "DISBURSED", "DISBURSEMENT_FAILURE", "-99937.50").parent("dep")],
    );
    rows = with(
        rows,
        vec![
            Row::new("dep2", "DISBURSED", "DISBURSEMENT", "99937.50"),
            Row::new("p3", "DISBURSED", "SELLER_REV_SHARE", "-102500.00")
                .parent("inv-rev")
                .disbursement("dep2"),
            Row::new("p4", "DISBURSED", "AWS_REV_SHARE", "2562.50")
                .parent("inv-fee")
                .disbursement("dep2"),
        ],
    );
    assert_eq!(state_on(rows, "2027-06-05"), ChargeState::Disbursed);
}

/// R3: taxes: the seller's is owed, AWS's own is a remark.
#[test]
fn taxes() {
    let cash = only_charge(with(
        invoiced(),
        vec![
            Row::new("t1", "INVOICED", "SELLER_TAX_SHARE", "100.00"),
            Row::new("t2", "INVOICED", "AWS_TAX_SHARE", "200.00"),
        ],
    ));
    assert_eq!(cash.tax, usd("100.00"));
    assert_eq!(cash.owed, usd("100037.50"));
}

/// R3: refunds lower what is owed; an adjustment moves it.
#[test]
fn refunds_and_adjustments() {
    let cash = only_charge(with(
        invoiced(),
        vec![
            Row::new("r1", "INVOICED", "SELLER_REV_SHARE_REFUND", "-2500.00"),
            Row::new("r2", "INVOICED", "AWS_REV_SHARE_REFUND", "62.50"),
            Row::new("b", "INVOICED", "BALANCE_ADJUSTMENT", "-1.00"),
        ],
    ));
    assert_eq!(
        (cash.gross, cash.returned),
        (usd("102500.00"), usd("-2500.00"))
    );
    assert_eq!(
        (cash.fee, cash.fee_returned),
        (usd("-2562.50"), usd("62.50"))
    );
    assert_eq!(cash.owed, usd("97499.00"));
}

/// A person's acceptance of the missing cent closes the charge; the invoice's due date rules.
#[test]
fn what_people_accepted_closes_it() {
    let cash = only_charge(handbook_rows("99937.49"));
    assert_eq!(
        cash.state(usd("-0.01"), date("2027-06-05")).unwrap(),
        ChargeState::Disbursed
    );
    let mut rows = invoiced();
    rows[0].payment_due = Some(date("2027-03-01"));
    assert_eq!(state_on(rows, "2027-03-01"), ChargeState::Invoiced);
}
