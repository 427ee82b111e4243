//! Beside each module that Debian has for its NGINX, loaded before this one and after it: `make test-clients`.
#![expect(clippy::panic, clippy::print_stdout, reason = "a test that cannot go on says why")]

use e2e::nginx::{Builder, Nginx, binary_path};
use e2e::parallel::in_parallel;
use e2e::scene::{Scene, assert_exchanged};

/// A module of a package, and what it does in a location.
struct Module {
    /// Names of its files.
    files: &'static [&'static str],
    http: &'static str,
    /// In the location of the exchange, behind `proxy_pass`: one of them has to be the last there.
    location: &'static str,
}

const fn module(files: &'static [&'static str], location: &'static str) -> Module {
    Module { files, http: "", location }
}

const LUA: &[&str] = &["ndk_http_module", "ngx_http_lua_module"];

const MODULES: [Module; 26] = [
    module(&["ngx_http_auth_pam_module"], ""),
    module(&["ngx_http_brotli_filter_module"], "brotli on; brotli_min_length 1; brotli_types *;"),
    module(&["ngx_http_brotli_static_module"], "brotli_static on;"),
    Module {
        files: &["ngx_http_cache_purge_module"],
        http: "proxy_cache_path %%PREFIX%%/cache keys_zone=purge:1m;",
        location: "proxy_cache purge; proxy_cache_key $target_token; proxy_cache_purge PURGE from all;",
    },
    module(&["ngx_http_dav_ext_module"], "dav_ext_methods PROPFIND OPTIONS;"),
    module(&["ngx_http_echo_module"], "echo_before_body -n ''; echo_after_body -n '';"),
    module(&["ngx_http_fancyindex_module"], "fancyindex on;"),
    module(&["ngx_http_geoip_module"], ""),
    module(&["ngx_http_geoip2_module"], ""),
    module(
        &["ngx_http_headers_more_filter_module"],
        "more_set_input_headers 'X-In: a'; more_set_headers 'X-Out: b'; more_clear_headers Server;",
    ),
    module(&["ngx_http_image_filter_module"], "image_filter off;"),
    Module {
        files: &["ngx_http_js_module"],
        http: "js_import gate from %%PREFIX%%/gate.js; js_set $gate gate.name;",
        location: "add_header X-Gate $gate; js_header_filter gate.filter;",
    },
    module(LUA, "rewrite_by_lua_block { ngx.sleep(0.002) }"),
    module(LUA, "access_by_lua_block { ngx.sleep(0.002) }"),
    module(
        LUA,
        "access_by_lua_block { ngx.req.read_body() }
        header_filter_by_lua_block { ngx.header['X-Lua'] = ngx.var.uri }
        body_filter_by_lua_block { ngx.ctx.seen = true }
        log_by_lua_block { ngx.ctx.seen = nil }",
    ),
    module(LUA, "access_by_lua_block { ngx.location.capture('/internal') }"),
    module(&["ngx_http_memc_module"], ""),
    Module {
        files: &["ngx_http_modsecurity_module"],
        http: "modsecurity on; modsecurity_rules 'SecRuleEngine On\nSecRequestBodyAccess On\n';",
        location: "",
    },
    module(&["ngx_nchan_module"], ""),
    Module {
        files: &["ngx_http_perl_module"],
        http: "perl_set $shown 'sub { my $r = shift; return $r->uri; }';",
        location: "add_header X-Perl $shown;",
    },
    module(
        &["ndk_http_module", "ngx_http_set_misc_module"],
        "set_escape_uri $escaped $uri; set_md5 $hashed $http_authorization;",
    ),
    module(&["ngx_http_srcache_filter_module"], "srcache_fetch GET /internal;"),
    module(
        &["ngx_http_subs_filter_module"],
        "subs_filter no-such-text other; subs_filter_types *;",
    ),
    Module {
        files: &["ngx_http_uploadprogress_module"],
        http: "upload_progress uploads 1m;",
        location: "track_uploads uploads 5s;",
    },
    module(&["ngx_http_upstream_fair_module"], "proxy_pass http://fair;"),
    module(&["ngx_http_xslt_filter_module"], "xslt_types text/xml;"),
];

/// Loads the modules, before this one or after it.
fn builder(scene: &Scene, modules: &[&Module], before: bool) -> Builder {
    let (mut files, mut http, mut locations) = (Vec::new(), String::new(), String::new());
    for (number, module) in modules.iter().enumerate() {
        for file in module.files {
            if !files.contains(file) {
                files.push(*file);
            }
        }
        if !http.contains(module.http) {
            http.push_str(module.http);
        }
        let own_pass = module.location.contains("proxy_pass");
        let pass = if own_pass { "" } else { "proxy_pass %%BACKEND%%;" };
        locations.push_str(&format!(
            "location /{number} {{
                %%OTX%%
                proxy_set_header Authorization '';
                proxy_set_header Cookie STS_COOKIE=$target_token;
                {pass}
                {}
            }}",
            module.location
        ));
    }
    let load = |file: &&str| format!("load_module /usr/lib/nginx/modules/{file}.so;\n");
    let load: String = files.iter().map(load).collect();
    let fair = if files.contains(&"ngx_http_upstream_fair_module") { "fair;" } else { "" };
    let backend = scene.backend.url("").replace("http://", "");
    let builder = scene
        .nginx()
        .http(&http)
        .http(&format!("upstream fair {{ server {backend}; {fair} }}"))
        .server(&locations)
        .server("location = /internal { internal; STSType disabled; return 404; }")
        .file("gate.js", "export default { name: r => r.uri, filter: r => {} };");
    if !before {
        return builder.main(&load);
    }
    builder.whole(&format!(
        "{load}
        %%MAIN%%
        http {{
            %%HTTP%%
            server {{ listen 127.0.0.1:%%PORT%%; server_name localhost; %%SERVER%% }}
        }}"
    ))
}

/// Requests of many users at once, some of which are refused.
#[track_caller]
fn assert_works(scene: &Scene, nginx: &Nginx, locations: usize) {
    let before = scene.backend.call_count();
    in_parallel(8, locations * 10, |number| {
        let (place, user) = (format!("/{}", number % locations), format!("user-{number}"));
        assert_exchanged(nginx.get(&place).bearer(&user).send(), &user);
        let posted = nginx.post(&place, "a body of some bytes").bearer(&user).send();
        assert_exchanged(posted, &user);
        nginx.get(&place).bearer("refuse").send().expect_status(401);
        nginx.post(&place, "a body").bearer("status-503").send().expect_status(503);
        nginx.get(&place).send().expect_status(401);
    });
    assert_eq!(scene.backend.call_count() - before, locations as u64 * 20);
}

fn need_debian() {
    let is_debians = binary_path().canonicalize().is_ok_and(|path| path.starts_with("/usr/sbin"));
    if !is_debians {
        panic!("modules of Debian load into Debian's NGINX only");
    }
}

#[test]
#[ignore = "make test-clients has the modules"]
fn exchanges_work_beside_each_module_of_debian() {
    need_debian();
    for module in &MODULES {
        for before in [true, false] {
            println!("{:?}, {}", module.files, if before { "before" } else { "after" });
            let scene = Scene::new();
            let nginx = builder(&scene, &[module], before).start();
            assert_works(&scene, &nginx, 1);
        }
    }
}

#[test]
#[ignore = "make test-clients has the modules"]
fn exchanges_work_beside_all_modules_of_debian_at_once() {
    need_debian();
    let all: Vec<_> = MODULES.iter().collect();
    for before in [true, false] {
        let scene = Scene::new();
        let nginx = builder(&scene, &all, before).start();
        assert_works(&scene, &nginx, all.len());
    }
}
