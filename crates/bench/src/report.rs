//! What came of it, as a document.

use std::fmt::Write;

use crate::contestant::Contestant;
use crate::figures::Spread;
use crate::race::{CROWD, HERD_SIZE, Herd, Memory, Race, Results, Row, Scale, Stall, StoreRow};
use crate::scenario::Entrant;

const HEAD: &str = "\
# Results

Written by `make bench`, which runs everything again. One NGINX for each contestant, the same load, \
the same STS and the same backend; the contestants take turns in each round, so that what else \
happens on the machine hits all of them. With one worker it has a processor of its own; load, STS \
and backend share the others. All traffic is on the loopback interface. The configurations are in \
[conf](conf).

- **limit**: the same location with the same `map` and header, without an exchange.
- **auth_request**: NGINX's own means, a subrequest with `proxy_cache`. It gets the token in a header, \
which a real STS does not send. It keeps no token of 64 KiB.
- **Lua**: OpenResty's module, a shared dict and cosockets. It has no single-flight.
- **njs**: `auth_request`, a script that reads the answer, a subrequest with `proxy_cache`.

*Ratio*: requests a second to those of the first line in the same round; 1 is the best there can be. \
*CPU*: what the scheduler says that the workers have run, for each request; *over*: what of it is more \
than in the first line. All figures are medians over the rounds, with the least and the most in \
brackets. Before anything is measured each contestant has to give the backend the right token, and in \
each round the STS has to have been called exactly as often as it should.
";

pub(crate) fn write(results: &Results) -> String {
    let mut text = HEAD.to_owned();
    if results.quick {
        text += "\n**A quick run: too short to be relied on.**\n";
    }
    text += "\n| | |\n|---|---|\n";
    for (name, value) in &results.machine.lines {
        let _ = writeln!(text, "| {name} | {value} |");
    }
    let _ = writeln!(text, "| duration | {} s |", results.took.as_secs());
    text += "\n![Ratios to the limit](ratios.svg)\n";
    for workers in [1, 2] {
        let races: Vec<_> = results.races.iter().filter(|race| race.workers == workers).collect();
        if races.is_empty() {
            continue;
        }
        let noun = if workers == 1 { "worker" } else { "workers" };
        let _ = write!(text, "\n## {workers} {noun}\n\n{}", overview(&races));
        for race in races {
            text += &table(race);
        }
    }
    text += &stalls(&results.stalls);
    text += &herds(&results.herds);
    text += &scale(&results.scale);
    text += &stores(&results.stores);
    text += &memory(&results.memory);
    text
}

/// A race as it goes to the terminal.
pub(crate) fn lines(race: &Race) -> String {
    let mut text = format!("{}, {} worker(s)\n", race.scenario.name, race.workers);
    for row in &race.rows {
        let _ = writeln!(
            text,
            "    {:16} {:9.0}/s  ratio {:.3} [{:.3} {:.3}]  cpu {:6.2} us  over {:6.2} us",
            row.entrant.name(),
            row.rate.median,
            row.ratio.median,
            row.ratio.least,
            row.ratio.most,
            row.cpu.median,
            row.over.median,
        );
    }
    text
}

/// The ratios of all races with the usual contestants, at a glance.
fn overview(races: &[&Race]) -> String {
    let mut text = String::from("| ratio to the limit |");
    let columns = &Contestant::ALL[1..];
    for contestant in columns {
        let _ = write!(text, " {} |", contestant.name());
    }
    text += "\n|---|";
    text += &"---|".repeat(columns.len());
    text += "\n";
    for race in races {
        let ratio = |contestant| {
            let row = race.rows.iter().find(|row| row.entrant == Entrant::Gateway(contestant));
            row.map(|row| row.ratio.median)
        };
        let ratios: Vec<_> = columns.iter().map(|one| ratio(*one)).collect();
        let best = ratios.iter().flatten().copied().fold(0.0, f64::max);
        if !race.is_against_the_limit() {
            continue;
        }
        let _ = write!(text, "| {} |", race.scenario.name);
        for ratio in ratios {
            let _ = match ratio {
                None => write!(text, " — |"),
                Some(ratio) if ratio >= best => write!(text, " **{ratio:.2}** |"),
                Some(ratio) => write!(text, " {ratio:.2} |"),
            };
        }
        text += "\n";
    }
    text
}

fn table(race: &Race) -> String {
    let scenario = race.scenario;
    let mut text = format!(
        "\n### {}\n\n{}; {} connections, {} rounds\n\n\
         | | requests/s | ratio | CPU, µs | over, µs | p99, µs |\n|---|---|---|---|---|---|\n",
        capitalised(scenario.name),
        capitalised(scenario.about),
        scenario.connections,
        race.rounds,
    );
    for Row { entrant, rate, ratio, cpu, over, p99 } in &race.rows {
        let has_workers = entrant.contestant().is_some();
        let is_compared = race.rows.first().is_some_and(|row| row.entrant.contestant().is_some());
        let cell = |shown: bool, spread: &Spread| {
            if shown { spread_of(spread, 1) } else { "—".to_owned() }
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} |",
            entrant.name(),
            spread_of(rate, 0),
            spread_of(ratio, 3),
            cell(has_workers, cpu),
            cell(has_workers && is_compared, over),
            spread_of(p99, 0),
        );
    }
    text
}

fn stalls(stalls: &[Stall]) -> String {
    if stalls.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "\n## Stall\n\nA static location while 64 requests wait for the STS, or for tokens that \
         this module signs at full load, in microseconds; one worker. *Ratio*: of p99 to that of the idle one in the same round.\n\n\
         | | STS | p50 | p99 | p99.9 | max | ratio |\n|---|---|---|---|---|---|---|\n",
    );
    for Stall { contestant, state, latency, ratio } in stalls {
        let at = |quantile| latency.value_at_quantile(quantile);
        let _ = writeln!(
            text,
            "| {} | {state} | {} | {} | {} | {} | {} |",
            contestant.name(),
            at(0.5),
            at(0.99),
            at(0.999),
            latency.max(),
            spread_of(ratio, 2),
        );
    }
    text
}

fn herds(herds: &[Herd]) -> String {
    if herds.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "\n## Herd\n\n{HERD_SIZE} requests at once with the same new token; two workers, an STS of \
         50 ms. NGINX answers by itself, without the backend. For the limit, which waits for no STS, \
         the time is that from the first request.\n\n\
         | | calls | last answer, ms after the STS's |\n|---|---|---|\n"
    );
    for Herd { contestant, calls, after } in herds {
        let _ = writeln!(
            text,
            "| {} | {} | {} |",
            contestant.name(),
            spread_of(calls, 0),
            spread_of(after, 1)
        );
    }
    text
}

fn scale(scale: &[Scale]) -> String {
    if scale.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "\n## Scale\n\nHits on any of the entries of this module's cache, one worker. *Memory*: of \
         the worker's own (RssAnon), after so many exchanges.\n\n\
         | entries | CPU of a hit, µs | CPU of the limit, µs | of the same round, times | memory, KiB |\n\
         |---|---|---|---|---|\n",
    );
    for Scale { entries, cpu, limit, ratio, memory } in scale {
        let (cpu, limit, ratio) = (spread_of(cpu, 1), spread_of(limit, 1), spread_of(ratio, 2));
        let _ = writeln!(text, "| {entries} | {cpu} | {limit} | {ratio} | {memory} |");
    }
    text
}

fn stores(rows: &[StoreRow]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "\n## Stores\n\nTwo nodes with one worker each, tokens of 1 KiB, 32 connections: tokens that one node has \
         got are asked for on the other, each once (*in the store*) and then once more (*in the zone*); then \
         others, which both the store and the STS are asked for (*nowhere*). This module encrypts what it puts \
         there, elects one caller over all nodes, and asks for the epochs and for what is left of a life in the \
         same question. Lua (there is no lua-resty-redis in Debian; RESP by a cosocket) reads and writes a value \
         in clear. Times are in microseconds.\n\n\
         | | token | requests/s | CPU, µs | p50, µs | p99, µs |\n|---|---|---|---|---|---|\n",
    );
    for StoreRow { contestant, what, rate, cpu, p50, p99 } in rows {
        let (rate, cpu) = (spread_of(rate, 0), spread_of(cpu, 1));
        let (p50, p99) = (spread_of(p50, 0), spread_of(p99, 0));
        let _ = writeln!(text, "| {contestant} | {what} | {rate} | {cpu} | {p50} | {p99} |");
    }
    text
}

fn memory(rows: &[Memory]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "\n## Memory of a waiting request\n\n{CROWD} requests with different tokens wait for the first byte of \
         an answer: in one location for that of an STS, in another one of the same NGINX for that of a backend. \
         KiB of the worker's own memory (RssAnon) for each, with the connection of its client; a new NGINX for \
         each figure. The token stands in `Authorization`, from where `STSAcceptSourceTokenIn` takes it.\n\n\
         | token, bytes | waits for `proxy_pass` | waits for the STS | ratio |\n|---|---|---|---|\n"
    );
    for Memory { token, backend, sts, ratio } in rows {
        let (backend, sts, ratio) = (spread_of(backend, 1), spread_of(sts, 1), spread_of(ratio, 2));
        let _ = writeln!(text, "| {token} | {backend} | {sts} | {ratio} |");
    }
    text
}

fn spread_of(Spread { least, median, most }: &Spread, digits: usize) -> String {
    format!("{median:.digits$} ({least:.digits$} to {most:.digits$})")
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
