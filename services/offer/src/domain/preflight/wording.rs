//! What the offer is called. An authorization's name takes less: the reseller's reports show it.

use super::{Candidate, Kinds, REFUSED_AT_ONCE, Rule, when};

const NAME_LENGTH: usize = 150;
const AUTHORIZATION_NAME_LENGTH: usize = 100;
const DESCRIPTION_LENGTH: usize = 255;

pub(super) const RULES: &[Rule] = &[
    Rule::error(
        "OFFER_NAME_PRESENT",
        Kinds::ALL,
        "name",
        REFUSED_AT_ONCE,
        "give the offer a name",
        name_present,
    ),
    Rule::error(
        "OFFER_NAME_LENGTH",
        Kinds::OFFERS,
        "name",
        REFUSED_AT_ONCE,
        "shorten the name to 150 characters",
        name_length,
    ),
    Rule::error(
        "OFFER_NAME_CHARACTERS",
        Kinds::OFFERS,
        "name",
        REFUSED_AT_ONCE,
        "remove leading spaces, line breaks and the characters \\ < >",
        name_characters,
    ),
    Rule::error(
        "AUTHORIZATION_NAME_LENGTH",
        Kinds::AUTHORIZATION,
        "name",
        REFUSED_AT_ONCE,
        "shorten the name to 100 characters",
        authorization_name_length,
    ),
    Rule::error(
        "AUTHORIZATION_NAME_CHARACTERS",
        Kinds::AUTHORIZATION,
        "name",
        REFUSED_AT_ONCE,
        "use letters, digits and single spaces between them only",
        authorization_name_characters,
    ),
    Rule::error(
        "OFFER_DESCRIPTION_PRESENT",
        Kinds::ALL,
        "description",
        REFUSED_AT_ONCE,
        "give the offer a description: the buyer does not see it",
        description_present,
    ),
    Rule::error(
        "OFFER_DESCRIPTION_LENGTH",
        Kinds::ALL,
        "description",
        REFUSED_AT_ONCE,
        "shorten the description to 255 characters",
        description_length,
    ),
    Rule::error(
        "OFFER_DESCRIPTION_CHARACTERS",
        Kinds::OFFERS,
        "description",
        REFUSED_AT_ONCE,
        "remove leading spaces",
        description_characters,
    ),
    Rule::error(
        "AUTHORIZATION_DESCRIPTION_CHARACTERS",
        Kinds::AUTHORIZATION,
        "description",
        REFUSED_AT_ONCE,
        "use letters, digits and single spaces between them only",
        authorization_description_characters,
    ),
];

fn too_long(text: &str, most: usize) -> Option<String> {
    let length = text.chars().count();
    when(length > most, || {
        format!("{length} characters, at most {most}")
    })
}

fn name_present(candidate: &Candidate) -> Option<String> {
    when(candidate.plan.name.trim().is_empty(), || {
        "the name is empty".into()
    })
}

fn name_length(candidate: &Candidate) -> Option<String> {
    too_long(&candidate.plan.name, NAME_LENGTH)
}

fn name_characters(candidate: &Candidate) -> Option<String> {
    let name = &candidate.plan.name;
    let refused = |letter: char| matches!(letter, '\\' | '<' | '>') || letter.is_control();
    when(name.starts_with(' ') || name.contains(refused), || {
        format!("{name:?} has characters that AWS refuses")
    })
}

fn authorization_name_length(candidate: &Candidate) -> Option<String> {
    too_long(&candidate.plan.name, AUTHORIZATION_NAME_LENGTH)
}

fn authorization_name_characters(candidate: &Candidate) -> Option<String> {
    not_plain(&candidate.plan.name)
}

fn description_present(candidate: &Candidate) -> Option<String> {
    when(candidate.plan.description.trim().is_empty(), || {
        "the description is empty".into()
    })
}

fn description_length(candidate: &Candidate) -> Option<String> {
    too_long(&candidate.plan.description, DESCRIPTION_LENGTH)
}

fn description_characters(candidate: &Candidate) -> Option<String> {
    when(candidate.plan.description.starts_with(' '), || {
        "the description begins with a space".into()
    })
}

fn authorization_description_characters(candidate: &Candidate) -> Option<String> {
    not_plain(&candidate.plan.description)
}

/// "No special characters" (facts §1.5); that it is empty is another rule's to say.
fn not_plain(text: &str) -> Option<String> {
    let plain = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric());
    when(!text.is_empty() && !text.split(' ').all(plain), || {
        format!("{text:?} has characters that AWS refuses")
    })
}
