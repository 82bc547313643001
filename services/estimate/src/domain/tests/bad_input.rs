//! Issue 2's bad input at the estimate's door: every wrong field at once, each with its reason.

use countersign_kernel::chrono::Days;

use super::super::content::{MAX_INSTALLMENTS, MAX_PACKAGES};
use super::super::fee::ListingFeeForm;
use super::super::form::InstallmentForm;
use super::super::policy::PolicyForm;
use super::super::solver::{GivenForm, SolveForm};
use super::super::uplift::UpliftForm;
use super::*;

fn violations(rejection: &Rejection) -> Vec<(String, &'static str)> {
    let Rejection::Invalid(found) = rejection else {
        panic!("not invalid: {rejection:?}");
    };
    found
        .iter()
        .map(|wrong| (wrong.field.clone(), wrong.reason.code()))
        .collect()
}

fn wrong_under(rules: &PricingRules, form: ContentForm) -> Vec<(String, &'static str)> {
    let actor = principal("em@acme.example");
    let facts = Facts {
        now: at(NOW),
        actor: &actor,
        rules,
    };
    violations(&decide(&State::Absent, &draft_command(form), facts).unwrap_err())
}

fn all_plans() -> PricingRules {
    let policy = PricingPolicy {
        allow_installments: true,
        allow_variable: true,
        ..PricingPolicy::default()
    };
    PricingRules { policy, ..rules() }
}

fn changed(change: impl FnOnce(&mut ContentForm)) -> ContentForm {
    let mut form = handbook();
    change(&mut form);
    form
}

fn money(code: &str, amount: &str) -> MoneyForm {
    MoneyForm {
        currency_code: code.to_owned(),
        amount: amount.to_owned(),
    }
}

/// A change that makes the handbook's form wrong, the field below `content` that is named, and
/// the one reason.
type Case = (fn(&mut ContentForm), &'static str, &'static str);

fn each_is_named(cases: &[Case]) {
    for (change, field, reason) in cases {
        let expected = [(format!("content.{field}"), *reason)];
        assert_eq!(wrong_under(&rules(), changed(change)), expected);
    }
}

fn base(form: &mut ContentForm, amount: MoneyForm) {
    form.packages[0].base_price = Some(amount);
    form.stated_total = None;
}

/// E1, E4, E9.
#[test]
fn prices() {
    let amount = "packages[0].base_price.amount";
    let code = "packages[0].base_price.currency_code";
    each_is_named(&[
        (
            |it| it.packages[1].fixed_price = false,
            "packages[1].billing",
            "NOT_FIXED_FEE",
        ),
        (
            |it| base(it, dollars("1e5")),
            amount,
            "AMOUNT_NOT_PLAIN_DECIMAL",
        ),
        (
            |it| base(it, dollars("50,000.00")),
            amount,
            "AMOUNT_NOT_PLAIN_DECIMAL",
        ),
        (
            |it| base(it, dollars("50000.005")),
            amount,
            "AMOUNT_TOO_PRECISE",
        ),
        (|it| base(it, dollars("0.00")), amount, "PRICE_NOT_POSITIVE"),
        (
            |it| base(it, dollars("-50000.00")),
            amount,
            "PRICE_NOT_POSITIVE",
        ),
        (
            |it| base(it, dollars("100000000.01")),
            amount,
            "AMOUNT_TOO_LARGE",
        ),
        (
            |it| base(it, dollars("2000000000000")),
            amount,
            "AMOUNT_TOO_LARGE",
        ),
        (
            |it| base(it, dollars("99999999.00")),
            "packages",
            "AMOUNT_TOO_LARGE",
        ),
        (|it| base(it, money("XXX", "1")), code, "CURRENCY_UNKNOWN"),
        (
            |it| base(it, money("EUR", "1.00")),
            code,
            "CURRENCY_MISMATCH",
        ),
        (
            |it| it.packages[0].base_price = None,
            "packages[0].base_price",
            "REQUIRED",
        ),
        (
            |it| it.stated_total = Some(dollars("100000.01")),
            "stated_total",
            "LINES_DO_NOT_ADD_UP",
        ),
    ]);
}

/// E1.
#[test]
fn packages_and_effort() {
    let name = "packages[0].name";
    let hours = "packages[0].effort[0].hours";
    each_is_named(&[
        (|it| it.packages[0].name = " ".into(), name, "NAME_REQUIRED"),
        (
            |it| it.packages[0].name = "n".repeat(201),
            name,
            "TEXT_TOO_LONG",
        ),
        (
            |it| it.packages[0].name = "a\0".into(),
            name,
            "TEXT_INVALID",
        ),
        (
            |it| it.packages[0].name = "a\r\nBcc: b@example.org".into(),
            name,
            "TEXT_INVALID",
        ),
        (|it| it.packages.clear(), "packages", "REQUIRED"),
        (
            |it| it.packages = vec![package("p", "1.00"); MAX_PACKAGES + 1],
            "packages",
            "TOO_MANY_PACKAGES",
        ),
        (
            |it| it.packages[0].effort = vec![effort("-1", "90.00")],
            hours,
            "HOURS_INVALID",
        ),
        (
            |it| it.packages[0].effort = vec![effort("1e2", "90.00")],
            hours,
            "HOURS_INVALID",
        ),
        (
            |it| it.packages[0].effort = vec![effort("0", "90.00")],
            hours,
            "HOURS_INVALID",
        ),
        (
            |it| it.packages[0].effort = vec![effort("100000.1", "90.00")],
            hours,
            "HOURS_INVALID",
        ),
        (
            |it| it.packages[0].effort = vec![effort("8.", "90.00")],
            hours,
            "HOURS_INVALID",
        ),
        (
            |it| it.packages[0].effort = vec![effort("8_0", "90.00")],
            hours,
            "HOURS_INVALID",
        ),
        (
            |it| it.packages[0].effort = vec![effort("8.0000000000000000000", "90.00")],
            hours,
            "HOURS_INVALID",
        ),
        (
            |it| it.packages[0].effort = vec![effort("8", "-1.00")],
            "packages[0].effort[0].cost_rate.amount",
            "COST_NEGATIVE",
        ),
        (
            |it| it.packages[0].effort = vec![effort("8", "1.00"); 51],
            "packages[0].effort",
            "TOO_MANY_EFFORT_LINES",
        ),
    ]);
}

/// E2, E7.
#[test]
fn plan_scope_and_validity() {
    let (plan, valid_until) = ("payment_plan", "valid_until");
    each_is_named(&[
        (|it| it.payment_plan = None, plan, "PAYMENT_PLAN_REQUIRED"),
        (
            |it| it.payment_plan = Some(PlanForm::Variable(None)),
            plan,
            "PAYMENT_PLAN_NOT_ALLOWED",
        ),
        (
            |it| it.scope_description.clear(),
            "scope_description",
            "REQUIRED",
        ),
        (
            |it| it.scope_duration = "90 days".into(),
            "scope_duration",
            "DURATION_INVALID",
        ),
        (
            |it| it.valid_until = "2026-11-21".into(),
            valid_until,
            "VALID_UNTIL_PAST",
        ),
        (
            |it| it.valid_until = "31.12.2026".into(),
            valid_until,
            "DATE_INVALID",
        ),
        (
            |it| it.valid_until = "2026-2-3".into(),
            valid_until,
            "DATE_INVALID",
        ),
        (
            |it| it.buyer_region = "Korea".into(),
            "buyer_region",
            "REGION_INVALID",
        ),
        (
            |it| it.buyer_region = "KOR".into(),
            "buyer_region",
            "REGION_INVALID",
        ),
        (
            |it| it.buyer_region = "kr".into(),
            "buyer_region",
            "REGION_INVALID",
        ),
    ]);
}

/// An unknown currency is named once, and the amounts are still read.
#[test]
fn an_unknown_currency_does_not_hide_the_rest() {
    let form = changed(|it| {
        it.currency_code = "BTC".to_owned();
        it.packages[2].base_price = Some(dollars("1.005"));
    });
    assert_eq!(
        wrong_under(&rules(), form),
        [
            ("content.currency_code".to_owned(), "CURRENCY_UNKNOWN"),
            (
                "content.packages[2].base_price.amount".to_owned(),
                "AMOUNT_TOO_PRECISE"
            ),
        ]
    );
}

#[test]
fn all_wrong_fields_are_named_at_once() {
    let command = Command::Draft {
        estimate_id: Uuid::from_u128(1),
        engagement_id: "has a blank".to_owned(),
        customer_name: String::new(),
        content: changed(|it| {
            it.packages[0].fixed_price = false;
            it.packages[1].base_price = Some(dollars("-1.00"));
            it.packages[2].base_price = Some(dollars("1.005"));
            it.payment_plan = None;
            it.scope_duration.clear();
            it.valid_until = "2020-01-01".to_owned();
        }),
        follows: None,
    };
    let found = violations(&decide_at(&State::Absent, &command, NOW).unwrap_err());
    let reasons: Vec<&str> = found.iter().map(|(_, reason)| *reason).collect();
    assert_eq!(
        reasons,
        [
            "ENGAGEMENT_ID_INVALID",
            "NAME_REQUIRED",
            "NOT_FIXED_FEE",
            "PRICE_NOT_POSITIVE",
            "AMOUNT_TOO_PRECISE",
            "PAYMENT_PLAN_REQUIRED",
            "DURATION_INVALID",
            "VALID_UNTIL_PAST",
        ]
    );
}

fn charges(plan: &[(&str, &str)]) -> ContentForm {
    let charge = |(date, amount): &(&str, &str)| InstallmentForm {
        charge_date: (*date).to_owned(),
        amount: Some(dollars(amount)),
    };
    let plan = PlanForm::Installments(plan.iter().map(charge).collect());
    changed(|it| it.payment_plan = Some(plan))
}

/// E2, E4: instalments against the uplifted price, 102 500.00.
#[test]
fn a_payment_plan_adds_up_to_the_price() {
    let field = "content.payment_plan.installments";
    for (plan, expected) in [
        (
            charges(&[("2026-12-01", "100000.00")]),
            vec![(field.to_owned(), "INSTALLMENTS_DO_NOT_ADD_UP")],
        ),
        (charges(&[]), vec![(field.to_owned(), "REQUIRED")]),
        (
            charges(&[("2026-12-01", "2500.00"), ("2026-12-01", "100000.00")]),
            vec![(field.to_owned(), "CHARGE_DATES_NOT_ASCENDING")],
        ),
        (
            charges(&[("2026-11-21", "102500.00")]),
            vec![(format!("{field}[0].charge_date"), "CHARGE_DATE_PAST")],
        ),
        (
            charges(&[("2026-12-01", "1.00"); MAX_INSTALLMENTS + 1]),
            vec![(field.to_owned(), "TOO_MANY_INSTALLMENTS")],
        ),
        (
            changed(|it| it.payment_plan = Some(PlanForm::Variable(Some(dollars("100000.00"))))),
            vec![(
                "content.payment_plan.variable.cap".to_owned(),
                "CAP_NOT_THE_PRICE",
            )],
        ),
    ] {
        assert_eq!(wrong_under(&all_plans(), plan), expected);
    }
    let actor = principal("em@acme.example");
    let rules = all_plans();
    let facts = Facts {
        now: at(NOW),
        actor: &actor,
        rules: &rules,
    };
    let today = &NOW[..10];
    let mut most = vec![InstallmentForm::default(); MAX_INSTALLMENTS];
    for (charge, day) in most.iter_mut().zip(1..) {
        charge.charge_date = (at(NOW).date_naive() + Days::new(day)).to_string();
        charge.amount = Some(dollars("1.00"));
    }
    most[0].amount = Some(dollars("102415.00"));
    for plan in [
        changed(|it| it.payment_plan = Some(PlanForm::Installments(most))),
        charges(&[(today, "2500.00"), ("2027-01-01", "100000.00")]),
        changed(|it| it.payment_plan = Some(PlanForm::Variable(Some(dollars("102500.00"))))),
        changed(|it| it.payment_plan = Some(PlanForm::Variable(None))),
    ] {
        assert!(decide(&State::Absent, &draft_command(plan), facts).is_ok());
    }
}

/// E1, E7: the limits themselves are within them.
#[test]
fn what_is_just_possible_is_taken() {
    let limits: [fn(&mut ContentForm); 5] = [
        |it| {
            it.packages = vec![package("p", "1.00"); MAX_PACKAGES];
            it.stated_total = None;
        },
        |it| it.packages[0].effort = vec![effort("100000", "90.00"); 50],
        |it| it.packages[0].name = "é".repeat(200),
        |it| it.scope_description = "é".repeat(10_000),
        |it| it.valid_until = NOW[..10].to_owned(),
    ];
    for (number, limit) in limits.into_iter().enumerate() {
        let command = draft_command(changed(limit));
        assert!(decide_at(&State::Absent, &command, NOW).is_ok(), "{number}");
    }
}

/// E2: any one plan is enough for a policy; E3: a fee's words are stable.
#[test]
fn rules_with_one_plan_and_stable_words_are_taken() {
    for number in 0..3 {
        let policy = PolicyForm {
            uplift: Some(UpliftForm::None),
            allow_prepaid: number == 0,
            allow_installments: number == 1,
            allow_variable: number == 2,
        };
        assert!(policy.check().is_ok(), "{number}");
    }
    for (word, kind) in [
        ("private_offer", OfferKind::PrivateOffer),
        ("cppo", OfferKind::Cppo),
    ] {
        assert_eq!(
            (kind.code(), OfferKind::from_code(word)),
            (word, Some(kind))
        );
    }
    let row = |product_type: &str| ListingFeeForm {
        product_type: product_type.to_owned(),
        offer_kind: "cppo".to_owned(),
        rate: "0.03".to_owned(),
        effective_from: "2027-01-01".to_owned(),
        ..ListingFeeForm::default()
    };
    assert!(row("saas").check().is_ok());
    for wrong in ["", "Saas", "sa as", &"s".repeat(65)] {
        let found = violations(&row(wrong).check().unwrap_err());
        let expected = ("fee.product_type".to_owned(), "PRODUCT_TYPE_INVALID");
        assert_eq!(found, [expected], "{wrong}");
    }
}

/// E2, E3: a policy or fee row that cannot be right is not kept.
#[test]
fn the_seller_s_own_rules_are_checked_too() {
    let empty = violations(&PolicyForm::default().check().unwrap_err());
    assert_eq!(
        empty,
        [
            ("policy.uplift".into(), "REQUIRED"),
            ("policy".into(), "PAYMENT_PLAN_REQUIRED")
        ]
    );
    let percent = PolicyForm {
        uplift: Some(UpliftForm::GrossUp("2.5".to_owned())),
        allow_prepaid: true,
        ..PolicyForm::default()
    };
    assert_eq!(
        violations(&percent.check().unwrap_err()),
        [("policy.uplift.gross_up".into(), "RATE_INVALID")]
    );

    let row = ListingFeeForm {
        product_type: "Professional Services".to_owned(),
        offer_kind: "public".to_owned(),
        region: "kr".to_owned(),
        minimum_contract_value: Some(dollars("0")),
        renewal: false,
        rate: "1".to_owned(),
        effective_from: "today".to_owned(),
    };
    let found = violations(&row.check().unwrap_err());
    let reasons: Vec<&str> = found.iter().map(|(_, reason)| *reason).collect();
    assert_eq!(
        reasons,
        [
            "PRODUCT_TYPE_INVALID",
            "OFFER_KIND_UNKNOWN",
            "REGION_INVALID",
            "PRICE_NOT_POSITIVE",
            "RATE_INVALID",
            "DATE_INVALID",
        ]
    );
}

/// E6: a question that cannot be answered says why.
#[test]
fn a_wrong_question_is_refused() {
    let empty = violations(&SolveForm::default().solve().unwrap_err());
    assert_eq!(
        empty,
        [
            ("uplift".into(), "REQUIRED"),
            ("listing_fee_rate".into(), "RATE_INVALID"),
            ("given".into(), "REQUIRED"),
        ]
    );
    let beyond = SolveForm {
        uplift: Some(UpliftForm::None),
        listing_fee_rate: "0.99999999999".to_owned(),
        given: Some(GivenForm::TargetNet(dollars("100000000"))),
    };
    assert_eq!(
        violations(&beyond.solve().unwrap_err()),
        [("given".into(), "AMOUNT_TOO_LARGE")]
    );
}
