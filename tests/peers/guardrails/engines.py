"""Throwaway databases: each runs a text as its own client or library does, and reports the effect on the marker.

A server listens only on a socket in its own folder, and ends with the folder.
"""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import urllib.parse

import duckdb

SECONDS = 60
MARKER = "create table marker (a int); insert into marker values (0)"
SEQUENCE = "create sequence numbers"
# A function that runs its argument as SQL.
RUN_TEXT = "create function run_text(text) returns bool language plpgsql as 'begin execute $1; return true; end'"


class Effects:
    """The effect of a text: before it, the table `marker` had one row, and there was no other table."""

    def __init__(self, shown):
        """`shown` is the number of its rows, unless it is gone, and the names of all tables, one a line."""
        self.changed = shown.split() != ["1", "marker"]


def call(*command, text=None, check=False, seconds=SECONDS):
    done = subprocess.run(command, input=text or "", text=True, capture_output=True, timeout=seconds)
    if check and done.returncode != 0:
        raise RuntimeError(f"{command[0]}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class Postgres:
    """The server of TEST_POSTGRES_URL, by psql: on standard input, and once more as one call of the protocol."""

    name = "PostgreSQL"

    def __init__(self, folder):
        url = os.environ.get("TEST_POSTGRES_URL")
        if not url:
            raise SystemExit("TEST_POSTGRES_URL is not set: scripts/test.sh starts a server and sets it")
        self.database = f"guardrails_{os.getpid()}"
        self.admin = url
        parts = urllib.parse.urlsplit(url)
        self.url = parts._replace(path=f"/{self.database}").geturl()
        self.query(f"create database {self.database}", self.admin)
        self.clean = False

    def close(self):
        # It includes a checkpoint, which may write much data of earlier statements.
        self.query(f"drop database if exists {self.database} with (force)", self.admin, 10 * SECONDS)

    def environment(self):
        """The variables by which psql finds the database without a URL."""
        parts = urllib.parse.urlsplit(self.url)
        named = dict(urllib.parse.parse_qsl(parts.query))
        host, port = named.get("host", parts.hostname), named.get("port", parts.port)
        values = {"PGHOST": host, "PGPORT": port, "PGUSER": parts.username, "PGPASSWORD": parts.password}
        found = {name: urllib.parse.unquote(str(value)) for name, value in values.items() if value}
        return {**found, "PGDATABASE": self.database}

    def query(self, text, url=None, seconds=SECONDS):
        ways = ("-XqAt", "-v", "ON_ERROR_STOP=1")
        return call("psql", *ways, url or self.url, "-c", text, check=True, seconds=seconds)

    def run(self, text, fresh=True):
        if fresh and not self.clean:
            self.query(f"drop schema public cascade; create schema public; {MARKER}; {SEQUENCE}; {RUN_TEXT}")
        call("psql", "-Xq", self.url, text=text)
        call("psql", "-Xq", self.url, "-c", text)
        tables = "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'"
        counted = "select 'counted' from numbers where is_called"
        effects = Effects(call("psql", "-XqAt", self.url, text=f"select count(*) from marker; {tables}; {counted}"))
        self.clean = not effects.changed
        return effects

    def views(self):
        view = "json_build_array(schemaname || '.' || viewname, definition)"
        schemas = "('pg_catalog', 'information_schema')"
        return json.loads(self.query(f"select json_agg({view}) from pg_views where schemaname in {schemas}"))

    def own_queries(self, commands):
        """The queries that psql itself sends for a backslash command."""
        line = "*" * 26
        for command in commands:
            shown = call("psql", "-XE", self.url, "-c", command)
            for query in shown.split("********* QUERY **********\n")[1:]:
                yield command, query.split(line)[0].split("\n/***")[0]


class MariaDb:
    """A separate server, used through its client, which keeps comments and continues after an error."""

    name = "MariaDB"

    def __init__(self, folder):
        # Not in the folder that is given: the path of a socket has at most 107 bytes.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="countersign-db.", dir="/tmp"))
        self.server, self.clean = None, False
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def start(self):
        data, self.socket = self.folder / "data", self.folder / "socket"
        user = ["--user=root"] if os.getuid() == 0 else []
        call("mariadb-install-db", "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal",
             "--skip-test-db", *user, check=True)
        log = open(self.folder / "log", "w")
        server = shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin") or "mariadbd"
        self.server = subprocess.Popen(
            [server, "--no-defaults", f"--datadir={data}", f"--socket={self.socket}", "--skip-networking",
             f"--pid-file={self.folder}/pid", "--innodb-flush-log-at-trx-commit=0",
             "--innodb-buffer-pool-size=16M", *user],
            stdout=log, stderr=subprocess.STDOUT)
        for _ in range(SECONDS * 10):
            if self.server.poll() is not None:
                said = (self.folder / "log").read_text()[-2000:]
                raise RuntimeError(f"mariadbd: exit code {self.server.returncode}\n{said}")
            if self.client("select 1").strip() == "1":
                return
            time.sleep(0.1)
        raise RuntimeError("mariadbd does not answer")

    def close(self):
        if self.server:
            self.server.terminate()
            self.server.wait(SECONDS)
        shutil.rmtree(self.folder, ignore_errors=True)

    def client(self, text, *more):
        user = ["--user=root", "--default-character-set=utf8mb4"]
        ways = ["--comments", "--force", "--skip-column-names", "--raw"]
        return call("mariadb", "--no-defaults", f"--socket={self.socket}", *user, *ways, *more, text=text)

    def run(self, text):
        if not self.clean:
            self.client(f"drop database if exists marks; create database marks; use marks; {MARKER}; {SEQUENCE}")
        self.client(text, "marks")
        known = "information_schema.tables where table_schema = 'marks' and table_type = 'BASE TABLE'"
        tables = f"select table_name from {known}"
        counted = "select 'counted' from numbers where next_not_cached_value > 1"
        effects = Effects(self.client(f"select count(*) from marker; {tables}; {counted}", "marks"))
        self.clean = not effects.changed
        return effects

    def views(self):
        views = "information_schema.views where table_schema = 'sys'"
        shown = self.client(f"select json_array(table_name, view_definition) from {views}")
        return [json.loads(line) for line in shown.splitlines()]


class Sqlite:
    """Debian's shell of SQLite."""

    name = "SQLite"

    def __init__(self, folder):
        self.file, self.clean = pathlib.Path(folder) / "marks.sqlite", False

    def close(self):
        pass

    def run(self, text):
        shell = ("sqlite3", str(self.file))
        if not self.clean:
            self.file.unlink(missing_ok=True)
            call(*shell, MARKER, check=True)
        call(*shell, text=text)
        tables = "select name from sqlite_master where type = 'table';"
        effects = Effects(call(*shell, text=f"select count(*) from marker;\n{tables}"))
        self.clean = not effects.changed
        return effects


class DuckDb:
    """DuckDB's Python library."""

    name = "DuckDB"

    def __init__(self, folder):
        pass

    def close(self):
        pass

    def run(self, text):
        with duckdb.connect(":memory:") as connection:
            connection.execute(MARKER)
            with contextlib.suppress(duckdb.Error):
                connection.execute(text)
            shown = []
            for query in ("select count(*) from marker", "select table_name from duckdb_tables()"):
                with contextlib.suppress(duckdb.Error):
                    shown += [str(value) for (value,) in connection.execute(query).fetchall()]
            return Effects("\n".join(shown))


class Shell:
    """dash and bash, each in a new folder, with `psql` for PostgreSQL's database."""

    name = "a shell"

    def __init__(self, postgres):
        self.postgres = postgres

    def lines(self, text):
        """Whether one of them makes the file `marker`."""
        made = False
        for shell in ("dash", "bash"):
            with tempfile.TemporaryDirectory(prefix="countersign-shell.") as folder:
                environment = {"PATH": os.environ["PATH"], "PSQLRC": "/dev/null", **self.postgres.environment()}
                subprocess.run([shell, "-c", text], cwd=folder, env=environment, capture_output=True, timeout=SECONDS)
                made |= pathlib.Path(folder, "marker").exists()
        return made

    def run(self, text):
        self.postgres.run("select 1")
        self.lines(text)
        return self.postgres.run("select 1", fresh=False)


@contextlib.contextmanager
def all_engines():
    """All engines by name; each is ended in any case."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="countersign-guardrails."))
        engines = {}
        for kind in (Postgres, MariaDb, Sqlite, DuckDb):
            engines[kind.name] = kind(folder)
            stack.callback(engines[kind.name].close)
        engines[Shell.name] = Shell(engines[Postgres.name])
        yield engines
