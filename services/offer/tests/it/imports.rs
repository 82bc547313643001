//! The import of what a seller has at AWS (O12): once, twice, killed in the middle.

use chrono::TimeDelta;
use countersign_proto::offer::v1 as pb;
use countersign_proto::offer::v1::import::State;
use countersign_proto::offer::v1::marketplace_offer::Ownership;
use serde_json::json;
use tonic::Code;

use crate::aws_failures::{self as aws, FAILURES};
use crate::elsewhere::drafted;
use crate::world::{World, refusal};

/// Offers that nobody here made: more than one page of AWS's.
const ELSEWHERE: u32 = 60;
const LIST: &str = "ListEntities";

async fn elsewhere(world: &World, name: &str) -> String {
    drafted(world, name, "102500.00", "P90D").await
}

pub(crate) async fn begin(world: &World) -> pb::Import {
    let request = world.command(pb::StartImportRequest {});
    let begun = world.client.clone().start_import(request).await;
    begun.unwrap().into_inner()
}

async fn import(world: &World) -> pb::Import {
    let request = World::query(pb::GetImportRequest {});
    let found = world.client.clone().get_import(request).await;
    found.unwrap().into_inner()
}

pub(crate) async fn until(world: &World, wanted: impl Fn(&pb::Import) -> bool) -> pb::Import {
    for _ in 0..200 {
        let import = import(world).await;
        if wanted(&import) {
            return import;
        }
        world.pass().await;
        world.advance(TimeDelta::seconds(1));
    }
    panic!("the import never got there: {:#?}", import(world).await)
}

async fn listed(world: &World, ownership: Ownership) -> Vec<pb::MarketplaceOffer> {
    let request = World::query(pb::ListMarketplaceOffersRequest {
        ownership: ownership.into(),
        page_size: 200,
        ..pb::ListMarketplaceOffersRequest::default()
    });
    let listed = world.client.clone().list_marketplace_offers(request).await;
    listed.unwrap().into_inner().offers
}

#[tokio::test(flavor = "multi_thread")]
async fn what_aws_has_is_read_once_and_goes_on_after_a_stop() {
    let mut world = World::new().await;
    let request = World::query(pb::GetImportRequest {});
    let none = world.client.clone().get_import(request).await;
    let (code, reason, _) = refusal(none);
    assert_eq!((code, reason.as_str()), (Code::NotFound, "IMPORT_UNKNOWN"));
    let ours = world.published().await;
    for number in 0..ELSEWHERE {
        elsewhere(&world, &format!("Made elsewhere {number}")).await;
    }

    let begun = begin(&world).await;
    assert_eq!((begun.number, begun.changed_since.as_str()), (1, ""));
    // One that is under way goes on: there is no second beside it.
    assert_eq!(begin(&world).await.number, 1);
    // Killed between two pages.
    until(&world, |import| import.pages > 0).await;
    world.restart().await;
    let done = until(&world, |import| import.state() == State::Done).await;
    // Two of offers, and one each of authorizations that were given and received.
    assert_eq!((done.pages, done.seen), (4, ELSEWHERE + 1));
    assert_eq!((done.new_offers, done.changed_offers), (ELSEWHERE + 1, 0));

    let mine = listed(&world, Ownership::Ours).await;
    assert_eq!(mine.len(), 1);
    assert_eq!(mine[0].offer_id, ours.offer_id);
    assert_eq!(mine[0].state, "Released");
    let others = listed(&world, Ownership::NotOurs).await;
    assert_eq!(others.len(), usize::try_from(ELSEWHERE).unwrap());
    assert_eq!(others[0].buyer_account_ids, ["123456789012"]);
    assert!(listed(&world, Ownership::Associated).await.is_empty());
    assert_eq!(
        listed(&world, Ownership::Unspecified).await.len(),
        others.len() + 1
    );

    // Again, at once: the same offers, and nothing of them is news.
    assert_eq!(begin(&world).await.number, 2);
    let again = until(&world, |import| import.state() == State::Done).await;
    assert_eq!((again.new_offers, again.changed_offers), (0, 0));
    assert_ne!(again.changed_since, "");

    // A day later only what changed since is read.
    world.advance(TimeDelta::days(1));
    let extended = others[0].aws_offer_id.clone();
    let body = json!({ "offerId": extended });
    world.act("portal/extend-offer", body).await;
    elsewhere(&world, "Made later").await;
    begin(&world).await;
    let later = |import: &pb::Import| import.number == 3 && import.state() == State::Done;
    let later = until(&world, later).await;
    assert_eq!((later.new_offers, later.changed_offers), (1, 1));
    let others = listed(&world, Ownership::NotOurs).await;
    let released = others.iter().find(|one| one.aws_offer_id == extended);
    assert_eq!(released.unwrap().state, "Released");
}

/// O9, O12: whatever AWS does while the first page is read, or the one behind it, all of both is read, and nothing is
/// new twice. That AWS does not let us is told, and the next import reads what that one did not.
#[tokio::test(flavor = "multi_thread")]
async fn an_import_reads_every_page_whatever_aws_does() {
    let world = World::with(|config| config.marketplace_timeout_ms = 2_000).await;
    for number in 1..ELSEWHERE {
        elsewhere(&world, &format!("Made elsewhere {number}")).await;
    }
    let over = |import: &pb::Import| import.state() != State::Running;
    let (mut imports, mut at_aws, mut new, mut denied) = (0, ELSEWHERE - 1, 0, 0);
    for (failure, after_apply) in FAILURES {
        for pages in [0, 1] {
            let row = format!("{failure}, done all the same: {after_apply}, behind {pages}");
            elsewhere(&world, &row).await;
            at_aws += 1;
            let fails = async || aws::inject(&world, LIST, failure, after_apply).await;
            // The first page is asked for as soon as the import begins.
            if pages == 0 {
                fails().await;
            }
            begin(&world).await;
            if pages == 1 {
                until(&world, |import| import.pages == pages).await;
                fails().await;
            }
            let mut ended = until(&world, over).await;
            imports += 1;
            aws::all_were_used(&world, &row).await;
            let is_denied = failure == "access-denied";
            assert_eq!(
                ended.state() == State::Failed,
                is_denied,
                "{row}: {ended:?}"
            );
            if is_denied {
                denied += 1;
                assert!(ended.problem.contains("AccessDeniedException"), "{ended:?}");
                new += ended.new_offers;
                begin(&world).await;
                ended = until(&world, over).await;
                imports += 1;
            }
            new += ended.new_offers;
            let read = (ended.state(), ended.number, ended.seen, new);
            assert_eq!(read, (State::Done, imports, at_aws, at_aws), "{row}");
            let kept = listed(&world, Ownership::NotOurs).await;
            assert_eq!(u32::try_from(kept.len()), Ok(at_aws), "{row}");
            // AWS's word for a state is kept, whatever it is, until the next is read.
            let known = kept.iter().all(|offer| offer.state == "Draft");
            assert_eq!(known, failure != "unknown-value", "{row}");
        }
    }
    assert_eq!(denied, 4, "each page is denied twice");
}
