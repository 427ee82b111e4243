//! A credential: fixed by the configuration, or in a file whose content changes while it is used.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use thiserror::Error;

use super::error::CredentialError;
use crate::error::{Failure, FailureKind};
use crate::fields::Fields;
use crate::now::UnixTime;
use crate::secret::Secret;

/// Where a credential is; clones share what was read from the file.
pub(crate) enum Slot<T> {
    Fixed {
        value: Rc<T>,
        /// Of the secret as it was configured.
        digest: [u8; 32],
    },
    File(Rc<FileSlot<T>>),
}

/// A credential that is read from a file.
pub(crate) struct FileSlot<T> {
    file: CredentialFile,
    value: RefCell<Option<Rc<T>>>,
}

impl<T> Slot<T> {
    pub(crate) fn fixed(value: T, digest: [u8; 32]) -> Self {
        Self::Fixed { value: Rc::new(value), digest }
    }

    /// Has no value until one is set.
    pub(crate) fn of_file(path: PathBuf) -> Self {
        let file = CredentialFile {
            path,
            looked: Cell::default(),
            loaded: Cell::default(),
            problem: RefCell::default(),
            remark: Cell::default(),
        };
        Self::File(Rc::new(FileSlot { file, value: RefCell::default() }))
    }

    /// The credential as of now.
    pub(crate) fn value(&self) -> Result<Rc<T>, Failure> {
        match self {
            Self::Fixed { value, .. } => Ok(value.clone()),
            Self::File(slot) => slot.value.borrow().clone().ok_or_else(|| {
                let path = slot.file.path.display();
                let reason = format!("nothing usable was read from the credential file \"{path}\"");
                Failure::new(FailureKind::BadAnswer, reason)
            }),
        }
    }

    pub(crate) fn set(&self, value: T) {
        if let Self::File(slot) = self {
            slot.value.replace(Some(Rc::new(value)));
        }
    }

    /// Takes away what was set.
    pub(crate) fn clear(&self) {
        if let Self::File(slot) = self {
            slot.value.replace(None);
        }
    }

    pub(crate) fn file(&self) -> Option<&CredentialFile> {
        match self {
            Self::Fixed { .. } => None,
            Self::File(slot) => Some(&slot.file),
        }
    }

    /// All that makes it this credential: of a secret its digest, of a file its name.
    pub(crate) fn identify(&self, fields: &mut Fields) {
        match self {
            Self::Fixed { value: _, digest } => {
                fields.push(b"inline");
                fields.push(digest);
            }
            Self::File(slot) => {
                let FileSlot { file, value: _ } = &**slot;
                let CredentialFile { path, looked: _, loaded: _, problem: _, remark: _ } = file;
                fields.push(b"file");
                fields.push(path.as_os_str().as_encoded_bytes());
            }
        }
    }
}

impl<T> Clone for Slot<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Fixed { value, digest } => Self::Fixed { value: value.clone(), digest: *digest },
            Self::File(slot) => Self::File(slot.clone()),
        }
    }
}

/// What is known of the file of a credential.
pub(crate) struct CredentialFile {
    path: PathBuf,
    looked: Cell<Option<UnixTime>>,
    /// Digest of the content that is in use.
    loaded: Cell<Option<[u8; 32]>>,
    /// What was wrong with the content that was read last.
    problem: RefCell<Option<CredentialError>>,
    /// What is strange about the content that is in use.
    remark: Cell<Option<Remark>>,
}

impl CredentialFile {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether no request has looked in this second.
    pub(crate) fn is_due(&self, now: UnixTime) -> bool {
        self.looked.replace(Some(now)) != Some(now)
    }

    /// Forgets what was read: nothing is there, and that is no fault.
    pub(crate) fn forget(&self) {
        self.loaded.set(None);
        self.problem.replace(None);
    }

    /// What was wrong with the content that was read last.
    pub(crate) fn problem(&self) -> Option<CredentialError> {
        self.problem.borrow().clone()
    }

    /// What is strange about the content that is in use, if it is a secret as it stands.
    pub(crate) fn remark(&self) -> Option<Remark> {
        self.remark.get()
    }

    /// Takes what was read, and lets `load` put it to use if it is new.
    pub(crate) fn refresh(
        &self,
        content: Result<Secret, CredentialError>,
        load: impl FnOnce(Secret) -> Result<(), CredentialError>,
    ) -> Refresh {
        let loaded = content.and_then(|content| {
            let digest = Some(openssl::sha::sha256(content.expose()));
            if digest != self.loaded.get() {
                let content = trimmed(&content)?;
                let remark = Remark::on(content.expose());
                load(content)?;
                self.remark.set(remark);
                self.loaded.set(digest);
                return Ok(Refresh::Changed);
            }
            Ok(Refresh::Unchanged)
        });
        let problem = loaded.as_ref().err().cloned();
        let before = self.problem.replace(problem.clone());
        match loaded {
            // Said once.
            Err(_) if before == problem => Refresh::Unchanged,
            Err(error) => Refresh::Failed(error),
            // The old content is back.
            Ok(Refresh::Unchanged) if before.is_some() => Refresh::Changed,
            Ok(refresh) => refresh,
        }
    }
}

/// What a look at the file of a credential led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refresh {
    /// New content is in use, or the old one can be read again.
    Changed,
    /// The content cannot be used; what was read before stays in use. Not told again while nothing
    /// changes.
    Failed(CredentialError),
    /// Nothing new.
    Unchanged,
}

/// What may be in the file of a secret by mistake. It is used as it is: it may be meant.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Remark {
    /// Some editors put one there.
    #[error("it begins with a byte order mark, which is taken for a part of the secret")]
    ByteOrderMark,
    /// At the start or at the end, before the line break that is not taken for a part of it.
    #[error("a blank at its start or end is taken for a part of the secret")]
    Blank,
    /// A line break that is not at the end.
    #[error("it has several lines, which are taken for one secret")]
    Lines,
}

impl Remark {
    fn on(secret: &[u8]) -> Option<Self> {
        if secret.starts_with(b"\xef\xbb\xbf") {
            Some(Self::ByteOrderMark)
        } else if secret.contains(&b'\n') {
            Some(Self::Lines)
        } else {
            (secret.trim_ascii().len() < secret.len()).then_some(Self::Blank)
        }
    }
}

/// The content without the line break that editors and `echo` put at the end.
fn trimmed(content: &Secret) -> Result<Secret, CredentialError> {
    if content.len() > MAX_CONTENT {
        return Err(CredentialError::TooLarge);
    }
    let content = content.expose();
    let end = content.iter().rposition(|b| !matches!(b, b'\r' | b'\n')).map_or(0, |last| last + 1);
    match content.get(..end) {
        Some(content) if !content.is_empty() => Ok(Secret::new(content)),
        _ => Err(CredentialError::Empty),
    }
}

/// The largest content of a credential's files, in bytes: a key with a chain of certificates has a
/// few thousand.
pub const MAX_CONTENT: usize = 64 * 1024;
