//! The key of an exchange that mints: fixed by the configuration, or in a file.

use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::client_auth::credential::{CredentialFile, Slot};
use crate::client_auth::{CredentialError, Refresh};
use crate::error::Failure;
use crate::fields::Fields;
use crate::jose::{Algorithm, KeyError, SigningKey};
use crate::now::UnixTime;
use crate::secret::Secret;

/// A key that tokens are signed with.
///
/// It may be in a file, which is never read here: [`Self::refresh`] takes its content. Clones share what was
/// read. Two are equal when they are configured alike, whatever is in their files.
#[derive(Clone)]
pub struct MintingKey {
    slot: Slot<SigningKey>,
    /// What the configuration says that it is used with.
    wanted: Option<Algorithm>,
    /// There may be no such file.
    may_be_missing: bool,
    fingerprint: [u8; 32],
}

impl MintingKey {
    /// A key that stands in the configuration.
    ///
    /// # Errors
    /// It cannot be used, or not with what is wanted.
    pub fn fixed(text: &Secret, wanted: Option<Algorithm>) -> Result<Self, KeyError> {
        let key = SigningKey::import_for_minting(text, wanted)?;
        let digest = openssl::sha::sha256(text.expose());
        Ok(Self::new(Slot::fixed(key, digest), wanted, false))
    }

    /// A key in a file that is read later.
    pub fn of_file(path: PathBuf, wanted: Option<Algorithm>) -> Self {
        Self::new(Slot::of_file(path), wanted, false)
    }

    /// A key in a file that may be missing, as that of the next key is when it has come into use. There is
    /// no key then.
    pub fn of_optional_file(path: PathBuf, wanted: Option<Algorithm>) -> Self {
        Self::new(Slot::of_file(path), wanted, true)
    }

    /// Whether there may be no such file.
    pub fn may_be_missing(&self) -> bool {
        self.may_be_missing
    }

    /// The key as of now.
    ///
    /// # Errors
    /// Nothing usable was read yet.
    pub fn key(&self) -> Result<Rc<SigningKey>, Failure> {
        self.slot.value()
    }

    /// The file that it is in, as configured.
    pub fn file(&self) -> Option<&Path> {
        self.slot.file().map(CredentialFile::path)
    }

    /// Whether it is time to look at the file: true once a second, never without one.
    pub fn is_file_due(&self, now: UnixTime) -> bool {
        self.slot.file().is_some_and(|file| file.is_due(now))
    }

    /// Takes the content of the file, or why it cannot be read. What cannot be used leaves in use what was
    /// read before.
    pub fn refresh(&self, content: Result<Secret, io::ErrorKind>) -> Refresh {
        let Some(file) = self.slot.file() else { return Refresh::Unchanged };
        if self.may_be_missing && matches!(content, Err(io::ErrorKind::NotFound)) {
            file.forget();
            self.slot.clear();
            return Refresh::Unchanged;
        }
        let content = content.map_err(CredentialError::Unreadable);
        file.refresh(content, |content| {
            self.slot.set(SigningKey::import_for_minting(&content, self.wanted)?);
            Ok(())
        })
    }

    /// What was wrong with the content that was taken last.
    pub fn problem(&self) -> Option<CredentialError> {
        self.slot.file()?.problem()
    }

    /// All that makes it this key: of a literal one its digest, of a file its name.
    pub(crate) fn identify(&self, fields: &mut Fields) {
        fields.push(&self.fingerprint);
    }

    fn new(slot: Slot<SigningKey>, wanted: Option<Algorithm>, may_be_missing: bool) -> Self {
        let mut fields = Fields::new(b"sts-minting-key-1");
        slot.identify(&mut fields);
        fields.push_optional(wanted.map(|wanted| wanted.name().as_bytes()));
        fields.push(&[u8::from(may_be_missing)]);
        Self { slot, wanted, may_be_missing, fingerprint: fields.finish() }
    }
}

impl PartialEq for MintingKey {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl Eq for MintingKey {}
