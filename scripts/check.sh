#!/usr/bin/env bash
# The checks that need no run of the code. All of them run, also after one has failed.
set -uo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin
failed=()

step() { # step NAME COMMAND...
  local name=$1 output
  shift
  if output=$("$@" 2>&1); then
    printf 'check: %-12s ok\n' "$name"
  else
    printf 'check: %-12s FAILED\n%s\n' "$name" "$output"
    failed+=("$name")
  fi
}

step format "$bin/ruff" format --check .
step lint "$bin/ruff" check .
step types "$bin/mypy"
step imports "$bin/lint-imports" --no-logo
step settings "$bin/python" scripts/settings_reference.py --check
step points "$bin/python" scripts/extension_reference.py --check
step readme "$bin/python" scripts/specifications.py --check

if [ ${#failed[@]} -gt 0 ]; then
  echo "check: failed: ${failed[*]}" >&2
  exit 1
fi
