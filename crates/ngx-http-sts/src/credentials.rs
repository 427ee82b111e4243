//! The gateway's credentials, as far as they are in files: read with the configuration, and again
//! when they change (ADR 10).

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use sts_core::client_auth::{ClientAuth, CredentialError, MAX_CONTENT, Refresh, Remark};
use sts_core::mint::MintingKey;
use sts_core::now::UnixTime;
use sts_core::secret::Secret;
use sts_counters::words::Reload;
use zeroize::Zeroizing;

use crate::counters;
use crate::nginx::clock;
use crate::nginx::conf::Conf;
use crate::nginx::log::{self, Level};
use crate::nginx::worker::{O_NONBLOCK, WorkerUser};

/// A client authentication or a key, with the files that it is in.
pub(crate) struct Credential<T = ClientAuth> {
    content: T,
    /// Absolute.
    files: Vec<PathBuf>,
}

/// The credentials of a configuration: each file is read once for all exchanges that use it alike.
#[derive(Default)]
pub(crate) struct Credentials {
    auths: Vec<Rc<Credential>>,
    keys: Vec<Rc<Credential<MintingKey>>>,
}

/// What may be in files, and is used as it was read last.
pub(crate) trait InFiles: PartialEq {
    /// As configured.
    fn files(&self) -> Vec<PathBuf>;

    /// True once a second, never without a file.
    fn is_file_due(&self, now: UnixTime) -> bool;

    /// Takes what was read.
    fn refresh(&self, content: Result<Secret, ErrorKind>) -> Refresh;

    /// What is wrong with what was read last.
    fn problem(&self) -> Option<CredentialError>;

    /// What is strange about what is in use.
    fn remark(&self) -> Option<Remark>;
}

impl InFiles for ClientAuth {
    fn files(&self) -> Vec<PathBuf> {
        self.files().map(Path::to_owned).collect()
    }

    fn is_file_due(&self, now: UnixTime) -> bool {
        self.is_file_due(now)
    }

    fn refresh(&self, content: Result<Secret, ErrorKind>) -> Refresh {
        self.refresh(content)
    }

    fn problem(&self) -> Option<CredentialError> {
        self.problem()
    }

    fn remark(&self) -> Option<Remark> {
        self.remark()
    }
}

impl InFiles for MintingKey {
    fn files(&self) -> Vec<PathBuf> {
        self.file().map(Path::to_owned).into_iter().collect()
    }

    fn is_file_due(&self, now: UnixTime) -> bool {
        self.is_file_due(now)
    }

    fn refresh(&self, content: Result<Secret, ErrorKind>) -> Refresh {
        self.refresh(content)
    }

    fn problem(&self) -> Option<CredentialError> {
        self.problem()
    }

    fn remark(&self) -> Option<Remark> {
        None
    }
}

impl Credentials {
    /// The one known credential that is configured like this, read if it is new.
    ///
    /// # Errors
    /// A file cannot be read, or what is in it cannot be used.
    pub(crate) fn share(
        &mut self,
        conf: &Conf<'_>,
        auth: ClientAuth,
    ) -> Result<Rc<Credential>, String> {
        share(&mut self.auths, conf, auth)
    }

    /// The same for a key that tokens are minted with.
    ///
    /// # Errors
    /// The same.
    pub(crate) fn share_key(
        &mut self,
        conf: &Conf<'_>,
        key: MintingKey,
    ) -> Result<Rc<Credential<MintingKey>>, String> {
        share(&mut self.keys, conf, key)
    }

    /// Warns of each file that the workers will not be able to read again: where the other warnings
    /// about the configuration go, which is still the log of the one before it.
    pub(crate) fn warn_of_unreadable(&self, worker: &WorkerUser) {
        let auths = self.auths.iter().flat_map(|auth| auth.files.iter().map(|file| (file, false)));
        let keys = self
            .keys
            .iter()
            .flat_map(|key| key.files.iter().map(|file| (file, key.content.may_be_missing())));
        for (file, may_be_missing) in auths.chain(keys) {
            if !is_readable(file, worker, may_be_missing) {
                log::cycle(
                    Level::Warn,
                    format_args!(
                        "sts: the credential file \"{}\" is not readable by the workers' user \
                         \"{}\": they will not see when it changes",
                        file.display(),
                        worker.name(),
                    ),
                );
            }
        }
    }
}

fn share<T: InFiles>(
    all: &mut Vec<Rc<Credential<T>>>,
    conf: &Conf<'_>,
    content: T,
) -> Result<Rc<Credential<T>>, String> {
    if let Some(known) = all.iter().find(|known| known.content == content) {
        return Ok(known.clone());
    }
    let files = content.files().iter().map(|file| conf.absolute(file)).collect();
    let credential = Rc::new(Credential { content, files });
    credential.read();
    // Also if it was told for a block around: in `server` it may be no failure yet.
    if let Some(error) = credential.content.problem() {
        return Err(format!("the credential in {}: {error}", credential.names()));
    }
    if let Some(remark) = credential.content.remark() {
        conf.warn(format_args!("the credential in {}: {remark}", credential.names()));
    }
    all.push(credential.clone());
    Ok(credential)
}

impl Credential {
    pub(crate) fn auth(&self) -> &ClientAuth {
        &self.content
    }
}

impl Credential<MintingKey> {
    pub(crate) fn key(&self) -> &MintingKey {
        &self.content
    }
}

impl<T: InFiles> Credential<T> {
    /// Looks at the files, unless that was done in this second. What cannot be used leaves the old
    /// credential in use.
    pub(crate) fn look(&self) {
        if !self.content.is_file_due(clock::now().wall) {
            return;
        }
        match self.read() {
            Refresh::Unchanged => {}
            Refresh::Changed => {
                counters::reloaded(Reload::Ok);
                log::cycle(
                    Level::Info,
                    format_args!("sts: the credential in {} was read again", self.names()),
                );
                if let Some(remark) = self.content.remark() {
                    log::cycle(
                        Level::Warn,
                        format_args!("sts: the credential in {}: {remark}", self.names()),
                    );
                }
            }
            Refresh::Failed(error) => {
                counters::reloaded(Reload::Failed);
                log::cycle(
                    Level::Error,
                    format_args!(
                        "sts: the credential in {}: {error}; what was read before stays in use",
                        self.names()
                    ),
                );
            }
        }
    }

    fn read(&self) -> Refresh {
        if self.files.is_empty() {
            return Refresh::Unchanged;
        }
        self.content.refresh(contents(&self.files).map_err(|error| error.kind()))
    }

    fn names(&self) -> String {
        let names: Vec<_> =
            self.files.iter().map(|file| format!("\"{}\"", file.display())).collect();
        names.join(" and ")
    }
}

/// The contents of all files, one after the other.
pub(crate) fn contents(files: &[PathBuf]) -> io::Result<Secret> {
    // As large as it can get: a buffer that grew would leave a copy of what it held behind.
    let mut buffer = Zeroizing::new(vec![0; MAX_CONTENT + 1]);
    let mut length = 0;
    for (index, file) in files.iter().enumerate() {
        if index > 0 && length < buffer.len() {
            // What is missing at the end of a file must not join two lines.
            if let Some(byte) = buffer.get_mut(length) {
                *byte = b'\n';
                length += 1;
            }
        }
        length += read_into(buffer.get_mut(length..).unwrap_or_default(), file)?;
    }
    Ok(Secret::new(buffer.get(..length).unwrap_or_default()))
}

/// Reads as much of a file as there is room, and returns how much it was.
fn read_into(mut room: &mut [u8], file: &Path) -> io::Result<usize> {
    // To open a pipe would wait for a process at its other end.
    let mut file = OpenOptions::new().read(true).custom_flags(O_NONBLOCK).open(file)?;
    if !file.metadata()?.is_file() {
        return Err(ErrorKind::InvalidInput.into());
    }
    let mut length = 0;
    while !room.is_empty() {
        match file.read(room) {
            Ok(0) => break,
            Ok(read) => {
                length += read;
                room = room.get_mut(read..).unwrap_or_default();
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

/// By the permissions of the file and of the directories above it, where it really is. Of one that may be
/// missing, and is, the workers have to see when it comes.
fn is_readable(file: &Path, worker: &WorkerUser, may_be_missing: bool) -> bool {
    const READ: u32 = 4;
    const ENTER: u32 = 1;
    let (first, place) = match fs::canonicalize(file) {
        Ok(file) => (READ, file),
        Err(error) if may_be_missing && error.kind() == ErrorKind::NotFound => {
            let Some(directory) = file.parent().and_then(|it| fs::canonicalize(it).ok()) else {
                return false;
            };
            (ENTER, directory)
        }
        Err(_) => return false,
    };
    place.ancestors().enumerate().all(|(above, path)| {
        let wanted = if above == 0 { first } else { ENTER };
        fs::metadata(path)
            .is_ok_and(|found| worker.is_allowed(wanted, found.mode(), found.uid(), found.gid()))
    })
}
