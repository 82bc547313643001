//! A product of the seller on AWS Marketplace. AWS's API does not make these (facts §0.3): the
//! seller names them here once, as the portal shows them.

use super::id::ProductId;
use super::rejection::Violation;

/// The most dimensions that AWS allows on a professional-services product (facts §2).
const MAX_DIMENSIONS: usize = 24;

/// How an offer against a product reaches AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum ReleaseWay {
    /// By AWS's API (O9).
    #[default]
    Api,
    /// Entered in AWS's portal by a person (O10).
    Portal,
}

/// A product (listing).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listing {
    pub(crate) product_id: ProductId,
    pub(crate) title: String,
    /// The keys of the product's packages, 1 to 24; an offer grants the first.
    pub(crate) dimension_keys: Vec<String>,
    /// What AWS's API takes is for a person to know (facts §0.3).
    pub(crate) release_way: ReleaseWay,
}

impl Listing {
    /// Takes a listing as it was given.
    pub(crate) fn parse(
        product_id: &str,
        title: &str,
        dimension_keys: &[String],
        release_way: ReleaseWay,
    ) -> Result<Self, Vec<Violation>> {
        let mut violations = Vec::new();
        let parsed = product_id.parse::<ProductId>();
        if let Err(problem) = &parsed {
            violations.push(Violation::new(
                "listing.product_id",
                "PRODUCT_ID_INVALID",
                problem.to_string(),
            ));
        }
        if title.trim().is_empty() {
            violations.push(Violation::new(
                "listing.title",
                "TITLE_REQUIRED",
                "the title as the listing shows it is missing",
            ));
        }
        if !dimensions_fit(dimension_keys) {
            violations.push(Violation::new(
                "listing.dimension_keys",
                "DIMENSION_KEYS_INVALID",
                "1 to 24 different keys of 1 to 100 characters are needed",
            ));
        }
        match parsed {
            Ok(product_id) if violations.is_empty() => Ok(Self {
                product_id,
                title: title.trim().to_owned(),
                dimension_keys: dimension_keys.to_vec(),
                release_way,
            }),
            Ok(_) | Err(_) => Err(violations),
        }
    }
}

fn dimensions_fit(keys: &[String]) -> bool {
    let unique = keys
        .iter()
        .enumerate()
        .all(|(at, key)| !keys[..at].contains(key));
    let lengths = keys
        .iter()
        .all(|key| (1..=100).contains(&key.trim().chars().count()));
    (1..=MAX_DIMENSIONS).contains(&keys.len()) && unique && lengths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_is_taken_or_all_that_is_wrong_is_said() {
        let reasons = |product: &str, title: &str, keys: &[&str]| {
            let keys: Vec<_> = keys.iter().map(|key| (*key).to_owned()).collect();
            match Listing::parse(product, title, &keys, ReleaseWay::Api) {
                Ok(listing) => Ok(listing.title),
                Err(wrong) => Err(wrong.iter().map(|one| one.reason).collect::<Vec<_>>()),
            }
        };
        let product = "prod-hndbkprofserv1";
        let (dimensions, most) = (Err(vec!["DIMENSION_KEYS_INVALID"]), "x".repeat(100));
        assert_eq!(
            reasons(product, " A title ", &["a", &most]),
            Ok("A title".into())
        );
        let many: Vec<_> = (0..=MAX_DIMENSIONS).map(|key| key.to_string()).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        assert!(reasons(product, "t", &many[1..]).is_ok());
        let longer = format!("{most}x");
        for keys in [&[][..], &["a", "a"], &[" "], &[&longer], &many] {
            assert_eq!(reasons(product, "t", keys), dimensions, "{keys:?}");
        }
        let all = vec![
            "PRODUCT_ID_INVALID",
            "TITLE_REQUIRED",
            "DIMENSION_KEYS_INVALID",
        ];
        assert_eq!(reasons("a product", " ", &[]), Err(all));
        assert_eq!(reasons(product, " ", &["a"]), Err(vec!["TITLE_REQUIRED"]));
    }
}
