//! Who of an audience hears of a seller's deals, on one channel (N4).

use chrono::{DateTime, Utc};
use countersign_kernel::webhook::WebhookSecret;
use uuid::Uuid;

use super::address::{EmailAddress, WebhookUrl};

/// N4: at most this many addresses per audience and channel.
pub(crate) const MAX_ADDRESSES: usize = 10;

/// Who hears of a deal besides the buyer's contact (N2, N3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Audience {
    DealDesk,
    Alliances,
    SalesSupport,
    Finance,
}

impl Audience {
    pub(crate) const ALL: [Self; 4] = [
        Self::DealDesk,
        Self::Alliances,
        Self::SalesSupport,
        Self::Finance,
    ];

    /// The name under which it is stored and logged.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::DealDesk => "deal_desk",
            Self::Alliances => "alliances",
            Self::SalesSupport => "sales_support",
            Self::Finance => "finance",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|audience| audience.name() == name)
    }
}

/// How a notice travels (N5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Channel {
    Email,
    Webhook,
}

impl Channel {
    pub(crate) const ALL: [Self; 2] = [Self::Email, Self::Webhook];

    /// The name under which it is stored, logged and published.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Webhook => "webhook",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.name() == name)
    }
}

/// Where a subscriber is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    Email(EmailAddress),
    Webhook {
        url: WebhookUrl,
        secret: WebhookSecret,
    },
}

impl Address {
    pub(crate) const fn channel(&self) -> Channel {
        match self {
            Self::Email(_) => Channel::Email,
            Self::Webhook { .. } => Channel::Webhook,
        }
    }

    /// The address or URL, without the secret: what makes it the same as another.
    pub(crate) fn place(&self) -> &str {
        match self {
            Self::Email(address) => address.as_str(),
            Self::Webhook { url, .. } => url.as_str(),
        }
    }
}

/// One address of one audience.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subscription {
    pub(crate) id: Uuid,
    pub(crate) audience: Audience,
    pub(crate) address: Address,
    /// Set when the receiver answered that it is gone for good; putting it again clears it.
    pub(crate) disabled_at: Option<DateTime<Utc>>,
}

/// All subscriptions of one audience on one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subscribers(pub(crate) Vec<Subscription>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    /// `subscription.id` is used only when its place is new.
    Put {
        subscription: Subscription,
    },
    Remove {
        id: Uuid,
    },
    Disable {
        id: Uuid,
        at: DateTime<Utc>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    Added(Subscription),
    /// The same place with another secret, or enabled again.
    Renewed(Subscription),
    Removed(Subscription),
    Disabled(Subscription),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Rejection {
    #[error("an audience has at most {MAX_ADDRESSES} addresses on each channel")]
    TooManyAddresses,
    #[error("there is no such subscription")]
    Unknown,
}

/// Decides; no event means that it is so already.
pub(crate) fn decide(state: &Subscribers, command: Command) -> Result<Vec<Event>, Rejection> {
    match command {
        Command::Put { subscription } => put(state, subscription),
        Command::Remove { id } => Ok(vec![Event::Removed(find(state, id)?.clone())]),
        Command::Disable { id, at } => {
            let subscription = find(state, id)?;
            if subscription.disabled_at.is_some() {
                return Ok(Vec::new());
            }
            Ok(vec![Event::Disabled(Subscription {
                disabled_at: Some(at),
                ..subscription.clone()
            })])
        }
    }
}

fn put(state: &Subscribers, wanted: Subscription) -> Result<Vec<Event>, Rejection> {
    let same_place = |known: &&Subscription| known.address.place() == wanted.address.place();
    let Some(known) = state.0.iter().find(same_place) else {
        if state.0.len() >= MAX_ADDRESSES {
            return Err(Rejection::TooManyAddresses);
        }
        return Ok(vec![Event::Added(wanted)]);
    };
    let wanted = Subscription {
        id: known.id,
        ..wanted
    };
    Ok(if *known == wanted {
        Vec::new()
    } else {
        vec![Event::Renewed(wanted)]
    })
}

fn find(state: &Subscribers, id: Uuid) -> Result<&Subscription, Rejection> {
    state
        .0
        .iter()
        .find(|known| known.id == id)
        .ok_or(Rejection::Unknown)
}

/// Folds an event into the state.
#[must_use]
pub(crate) fn evolve(mut state: Subscribers, event: &Event) -> Subscribers {
    let (Event::Added(changed)
    | Event::Renewed(changed)
    | Event::Removed(changed)
    | Event::Disabled(changed)) = event;
    let place = state.0.iter().position(|known| known.id == changed.id);
    match (event, place) {
        (Event::Removed(_), Some(index)) => {
            state.0.remove(index);
        }
        (Event::Removed(_), None) => {}
        (Event::Added(_) | Event::Renewed(_) | Event::Disabled(_), Some(index)) => {
            state.0[index] = changed.clone();
        }
        (Event::Added(_) | Event::Renewed(_) | Event::Disabled(_), None) => {
            state.0.push(changed.clone());
        }
    }
    state
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::address::UrlPolicy;

    pub(crate) fn email(id: u128, audience: Audience, address: &str) -> Subscription {
        Subscription {
            id: Uuid::from_u128(id),
            audience,
            address: Address::Email(EmailAddress::parse(address).unwrap()),
            disabled_at: None,
        }
    }

    pub(crate) fn webhook(id: u128, audience: Audience, url: &str, key: u8) -> Subscription {
        use base64::Engine as _;
        let key = base64::engine::general_purpose::STANDARD.encode([key; 32]);
        Subscription {
            id: Uuid::from_u128(id),
            audience,
            address: Address::Webhook {
                url: WebhookUrl::parse(url, UrlPolicy::LocalToo).unwrap(),
                secret: WebhookSecret::parse(&format!("whsec_{key}")).unwrap(),
            },
            disabled_at: None,
        }
    }

    fn put(subscription: Subscription) -> Command {
        Command::Put { subscription }
    }

    fn full() -> Subscribers {
        let known = (0..10).map(|i| email(i, Audience::DealDesk, &format!("d{i}@acme.example")));
        Subscribers(known.collect())
    }

    /// N4: ten unique addresses; the eleventh is refused, a known one changes nothing.
    #[test]
    fn ten_addresses_and_no_more() {
        let eleventh = email(99, Audience::DealDesk, "new@acme.example");
        assert_eq!(
            decide(&full(), put(eleventh)),
            Err(Rejection::TooManyAddresses)
        );
        let again = email(99, Audience::DealDesk, "d3@acme.example");
        assert_eq!(decide(&full(), put(again)), Ok(vec![]));
    }

    #[test]
    fn a_new_secret_or_a_put_after_gone_renews_under_the_same_id() {
        let first = webhook(1, Audience::Finance, "https://h.example/", 1);
        let gone = Subscription {
            disabled_at: Some(DateTime::UNIX_EPOCH),
            ..first.clone()
        };
        let rekeyed = webhook(1, Audience::Finance, "https://h.example/", 2);
        for (known, wanted) in [(first.clone(), rekeyed), (gone, first)] {
            let given = Subscription {
                id: Uuid::from_u128(77),
                ..wanted.clone()
            };
            let events = decide(&Subscribers(vec![known]), put(given)).unwrap();
            assert_eq!(events, [Event::Renewed(wanted)]);
        }
    }

    #[test]
    fn removing_and_disabling_need_a_known_one() {
        let id = Uuid::from_u128(3);
        let at = DateTime::UNIX_EPOCH;
        let removed = decide(&full(), Command::Remove { id }).unwrap();
        assert_eq!(removed, [Event::Removed(full().0[3].clone())]);
        let disabled = decide(&full(), Command::Disable { id, at }).unwrap();
        let state = evolve(full(), &disabled[0]);
        assert_eq!(state.0[3].disabled_at, Some(at));
        assert_eq!(decide(&state, Command::Disable { id, at }), Ok(vec![]));
        for command in [
            Command::Remove {
                id: Uuid::from_u128(50),
            },
            Command::Disable {
                id: Uuid::from_u128(50),
                at,
            },
        ] {
            assert_eq!(decide(&full(), command), Err(Rejection::Unknown));
        }
    }

    proptest! {
        /// Whatever is put and removed: never more than ten, every place once.
        #[test]
        fn places_stay_unique_and_few(steps in prop::collection::vec((any::<bool>(), 0_u128..20), 0..80)) {
            let mut state = Subscribers(Vec::new());
            for (index, (add, place)) in steps.into_iter().enumerate() {
                let command = if add {
                    put(email(1000 + index as u128, Audience::Alliances, &format!("a{place}@x.example")))
                } else {
                    let id = state.0.get(usize::try_from(place).unwrap()).map_or(Uuid::nil(), |s| s.id);
                    Command::Remove { id }
                };
                if let Ok(events) = decide(&state, command) {
                    state = events.iter().fold(state, evolve);
                }
                let mut places: Vec<_> = state.0.iter().map(|s| s.address.place()).collect();
                places.sort_unstable();
                places.dedup();
                prop_assert_eq!(places.len(), state.0.len());
                prop_assert!(places.len() <= MAX_ADDRESSES);
            }
        }
    }
}
