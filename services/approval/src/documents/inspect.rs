//! What a document is, by its content and not by its name (A7).

use lopdf::{LoadOptions, Object};

use crate::domain::MediaType;

/// How far one stream of a PDF may inflate while it is looked into: no bomb gets larger.
const MAX_INFLATED_BYTES: usize = 64 * 1024 * 1024;

/// Why bytes are no document that can be approved and merged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfit {
    /// There are no bytes.
    #[error("the document is empty")]
    Empty,
    /// The name says PDF, the content does not.
    #[error("the document is named .pdf and is no PDF")]
    NotPdf,
    /// Neither PDF nor text.
    #[error("the document is {0}; a PDF or UTF-8 text without NUL is needed")]
    TypeUnsupported(String),
    /// AWS takes no encrypted PDF, and it could not be merged (O6).
    #[error("the PDF is encrypted")]
    Encrypted,
    /// It begins like a PDF and cannot be read as one.
    #[error("the PDF cannot be read")]
    Unreadable,
}

impl Unfit {
    /// The stable reason code.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Empty => "DOCUMENT_EMPTY",
            Self::NotPdf => "DOCUMENT_NOT_PDF",
            Self::TypeUnsupported(_) => "DOCUMENT_TYPE_UNSUPPORTED",
            Self::Encrypted => "DOCUMENT_ENCRYPTED",
            Self::Unreadable => "DOCUMENT_UNREADABLE",
        }
    }
}

/// Looks into a document. Takes as long as parsing a PDF does: not for an async thread.
pub(crate) fn inspect(file_name: &str, bytes: &[u8]) -> Result<MediaType, Unfit> {
    if bytes.is_empty() {
        return Err(Unfit::Empty);
    }
    if bytes.starts_with(b"%PDF-") {
        return readable_pdf(bytes).map(|()| MediaType::Pdf);
    }
    if named_pdf(file_name) {
        return Err(Unfit::NotPdf);
    }
    // Text before magic numbers: a text that begins with "BM" is no bitmap.
    if std::str::from_utf8(bytes).is_ok_and(|text| !text.contains('\0')) {
        return Ok(MediaType::PlainText);
    }
    let found = infer::get(bytes).map_or("of an unknown type", |found| found.mime_type());
    Err(Unfit::TypeUnsupported(found.to_owned()))
}

fn named_pdf(file_name: &str) -> bool {
    let extension = file_name.rsplit_once('.').map(|(_, extension)| extension);
    extension.is_some_and(|extension| extension.eq_ignore_ascii_case("pdf"))
}

/// An unencrypted PDF with at least one page.
fn readable_pdf(bytes: &[u8]) -> Result<(), Unfit> {
    let options = LoadOptions {
        max_decompressed_size: Some(MAX_INFLATED_BYTES),
        ..LoadOptions::default()
    };
    let document = lopdf::Document::load_mem_with_options(bytes, options)
        .map_err(|error| unreadable(&error))?;
    // With an empty user password it loads decrypted, and is encrypted all the same.
    if document.was_encrypted() || document.trailer.has(b"Encrypt") {
        return Err(Unfit::Encrypted);
    }
    let has_page = document.page_iter().next().is_some_and(|page| {
        let page = document.get_object(page).and_then(Object::as_dict);
        page.is_ok()
    });
    if has_page {
        Ok(())
    } else {
        Err(Unfit::Unreadable)
    }
}

fn unreadable(error: &lopdf::Error) -> Unfit {
    match error {
        lopdf::Error::Decryption(_)
        | lopdf::Error::InvalidPassword
        | lopdf::Error::UnsupportedSecurityHandler(_) => Unfit::Encrypted,
        _ => Unfit::Unreadable,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use lopdf::encryption::crypt_filters::{Aes128CryptFilter, CryptFilter};
    use lopdf::{Document, EncryptionState, EncryptionVersion, Permissions, dictionary};
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// A PDF of one empty page.
    pub(crate) fn pdf() -> Vec<u8> {
        saved(document())
    }

    fn document() -> Document {
        let mut document = Document::with_version("1.5");
        let pages_id = document.new_object_id();
        let page = document.add_object(dictionary! { "Type" => "Page", "Parent" => pages_id });
        let pages = dictionary! { "Type" => "Pages", "Kids" => vec![page.into()], "Count" => 1 };
        document.objects.insert(pages_id, Object::Dictionary(pages));
        let catalog = document.add_object(dictionary! { "Type" => "Catalog", "Pages" => pages_id });
        document.trailer.set("Root", catalog);
        let id = Object::string_literal("0123456789abcdef");
        document.trailer.set("ID", vec![id.clone(), id]);
        document
    }

    fn saved(mut document: Document) -> Vec<u8> {
        let mut bytes = Vec::new();
        document.save_to(&mut bytes).unwrap();
        bytes
    }

    fn encrypted(user_password: &str) -> Vec<u8> {
        let mut document = document();
        let filter: std::sync::Arc<dyn CryptFilter> = std::sync::Arc::new(Aes128CryptFilter);
        let version = EncryptionVersion::V4 {
            document: &document,
            encrypt_metadata: true,
            crypt_filters: [(b"StdCF".to_vec(), filter)].into(),
            stream_filter: b"StdCF".to_vec(),
            string_filter: b"StdCF".to_vec(),
            owner_password: "owner",
            user_password,
            permissions: Permissions::all(),
        };
        let state = EncryptionState::try_from(version).unwrap();
        document.encrypt(&state).unwrap();
        saved(document)
    }

    #[test]
    fn pdf_and_text_are_taken_whatever_their_names() {
        for name in ["sow.pdf", "SOW.PDF", "sow.txt", "sow"] {
            assert_eq!(inspect(name, &pdf()), Ok(MediaType::Pdf), "{name}");
        }
        for text in [
            "BMW engages Acme.\r\n\ttwo",
            "<html>",
            "Überblick – 範囲",
            "\u{feff}x",
        ] {
            assert_eq!(
                inspect("sow.txt", text.as_bytes()),
                Ok(MediaType::PlainText),
                "{text}"
            );
        }
    }

    /// A case per row: name, content, why not.
    #[test]
    fn what_is_refused() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
        let rows: &[(&str, &[u8], &str)] = &[
            ("sow.pdf", b"plain text", "DOCUMENT_NOT_PDF"),
            ("sow.PDF", png, "DOCUMENT_NOT_PDF"),
            ("sow.txt", png, "DOCUMENT_TYPE_UNSUPPORTED"),
            ("sow.txt", b"text\0with NUL", "DOCUMENT_TYPE_UNSUPPORTED"),
            ("sow.txt", b"latin-1 \xe9t\xe9", "DOCUMENT_TYPE_UNSUPPORTED"),
            ("sow.txt", b"", "DOCUMENT_EMPTY"),
            (
                "sow.pdf",
                b"%PDF-1.7\nnothing follows",
                "DOCUMENT_UNREADABLE",
            ),
            ("sow.txt", &pdf()[..60], "DOCUMENT_UNREADABLE"),
        ];
        for (name, bytes, code) in rows {
            assert_eq!(
                inspect(name, bytes).unwrap_err().code(),
                *code,
                "{name} {bytes:?}"
            );
        }
    }

    #[test]
    fn encrypted_pdfs_are_refused_with_and_without_a_password() {
        for password in ["secret", ""] {
            assert_eq!(
                inspect("sow.pdf", &encrypted(password)),
                Err(Unfit::Encrypted)
            );
        }
        // A handler that nobody knows: encrypted, not unreadable.
        let mut odd = document();
        let handler = odd.add_object(dictionary! { "Filter" => "Custom", "V" => 9 });
        odd.trailer.set("Encrypt", handler);
        assert_eq!(inspect("sow.pdf", &saved(odd)), Err(Unfit::Encrypted));
    }

    #[test]
    fn a_pdf_without_a_page_is_unreadable() {
        let mut empty = document();
        let root = empty
            .trailer
            .get(b"Root")
            .and_then(Object::as_reference)
            .unwrap();
        let nothing = empty.add_object(
            dictionary! { "Type" => "Pages", "Kids" => Vec::<Object>::new(), "Count" => 0 },
        );
        empty
            .get_dictionary_mut(root)
            .unwrap()
            .set("Pages", nothing);
        assert_eq!(inspect("sow.pdf", &saved(empty)), Err(Unfit::Unreadable));
    }

    /// A PDF with some bytes overwritten, cut off somewhere, with something behind it.
    fn damaged() -> impl Strategy<Value = Vec<u8>> {
        let length = pdf().len();
        let overwritten = vec((0..length, any::<u8>()), 0..8);
        (overwritten, length / 2..=length, vec(any::<u8>(), 0..16)).prop_map(
            |(overwritten, kept, behind)| {
                let mut bytes = pdf();
                for (at, byte) in overwritten {
                    bytes[at] = byte;
                }
                bytes.truncate(kept);
                bytes.extend(behind);
                bytes
            },
        )
    }

    proptest! {
        /// A7, P5: whatever arrives is answered, and what is taken is what it is taken for.
        #[test]
        fn any_bytes_are_answered(bytes in prop_oneof![vec(any::<u8>(), 0..512), damaged()]) {
            match inspect("sow.bin", &bytes) {
                Ok(MediaType::Pdf) => prop_assert!(bytes.starts_with(b"%PDF-")),
                Ok(MediaType::PlainText) => {
                    let text = std::str::from_utf8(&bytes);
                    prop_assert!(text.is_ok_and(|text| !text.contains('\0')));
                }
                Err(unfit) => prop_assert_ne!(unfit, Unfit::NotPdf),
            }
        }
    }
}
