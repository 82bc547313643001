//! What is refused, each with its stable reason code.

use countersign_kernel::chrono::NaiveDate;

use super::pricing::PricingError;

/// Why a command is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Fields are wrong: all of them, never just the first.
    #[error("{} field(s) are wrong", .0.len())]
    Invalid(Vec<Violation>),
    /// The seller has no such estimate.
    #[error("there is no such estimate")]
    NotFound,
    /// The engagement's estimate is neither withdrawn nor expired: revise that one.
    #[error("engagement {engagement_id} has an open estimate")]
    EngagementHasOpenEstimate {
        /// The engagement.
        engagement_id: String,
    },
    /// The author has not seen the newest version.
    #[error("version {given} is not the newest version, {latest}")]
    VersionStale {
        /// The version that was named.
        given: u32,
        /// The newest there is.
        latest: u32,
    },
    /// Changes were asked for: make a new version first, then submit that.
    #[error("the estimate is {state}, not a draft")]
    NotDraft {
        /// Where it stands.
        state: &'static str,
    },
    /// The version was handed in and nothing has been decided yet.
    #[error("the estimate is under review")]
    UnderReview,
    /// An answer came for an estimate that nobody handed in.
    #[error("the estimate is {state}, not under review")]
    NotUnderReview {
        /// Where it stands.
        state: &'static str,
    },
    /// Approved, withdrawn or expired: nothing can be changed any more.
    #[error("the estimate is {state}")]
    Closed {
        /// Where it stands.
        state: &'static str,
    },
    /// The last day of validity is over (E7).
    #[error("the estimate was valid until {valid_until}")]
    ValidUntilPast {
        /// The last day, UTC.
        valid_until: NaiveDate,
    },
    /// The content is right but has no price.
    #[error("the estimate cannot be priced")]
    Unpriced(#[from] PricingError),
}

impl Rejection {
    /// The stable reason code; [`Rejection::Invalid`] has one per field instead.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "INVALID_FIELDS",
            Self::NotFound => "ESTIMATE_UNKNOWN",
            Self::EngagementHasOpenEstimate { .. } => "ENGAGEMENT_HAS_OPEN_ESTIMATE",
            Self::VersionStale { .. } => "VERSION_STALE",
            Self::NotDraft { .. } => "ESTIMATE_NOT_DRAFT",
            Self::UnderReview => "ESTIMATE_UNDER_REVIEW",
            Self::NotUnderReview { .. } => "ESTIMATE_NOT_UNDER_REVIEW",
            Self::Closed { .. } => "ESTIMATE_CLOSED",
            Self::ValidUntilPast { .. } => "VALID_UNTIL_PAST",
            Self::Unpriced(PricingError::NoListingFee) => "LISTING_FEE_UNKNOWN",
            Self::Unpriced(PricingError::Money(_) | PricingError::Split(_)) => "AMOUNT_TOO_LARGE",
        }
    }
}

/// One wrong field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Its path in the request, such as `content.packages[0].base_price`.
    pub field: String,
    /// What is wrong with it.
    pub reason: Reason,
    /// The same for a person, with what would be right.
    pub description: String,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// What can be wrong with a field.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Reason {
            $($(#[$doc])* $name,)*
        }

        impl Reason {
            /// The stable code.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }
        }
    };
}

reasons! {
    /// It must be given.
    Required = "REQUIRED",
    /// A name is empty.
    NameRequired = "NAME_REQUIRED",
    /// A text is longer than it may be.
    TextTooLong = "TEXT_TOO_LONG",
    /// A text has control characters.
    TextInvalid = "TEXT_INVALID",
    /// Not an engagement id.
    EngagementIdInvalid = "ENGAGEMENT_ID_INVALID",
    /// Not one of E9's currencies.
    CurrencyUnknown = "CURRENCY_UNKNOWN",
    /// Another currency than the estimate's (E9).
    CurrencyMismatch = "CURRENCY_MISMATCH",
    /// Anything but digits with at most one point (E4).
    AmountNotPlainDecimal = "AMOUNT_NOT_PLAIN_DECIMAL",
    /// More decimal digits than the currency has (E4).
    AmountTooPrecise = "AMOUNT_TOO_PRECISE",
    /// More than AWS takes.
    AmountTooLarge = "AMOUNT_TOO_LARGE",
    /// A price at or below zero (E1).
    PriceNotPositive = "PRICE_NOT_POSITIVE",
    /// A cost below zero.
    CostNegative = "COST_NEGATIVE",
    /// Hours that are no plain decimal above zero.
    HoursInvalid = "HOURS_INVALID",
    /// The package is not sold at a fixed price (E1).
    NotFixedFee = "NOT_FIXED_FEE",
    /// More packages than AWS lists.
    TooManyPackages = "TOO_MANY_PACKAGES",
    /// More lines of effort than one package may have.
    TooManyEffortLines = "TOO_MANY_EFFORT_LINES",
    /// The stated total is not the sum of the packages (E4).
    LinesDoNotAddUp = "LINES_DO_NOT_ADD_UP",
    /// No payment plan, or a policy that allows none (E2).
    PaymentPlanRequired = "PAYMENT_PLAN_REQUIRED",
    /// The seller's policy does not allow the plan (E2).
    PaymentPlanNotAllowed = "PAYMENT_PLAN_NOT_ALLOWED",
    /// The instalments are not the price (E4).
    InstallmentsDoNotAddUp = "INSTALLMENTS_DO_NOT_ADD_UP",
    /// More instalments than AWS takes.
    TooManyInstallments = "TOO_MANY_INSTALLMENTS",
    /// Charge dates must ascend.
    ChargeDatesNotAscending = "CHARGE_DATES_NOT_ASCENDING",
    /// A charge date in the past.
    ChargeDatePast = "CHARGE_DATE_PAST",
    /// The cap is not the price.
    CapNotThePrice = "CAP_NOT_THE_PRICE",
    /// Not a date.
    DateInvalid = "DATE_INVALID",
    /// The validity date is over (E7).
    ValidUntilPast = "VALID_UNTIL_PAST",
    /// Not an ISO 8601 duration of years, months and days (E7).
    DurationInvalid = "DURATION_INVALID",
    /// Not two capital letters.
    RegionInvalid = "REGION_INVALID",
    /// Not a fraction at or above zero and below one (E3).
    RateInvalid = "RATE_INVALID",
    /// Not a kind of offer that has a listing fee (E3).
    OfferKindUnknown = "OFFER_KIND_UNKNOWN",
    /// Not a product type.
    ProductTypeInvalid = "PRODUCT_TYPE_INVALID",
}

/// Collects what is wrong while a form is read.
#[derive(Debug, Default)]
pub struct Violations {
    path: String,
    found: Vec<Violation>,
}

impl Violations {
    /// Notes that `field` is wrong.
    pub fn add(&mut self, field: &str, reason: Reason, description: impl Into<String>) {
        self.found.push(Violation {
            field: format!("{}{field}", self.path),
            reason,
            description: description.into(),
        });
    }

    /// Notes it unless `holds`.
    pub fn ensure(&mut self, holds: bool, field: &str, reason: Reason, description: &str) {
        if !holds {
            self.add(field, reason, description);
        }
    }

    /// The value, or a note with the error's words.
    pub fn take<T, E: std::fmt::Display>(
        &mut self,
        field: &str,
        reason: Reason,
        parsed: Result<T, E>,
    ) -> Option<T> {
        parsed
            .map_err(|error| self.add(field, reason, error.to_string()))
            .ok()
    }

    /// Reads something whose fields' paths begin with `part` and a point.
    pub fn within<T>(&mut self, part: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        let outer = self.path.len();
        self.path.push_str(part);
        self.path.push('.');
        let read = read(self);
        self.path.truncate(outer);
        read
    }

    /// The value, if nothing is wrong. A part that is missing has left its note.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] with everything that was found.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Rejection> {
        match value {
            Some(value) if self.found.is_empty() => Ok(value),
            Some(_) | None => Err(Rejection::Invalid(self.found)),
        }
    }
}
