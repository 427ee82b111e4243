//! What many endpoints with TLS have in common.
#![expect(clippy::expect_used, reason = "a test reports by panicking")]

use std::fs;
use std::path::Path;

use devsts::pki::Identity;
use e2e::scene::Scene;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

/// How often a file is opened while something runs.
fn times_opened(file: &Path, run: impl FnOnce()) -> usize {
    let watch = Inotify::init(InitFlags::IN_NONBLOCK).expect("inotify");
    // The same event twice in a row is told once: between two times of opening it is closed.
    let told = AddWatchFlags::IN_OPEN | AddWatchFlags::IN_CLOSE;
    watch.add_watch(file, told).expect("the file is there");
    run();
    let mut times = 0;
    while let Ok(events) = watch.read_events() {
        times += events.iter().filter(|event| event.mask.contains(AddWatchFlags::IN_OPEN)).count();
    }
    times
}

#[test]
fn certificates_are_loaded_once_for_all_endpoints_with_the_same_settings() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("ca.pem");
    fs::write(&file, Identity::authority("a CA").certificate_pem()).expect("it can be written");
    // Different settings need different contexts.
    let (mut server, different) = (String::new(), 3);
    for number in 0..60 {
        let more = ["", "STSSSLCiphers HIGH;", "STSSSLProtocols TLSv1.3;"][number % different];
        server += &format!(
            "location /{number} {{
                STSType otx; STSOTXEndpoint https://127.0.0.1:{}/token; {more}
                STSVariables $source_token $target_token;
                STSSSLTrustedCertificate {};
            }}",
            1024 + number,
            file.display()
        );
    }
    let scene = Scene::new();
    let nginx = scene.nginx().server(&server);

    let times = times_opened(&file, || assert!(nginx.check().ok));

    // From 1.27.4 on NGINX itself keeps the certificates of a file while it reads a configuration.
    assert!((1..=different).contains(&times), "{times} times");
}
