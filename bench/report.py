"""The figures of a run as Markdown and as JSON."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, NamedTuple

from measure import Sample
from startup import Start
from workload import SCENARIOS

_ERROR_LIMIT = 0.001
_LOAD_LIMIT = 0.95
_MEGABYTE = 1_000_000
_MEMORY_GOAL = 95.0
_START_GOAL = 1.5
_HELP_GOAL = 0.4


class Comparison(NamedTuple):
    """Ours against another server; ``goal`` is ``None`` where nothing is promised."""

    scenario: str
    measure: str
    value: float
    unit: str
    goal: float | None
    met: bool | None


@dataclass(slots=True, kw_only=True)
class Report:
    """Everything that a run found out.

    Args:
        machine: lines about where it ran.
        targets: name to version and store.
        settings: rounds, seconds of a round and of the warm-up, connections.
        samples: scenario and target to one sample a round, in the order of the rounds.
        memory: target to bytes of its largest process when ready, and after the load.
        starts: starts of grantd.
        help_seconds: how long ``grantd --help`` takes.
    """

    machine: list[str]
    targets: dict[str, str]
    settings: dict[str, int]
    samples: dict[tuple[str, str], list[Sample]] = field(default_factory=dict)
    memory: dict[str, tuple[int, int]] = field(default_factory=dict)
    starts: list[Start] = field(default_factory=list)
    help_seconds: float | None = None

    @property
    def invalid(self) -> list[str]:
        """What makes this run worthless: too many wrong answers."""
        return [
            f"{scenario} on {target}: {max(sample.errors for sample in samples):.2%} of the answers were wrong"
            for (scenario, target), samples in self.samples.items()
            if _invalid(samples)
        ]

    def markdown(self) -> str:
        """Return the report for people."""
        parts = [self._head(), self._figures(), self._goals(), self._resources()]
        if self.invalid:
            parts.insert(0, "\n".join(["**This run is invalid.**", "", *(f"* {reason}" for reason in self.invalid)]))
        return "\n\n".join(part for part in parts if part) + "\n"

    def document(self) -> dict[str, Any]:
        """Return the report for programs; ``samples`` has every round."""
        return {
            "valid": not self.invalid,
            "machine": self.machine,
            "targets": self.targets,
            "settings": self.settings,
            "samples": [
                {"scenario": scenario, "target": target, "rounds": [asdict(sample) for sample in samples]}
                for (scenario, target), samples in self.samples.items()
            ],
            "comparisons": [one._asdict() for one in self.comparisons()],
            "memory": {name: {"ready": before, "after_load": after} for name, (before, after) in self.memory.items()},
            "starts": [asdict(start) for start in self.starts],
            "help_seconds": self.help_seconds,
        }

    def _head(self) -> str:
        settings = self.settings
        lines = [f"* {line}" for line in self.machine]
        lines += [f"* {name}: {text}" for name, text in self.targets.items()]
        lines.append(
            f"* {settings['rounds']} alternating rounds of {settings['seconds']} s after {settings['warm_up']} s of "
            f"warm-up in each scenario, {settings['conns']} connections"
        )
        return "\n".join(lines)

    def _figures(self) -> str:
        head = ["scenario", "server", "CPU µs", "per second", "p50 ms", "p99 ms", "errors", "server busy", "load busy"]
        rows = []
        for (scenario, target), samples in self.samples.items():
            middle = median_of(samples)
            mark = " (!)" if middle.load_busy > _LOAD_LIMIT else ""
            unit = SCENARIOS[scenario].unit
            rows.append(
                [
                    scenario if unit == "request" else f"{scenario} (per {unit})",
                    target,
                    f"{middle.cpu:.1f}",
                    f"{middle.rate:.0f}",
                    f"{middle.p50:.2f}",
                    f"{middle.p99:.2f}",
                    f"{middle.errors:.2%}",
                    f"{middle.server_busy:.0%}",
                    f"{middle.load_busy:.0%}{mark}",
                ]
            )
        return _table(head, rows) if rows else ""

    def _goals(self) -> str:
        rows = [
            [
                one.scenario,
                one.measure,
                f"{one.value:.2f}{one.unit}",
                "-" if one.goal is None else f"{one.goal:g}{one.unit}",
                "-" if one.met is None else _verdict(met=one.met),
            ]
            for one in self.comparisons()
        ]
        return (
            _table(["scenario", "measure (median of the rounds' pairs)", "value", "goal", "met"], rows) if rows else ""
        )

    def comparisons(self) -> list[Comparison]:
        """Compare ours with the others, pair by pair, in every scenario that was measured validly on both."""
        found: list[Comparison] = []
        valid = {key: samples for key, samples in self.samples.items() if not _invalid(samples)}
        for scenario in SCENARIOS.values():
            ours = valid.get((scenario.name, "grantd"))
            peer = valid.get((scenario.name, "oidc-provider"))
            bare = valid.get((scenario.name, "bare"))
            if ours and peer:
                value = statistics.median(other.cpu / own.cpu for own, other in zip(ours, peer, strict=True))
                met = None if scenario.ratio is None else value >= scenario.ratio
                measure = "CPU time of oidc-provider / ours"
                found.append(Comparison(scenario.name, measure, value, "", scenario.ratio, met))
            if ours and bare:
                value = statistics.median(own.cpu - other.cpu for own, other in zip(ours, bare, strict=True))
                met = None if scenario.above_bare is None else value <= scenario.above_bare
                measure = "CPU time above the bare application"
                found.append(Comparison(scenario.name, measure, value, " µs", scenario.above_bare, met))
        return found

    def _resources(self) -> str:
        rows: list[tuple[str, float, str, float | None]] = []
        for name, (ready, after) in self.memory.items():
            goal = _MEMORY_GOAL if name == "grantd" else None
            rows.append((f"memory of {name} when ready", ready / _MEGABYTE, "MB", goal))
            rows.append((f"memory of {name} after the load", after / _MEGABYTE, "MB", None))
        for start in self.starts:
            issuers = f"{start.issuers} issuer{'s' if start.issuers > 1 else ''}"
            rows.append((f"ready with {issuers}", start.again, "s", _START_GOAL))
            rows.append((f"ready with {issuers}, making every key", start.first, "s", None))
            rows.append((f"memory with {issuers}", start.resident / _MEGABYTE, "MB", _MEMORY_GOAL))
        if self.help_seconds is not None:
            rows.append(("`grantd --help`", self.help_seconds, "s", _HELP_GOAL))
        return _table(["resource", "value", "goal", "met"], [_limited(*row) for row in rows]) if rows else ""


def median_of(samples: Sequence[Sample]) -> Sample:
    """Return the median of each figure."""
    return Sample(**{one.name: statistics.median(getattr(s, one.name) for s in samples) for one in fields(Sample)})


def _invalid(samples: Sequence[Sample]) -> bool:
    return any(sample.errors > _ERROR_LIMIT for sample in samples)


def _limited(name: str, value: float, unit: str, goal: float | None) -> list[str]:
    shown = f"{value:.0f} {unit}" if unit == "MB" else f"{value:.2f} {unit}"
    if goal is None:
        return [name, shown, "-", "-"]
    return [name, shown, f"{goal:g} {unit}", _verdict(met=value <= goal)]


def _verdict(*, met: bool) -> str:
    return "yes" if met else "**no**"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
