#!/usr/bin/env bash
# Resolves pyproject.toml anew into the two hashed lock files. Extra arguments go to uv, for example
# `scripts/lock.sh --upgrade-package starlette`, or `--upgrade` for everything.
set -euo pipefail
cd "$(dirname "$0")/.."

resolve() { # resolve OUTPUT ARGUMENTS...
  local output=$1
  shift
  .tools/bin/uv --quiet pip compile pyproject.toml "$@" \
    --universal --python-version 3.11 --generate-hashes \
    --custom-compile-command "make lock" -o "$output"
}

resolve lock/dev.txt --extra server --group test --group check --group build "$@"
# The server's lock is the same resolution with less in it: the container runs what the tests ran.
resolve lock/server.txt --extra server --constraints lock/dev.txt "$@"
