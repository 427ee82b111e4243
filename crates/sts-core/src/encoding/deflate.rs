//! Deflating and inflating, in buffers that are wiped.

use std::hint::black_box;

use miniz_oxide::DataFormat;
use miniz_oxide::deflate::CompressionLevel;
use miniz_oxide::deflate::core::{CompressorOxide, TDEFLFlush, TDEFLStatus, compress};
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};
use zeroize::Zeroizing;

use super::{MAX_INFLATED, Undecodable};
use crate::secret::Secret;

/// Inflates, with or without what zlib puts around it. No text is both: the header of zlib would be a
/// block whose two lengths do not fit each other.
pub(super) fn inflate(deflated: &[u8]) -> Result<Secret, Undecodable> {
    inflate_as(deflated, 0).or_else(|problem| match problem {
        Undecodable::Deflate => inflate_as(deflated, inflate_flags::TINFL_FLAG_PARSE_ZLIB_HEADER),
        other => Err(other),
    })
}

fn inflate_as(deflated: &[u8], format: u32) -> Result<Secret, Undecodable> {
    let flags = format | inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    // A buffer that grew would leave a copy of the token behind. So what does not fit is inflated once
    // more: most assertions come down to a quarter.
    for room in [deflated.len().saturating_mul(4).min(MAX_INFLATED), MAX_INFLATED] {
        let mut token = Zeroizing::new(vec![0; room]);
        let mut state = Box::<DecompressorOxide>::default();
        let (status, read, written) = decompress(&mut state, deflated, &mut token, 0, flags);
        match status {
            TINFLStatus::Done if read == deflated.len() => {
                return Ok(Secret::new(token.get(..written).unwrap_or_default()));
            }
            TINFLStatus::HasMoreOutput if room == MAX_INFLATED => break,
            TINFLStatus::HasMoreOutput => {}
            _ => return Err(Undecodable::Deflate),
        }
    }
    Err(Undecodable::TooLarge)
}

/// Deflates; `None` if the compressor fails.
pub(super) fn deflate(token: &[u8]) -> Option<Secret> {
    let mut compressor = Box::new(CompressorOxide::with_format_and_level(
        DataFormat::Raw,
        CompressionLevel::DefaultLevel,
    ));
    let mut deflated = Zeroizing::new(vec![0; longest(token.len())]);
    let (status, _, written) = compress(&mut compressor, token, &mut deflated, TDEFLFlush::Finish);
    // What it has seen of the token is in its window.
    compressor.reset();
    black_box(&mut compressor);
    match status {
        TDEFLStatus::Done => Some(Secret::new(deflated.get(..written)?)),
        _ => None,
    }
}

/// What cannot be compressed is stored, in blocks with a head of five bytes.
const fn longest(length: usize) -> usize {
    length + 5 * (length / BLOCK + 1) + ROOM
}

/// Bytes that the compressor collects before it writes a block; it may be fewer than it could be.
const BLOCK: usize = 16 * 1024;

/// Bytes below which the compressor does not begin to write.
const ROOM: usize = 128;
