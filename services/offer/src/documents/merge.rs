//! PDFs one behind the other. Only what the pages need is taken over: outlines, forms and scripts of
//! the sources stay behind. The same documents in the same order give the same bytes.

use std::collections::BTreeSet;

use lopdf::{Dictionary, Document, Object, ObjectId, dictionary};

/// What a page inherits from the tree that it is taken out of (ISO 32000-1, 7.7.3.4).
const INHERITED: [&[u8]; 4] = [b"MediaBox", b"CropBox", b"Resources", b"Rotate"];
/// What readers assume of a page without a size: US letter.
const LETTER: [i64; 4] = [0, 0, 612, 792];
/// A page tree deeper than that is broken.
const MAX_DEPTH: usize = 64;

/// The pages of all `sources` in order, as one document.
pub(super) fn merge(sources: Vec<Document>) -> lopdf::Result<Document> {
    let mut merged = Document::with_version("1.7");
    let tree = merged.new_object_id();
    let mut kids = Vec::new();
    for mut source in sources {
        let pages: Vec<ObjectId> = source.get_pages().into_values().collect();
        for page in &pages {
            let whole = with_inherited(&source, *page)?;
            source.objects.insert(*page, Object::Dictionary(whole));
        }
        source.renumber_objects_with(merged.max_id + 1);
        merged.max_id = source.max_id.max(merged.max_id);
        for page in source.get_pages().into_values() {
            source.get_dictionary_mut(page)?.set("Parent", tree);
            kids.push(Object::Reference(page));
        }
        merged.objects.extend(source.objects);
    }
    let count = i64::try_from(kids.len()).unwrap_or(i64::MAX);
    let nodes = dictionary! { "Type" => "Pages", "Kids" => kids, "Count" => count };
    merged.objects.insert(tree, Object::Dictionary(nodes));
    let catalog = merged.add_object(dictionary! { "Type" => "Catalog", "Pages" => tree });
    merged.trailer.set("Root", catalog);
    merged.prune_objects();
    merged.renumber_objects();
    Ok(merged)
}

/// The page with all that it inherits written into it.
fn with_inherited(document: &Document, page: ObjectId) -> lopdf::Result<Dictionary> {
    let mut whole = document.get_dictionary(page)?.clone();
    let mut seen = BTreeSet::new();
    let mut node = whole.clone();
    while let Ok(parent) = node.get(b"Parent").and_then(Object::as_reference) {
        if !seen.insert(parent) || seen.len() > MAX_DEPTH {
            return Err(lopdf::Error::ReferenceCycle(parent));
        }
        node = document.get_dictionary(parent)?.clone();
        for key in INHERITED {
            if let (false, Ok(value)) = (whole.has(key), node.get(key)) {
                whole.set(key, value.clone());
            }
        }
    }
    if !whole.has(b"MediaBox") {
        whole.set("MediaBox", LETTER.map(Object::Integer).to_vec());
    }
    Ok(whole)
}
