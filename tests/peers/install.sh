#!/usr/bin/env bash
# Installs the programs that the scripts in this folder use. Run it as often as
# you like: installed programs are left alone, and that takes a second.
# Needs Node 20 or newer and Python 3.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# Debian packages, as root or with sudo.
debian_install() {
  local as_root=()
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  "${as_root[@]}" apt-get update -q
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -q -y --no-install-recommends "$@"
}

# Node packages of one folder, exactly as its lockfile says. `npm ci` starts from
# nothing each time, so a copy of the lockfile remembers what is installed.
node_install() (
  cd "$1"
  cmp -s package-lock.json node_modules/.installed && return
  npm ci --no-audit --no-fund
  cp package-lock.json node_modules/.installed
)

missing=()
[ -x "${CHROMIUM:-/usr/bin/chromium}" ] || missing+=(chromium fonts-dejavu-core)
# Without this font an emoji is a box, and 👍 and 👎 look the same.
[ -n "$(fc-list :lang=und-zsye 2>/dev/null)" ] || missing+=(fontconfig fonts-noto-color-emoji)
python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
# Programs only: just the scripts here start them.
[ -n "$(PATH="$PATH:/usr/sbin" type -P mariadbd)" ] || missing+=(mariadb-server-core)
type -P mariadb >/dev/null || missing+=(mariadb-client-core)
[ -n "$(PATH="$PATH:/usr/sbin" type -P nginx)" ] || missing+=(nginx-light)
type -P openssl >/dev/null || missing+=(openssl)
type -P sqlite3 >/dev/null || missing+=(sqlite3)
type -P dbus-send >/dev/null || missing+=(dbus-bin)
type -P dbus-daemon >/dev/null || missing+=(dbus-daemon)
type -P gnome-keyring-daemon >/dev/null || missing+=(gnome-keyring)
type -P secret-tool >/dev/null || missing+=(libsecret-tools)
type -P psql >/dev/null || missing+=(postgresql-client)
[ ${#missing[@]} -eq 0 ] || debian_install "${missing[@]}"

node_install .
node_install teams-host-config

[ -x .venv/bin/pip ] || python3 -m venv .venv
.venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt

echo "peers: installed"
