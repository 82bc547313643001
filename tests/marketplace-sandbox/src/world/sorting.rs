//! The order of the Catalog's lists: `Sort`, and `EntityTypeSort` by type (facts §1.1). Descending unless it
//! is said otherwise; what is equal goes by id.

use serde_json::Value;

use super::Refusal;
use super::change_sets::optional_text;

/// What a list is sorted by, and which way.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Order<'a> {
    pub(super) by: &'a str,
    ascending: bool,
}

impl<'a> Order<'a> {
    /// A `Sort` by one of `fields`, of which the first is meant where none is named.
    pub(super) fn read(sort: &'a Value, fields: &[&'static str]) -> Result<Self, Refusal> {
        let by = match optional_text(sort, "SortBy")? {
            None => fields.first().copied().unwrap_or_default(),
            Some(by) if fields.contains(&by) => by,
            Some(other) => {
                let known = fields.join(", ");
                let message = format!("SortBy '{other}' is none of {known}.");
                return Err(Refusal::validation(message));
            }
        };
        let ascending = match optional_text(sort, "SortOrder")? {
            None | Some("DESCENDING") => false,
            Some("ASCENDING") => true,
            Some(other) => {
                let message = format!("SortOrder '{other}' is none of ASCENDING, DESCENDING.");
                return Err(Refusal::validation(message));
            }
        };
        Ok(Self { by, ascending })
    }

    pub(super) fn sort<T, K: Ord>(&self, items: &mut [T], key: impl Fn(&T) -> K) {
        items.sort_by_cached_key(key);
        if !self.ascending {
            items.reverse();
        }
    }
}

/// `EntityTypeSort` of that type, or else `Sort`; not both.
pub(super) fn of_entities<'a>(
    body: &'a Value,
    entity_type: &str,
    fields: &[&'static str],
) -> Result<Order<'a>, Refusal> {
    let given = |name: &str| body.get(name).filter(|sent| !sent.is_null());
    let by_type = match given("EntityTypeSort") {
        None => return Order::read(given("Sort").unwrap_or(&Value::Null), fields),
        Some(_) if given("Sort").is_some() => {
            let message = "Sort and EntityTypeSort cannot be used together.";
            return Err(Refusal::validation(message));
        }
        Some(by_type) => by_type.as_object(),
    };
    let mut members = by_type.into_iter().flatten();
    match (members.next(), members.next()) {
        (Some((of, sort)), None) if *of == format!("{entity_type}Sort") => {
            Order::read(sort, fields)
        }
        _ => Err(Refusal::validation(format!(
            "EntityTypeSort must have {entity_type}Sort and nothing else."
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const FIELDS: [&str; 2] = ["LastModifiedDate", "EntityId"];

    #[test]
    fn a_sort_is_of_the_entity_s_own_type_and_fields() {
        let by = |field: &str| json!({ "SortBy": field });
        let order = |by, ascending| Some(Order { by, ascending });
        let (id, odd) = (by("EntityId"), by("Colour"));
        let up = json!({ "SortOrder": "ASCENDING" });
        for (body, expected) in [
            (json!({}), order(FIELDS[0], false)),
            (json!({ "Sort": null }), order(FIELDS[0], false)),
            (json!({ "Sort": id }), order("EntityId", false)),
            (json!({ "Sort": up }), order(FIELDS[0], true)),
            (json!({ "Sort": odd }), None),
            (json!({ "Sort": by("Colour") }), None),
            (json!({ "Sort": { "SortOrder": "SIDEWAYS" } }), None),
            (
                json!({ "EntityTypeSort": { "OfferSort": id } }),
                order("EntityId", false),
            ),
            (json!({ "EntityTypeSort": { "OfferSort": odd } }), None),
            (json!({ "EntityTypeSort": { "OfferSetSort": id } }), None),
            (
                json!({ "EntityTypeSort": { "OfferSort": id, "OfferSetSort": id } }),
                None,
            ),
            (json!({ "EntityTypeSort": {} }), None),
            (
                json!({ "EntityTypeSort": { "OfferSort": id }, "Sort": id }),
                None,
            ),
        ] {
            let read = of_entities(&body, "Offer", &FIELDS);
            assert_eq!(read.ok(), expected, "{body}");
        }
    }

    #[test]
    fn descending_is_the_other_way_round() {
        for (order, expected) in [("ASCENDING", [1, 2, 3]), ("DESCENDING", [3, 2, 1])] {
            let sort = json!({ "SortOrder": order });
            let mut items = [2, 3, 1];
            Order::read(&sort, &FIELDS)
                .unwrap()
                .sort(&mut items, |item| *item);
            assert_eq!(items, expected, "{order}");
        }
    }
}
