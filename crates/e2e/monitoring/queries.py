"""Runs each query of the dashboard and each alert on a Prometheus: `make test-monitoring`.

usage: queries.py          (Prometheus scrapes exposition.py)
       queries.py URL      (Prometheus scrapes an STSStatus)
"""

import http.server
import json
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import exposition

ROOT = pathlib.Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs/monitoring"
# What the dashboard's variables stand for when all is chosen; the interval has some scrapes in it.
VARIABLES = {"$__rate_interval": "6s", "$instance": ".*", "$exchange": ".*"}
PATIENCE = 60

wrong = []


def check(holds, what):
    if not holds:
        wrong.append(what)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Gateway(http.server.BaseHTTPRequestHandler):
    """Answers as STSStatus does."""

    started = time.monotonic()

    def do_GET(self):
        text = exposition.exposition(time.monotonic() - self.started).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


class Prometheus:
    """One with the configuration of the documents, but for the target and the pace."""

    def __init__(self, directory, target):
        address = urllib.parse.urlsplit(target)
        text = (DOCS / "prometheus.yml").read_text()
        for old, new in [
            (r"(scrape_interval|evaluation_interval): 15s", r"\1: 1s"),
            (r"- alerts\.yml", f"- {DOCS}/alerts.yml"),
            (r"metrics_path: \S+", f"metrics_path: {address.path}"),
            (r'targets: \["[^"]+"\]', f'targets: ["{address.netloc}"]'),
        ]:
            text, count = re.subn(old, new, text)
            assert count, f"prometheus.yml has no {old}"
        (directory / "prometheus.yml").write_text(text)
        port = free_port()
        self.address = f"http://127.0.0.1:{port}"
        self.log = directory / "prometheus.log"
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={directory}/prometheus.yml", f"--storage.tsdb.path={directory}/data",
             f"--web.listen-address=127.0.0.1:{port}"],
            stdout=self.log.open("w"), stderr=subprocess.STDOUT)

    def ask(self, path, **parameters):
        url = f"{self.address}/api/v1/{path}?{urllib.parse.urlencode(parameters, doseq=True)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as response:
                return json.load(response)["data"]
        except urllib.error.HTTPError as error:
            # While it starts it says so, and not in JSON.
            if error.code == 503:
                raise
            return {"error": json.load(error)["error"]}

    def until(self, condition, what):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                if condition():
                    return
            except OSError:
                pass
            if self.process.poll() is not None:
                break
            time.sleep(0.2)
        sys.exit(f"in vain: {what}\n{self.log.read_text()[-2000:]}")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)


def plain(text):
    for name, value in VARIABLES.items():
        text = text.replace(name, value)
    return text


def ask_dashboard(prometheus, dashboard, known):
    """Each query gives numbers, if the gateway has the metric at all."""
    asked = 0
    targets = [(panel["title"], target["expr"]) for panel in dashboard["panels"] for target in panel.get("targets", [])]
    for title, expression in targets:
        data = prometheus.ask("query", query=plain(expression))
        asked += 1
        check("error" not in data, f"{title}: {expression}: {data.get('error')}")
        needed = set(re.findall(r"nginx_sts_\w+", expression))
        if needed <= known:
            check(data.get("result"), f"{title}: nothing comes of {expression}")
    for variable in dashboard["templating"]["list"]:
        if variable["type"] != "query":
            continue
        series, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"]).groups()
        data = prometheus.ask(f"label/{label}/values", **{"match[]": plain(series)})
        asked += 1
        check(isinstance(data, list) and data, f"variable {variable['name']}: {data}")
    for annotation in dashboard["annotations"]["list"]:
        data = prometheus.ask("query", query=annotation["expr"])
        asked += 1
        check("error" not in data, f"annotation {annotation['name']}: {data}")
    return asked


def look_at_dashboard(dashboard):
    """It is one that Grafana can draw: ids are unique, and panels do not lie on each other."""
    panels = dashboard["panels"]
    check(len({panel["id"] for panel in panels}) == len(panels), "two panels have one id")
    cells = set()
    for panel in panels:
        place = panel["gridPos"]
        check(place["x"] + place["w"] <= 24, f"{panel['title']} is out of the grid")
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                check((x, y) not in cells, f"{panel['title']} lies on another panel")
                cells.add((x, y))
        if panel["type"] != "row":
            check(panel["description"], f"{panel['title']} is not described")
            check(len({target["refId"] for target in panel["targets"]}) == len(panel["targets"]), panel["title"])


def look_at_manual(known, alerts):
    """The manual has each alert and no other, and no metric that is not made up here."""
    manual = (ROOT / "docs/monitoring.md").read_text()
    told = set(re.findall(r"^\| `(Sts\w+)`", manual, re.MULTILINE))
    check(told == alerts, f"alerts of the manual: {sorted(told ^ alerts)}")
    told = set(re.findall(r"`(nginx_sts_\w+)`", (ROOT / "docs/directives/status.md").read_text()))
    check(told <= known, f"metrics that exposition.py lacks: {sorted(told - known)}")


def metrics_of(text):
    """The names of the labels of each metric."""
    metrics = {name: set() for name in re.findall(r"^# TYPE (\S+)", text, re.MULTILINE)}
    for name, labels in re.findall(r"^(\w+)\{(.*)\} ", text, re.MULTILINE):
        name = name if name in metrics else re.sub(r"_(bucket|sum|count)$", "", name)
        metrics[name] |= set(re.findall(r'(\w+)="(?:[^"\\]|\\.)*"', labels))
    return metrics


def look_at_metrics(text, made_up):
    """promtool has nothing to say, and what is not made up here is as it is here."""
    promtool = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True, check=False)
    check(promtool.returncode == 0, f"promtool check metrics: {promtool.stdout}{promtool.stderr}")
    for name, labels in metrics_of(text).items():
        check(labels == made_up.get(name), f"{name} has the labels {labels}, in exposition.py {made_up.get(name)}")


def main():
    made_up = metrics_of(exposition.exposition(1))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    target = (sys.argv[1:] or [f"http://127.0.0.1:{server.server_port}/sts"])[0]
    with urllib.request.urlopen(target, timeout=10) as response:
        text = response.read().decode()
    look_at_metrics(text, made_up)
    scraped = metrics_of(text)
    # A metric of a histogram has three names in queries.
    known = {name + suffix for name in scraped for suffix in ("", "_bucket", "_sum", "_count")}

    dashboard = json.loads((DOCS / "grafana.json").read_text())
    look_at_dashboard(dashboard)
    with tempfile.TemporaryDirectory() as directory:
        prometheus = Prometheus(pathlib.Path(directory), target)
        try:
            scrapes = lambda: prometheus.ask("query", query='count_over_time(up{job="nginx-sts"}[1m]) >= 8')["result"]
            prometheus.until(scrapes, "eight scrapes")
            check(prometheus.ask("query", query='min_over_time(up{job="nginx-sts"}[1m]) == 1')["result"], "a scrape failed")
            asked = ask_dashboard(prometheus, dashboard, known)
            rules = [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]
            for rule in rules:
                check(rule["health"] == "ok", f"{rule['name']}: {rule.get('lastError', rule['health'])}")
            look_at_manual(set(made_up), {rule["name"] for rule in rules})
        finally:
            prometheus.stop()
    server.shutdown()
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"{asked} queries of the dashboard and {len(rules)} alerts ran on {len(scraped)} metrics")


main()
