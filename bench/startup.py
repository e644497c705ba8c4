"""How long grantd takes to start, and how much memory it holds then."""

import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from grantd_target import COMMAND, run, serve, write_configuration
from measure import resident
from targets import environment, free_port, stop
from tools import pinned

_TIMES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Starts of one configuration.

    Args:
        issuers: how many it has.
        first: seconds to ready, when every key has yet to be made.
        again: seconds to ready afterwards, median.
        resident: bytes of the largest process once it is ready, median.
    """

    issuers: int
    first: float
    again: float
    resident: float


def measure_start(parent: Path, *, issuers: int, cpu: int) -> Start:
    """Start a fresh deployment, then start it again several times.

    Raises:
        BenchError: it does not start.
    """
    with tempfile.TemporaryDirectory(dir=parent, prefix=f"start-{issuers}-") as name:
        directory = Path(name)
        port = free_port()
        base = f"http://127.0.0.1:{port}"
        addresses = [base] if issuers == 1 else [f"{base}/tenant-{number}" for number in range(issuers)]
        configuration = write_configuration(directory, port=port, issuers=addresses)
        run("migrate", "--config", str(configuration))
        seconds, memory = [], []
        for _ in range(1 + _TIMES):
            process, passed = serve(configuration, cpu=cpu, port=port, log=directory / "grantd.log")
            seconds.append(passed)
            memory.append(resident(process.pid)[0])
            stop(process)
    return Start(
        issuers=issuers,
        first=seconds[0],
        again=statistics.median(seconds[1:]),
        resident=statistics.median(memory[1:]),
    )


def measure_help(*, cpu: int) -> float:
    """Return the seconds that ``grantd --help`` takes, median."""
    seconds = []
    for _ in range(_TIMES):
        begin = time.perf_counter()
        subprocess.run(pinned(cpu, [*COMMAND, "--help"]), env=environment(), check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - begin)
    return statistics.median(seconds)
