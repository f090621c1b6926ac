//! Bodies in gzip, both ways (RFC 1952; protocol.md, "Keys and signatures": signatures cover what was there before).

use std::borrow::Cow;
use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

/// Bodies above so many bytes are packed.
pub const THRESHOLD: usize = 1_024;

/// The largest body in bytes, packed and unpacked (protocol.md, "Receiving", step 1).
pub const BODY_LIMIT: usize = 8 << 20;

/// Why a body cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum GzipError {
    /// More comes out than may: a bomb.
    #[error("the body is larger than {0} bytes when unpacked")]
    TooLarge(usize),
    /// Cut off or damaged.
    #[error("the body is marked gzip and begins so, but cannot be unpacked: {0}")]
    Damaged(#[from] std::io::Error),
}

/// The body as it goes out, and whether it is packed.
#[must_use]
pub fn pack(body: &[u8]) -> (Cow<'_, [u8]>, bool) {
    if body.len() > THRESHOLD {
        // The fast level: changes repeat themselves so much that the best one saves little more.
        let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
        if encoder.write_all(body).is_ok()
            && let Ok(packed) = encoder.finish()
        {
            return (Cow::Owned(packed), true);
        }
    }
    (Cow::Borrowed(body), false)
}

/// What was packed. A body that does not begin 1f 8b was unpacked on the way and is taken as it is.
///
/// # Errors
/// [`GzipError`]; no more than `limit` bytes are ever unpacked.
pub fn unpack(body: &[u8], limit: usize) -> Result<Cow<'_, [u8]>, GzipError> {
    if !body.starts_with(&[0x1f, 0x8b]) {
        return Ok(Cow::Borrowed(body));
    }
    let mut unpacked = Vec::with_capacity(body.len().saturating_mul(4).min(limit));
    MultiGzDecoder::new(body)
        .take(limit as u64 + 1)
        .read_to_end(&mut unpacked)?;
    if unpacked.len() > limit {
        return Err(GzipError::TooLarge(limit));
    }
    Ok(Cow::Owned(unpacked))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_out_as_it_was() {
        let body = b"change ".repeat(1_000);
        let (packed, is_packed) = pack(&body);
        assert!(is_packed && packed.len() < body.len() / 10);
        assert_eq!(unpack(&packed, BODY_LIMIT).unwrap(), body);
        assert!(!pack(&body[..THRESHOLD]).1);
    }

    #[test]
    fn a_bomb_goes_off_at_the_limit() {
        let (packed, _) = pack(&[0; 100_000]).clone();
        let packed = packed.into_owned();
        assert!(unpack(&packed, 100_000).is_ok());
        assert!(matches!(
            unpack(&packed, 99_999),
            Err(GzipError::TooLarge(99_999))
        ));
    }

    #[test]
    fn a_body_that_was_unpacked_on_the_way_is_taken_and_a_damaged_one_is_not() {
        assert_eq!(unpack(b"{}", BODY_LIMIT).unwrap(), &b"{}"[..]);
        let packed = pack(&[b'x'; 5_000]).0.into_owned();
        assert!(matches!(
            unpack(&packed[..packed.len() / 2], BODY_LIMIT),
            Err(GzipError::Damaged(_))
        ));
    }
}
