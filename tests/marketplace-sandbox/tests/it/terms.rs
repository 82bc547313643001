//! The asynchronous rules of facts §1.3 as rows: what is spoiled, and the error that must come of it.

use chrono::{Days, NaiveDate};
use serde_json::{Value, json};

use crate::market::{BUYER, Changes};
use crate::money::renewal;

/// Spoils a good change set, given today.
type Edit = dyn Fn(&mut Changes, NaiveDate);

/// What is done to the good change set, and the one error that must come of it.
pub(crate) struct Row {
    pub(crate) expected: &'static [&'static str],
    pub(crate) change: Box<Edit>,
}

fn row(
    expected: &'static [&'static str],
    change: impl Fn(&mut Changes, NaiveDate) + 'static,
) -> Row {
    Row {
        expected,
        change: Box::new(change),
    }
}

fn edit(changes: &mut Changes, change_type: &str, pointer: &str, value: Value) {
    let (_, details) = changes
        .iter_mut()
        .find(|(kind, _)| *kind == change_type)
        .unwrap();
    *details.pointer_mut(pointer).unwrap() = value;
}

fn leave_out(changes: &mut Changes, change_type: &str) {
    changes.retain(|(kind, _)| *kind != change_type);
}

pub(crate) fn day(today: NaiveDate, days: u64) -> String {
    today.checked_add_days(Days::new(days)).unwrap().to_string()
}

pub(crate) fn schedule(changes: &mut Changes, plan: &[(String, &str)]) {
    let rows: Vec<Value> = plan
        .iter()
        .map(|(date, amount)| json!({ "ChargeDate": date, "ChargeAmount": amount }))
        .collect();
    edit(
        changes,
        "UpdatePaymentScheduleTerms",
        "/Terms/0/Schedule",
        json!(rows),
    );
}

const DOCUMENT: &str = "/Terms/0/Documents/0";

pub(crate) fn document_rows(bucket: &str) -> Vec<Row> {
    let at = |name: &str| format!("{bucket}/{name}");
    let to = |name: &str, expected: &'static [&'static str]| {
        let url = at(name);
        row(expected, move |changes, _| {
            edit(
                changes,
                "UpdateLegalTerms",
                "/Terms/0/Documents/0/Url",
                json!(url),
            );
        })
    };
    vec![
        to(
            "missing.pdf",
            &["UpdateLegalTerms: INVALID_LEGAL_DOCUMENTS"],
        ),
        to("letter.pdf", &["UpdateLegalTerms: INVALID_LEGAL_DOCUMENTS"]),
        to("cut.pdf", &["UpdateLegalTerms: INVALID_LEGAL_DOCUMENTS"]),
        to("locked.pdf", &["UpdateLegalTerms: INVALID_LEGAL_DOCUMENTS"]),
        to(
            "huge.pdf",
            &["UpdateLegalTerms: LIMIT_EXCEEDED_LEGAL_DOCUMENT_SIZE"],
        ),
        row(
            &["UpdateLegalTerms: INVALID_LEGAL_DOCUMENTS"],
            |changes, _| {
                let standard = json!({ "Type": "StandardEula", "Version": "2022-07-14" });
                edit(changes, "UpdateLegalTerms", DOCUMENT, standard);
            },
        ),
        row(
            &["UpdateLegalTerms: INVALID_LEGAL_DOCUMENTS"],
            |changes, _| {
                let old = json!({ "Type": "StandardEula", "Version": "2019-04-24" });
                edit(changes, "UpdateLegalTerms", DOCUMENT, old);
            },
        ),
    ]
}

pub(crate) fn missing_rows() -> Vec<Row> {
    let without = |kind: &'static str, expected: &'static [&'static str]| {
        row(expected, move |changes, _| leave_out(changes, kind))
    };
    vec![
        row(&["ReleaseOffer: MISSING_NAME"], |changes, _| {
            changes[0].1.as_object_mut().unwrap().remove("Name");
        }),
        without("UpdateInformation", &["ReleaseOffer: MISSING_DESCRIPTION"]),
        without(
            "UpdateAvailability",
            &["ReleaseOffer: MISSING_AVAILABILITY_END_DATE"],
        ),
        without("UpdateTargeting", &["ReleaseOffer: MISSING_BUYER_ACCOUNTS"]),
        without(
            "UpdateLegalTerms",
            &["ReleaseOffer: MISSING_MANDATORY_TERMS"],
        ),
        without(
            "UpdatePricingTerms",
            &["ReleaseOffer: MISSING_MANDATORY_TERMS"],
        ),
        without(
            "UpdatePaymentScheduleTerms",
            &["ReleaseOffer: MISSING_MANDATORY_TERMS"],
        ),
        row(&["ReleaseOffer: MISSING_DURATION"], |changes, _| {
            leave_out(changes, "UpdateValidityTerms");
            let (_, pricing) = changes
                .iter_mut()
                .find(|(kind, _)| *kind == "UpdatePricingTerms")
                .unwrap();
            pricing["Terms"][0]
                .as_object_mut()
                .unwrap()
                .remove("Duration");
        }),
    ]
}

pub(crate) fn term_rows() -> Vec<Row> {
    let pricing = |pointer: &'static str, value: Value, expected: &'static [&'static str]| {
        row(expected, move |changes, _| {
            edit(changes, "UpdatePricingTerms", pointer, value.clone());
        })
    };
    vec![
        pricing(
            "/Terms/0/Price",
            json!("102500"),
            &["UpdatePricingTerms: INCOMPATIBLE_TERMS"],
        ),
        pricing(
            "/PricingModel",
            json!("Usage"),
            &["UpdatePricingTerms: INCOMPATIBLE_PRODUCT"],
        ),
        pricing(
            "/Terms/0/Duration",
            json!("P9Y"),
            &["UpdatePricingTerms: INVALID_DURATION"],
        ),
        pricing(
            "/Terms/0/Grants/0/DimensionKey",
            json!("nothing"),
            &["UpdatePricingTerms: INCOMPATIBLE_PRODUCT"],
        ),
        pricing(
            "/Terms/0/Grants",
            json!([{ "DimensionKey": "training" }]),
            &["UpdatePricingTerms: INVALID_GRANTS"],
        ),
        pricing(
            "/Terms/0/Grants",
            json!([{ "DimensionKey": "training", "MaxQuantity": 1 },
                { "DimensionKey": "training", "MaxQuantity": 1 }]),
            &["UpdatePricingTerms: DUPLICATE_DIMENSION_KEYS"],
        ),
        pricing(
            "/Terms/0/CurrencyCode",
            json!("EUR"),
            &["UpdatePaymentScheduleTerms: INVALID_CURRENCY_CODE"],
        ),
        row(
            &[
                "UpdatePricingTerms: INVALID_CURRENCY_CODE",
                "UpdatePaymentScheduleTerms: INVALID_CURRENCY_CODE",
            ],
            |changes, _| {
                edit(
                    changes,
                    "UpdatePricingTerms",
                    "/Terms/0/CurrencyCode",
                    json!("JPN"),
                );
                edit(
                    changes,
                    "UpdatePaymentScheduleTerms",
                    "/Terms/0/CurrencyCode",
                    json!("JPN"),
                );
            },
        ),
        row(
            &[
                "UpdatePricingTerms: INCOMPATIBLE_PAYMENT_SETTINGS",
                "UpdatePaymentScheduleTerms: INCOMPATIBLE_PAYMENT_SETTINGS",
            ],
            |changes, _| {
                edit(
                    changes,
                    "UpdatePricingTerms",
                    "/Terms/0/CurrencyCode",
                    json!("CAD"),
                );
                edit(
                    changes,
                    "UpdatePaymentScheduleTerms",
                    "/Terms/0/CurrencyCode",
                    json!("CAD"),
                );
            },
        ),
    ]
}

pub(crate) fn party_rows() -> Vec<Row> {
    vec![
        row(
            &["UpdateTargeting: INVALID_BUYER_ACCOUNTS"],
            |changes, _| {
                let accounts = json!([BUYER, "000000000000"]);
                edit(
                    changes,
                    "UpdateTargeting",
                    "/PositiveTargeting/BuyerAccounts",
                    accounts,
                );
            },
        ),
        row(
            &["UpdateTargeting: INVALID_BUYER_ACCOUNTS"],
            |changes, _| {
                edit(
                    changes,
                    "UpdateTargeting",
                    "/PositiveTargeting/BuyerAccounts",
                    json!([BUYER, BUYER]),
                );
            },
        ),
        row(
            &["UpdateTargeting: TOO_MANY_BUYER_ACCOUNTS"],
            |changes, _| {
                let many: Vec<String> = (1..=25).map(|id| format!("{id:012}")).collect();
                let accounts = "/PositiveTargeting/BuyerAccounts";
                edit(changes, "UpdateTargeting", accounts, json!(many));
            },
        ),
        row(&[], |changes, _| {
            let most: Vec<String> = (1..=24).map(|id| format!("{id:012}")).collect();
            let accounts = "/PositiveTargeting/BuyerAccounts";
            edit(changes, "UpdateTargeting", accounts, json!(most));
        }),
        row(
            &["UpdateValidityTerms: INVALID_AGREEMENT_DURATION"],
            |changes, _| {
                edit(
                    changes,
                    "UpdateValidityTerms",
                    "/Terms/0/AgreementDuration",
                    json!("P61M2D"),
                );
            },
        ),
        row(
            &["UpdateValidityTerms: INVALID_AGREEMENT_TIME_INTERVAL"],
            |changes, today| {
                let dates = json!({ "Type": "ValidityTerm", "AgreementStartDate": day(today, 30),
                "AgreementEndDate": day(today, 120) });
                edit(changes, "UpdateValidityTerms", "/Terms/0", dates);
            },
        ),
        wrong_dates(
            20,
            10,
            &[TIMES, "UpdateValidityTerms: INVALID_AGREEMENT_END_DATE"],
        ),
        wrong_dates(14, 100, &[TIMES, STARTS]),
        wrong_dates(3 * 366, 3 * 366 + 90, &[TIMES, STARTS]),
        wrong_dates(
            0,
            0,
            &[
                TIMES,
                STARTS,
                "UpdateValidityTerms: INVALID_AGREEMENT_END_DATE",
            ],
        ),
    ]
}

const TIMES: &str = "UpdateValidityTerms: INVALID_AGREEMENT_TIME_INTERVAL";
const STARTS: &str = "UpdateValidityTerms: INVALID_AGREEMENT_START_DATE";

/// Agreement dates so many days from today.
fn wrong_dates(start: u64, end: u64, expected: &'static [&'static str]) -> Row {
    row(expected, move |changes, today| {
        let dates = json!({ "Type": "ValidityTerm", "AgreementStartDate": day(today, start),
            "AgreementEndDate": day(today, end) });
        edit(changes, "UpdateValidityTerms", "/Terms/0", dates);
    })
}

/// What is wrong with a renewal, and with what of the offer.
pub(crate) fn renewal_rows() -> Vec<Row> {
    let with = |pointer: &'static str, value: Value, expected: &'static [&'static str]| {
        row(expected, move |changes, _| {
            changes.insert(8, renewal());
            edit(changes, "UpdateRenewalTerms", pointer, value.clone());
        })
    };
    let lockout = "/Terms/0/LockoutPeriod";
    let day = "/Terms/0/TermTemplates/0/PaymentScheduleTermTemplate/Schedule/1";
    let on = |day: u32| json!({ "ChargeDateOffset": "P1M", "ChargePercentage": "50", "DayOfMonth": day });
    vec![
        with(lockout, json!("P89D"), &[]),
        with(
            lockout,
            json!("P90D"),
            &["UpdateRenewalTerms: INVALID_LOCKOUT_PERIOD"],
        ),
        with(
            "/Terms/0/TermTemplates",
            json!([]),
            &["UpdateRenewalTerms: MISSING_PAYMENT_SCHEDULE_TERM_TEMPLATE"],
        ),
        with(day, on(31), &[]),
        with(day, on(32), &["UpdateRenewalTerms: INVALID_DAY_OF_MONTH"]),
        row(
            &["UpdateMarkup: INVALID_MARKUP_PERCENTAGE"],
            |changes, _| changes.insert(8, ("UpdateMarkup", json!({ "Percentage": "5" }))),
        ),
    ]
}

pub(crate) fn date_rows() -> Vec<Row> {
    vec![
        row(
            &["UpdateAvailability: INVALID_AVAILABILITY_END_DATE"],
            |changes, today| {
                let yesterday = today.pred_opt().unwrap().to_string();
                edit(
                    changes,
                    "UpdateAvailability",
                    "/AvailabilityEndDate",
                    json!(yesterday),
                );
            },
        ),
        row(
            &["UpdateAvailability: INVALID_AVAILABILITY_END_DATE"],
            |changes, today| {
                edit(
                    changes,
                    "UpdateAvailability",
                    "/AvailabilityEndDate",
                    json!(day(today, 90)),
                );
            },
        ),
        row(
            &["UpdateAvailability: INVALID_AVAILABILITY_END_DATE"; 2],
            |changes, today| {
                edit(
                    changes,
                    "UpdateAvailability",
                    "/AvailabilityEndDate",
                    json!(day(today, 4 * 365)),
                );
            },
        ),
        row(
            &["UpdatePaymentScheduleTerms: INVALID_CHARGE_DATES"],
            |changes, today| {
                schedule(changes, &[(today.pred_opt().unwrap().to_string(), "1.00")]);
            },
        ),
        row(
            &["UpdatePaymentScheduleTerms: INVALID_CHARGE_DATES"],
            |changes, today| {
                schedule(
                    changes,
                    &[(day(today, 1), "1.00"), (day(today, 90), "1.00")],
                );
            },
        ),
        row(
            &["UpdatePaymentScheduleTerms: TOO_MANY_CHARGES"],
            |changes, today| {
                let charges = (20..81).map(|days| (day(today, days), "1.00"));
                schedule(changes, &charges.collect::<Vec<_>>());
            },
        ),
        row(
            &["UpdatePaymentScheduleTerms: DUPLICATE_CHARGE_DATES"],
            |changes, today| {
                schedule(
                    changes,
                    &[(day(today, 30), "1.00"), (day(today, 30), "2.00")],
                );
            },
        ),
        row(
            &["UpdatePaymentScheduleTerms: TOO_MANY_BACKDATED_CHARGES"],
            |changes, today| {
                schedule(
                    changes,
                    &[(day(today, 1), "1.00"), (day(today, 14), "2.00")],
                );
            },
        ),
        row(&[], |changes, today| {
            schedule(
                changes,
                &[
                    (day(today, 0), "1.00"),
                    (day(today, 15), "2.00"),
                    (day(today, 89), "3.00"),
                ],
            );
        }),
    ]
}
