//! Pages of a list: an opaque token that is only good for the list it came from.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Refusal;

/// One page of `items` under `field`, by `MaxResults` and `NextToken` of a Catalog request.
pub(crate) fn page(
    items: Vec<Value>,
    body: &Value,
    field: &str,
    default: usize,
    max: usize,
) -> Result<Value, Refusal> {
    let size = match body.get("MaxResults") {
        None | Some(Value::Null) => default,
        Some(value) => value
            .as_u64()
            .and_then(|value| usize::try_from(value).ok())
            .filter(|value| (1..=max).contains(value))
            .ok_or_else(|| Refusal::validation(format!("MaxResults must be 1 to {max}.")))?,
    };
    let token = super::change_sets::optional_text(body, "NextToken")?;
    let (items, next) = cut(items, size, token, &scope(body, "NextToken"))
        .ok_or_else(|| Refusal::validation("NextToken is not valid."))?;
    let mut reply = json!({ field: items });
    if let (Some(next), Value::Object(fields)) = (next, &mut reply) {
        fields.insert("NextToken".to_owned(), json!(next));
    }
    Ok(reply)
}

/// The query that a token belongs to: the request without its token.
pub(crate) fn scope(body: &Value, token_field: &str) -> String {
    let mut query = body.clone();
    if let Value::Object(fields) = &mut query {
        fields.remove(token_field);
    }
    hex::encode(&Sha256::digest(query.to_string())[..6])
}

/// `size` items from where the token points, and the next token. None: the token is foreign.
pub(crate) fn cut<T>(
    items: Vec<T>,
    size: usize,
    token: Option<&str>,
    scope: &str,
) -> Option<(Vec<T>, Option<String>)> {
    let from = match token {
        None => 0,
        Some(token) => {
            let (owner, offset) = token.split_once('-')?;
            if owner != scope {
                return None;
            }
            usize::from_str_radix(offset, 16).ok()?
        }
    };
    let more = items.len() > from + size;
    let page = items.into_iter().skip(from).take(size).collect();
    Some((page, more.then(|| format!("{scope}-{:08x}", from + size))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_cover_the_list_once_and_tokens_are_bound_to_it() {
        let first = page(
            (0..5).map(|n| json!(n)).collect(),
            &json!({"MaxResults": 2}),
            "L",
            2,
            20,
        )
        .unwrap();
        assert_eq!(first["L"], json!([0, 1]));
        let token = first["NextToken"].as_str().unwrap().to_owned();
        let body = json!({"MaxResults": 2, "NextToken": token});
        let second = page((0..5).map(|n| json!(n)).collect(), &body, "L", 2, 20).unwrap();
        assert_eq!(second["L"], json!([2, 3]));
        let foreign = json!({"MaxResults": 3, "NextToken": token});
        assert!(page(vec![json!(1)], &foreign, "L", 2, 20).is_err());
        assert!(page(vec![], &json!({"MaxResults": 21}), "L", 2, 20).is_err());
    }
}
