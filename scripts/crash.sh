#!/usr/bin/env bash
# The long crash tests: 1,000 requests from 32 clients on each database, and again with 20 kills at random times. Then the matrix
# of `tests/crash`: kills at each step, failing disks, and replicas that are killed and stopped. CRASH_SEED repeats a run's random
# choices. Last, the Standard Webhooks libraries for Node and Python verify every message of the first two runs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export LOAD_REQUESTS=${LOAD_REQUESTS:-1000} CRASH_REQUESTS=${CRASH_REQUESTS:-1000} CRASH_KILLS=${CRASH_KILLS:-20}
export CRASH_LIVES=${CRASH_LIVES:-20} CRASH_DISKS=${CRASH_DISKS:-10} CRASH_ROUNDS=${CRASH_ROUNDS:-8}
export RECEIVED_DIR=$PWD/target/peers/long
rm -rf "$RECEIVED_DIR"
scripts/test.sh crash --profile long
tests/peers/install.sh
for file in "$RECEIVED_DIR"/*.ndjson; do
  # Not within `echo "$(…)"`, which would hide a failure.
  by_node=$(node tests/peers/verify.mjs "$file")
  by_python=$(tests/peers/.venv/bin/python tests/peers/verify.py "$file")
  echo "${file##*/}, Node: $by_node"
  echo "${file##*/}, Python: $by_python"
done
