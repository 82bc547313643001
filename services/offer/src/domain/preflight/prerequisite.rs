//! What AWS asks of the seller's account, and only the account shows (facts §1.3, §2): nothing here
//! can look at it, so it is a checklist that a person confirms, and that stops no release.

use countersign_kernel::Principal;
use countersign_kernel::chrono::{DateTime, Utc};

/// One item of the checklist.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Prerequisite {
    pub(crate) id: &'static str,
    /// What AWS answers to a release without it.
    pub(crate) aws_error_code: &'static str,
    pub(crate) what: &'static str,
}

/// The whole checklist.
pub(crate) const CHECKLIST: [Prerequisite; 6] = [
    Prerequisite {
        id: "DAC7_TAX_FORM",
        aws_error_code: "INVALID_TAX_INFORMATION",
        what: "the seller's DAC7 tax form is complete; AWS takes up to 2 hours to register it",
    },
    Prerequisite {
        id: "DISBURSEMENT_METHOD",
        aws_error_code: "INCOMPATIBLE_PAYMENT_SETTINGS",
        what: "a disbursement method exists for US dollars and for the offer's currency, with a bank \
               account outside the United Kingdom",
    },
    Prerequisite {
        id: "SELLER_VERIFICATION",
        aws_error_code: "INCOMPATIBLE_SELLER_VERIFICATION",
        what: "AWS has verified the seller and its bank account",
    },
    Prerequisite {
        id: "CUSTOM_EULA",
        aws_error_code: "INVALID_LEGAL_DOCUMENTS",
        what: "the seller has a licence agreement of its own: professional services take no other",
    },
    Prerequisite {
        id: "PUBLIC_LISTING",
        aws_error_code: "INCOMPATIBLE_PRODUCT",
        what: "the account has a public listing, and the product is limited or public",
    },
    Prerequisite {
        id: "RESALE_ROLE",
        aws_error_code: "AccessDeniedException",
        what: "for resale: the service-linked role for resale authorizations exists in both accounts",
    },
];

/// The item of that name.
pub(crate) fn find(id: &str) -> Option<&'static Prerequisite> {
    CHECKLIST.iter().find(|item| item.id == id)
}

/// Who confirmed an item, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Confirmation {
    pub(crate) id: String,
    pub(crate) by: Principal,
    pub(crate) at: DateTime<Utc>,
}
