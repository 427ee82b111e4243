//! What makes a client authentication this one and not another.

use super::{ClientAuth, Credentials};
use crate::fields::Fields;

/// Changes when the fields do.
const LAYOUT: &[u8] = b"sts-client-auth-2";

impl ClientAuth {
    /// Everything that makes this another client: of secrets only their digest, of files their name.
    pub fn identify(&self, fields: &mut Fields) {
        fields.push(&self.fingerprint);
    }

    /// The digest of all that was configured.
    pub(super) fn digest(&self) -> [u8; 32] {
        let Self { method, id, credentials, fingerprint: _ } = self;
        let mut fields = Fields::new(LAYOUT);
        fields.push(method.name().as_bytes());
        fields.push_optional(id.as_deref().map(str::as_bytes));
        match credentials {
            Credentials::None => {}
            Credentials::Header(slot) => slot.identify(&mut fields),
            Credentials::Secret(slot) => slot.identify(&mut fields),
            Credentials::Key { key, addressee } => {
                key.identify(&mut fields);
                addressee.identify(&mut fields);
            }
            Credentials::Assertion { assertion, kind } => {
                assertion.identify(&mut fields);
                fields.push(kind.as_bytes());
            }
            // Which token it is, the request says.
            Credentials::Result { location, kind } => {
                fields.push(b"result");
                fields.push(location.as_bytes());
                fields.push(kind.as_bytes());
            }
            Credentials::Message { password, password_type } => {
                password.identify(&mut fields);
                fields.push(password_type.name().as_bytes());
            }
            Credentials::Certificate { pair, key } => {
                pair.identify(&mut fields);
                fields.push(key.as_os_str().as_encoded_bytes());
            }
        }
        fields.finish()
    }
}

impl PartialEq for ClientAuth {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl Eq for ClientAuth {}
