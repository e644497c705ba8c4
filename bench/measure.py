"""One measurement: wrk on one core, the CPU time of a server's process group on another."""

import os
import resource
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from targets import Target
from tools import HERE, BenchError, pinned

_TICKS = os.sysconf("SC_CLK_TCK")
_SETTLE_SECONDS = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What one run of wrk showed. A unit is a request, or a whole flow of two requests in ``code``.

    Args:
        rate: units a second.
        cpu: microseconds of the server's CPU time a unit, user and system, background work included.
        p50: milliseconds until a response, median.
        p99: milliseconds until a response, 99th percentile.
        errors: wrong or missing answers as a share of the requests.
        server_busy: the server's CPU time as a share of the time that passed.
        load_busy: the load generator's; near 1 the rate is its rate, not the server's.
    """

    rate: float
    cpu: float
    p50: float
    p99: float
    errors: float
    server_busy: float
    load_busy: float


def run_wrk(wrk: str, target: Target, plan: Path, *, seconds: int, connections: int, cpu: int) -> Sample:
    """Load a target once.

    Args:
        wrk: path of the program.
        target: the server.
        plan: the Lua file that says what to send.
        seconds: how long.
        connections: how many, each with one request at a time.
        cpu: the core that wrk runs on.

    Raises:
        BenchError: wrk failed.
    """
    arguments = [wrk, "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(HERE / "load" / "load.lua")]
    load_before = _children_cpu()
    server_before = group_cpu(target.process.pid)
    done = subprocess.run(
        pinned(cpu, [*arguments, target.base, "--", str(plan)]), capture_output=True, text=True, check=False
    )
    load_cpu = _children_cpu() - load_before
    # What the server does in the background for this load counts as well.
    time.sleep(_SETTLE_SECONDS)
    server_cpu = group_cpu(target.process.pid) - server_before
    line = next((one for one in done.stdout.splitlines() if one.startswith("RESULT ")), None)
    if line is None:
        raise BenchError(f"wrk failed on {target.name}: {done.stdout[-500:]}{done.stderr[-500:]}")
    requests, flows, failed, micros, p50, p99 = (float(value) for value in line.split()[1:])
    units = max(flows or requests, 1.0)
    passed = micros / 1e6
    return Sample(
        rate=units / passed,
        cpu=server_cpu / units * 1e6,
        p50=p50 / 1e3,
        p99=p99 / 1e3,
        errors=failed / max(requests, 1.0),
        server_busy=server_cpu / passed,
        load_busy=load_cpu / passed,
    )


def group_cpu(group: int) -> float:
    """Return the CPU seconds, user and system, that the living processes of a group have used."""
    return sum(int(stat[11]) + int(stat[12]) for _, stat in _group(group)) / _TICKS


def resident(group: int) -> list[int]:
    """Return the resident memory of each process of a group, in bytes, largest first."""
    return sorted((int(stat[21]) * os.sysconf("SC_PAGE_SIZE") for _, stat in _group(group)), reverse=True)


def _group(group: int) -> list[tuple[int, list[str]]]:
    """Return the processes of a group with the fields of /proc/PID/stat after the command's name (proc(5))."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(stat[2]) == group:
                found.append((int(entry.name), stat))
    return found


def _children_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
