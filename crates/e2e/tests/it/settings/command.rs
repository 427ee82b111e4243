//! The command line tool reads settings with code of its own: what the module takes and refuses, it takes and
//! refuses as well.

use std::fs;
use std::path::Path;

use sts_exchange::chain;
use sts_exchange::conf::uri::Target;
use sts_exchange::conf::{Configuration, locate};
use sts_exchange::settings::build;
use tempfile::TempDir;

use super::{INNER, ROWS, Row, SECRET, files, with_directive, with_key};

/// The directory of a configuration, and its JWK.
fn directory() -> (TempDir, String) {
    let directory = tempfile::tempdir().expect("a directory");
    let (files, jwk) = files();
    for (path, content) in files {
        fs::write(directory.path().join(path), content).expect("a file of the test");
    }
    (directory, jwk)
}

/// Reads the exchange of a location; the error is what the command says.
fn read(location: &str, directory: &Path, jwk: &str) -> Result<(), String> {
    let location = location.replace("%%JWK%%", jwk);
    let text =
        format!("http {{ STSCache shm name=known&size=1m; server {{ {location} {INNER} }} }}");
    let read = || {
        let configuration = Configuration::of_text(&text, directory)?;
        let servers = locate::servers(&configuration)?;
        let server = servers.first().expect("a server");
        let location = locate::location(server, &Target::read("/PATH")?)?;
        if build::exchange(location.in_force.items.clone(), directory)?.is_some() {
            chain::steps(server, location, directory)?;
        }
        Ok(())
    };
    read().map_err(|problem: sts_exchange::problem::Problem| problem.to_string())
}

/// Both ways to write the settings of a row.
fn cases() -> impl Iterator<Item = (&'static Row, &'static str, fn(&Row, &str) -> String)> {
    let directives = ROWS.iter().filter(|row| !row.directive.is_empty());
    let directives = directives.map(|row| {
        let written: fn(&Row, &str) -> String = with_directive;
        (row, row.directive, written)
    });
    let keys = ROWS.iter().filter(|row| !row.key.1.is_empty());
    let keys = keys.map(|row| {
        let written: fn(&Row, &str) -> String = with_key;
        (row, row.key.1, written)
    });
    directives.chain(keys)
}

#[test]
fn the_command_takes_what_the_module_takes() {
    let (directory, jwk) = directory();
    let mut problems = Vec::new();
    for (row, name, written) in cases() {
        for arguments in row.accepted {
            let location = written(row, arguments);
            if let Err(problem) = read(&location, directory.path(), &jwk) {
                problems.push(format!("{name} {arguments}: {problem}"));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Settings that an exchange at a terminal has no use for: NGINX alone judges them.
const UNREAD: &[&str] = &[
    "STSAfterBody",
    "STSBreaker",
    "STSCache",
    "STSChallenge",
    "STSCryptoPassphrase",
    "cache.name",
    "STSIgnoreClientAbort",
    "STSIssuerRefresh",
    "STSJWKS",
    "STSKeepalive",
    "STSMaxCalls",
    "STSMaxForm",
    "STSName",
    "STSNegativeTTL",
    "STSPhase",
    "STSPurgeOn",
    "STSRefreshAhead",
    "STSRetryOn",
    "STSStatus",
];

#[test]
fn the_command_refuses_what_the_module_refuses() {
    let (directory, jwk) = directory();
    let is_unread = |name: &str| UNREAD.contains(&name);
    let mut problems = Vec::new();
    for (row, name, written) in cases() {
        for (arguments, _) in row.refused {
            let location = written(row, arguments);
            match read(&location, directory.path(), &jwk) {
                Ok(()) if is_unread(row.directive) || is_unread(name) => {}
                // Which variables there are only NGINX knows.
                Ok(()) if (name, *arguments) == ("STSVariables", "$http_x $host") => {}
                Ok(()) => problems.push(format!("{name} {arguments} is taken")),
                Err(problem) if problem.contains(SECRET) => {
                    problems.push(format!("{name} {arguments}: {problem} has the secret"));
                }
                Err(_) => {}
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
