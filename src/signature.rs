//! Keys and signatures (protocol.md, "Keys and signatures").
//!
//! Two signatures prove a message: HMAC-SHA512 over its canonical payload, which survives re-indenting, and the header
//! signature of the [Standard Webhooks] specification over the exact bytes. A third, the loop signature, names a change.
//! Comparisons take the same time wherever the first difference lies.
//!
//! [Standard Webhooks]: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::lanes;

/// A key shorter than this (in bytes) is refused.
pub const MIN_KEY_BYTES: usize = 16;

/// The bytes of a loop signature.
pub type LoopSignature = [u8; 64];

const PREFIX: &str = "whsec_";

/// Why a shared secret cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum KeyError {
    /// Fewer than [`MIN_KEY_BYTES`].
    #[error(
        "the shared secret holds {0} bytes, and at least 16 are needed: let one of the sites generate it"
    )]
    TooShort(usize),
    /// `whsec_` is not followed by strict padded base64.
    #[error(
        "the shared secret begins with whsec_, but what follows is not base64: copy it again, whole"
    )]
    NotBase64,
}

/// The key of one peering. Neither `Debug` nor any error shows it; it is wiped from memory when dropped.
#[derive(Clone)]
pub struct Key(Zeroizing<Vec<u8>>);

impl std::fmt::Debug for Key {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Key(…)")
    }
}

impl Key {
    /// Reads a shared secret: `whsec_` and base64, or a text of at least 16 bytes.
    ///
    /// # Errors
    /// [`KeyError`] says what is wrong without repeating the secret.
    pub fn parse(secret: &str) -> Result<Key, KeyError> {
        let secret = secret.trim();
        let bytes = match secret.strip_prefix(PREFIX) {
            Some(coded) => STANDARD.decode(coded).map_err(|_| KeyError::NotBase64)?,
            None => secret.as_bytes().to_vec(),
        };
        if bytes.len() < MIN_KEY_BYTES {
            return Err(KeyError::TooShort(bytes.len()));
        }
        Ok(Key(Zeroizing::new(bytes)))
    }

    /// A key that nobody holds: what an unknown sender's signature is checked against, so that it takes as long.
    #[must_use]
    pub fn dummy() -> Key {
        Key(Zeroizing::new(vec![0x5c; 32]))
    }

    /// Base64 of HMAC-SHA512 over the canonical payload.
    #[must_use]
    pub fn sign_payload(&self, canonical: &[u8]) -> String {
        STANDARD.encode(self.payload_mac(canonical))
    }

    /// Whether `given` (base64) is the signature of this canonical payload. Constant time.
    #[must_use]
    pub fn verify_payload(&self, canonical: &[u8], given: &str) -> bool {
        same(&self.payload_mac(canonical), given)
    }

    /// The `webhook-signature` header: `v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`.
    ///
    /// `timestamp` is in Unix seconds; `body` is what was there before any `Content-Encoding`.
    #[must_use]
    pub fn sign_headers(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        format!(
            "v1,{}",
            STANDARD.encode(self.header_mac(id, &timestamp.to_string(), body))
        )
    }

    /// Whether one of the signatures in a `webhook-signature` header is right. `timestamp` is the header's text.
    #[must_use]
    pub fn verify_headers(&self, id: &str, timestamp: &str, body: &[u8], header: &str) -> bool {
        let expected = self.header_mac(id, timestamp, body);
        header
            .split(' ')
            .filter_map(|signature| signature.strip_prefix("v1,"))
            .fold(false, |found, given| same(&expected, given) | found)
    }

    fn payload_mac(&self, canonical: &[u8]) -> [u8; 64] {
        let mut mac = keyed::<Hmac<Sha512>>(&self.0);
        mac.update(canonical);
        mac.finalize().into_bytes().into()
    }

    fn header_mac(&self, id: &str, timestamp: &str, body: &[u8]) -> [u8; 32] {
        let mut mac = keyed::<Hmac<Sha256>>(&self.0);
        for part in [
            id.as_bytes(),
            b".".as_slice(),
            timestamp.as_bytes(),
            b".".as_slice(),
            body,
        ] {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

#[allow(clippy::expect_used)]
fn keyed<M: KeyInit>(key: &[u8]) -> M {
    M::new_from_slice(key).expect("HMAC takes a key of any length (RFC 2104, section 2)")
}

fn same(expected: &[u8], given: &str) -> bool {
    // The coding is public, so its length and alphabet may be told by time; the bytes may not.
    STANDARD
        .decode(given)
        .is_ok_and(|given| expected.ct_eq(&given).into())
}

/// A new shared secret: `whsec_` and base64 of 32 random bytes.
///
/// # Errors
/// When the system has no source of random bytes.
pub fn new_secret() -> Result<String, getrandom::Error> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    getrandom::fill(bytes.as_mut())?;
    Ok(format!("{PREFIX}{}", STANDARD.encode(&bytes)))
}

/// SHA-512 of JCS(`{"change": the change without loop_detection, "sender": sender}`).
///
/// `parts` are the pieces of the canonical change that remain when its `loop_detection` member is cut out; `sender` is
/// written as a canonical JSON string, quotes included.
#[must_use]
pub fn loop_signature(parts: [&[u8]; 2], sender: &[u8]) -> LoopSignature {
    lanes::sha512(&signed(parts, sender))
}

/// [`loop_signature`] of each of many changes of one sender, which takes less time together.
#[must_use]
pub fn loop_signatures<'t>(
    changes: impl Iterator<Item = [&'t [u8]; 2]>,
    sender: &'t [u8],
) -> Vec<LoopSignature> {
    let texts: Vec<_> = changes.map(|parts| signed(parts, sender)).collect();
    lanes::sha512_of_each(&texts)
}

fn signed<'t>([before, behind]: [&'t [u8]; 2], sender: &'t [u8]) -> [&'t [u8]; 6] {
    [
        b"{\"change\":",
        before,
        behind,
        b",\"sender\":",
        sender,
        b"}",
    ]
}

/// A loop signature as it stands in `loop_detection`: standard padded base64.
#[must_use]
pub fn loop_signature_text(signature: &LoopSignature) -> String {
    STANDARD.encode(signature)
}

/// Reads an entry of `loop_detection`; `None` if it is not the base64 of 64 bytes.
#[must_use]
pub fn read_loop_signature(text: &str) -> Option<LoopSignature> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_trimmed_and_otherwise_taken_byte_by_byte() {
        let plain = Key::parse(" pässwörd-ключ \n").unwrap();
        assert_eq!(plain.0.as_slice(), "pässwörd-ключ".as_bytes());
        let coded = Key::parse("whsec_jAeGRoycjHaDN8slACn5IAYuI+Rpz+/niRC+zYf7GRI=").unwrap();
        assert_eq!(coded.0.len(), 32);
    }

    #[test]
    fn a_bad_secret_is_named_and_not_repeated() {
        assert_eq!(Key::parse("short").unwrap_err(), KeyError::TooShort(5));
        assert_eq!(
            Key::parse("whsec_jAeGRoycjHaDN8slACn5I").unwrap_err(),
            KeyError::NotBase64
        );
        assert!(
            !format!("{:?}", Key::parse("a secret that is long enough").unwrap())
                .contains("secret that")
        );
    }

    #[test]
    fn one_of_several_header_signatures_is_enough() {
        let key = Key::parse(&new_secret().unwrap()).unwrap();
        let right = key.sign_headers("m1", 1_729_706_928, b"body");
        let header = format!("v1,AAAA v2,xyz {right}");
        assert!(key.verify_headers("m1", "1729706928", b"body", &header));
        assert!(!key.verify_headers("m1", "1729706929", b"body", &header));
        assert!(!key.verify_headers("m1", "1729706928", b"Body", &header));
        assert!(!Key::dummy().verify_headers("m1", "1729706928", b"body", &header));
    }
}
