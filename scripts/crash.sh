#!/usr/bin/env bash
# The long run: 1,000 requests from 32 clients on each database, and again with 20 kills at random moments. Every message is then
# verified with the Standard Webhooks libraries for Node and Python.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export LOAD_REQUESTS=${LOAD_REQUESTS:-1000} CRASH_REQUESTS=${CRASH_REQUESTS:-1000} CRASH_KILLS=${CRASH_KILLS:-20}
export RECEIVED_DIR=$PWD/target/peers/long
rm -rf "$RECEIVED_DIR"
scripts/test.sh crash --profile long
tests/peers/install.sh
for file in "$RECEIVED_DIR"/*.ndjson; do
  echo "${file##*/}, Node: $(node tests/peers/verify.mjs "$file")"
  echo "${file##*/}, Python: $(tests/peers/.venv/bin/python tests/peers/verify.py "$file")"
done
