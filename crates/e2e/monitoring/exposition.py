"""What STSStatus answers to Prometheus, made up: each metric, with numbers that grow."""

OUTCOMES = "hit miss coalesced refreshed stale negative minted bypassed passed failed".split()
ERRORS = (
    "missing_token bad_token repeated_token form_too_large unsupported_form bad_header refused "
    "step_up denied gateway_refused bad_answer busy unreachable timeout"
).split()
BUCKETS = "0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5 10 20 +Inf".split()
EXCHANGES = {"orders": 40, "stock \\\"b\\\"": 7}

REQUESTS = {"hit": 40, "miss": 6, "coalesced": 3, "refreshed": 1, "stale": 1, "failed": 2, "passed": 1}
FAILURES = {"refused": 1, "timeout": 1, "unreachable": 1}
RESULTS = {"ok": 6, "refused": 1, "failed": 1, "abandoned": 0}
CAUSES = {"queue": 1, "value": 1, "breaker": 2, "pause": 1}
SUSPECTS = {"forgotten": 1, "replaced": 1, "kept": 0}


def metric(name, kind, text, samples):
    """One metric; a sample is its labels and its value, or a suffix, labels and value."""
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"
    for sample in samples:
        suffix, labels, value = sample if len(sample) == 3 else ("", *sample)
        text = ",".join(f'{key}="{label}"' for key, label in labels.items())
        yield f"{name}{suffix}{{{text}}} {value}"


def histogram(labels, count):
    """Half of all take up to 50 ms, the rest up to 250 ms."""
    for number, bound in enumerate(BUCKETS):
        below = 0 if number < 3 else count // 2 if number < 5 else count
        yield "_bucket", {**labels, "le": bound}, below
    yield "_sum", labels, count * 0.1
    yield "_count", labels, count


def exposition(seconds):
    """The text after so many seconds."""
    each = [(name, int(load * seconds)) for name, load in EXCHANGES.items()]

    def counters(label, words, rates):
        for name, n in each:
            for word in words:
                yield {"exchange": name, label: word}, n * rates.get(word, 0)

    cache, store = {"cache": "default"}, {"store": "redis", "op": "get"}
    endpoint = {"exchange": "orders", "endpoint": "https://sts.example.com:443/token"}
    n = int(seconds * 3)
    lines = [
        metric("nginx_sts_requests_total", "counter", "Requests by outcome.", counters("outcome", OUTCOMES, REQUESTS)),
        metric("nginx_sts_failures_total", "counter", "Failures by error.", counters("error", ERRORS, FAILURES)),
        metric("nginx_sts_calls_total", "counter", "Calls by result.", counters("result", list(RESULTS), RESULTS)),
        metric("nginx_sts_calls_not_made_total", "counter", "Calls not made.", counters("cause", list(CAUSES), CAUSES)),
        metric("nginx_sts_suspect_tokens_total", "counter", "Suspect tokens.", counters("result", list(SUSPECTS), SUSPECTS)),
        metric("nginx_sts_retries_total", "counter", "Requests sent again.",
               [({"exchange": name}, n) for name, n in each]),
        metric("nginx_sts_call_duration_seconds", "histogram", "Time of calls.",
               (sample for name, n in each for sample in histogram({"exchange": name}, 6 * n))),
        metric("nginx_sts_wait_duration_seconds", "histogram", "Time that requests waited for calls.",
               (sample for name, n in each for sample in histogram({"exchange": name}, 9 * n))),
        metric("nginx_sts_calls_active", "gauge", "Calls that run.", [({"exchange": name}, 3) for name, _ in each]),
        metric("nginx_sts_calls_queued", "gauge", "Calls in the queue.", [({"exchange": name}, 1) for name, _ in each]),
        metric("nginx_sts_connections", "gauge", "Connections to STSs.", [({"state": "active"}, 3), ({"state": "idle"}, 5)]),
        metric("nginx_sts_cache_entries", "gauge", "Tokens in the cache.", [(cache, 1000 + n)]),
        metric("nginx_sts_cache_bytes", "gauge", "Bytes in use.", [(cache, 16_000_000)]),
        metric("nginx_sts_cache_size_bytes", "gauge", "Bytes that it has.", [(cache, 16_777_216)]),
        metric("nginx_sts_cache_evictions_total", "counter", "Good tokens dropped.", [(cache, n)]),
        metric("nginx_sts_cache_expirations_total", "counter", "Tokens that were over.", [(cache, 2 * n)]),
        metric("nginx_sts_cache_purges_total", "counter", "Tokens purged.", [(cache, 4)]),
        metric("nginx_sts_store_operations_total", "counter", "Operations of stores.",
               [({**store, "result": "hit"}, 5 * n), ({**store, "result": "failed"}, n)]),
        metric("nginx_sts_store_duration_seconds", "histogram", "Time of stores.", histogram({"store": "redis"}, 6 * n)),
        metric("nginx_sts_store_breaker_open", "gauge", "Whether it is left alone.", [({"store": "redis"}, 1)]),
        metric("nginx_sts_breaker_open", "gauge", "Whether no calls are made.", [(endpoint, 1)]),
        metric("nginx_sts_credential_reloads_total", "counter", "Credentials read again.",
               [({"result": "ok"}, 2), ({"result": "failed"}, n)]),
        metric("nginx_sts_build_info", "gauge", "The versions.", [({"version": "0.1.0", "nginx": "1.22.1"}, 1)]),
    ]
    return "".join(f"{line}\n" for one in lines for line in one)
