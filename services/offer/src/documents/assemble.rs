//! From the documents' bytes to the one PDF: texts are typeset, PDFs taken as they are, in the order
//! given. A reason why it cannot be done is for the person who uploaded the document.

use countersign_kernel::Digest;
use lopdf::{Document as Pdf, LoadOptions};

use super::merge::merge;
use super::typeset::{TypesetError, typeset};
use crate::domain::deal::MediaType;

/// A document as it was downloaded.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) file_name: String,
    pub(crate) media_type: MediaType,
    pub(crate) bytes: Vec<u8>,
}

/// The merged PDF.
#[derive(Debug)]
pub(crate) struct Assembled {
    pub(crate) bytes: Vec<u8>,
    pub(crate) digest: Digest,
    pub(crate) pages: u32,
}

/// Why there is no merged PDF: trying again does not help.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AssemblyError {
    /// The text cannot be printed.
    #[error("{file_name}: {source}")]
    Text {
        file_name: String,
        source: TypesetError,
    },
    /// Not a PDF that can be read.
    #[error("{file_name}: not a readable PDF ({source})")]
    Unreadable {
        file_name: String,
        source: lopdf::Error,
    },
    /// AWS refuses password-protected documents.
    #[error("{file_name}: the PDF is encrypted; give it without protection")]
    Encrypted { file_name: String },
    /// A PDF without any page.
    #[error("{file_name}: the PDF has no page")]
    Empty { file_name: String },
    /// The pages do not go together.
    #[error("the documents cannot be merged ({0})")]
    Merge(#[from] lopdf::Error),
}

/// Merges `sources` in their order. Takes CPU time: run it where blocking is allowed.
pub(crate) fn assemble(sources: Vec<Source>) -> Result<Assembled, AssemblyError> {
    let parts = sources
        .into_iter()
        .map(part)
        .collect::<Result<Vec<Pdf>, _>>()?;
    let mut merged = merge(parts)?;
    let pages = u32::try_from(merged.get_pages().len()).unwrap_or(u32::MAX);
    let mut bytes = Vec::new();
    merged.save_to(&mut bytes).map_err(lopdf::Error::IO)?;
    let digest = Digest::of(&bytes);
    Ok(Assembled {
        bytes,
        digest,
        pages,
    })
}

fn part(source: Source) -> Result<Pdf, AssemblyError> {
    let Source {
        file_name,
        media_type,
        bytes,
    } = source;
    match media_type {
        MediaType::PlainText => {
            typeset(&bytes).map_err(|source| AssemblyError::Text { file_name, source })
        }
        MediaType::Pdf => readable(file_name, &bytes),
    }
}

/// What one compressed stream of a PDF's structure may unfold to: far above what real documents hold,
/// and few enough bytes that a small file cannot take the memory of the process.
const MAX_UNFOLDED: usize = 16 * 1024 * 1024;

fn readable(file_name: String, bytes: &[u8]) -> Result<Pdf, AssemblyError> {
    let options = LoadOptions::with_max_decompressed_size(MAX_UNFOLDED);
    match Pdf::load_mem_with_options(bytes, options) {
        Ok(pdf) if pdf.is_encrypted() || pdf.was_encrypted() => {
            Err(AssemblyError::Encrypted { file_name })
        }
        Ok(pdf) if pdf.get_pages().is_empty() => Err(AssemblyError::Empty { file_name }),
        Ok(pdf) => Ok(pdf),
        Err(lopdf::Error::InvalidPassword | lopdf::Error::Decryption(_)) => {
            Err(AssemblyError::Encrypted { file_name })
        }
        Err(source) => Err(AssemblyError::Unreadable { file_name, source }),
    }
}

#[cfg(test)]
mod tests {
    use lopdf::{Object, Stream, dictionary};
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn text(name: &str, content: &str) -> Source {
        Source {
            file_name: name.into(),
            media_type: MediaType::PlainText,
            bytes: content.as_bytes().to_vec(),
        }
    }

    fn pdf(name: &str, bytes: Vec<u8>) -> Source {
        Source {
            file_name: name.into(),
            media_type: MediaType::Pdf,
            bytes,
        }
    }

    fn saved(mut document: Pdf) -> Vec<u8> {
        let mut bytes = Vec::new();
        document.save_to(&mut bytes).unwrap();
        bytes
    }

    /// Two pages whose size stands in the tree's root only, as printers often write it.
    fn inheriting() -> Vec<u8> {
        let mut document = typeset(b"first\x0csecond").unwrap();
        let pages: Vec<_> = document.get_pages().into_values().collect();
        for page in &pages {
            document
                .get_dictionary_mut(*page)
                .unwrap()
                .remove(b"MediaBox");
        }
        let root = document
            .catalog()
            .unwrap()
            .get(b"Pages")
            .unwrap()
            .as_reference()
            .unwrap();
        let letter: Vec<Object> = vec![0.into(), 0.into(), 612.into(), 792.into()];
        document
            .get_dictionary_mut(root)
            .unwrap()
            .set("MediaBox", letter);
        saved(document)
    }

    fn texts(bytes: &[u8]) -> Vec<String> {
        let merged = Pdf::load_mem(bytes).unwrap();
        let pages = merged.get_pages().into_keys();
        pages
            .map(|page| merged.extract_text(&[page]).unwrap().trim().to_owned())
            .collect()
    }

    #[test]
    fn documents_stand_behind_each_other_in_the_order_given() {
        let sources = || {
            vec![
                text("eula.txt", "eula"),
                pdf("sow.pdf", inheriting()),
                text("a.txt", "annex"),
            ]
        };
        let assembled = assemble(sources()).unwrap();
        assert_eq!(assembled.pages, 4);
        assert_eq!(
            texts(&assembled.bytes),
            ["eula", "first", "second", "annex"]
        );
        assert_eq!(assembled.digest, Digest::of(&assembled.bytes));
        assert_eq!(assemble(sources()).unwrap().bytes, assembled.bytes);
        let merged = Pdf::load_mem(&assembled.bytes).unwrap();
        let widths: Vec<i64> = merged
            .get_pages()
            .into_values()
            .map(|page| {
                let page = merged.get_dictionary(page).unwrap();
                page.get(b"MediaBox").unwrap().as_array().unwrap()[2]
                    .as_i64()
                    .unwrap()
            })
            .collect();
        assert_eq!(widths, [595, 612, 612, 595]);
    }

    #[test]
    fn other_inputs_are_other_bytes() {
        let one = assemble(vec![text("eula.txt", "eula")]).unwrap();
        let other = assemble(vec![text("eula.txt", "Eula")]).unwrap();
        assert_ne!(one.digest, other.digest);
    }

    #[test]
    fn what_cannot_be_merged_says_why() {
        let garbage = assemble(vec![pdf("sow.pdf", b"MZ no pdf".to_vec())]).unwrap_err();
        assert!(
            garbage
                .to_string()
                .starts_with("sow.pdf: not a readable PDF"),
            "{garbage}"
        );
        let mut empty = Pdf::with_version("1.7");
        let tree = empty.add_object(dictionary! {
            "Type" => "Pages", "Kids" => Vec::<Object>::new(), "Count" => 0
        });
        let catalog = empty.add_object(dictionary! { "Type" => "Catalog", "Pages" => tree });
        empty.trailer.set("Root", catalog);
        let empty = assemble(vec![pdf("sow.pdf", saved(empty))]).unwrap_err();
        assert_eq!(empty.to_string(), "sow.pdf: the PDF has no page");
        let snowman = assemble(vec![text("eula.txt", "☃")]).unwrap_err();
        assert!(snowman.to_string().contains("U+2603"), "{snowman}");
    }

    /// 20 MB of blanks, in 20 kB of file, where a reader looks for objects.
    #[test]
    fn a_pdf_that_unfolds_without_measure_is_refused() {
        let mut document = typeset(b"small").unwrap();
        let mut bomb = vec![b' '; MAX_UNFOLDED + 1];
        bomb[..4].copy_from_slice(b"99 0");
        // Saving leaves object streams out: it gets its name afterwards.
        let head = dictionary! { "Type" => "ObjAbc", "N" => 1, "First" => 5 };
        let mut bomb = Stream::new(head, bomb);
        bomb.compress().unwrap();
        document.add_object(bomb);
        let mut bytes = saved(document);
        let name = bytes.windows(6).position(|part| part == b"ObjAbc").unwrap();
        bytes[name..name + 6].copy_from_slice(b"ObjStm");
        assert!(bytes.len() < 100_000, "{}", bytes.len());
        let refused = assemble(vec![pdf("sow.pdf", bytes)]).unwrap_err();
        assert!(
            refused
                .to_string()
                .starts_with("sow.pdf: not a readable PDF"),
            "{refused}"
        );
    }

    #[test]
    fn an_encrypted_pdf_is_refused_even_when_its_password_is_empty() {
        for password in ["", "secret"] {
            let mut document = typeset(b"hidden").unwrap();
            let id = Object::string_literal(vec![7; 16]);
            document.trailer.set("ID", vec![id.clone(), id]);
            let version = lopdf::EncryptionVersion::V2 {
                document: &document,
                owner_password: "owner",
                user_password: password,
                key_length: 128,
                permissions: lopdf::Permissions::all(),
            };
            let state = lopdf::EncryptionState::try_from(version).unwrap();
            document.encrypt(&state).unwrap();
            let refused = assemble(vec![pdf("sow.pdf", saved(document))]).unwrap_err();
            assert!(
                matches!(refused, AssemblyError::Encrypted { .. }),
                "{refused}"
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        /// O6, P5: a damaged PDF is merged or refused, and what is merged can be read again.
        #[test]
        fn damaged_documents_are_answered(
            damage in vec((0_usize..4096, any::<u8>()), 0..8),
            cut in 0_usize..256,
        ) {
            let mut bytes = inheriting();
            let length = bytes.len();
            for (at, byte) in damage {
                bytes[at % length] = byte;
            }
            bytes.truncate(length - cut.min(length));
            if let Ok(merged) = assemble(vec![text("eula.txt", "eula"), pdf("sow.pdf", bytes)]) {
                let read = Pdf::load_mem(&merged.bytes).unwrap();
                prop_assert_eq!(read.get_pages().len(), merged.pages as usize);
            }
        }
    }
}
