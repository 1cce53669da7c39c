"""Statements that databases run and others read differently, and statements that only read.

`{}` is the hidden statement.
"""

EVERY = ("PostgreSQL", "MariaDB", "SQLite", "DuckDB")

# By the engines that run the hidden statement.
HIDDEN = [
    # Tags of dollar quotes are words in any letters.
    *(((engine,), f"select ${tag}$ ' ${tag}$; {{}}; -- '")
      for engine in ("PostgreSQL", "DuckDB") for tag in ("", "a", "→", "€", "é", "e\u0301", "_→1", "中", "🙂")),
    # Variables of SQLite with any text in the parentheses.
    *((("SQLite",), f"select {sign}({held}); {{}}; -- ' \" ` ] */ '")
      for sign in ("$x", "@x", ":x", "#x", "$a::b", "$é") for held in ("'", "\"", "`", "[", "--", "/*")),
    # MariaDB's executable comments: comments in them run to the end of the line, and some run while others do not.
    (("MariaDB",), "select 1 /*! # */ '\n */; {}; -- '"),
    (("MariaDB",), "select 1 /*! -- */ '\n */; {}; -- '"),
    (("MariaDB",), "select 1 /*M! # */ '\n */; {}; -- '"),
    (("MariaDB",), "select 1 /*M!100100 -- */ '\n */; {}; -- '"),
    (("MariaDB",), "select 1 /*!99999 ' */; /*!50000 {} */ -- '"),
    (("MariaDB",), "select 1 /*!50700 ' */; /*M!100000 {} */ -- '"),
    (("MariaDB",), "/*!50000 {} */"),
    (("MariaDB",), "select 'a\\'', 1; {}; -- '"),
    (("MariaDB",), "select 1 --1; {};"),
    (("MariaDB",), "select 1 #'\n; {}; -- '"),
    # Nested comments, escapes, operators that seem to swallow a comment.
    (("PostgreSQL", "SQLite", "DuckDB"), "select '\\'', '; {}; -- '"),
    (("PostgreSQL", "DuckDB"), "select E'\\'', 1; {}; -- '"),
    (("PostgreSQL",), "select /* /* */ ' */ 1; {}; -- '"),
    (("PostgreSQL",), "select 1 |/*'*/ 2; {}; /*'*/"),
    (("SQLite",), "select 1 as [a'b]; {}; --']"),
    (("SQLite", "MariaDB"), "select 1 as `a'b`; {}; -- '`"),
    # Code in strings.
    (("PostgreSQL",), "do $$ begin {}; end $$"),
    (("PostgreSQL",), "do 'begin {}; end'"),
    (("PostgreSQL",), "create function f() returns void language sql as '{}'; select f()"),
    (("PostgreSQL",), "create or replace function f() returns void as E'begin\\t{}; end' language plpgsql; select f()"),
    (("PostgreSQL",), "create procedure p() language sql as '{}'; call p()"),
    (("MariaDB",), "prepare s from '{}'; execute s"),
    (("MariaDB",), "execute immediate '{}'"),
    (("PostgreSQL",), "do U&'begin {}\\003b end'"),
    (("PostgreSQL",), "create function f() returns void language sql as U&'{}'; select f()"),
    # Functions in another spelling, and in places where an alias is allowed.
    (("PostgreSQL",), "select \"run_text\"('{}')"),
    (("PostgreSQL",), "select U&\"run\\005ftext\"('{}')"),
    (("PostgreSQL",), "select \"public\" . \"run_text\"/**/('{}')"),
    (("PostgreSQL",), "select distinct on (1) run_text('{}')"),
    (("PostgreSQL",), "select 1 operator(pg_catalog.||) run_text('{}')::text"),
    # How psql and MySQL's client interpret a text.
    (("PostgreSQL",), "select '{}' \\gexec"),
    (("PostgreSQL",), "select '{}' as a \\gset\n:a;"),
    (("PostgreSQL",), "select \"x\"\"; {}; --\"; select :LAST_ERROR_MESSAGE;"),
    (("MariaDB",), "select 1 /*! ,' */ ' */;\n--x\"\n{}; -- '"),
    # Scripts that begin with a word of SQL.
    (("a shell",), "set -e\npsql -c '{}'"),
    (("a shell",), "declare -r X=1\npsql -c '{}'"),
    (("a shell",), "truncate -s 0 log\npsql -c '{}'"),
    (("a shell",), "update() { true; }\nupdate && psql -c '{}'"),
    # Empty statements.
    (EVERY, "{}"),
    (EVERY, "select 1; {}"),
    (EVERY, "select 'a;b'; /* x */ {}; select 2"),
]

# Queries that do more than read, by the engines that show it in the marks.
WRITING = [
    (("PostgreSQL",), "select 1 into copied"),
    (("PostgreSQL",), "with a as (select 1) select * into table copied from a"),
    (("PostgreSQL", "DuckDB"), "create table copied as select 1"),
    (("MariaDB",), "create table copied select 1"),
    (("MariaDB",), "select next value for numbers"),
    (("MariaDB",), "select nextval(numbers)"),
    (("PostgreSQL",), "select nextval('numbers')"),
    (("PostgreSQL",), "select distinct on (1) nextval('numbers')"),
]

# Lines of a shell that make the file `marker`, though they begin as `echo .*` allows.
ACTING = [
    "echo a && touch marker", "echo a || true; touch marker", "echo a\ntouch marker", "echo a & touch marker; wait",
    "echo a | tee marker", "echo a > marker", "echo a 2>marker", "echo $(touch marker)", "echo `touch marker`",
    "echo \"$(touch marker)\"", "echo ${x:-$(touch marker)}", "echo $((`touch marker`))", "echo a\\\\; touch marker",
    "echo 'a\\'; touch marker; ''", "echo a 1>&2 2> marker",
]

# Lines that do not make it.
QUIET = [
    "echo a", "echo 'a > marker'", "echo \"a | tee marker\"", "echo '$(touch marker)'",
    "echo a && echo b; echo c",
]

# Statements that change nothing, by an engine that accepts them.
READING = [
    ("PostgreSQL", "select $$it's$$"),
    ("PostgreSQL", "select E'it\\'s'"),
    ("PostgreSQL", "select array['a]','b']"),
    ("PostgreSQL", "select 'C:\\temp\\'"),
    ("PostgreSQL", "(select 1)"),
    ("PostgreSQL", "with a as (\n  select 1\n),\n\nb as (\n  select 2\n)\n\nselect *\n\nfrom a, b"),
    ("PostgreSQL", "select copy from (values (1, true)) as t (copy, enable) where enable = true order by copy"),
    ("PostgreSQL", "-- all of them\n\nselect 1"),
    ("PostgreSQL", "/* all\n * of them\n */\n\nselect 1"),
    ("PostgreSQL", "select x.copy, x.call, x.use from (select 1 as copy, 2 as call, 3 as use) x"),
    ("PostgreSQL", "select a, copy, call, use from (values (1, 2, 3, 4)) as t (a, copy, call, use)"),
    ("MariaDB", "show create table marker"),
    ("MariaDB", "SHOW CREATE TABLE `marks`.`marker`;"),
    ("MariaDB", "select * from (select 1 as a) t"),
    ("SQLite", "select [name] from `sqlite_master` where \"type\" = 'table'"),
    ("DuckDB", "select $$it's$$, [1, 2], {'a': 1}"),
]

# For these commands psql sends queries of its own to the server.
PSQL = [
    "\\d", "\\d pg_class", "\\da", "\\dA", "\\db", "\\dc", "\\dC", "\\dd", "\\dD", "\\ddp", "\\des", "\\df", "\\dF",
    "\\dg", "\\di", "\\dl", "\\dL", "\\dn", "\\do", "\\dO", "\\dp", "\\drds", "\\dT", "\\du", "\\dv", "\\dx", "\\dy",
    "\\l", "\\z",
]
