//! What a violation means in what AWS is sent, where no release can say it: a document as it was uploaded, several of
//! them, none; a second currency; a mark-up beside the charges (O4). [`super::cross_check`] puts it into the release
//! of the candidate that is violated.

use std::path::Path;

use serde_json::{Value, json};

use super::ChangeSetRequest;

pub(super) type Say = fn(&mut ChangeSetRequest);

/// The rule, which of its cases, and what it means.
pub(super) const SAID: &[(&str, usize, Say)] = &[
    ("CURRENCY_SINGLE", 0, |request| {
        edit(request, "UpdatePaymentScheduleTerms", |schedule| {
            schedule["Terms"][0]["CurrencyCode"] = json!("EUR");
        });
    }),
    ("PRICE_WAY_SINGLE", 0, |request| {
        let mut markup = request.changes[1].clone();
        markup.change_type = "UpdateMarkup".into();
        markup.change_name.clone_from(&markup.change_type);
        markup.details = json!({ "Percentage": "10" }).to_string();
        request.changes.push(markup);
    }),
    ("EULA_PRESENT", 0, without_legal_terms),
    ("EULA_PRESENT", 2, without_legal_terms),
    ("DOCUMENT_COUNT", 0, |request| {
        edit(request, LEGAL, |legal| {
            let document = legal["Terms"][0]["Documents"][0].clone();
            legal["Terms"][0]["Documents"] = vec![document; 7].into();
        });
    }),
    ("DOCUMENT_SIZE", 0, |request| reading(request, LARGE)),
    ("DOCUMENT_SIZE", 1, |request| reading(request, LARGE)),
    ("DOCUMENT_TYPE", 0, |request| reading(request, WORD)),
    ("DOCUMENT_TYPE", 1, |request| reading(request, WORD)),
    ("LEGAL_DOCUMENT_READY", 0, |request| {
        reading(request, ABSENT);
    }),
    ("LEGAL_DOCUMENT_READY", 1, |request| {
        reading(request, LOCKED);
    }),
    ("LEGAL_DOCUMENT_READY", 2, |request| {
        reading(request, ABSENT);
    }),
];

const LEGAL: &str = "UpdateLegalTerms";
/// Of every release.
const MERGED: &str = "legal.pdf";
const LARGE: &str = "large.pdf";
const WORD: &str = "sow.docx";
const LOCKED: &str = "locked.pdf";
/// What is not assembled.
const ABSENT: &str = "absent.pdf";
/// All that the sandbox asks of a legal document.
const PDF: &str = "%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer <</Root 1 0 R>>\n%%EOF\n";
/// One byte more than is taken of a document.
const TOO_LARGE: usize = 10_000_001;

/// The documents of the bucket.
pub(super) fn fill(bucket: &Path) {
    let mut large = PDF.as_bytes().to_vec();
    let (end, blank) = (large.split_off(8), TOO_LARGE - PDF.len());
    large.extend(std::iter::repeat_n(b' ', blank));
    large.extend(end);
    let locked = PDF.replace("/Root 1 0 R", "/Root 1 0 R /Encrypt 2 0 R");
    for (name, bytes) in [
        (MERGED, PDF.into()),
        (LARGE, large),
        (WORD, b"PK\x03\x04".to_vec()),
        (LOCKED, locked.into()),
    ] {
        std::fs::write(bucket.join(name), bytes).unwrap();
    }
}

fn edit(request: &mut ChangeSetRequest, change_type: &str, edit: fn(&mut Value)) {
    let mut changes = request.changes.iter_mut();
    let change = changes.find(|change| change.change_type == change_type);
    let change = change.unwrap();
    let mut details = serde_json::from_str(&change.details).unwrap();
    edit(&mut details);
    change.details = details.to_string();
}

fn without_legal_terms(request: &mut ChangeSetRequest) {
    request.changes.retain(|change| change.change_type != LEGAL);
}

/// With this document in place of the merged one.
fn reading(request: &mut ChangeSetRequest, document: &str) {
    let mut changes = request.changes.iter_mut();
    let change = changes.find(|change| change.change_type == LEGAL).unwrap();
    change.details = change.details.replace(MERGED, document);
}
