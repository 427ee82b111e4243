//! Names and values of which nothing can be read without the passphrase.
//!
//! A passphrase becomes a key by scrypt, once, when the configuration is read (RFC 7914). From that key
//! come, by HKDF's expansion (RFC 5869, section 2.3), a key for names and one for values; and from the one
//! for values a key of its own for each value. A name is an HMAC. A value is sealed by AES-256-GCM, and
//! bound to the version of this format and to its name: elsewhere it does not open.

pub mod aead;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::error::ErrorStack;
use openssl::pkcs5;
use sts_core::now::Entropy;
use sts_core::source_tag::{TagKey, derive};
use sts_secret::Secret;
use zeroize::Zeroizing;

use crate::epoch::Scope;

/// The cost of scrypt: 32 MiB and a tenth of a second for each guess (RFC 7914, section 2).
const COST: u64 = 1 << 15;
const BLOCK_SIZE: u64 = 8;
const MEMORY: u64 = 64 << 20;

/// All nodes have to come to the same key, so the salt is none: it only keeps these keys from being
/// those of another program.
const SALT: &[u8] = b"nginx-sts store 1";

/// What the keys are for.
const NAMES: &[u8] = b"nginx-sts store names 1";
const VALUES: &[u8] = b"nginx-sts store values 1";

/// The first byte of what lies in a store.
const SEALED: u8 = 1;
const CLEAR: u8 = 2;

/// Random bytes that make the key of a value.
const SALT_LENGTH: usize = 32 - aead::NONCE;

type Key = Zeroizing<[u8; 32]>;

/// What keeps values and names from being read.
pub enum Keys {
    /// What is made of a passphrase.
    Derived {
        /// For names.
        names: Key,
        /// For values.
        values: Key,
    },
    /// Nothing: the operator wants it so.
    Insecure,
}

/// What names begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix {
    values: String,
    epochs: String,
}

impl Prefix {
    /// This, for all of them.
    pub fn new(text: &str) -> Self {
        Self { values: text.to_owned(), epochs: text.to_owned() }
    }

    /// The same in a Cluster, where all epochs are in one slot: when its node goes back to an older state,
    /// all of them do, which is noticed.
    pub fn of_cluster(text: &str) -> Self {
        Self { values: text.to_owned(), epochs: format!("{text}{{epochs}}") }
    }
}

/// Where something lies: the names of a value, and of its epochs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Of the value.
    pub value: String,
    /// Of the lease by which a value is replaced that lies there.
    pub renewal: String,
    /// Of the epochs.
    pub epochs: [String; 3],
}

impl Keys {
    /// The keys of a passphrase. It takes a tenth of a second.
    ///
    /// # Errors
    /// OpenSSL has failed.
    pub fn derive(passphrase: &[u8]) -> Result<Self, ErrorStack> {
        let mut key = Zeroizing::new([0; 32]);
        pkcs5::scrypt(passphrase, SALT, COST, BLOCK_SIZE, 1, MEMORY, &mut *key)?;
        Ok(Self::Derived {
            names: Zeroizing::new(expand(&*key, &[NAMES])),
            values: Zeroizing::new(expand(&*key, &[VALUES])),
        })
    }

    /// The key that sources are tagged with.
    pub fn tag_key(&self) -> TagKey {
        TagKey::from_secret(&self.digest(b"source", b""))
    }

    /// Where a value lies, and its epochs.
    pub fn place(&self, prefix: &Prefix, key: &[u8; 32], scopes: &[Scope; 3]) -> Place {
        Place {
            value: self.name(&prefix.values, b"value", key),
            renewal: self.name(&prefix.values, b"renewal", key),
            epochs: scopes.map(|scope| self.epoch(prefix, &scope)),
        }
    }

    /// Where an epoch lies.
    pub fn epoch(&self, prefix: &Prefix, scope: &Scope) -> String {
        self.name(&prefix.epochs, b"epoch", &scope.text())
    }

    fn name(&self, prefix: &str, kind: &[u8], text: &[u8]) -> String {
        format!("{prefix}{}", URL_SAFE_NO_PAD.encode(self.digest(kind, text)))
    }

    fn digest(&self, kind: &[u8], text: &[u8]) -> [u8; 32] {
        let text = [kind, b":", text].concat();
        match self {
            Self::Derived { names, .. } => derive(&**names, &text),
            Self::Insecure => derive(NAMES, &text),
        }
    }

    /// Seals a value for a place. `None` when there are no random bytes, or OpenSSL has failed.
    pub fn close(&self, name: &str, value: &[u8], entropy: Entropy) -> Option<Secret> {
        let Self::Derived { values, .. } = self else {
            return Some(Secret::new([&[CLEAR], value].concat()));
        };
        let random = entropy().ok()?;
        let (salt, nonce) = random.split_first_chunk::<SALT_LENGTH>()?;
        let key = Zeroizing::new(expand(&**values, &[salt, name.as_bytes()]));
        let sealed = aead::close(&key, nonce.first_chunk()?, &bound_to(name), value)?;
        Some(Secret::new([&[SEALED], &salt[..], &sealed].concat()))
    }

    /// Opens what was sealed for this place; `None` for anything else.
    pub fn open(&self, name: &str, sealed: &[u8]) -> Option<Secret> {
        let (version, rest) = sealed.split_first()?;
        match (self, *version) {
            (Self::Derived { values, .. }, SEALED) => {
                let (salt, sealed) = rest.split_first_chunk::<SALT_LENGTH>()?;
                let key = Zeroizing::new(expand(&**values, &[salt, name.as_bytes()]));
                aead::open(&key, &bound_to(name), sealed)
            }
            (Self::Insecure, CLEAR) => Some(Secret::new(rest)),
            _ => None,
        }
    }
}

/// What a value is bound to besides its key.
fn bound_to(name: &str) -> Vec<u8> {
    [&[SEALED], VALUES, name.as_bytes()].concat()
}

/// The first block of HKDF's expansion.
fn expand(key: &[u8], about: &[&[u8]]) -> [u8; 32] {
    derive(key, &[&about.concat()[..], &[1]].concat())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sts_core::now::NoEntropy;

    use super::*;

    fn entropy() -> Result<[u8; 32], NoEntropy> {
        let mut bytes = [0; 32];
        openssl::rand::rand_bytes(&mut bytes).map_err(|_| NoEntropy)?;
        Ok(bytes)
    }

    /// As from a passphrase, without the time that it takes.
    fn derived(number: u8) -> Keys {
        let [names, values] =
            [NAMES, VALUES].map(|it| Zeroizing::new(expand(&[number; 32], &[it])));
        Keys::Derived { names, values }
    }

    fn place(keys: &Keys, key: u8) -> Place {
        let scopes = [Scope::All, Scope::Exchange([1; 32]), Scope::Sources(2)];
        keys.place(&Prefix::new("sts:"), &[key; 32], &scopes)
    }

    #[test]
    fn the_same_passphrase_makes_the_same_keys_on_every_node() {
        let [one, again, other] =
            [b"one", b"one", b"two"].map(|passphrase| Keys::derive(passphrase).unwrap());
        assert_eq!(place(&one, 1), place(&again, 1));
        assert_ne!(place(&one, 1), place(&other, 1));
        let sealed = one.close("n", b"token", entropy).unwrap();
        let sealed = sealed.expose();
        assert!(again.open("n", sealed).is_some_and(|it| it.expose() == b"token"));
        assert!(other.open("n", sealed).is_none());
    }

    #[test]
    fn names_tell_nothing_and_differ() {
        let keys = derived(1);
        let Place { value, renewal, epochs } = place(&keys, 7);
        let mut all = [&[value, renewal][..], &epochs].concat();
        all.push(place(&keys, 8).value);
        all.push(keys.epoch(&Prefix::new("sts:"), &Scope::Change));
        all.push(place(&derived(2), 7).value);
        all.push(place(&Keys::Insecure, 7).value);
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count);
        assert!(all.iter().all(|name| name.starts_with("sts:") && name.len() == 4 + 43));
    }

    #[test]
    fn all_epochs_are_in_one_slot_of_a_cluster() {
        let (keys, prefix) = (derived(1), Prefix::of_cluster("sts:"));
        let scopes = [Scope::All, Scope::Exchange([1; 32]), Scope::Sources(2)];
        let places = [7, 8].map(|key| keys.place(&prefix, &[key; 32], &scopes));
        let slot = |name: &String| crate::cluster::slot(name.as_bytes());
        let change = keys.epoch(&prefix, &Scope::Change);
        let epochs = places.iter().flat_map(|place| &place.epochs).chain([&change]);
        assert!(epochs.map(slot).all(|it| it == crate::cluster::slot(b"epochs")));
        let [one, other] = places.each_ref().map(|place| slot(&place.value));
        assert_ne!(one, other);
    }

    #[test]
    fn without_a_passphrase_nothing_is_sealed_and_nothing_sealed_is_opened() {
        let clear = Keys::Insecure.close("n", b"token", entropy).unwrap();
        assert_eq!(clear.expose(), b"\x02token");
        assert!(Keys::Insecure.open("n", clear.expose()).is_some());
        assert!(derived(1).open("n", clear.expose()).is_none(), "what any writer may put");
        let sealed = derived(1).close("n", b"token", entropy).unwrap();
        assert!(Keys::Insecure.open("n", sealed.expose()).is_none());
    }

    #[test]
    fn nothing_is_sealed_without_random_bytes() {
        assert!(derived(1).close("n", b"token", || Err(NoEntropy)).is_none());
    }

    proptest! {
        #[test]
        fn only_what_was_sealed_for_this_place_opens(
            value in prop::collection::vec(any::<u8>(), 0..200),
            at in any::<prop::sample::Index>(),
            change in 1_u8..,
        ) {
            let keys = derived(1);
            let sealed = keys.close("sts:a", &value, entropy).unwrap();
            let sealed = sealed.expose();
            prop_assert!(keys.open("sts:a", sealed).is_some_and(|it| it.expose() == value));
            prop_assert!(keys.open("sts:b", sealed).is_none(), "moved");
            prop_assert!(derived(2).open("sts:a", sealed).is_none(), "another passphrase");
            let at = at.index(sealed.len());
            prop_assert!(keys.open("sts:a", &sealed[..at]).is_none(), "cut");
            let mut changed = sealed.to_vec();
            changed[at] ^= change;
            prop_assert!(keys.open("sts:a", &changed).is_none(), "changed");
            let longer = [sealed, &[change]].concat();
            prop_assert!(keys.open("sts:a", &longer).is_none(), "longer");
            prop_assert!(keys.close("sts:a", &value, entropy).unwrap().expose() != sealed);
        }

        #[test]
        fn any_bytes_are_looked_at_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            prop_assert!(derived(1).open("n", &bytes).is_none());
        }
    }
}
