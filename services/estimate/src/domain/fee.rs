//! AWS's listing fee: an effective-dated table, and which of its rows applies (E3).

use countersign_kernel::chrono::NaiveDate;
use countersign_kernel::{Money, Rate};

use super::field;
use super::form::MoneyForm;
use super::rejection::{Reason, Rejection, Violations};

/// The product type that estimates are about.
pub const PROFESSIONAL_SERVICES: &str = "professional_services";

/// How the offer reaches the buyer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfferKind {
    /// From the seller itself.
    PrivateOffer,
    /// Through a channel partner.
    Cppo,
}

impl OfferKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::PrivateOffer, Self::Cppo];

    /// Its stable name.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::PrivateOffer => "private_offer",
            Self::Cppo => "cppo",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListingFee {
    /// Such as [`PROFESSIONAL_SERVICES`].
    pub product_type: String,
    /// How the offer reaches the buyer.
    pub offer_kind: OfferKind,
    /// ISO 3166 alpha-2; `None` for any region.
    pub region: Option<String>,
    /// Applies from this contract value on; `None` for any value, in any currency.
    pub minimum_contract_value: Option<Money>,
    /// Applies to renewals only.
    pub renewal: bool,
    /// The fee as a fraction of the price.
    pub rate: Rate,
    /// The UTC date from which it is in force, until a later row of the same kind.
    pub effective_from: NaiveDate,
    /// Whether the seller added it, rather than finding it there.
    pub own: bool,
}

/// What the fee is asked for.
#[derive(Debug, Clone, Copy)]
pub struct FeeQuery<'a> {
    /// What is sold.
    pub product_type: &'a str,
    /// How the offer reaches the buyer.
    pub offer_kind: OfferKind,
    /// Where the buyer is, when known.
    pub region: Option<&'a str>,
    /// What the buyer pays in all.
    pub contract_value: Money,
    /// Whether the deal renews an agreement.
    pub renewal: bool,
    /// The UTC date on which the fee is asked for.
    pub on: NaiveDate,
}

/// The rate of the most specific row in force: the seller's own before the default ones, then by
/// region, renewal and highest contract value reached, then the latest to come into force.
#[must_use]
pub fn rate_in_force(table: &[ListingFee], query: FeeQuery<'_>) -> Option<Rate> {
    table
        .iter()
        .filter(|row| row.applies_to(query))
        .max_by_key(|row| {
            let tier = row.minimum_contract_value.map(Money::amount);
            (
                row.own,
                row.region.is_some(),
                row.renewal,
                tier,
                row.effective_from,
            )
        })
        .map(|row| row.rate)
}

impl ListingFee {
    fn applies_to(&self, query: FeeQuery<'_>) -> bool {
        self.product_type == query.product_type
            && self.offer_kind == query.offer_kind
            && self.effective_from <= query.on
            && (query.renewal || !self.renewal)
            && self
                .region
                .as_deref()
                .is_none_or(|region| query.region == Some(region))
            && self.minimum_contract_value.is_none_or(|minimum| {
                query
                    .contract_value
                    .compare(minimum)
                    .is_some_and(std::cmp::Ordering::is_ge)
            })
    }
}

/// A row as a seller writes it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListingFeeForm {
    /// Such as [`PROFESSIONAL_SERVICES`].
    pub product_type: String,
    /// As in [`OfferKind::code`].
    pub offer_kind: String,
    /// ISO 3166 alpha-2, or empty for any.
    pub region: String,
    /// From which contract value on; none for any.
    pub minimum_contract_value: Option<MoneyForm>,
    /// For renewals only.
    pub renewal: bool,
    /// A fraction.
    pub rate: String,
    /// `YYYY-MM-DD`, UTC.
    pub effective_from: String,
}

impl ListingFeeForm {
    /// The seller's own row.
    ///
    /// # Errors
    /// [`Rejection::Invalid`].
    pub fn check(&self) -> Result<ListingFee, Rejection> {
        let mut wrong = Violations::default();
        let row = wrong.within("fee", |wrong| self.read(wrong));
        wrong.finish(row)
    }

    fn read(&self, wrong: &mut Violations) -> Option<ListingFee> {
        let slug = (1..=64).contains(&self.product_type.len())
            && self
                .product_type
                .bytes()
                .all(|it| it.is_ascii_lowercase() || it == b'_');
        wrong.ensure(
            slug,
            "product_type",
            Reason::ProductTypeInvalid,
            "small letters and underscores, such as professional_services",
        );
        let offer_kind = OfferKind::from_code(&self.offer_kind);
        wrong.ensure(
            offer_kind.is_some(),
            "offer_kind",
            Reason::OfferKindUnknown,
            "private_offer or cppo",
        );
        let region = field::region(wrong, "region", &self.region);
        let minimum = self.minimum_contract_value.as_ref().map(|minimum| {
            field::price_above_zero(wrong, "minimum_contract_value", Some(minimum), None)
        });
        let rate = field::rate(wrong, "rate", &self.rate);
        let effective_from = field::date(wrong, "effective_from", &self.effective_from);
        Some(ListingFee {
            product_type: self.product_type.clone(),
            offer_kind: offer_kind?,
            region: region?,
            minimum_contract_value: minimum.flatten(),
            renewal: self.renewal,
            rate: rate?,
            effective_from: effective_from?,
            own: true,
        })
    }
}

#[cfg(test)]
mod tests {
    use countersign_kernel::Currency;

    use super::*;

    fn row(rate: &str, from: &str) -> ListingFee {
        ListingFee {
            product_type: PROFESSIONAL_SERVICES.to_owned(),
            offer_kind: OfferKind::PrivateOffer,
            region: None,
            minimum_contract_value: None,
            renewal: false,
            rate: Rate::parse(rate).unwrap(),
            effective_from: day(from),
            own: false,
        }
    }

    fn rate(table: &[ListingFee], query: FeeQuery<'_>) -> Option<String> {
        rate_in_force(table, query).map(|rate| rate.to_string())
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn million(currency: Currency) -> Money {
        Money::parse("1000000", currency).unwrap()
    }

    /// What is asked otherwise, and the rate that applies.
    type Case = (&'static str, fn(&mut FeeQuery<'_>), Option<&'static str>);

    /// E3, a case per row: the table, what is asked, what applies.
    #[test]
    fn the_most_specific_row_in_force_applies() {
        let table = [
            row("0.025", "2024-01-05"),
            row("0.005", "2026-06-01"),
            ListingFee {
                region: Some("KR".into()),
                ..row("0.035", "2025-04-01")
            },
            ListingFee {
                minimum_contract_value: Some(million(Currency::Usd)),
                ..row("0.02", "2024-01-05")
            },
            ListingFee {
                renewal: true,
                ..row("0.015", "2024-01-05")
            },
            ListingFee {
                offer_kind: OfferKind::Cppo,
                ..row("0.03", "2024-01-05")
            },
            ListingFee {
                own: true,
                ..row("0.01", "2027-01-01")
            },
        ];
        let query = FeeQuery {
            product_type: PROFESSIONAL_SERVICES,
            offer_kind: OfferKind::PrivateOffer,
            region: None,
            contract_value: Money::parse("102500", Currency::Usd).unwrap(),
            renewal: false,
            on: day("2026-01-01"),
        };
        let cases: [Case; 12] = [
            ("before any row", |it| it.on = day("2024-01-04"), None),
            (
                "on the first day",
                |it| it.on = day("2024-01-05"),
                Some("0.025"),
            ),
            (
                "the day before the change",
                |it| it.on = day("2026-05-31"),
                Some("0.025"),
            ),
            (
                "after the change",
                |it| it.on = day("2026-06-01"),
                Some("0.005"),
            ),
            ("region", |it| it.region = Some("KR"), Some("0.035")),
            ("another region", |it| it.region = Some("DE"), Some("0.025")),
            (
                "tier reached",
                |it| it.contract_value = million(Currency::Usd),
                Some("0.02"),
            ),
            (
                "tier in euros",
                |it| it.contract_value = million(Currency::Eur),
                Some("0.025"),
            ),
            ("renewal", |it| it.renewal = true, Some("0.015")),
            (
                "partner",
                |it| it.offer_kind = OfferKind::Cppo,
                Some("0.03"),
            ),
            (
                "the seller's own",
                |it| it.on = day("2027-01-01"),
                Some("0.01"),
            ),
            ("another product", |it| it.product_type = "saas", None),
        ];
        for (name, change, expected) in cases {
            let mut query = query;
            change(&mut query);
            assert_eq!(rate(&table, query).as_deref(), expected, "{name}");
        }
    }
}
