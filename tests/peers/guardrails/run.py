"""Compares guardrails with the databases whose statements they read.

    .venv/bin/python guardrails/run.py HUB_URL ADMIN_TOKEN

Creates a resource on a running hub that denies `drop table` and allows `select`, evaluates texts with it, and runs them
with PostgreSQL, MariaDB, SQLite, DuckDB and shells. A statement that any of them runs must be denied if a rule names
it, and must not be allowed otherwise. The queries of the databases' own views and of psql must be allowed.

Prints a summary. Exit code 0 only when every check passes.
"""

import http.client
import json
import random
import signal
import sys
import urllib.parse

from cases import ACTING, EVERY, HIDDEN, PSQL, QUIET, READING, WRITING
from engines import all_engines

DENIED, OTHER = "drop table marker", "insert into marker values (1)"
RULES = [
    {"name": "no-drop", "effect": "deny", "statements": ["drop table", "delete"]},
    {"name": "reading", "effect": "allow", "statements": ["select", "show", "with", "values"]},
]
ECHO = [{"name": "echo", "effect": "allow", "pattern": "echo .*"}]
# The pieces of generated texts, and the number of texts; they are the same each time. The hub detects the hidden
# statement in most, and the databases run the others.
MARKS = [
    "'", "'", "\"", "`", "[", "]", "\\", "$$", "$a$", "$→$", "$1", "/*", "*/", "--", "-- ", "#", "\n", ";",
    "/*!", "/*!50000 ", "/*M!", "/*!99999 ", "E'", "x'", "N'", " ", "@@", "@x(", ":x(", "$x(", "#x(", ")", "::",
    "|", "+", "<", "*", "/", "-", "1", "1e", ".", "a", "b'",
]
TEXTS = 800


class Hub:
    def __init__(self, url, token):
        self.connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=60)
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def call(self, method, path, body):
        self.connection.request(method, path, json.dumps(body), self.headers)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise SystemExit(f"{method} {path}: {answer.status} {text.decode()}")
        return json.loads(text)

    def outcome(self, command, language="sql", resource="guarded"):
        ask = {"resource": resource, "command": command, "language": language}
        return self.call("POST", "/v1/evaluate", {**ask, "requester": {"email": "nora@example.com"}})["outcome"]

    def set_up(self):
        self.call("PUT", "/v1/groups/guards", {"members": ["dana@example.com"]})
        self.call("PUT", "/v1/resources/guarded", {"slots": [{"group": "guards"}], "guardrails": RULES})
        self.call("PUT", "/v1/resources/shell", {"slots": [{"group": "guards"}], "guardrails": ECHO})


class Report:
    def __init__(self):
        self.faults, self.counts = [], {}

    def expect(self, what, good, text):
        self.counts[what] = self.counts.get(what, 0) + 1
        if not good:
            self.faults.append(f"{what}: {text!r}")


def hidden(hub, engines, report):
    for names, text in HIDDEN:
        for name in names:
            for effect, wrong in ((DENIED, ("direct", "needs_approval")), (OTHER, ("direct",))):
                filled = text.replace("{}", effect)
                report.expect(f"{name} runs it", engines[name].run(filled).changed, filled)
                report.expect("seen", hub.outcome(filled) not in wrong, filled)
    for names, text in WRITING:
        for name in names:
            report.expect(f"{name} runs it", engines[name].run(text).changed, text)
            report.expect("seen", hub.outcome(text) != "direct", text)


def reading(hub, engines, report):
    for name, text in READING:
        report.expect(f"{name} only reads", not engines[name].run(text).changed, text)
        report.expect("passes", hub.outcome(text) == "direct", text)
    for name, refused in (("PostgreSQL", 0), ("MariaDB", 1)):
        views = engines[name].views()
        passed = [hub.outcome(definition) == "direct" for _, definition in views]
        report.expect(f"{name} has views", len(views) >= 100, len(views))
        report.expect(f"{name}'s {len(views)} views", passed.count(False) <= refused,
                    [view for (view, _), passes in zip(views, passed) if not passes])
    queries = list(engines["PostgreSQL"].own_queries(PSQL))
    report.expect("psql has queries", len(queries) >= len(PSQL), len(queries))
    for command, query in queries:
        report.expect("psql's queries", hub.outcome(query) == "direct", (command, query))


def shells(hub, engines, report):
    for texts, acts in ((ACTING, True), (QUIET, False)):
        for text in texts:
            report.expect("a shell acts" if acts else "a shell is quiet", engines["a shell"].lines(text) == acts, text)
            for language in ("sh", "bash"):
                direct = hub.outcome(text, language, "shell") == "direct"
                report.expect("asked about" if acts else "passes", direct != acts, text)


def generated(hub, engines, report):
    """In any surrounding text, no engine may run a statement that the hub has not detected."""
    chance = random.Random(1)
    for _ in range(TEXTS):
        before, after = ("".join(chance.choices(MARKS, k=chance.randrange(10))) for _ in range(2))
        named, other = (f"select {before}; {effect} ;{after}" for effect in (DENIED, OTHER))
        if hub.outcome(named) != "denied":
            unseen = named
        elif hub.outcome(other) == "direct":
            unseen = other
        else:
            continue
        for name in EVERY:
            engine = engines[name]
            report.expect("generated", not engine.run(unseen).changed, f"{name}: {unseen}")


def main():
    # This also ends the databases.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    hub, report = Hub(*sys.argv[1:3]), Report()
    hub.set_up()
    with all_engines() as engines:
        hidden(hub, engines, report)
        reading(hub, engines, report)
        shells(hub, engines, report)
        generated(hub, engines, report)
    for fault in report.faults:
        print(fault, file=sys.stderr)
    print(", ".join(f"{what}: {count}" for what, count in report.counts.items()))
    sys.exit(1 if report.faults else 0)


main()
