#!/usr/bin/env bash
# Resolves pyproject.toml anew into the hashed lock files. Extra arguments go to uv, for example
# `scripts/lock.sh --upgrade-package jinja2`, or `--upgrade` for everything.
set -euo pipefail
cd "$(dirname "$0")/.."

resolve() { # resolve OUTPUT ARGUMENTS...
  local output=$1
  shift
  .tools/bin/uv --quiet pip compile "$@" --universal --python-version 3.11 --generate-hashes \
    --custom-compile-command "make lock" -o "$output"
}

resolve lock/dev.txt pyproject.toml --extra server --group test --group check --group build "$@"
# The container's locks are the same resolution with less in it: it runs what the tests ran.
resolve lock/server.txt pyproject.toml --extra server --constraints lock/dev.txt
resolve lock/build.txt --group pyproject.toml:build --constraints lock/dev.txt
