"""Profile grantd under the load of one scenario with cProfile, for developers: shares count, not absolute times.

python bench/profile_endpoint.py --scenario cc_basic --seconds 3 --sort tottime --lines 40
"""

import argparse
import pstats
import sys
import tempfile
from pathlib import Path

from grantd_target import start_grantd
from measure import run_wrk
from targets import stop, stop_all
from tools import REPOSITORY, BenchError, command
from workload import SCENARIOS, Workload

_CONNECTIONS = 16


def profile(scenario: str, *, seconds: int, directory: Path) -> Path:
    """Run one scenario against a server under cProfile.

    Returns:
        The file of the profile.

    Raises:
        BenchError: the server does not start, does not do the work, or left no profile behind.
    """
    wrk = command("wrk", "wrk")
    result = directory / "profile"
    users = 2 * _CONNECTIONS
    target = start_grantd(directory, cpu=0, users=users, interpreter=("-m", "cProfile", "-o", str(result)))
    workload = Workload(target, users=users)
    try:
        plan = directory / "plan.lua"
        plan.write_text(workload.plan(SCENARIOS[scenario]))
        run_wrk(wrk, target, plan, seconds=seconds, connections=_CONNECTIONS, cpu=1)
    finally:
        workload.close()
        stop(target.process)
    if not result.exists():
        raise BenchError("The server left no profile behind: it did not end by itself after SIGTERM.")
    return result


def main() -> int:
    """Print the profile."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenario", choices=list(SCENARIOS), default="cc_basic")
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--sort", choices=["tottime", "cumtime"], default="tottime")
    parser.add_argument("--lines", type=int, default=40)
    options = parser.parse_args()
    parent = REPOSITORY / "run"
    parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent, prefix="profile-") as directory:
        try:
            result = profile(options.scenario, seconds=options.seconds, directory=Path(directory))
        except BenchError as error:
            print(error, file=sys.stderr)
            return 2
        finally:
            stop_all()
        pstats.Stats(str(result)).strip_dirs().sort_stats(options.sort).print_stats(options.lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
