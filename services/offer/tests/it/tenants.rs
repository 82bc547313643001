//! One tenant's rows are out of every other's reach, whatever a statement says (P5).

use countersign_offer::service;
use countersign_platform::NoSection;
use countersign_platform::testing::TestBed;

/// Reading, writing, moving and deleting another's rows, in every table with a seller.
#[tokio::test]
async fn rows_of_another_tenant_are_out_of_reach() {
    let bed = TestBed::new(&service(), NoSection {}).await;
    let tables = bed.tenants_are_apart().await;
    for own in [
        "agreement",
        "buyer_order",
        "change_set",
        "clock",
        "engagement",
        "listing",
        "marketplace_import",
        "marketplace_limits",
        "marketplace_offer",
        "offer",
        "payment_request",
        "prerequisite",
        "renewal_owner",
        "seller_calendar",
    ] {
        assert!(
            tables.iter().any(|table| table == own),
            "{own} is not in {tables:?}"
        );
    }
}
