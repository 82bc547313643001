//! PDFs one behind the other. Only what the pages need is taken over: outlines, forms and scripts of
//! the sources stay behind. The same documents in the same order give the same bytes.

use std::collections::{BTreeMap, BTreeSet};

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
    for source in sources {
        for page in take_over(&mut merged, source)? {
            merged.get_dictionary_mut(page)?.set("Parent", tree);
            kids.push(Object::Reference(page));
        }
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

/// Takes the objects of `source` over under new numbers, and returns its pages in order.
fn take_over(merged: &mut Document, mut source: Document) -> lopdf::Result<Vec<ObjectId>> {
    let pages: Vec<ObjectId> = source.get_pages().into_values().collect();
    for page in &pages {
        let whole = with_inherited(&source, *page)?;
        source.objects.insert(*page, Object::Dictionary(whole));
    }
    let numbers = (merged.max_id + 1..).map(|number| (number, 0));
    let moved: BTreeMap<ObjectId, ObjectId> = source.objects.keys().copied().zip(numbers).collect();
    for (old, mut object) in source.objects {
        renumber(&mut object, &moved);
        if let Some(new) = moved.get(&old) {
            merged.objects.insert(*new, object);
            merged.max_id = merged.max_id.max(new.0);
        }
    }
    let mut taken = BTreeSet::new();
    let mut kids = Vec::with_capacity(pages.len());
    for page in pages.iter().filter_map(|page| moved.get(page)) {
        // A page that stands twice becomes two: renumbering would take one of them for another.
        let page = if taken.insert(*page) {
            *page
        } else {
            let again = merged.get_dictionary(*page)?.clone();
            merged.add_object(again)
        };
        kids.push(page);
    }
    Ok(kids)
}

/// Points every reference to the object's new number. One to nothing is null (ISO 32000-1, 7.3.10):
/// under its old number it would find an object of another document.
fn renumber(object: &mut Object, moved: &BTreeMap<ObjectId, ObjectId>) {
    match object {
        Object::Reference(id) => match moved.get(id) {
            Some(new) => *id = *new,
            None => *object = Object::Null,
        },
        Object::Array(items) => items.iter_mut().for_each(|item| renumber(item, moved)),
        Object::Dictionary(entries) => renumber_entries(entries, moved),
        Object::Stream(stream) => renumber_entries(&mut stream.dict, moved),
        _ => {}
    }
}

fn renumber_entries(entries: &mut Dictionary, moved: &BTreeMap<ObjectId, ObjectId>) {
    entries
        .iter_mut()
        .for_each(|(_, value)| renumber(value, moved));
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

#[cfg(test)]
mod tests {
    use lopdf::Stream;

    use super::*;
    use crate::documents::typeset::typeset;

    fn texts(document: &Document) -> Vec<String> {
        let pages = document.get_pages().into_keys();
        pages
            .map(|page| document.extract_text(&[page]).unwrap().trim().to_owned())
            .collect()
    }

    /// Its page's content goes on in an object that is not there.
    fn dangling(text: &str, missing: u32) -> Document {
        let mut document = typeset(text.as_bytes()).unwrap();
        let page = document.get_pages()[&1];
        let page = document.get_dictionary_mut(page).unwrap();
        let content = page.get(b"Contents").unwrap().clone();
        page.set("Contents", vec![content, Object::Reference((missing, 0))]);
        document
    }

    #[test]
    fn a_reference_to_nothing_finds_nothing_in_another_document() {
        let alone = texts(&merge(vec![dangling("annex", 99)]).unwrap());
        assert_eq!(alone, ["annex"]);
        for missing in 1..40 {
            let known = dangling("annex", missing)
                .objects
                .contains_key(&(missing, 0));
            if known {
                continue;
            }
            let first = typeset(b"eula\x0ceula two").unwrap();
            let merged = merge(vec![first, dangling("annex", missing)]).unwrap();
            assert_eq!(texts(&merged), ["eula", "eula two", "annex"], "{missing}");
        }
    }

    #[test]
    fn a_page_that_stands_twice_is_there_twice_and_no_other_is_lost() {
        let mut source = typeset(b"one\x0ctwo").unwrap();
        let pages = source.get_pages();
        let order = [pages[&2], pages[&1], pages[&1]];
        let tree = source.catalog().unwrap().get(b"Pages").unwrap();
        let tree = tree.as_reference().unwrap();
        let kids: Vec<Object> = order.into_iter().map(Object::Reference).collect();
        let nodes = source.get_dictionary_mut(tree).unwrap();
        nodes.set("Kids", kids);
        nodes.set("Count", 3);
        source.add_object(Stream::new(Dictionary::new(), Vec::new()));
        let merged = merge(vec![source]).unwrap();
        assert_eq!(texts(&merged), ["two", "one", "one"]);
    }
}
