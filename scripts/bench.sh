#!/usr/bin/env bash
# Measures against peers and prints ratios: scripts/bench.sh [--rounds N] [--seconds N] [--scenarios a,b] ...
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/bootstrap.sh
exec .venv/bin/python bench/run.py "$@"
