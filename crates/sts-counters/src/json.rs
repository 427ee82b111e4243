//! The counters as JSON: one object, written in pieces.

use std::fmt::{self, Write};

use sts_core::error::FailureKind;

use crate::prometheus::Seconds;
use crate::stores::{self, Op, Store};
use crate::totals::Histogram;
use crate::view::{Exchange, Gateway, Zone};
use crate::words::{BUCKETS, CallResult, Duration, Gauge, Outcome, Reload, Suspect, Unmade};

/// The version of what is in it. What is only added changes it not.
const VERSION: u32 = 1;

/// Writes an exchange after those before it.
pub fn exchange(text: &mut String, exchange: &Exchange, is_first: bool) {
    let _ = try_exchange(text, exchange, is_first);
}

/// What stands in front of the exchanges.
pub fn begin(text: &mut String, gateway: &Gateway) {
    let Gateway { module, nginx, time, process, workers, totals: _, zones: _, stores: _ } = gateway;
    let _ = write!(
        text,
        "{{\"version\":{VERSION},\"module\":{},\"nginx\":{},\"time\":{},\"pid\":{process},\
         \"workers\":{workers},\"exchanges\":[",
        Text(module),
        Text(nginx),
        Seconds(*time),
    );
}

/// What stands behind them.
pub fn end(text: &mut String, gateway: &Gateway) {
    let _ = try_end(text, gateway);
}

fn try_exchange(text: &mut String, exchange: &Exchange, is_first: bool) -> fmt::Result {
    let Exchange { name, kind, endpoint, has_breaker, totals } = exchange;
    let comma = if is_first { "" } else { "," };
    let (name, kind, endpoint) = (Text(name), Text(kind), Text(endpoint));
    write!(text, "{comma}{{\"name\":{name},\"type\":{kind},\"endpoint\":{endpoint}")?;
    let requests = Outcome::ALL.map(|one| (one.name(), totals.request(one)));
    write!(text, ",\"requests\":{}", Numbers(&requests))?;
    let failures = FailureKind::ALL.map(|one| (one.name(), totals.failure(one)));
    write!(text, ",\"failures\":{}", Numbers(&failures))?;
    let calls = CallResult::ALL.map(|one| (one.name(), totals.call(one)));
    write!(text, ",\"calls\":{}", Numbers(&calls))?;
    let unmade = Unmade::ALL.map(|one| (one.name(), totals.unmade(one)));
    write!(text, ",\"calls_not_made\":{}", Numbers(&unmade))?;
    let suspects = Suspect::ALL.map(|one| (one.name(), totals.suspect(one)));
    let (suspects, retries) = (Numbers(&suspects), totals.retries());
    write!(text, ",\"suspect_tokens\":{suspects},\"retries\":{retries}")?;
    let (active, queued) = (totals.gauge(Gauge::CallsActive), totals.gauge(Gauge::CallsQueued));
    write!(text, ",\"calls_active\":{active},\"calls_queued\":{queued}")?;
    for (key, duration) in [("call_seconds", Duration::Call), ("wait_seconds", Duration::Wait)] {
        let Histogram { at_most, count, sum } = totals.histogram(duration);
        write!(text, ",\"{key}\":{{\"buckets\":[")?;
        for ((_, bound), count) in BUCKETS.iter().zip(at_most) {
            write!(text, "[{bound},{count}],")?;
        }
        let sum = Seconds(sum);
        write!(text, "[\"+Inf\",{count}]],\"sum\":{sum},\"count\":{count}}}")?;
    }
    // Of several workers the one that is worst off.
    let state = if totals.gauge(Gauge::BreakerOpen) > 0 {
        "open"
    } else if totals.gauge(Gauge::BreakerProbing) > 0 {
        "probing"
    } else {
        "closed"
    };
    match has_breaker {
        true => write!(text, ",\"breaker\":{{\"state\":\"{state}\"}}}}"),
        false => text.write_str(",\"breaker\":null}"),
    }
}

fn try_end(text: &mut String, gateway: &Gateway) -> fmt::Result {
    text.write_str("],\"zones\":[")?;
    for (number, zone) in gateway.zones.iter().enumerate() {
        let Zone { name, size, used, entries, evictions, expirations, purges } = zone;
        let comma = if number == 0 { "" } else { "," };
        write!(text, "{comma}{{\"name\":{},", Text(name))?;
        write!(text, "\"size_bytes\":{size},\"used_bytes\":{used},\"entries\":{entries},")?;
        write!(text, "\"evictions\":{evictions},\"expirations\":{expirations},")?;
        write!(text, "\"purges\":{purges}}}")?;
    }
    let totals = &gateway.totals;
    let gauge = |gauge| totals.gauge(gauge);
    let (active, idle) = (gauge(Gauge::ConnectionsActive), gauge(Gauge::ConnectionsIdle));
    write!(text, "],\"connections\":{{\"active\":{active},\"idle\":{idle}}},\"stores\":[")?;
    for (number, store) in gateway.stores.iter().enumerate() {
        try_store(text, store, number == 0)?;
    }
    let reloads = Reload::ALL.map(|one| (one.name(), totals.reload(one)));
    writeln!(text, "],\"credential_reloads\":{}}}", Numbers(&reloads))
}

fn try_store(text: &mut String, store: &Store, is_first: bool) -> fmt::Result {
    let Store { name, kind, place, totals } = store;
    let comma = if is_first { "" } else { "," };
    let (name, kind, place) = (Text(name), Text(kind), Text(place));
    write!(text, "{comma}{{\"name\":{name},\"type\":{kind},\"place\":{place},\"operations\":{{")?;
    for (number, op) in Op::ALL.into_iter().enumerate() {
        let comma = if number == 0 { "" } else { "," };
        let ends = op.ends().iter().map(|ended| (ended.name(), totals.store(op, *ended)));
        write!(text, "{comma}\"{}\":{}", op.name(), Numbers(&ends.collect::<Vec<_>>()))?;
    }
    let Histogram { at_most, count, sum } = totals.histogram(Duration::Call);
    text.write_str("},\"seconds\":{\"buckets\":[")?;
    for ((_, bound), count) in stores::BUCKETS.iter().zip(at_most) {
        write!(text, "[{bound},{count}],")?;
    }
    let sum = stores::Seconds(sum);
    write!(text, "[\"+Inf\",{count}]],\"sum\":{sum},\"count\":{count}}}")?;
    let open = totals.gauge(Gauge::BreakerOpen);
    let state = if open > 0 { "open" } else { "closed" };
    write!(text, ",\"breaker\":{{\"state\":\"{state}\",\"workers\":{open}}}}}")
}

/// An object of numbers, whose keys need no escapes.
struct Numbers<'a>(&'a [(&'static str, u64)]);

impl fmt::Display for Numbers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (key, number)) in self.0.iter().enumerate() {
            let before = if place == 0 { '{' } else { ',' };
            write!(f, "{before}\"{key}\":{number}")?;
        }
        f.write_char('}')
    }
}

/// A string (RFC 8259, section 7). What ends a script is escaped as well.
struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for character in self.0.chars() {
            match character {
                '"' | '\\' => write!(f, "\\{character}")?,
                '<' | '\u{0}'..='\u{1f}' => write!(f, "\\u{:04x}", u32::from(character))?,
                _ => f.write_char(character)?,
            }
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stores::Ended;
    use crate::totals::Totals;
    use crate::words::Word;

    fn written(exchanges: &[Exchange], about: &Gateway) -> serde_json::Value {
        let mut text = String::new();
        begin(&mut text, about);
        for (number, one) in exchanges.iter().enumerate() {
            exchange(&mut text, one, number == 0);
        }
        end(&mut text, about);
        serde_json::from_str(&text).unwrap()
    }

    fn about(zones: Vec<Zone>) -> Gateway {
        let (module, nginx, totals) = ("0.1.0", "1.22.1", Totals::default());
        let (time, stores) = (1_790_000_000_123, Vec::new());
        Gateway { module, nginx, time, process: 17, workers: 2, totals, zones, stores }
    }

    #[test]
    fn it_is_json_whatever_a_name_has_in_it() {
        let name = "a\"b\\c\nd\u{1}</script>\u{e9}".to_owned();
        let endpoint = "https://sts/".to_owned();
        let mut totals = Totals::default();
        totals.0[Word::request(Outcome::Miss).at()] = 5;
        totals.0[Word::bucket(Duration::Call, 7).at()] = 4;
        totals.0[Word::sum(Duration::Call).at()] = 28;
        totals.0[Word::suspect(Suspect::Replaced).at()] = 3;
        totals.0[Word::retry().at()] = 2;
        totals.0[Word::unmade(Unmade::Pause).at()] = 6;
        let has_breaker = false;
        let one = Exchange { name: name.clone(), kind: "otx", endpoint, has_breaker, totals };
        let zone = Zone { name: "default".to_owned(), size: 9, ..Zone::default() };
        let json = written(&[one.clone(), one], &about(vec![zone.clone(), zone]));
        let first = &json["exchanges"][0];
        assert_eq!(first["name"], *name);
        assert_eq!(first["requests"]["miss"], 5);
        assert_eq!(first["requests"].as_object().unwrap().len(), Outcome::ALL.len());
        assert_eq!(first["failures"].as_object().unwrap().len(), FailureKind::ALL.len());
        assert_eq!(first["call_seconds"]["buckets"][1], serde_json::json!([0.01, 4]));
        assert_eq!(first["call_seconds"]["buckets"][12], serde_json::json!(["+Inf", 4]));
        assert_eq!(first["call_seconds"]["sum"], 0.028);
        let suspects = serde_json::json!({"forgotten": 0, "replaced": 3, "kept": 0});
        assert_eq!((&first["suspect_tokens"], &first["retries"]), (&suspects, &2.into()));
        let unmade = serde_json::json!({"queue": 0, "value": 0, "breaker": 0, "pause": 6});
        assert_eq!(first["calls_not_made"], unmade);
        assert!(first["breaker"].is_null());
        assert_eq!(json["exchanges"].as_array().unwrap().len(), 2);
        assert_eq!(json["zones"][1]["size_bytes"], 9);
        assert_eq!(json["time"], 1_790_000_000.123);
        assert_eq!(
            (&json["pid"], &json["workers"], &json["version"]),
            (&17.into(), &2.into(), &1.into())
        );
    }

    #[test]
    fn stores_are_listed() {
        let mut totals = Totals::default();
        totals.0[stores::word(Op::Put, Ended::Timeout).unwrap().at()] = 4;
        totals.0[stores::bucket(2_000_000).at()] = 4;
        totals.0[Word::gauge(Gauge::BreakerOpen).at()] = 2;
        let (name, place) = ("a\"b".to_owned(), "/var/cache/sts".to_owned());
        let store = Store { name, kind: "file", place, totals };
        let stores = vec![store.clone(), store];
        let json = written(&[], &Gateway { stores, ..about(Vec::new()) });
        assert_eq!(json["stores"].as_array().unwrap().len(), 2);
        let first = &json["stores"][0];
        assert_eq!((&first["name"], &first["type"]), (&"a\"b".into(), &"file".into()));
        let put = serde_json::json!({"ok": 0, "failed": 0, "timeout": 4});
        assert_eq!(first["operations"]["put"], put);
        assert_eq!(first["operations"].as_object().unwrap().len(), Op::ALL.len());
        assert_eq!(first["seconds"]["buckets"][12], serde_json::json!(["+Inf", 4]));
        assert_eq!(first["breaker"], serde_json::json!({"state": "open", "workers": 2}));
    }

    #[test]
    fn it_is_json_where_there_is_nothing() {
        let json = written(&[], &about(Vec::new()));
        assert_eq!(json["exchanges"], serde_json::json!([]));
        assert_eq!(json["stores"], serde_json::json!([]));
        assert_eq!(json["credential_reloads"], serde_json::json!({"ok": 0, "failed": 0}));
        assert_eq!(json["connections"], serde_json::json!({"active": 0, "idle": 0}));
    }
}
