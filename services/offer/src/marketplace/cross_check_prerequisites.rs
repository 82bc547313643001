//! The seller's checklist against the sandbox (O4): nothing here can look at the seller's AWS account, so that a
//! person confirms each item. Of an account where it is not so the release is answered with the item's code, and
//! once it is so the same release is taken.

use serde_json::{Value, json};

use super::ChangeSetRequest;
use super::cross_check::{Market, bucket};
use crate::domain::preflight::prerequisite::CHECKLIST;
use crate::domain::sample;

/// A product that nobody can be offered yet.
const DRAFT: &str = "prod-notlistedyet";

/// Items that the sandbox does not know, and why.
const UNTOLD: &[(&str, &str)] = &[(
    "RESALE_ROLE",
    "the role is of the accounts' IAM, which the sandbox has not; what AWS answers without it is on no page",
)];

/// What an account is without the item, and what becomes of it.
enum Lack {
    /// AWS has the seller on record as this, and then as that.
    Seller { open: Value, done: Value },
    /// The release says this in place of that.
    Sent {
        sound: &'static str,
        open: &'static str,
    },
}

/// The item, and the account without it.
fn cases() -> Vec<(&'static str, Lack)> {
    let seller = |field: &str, open: Value, done: Value| Lack::Seller {
        open: json!({ field: open }),
        done: json!({ field: done }),
    };
    let verification = |open: &str| seller("verification", open.into(), "VERIFIED".into());
    vec![
        (
            "DAC7_TAX_FORM",
            seller("taxInformationComplete", false.into(), true.into()),
        ),
        (
            "DISBURSEMENT_METHOD",
            seller("disbursementCurrencies", json!(["EUR"]), json!(["USD"])),
        ),
        ("SELLER_VERIFICATION", verification("IDENTITY_UNVERIFIED")),
        (
            "SELLER_VERIFICATION",
            verification("BANK_ACCOUNT_UNVERIFIED"),
        ),
        (
            "CUSTOM_EULA",
            Lack::Sent {
                sound: "\"Type\":\"CustomEula\",\"Url\":\"URL\"",
                open: "\"Type\":\"StandardEula\",\"Version\":\"2022-07-14\"",
            },
        ),
        (
            "PUBLIC_LISTING",
            Lack::Sent {
                sound: "prod-landingzone1",
                open: DRAFT,
            },
        ),
    ]
}

#[tokio::test]
async fn each_open_item_is_answered_with_its_code() {
    let folder = bucket();
    let mut wrong = Vec::new();
    for (item, lack) in cases() {
        let item = CHECKLIST.iter().find(|known| known.id == item).unwrap();
        let candidate = sample::candidate();
        let market = Market::of(&candidate, folder.path()).await;
        let sound = market.release(&candidate).await;
        let open = match &lack {
            Lack::Seller { open, .. } => {
                market.act("sellers", open).await;
                sound.clone()
            }
            Lack::Sent { sound: said, open } => {
                let dimensions = json!([{ "key": "landing_zone", "name": "Landing zone" }]);
                let draft = json!({ "id": DRAFT, "title": "Not listed yet", "state": "Draft",
                    "dimensions": dimensions });
                market.act("portal/product", &draft).await;
                let said = said.replace("URL", &market.document);
                replaced(&sound, &said, open)
            }
        };
        let codes = market.answered(&open).await;
        let told = codes.iter().all(|code| code == item.aws_error_code);
        if codes.is_empty() || !told {
            wrong.push(format!("{} is open, and the sandbox: {codes:?}", item.id));
        }
        if let Lack::Seller { done, .. } = &lack {
            market.act("sellers", done).await;
        }
        let again = ChangeSetRequest {
            client_request_token: "offer-1.2".to_owned(),
            ..sound
        };
        let codes = market.answered(&again).await;
        if !codes.is_empty() {
            wrong.push(format!("{} is done, and the sandbox: {codes:?}", item.id));
        }
    }
    assert_eq!(wrong, [""; 0]);
}

/// The same release with this in place of that.
fn replaced(request: &ChangeSetRequest, sound: &str, open: &str) -> ChangeSetRequest {
    let mut request = request.clone();
    for change in &mut request.changes {
        change.details = change.details.replace(sound, open);
    }
    request
}

/// No item is left out.
#[test]
fn every_item_has_a_case_or_says_why_not() {
    let crossed: Vec<&str> = cases().into_iter().map(|(item, _)| item).collect();
    for item in &CHECKLIST {
        let untold = UNTOLD.iter().any(|(known, _)| *known == item.id);
        assert_ne!(crossed.contains(&item.id), untold, "{}", item.id);
    }
}
