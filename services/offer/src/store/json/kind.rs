//! Which kind an offer is, with what is particular to it. A row without one is a direct offer's.

use chrono::NaiveDate;
use countersign_kernel::AwsAccountId;
use serde::{Deserialize, Serialize};

use super::{StoredCharge, StoredMoney, Unreadable, parse};
use crate::domain::resale::{Authorization, Contract, Kind, NetTerms, Partner, Received, Reseller};

#[derive(Serialize, Deserialize, Default)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum StoredKind {
    #[default]
    Direct,
    Authorization {
        reseller_account: String,
        reseller_name: String,
        reseller_email: String,
        buyers: Vec<String>,
        single_use: bool,
        contract: StoredContract,
        net_terms: Option<u32>,
    },
    Partner {
        authorization: Box<StoredReceived>,
        markup: Option<String>,
        fixed_amounts: bool,
        contract_accepted: bool,
        net_terms: Option<u32>,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StoredContract {
    None,
    Standard,
    Own,
    /// From before one could be approved: an address. None was released since pre-flight refuses it.
    Custom(String),
}

#[derive(Serialize, Deserialize)]
pub(super) struct StoredReceived {
    id: String,
    product_id: String,
    duration: String,
    total: StoredMoney,
    schedule: Vec<StoredCharge>,
    buyers: Vec<String>,
    until: Option<NaiveDate>,
    has_eula: bool,
    has_contract: bool,
    net_terms: Option<u32>,
}

fn days(terms: Option<NetTerms>) -> Option<u32> {
    terms.map(|terms| u32::from(terms.days()))
}

fn terms(days: Option<u32>) -> Result<Option<NetTerms>, Unreadable> {
    let read = days.map(NetTerms::of_days).transpose();
    read.map_err(|wrong| Unreadable::Value {
        field: "net terms",
        value: wrong.0.to_string(),
    })
}

fn texts(accounts: &[AwsAccountId]) -> Vec<String> {
    accounts.iter().map(ToString::to_string).collect()
}

fn accounts(texts: &[String]) -> Result<Vec<AwsAccountId>, Unreadable> {
    let read = texts.iter().map(|text| parse(text, "account"));
    read.collect()
}

impl StoredKind {
    pub(super) fn of(kind: &Kind) -> Self {
        match kind {
            Kind::Direct => Self::Direct,
            Kind::Authorization(allowed) => Self::Authorization {
                reseller_account: allowed.reseller.account.to_string(),
                reseller_name: allowed.reseller.contact_name.clone(),
                reseller_email: allowed.reseller.contact_email.clone(),
                buyers: texts(&allowed.buyers),
                single_use: allowed.single_use,
                contract: match allowed.contract {
                    Contract::None => StoredContract::None,
                    Contract::Standard => StoredContract::Standard,
                    Contract::Own => StoredContract::Own,
                },
                net_terms: days(allowed.net_terms),
            },
            Kind::Partner(partner) => Self::Partner {
                authorization: Box::new(StoredReceived::of(&partner.authorization)),
                markup: partner.markup.map(|markup| markup.to_string()),
                fixed_amounts: partner.fixed_amounts,
                contract_accepted: partner.contract_accepted,
                net_terms: days(partner.net_terms),
            },
        }
    }

    pub(super) fn read(self) -> Result<Kind, Unreadable> {
        Ok(match self {
            Self::Direct => Kind::Direct,
            Self::Authorization {
                reseller_account,
                reseller_name,
                reseller_email,
                buyers,
                single_use,
                contract,
                net_terms,
            } => Kind::Authorization(Authorization {
                reseller: Reseller {
                    account: parse(&reseller_account, "account")?,
                    contact_name: reseller_name,
                    contact_email: reseller_email,
                },
                buyers: accounts(&buyers)?,
                single_use,
                contract: match contract {
                    StoredContract::None => Contract::None,
                    StoredContract::Standard => Contract::Standard,
                    StoredContract::Own | StoredContract::Custom(_) => Contract::Own,
                },
                net_terms: terms(net_terms)?,
            }),
            Self::Partner {
                authorization,
                markup,
                fixed_amounts,
                contract_accepted,
                net_terms,
            } => Kind::Partner(Partner {
                authorization: authorization.read()?,
                markup: markup.map(|text| parse(&text, "mark-up")).transpose()?,
                fixed_amounts,
                contract_accepted,
                net_terms: terms(net_terms)?,
            }),
        })
    }
}

impl StoredReceived {
    fn of(received: &Received) -> Self {
        Self {
            id: received.id.to_string(),
            product_id: received.product_id.to_string(),
            duration: received.duration.to_string(),
            total: StoredMoney::of(received.total),
            schedule: StoredCharge::list(&received.schedule),
            buyers: texts(&received.buyers),
            until: received.until,
            has_eula: received.has_eula,
            has_contract: received.has_contract,
            net_terms: days(received.net_terms),
        }
    }

    fn read(&self) -> Result<Received, Unreadable> {
        Ok(Received {
            id: parse(&self.id, "authorization id")?,
            product_id: parse(&self.product_id, "product id")?,
            duration: parse(&self.duration, "duration")?,
            total: self.total.read()?,
            schedule: StoredCharge::read(&self.schedule)?,
            buyers: accounts(&self.buyers)?,
            until: self.until,
            has_eula: self.has_eula,
            has_contract: self.has_contract,
            net_terms: terms(self.net_terms)?,
        })
    }
}
