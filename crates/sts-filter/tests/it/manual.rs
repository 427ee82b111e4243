//! What expressions do that are written for claims, beside what jq does.
#![expect(clippy::panic, reason = "what fails here is a test")]

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Map, Value, json};
use sts_filter::{Filter, Limits, RunError};

/// The claims of most rows.
fn claims() -> Map<String, Value> {
    let claims = json!({
        "sub": "248289761001",
        "email": "Jane.Doe@Example.com",
        "given_name": "Jane",
        "family_name": "Doe",
        "groups": ["app-read", "app-write", "staff", "app-read"],
        "realm_access": { "roles": ["admin", "user"] },
        "scope": "openid profile orders:read",
        "exp": 1_700_000_300,
        "iat": 1_700_000_000,
        "id": 12_345_678_901_234_567_890_u64,
        "verified": true,
        "phone": null,
        "address": { "country": "NL", "street": { "name": "Kade", "number": 7 } },
        "entitlements": [
            { "name": "billing", "level": 3 },
            { "name": "audit", "level": 1 },
            { "name": "sales", "level": 3 },
        ],
    });
    match claims {
        Value::Object(claims) => claims,
        _ => unreachable!("it is one"),
    }
}

/// Expressions that jq 1.6 has too, with what they give.
fn table() -> Vec<(&'static str, Value)> {
    vec![
        // Choosing and renaming.
        ("{sub, email}", json!({"sub": "248289761001", "email": "Jane.Doe@Example.com"})),
        (
            "{user: .sub, roles: .realm_access.roles}",
            json!({"user": "248289761001", "roles": ["admin", "user"]}),
        ),
        (
            r#"{"preferred_username": .email, aud: "orders"}"#,
            json!({"preferred_username": "Jane.Doe@Example.com", "aud": "orders"}),
        ),
        (
            ". as {sub: $s, address: {country: $c}} | {$s, $c}",
            json!({"s": "248289761001", "c": "NL"}),
        ),
        (
            ". as {groups: [$first, $second]} | {$first, $second}",
            json!({"first": "app-read", "second": "app-write"}),
        ),
        (r#"{(.given_name): 1, ("x" + "y"): 2}"#, json!({"Jane": 1, "xy": 2})),
        ("{id}", json!({"id": 12_345_678_901_234_567_890_u64})),
        ("{a: .missing, b: .address.zip, c: .phone}", json!({"a": null, "b": null, "c": null})),
        // Deleting.
        (
            "del(.email, .phone, .groups, .entitlements, .realm_access, .address, .id) | del(.exp, .iat)",
            json!({"sub": "248289761001", "given_name": "Jane", "family_name": "Doe",
                "scope": "openid profile orders:read", "verified": true}),
        ),
        ("{groups} | del(.groups[0, 2])", json!({"groups": ["app-write", "app-read"]})),
        ("{groups} | del(.groups[-1])", json!({"groups": ["app-read", "app-write", "staff"]})),
        (r#"{groups} | del(.groups[] | select(startswith("app-")))"#, json!({"groups": ["staff"]})),
        (
            "{address} | delpaths([[\"address\", \"street\"], [\"address\", \"x\", \"y\"]])",
            json!({"address": {"country": "NL"}}),
        ),
        // Changing in place.
        (
            r#"{groups} | .groups |= map(select(startswith("app-")))"#,
            json!({"groups": ["app-read", "app-write", "app-read"]}),
        ),
        (
            r#"{groups} | .groups |= (map(ltrimstr("app-")) | unique)"#,
            json!({"groups": ["read", "staff", "write"]}),
        ),
        ("{email} | .email |= ascii_downcase", json!({"email": "jane.doe@example.com"})),
        (
            "{exp, iat} | .exp += 60 | .iat -= 1",
            json!({"exp": 1_700_000_360, "iat": 1_699_999_999}),
        ),
        (
            r#"{sub} | .tenant //= "default" | .sub //= "none""#,
            json!({"sub": "248289761001", "tenant": "default"}),
        ),
        (
            r#"{sub} | .a.b.c = 1 | .d[1] = true"#,
            json!({"sub": "248289761001", "a": {"b": {"c": 1}}, "d": [null, true]}),
        ),
        (
            "{entitlements} | .entitlements[] |= .name",
            json!({"entitlements": ["billing", "audit", "sales"]}),
        ),
        (
            "{entitlements} | .entitlements[].level *= 2 | .entitlements |= map(.level)",
            json!({"entitlements": [6, 2, 6]}),
        ),
        (
            "{address} | .address.street.number |= tostring",
            json!({"address": {"country": "NL", "street": {"name": "Kade", "number": "7"}}}),
        ),
        (
            r#"{sub, verified} | setpath(["a", "b"]; 3) | to_entries | map(.key) | {keys: sort}"#,
            json!({"keys": ["a", "sub", "verified"]}),
        ),
        // Merging.
        (r#"{sub} + {iss: "gateway", sub: "other"}"#, json!({"sub": "other", "iss": "gateway"})),
        (
            r#"{address} * {address: {country: "BE", zip: "1000"}}"#,
            json!({"address": {"country": "BE", "zip": "1000", "street": {"name": "Kade", "number": 7}}}),
        ),
        (
            "{a: (.groups + .realm_access.roles - [\"staff\"])}",
            json!({"a": ["app-read", "app-write", "app-read", "admin", "user"]}),
        ),
        // Strings.
        (r#"{name: "\(.given_name) \(.family_name)"}"#, json!({"name": "Jane Doe"})),
        (r#"{user: (.email | split("@")[0] | ascii_downcase)}"#, json!({"user": "jane.doe"})),
        (
            r#"{scopes: (.scope | split(" "))}"#,
            json!({"scopes": ["openid", "profile", "orders:read"]}),
        ),
        (
            r#"{scope: (.groups | unique | join(" "))}"#,
            json!({"scope": "app-read app-write staff"}),
        ),
        (
            r#"{scope: (.scope / " " | map(select(contains(":"))) | join(","))}"#,
            json!({"scope": "orders:read"}),
        ),
        (
            r#"{domain: (.email | sub("^[^@]*@"; "") | ascii_downcase)}"#,
            json!({"domain": "example.com"}),
        ),
        (r#"{g: [.groups[] | select(test("^APP-"; "i"))] | length}"#, json!({"g": 3})),
        (
            r#"{x: (.scope | gsub("(?<c>[:.])"; "[\(.c)]"))}"#,
            json!({"x": "openid profile orders[:]read"}),
        ),
        (
            r#".email | capture("^(?<local>[^@]+)@(?<domain>.+)$")"#,
            json!({"local": "Jane.Doe", "domain": "Example.com"}),
        ),
        (
            r#"{n: [.scope | scan("[a-z]+")]}"#,
            json!({"n": ["openid", "profile", "orders", "read"]}),
        ),
        (
            r#"{h: @base64 "\(.sub):x", u: (.scope | @uri), j: (.realm_access | @json)}"#,
            json!({"h": "MjQ4Mjg5NzYxMDAx:x",
                "u": "openid%20profile%20orders%3Aread", "j": "{\"roles\":[\"admin\",\"user\"]}"}),
        ),
        (
            r#"{s: (.exp | tostring), n: (.sub | tonumber), t: (.realm_access | tojson | fromjson)}"#,
            json!({"s": "1700000300", "n": 248_289_761_001_u64, "t": {"roles": ["admin", "user"]}}),
        ),
        (
            r#"{a: .email[0:4], b: .groups[1:3], c: .email[-3:]}"#,
            json!({"a": "Jane", "b": ["app-write", "staff"], "c": "com"}),
        ),
        (
            r#"{a: (.email | index("@")), b: ("a,b, cd" | indices(", ")), c: ([1,2,1] | indices(1))}"#,
            json!({"a": 8, "b": [3], "c": [0, 2]}),
        ),
        (r#"{a: ("x" * 3)}"#, json!({"a": "xxx"})),
        // Objects as entries.
        (
            r#"{address} | .address |= with_entries(select(.key != "street"))"#,
            json!({"address": {"country": "NL"}}),
        ),
        (
            r#"with_entries(select(.key | startswith("given") or endswith("name")))"#,
            json!({"given_name": "Jane", "family_name": "Doe"}),
        ),
        (
            r#"with_entries(select(.value | type == "string")) | with_entries(.key |= "c_" + .) | keys | {keys: .}"#,
            json!({"keys": ["c_email", "c_family_name", "c_given_name", "c_scope", "c_sub"]}),
        ),
        (
            "[.entitlements[] | {key: .name, value: .level}] | from_entries",
            json!({"billing": 3, "audit": 1, "sales": 3}),
        ),
        (
            r#"{a: has("sub"), b: has("nope"), c: (.groups | has(3)), d: (.groups | has(4))}"#,
            json!({"a": true, "b": false, "c": true, "d": false}),
        ),
        ("map_values(select(. != null)) | {n: length}", json!({"n": 13})),
        ("map_values(strings) | {n: length}", json!({"n": 5})),
        // Conditions.
        (
            r#"if .verified then {sub, trust: "high"} else {sub} end"#,
            json!({"sub": "248289761001", "trust": "high"}),
        ),
        (
            r#"if .groups | index("admin") then {r: 1} elif .verified then {r: 2} else {r: 3} end"#,
            json!({"r": 2}),
        ),
        (
            r#"{a: (.phone // "none"), b: (.groups[9] // .sub), c: ((.x.y.z? // empty), 5)}"#,
            json!({"a": "none", "b": "248289761001", "c": 5}),
        ),
        (
            r#"{any: any(.groups[]; . == "staff"), all: all(.entitlements[]; .level > 1), not: (.verified | not)}"#,
            json!({"any": true, "all": false, "not": false}),
        ),
        (
            r#"{a: (.groups | contains(["staff"])), b: (["user"] | inside(["admin", "user"]))}"#,
            json!({"a": true, "b": true}),
        ),
        (r#"select(.verified and .exp > .iat) | {sub}"#, json!({"sub": "248289761001"})),
        (
            r#"{a: (try error("x") catch .), b: (try (.sub.x) catch "no"), c: [.sub.x?]}"#,
            json!({"a": "x", "b": "no", "c": []}),
        ),
        (r#"{x: (.sub | IN("a", "248289761001"))}"#, json!({"x": true})),
        // Arrays.
        (
            "{n: (.entitlements | map(.level) | add), m: (.groups | length), s: (.entitlements | sort_by(.level) | map(.name))}",
            json!({"n": 7, "m": 4, "s": ["audit", "billing", "sales"]}),
        ),
        (
            "{g: (.entitlements | group_by(.level) | map({(.[0].level | tostring): map(.name)}) | add)}",
            json!({"g": {"1": ["audit"], "3": ["billing", "sales"]}}),
        ),
        (
            "{a: (.entitlements | max_by(.level).name), b: (.entitlements | min_by(.level).name), c: ([3,1,2] | min, max)}",
            json!({"a": "sales", "b": "audit", "c": 1}),
        ),
        (
            "{a: (.groups | unique_by(length)), b: (.groups | reverse | first), c: (.groups | last)}",
            json!({"a": ["staff", "app-read", "app-write"], "b": "app-read", "c": "app-read"}),
        ),
        (
            "{a: first(.groups[]), b: [limit(2; .groups[])], c: ([.groups[]] | nth(1)), d: ([[1, [2]], 3] | flatten)}",
            json!({"a": "app-read", "b": ["app-read", "app-write"], "c": "app-write", "d": [1, 2, 3]}),
        ),
        (
            r#"{a: ([[1, [2]], 3] | flatten(1)), b: ([[1], [2]] | add), c: ([1, 2] | contains([1]))}"#,
            json!({"a": [1, [2], 3], "b": [1, 2], "c": true}),
        ),
        // Folding.
        ("{n: (reduce .entitlements[] as $e (0; . + $e.level))}", json!({"n": 7})),
        (
            "reduce .entitlements[] as {name: $n, level: $l} ({}; .[$n] = $l)",
            json!({"billing": 3, "audit": 1, "sales": 3}),
        ),
        (
            "{a: [foreach .entitlements[] as $e (0; . + $e.level; [$e.name, .])]}",
            json!({"a": [["billing", 3], ["audit", 4], ["sales", 7]]}),
        ),
        (
            "{a: [label $out | .groups[] | if . == \"staff\" then break $out else . end]}",
            json!({"a": ["app-read", "app-write"]}),
        ),
        // Definitions.
        (
            r#"def short: ltrimstr("app-"); {groups: [.groups[] | short]}"#,
            json!({"groups": ["read", "write", "staff", "read"]}),
        ),
        (
            r#"def keep($names): with_entries(select(.key | IN($names[]))); keep(["sub", "exp"])"#,
            json!({"sub": "248289761001", "exp": 1_700_000_300}),
        ),
        ("def twice(f): f | f; {n: (1 | twice(. * 3 | twice(. + 1)))}", json!({"n": 17})),
        ("def f(g): def h: g | . + 1; h | h; {n: (10 | f(. * 2))}", json!({"n": 43})),
        // Paths.
        (
            "{a: [.address | paths], b: [.address | paths(type == \"number\")]}",
            json!({"a": [["country"], ["street"], ["street", "name"], ["street", "number"]],
                "b": [["street", "number"]]}),
        ),
        (
            "{a: path(.groups[0], .sub), b: (getpath([\"address\", \"country\"])), c: [.groups | paths]}",
            json!({"a": ["groups", 0], "b": "NL", "c": [[0], [1], [2], [3]]}),
        ),
        (
            "{address} | walk(if type == \"object\" then del(.street) else . end)",
            json!({"address": {"country": "NL"}}),
        ),
        // Numbers and order.
        (
            "{a: (7 / 2), b: (6 / 2), c: (7 % 3), d: (-7 % 3), e: (1.5 | floor, ceil), f: (2.5 - 0.5)}",
            json!({"a": 3.5, "b": 3, "c": 1, "d": -1, "e": 1, "f": 2}),
        ),
        (
            "{a: ([null, true, false, \"a\", 1, [], {}] | sort), b: ([2, 1.5, 10] | sort), c: ({} < []), d: ([1] < [1, 0])}",
            json!({"a": [null, false, true, 1, "a", [], {}], "b": [1.5, 2, 10], "c": false, "d": true}),
        ),
        (
            "{a: (-(.exp - .iat)), b: (1 as $x | 2 as $y | $x + $y * 10), c: ([(1, 2) + (10, 20)])}",
            json!({"a": -300, "b": 21, "c": [11, 12, 21, 22]}),
        ),
    ]
}

fn run(expression: &str, claims: &Map<String, Value>) -> Result<Map<String, Value>, RunError> {
    let filter =
        Filter::compile(expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
    filter.run(claims, &Limits::default())
}

/// What the documentation of the crate lists.
#[test]
fn the_filters_that_are_listed_exist() {
    let documentation = include_str!("../../src/lib.rs").split("of the filters:").nth(1);
    let list = documentation.and_then(|list| list.split("jaq reads").next()).unwrap_or_default();
    let names: Vec<_> = list.split('`').skip(1).step_by(2).collect();
    assert!(names.len() > 80);
    for name in names {
        let calls = [
            name.to_owned(),
            format!("{name}(.)"),
            format!("{name}(.; .)"),
            format!("{name}(\"a\")"),
            format!("{name}(\"a\"; \"b\")"),
        ];
        assert!(calls.iter().any(|call| Filter::compile(call).is_ok()), "{name}");
    }
}

#[test]
fn expressions_of_manuals_work() {
    let claims = claims();
    for (expression, expected) in table() {
        let output = run(expression, &claims).map(Value::Object);
        assert_eq!(output, Ok(expected), "{expression}");
    }
}

/// Not with the other tests, since not every machine has jq: `cargo test -p sts-filter -- --ignored`.
#[test]
#[ignore = "needs jq"]
fn jq_gives_the_same() {
    let claims = Value::Object(claims()).to_string();
    // jq 1.6 reads 12345678901234567890 as a float.
    for (expression, expected) in table().into_iter().filter(|(e, _)| *e != "{id}") {
        let mut jq = Command::new("jq")
            .args(["--compact-output", &format!("first({expression})")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("jq is installed");
        jq.stdin.take().unwrap().write_all(claims.as_bytes()).unwrap();
        let output = jq.wait_with_output().unwrap();
        assert!(output.status.success(), "{expression}");
        let output: Value = serde_json::from_slice(&output.stdout).expect(expression);
        assert_eq!(output, expected, "{expression}");
    }
}

/// Where this is another than jq, on purpose.
#[test]
fn what_jq_does_otherwise() {
    for (expression, expected) in [
        // All digits of 64 bits are kept, and a computed whole number has no fraction.
        ("{id: (.id + 1)}", json!({"id": 12_345_678_901_234_567_891_u64})),
        ("{id: (.id - 0)}", json!({"id": 12_345_678_901_234_567_890_u64})),
        ("{n: (3 * 0.5 * 2)}", json!({"n": 3})),
        // The fields of objects are in the order of their names.
        (
            "{a: [{b: 1, a: 2} | .[]], b: ({b: 1, a: 2} | keys_unsorted)}",
            json!({"a": [2, 1], "b": ["a", "b"]}),
        ),
        // As jq has it from 1.7 on.
        (
            "{a: [limit(0; 1, 2)], b: ([1, 5, 3, 0, 7] | (.[] | select(. >= 2)) |= empty)}",
            json!({"a": [], "b": [1, 0]}),
        ),
        (
            "{a: (if false then 1 end), b: (\" x \" | trim), c: pick(.sub)}",
            json!({"a": claims(), "b": "x", "c": {"sub": "248289761001"}}),
        ),
    ] {
        assert_eq!(run(expression, &claims()).map(Value::Object), Ok(expected), "{expression}");
    }
}
