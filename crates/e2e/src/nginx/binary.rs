//! Which NGINX is tested, and what it can do.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// Set to the path of the NGINX to test; `build/nginx` otherwise.
const NGINX: &str = "STS_TEST_NGINX";

/// Set to the path of the module to test; `build/ngx_http_sts_module.so` otherwise.
const MODULE: &str = "STS_TEST_MODULE";

/// The NGINX under test.
///
/// # Panics
/// When it is not there.
pub fn nginx() -> PathBuf {
    existing(NGINX, "build/nginx")
}

/// The module under test.
///
/// # Panics
/// When it is not there.
pub fn module() -> PathBuf {
    existing(MODULE, "build/ngx_http_sts_module.so")
}

/// Loads a module that Debian has beside its NGINX, set-misc; nothing where another NGINX is tested,
/// into which it does not load.
pub fn debian_modules() -> Option<String> {
    let is_debians = nginx().canonicalize().is_ok_and(|path| path == Path::new("/usr/sbin/nginx"));
    let load = |name: &str| format!("load_module /usr/lib/nginx/modules/{name}.so;\n");
    is_debians.then(|| load("ndk_http_module") + &load("ngx_http_set_misc_module"))
}

/// Set when the NGINX to test is one that valgrind runs.
const VALGRIND: &str = "STS_TEST_VALGRIND";

/// Whether valgrind looks at what NGINX does: slowly, and keeping what was freed for a while.
pub fn under_valgrind() -> bool {
    env::var_os(VALGRIND).is_some()
}

/// Set when NGINX and the module are those that AddressSanitizer watches.
const ASAN: &str = "STS_TEST_ASAN";

/// Whether something looks at each use of memory: NGINX is slower, and what was freed is kept for a while.
pub fn memory_is_watched() -> bool {
    under_valgrind() || env::var_os(ASAN).is_some()
}

fn existing(variable: &str, default: &str) -> PathBuf {
    let path = env::var_os(variable).map_or_else(|| workspace().join(default), PathBuf::from);
    assert!(
        path.exists(),
        "{} is not there: run `make build`, or set {variable} to what is to be tested",
        path.display()
    );
    path
}

/// The root of the repository.
///
/// # Panics
/// When the tests were compiled elsewhere.
pub fn workspace() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().expect("the repository is where the tests were compiled")
}

/// A version of NGINX.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u16, pub u16, pub u16);

/// What the NGINX under test says of itself.
pub struct About {
    /// Its version.
    pub version: Version,
    configure_arguments: String,
}

static ABOUT: LazyLock<About> = LazyLock::new(|| {
    let output = Command::new(nginx()).arg("-V").env_remove("NGINX").output();
    let output = output.expect("nginx -V can be run");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    About { version: parse_version(&text), configure_arguments: text }
});

/// What the NGINX under test says of itself.
pub fn about() -> &'static About {
    &ABOUT
}

impl About {
    /// Whether it was configured with an option, such as `--with-debug`.
    pub fn configured(&self, option: &str) -> bool {
        let matches =
            |argument: &str| argument == option || argument.starts_with(&format!("{option}="));
        self.configure_arguments.split_whitespace().any(matches)
    }

    /// Whether HTTP/2 is switched on by a directive of its own, and no longer by `listen`.
    pub fn has_http2_directive(&self) -> bool {
        self.version >= Version(1, 25, 1)
    }
}

fn parse_version(text: &str) -> Version {
    let after = text.split("nginx/").nth(1).unwrap_or_default();
    let mut numbers =
        after.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().unwrap_or_default());
    let mut next = || numbers.next().unwrap_or_default();
    Version(next(), next(), next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_from_what_nginx_prints() {
        assert_eq!(parse_version("nginx version: nginx/1.22.1\nbuilt with"), Version(1, 22, 1));
        assert_eq!(parse_version("nginx version: nginx/1.29.3 (Debian)"), Version(1, 29, 3));
    }
}
