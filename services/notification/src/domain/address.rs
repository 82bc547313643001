//! Addresses a notice can go to: parsed once, never checked again (N4, N5).

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// RFC 5321: the longest path that a mail server must take, without its angle brackets.
const MAX_EMAIL_LENGTH: usize = 254;
const MAX_LOCAL_PART_LENGTH: usize = 64;
const MAX_URL_LENGTH: usize = 2000;

/// An e-mail address: ASCII, a dot-atom before the `@`, a host name with a dot after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EmailAddress(String);

/// The text is no address that mail is sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an e-mail address such as deal.desk@acme.example")]
pub(crate) struct NotAnEmail;

impl EmailAddress {
    /// Parses; the host is taken in lower case, so that one mailbox has one spelling.
    pub(crate) fn parse(text: &str) -> Result<Self, NotAnEmail> {
        let (local, host) = text.rsplit_once('@').ok_or(NotAnEmail)?;
        let atom = |part: &str| !part.is_empty() && part.bytes().all(is_atom_byte);
        let local_fits = local.len() <= MAX_LOCAL_PART_LENGTH && local.split('.').all(atom);
        let host_fits = host.contains('.') && host.split('.').all(is_host_label);
        if text.len() > MAX_EMAIL_LENGTH || !local_fits || !host_fits {
            return Err(NotAnEmail);
        }
        Ok(Self(format!("{local}@{}", host.to_ascii_lowercase())))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_atom_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)
}

fn is_host_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Where webhooks may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UrlPolicy {
    /// `https` to public hosts only: production.
    PublicHttps,
    /// `http` too, and this machine's own addresses: one machine's demo and tests.
    LocalToo,
}

/// A URL that webhooks are posted to: no credentials and no fragment in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WebhookUrl(String);

/// Why a text is no webhook URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotAWebhookUrl {
    #[error("not an absolute https URL of at most 2000 characters")]
    Malformed,
    #[error("must be https")]
    NotHttps,
    #[error("must not hold a user name, a password or a fragment")]
    HoldsCredentials,
    #[error("must not lead to a private or local address")]
    PrivateHost,
}

impl WebhookUrl {
    /// Parses and normalises, so that one end point has one spelling.
    pub(crate) fn parse(text: &str, policy: UrlPolicy) -> Result<Self, NotAWebhookUrl> {
        let url = Url::parse(text).map_err(|_| NotAWebhookUrl::Malformed)?;
        if text.len() > MAX_URL_LENGTH || !matches!(url.scheme(), "http" | "https") {
            return Err(NotAWebhookUrl::Malformed);
        }
        let bare = url.username().is_empty() && url.password().is_none();
        if !bare || url.fragment().is_some() {
            return Err(NotAWebhookUrl::HoldsCredentials);
        }
        if policy == UrlPolicy::PublicHttps {
            require_public_https(&url)?;
        }
        Ok(Self(url.into()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

fn require_public_https(url: &Url) -> Result<(), NotAWebhookUrl> {
    if url.scheme() != "https" {
        return Err(NotAWebhookUrl::NotHttps);
    }
    let public = match url.host() {
        Some(Host::Domain(name)) => is_public_name(name),
        Some(Host::Ipv4(ip)) => is_public(IpAddr::V4(ip)),
        Some(Host::Ipv6(ip)) => is_public(IpAddr::V6(ip)),
        None => false,
    };
    if public {
        Ok(())
    } else {
        Err(NotAWebhookUrl::PrivateHost)
    }
}

fn is_public_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    let last = name.rsplit('.').next().unwrap_or(name);
    name.contains('.') && !matches!(last, "localhost" | "local" | "internal")
}

/// Whether a webhook may be posted to `ip` in production: never to this machine, its network or a
/// cloud's metadata service, which would let a subscriber make this service knock there.
pub(crate) fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let special = matches!(
        ip.octets(),
        // This network and reserved; between a carrier and its customers; protocol assignments;
        // benchmarks.
        [0 | 240..=255, ..] | [100, 64..=127, ..] | [192, 0, 0, _] | [198, 18 | 19, ..]
    );
    !(special || ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_multicast())
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let within = |high: u16, low: u16| {
        is_public_v4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
    };
    match ip.segments() {
        // An IPv4 address inside: compatible (`::` and `::1` too), behind NAT64, behind 6to4.
        [0, 0, 0, 0, 0, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => within(high, low),
        // A network's own NAT64, Teredo, unique local, link-local, site-local, multicast.
        [0x64, 0xff9b, 1, ..] | [0x2001, 0, ..] | [0xfc00..=0xfdff | 0xfe80..=0xffff, ..] => false,
        _ => true,
    }
}

/// `text` as one line without control characters and with single blanks: what may stand in a
/// header or a name, whatever a caller wrote into it (N6: no header injection).
pub(crate) fn one_line(text: &str) -> String {
    let cleaned: String = text
        .chars()
        .map(|char| if char.is_control() { ' ' } else { char })
        .collect();
    cleaned.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn takes_addresses_that_mail_servers_take() {
        for good in [
            "a@b.example",
            "deal.desk+aws@acme.example",
            "o'neil@x-y.co.uk",
        ] {
            assert_eq!(EmailAddress::parse(good).unwrap().as_str(), good);
        }
        assert_eq!(
            EmailAddress::parse("Jo@ACME.Example").unwrap().as_str(),
            "Jo@acme.example"
        );
    }

    #[test]
    fn refuses_what_is_no_address_or_smuggles_a_header() {
        let long = format!("{}@acme.example", "a".repeat(65));
        for wrong in [
            "",
            "a",
            "@b.example",
            "a@",
            "a@b",
            "a b@c.example",
            "a@b..example",
            ".a@b.example",
            "a.@b.example",
            "a@-b.example",
            "a@b.example\r\nBcc: x@y.example",
            "a@b.example,c@d.example",
            "Name <a@b.example>",
            "ä@b.example",
            long.as_str(),
        ] {
            assert_eq!(EmailAddress::parse(wrong), Err(NotAnEmail), "{wrong:?}");
        }
    }

    #[test]
    fn webhooks_go_to_public_https_only_unless_local_is_allowed() {
        use NotAWebhookUrl::{HoldsCredentials, Malformed, NotHttps, PrivateHost};
        let strict = |text| WebhookUrl::parse(text, UrlPolicy::PublicHttps).map(|url| url.0);
        assert_eq!(
            strict("https://Hooks.acme.example/x"),
            Ok("https://hooks.acme.example/x".into())
        );
        for (wrong, why) in [
            ("", Malformed),
            ("/x", Malformed),
            ("ftp://a.example", Malformed),
            ("javascript:alert(1)", Malformed),
            ("http://a.example/", NotHttps),
            ("https://u:p@a.example/", HoldsCredentials),
            ("https://a.example/#x", HoldsCredentials),
            ("https://localhost/", PrivateHost),
            ("https://postgres/", PrivateHost),
            ("https://db.svc.local/", PrivateHost),
            ("https://127.0.0.1/", PrivateHost),
            ("https://0x7f.1/", PrivateHost),
            ("https://10.1.2.3/", PrivateHost),
            ("https://169.254.169.254/latest", PrivateHost),
            ("https://[::1]/", PrivateHost),
            ("https://[::ffff:10.0.0.1]/", PrivateHost),
            ("https://[::10.0.0.1]/", PrivateHost),
            ("https://[64:ff9b::169.254.169.254]/", PrivateHost),
            ("https://[64:ff9b:1::1]/", PrivateHost),
            ("https://[2002:7f00:1::]/", PrivateHost),
            ("https://[2001:0:1::]/", PrivateHost),
            ("https://[fd00:ec2::254]/", PrivateHost),
            ("https://[fe80::1]/", PrivateHost),
            ("https://[fec0::1]/", PrivateHost),
            ("https://[ff02::1]/", PrivateHost),
            ("https://0.0.0.0/", PrivateHost),
            ("https://100.64.0.1/", PrivateHost),
            ("https://172.16.0.1/", PrivateHost),
            ("https://192.0.0.8/", PrivateHost),
            ("https://192.168.0.1/", PrivateHost),
            ("https://198.19.0.1/", PrivateHost),
            ("https://224.0.0.1/", PrivateHost),
            ("https://255.255.255.255/", PrivateHost),
        ] {
            assert_eq!(strict(wrong), Err(why), "{wrong}");
        }
        for public in [
            "https://8.8.8.8/",
            "https://100.128.0.1/",
            "https://[2600:1f18::1]/",
            "https://[64:ff9b::808:808]/",
            "https://[2002:808:808::1]/",
        ] {
            assert_eq!(strict(public), Ok(public.to_owned()));
        }
        let local = |text| WebhookUrl::parse(text, UrlPolicy::LocalToo);
        assert!(local("http://127.0.0.1:9/hook").is_ok());
        assert_eq!(local("file:///etc/passwd"), Err(Malformed));
    }

    #[test]
    fn one_line_leaves_nothing_that_ends_a_header() {
        assert_eq!(
            one_line(" Ann\r\nBcc: x@y.example\t\u{0}B\u{85} "),
            "Ann Bcc: x@y.example B"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// N5: whatever anybody gives as an address or a URL is one or is refused, always
        /// alike; what a message is addressed by is one line.
        #[test]
        fn anything_is_an_address_or_none(
            text in prop_oneof![
                "\\PC{0,60}",
                "https?://(\\PC{0,20}|[0-9.:\\[\\]a-f]{0,20})(:[0-9]{0,6})?(/\\PC{0,10})?",
                "[a-z.+'@-]{0,40}",
                any::<String>(),
            ],
        ) {
            for policy in [UrlPolicy::PublicHttps, UrlPolicy::LocalToo] {
                let told = || format!("{:?}", WebhookUrl::parse(&text, policy));
                prop_assert_eq!(told(), told());
            }
            let mail = EmailAddress::parse(&text);
            if let Ok(mail) = &mail {
                prop_assert!(!mail.as_str().contains(['\r', '\n']), "{:?}", mail.as_str());
            }
            prop_assert_eq!(mail.is_ok(), EmailAddress::parse(&text).is_ok());
            prop_assert!(!one_line(&text).contains(char::is_control));
        }
    }
}
