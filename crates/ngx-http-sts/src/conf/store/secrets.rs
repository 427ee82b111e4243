//! Passwords and passphrases of a store, which may be in files.

use std::path::Path;
use std::slice;

use sts_core::options::Options;
use sts_core::secret::Secret;

use crate::conf::argument::{self, Problem};
use crate::conf::store::{secret, text};
use crate::credentials::contents;
use crate::nginx::conf::Conf;

/// `username`, and `password` or `password_file`.
pub(super) fn credentials(
    conf: &Conf<'_>,
    options: &mut Options,
) -> Result<(Option<String>, Option<Secret>), Problem> {
    let username = text(options, "username")?;
    let password = secret(options, "password")?;
    let file = text(options, "password_file")?;
    let password = match (password, file) {
        (Some(_), Some(_)) => {
            return Err("the options \"password\" and \"password_file\" exclude each other".into());
        }
        (password, None) => password,
        (None, Some(file)) => lines(conf, "password_file", &file, 1)?.pop(),
    };
    if username.is_some() && password.is_none() {
        return Err("option \"username\": a password is needed with it (\"password_file\", or \
                    \"password\")"
            .into());
    }
    Ok((username, password))
}

/// `passphrase` or `passphrase_file`, and `passphrase_old`; `None` is `encrypt=insecure`.
pub(super) fn passphrases(
    conf: &Conf<'_>,
    options: &mut Options,
) -> Result<Option<Vec<Secret>>, Problem> {
    let encrypts = match text(options, "encrypt")?.as_deref() {
        None => true,
        Some("insecure") => false,
        Some(word) => {
            let on = argument::switch(word)
                .map_err(|_| "option \"encrypt\": allowed are \"true\" and \"insecure\"")?;
            if !on {
                return Err(
                    "option \"encrypt\": tokens do not lie in clear where others may read them: \
                            leave the option out and give a passphrase, or write encrypt=insecure"
                        .into(),
                );
            }
            true
        }
    };
    let written = secret(options, "passphrase")?;
    let file = text(options, "passphrase_file")?;
    let old = secret(options, "passphrase_old")?;
    let mut passphrases = match (written, file) {
        (Some(_), Some(_)) => {
            return Err(
                "the options \"passphrase\" and \"passphrase_file\" exclude each other".into()
            );
        }
        (Some(written), None) => vec![written],
        (None, Some(file)) => lines(conf, "passphrase_file", &file, 2)?,
        (None, None) => Vec::new(),
    };
    passphrases.extend(old);
    match (encrypts, passphrases.is_empty()) {
        (true, true) => Err("a passphrase is needed, by which the tokens are encrypted that lie in the \
                             store: passphrase_file=file (or passphrase=...), the same on all nodes; or \
                             encrypt=insecure, which does without"
            .into()),
        (true, false) => Ok(Some(passphrases)),
        (false, true) => {
            conf.warn(format_args!(
                "\"STSCache\": encrypt=insecure lets each reader of the store use its tokens, and \
                 each writer choose them"
            ));
            Ok(None)
        }
        (false, false) => {
            Err("option \"encrypt\": a passphrase has no effect with encrypt=insecure: leave one of \
                 them out"
                .into())
        }
    }
}

/// The first lines of a file.
fn lines(conf: &Conf<'_>, key: &str, file: &str, most: usize) -> Result<Vec<Secret>, Problem> {
    let path = conf.absolute(Path::new(file));
    let content = contents(slice::from_ref(&path));
    let content = content.map_err(|error| {
        format!("option \"{key}\": the file \"{}\" cannot be read: {error}", path.display())
    })?;
    let lines = content.expose().split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let lines: Vec<_> = lines.filter(|line| !line.is_empty()).take(most).map(Secret::new).collect();
    if lines.is_empty() {
        return Err(format!("option \"{key}\": the file \"{}\" is empty", path.display()));
    }
    Ok(lines)
}
