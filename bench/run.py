"""Measure grantd beside npm oidc-provider and a bare ASGI application. README.md tells how to read the figures."""

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from grantd_target import start_grantd
from measure import Sample, resident, run_wrk
from peer_targets import start_bare, start_oidc_provider
from report import Report
from startup import measure_help, measure_start
from targets import Target, stop_all
from tools import REPOSITORY, BenchError, command
from workload import SCENARIOS, Replay, Scenario, Workload, replay_plan

_TARGETS = ("grantd", "oidc-provider", "bare")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The command line."""

    rounds: int
    seconds: int
    warm_up: int
    conns: int
    scenarios: list[Scenario]
    targets: list[str]
    server_cpu: int
    load_cpu: int
    json: Path | None
    markdown: Path | None
    startup: bool

    @property
    def users(self) -> int:
        """Twice as many user agents as connections: none waits for another."""
        return 2 * self.conns


def parse(arguments: Sequence[str]) -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="measured rounds (7)")
    parser.add_argument("--seconds", type=int, default=3, help="of load, for each server in each round (3)")
    parser.add_argument("--warm-up", type=int, default=10, help="seconds of load before each scenario's rounds (10)")
    parser.add_argument("--conns", type=int, default=32, help="connections (32)")
    parser.add_argument("--scenarios", default=",".join(SCENARIOS), help="which, by commas (%(default)s)")
    parser.add_argument("--targets", default=",".join(_TARGETS), help="which, by commas (%(default)s)")
    parser.add_argument("--server-cpu", type=int, default=0, help="core of the servers (0)")
    parser.add_argument("--load-cpu", type=int, default=1, help="core of wrk (1)")
    parser.add_argument("--json", type=Path, help="file for every figure of every round")
    parser.add_argument("--markdown", type=Path, help="file for the tables, which are printed in any case")
    parser.add_argument("--no-startup", dest="startup", action="store_false", help="leave out start-up times")
    found = vars(parser.parse_args(arguments))
    for name, known in (("scenarios", SCENARIOS), ("targets", _TARGETS)):
        found[name] = found[name].split(",")
        if unknown := [one for one in found[name] if one not in known]:
            parser.error(f"--{name}: {', '.join(unknown)} is none of {', '.join(known)}")
    for name in ("rounds", "seconds", "warm_up", "conns"):
        if found[name] < 1:
            parser.error(f"--{name.replace('_', '-')}: at least 1")
    if missing := {found["server_cpu"], found["load_cpu"]} - os.sched_getaffinity(0):
        parser.error(f"this process may not use core {', '.join(map(str, sorted(missing)))}")
    found["scenarios"] = [SCENARIOS[name] for name in found["scenarios"]]
    return Options(**found)


class Bench:
    """One run.

    Args:
        options: the command line.
        directory: for databases, plans and logs.
    """

    def __init__(self, options: Options, directory: Path) -> None:
        self._options = options
        self._directory = directory
        self._wrk = command("wrk", "wrk")
        self._targets: dict[str, Target] = {}
        self._workloads: dict[str, Workload] = {}

    def run(self) -> Report:
        """Start every server, measure scenario by scenario, stop the servers.

        Raises:
            BenchError: a server does not start or does not do the work.
        """
        options = self._options
        report = Report(
            machine=machine(options),
            targets={},
            settings={
                "rounds": options.rounds,
                "seconds": options.seconds,
                "warm_up": options.warm_up,
                "conns": options.conns,
            },
        )
        try:
            self._start()
            report.targets = {name: f"{one.version}; store: {one.store}" for name, one in self._targets.items()}
            ready = {name: resident(target.process.pid)[0] for name, target in self._targets.items()}
            for scenario in options.scenarios:
                self._measure(scenario, report)
            report.memory = {
                name: (ready[name], resident(target.process.pid)[0]) for name, target in self._targets.items()
            }
        finally:
            self._stop()
        if options.startup and "grantd" in options.targets:
            say("start-up")
            report.starts = [measure_start(self._directory, issuers=count, cpu=options.server_cpu) for count in (1, 50)]
            report.help_seconds = measure_help(cpu=options.server_cpu)
        return report

    def _start(self) -> None:
        options = self._options
        starters: dict[str, Callable[[], Target]] = {
            "grantd": lambda: start_grantd(self._directory, cpu=options.server_cpu, users=options.users),
            "oidc-provider": lambda: start_oidc_provider(self._directory, cpu=options.server_cpu),
            "bare": lambda: start_bare(self._directory, cpu=options.server_cpu),
        }
        for name in _TARGETS:
            if name in options.targets:
                say(f"starting {name}")
                target = self._targets[name] = starters[name]()
                if target.endpoints is not None:
                    self._workloads[name] = Workload(target, users=options.users)

    def _stop(self) -> None:
        for workload in self._workloads.values():
            workload.close()
        stop_all()

    def _measure(self, scenario: Scenario, report: Report) -> None:
        """Run the warm-up and every round; each round goes through the servers in the other direction."""
        fixed = self._fixed_answer(scenario) if scenario.above_bare is not None else None
        names = [name for name in self._targets if name in self._workloads or fixed]
        for number in range(self._options.rounds + 1):
            say(f"{scenario.name}: " + (f"round {number}" if number else "warm-up"))
            for name in names if number % 2 else reversed(names):
                workload = self._workloads.get(name)
                text = workload.plan(scenario) if workload else replay_plan(self._targets[name], fixed or [])
                seconds = self._options.seconds if number else self._options.warm_up
                sample = self._load(self._targets[name], scenario, text, seconds=seconds)
                if number:
                    report.samples.setdefault((scenario.name, name), []).append(sample)

    def _load(self, target: Target, scenario: Scenario, text: str, *, seconds: int) -> Sample:
        plan = self._directory / f"{target.name}-{scenario.name}.lua"
        plan.write_text(text)
        return run_wrk(
            self._wrk,
            target,
            plan,
            seconds=seconds,
            connections=self._options.conns,
            cpu=self._options.load_cpu,
        )

    def _fixed_answer(self, scenario: Scenario) -> list[Replay]:
        """Return requests for the bare application: as large as the real ones, with answers as large as the real ones.

        The real ones are grantd's, or those of the peer when grantd is not measured.
        """
        workload = next(iter(self._workloads.values()), None)
        if workload is None:
            return [Replay("GET", "/1000")]
        requests = workload.replays(scenario)
        size = workload.answer_size(requests[0])
        return [Replay(one.method, f"/{size}", one.form, one.authorization) for one in requests]


def machine(options: Options) -> list[str]:
    """Return lines about the machine."""
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    model = models[0] if models else platform.machine()
    cores = f"servers on core {options.server_cpu}, wrk on core {options.load_cpu}"
    return [
        f"{model}, {os.cpu_count()} cores, Linux {platform.release()}",
        f"{cores}, load average {os.getloadavg()[0]:.1f} at the start",
    ]


def say(text: str) -> None:
    """Tell on standard error how far the run is."""
    print(text, file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> int:
    """Run and print; the status is 1 when the figures are worthless and 2 when there are none."""
    options = parse(arguments)
    # Not in /tmp, which may live in memory, where synchronous writes cost nothing.
    parent = REPOSITORY / "run"
    parent.mkdir(exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=parent, prefix="bench-") as directory:
            report = Bench(options, Path(directory)).run()
    except BenchError as error:
        say(str(error))
        return 2
    finally:
        stop_all()
    text = report.markdown()
    print(text, end="")
    if options.markdown:
        options.markdown.write_text(text)
    if options.json:
        options.json.write_text(json.dumps(report.document(), indent=1) + "\n")
    return 1 if report.invalid else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
