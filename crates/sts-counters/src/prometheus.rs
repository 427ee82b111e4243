//! The text format of Prometheus, version 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).
//!
//! All samples of a metric stand together. So the text is written metric by metric, and the exchanges of
//! one in as many pieces as suits.

use std::fmt::{self, Write};

use sts_core::error::FailureKind;

use crate::stores::{self, Op, Store};
use crate::totals::{Histogram, Totals};
use crate::view::{Exchange, Gateway, Zone};
use crate::words::{BUCKETS, CallResult, Duration, Gauge, Outcome, Reload, Suspect, Unmade};

/// The media type of the text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A metric that each exchange has.
pub struct Metric {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    samples: fn(&mut String, &Sample<'_>) -> fmt::Result,
}

/// What its samples are made of.
struct Sample<'a> {
    metric: &'a str,
    exchange: Label<'a>,
    /// Where its calls go, where a breaker may stop them.
    breaker_at: Option<Label<'a>>,
    totals: &'a Totals,
}

/// The metrics of exchanges.
pub const METRICS: [Metric; 11] = [
    Metric {
        name: "nginx_sts_requests_total",
        kind: "counter",
        help: "Requests to locations with an exchange, by how they came to their token.",
        samples: |text, sample| {
            sample.each(text, "outcome", Outcome::ALL, Outcome::name, Totals::request)
        },
    },
    Metric {
        name: "nginx_sts_failures_total",
        kind: "counter",
        help: "Requests whose exchange failed, by the word of $sts_error.",
        samples: |text, sample| {
            sample.each(text, "error", FailureKind::ALL, FailureKind::name, Totals::failure)
        },
    },
    Metric {
        name: "nginx_sts_calls_total",
        kind: "counter",
        help: "Calls to the STS that have ended.",
        samples: |text, sample| {
            sample.each(text, "result", CallResult::ALL, CallResult::name, Totals::call)
        },
    },
    Metric {
        name: "nginx_sts_calls_not_made_total",
        kind: "counter",
        help: "Calls to the STS that were not made, by what stood in the way.",
        samples: |text, sample| {
            sample.each(text, "cause", Unmade::ALL, Unmade::name, Totals::unmade)
        },
    },
    Metric {
        name: "nginx_sts_suspect_tokens_total",
        kind: "counter",
        help: "Answers of backends that did not take a token, by what became of the token.",
        samples: |text, sample| {
            sample.each(text, "result", Suspect::ALL, Suspect::name, Totals::suspect)
        },
    },
    Metric {
        name: "nginx_sts_retries_total",
        kind: "counter",
        help: "Requests that were sent to the backend once more with another token.",
        samples: |text, sample| sample.number(text, sample.totals.retries()),
    },
    Metric {
        name: "nginx_sts_calls_active",
        kind: "gauge",
        help: "Calls to the STS that run.",
        samples: |text, sample| sample.gauge(text, Gauge::CallsActive),
    },
    Metric {
        name: "nginx_sts_calls_queued",
        kind: "gauge",
        help: "Calls to the STS that wait for their turn.",
        samples: |text, sample| sample.gauge(text, Gauge::CallsQueued),
    },
    Metric {
        name: "nginx_sts_breaker_open",
        kind: "gauge",
        help: "Whether a worker makes no calls, or only one to find out whether the STS is back.",
        samples: |text, sample| sample.breaker(text),
    },
    Metric {
        name: "nginx_sts_call_duration_seconds",
        kind: "histogram",
        help: "Time from the turn of a call to its end.",
        samples: |text, sample| sample.histogram(text, Duration::Call),
    },
    Metric {
        name: "nginx_sts_wait_duration_seconds",
        kind: "histogram",
        help: "Time for which requests waited for a call.",
        samples: |text, sample| sample.histogram(text, Duration::Wait),
    },
];

impl Metric {
    /// Begins the metric.
    pub fn begin(&self, text: &mut String) {
        begin(text, self.name, self.kind, self.help);
    }

    /// The samples of one exchange.
    pub fn write(&self, text: &mut String, exchange: &Exchange) {
        let Exchange { name, totals, kind: _, endpoint, has_breaker } = exchange;
        let breaker_at = has_breaker.then_some(Label(endpoint));
        let sample = Sample { metric: self.name, exchange: Label(name), breaker_at, totals };
        let _ = (self.samples)(text, &sample);
    }
}

impl Sample<'_> {
    fn each<T: Copy, const N: usize>(
        &self,
        text: &mut String,
        label: &str,
        all: [T; N],
        word: fn(T) -> &'static str,
        number: fn(&Totals, T) -> u64,
    ) -> fmt::Result {
        let Self { metric, exchange, totals, .. } = self;
        all.into_iter().try_for_each(|one| {
            let (word, number) = (word(one), number(totals, one));
            writeln!(text, "{metric}{{exchange=\"{exchange}\",{label}=\"{word}\"}} {number}")
        })
    }

    fn gauge(&self, text: &mut String, gauge: Gauge) -> fmt::Result {
        self.number(text, self.totals.gauge(gauge))
    }

    fn number(&self, text: &mut String, number: u64) -> fmt::Result {
        let Self { metric, exchange, .. } = self;
        writeln!(text, "{metric}{{exchange=\"{exchange}\"}} {number}")
    }

    fn breaker(&self, text: &mut String) -> fmt::Result {
        let Self { metric, exchange, breaker_at, totals } = self;
        let Some(endpoint) = breaker_at else { return Ok(()) };
        let workers = totals.gauge(Gauge::BreakerOpen) + totals.gauge(Gauge::BreakerProbing);
        let is_open = u8::from(workers > 0);
        writeln!(text, "{metric}{{exchange=\"{exchange}\",endpoint=\"{endpoint}\"}} {is_open}")
    }

    fn histogram(&self, text: &mut String, duration: Duration) -> fmt::Result {
        let Self { metric, exchange, totals, .. } = self;
        let histogram = totals.histogram(duration);
        for ((_, bound), count) in BUCKETS.iter().zip(histogram.at_most) {
            writeln!(text, "{metric}_bucket{{exchange=\"{exchange}\",le=\"{bound}\"}} {count}")?;
        }
        let (count, sum) = (histogram.count, Seconds(histogram.sum));
        writeln!(text, "{metric}_bucket{{exchange=\"{exchange}\",le=\"+Inf\"}} {count}")?;
        writeln!(text, "{metric}_sum{{exchange=\"{exchange}\"}} {sum}")?;
        writeln!(text, "{metric}_count{{exchange=\"{exchange}\"}} {count}")
    }
}

/// What belongs to no exchange.
pub fn gateway(text: &mut String, gateway: &Gateway) {
    let _ = try_gateway(text, gateway);
}

/// A metric of zones.
type OfZone = (&'static str, &'static str, &'static str, fn(&Zone) -> u64);

const OF_ZONES: [OfZone; 6] = [
    ("nginx_sts_cache_entries", "gauge", "Entries in the cache.", |zone| zone.entries),
    ("nginx_sts_cache_bytes", "gauge", "Bytes of the cache that are in use.", |zone| zone.used),
    ("nginx_sts_cache_size_bytes", "gauge", "Bytes that the cache has.", |zone| zone.size),
    (
        "nginx_sts_cache_evictions_total",
        "counter",
        "Entries that others pushed out before their time.",
        |zone| zone.evictions,
    ),
    (
        "nginx_sts_cache_expirations_total",
        "counter",
        "Entries that were cleared away after their time.",
        |zone| zone.expirations,
    ),
    (
        "nginx_sts_cache_purges_total",
        "counter",
        "Entries that were forgotten by a purge.",
        |zone| zone.purges,
    ),
];

fn try_gateway(text: &mut String, gateway: &Gateway) -> fmt::Result {
    let Gateway { module, nginx, time: _, process: _, workers: _, totals, zones, stores } = gateway;
    let connections = "nginx_sts_connections";
    begin(text, connections, "gauge", "Connections to STSs, by what they are at.");
    for (state, gauge) in [("active", Gauge::ConnectionsActive), ("idle", Gauge::ConnectionsIdle)] {
        writeln!(text, "{connections}{{state=\"{state}\"}} {}", totals.gauge(gauge))?;
    }
    for (name, kind, help, number) in OF_ZONES {
        if zones.is_empty() {
            break;
        }
        begin(text, name, kind, help);
        for zone in zones {
            writeln!(text, "{name}{{cache=\"{}\"}} {}", Label(&zone.name), number(zone))?;
        }
    }
    if !stores.is_empty() {
        of_stores(text, stores)?;
    }
    let reloads = "nginx_sts_credential_reloads_total";
    begin(text, reloads, "counter", "Credentials in files that have changed and were read again.");
    for reload in Reload::ALL {
        let (result, number) = (reload.name(), totals.reload(reload));
        writeln!(text, "{reloads}{{result=\"{result}\"}} {number}")?;
    }
    let info = "nginx_sts_build_info";
    begin(text, info, "gauge", "The versions of the module and of the NGINX that it is for.");
    writeln!(text, "{info}{{version=\"{}\",nginx=\"{}\"}} 1", Label(module), Label(nginx))
}

fn of_stores(text: &mut String, stores: &[Store]) -> fmt::Result {
    let operations = "nginx_sts_store_operations_total";
    begin(text, operations, "counter", "Questions to the store behind a cache, by how they ended.");
    for Store { name, totals, .. } in stores {
        let store = Label(name);
        for (op, ended) in Op::ALL.iter().flat_map(|op| op.ends().iter().map(move |it| (op, it))) {
            let (number, op, result) = (totals.store(*op, *ended), op.name(), ended.name());
            writeln!(
                text,
                "{operations}{{store=\"{store}\",op=\"{op}\",result=\"{result}\"}} {number}"
            )?;
        }
    }
    let duration = "nginx_sts_store_duration_seconds";
    begin(text, duration, "histogram", "Time that the store took for a question.");
    for Store { name, totals, .. } in stores {
        let store = Label(name);
        let Histogram { at_most, count, sum } = totals.histogram(Duration::Call);
        for ((_, bound), count) in stores::BUCKETS.iter().zip(at_most) {
            writeln!(text, "{duration}_bucket{{store=\"{store}\",le=\"{bound}\"}} {count}")?;
        }
        writeln!(text, "{duration}_bucket{{store=\"{store}\",le=\"+Inf\"}} {count}")?;
        writeln!(text, "{duration}_sum{{store=\"{store}\"}} {}", stores::Seconds(sum))?;
        writeln!(text, "{duration}_count{{store=\"{store}\"}} {count}")?;
    }
    let breaker = "nginx_sts_store_breaker_open";
    begin(text, breaker, "gauge", "Whether a worker leaves the store alone because it has failed.");
    for Store { name, totals, .. } in stores {
        let is_open = u8::from(totals.gauge(Gauge::BreakerOpen) > 0);
        writeln!(text, "{breaker}{{store=\"{}\"}} {is_open}", Label(name))?;
    }
    Ok(())
}

fn begin(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
}

/// The value of a label.
struct Label<'a>(&'a str);

impl fmt::Display for Label<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(['\\', '"', '\n']) {
            let (before, after) = rest.split_at(at);
            f.write_str(before)?;
            let mut characters = after.chars();
            f.write_str(match characters.next() {
                Some('\n') => "\\n",
                Some('"') => "\\\"",
                _ => "\\\\",
            })?;
            rest = characters.as_str();
        }
        f.write_str(rest)
    }
}

/// Milliseconds as seconds.
pub(crate) struct Seconds(pub(crate) u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stores::Ended;
    use crate::words::Word;

    fn exchange(name: &str) -> Exchange {
        let mut totals = Totals::default();
        totals.0[Word::request(Outcome::Hit).at()] = 7;
        totals.0[Word::failure(FailureKind::Denied).at()] = 3;
        totals.0[Word::bucket(Duration::Wait, 30).at()] = 2;
        totals.0[Word::bucket(Duration::Wait, 30_000).at()] = 1;
        totals.0[Word::sum(Duration::Wait).at()] = 30_061;
        totals.0[Word::retry().at()] = 4;
        totals.0[Word::unmade(Unmade::Value).at()] = 5;
        totals.0[Word::suspect(Suspect::Kept).at()] = 6;
        let (name, endpoint) = (name.to_owned(), "https://sts/".to_owned());
        Exchange { name, kind: "otx", endpoint, has_breaker: true, totals }
    }

    fn written(metric: &str, exchange: &Exchange) -> String {
        let metric = METRICS.iter().find(|one| one.name == metric).unwrap();
        let mut text = String::new();
        metric.begin(&mut text);
        metric.write(&mut text, exchange);
        text
    }

    #[test]
    fn each_word_is_there_from_the_start() {
        let text = written("nginx_sts_failures_total", &exchange("a"));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 2 + FailureKind::ALL.len());
        assert_eq!(lines[1], "# TYPE nginx_sts_failures_total counter");
        assert!(lines.contains(&"nginx_sts_failures_total{exchange=\"a\",error=\"denied\"} 3"));
        assert!(lines.contains(&"nginx_sts_failures_total{exchange=\"a\",error=\"timeout\"} 0"));
        let text = written("nginx_sts_requests_total", &exchange("a"));
        assert!(text.contains("{exchange=\"a\",outcome=\"hit\"} 7\n"));
        assert!(text.contains("{exchange=\"a\",outcome=\"minted\"} 0\n"));
    }

    #[test]
    fn what_was_not_made_and_what_was_made_again_has_numbers() {
        for (metric, line) in [
            ("nginx_sts_retries_total", "{exchange=\"a\"} 4\n"),
            ("nginx_sts_calls_not_made_total", "{exchange=\"a\",cause=\"value\"} 5\n"),
            ("nginx_sts_suspect_tokens_total", "{exchange=\"a\",result=\"kept\"} 6\n"),
        ] {
            let text = written(metric, &exchange("a"));
            assert!(text.contains(&format!("{metric}{line}")), "{text}");
        }
    }

    #[test]
    fn buckets_are_cumulative() {
        let text = written("nginx_sts_wait_duration_seconds", &exchange("a"));
        for line in [
            "nginx_sts_wait_duration_seconds_bucket{exchange=\"a\",le=\"0.025\"} 0",
            "nginx_sts_wait_duration_seconds_bucket{exchange=\"a\",le=\"0.05\"} 2",
            "nginx_sts_wait_duration_seconds_bucket{exchange=\"a\",le=\"20\"} 2",
            "nginx_sts_wait_duration_seconds_bucket{exchange=\"a\",le=\"+Inf\"} 3",
            "nginx_sts_wait_duration_seconds_sum{exchange=\"a\"} 30.061",
            "nginx_sts_wait_duration_seconds_count{exchange=\"a\"} 3",
        ] {
            assert!(text.lines().any(|one| one == line), "{line}: {text}");
        }
    }

    #[test]
    fn a_label_ends_where_its_value_ends() {
        let text = written("nginx_sts_calls_active", &exchange("a\"b\\c\nd"));
        assert!(
            text.ends_with("nginx_sts_calls_active{exchange=\"a\\\"b\\\\c\\nd\"} 0\n"),
            "{text}"
        );
    }

    #[test]
    fn what_belongs_to_no_exchange_is_there_once() {
        let zone =
            Zone { name: "default".to_owned(), size: 5, used: 4, entries: 3, ..Zone::default() };
        let mut totals = Totals::default();
        totals.0[Word::gauge(Gauge::ConnectionsIdle).at()] = 2;
        let zones = vec![zone];
        let (module, nginx) = ("0.1.0", "1.22.1");
        let mut of_store = Totals::default();
        of_store.0[stores::word(Op::Get, Ended::Hit).unwrap().at()] = 6;
        of_store.0[stores::bucket(300).at()] = 6;
        of_store.0[stores::SUM.at()] = 1_800;
        of_store.0[Word::gauge(Gauge::BreakerOpen).at()] = 1;
        let (name, place) = ("shared".to_owned(), "redis.example:6379".to_owned());
        let stores = vec![Store { name, kind: "redis", place, totals: of_store }];
        let about =
            Gateway { module, nginx, time: 0, process: 1, workers: 1, totals, zones, stores };
        let mut text = String::new();
        gateway(&mut text, &about);
        for line in [
            "nginx_sts_connections{state=\"idle\"} 2",
            "nginx_sts_cache_size_bytes{cache=\"default\"} 5",
            "nginx_sts_store_operations_total{store=\"shared\",op=\"get\",result=\"hit\"} 6",
            "nginx_sts_store_operations_total{store=\"shared\",op=\"purge\",result=\"failed\"} 0",
            "nginx_sts_store_duration_seconds_bucket{store=\"shared\",le=\"0.00025\"} 0",
            "nginx_sts_store_duration_seconds_bucket{store=\"shared\",le=\"0.0005\"} 6",
            "nginx_sts_store_duration_seconds_sum{store=\"shared\"} 0.001800",
            "nginx_sts_store_breaker_open{store=\"shared\"} 1",
            "nginx_sts_credential_reloads_total{result=\"failed\"} 0",
            "nginx_sts_build_info{version=\"0.1.0\",nginx=\"1.22.1\"} 1",
        ] {
            assert!(text.lines().any(|one| one == line), "{line}: {text}");
        }
        // A metric without samples is left out.
        text.clear();
        gateway(&mut text, &Gateway { zones: Vec::new(), stores: Vec::new(), ..about });
        assert!(!text.contains("cache") && !text.contains("store"));
    }
}
