//! What lies in the shared memory of the workers.
#![expect(clippy::unwrap_used, reason = "a test that cannot look has failed")]

use std::fs;
use std::os::unix::fs::FileExt;

use e2e::nginx::Nginx;
use e2e::scene::{Scene, Seen};

/// Whether a token stands in the memory that a worker shares with the others. The zone divides it;
/// its first bytes are together.
fn shares(nginx: &Nginx, token: &str) -> bool {
    let text = &token[..16];
    let process = nginx.worker();
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let memory = fs::File::open(format!("/proc/{process}/mem")).unwrap();
    maps.lines().filter(|line| line.contains(" rw-s ")).any(|line| {
        let range = line.split_whitespace().next().unwrap();
        let (from, to) = range.split_once('-').unwrap();
        let [from, to] = [from, to].map(|number| u64::from_str_radix(number, 16).unwrap());
        let mut bytes = vec![0; usize::try_from(to - from).unwrap()];
        memory.read_exact_at(&mut bytes, from).unwrap();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

fn target(nginx: &Nginx, path: &str) -> String {
    let seen = Seen::by_backend(nginx.get(path).bearer("user").send());
    seen.header("Cookie").unwrap().trim_start_matches("STS_COOKIE=").to_owned()
}

#[test]
fn tokens_are_sealed_where_that_is_asked_for() {
    for (cache, sealed) in [
        ("STSCache shm name=a;", false),
        ("STSCache shm name=a&encrypt=true;", true),
        ("STSCache shm name=a&encrypt=true&passphrase=secret;", true),
        ("STSCache shm name=a&encrypt=true; STSCryptoPassphrase secret;", true),
    ] {
        let scene = Scene::new();
        let nginx = scene.nginx().server(&format!("{cache} location / {{ %%OTX%% %%PASS%% }}"));
        let nginx = nginx.start();
        let first = target(&nginx, "/");
        assert_eq!(target(&nginx, "/"), first);
        nginx.reload();
        assert_eq!(target(&nginx, "/"), first, "{cache}: forgotten over a reload");
        assert_eq!(scene.sts.call_count(), 1, "{cache}");
        assert_eq!(shares(&nginx, &first), !sealed, "{cache}");
    }
}

#[test]
fn a_location_with_another_passphrase_shares_nothing() {
    let scene = Scene::new();
    let server = "
        STSCache shm encrypt=true;
        location /a { STSCryptoPassphrase one; %%OTX%% %%PASS%% }
        location /b { STSCryptoPassphrase two; %%OTX%% %%PASS%% }";
    let nginx = scene.nginx().server(server).start();
    let [a, b] = ["/a", "/b"].map(|path| target(&nginx, path));
    assert_ne!(a, b);
    assert_eq!(["/a", "/b"].map(|path| target(&nginx, path)), [a, b]);
    assert_eq!(scene.sts.call_count(), 2);
}
