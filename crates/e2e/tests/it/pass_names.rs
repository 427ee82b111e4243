//! What a backend could take for the name of a target token never arrives, and what only looks like it
//! does: `STSPassTargetTokenIn`.

use devsts::is_for;
use e2e::nginx::Nginx;
use e2e::scene::{Scene, Seen};

fn start(scene: &Scene, places: &str) -> Nginx {
    let server = format!(
        "location / {{ %%EXCHANGE%% STSAcceptSourceTokenIn header; {places} proxy_pass %%BACKEND%%; }}"
    );
    scene.nginx().server(&server).start()
}

/// Keys that some backend reads as `access_token`.
const LIKE_IT: &[&str] = &[
    "access_token",
    "ACCESS_TOKEN",
    "%61ccess%5Ftoken",
    "access.token",
    "access+token",
    "access%2Btoken",
    "access%20token",
    "access[token",
    "access[token]",
    "access%5Btoken%00%5D",
    "[access_token]",
    "[[access_token]",
    "%5Baccess_token%5D[0]",
    "access_token[]",
    "access_token%00",
    "access%00_token",
    "+access_token",
    "%0B%20access_token",
    "user[access_token]",
    "access_token.x",
    "a;access_token",
    "a=b;access_token",
    "a=b;+access.token",
    "access_token%",
    "acc%ess_token",
    "%u0061ccess_token",
    "%EF%BB%BFaccess_token",
    "access%C3_token",
];

/// Keys that no backend reads as `access_token`.
const OTHERS: &[&str] = &[
    "my_access_token",
    "access_token_hint",
    "access-token",
    "accesstoken",
    "access__token",
    "access_tokens[]",
    "x-access_token",
    "token",
    "a[b][]",
    "%C3%A9t%C3%A9",
    "x%E9",
];

#[test]
fn a_parameter_goes_by_the_rule_and_no_other_does() {
    let scene = Scene::new();
    let nginx = start(&scene, "STSPassTargetTokenIn query; STSPassTargetTokenIn post;");
    let others = OTHERS.join("=kept&");
    for key in LIKE_IT {
        let hostile = format!("a=b&{key}=forged&{others}=kept&{key}");
        let request = nginx.post(&format!("/?{hostile}"), &*hostile).bearer("alice");
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        let seen = Seen::by_backend(request.send());
        let (uri, body) = (seen.uri(), seen.body());
        let token = body.split(['=', '&']).nth(1).unwrap_or_default();
        assert!(is_for(token, "alice"), "{body}");
        // The part before a `;` is another parameter.
        let left = if key.starts_with("a=b;") { "&a=b" } else { "" };
        let expected = format!("access_token={token}&a=b{left}&{others}=kept{left}");
        assert_eq!(body, expected, "{key}");
        assert_eq!(uri, format!("/?{expected}"), "{key}");
    }
}

#[test]
fn a_short_name_is_found_by_itself_only() {
    let scene = Scene::new();
    let nginx = start(&scene, "STSPassTargetTokenIn query name=token;");
    let target =
        "/?csrftoken=a&csrf_token=b&csrf-token=c&token2=d&tokens=e&csrf.token=f&Token[x]=g";
    let seen = Seen::by_backend(nginx.get(target).bearer("alice").send());
    let uri = seen.uri();
    assert!(uri.starts_with("/?token="), "{uri}");
    assert!(uri.ends_with("&csrftoken=a&csrf_token=b&csrf-token=c&token2=d&tokens=e"), "{uri}");
}

#[test]
fn a_reader_that_stops_after_a_thousand_parameters_has_the_token() {
    let scene = Scene::new();
    let nginx = start(&scene, "STSPassTargetTokenIn query; STSPassTargetTokenIn post;");
    let many = "a&".repeat(1_200);
    let request =
        nginx.post(&format!("/?{many}access_token=forged"), format!("{many}access_token=x"));
    let request =
        request.bearer("alice").header("Content-Type", "application/x-www-form-urlencoded");
    let seen = Seen::by_backend(request.send());
    for text in [seen.uri().replace("/?", ""), seen.body()] {
        let token = text.strip_prefix("access_token=").and_then(|rest| rest.split('&').next());
        assert!(is_for(token.unwrap_or_default(), "alice"), "{text}");
        assert!(!text.contains("forged") && !text.contains("=x"));
    }
}

#[test]
fn a_cookie_goes_with_what_stands_around_it() {
    let scene = Scene::new();
    let nginx = start(&scene, "STSPassTargetTokenIn cookie;");
    for pair in [
        "sts_token=forged",
        "a=b sts_token=forged \"",
        "a=b,sts_token=forged",
        "a=b\tsts_token=forged",
        "a=\"b\" sts_token = forged",
        "a=\"sts_token=forged",
        "STS.TOKEN=forged",
        "sts[token=forged",
        "sts_token[x]=forged",
        "sts%5Ftoken=forged",
        "$Version=1, sts_token=forged; $Path=/",
    ] {
        let request = nginx.get("/").bearer("alice").header("Cookie", format!("c=d; {pair}; e=f"));
        let request = request.header("Cookie", format!("{pair}; g=h"));
        let cookies = Seen::by_backend(request.send()).headers("Cookie");
        assert_eq!(cookies.len(), 2, "{pair}: {cookies:?}");
        let (token, rest) = cookies[0].split_once("; ").unwrap_or_default();
        assert!(is_for(token.trim_start_matches("sts_token="), "alice"), "{cookies:?}");
        let path = if pair.contains("$Path") { " $Path=/;" } else { "" };
        assert_eq!(rest, format!("c=d;{path} e=f"), "{pair}");
        assert!(!cookies[1].contains("forged") && cookies[1].ends_with("g=h"), "{cookies:?}");
    }
    let kept = "my_sts_token=a; sts_token_hint=b; c=sts_token; stst=d";
    let seen = Seen::by_backend(nginx.get("/").bearer("alice").header("Cookie", kept).send());
    assert!(seen.header("Cookie").unwrap_or_default().ends_with(&format!("; {kept}")));
}

#[test]
fn the_first_directive_stands_first_of_several_in_one_place() {
    let scene = Scene::new();
    let places = "STSPassTargetTokenIn query name=one; STSPassTargetTokenIn query name=two;
                  STSPassTargetTokenIn cookie name=one; STSPassTargetTokenIn cookie name=two;";
    let nginx = start(&scene, places);
    let request = nginx.get("/?two=x&a=b&one=y").bearer("alice");
    let seen = Seen::by_backend(request.header("Cookie", "c=d; ONE=x").send());
    let uri = seen.uri();
    let token = uri.split(['=', '&']).nth(1).unwrap_or_default();
    assert!(is_for(token, "alice"));
    assert_eq!(uri, format!("/?one={token}&two={token}&a=b"));
    assert_eq!(seen.header("Cookie"), Some(format!("one={token}; two={token}; c=d")));
}
