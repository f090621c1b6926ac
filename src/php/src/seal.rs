//! Secrets at rest: XChaCha20-Poly1305 under a key that HKDF-SHA-256 derives from the site's own key.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::Aead;
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use sha2::Sha256;

use crate::error::{Error, Result};

/// Names the form, so that another one can follow.
const PREFIX: &str = "csx1:";

const NONCE_BYTES: usize = 24;

fn cipher(key_material: &str) -> Result<XChaCha20Poly1305> {
    if key_material.len() < 8 {
        return Err(Error::Argument(
            "the site key is missing or shorter than 8 bytes: set CIVICRM_SITE_KEY in civicrm.settings.php".into(),
        ));
    }
    let mut key = [0_u8; 32];
    Hkdf::<Sha256>::new(None, key_material.as_bytes())
        .expand(b"civishare secrets at rest", &mut key)
        .map_err(|_| Error::Other("the sealing key could not be derived".into()))?;
    Ok(XChaCha20Poly1305::new(&key.into()))
}

/// `csx1:` and base64 of nonce and ciphertext.
pub fn seal(key_material: &str, plain: &str) -> Result<String> {
    let mut nonce = [0_u8; NONCE_BYTES];
    getrandom::fill(&mut nonce).map_err(|error| Error::Other(error.to_string()))?;
    let mut sealed = nonce.to_vec();
    sealed.extend(
        cipher(key_material)?
            .encrypt(&XNonce::from(nonce), plain.as_bytes())
            .map_err(|_| Error::Other("the secret could not be encrypted".into()))?,
    );
    Ok(format!("{PREFIX}{}", STANDARD.encode(sealed)))
}

/// The secret that [`seal`] was given.
pub fn unseal(key_material: &str, sealed: &str) -> Result<String> {
    let failed = || {
        Error::Other(
            "a stored secret cannot be read: CIVICRM_SITE_KEY has changed or the value was altered; set the peering's secret anew".into(),
        )
    };
    let bytes = sealed
        .strip_prefix(PREFIX)
        .and_then(|coded| STANDARD.decode(coded).ok())
        .ok_or_else(failed)?;
    let (nonce, ciphertext) = bytes.split_at_checked(NONCE_BYTES).ok_or_else(failed)?;
    let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| failed())?;
    let plain = cipher(key_material)?
        .decrypt(&XNonce::from(nonce), ciphertext)
        .map_err(|_| failed())?;
    String::from_utf8(plain).map_err(|_| failed())
}
