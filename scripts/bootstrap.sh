#!/usr/bin/env bash
# Makes .venv exactly as lock/dev.txt says. Runs in a few milliseconds when there is nothing to do.
#
# Environment:
#   GRANTD_PYTHON   the interpreter to build .venv with (3.11 or newer); looked for when unset
set -euo pipefail
cd "$(dirname "$0")/.."

UV_VERSION=0.13.9

hash_of() { cat "$@" | sha256sum | cut -d' ' -f1; }

usable() { # usable COMMAND: really runs it, since a version manager's shim exists without working
  "$1" -c 'import sys, ssl, sqlite3, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
  local version prefix candidate
  if [ -n "${GRANTD_PYTHON:-}" ]; then
    usable "$GRANTD_PYTHON" || { echo "GRANTD_PYTHON=$GRANTD_PYTHON does not run or is older than 3.11" >&2; return 1; }
    echo "$GRANTD_PYTHON"
    return
  fi
  for version in 3.13 3.12 3.11; do
    if usable "python$version"; then echo "python$version"; return; fi
    if command -v pyenv >/dev/null 2>&1; then
      # A bare minor version resolves to its newest installed patch release.
      prefix=$(pyenv prefix "$version" 2>/dev/null) || continue
      candidate="${prefix%%:*}/bin/python$version"
      if usable "$candidate"; then echo "$candidate"; return; fi
    fi
  done
  if usable python3; then echo python3; return; fi
  echo "No working Python 3.11 or newer was found. Install one, or name it with GRANTD_PYTHON=/path/to/python." >&2
  return 1
}

wanted_uv="uv $UV_VERSION"
if [ "$(cat .tools/.stamp 2>/dev/null)" != "$wanted_uv" ] || [ ! -x .tools/bin/uv ]; then
  python=$(find_python)
  echo "bootstrap: uv $UV_VERSION into .tools" >&2
  rm -rf .tools
  "$python" -m venv .tools
  .tools/bin/python -m pip install --quiet --disable-pip-version-check "uv==$UV_VERSION"
  echo "$wanted_uv" > .tools/.stamp
fi

wanted=$(hash_of lock/dev.txt pyproject.toml scripts/bootstrap.sh)
if [ "$(cat .venv/.stamp 2>/dev/null)" != "$wanted" ] || ! usable .venv/bin/python; then
  if ! usable .venv/bin/python; then
    python=$(find_python)
    rm -rf .venv
    .tools/bin/uv --quiet venv --no-project --python "$(command -v "$python")" .venv
  fi
  rm -f .venv/.stamp
  echo "bootstrap: the packages of lock/dev.txt into .venv ($(.venv/bin/python -V))" >&2
  VIRTUAL_ENV="$PWD/.venv" .tools/bin/uv --quiet pip sync --require-hashes lock/dev.txt
  VIRTUAL_ENV="$PWD/.venv" .tools/bin/uv --quiet pip install --no-deps --no-build-isolation -e .
  echo "$wanted" > .venv/.stamp
fi
