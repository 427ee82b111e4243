//! Files that hold secrets, and standard input.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sts_core::client_auth::{ClientAuth, MAX_CONTENT};
use sts_core::mint::MintingKey;
use sts_core::secret::Secret;
use zeroize::Zeroizing;

use crate::problem::Problem;

/// Bytes that a token, or a file of options, may have.
const MAX_INPUT: usize = 16 * 1024 * 1024;

/// Reads to the end, but not more than so many bytes.
///
/// # Errors
/// It cannot be read, or is larger.
pub fn read_all(mut reader: impl Read, most: usize) -> io::Result<Secret> {
    // Grown by hand: what a vector leaves behind when it grows is not wiped.
    let mut buffer = Zeroizing::new(vec![0; (64 * 1024).min(most + 1)]);
    let mut length = 0;
    loop {
        if length == buffer.len() {
            if length > most {
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is too large"));
            }
            let mut larger = Zeroizing::new(vec![0; (2 * length).min(most + 1)]);
            if let Some(start) = larger.get_mut(..length) {
                start.copy_from_slice(&buffer);
            }
            buffer = larger;
        }
        match reader.read(buffer.get_mut(length..).unwrap_or_default()) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Secret::new(buffer.get(..length).unwrap_or_default()))
}

/// The content of a file.
///
/// # Errors
/// It cannot be read; the problem names it.
pub fn read(path: &Path) -> Result<Secret, Problem> {
    File::open(path)
        .and_then(|file| read_all(file, MAX_INPUT))
        .map_err(|error| Problem::new(format!("\"{}\" cannot be read: {error}", path.display())))
}

/// A text that was given, without the line break that editors and `echo` put at its end.
pub fn trimmed(content: &Secret) -> Secret {
    let bytes = content.expose();
    let end = bytes.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n'));
    Secret::new(bytes.get(..end.map_or(0, |last| last + 1)).unwrap_or_default())
}

/// The token on standard input. One line break at its end is none of it.
///
/// # Errors
/// It cannot be read.
pub fn token(stdin: impl Read) -> Result<Secret, Problem> {
    read_all(stdin, MAX_INPUT)
        .map(|content| trimmed(&content))
        .map_err(|error| Problem::new(format!("standard input cannot be read: {error}")))
}

/// Reads the files of the gateway's credentials. Relative names are within `base`.
///
/// # Errors
/// One cannot be read, or what is in it cannot be used.
pub fn load(auth: &ClientAuth, base: &Path) -> Result<(), Problem> {
    let files: Vec<PathBuf> = auth.files().map(|file| base.join(file)).collect();
    if files.is_empty() {
        return Ok(());
    }
    auth.refresh(contents(&files));
    in_use(&files, auth.problem().map(|problem| problem.to_string()))
}

/// The same for a key that tokens are minted with.
///
/// # Errors
/// The same.
pub fn load_key(key: &MintingKey, base: &Path) -> Result<(), Problem> {
    let Some(file) = key.file().map(|file| base.join(file)) else { return Ok(()) };
    let files = [file];
    key.refresh(contents(&files));
    in_use(&files, key.problem().map(|problem| problem.to_string()))
}

fn in_use(files: &[PathBuf], problem: Option<String>) -> Result<(), Problem> {
    let Some(problem) = problem else { return Ok(()) };
    let names: Vec<_> = files.iter().map(|file| format!("\"{}\"", file.display())).collect();
    Err(Problem::new(format!("the credential in {}: {problem}", names.join(" and "))))
}

/// The contents of all files, one after the other, as the module reads them.
fn contents(files: &[PathBuf]) -> Result<Secret, io::ErrorKind> {
    let mut all = Secret::with_capacity((MAX_CONTENT + 2) * files.len());
    for (index, file) in files.iter().enumerate() {
        if index > 0 {
            // What is missing at the end of a file must not join two lines.
            all.append(b"\n");
        }
        let content = File::open(file).and_then(|file| read_all(file, MAX_CONTENT));
        all.append(content.map_err(|error| error.kind())?.expose());
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_break_at_the_end_is_not_of_the_token() {
        for (text, expected) in
            [("a\n", "a"), ("a\r\n", "a"), ("a", "a"), ("\n", ""), (" a ", " a ")]
        {
            let token = token(text.as_bytes()).ok().unwrap();
            assert_eq!(token.expose(), expected.as_bytes(), "{text:?}");
        }
    }

    #[test]
    fn what_is_too_large_is_not_read() {
        let text = vec![b'a'; 200_000];
        assert_eq!(read_all(text.as_slice(), 200_000).unwrap().len(), 200_000);
        let error = read_all(text.as_slice(), 199_999).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn a_missing_credential_is_named() {
        let auth =
            ClientAuth::parse("client_secret_basic", Some("client_id=a&client_secret_file=no"));
        let problem = load(&auth.unwrap(), Path::new("/nowhere")).unwrap_err().to_string();
        assert!(
            problem.contains("\"/nowhere/no\"") && problem.contains("no such file"),
            "{problem}"
        );
    }
}
