//! The keys of an exchange that mints: one signs, and one may be next.

use std::rc::Rc;

use sts_core::error::Failure;
use sts_core::jose::{PublicKey, SigningKey};
use sts_core::mint::MintingKey;

use crate::credentials::Credential;

/// The key that signs, and the one that is to follow it.
pub(crate) struct Keys {
    pub(crate) current: Rc<Credential<MintingKey>>,
    /// Its file may be missing: when it has taken the place of the other one.
    pub(crate) next: Option<Rc<Credential<MintingKey>>>,
}

impl Keys {
    /// Looks at the files, unless that was done in this second.
    pub(crate) fn look(&self) {
        self.current.look();
        if let Some(next) = &self.next {
            next.look();
        }
    }

    /// The key that signs.
    pub(crate) fn current(&self) -> Result<Rc<SigningKey>, Failure> {
        self.current.key().key()
    }

    /// The public halves of both.
    pub(crate) fn public(&self) -> Vec<PublicKey> {
        let all = [Some(&self.current), self.next.as_ref()];
        let keys = all.into_iter().flatten().filter_map(|credential| credential.key().key().ok());
        keys.filter_map(|key| key.public()).collect()
    }

    /// The name of the algorithm, where what signs is a secret that cannot be published.
    pub(crate) fn secret(&self) -> Option<&'static str> {
        let all = [Some(&self.current), self.next.as_ref()];
        let mut keys =
            all.into_iter().flatten().filter_map(|credential| credential.key().key().ok());
        keys.find(|key| key.public().is_none()).map(|key| key.algorithm().name())
    }
}
