//! Making secrets, from the system's source of randomness.

use base64::Engine as _;
use secrecy::SecretString;

use super::contract::Generated;
use crate::error::{Error, Result};
use crate::files::hex;

impl Generated {
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Hex(bytes) | Self::Base64(bytes) => bytes,
        }
    }

    /// A new value.
    pub(super) fn value(self) -> Result<SecretString> {
        let mut bytes = vec![0; self.bytes()];
        getrandom::fill(&mut bytes)
            .map_err(|error| Error::failed("the system gives no random numbers").because(error))?;
        Ok(match self {
            Self::Hex(_) => hex(&bytes),
            Self::Base64(_) => base64::engine::general_purpose::STANDARD.encode(&bytes),
        }
        .into())
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn values_have_their_form_and_differ() {
        let hex = Generated::Hex(32).value().unwrap();
        assert!(hex.expose_secret().len() == 64);
        assert!(hex.expose_secret() != Generated::Hex(32).value().unwrap().expose_secret());
        assert_eq!(Generated::Base64(32).value().unwrap().expose_secret().len(), 44);
    }
}
