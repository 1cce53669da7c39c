#!/usr/bin/env bash
# Checks the files that the tests wrote to target/peers, and the pages of a running demo, with the peers.
# `scripts/test.sh` calls it after the tests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
root=$(cd ../.. && pwd)
cards=${CARDS_DIR:-$root/target/peers/cards}
received=${RECEIVED_DIR:-$root/target/peers/received}
shots=$root/target/peers/shots
mkdir -p "$shots"

./install.sh

# Prints what a check says about itself; ends the script when the check fails. (`echo "$(check)"` would hide that.)
report() {
  local name=$1 said
  said=$("${@:2}") || { echo "FAILED: $name" >&2 && exit 1; }
  echo "$name: $said"
}

shopt -s nullglob
messages=("$received"/*.ndjson)
[ ${#messages[@]} -gt 0 ] || { echo "no messages in $received: run the tests with RECEIVED_DIR set" >&2 && exit 1; }
for file in "${messages[@]}"; do
  report "${file##*/}, Node" node verify.mjs "$file"
  report "${file##*/}, Python" .venv/bin/python verify.py "$file"
done

drawn=("$cards"/*.json)
[ ${#drawn[@]} -gt 0 ] || { echo "no cards in $cards: run the tests with CARDS_DIR set" >&2 && exit 1; }
# A requester's text must not become a link or an image, or overflow, and every button must lead to the hub.
judge='
const reports = JSON.parse(require("node:fs").readFileSync(0));
// Endpoint events have no page, and a ping has no subject.
const hasButtons = !/^(endpoint[.]|ping)/.test(process.argv[1]);
const isWrong = (report) => {
  const wrong = ["warnings", "clipped", "links", "images", "blocked"].filter((kind) => report[kind].length > 0);
  const strange = report.actions.filter(({ url }) => !/^https?:\/\/(hub[.]example[.]com|127[.]0[.]0[.]1:\d+)\/c\//.test(url ?? ""));
  return wrong.length > 0 || strange.length > 0 || (report.actions.length > 0) !== hasButtons;
};
const wrong = reports.filter(isWrong);
if (wrong.length > 0 || reports.length !== 4) {
  console.error(JSON.stringify(wrong, null, 2));
  process.exit(1);
}'
for card in "${drawn[@]}"; do
  name=$(basename "$card" .json)
  node card.mjs "$card" "$shots/$name" | node -e "$judge" "$name"
  echo "card $name: drawn, light and dark, on a phone and on a desktop"
done

slack=$("$PWD/.venv/bin/python" slack_blocks.py "$cards/slack")
echo "Slack: $slack"
calls=("${SLACK_DIR:-$root/target/peers/slack}"/*.ndjson)
[ ${#calls[@]} -gt 0 ] || { echo "no calls of Slack's API: run the tests with SLACK_DIR set" >&2 && exit 1; }
report "Slack" .venv/bin/python slack.py blocks "${calls[@]}"

rm -f "$shots/demo.json" # of an earlier run
"$root/target/debug/countersign" demo --json --every 1 --listen 127.0.0.1:0 --receiver 127.0.0.1:0 >"$shots/demo.json" &
demo=$!
trap 'kill "$demo" 2>/dev/null; wait "$demo" 2>/dev/null || true' EXIT
for _ in {1..100}; do
  ! grep -qs '}' "$shots/demo.json" || break
  sleep 0.1
done
field() { node -p "JSON.parse(require('node:fs').readFileSync(process.argv[1])).$1" "$shots/demo.json"; }
hub=$(field hub)
receiver=$(field receiver)
report "Slack" .venv/bin/python slack.py sign "$hub" "$(field token)"
report "device login" node device.mjs "$hub" "$(field token)" "$shots"
report "keyring" node keyring.mjs "$root/target/debug/countersign"
report "SCIM" .venv/bin/python scim.py "$hub" "$(field token)"
report "guardrails" .venv/bin/python guardrails/run.py "$hub" "$(field token)"
report "surface" .venv/bin/python surface/fuzz.py "$root/target/debug/countersign"
report "schemas, Node" node schemas.mjs "$hub" "${messages[@]}"
report "schemas, Python" .venv/bin/python schemas.py "$hub" "${messages[@]}"
link=''
for _ in {1..100}; do
  link=$(curl -fsS "$receiver" | grep -o "$hub/c/[A-Za-z0-9_-]*" | head -n 1 || true)
  [ -z "$link" ] || break
  sleep 0.1
done
[ -n "$link" ] || { echo "the demo's receiver received no link" >&2 && exit 1; }
check_page() { node shot.mjs "$@" --axe >/dev/null || { echo "page $2: see above" >&2 && node shot.mjs "$@" --axe && exit 1; }; }
report "demo" node demo.mjs "$receiver" "${drawn[@]}"
# The page reloads itself, but not at an anchor.
check_page "$receiver/#still" "$shots/receiver.png" --width 1280
check_page "$receiver/#still" "$shots/receiver-phone.png" --width 360 --dark --no-js
check_page "$hub/" "$shots/home.png" --width 390
check_page "$link" "$shots/decision.png" --width 390 --no-js
check_page "$link" "$shots/decision-dark.png" --width 390 --dark
curl -fsS -o /dev/null -H 'Content-Type: application/json' -d '{"decision": "approve", "approver": "dana@example.com"}' "$link"
check_page "$link" "$shots/decided.png" --width 390
check_page "${link}x" "$shots/forged.png" --width 390
# A command that tries to hide parts of itself behind blank lines and blanks.
# shellcheck disable=SC2016
hostile=$(node -p 'JSON.stringify({
  resource: "orders-db", requester: { email: "ivo@example.com" }, context: { note: "x".repeat(9000), blanks: " ".repeat(400) },
  command: `line1${"\n".repeat(200)}touch marker${" ".repeat(400)}touch other\n${"line\n".repeat(300)}`,
})')
asked=$(curl -fsS -H "Authorization: Bearer $(field token)" -H 'Content-Type: application/json' -d "$hostile" "$hub/v1/requests")
id=$(node -p 'JSON.parse(process.argv[1]).id' "$asked")
link=''
for _ in {1..100}; do
  link=$(curl -fsS "$receiver/?channel=pipeline" | tr '\n' ' ' | sed 's/<article/\n<article/g' | grep "$id" |
    grep -o "$hub/c/[A-Za-z0-9_-]*" | tail -n 1 || true)
  [ -z "$link" ] || break
  sleep 0.1
done
[ -n "$link" ] || { echo "the demo's receiver received no link for $id" >&2 && exit 1; }
check_page "$link" "$shots/hostile.png" --width 360 --no-js
check_page "$link" "$shots/hostile-desktop.png" --width 1280 --dark
check_page "$receiver/?channel=pipeline#still" "$shots/receiver-hostile.png" --width 360
echo "pages: ten checked, nothing cut off, no accessibility violation"

report "OpenID" node sign-in/sign-in.mjs "$root/target/debug/countersign" "$shots"

report "web app, SQLite" node web/journeys.mjs "$root/target/debug/countersign"
if [ -n "${TEST_POSTGRES_URL:-}" ]; then
  database=journeys_$$
  psql "$TEST_POSTGRES_URL" -qc "CREATE DATABASE $database"
  # The same server and options, and another database.
  url=$(node -p 'const url = new URL(process.argv[1]); url.pathname = process.argv[2]; url.href' "$TEST_POSTGRES_URL" "$database")
  report "web app, PostgreSQL" node web/journeys.mjs "$root/target/debug/countersign" "$url"
  psql "$TEST_POSTGRES_URL" -qc "DROP DATABASE $database"
fi
# Every page, in the views that differ most.
report "web app" env VIEWS=desktop,phone-dark,narrow node web/pictures.mjs "$root/target/debug/countersign" "$shots/web"
