//! A legal document of the most and the largest annexes (O6), merged once and timed: five PDFs of 10 MB, as
//! scanned ones are, of bytes that no compression makes fewer. The licence agreement before them, a text as a
//! rule, is left out.

use std::time::Instant;

use lopdf::{Object, Stream, dictionary};

use super::assemble::{AssemblyError, Source, assemble};
use super::typeset::typeset;
use crate::domain::deal::MediaType;

/// The annexes that are merged, and how large each is: the most that is taken (O6).
const FILES: u64 = 5;
const BYTES: usize = 10_000_000;
const BYTES_PER_MIB: f64 = 1024.0;

/// What merging took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taken {
    pub(crate) seconds: f64,
    /// The most memory that this process ever had, in MiB, the five files included; none where the
    /// system does not tell.
    pub(crate) peak_mebibytes: Option<f64>,
}

/// Merges them.
pub(crate) fn merged() -> Result<Taken, AssemblyError> {
    let sources = (1..=FILES).map(scanned).collect::<Result<Vec<_>, _>>()?;
    let start = Instant::now();
    let merged = assemble(sources)?;
    let seconds = start.elapsed().as_secs_f64();
    drop(merged);
    Ok(Taken {
        seconds,
        peak_mebibytes: peak_mebibytes(),
    })
}

/// A page with an image that fills the file.
fn scanned(number: u64) -> Result<Source, AssemblyError> {
    let file_name = format!("annex-{number}.pdf");
    let mut document = typeset(file_name.as_bytes()).map_err(|source| AssemblyError::Text {
        file_name: file_name.clone(),
        source,
    })?;
    let image = dictionary! { "Type" => "XObject", "Subtype" => "Image", "Filter" => "DCTDecode" };
    let noise = noise(number).take(BYTES).collect();
    let image = document.add_object(Stream::new(image, noise).with_compression(false));
    for page in document.get_pages().into_values() {
        let page = document.get_dictionary_mut(page)?;
        page.set("Thumb", Object::Reference(image));
    }
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).map_err(lopdf::Error::IO)?;
    Ok(Source {
        file_name,
        media_type: MediaType::Pdf,
        bytes,
    })
}

/// The same bytes for the same seed (xorshift, 64 bits).
fn noise(seed: u64) -> impl Iterator<Item = u8> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()
    })
    .flatten()
}

/// `VmHWM` of this process.
fn peak_mebibytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes / BYTES_PER_MIB)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_as_large_as_can_be_and_none_like_another() {
        let made: Vec<Source> = (1..=2).map(|number| scanned(number).unwrap()).collect();
        assert!(made.iter().all(|source| source.bytes.len() >= BYTES));
        assert_ne!(made[0].bytes, made[1].bytes);
        let merged = assemble(made).unwrap();
        // Nothing was left out for being the same, or not in use.
        assert!(merged.bytes.len() >= 2 * BYTES);
        assert_eq!(merged.pages, 2);
    }
}
