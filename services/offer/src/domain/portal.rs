//! The portal path (O10): where AWS's API does not take a product (facts §0.3), a person enters the
//! offer in AWS's portal, by the sheet of [`mod@sheet`]. What the person made is compared with the plan that the sheet was
//! written from before it is adopted, as far as [`differences`] says.

mod authorization;
mod read_back;
mod sheet;

use countersign_kernel::{AwsAccountId, Currency, Money};

use super::id::AwsOfferId;
use super::offer::AwsError;
use super::plan::{Plan, PreExisting};
use super::resale::{Contract, Kind, Markup, NetTerms, Partner};

pub(crate) use authorization::{Reading, authorization_differences, received};
pub(crate) use read_back::Left;
pub(crate) use sheet::{Section, printable, sheet};

/// An offer or authorization as AWS shows it. What AWS leaves out is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Shown {
    pub(crate) status: Status,
    /// AWS's word for that, known here or not.
    pub(crate) state: String,
    /// Without its version.
    pub(crate) entity_type: String,
    pub(crate) product_id: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) buyer_accounts: Vec<String>,
    pub(crate) currency: Option<String>,
    /// Date and amount as AWS writes them, by date.
    pub(crate) schedule: Vec<(String, String)>,
    /// Of the term for the whole price; zero beside a schedule.
    pub(crate) price: Option<String>,
    pub(crate) duration: Option<String>,
    /// What payment requests may add up to.
    pub(crate) cap: Option<String>,
    pub(crate) available_until: Option<String>,
    /// `P30D`.
    pub(crate) net_terms: Option<String>,
    /// An authorization's: to whom it is given.
    pub(crate) reseller_account: Option<String>,
    /// An authorization's: how many offers can be made from it.
    pub(crate) offers_max_quantity: Option<u32>,
    /// An authorization's: the contract that it carries for the reseller, as `legal` has the buyer's documents.
    pub(crate) reseller_contract: Vec<String>,
    /// A partner's offer's: what it was made from.
    pub(crate) authorization_id: Option<String>,
    /// A partner's offer's, unless it has amounts of its own.
    pub(crate) markup: Option<String>,
    /// What AWS was told that the buyer had before: acquisition channel and pricing model (O16).
    pub(crate) pre_existing: Option<String>,
    /// The buyer's legal documents: the type of each, with its version or the address of AWS's copy.
    pub(crate) legal: Vec<String>,
    /// The dimensions that the buyer gets, each with its quantity unless that is one.
    pub(crate) granted: Vec<String>,
    /// The types of terms that no deal of ours has, such as a renewal by itself at a higher price.
    pub(crate) further_terms: Vec<String>,
}

/// AWS's word for a resale authorization, without its version.
pub(crate) const AUTHORIZATION: &str = "ResaleAuthorization";

/// AWS's word for a legal document of the seller's own (facts §1.2).
pub(crate) const CUSTOM_EULA: &str = "CustomEula";

/// AWS's word for a reseller's contract (facts §1.5); empty for none.
pub(crate) const fn contract_type(contract: Contract) -> &'static str {
    match contract {
        Contract::None => "",
        Contract::Standard => "StandardResellerContract",
        Contract::Own => "CustomResellerContract",
    }
}

/// Where it stands at AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Status {
    /// Not released, or in a state that is not known here.
    #[default]
    Draft,
    Released,
    /// An authorization from which no offer can be made any more.
    Restricted,
}

impl Shown {
    /// Whether it is in force.
    pub(crate) fn is_released(&self) -> bool {
        self.status == Status::Released
    }
}

/// Every difference between what was approved and what AWS has in the fields that [`Shown`] names;
/// empty: it is adopted (O3). The legal documents are not among them: AWS shows its own copies.
pub(crate) fn differences(plan: &Plan, shown: &Shown) -> Vec<AwsError> {
    let fields = compared(plan, shown).into_iter();
    let fields = fields.map(|it| (it.code, it.own, it.has));
    told("approved", fields.chain([documents(plan, shown)]))
}

/// That there is the one document which a person was told to upload: AWS shows its own copy, whose bytes need
/// not be ours. A reseller's offer has its authorization's too, whatever those are.
fn documents(plan: &Plan, shown: &Shown) -> (&'static str, String, String) {
    let given = |eula: &str, contract: &str| format!("{eula}, reseller contract {contract}");
    let legal = types(&shown.legal);
    let (own, has) = match &plan.kind {
        Kind::Direct => (CUSTOM_EULA.to_owned(), legal),
        Kind::Authorization(allowed) => (
            given(CUSTOM_EULA, contract_type(allowed.contract)),
            given(&legal, &types(&shown.reseller_contract)),
        ),
        Kind::Partner(_) => (String::new(), String::new()),
    };
    ("LEGAL_DOCUMENT_DIFFERS", own, has)
}

/// The types of such documents.
pub(crate) fn types(documents: &[String]) -> String {
    let types = documents
        .iter()
        .map(|one| one.split(' ').next().unwrap_or(one).to_owned());
    joined(&types.collect::<Vec<_>>())
}

/// One field, as it was approved and as AWS has it.
pub(crate) struct Compared {
    pub(crate) field: &'static str,
    /// The reason code where they differ.
    pub(crate) code: &'static str,
    pub(crate) own: String,
    pub(crate) has: String,
}

/// Field, code, and the two values, as [`Compared`] has them.
type Row = (&'static str, &'static str, String, String);

impl From<Row> for Compared {
    fn from((field, code, own, has): Row) -> Self {
        Self {
            field,
            code,
            own,
            has,
        }
    }
}

/// Every field that [`Shown`] names, but for the description and the legal documents.
pub(crate) fn compared(plan: &Plan, shown: &Shown) -> Vec<Compared> {
    let of_kind = OfKind::of(&plan.kind);
    let common = of_every_kind(plan, &of_kind, shown).into_iter();
    let rows = common.chain(of_resale_and_more(plan, &of_kind, shown));
    rows.map(Compared::from).collect()
}

fn of_every_kind(plan: &Plan, of_kind: &OfKind<'_>, shown: &Shown) -> [Row; 11] {
    [
        (
            "kind",
            "KIND_DIFFERS",
            of_kind.entity.into(),
            shown.entity_type.clone(),
        ),
        (
            "product_id",
            "PRODUCT_DIFFERS",
            plan.product_id.clone(),
            text(shown.product_id.as_ref()),
        ),
        (
            "name",
            "NAME_DIFFERS",
            plan.name.clone(),
            text(shown.name.as_ref()),
        ),
        (
            "buyer_accounts",
            "BUYERS_DIFFER",
            joined(&plan.buyer_accounts),
            joined(&shown.buyer_accounts),
        ),
        (
            "expires_on",
            "EXPIRY_DIFFERS",
            text(plan.available_until),
            text(shown.available_until.as_ref()),
        ),
        (
            "duration",
            "DURATION_DIFFERS",
            plan.duration.to_string(),
            text(shown.duration.as_ref()),
        ),
        (
            "currency",
            "CURRENCY_DIFFERS",
            plan.currency.code().to_owned(),
            text(shown.currency.as_ref()),
        ),
        (
            "price",
            "PRICE_DIFFERS",
            plain(&plan.upfront.unwrap_or(plan.fixed_price).amount_text()),
            whole_price(plan, shown),
        ),
        (
            "cap",
            "CAP_DIFFERS",
            plain(&text(plan.cap.map(Money::amount_text))),
            plain(&text(shown.cap.as_ref())),
        ),
        (
            "schedule",
            "SCHEDULE_DIFFERS",
            listed(&approved(plan)),
            listed(&shown.schedule),
        ),
        (
            "net_terms",
            "NET_TERMS_DIFFER",
            text(of_kind.net_terms),
            text(shown.net_terms.as_ref()),
        ),
    ]
}

fn of_resale_and_more(plan: &Plan, of_kind: &OfKind<'_>, shown: &Shown) -> [Row; 7] {
    [
        (
            "reseller",
            "RESELLER_DIFFERS",
            text(of_kind.reseller),
            text(shown.reseller_account.as_ref()),
        ),
        (
            "usage",
            "USAGE_DIFFERS",
            text(of_kind.uses),
            text(shown.offers_max_quantity),
        ),
        (
            "authorization",
            "AUTHORIZATION_DIFFERS",
            text(of_kind.authorization),
            text(shown.authorization_id.as_ref()),
        ),
        (
            "markup",
            "MARKUP_DIFFERS",
            plain(&text(of_kind.markup)),
            plain(&text(shown.markup.as_ref())),
        ),
        (
            "pre_existing_agreement",
            "PRE_EXISTING_AGREEMENT_DIFFERS",
            text(renewed(plan, shown)),
            text(shown.pre_existing.as_ref()),
        ),
        (
            "dimension",
            "DIMENSION_DIFFERS",
            granted(plan, shown),
            joined(&shown.granted),
        ),
        (
            "further_terms",
            "FURTHER_TERMS",
            String::new(),
            joined(&shown.further_terms),
        ),
    ]
}

/// Of `fields`, each with its code, those in which the one side is not the other. `whose` says whose
/// word the first is.
fn told(
    whose: &str,
    fields: impl IntoIterator<Item = (&'static str, String, String)>,
) -> Vec<AwsError> {
    let different = fields.into_iter().filter(|(_, own, has)| own != has);
    let errors = different.map(|(code, own, has)| AwsError {
        code: code.to_owned(),
        message: format!("{whose} is {own:?}, AWS has {has:?}"),
    });
    errors.collect()
}

/// What is approved of one kind only.
#[derive(Default)]
struct OfKind<'a> {
    entity: &'static str,
    reseller: Option<&'a AwsAccountId>,
    uses: Option<u32>,
    authorization: Option<&'a AwsOfferId>,
    markup: Option<Markup>,
    net_terms: Option<NetTerms>,
}

impl<'a> OfKind<'a> {
    fn of(kind: &'a Kind) -> Self {
        let entity = "Offer";
        match kind {
            Kind::Direct => Self {
                entity,
                ..Self::default()
            },
            Kind::Authorization(allowed) => Self {
                entity: AUTHORIZATION,
                reseller: Some(&allowed.reseller.account),
                uses: allowed.single_use.then_some(1),
                net_terms: allowed.net_terms,
                ..Self::default()
            },
            Kind::Partner(partner) => Self {
                entity,
                authorization: Some(&partner.authorization.id),
                markup: partner.markup,
                net_terms: partner.net_terms,
                ..Self::default()
            },
        }
    }
}

/// Beside variable payments AWS may show no fixed price at all, which is none to pay. A reseller's percentage leaves
/// parts of a cent, which AWS shows and nobody is charged (O5).
fn whole_price(plan: &Plan, shown: &Shown) -> String {
    match (&shown.price, &plan.kind) {
        (None, _) if plan.cap.is_some() => "0".to_owned(),
        (
            Some(price),
            Kind::Partner(Partner {
                markup: Some(_), ..
            }),
        ) => {
            let charged = rounded(price, plan.currency).map(Money::amount_text);
            plain(&charged.unwrap_or_else(|| price.clone()))
        }
        (price, _) => plain(&text(price.as_ref())),
    }
}

/// AWS does not say how it rounds: half-even, as the offer is reckoned (E4).
fn rounded(price: &str, currency: Currency) -> Option<Money> {
    Money::rounded(price.parse().ok()?, currency).ok()
}

/// What AWS charges in all, by a schedule or at a price.
pub(crate) fn charged(shown: &Shown, currency: Currency) -> Option<Money> {
    if shown.schedule.is_empty() {
        return rounded(shown.price.as_ref()?, currency);
    }
    let amounts = shown.schedule.iter();
    let amounts = amounts.map(|(_, amount)| Money::parse(&plain(amount), currency).ok());
    let amounts = amounts.collect::<Option<Vec<_>>>()?;
    Money::sum(amounts, currency).ok()
}

/// Beside variable payments AWS may show no pricing term, and so nothing granted.
fn granted(plan: &Plan, shown: &Shown) -> String {
    if plan.cap.is_some() && shown.granted.is_empty() {
        return String::new();
    }
    text(plan.dimension_key.as_ref())
}

/// AWS's words for what the buyer had before.
fn had(before: PreExisting) -> String {
    format!("{} {}", before.channel(), PreExisting::PRICING_MODEL)
}

/// What a reseller's offer says comes from its authorization, whatever that is: it is not the reseller's.
fn renewed(plan: &Plan, shown: &Shown) -> Option<String> {
    match plan.kind {
        Kind::Partner(_) => shown.pre_existing.clone(),
        Kind::Direct | Kind::Authorization(_) => plan.pre_existing.map(had),
    }
}

fn text<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn joined(accounts: &[String]) -> String {
    let mut accounts = accounts.to_vec();
    accounts.sort_unstable();
    accounts.join(", ")
}

fn approved(plan: &Plan) -> Vec<(String, String)> {
    let charges = plan.schedule.iter();
    charges
        .map(|charge| (charge.date.to_string(), charge.amount.amount_text()))
        .collect()
}

/// A number without its trailing zeros: AWS writes it as it was entered.
fn plain(amount: &str) -> String {
    match amount.split_once('.') {
        Some((whole, digits)) if digits.trim_end_matches('0').is_empty() => whole.to_owned(),
        Some(_) => amount.trim_end_matches('0').to_owned(),
        None => amount.to_owned(),
    }
}

fn listed(charges: &[(String, String)]) -> String {
    let lines = charges
        .iter()
        .map(|(date, amount)| format!("{date} {}", plain(amount)));
    lines.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
