"""Metrics of a running server, counted in plain integers and rendered for Prometheus when somebody asks.

A label only ever has values that were declared at start: route names, grant types, issuers of the configuration.
Clients, users and foreign text never become labels; what was not declared is counted as ``other``. Each child is
bound once, so that the hot path adds to an attribute and does nothing else.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from grantd.server.observe.families import (
    AUDIT_BACKLOG,
    CLEANED_ROWS,
    CLIENT_AUTHENTICATION_FAILURES,
    CODE_REPLAYS,
    FAMILIES,
    KEY_AGE,
    PASSWORD_QUEUE,
    REFRESH_REPLAYS,
    REQUEST_SECONDS,
    SIGN_INS,
    STORE_GROUP_ROWS,
    STORE_QUEUE,
    STORE_WRITE_SECONDS,
    TOKEN_GRANTS,
    Family,
)
from grantd.server.observe.logs import get_logger

if TYPE_CHECKING:
    from prometheus_client import Metric

OTHER = "other"
"""Label value of everything that was not declared."""

_STATUS_CLASSES = ("2xx", "3xx", "4xx", "5xx")
_log = get_logger(__name__)


class Counter:
    """One child of a counter family. Only the event loop's thread adds to it."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def inc(self, amount: int = 1) -> None:
        """Add ``amount``."""
        self.value += amount


class Histogram:
    """One child of a histogram family. Only one thread adds to it.

    Args:
        bounds: upper ends of the buckets, ascending, without infinity.
    """

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count one observation in the family's unit."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


class RouteMetrics:
    """Requests of one route, bound to its status classes."""

    __slots__ = ("_classes",)

    def __init__(self, classes: tuple[Histogram, ...]) -> None:
        self._classes = classes

    def observe(self, status: int, seconds: float) -> None:
        """Count a request.

        Args:
            status: HTTP status from 200 to 599.
            seconds: time from the last byte of the request to the answer.
        """
        self._classes[status // 100 - 2].observe(seconds)


class Metrics:
    """All metrics of one process.

    Args:
        routes: names of the routes.
        grant_types: grant types of the installed features.
        authentication_methods: client authentication methods of the installed features.
        issuers: configured issuer identifiers.
        record_kinds: kinds of rows that the clean-up deletes.
        extra: families that features bring.
    """

    def __init__(
        self,
        *,
        routes: Iterable[str] = (),
        grant_types: Iterable[str] = (),
        authentication_methods: Iterable[str] = (),
        issuers: Iterable[str] = (),
        record_kinds: Iterable[str] = (),
        extra: Iterable[Family] = (),
    ) -> None:
        self.families = (*FAMILIES, *extra)
        names = [family.name for family in self.families]
        if len(set(names)) != len(names):
            raise ValueError("two metric families have the same name")
        # What only the deployment knows; everything else stands in the family itself.
        self._declared: Mapping[str, frozenset[str]] = {
            "route": frozenset(routes),
            "grant_type": frozenset(grant_types),
            "method": frozenset(authentication_methods),
            "issuer": frozenset(issuers),
            "kind": frozenset(record_kinds),
        }
        self._counters: dict[str, dict[tuple[str, ...], Counter]] = {name: {} for name in names}
        self._histograms: dict[str, dict[tuple[str, ...], Histogram]] = {name: {} for name in names}
        self._gauges: dict[str, dict[tuple[str, ...], Callable[[], float]]] = {name: {} for name in names}
        self._routes = {
            route: RouteMetrics(
                tuple(self.histogram(REQUEST_SECONDS, route=route, status=status) for status in _STATUS_CLASSES)
            )
            for route in sorted({*self._declared["route"], OTHER})
        }
        self._token_grants = {
            (grant_type, outcome): self.counter(TOKEN_GRANTS, grant_type=grant_type, outcome=outcome)
            for grant_type in sorted(self._declared["grant_type"])
            for outcome in TOKEN_GRANTS.values["outcome"]
        }
        self.code_replays = self.counter(CODE_REPLAYS)
        self.refresh_replays = self.counter(REFRESH_REPLAYS)
        self.store_group_rows = self.histogram(STORE_GROUP_ROWS)
        self.store_write_seconds = self.histogram(STORE_WRITE_SECONDS)

    def route(self, name: str) -> RouteMetrics:
        """Return the pre-bound metrics of a route; bind once, outside the hot path."""
        return self._routes.get(name) or self._routes[OTHER]

    def counter(self, family: Family, **labels: str) -> Counter:
        """Return the child of a counter family; undeclared label values become ``other``."""
        return self._counters[family.name].setdefault(self._values(family, labels, "counter"), Counter())

    def histogram(self, family: Family, **labels: str) -> Histogram:
        """Return the child of a histogram family; undeclared label values become ``other``."""
        values = self._values(family, labels, "histogram")
        return self._histograms[family.name].setdefault(values, Histogram(family.buckets))

    def gauge(self, family: Family, read: Callable[[], float], **labels: str) -> None:
        """Let a gauge family read a value whenever somebody asks for the metrics."""
        self._gauges[family.name][self._values(family, labels, "gauge")] = read

    def token_grant(self, grant_type: str, outcome: str) -> Counter:
        """Return the counter of token requests with a grant type: ``success`` or an error code."""
        return self._token_grants.get((grant_type, outcome)) or self.counter(
            TOKEN_GRANTS, grant_type=grant_type, outcome=outcome
        )

    def client_authentication_failure(self, method: str) -> Counter:
        """Return the counter of failures of a client authentication method."""
        return self.counter(CLIENT_AUTHENTICATION_FAILURES, method=method)

    def sign_in(self, outcome: str) -> Counter:
        """Return the counter of sign-ins: ``success``, ``failure`` or ``throttled``."""
        return self.counter(SIGN_INS, outcome=outcome)

    def cleaned(self, counts: Mapping[str, int]) -> None:
        """Count rows that the clean-up deleted, by kind."""
        for kind, count in counts.items():
            self.counter(CLEANED_ROWS, kind=kind).inc(count)

    def watch_audit_backlog(self, read: Callable[[], float]) -> None:
        """Show how many audit events wait for the store."""
        self.gauge(AUDIT_BACKLOG, read)

    def watch_store_queue(self, read: Callable[[], float]) -> None:
        """Show how many writes wait for the store."""
        self.gauge(STORE_QUEUE, read)

    def watch_password_queue(self, read: Callable[[], float]) -> None:
        """Show how many password hashes run or wait."""
        self.gauge(PASSWORD_QUEUE, read)

    def watch_key_age(self, issuer: str, alg: str, read: Callable[[], float]) -> None:
        """Show the age in seconds of an issuer's signing key."""
        self.gauge(KEY_AGE, read, issuer=issuer, alg=alg)

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """Return the metrics and their content type.

        Args:
            accept: the ``Accept`` header of the scraper; it chooses between the text formats.
        """
        from prometheus_client import GC_COLLECTOR, PLATFORM_COLLECTOR, PROCESS_COLLECTOR  # noqa: PLC0415 - 100 ms
        from prometheus_client.exposition import choose_encoder  # noqa: PLC0415 - as above
        from prometheus_client.registry import CollectorRegistry  # noqa: PLC0415 - as above

        registry: CollectorRegistry = CollectorRegistry(auto_describe=False)
        for collector in (self, PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
            registry.register(collector)
        encode, content_type = choose_encoder(accept)
        return encode(registry), content_type

    def collect(self) -> "Iterator[Metric]":
        """Yield every family, for the registry of prometheus-client."""
        from prometheus_client.metrics_core import (  # noqa: PLC0415 - only the metrics listener needs it
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
        )

        for family in self.families:
            if family.kind == "counter":
                counter = CounterMetricFamily(family.name, family.documentation, labels=family.labels)
                for values, child in self._counters[family.name].items():
                    counter.add_metric(values, child.value)
                yield counter
            elif family.kind == "gauge":
                gauge = GaugeMetricFamily(family.name, family.documentation, labels=family.labels)
                for values, read in self._gauges[family.name].items():
                    try:
                        gauge.add_metric(values, read())
                    except Exception:  # noqa: BLE001 - one broken gauge must not hide the other metrics
                        _log.exception("gauge cannot be read", metric=family.name)
                yield gauge
            else:
                histogram = HistogramMetricFamily(family.name, family.documentation, labels=family.labels)
                for values, one in self._histograms[family.name].items():
                    histogram.add_metric(values, _buckets(one), one.sum)
                yield histogram

    def _values(self, family: Family, labels: Mapping[str, str], kind: str) -> tuple[str, ...]:
        if family.kind != kind or set(labels) != set(family.labels):
            raise ValueError(f"{family.name} is a {family.kind} with the labels {', '.join(family.labels) or 'none'}")
        return tuple(self._bounded(family, label, labels[label]) for label in family.labels)

    def _bounded(self, family: Family, label: str, value: str) -> str:
        if label in family.values:
            return value if value in family.values[label] else OTHER
        return value if value in self._declared.get(label, frozenset()) else OTHER


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    total = 0
    buckets: list[tuple[str, float]] = []
    for bound, count in zip(
        (*(str(float(bound)) for bound in histogram.bounds), "+Inf"), histogram.counts, strict=True
    ):
        total += count
        buckets.append((bound, total))
    return buckets
