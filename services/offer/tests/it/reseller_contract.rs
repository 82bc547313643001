//! A reseller contract of the seller's own (O2): approved with the deal, and read by AWS beside the buyer's
//! legal document.

use countersign_kernel::Digest;
use countersign_proto::common::v1 as common;
use countersign_proto::offer::v1 as pb;
use pb::offer::State;
use pb::reseller_contract::Contract;

use crate::deals::{self, File};
use crate::kinds::authorization_request;
use crate::world::{ENGAGEMENT, World, refusal};

/// A channel partner that the sandbox knows.
const RESELLER: &str = "222233334444";

fn own() -> File {
    let text = "Reseller contract\nYou resell, we deliver";
    deals::text("reseller.txt", common::DocumentKind::ResellerContract, text)
}

/// A world with S1's wholesale deal, approved with a contract of the seller's own.
pub(crate) async fn approved() -> World {
    let world = World::new().await;
    let mut files = deals::files();
    files.push(own());
    let deal = deals::deal(ENGAGEMENT, &files, Digest::of(b"what was approved"));
    let charges = [("2026-03-17", "0.50"), ("2026-03-18", "0.50")];
    let charges = charges.map(|(day, amount)| deals::installment(day, amount));
    world.approval.keep(&own().bytes);
    let deal = deals::in_installments(deal, "1.00", charges.to_vec());
    world.ready_to_draft(deal).await;
    world
}

pub(crate) async fn drafted(world: &World, contract: Contract) -> pb::Offer {
    let request = pb::DraftResaleAuthorizationRequest {
        reseller_account_id: RESELLER.into(),
        contract: Some(pb::ResellerContract {
            contract: Some(contract),
        }),
        ..authorization_request()
    };
    let mut client = world.client.clone();
    let drafted = client.draft_resale_authorization(world.command(request));
    world
        .assembled(&drafted.await.unwrap().into_inner().offer_id)
        .await
}

async fn cancel(world: &World, offer: pb::Offer) {
    let cancel = pb::CancelOfferRequest {
        offer_id: offer.offer_id,
        reason: "another contract".into(),
    };
    let mut client = world.client.clone();
    client.cancel_offer(world.command(cancel)).await.unwrap();
}

async fn download(world: &World, offer: &pb::Offer, reseller_contract: bool) -> Vec<u8> {
    let request = World::query(pb::DownloadLegalDocumentRequest {
        offer_id: offer.offer_id.clone(),
        reseller_contract,
    });
    let mut client = world.client.clone();
    let mut chunks = client
        .download_legal_document(request)
        .await
        .unwrap()
        .into_inner();
    let mut bytes = Vec::new();
    while let Some(chunk) = chunks.message().await.unwrap() {
        bytes.extend(chunk.chunk);
    }
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn aws_reads_the_contract_that_was_approved() {
    let world = approved().await;
    for other in [Contract::Standard(true), Contract::Standard(false)] {
        let draft = drafted(&world, other).await;
        let found = world.findings(&draft.offer_id).await;
        assert_eq!(found, ["RESELLER_CONTRACT_APPROVED"]);
        cancel(&world, draft).await;
    }
    let at_an_address = pb::DraftResaleAuthorizationRequest {
        contract: Some(pb::ResellerContract {
            contract: Some(Contract::Url("https://files.example/contract.pdf".into())),
        }),
        ..authorization_request()
    };
    let mut client = world.client.clone();
    let answer = client.draft_resale_authorization(world.command(at_an_address));
    assert_eq!(refusal(answer.await).2, ["CONTRACT_NOT_APPROVED"]);

    let draft = drafted(&world, Contract::Own(true)).await;
    assert_eq!(world.findings(&draft.offer_id).await, [""; 0]);
    let document = draft.legal_document.clone().unwrap();
    let names = document
        .sources
        .iter()
        .map(|source| source.file_name.as_str());
    assert_eq!(
        names.collect::<Vec<_>>(),
        ["eula.txt", "sow.txt", "annex.txt"]
    );
    let contract = download(&world, &draft, true).await;
    let digest = Digest::of(&contract).to_string();
    assert_eq!(digest, document.reseller_contract_digest);
    assert!(contract.starts_with(b"%PDF"));
    let legal = download(&world, &draft, false).await;
    assert_eq!(Digest::of(&legal).to_string(), document.digest);

    world.release(&draft).await;
    world.until_state(&draft.offer_id, State::Published).await;
    let sent: String = sqlx::query_scalar("SELECT request FROM change_set")
        .fetch_one(world.bed.pool())
        .await
        .unwrap();
    assert!(sent.contains("CustomResellerContract"), "{sent}");
    for document in [&digest, &document.digest] {
        assert!(sent.contains(&format!("/{document}.pdf")), "{sent}");
    }
}

/// O3: a byte of it that was not approved is noticed as one of any other document.
#[tokio::test(flavor = "multi_thread")]
async fn another_contract_than_the_approved_one_is_not_released() {
    let world = approved().await;
    let file = own();
    let mut other = file.bytes.clone();
    other[0] ^= 1;
    world.approval.keep_as(Digest::of(&file.bytes), &other);
    let draft = drafted(&world, Contract::Own(true)).await;
    assert_eq!(
        world.findings(&draft.offer_id).await,
        ["LEGAL_DOCUMENT_READY"]
    );
    let failure = draft.legal_document.unwrap().failure;
    assert!(
        failure.starts_with(file.name) && failure.contains("other content than was approved"),
        "{failure}"
    );
}
