"""The metrics that exist. ``docs/metrics.md`` is made from this list; names are a promise to dashboards."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One metric with all its children.

    Args:
        name: without the ``_total`` that a counter gets when it is rendered.
        kind: what it is for Prometheus.
        documentation: one sentence for operators.
        labels: names of the labels, in order.
        values: the values that a label can have, where the code knows them; labels that are absent here
            (``route``, ``grant_type``, ``method``, ``issuer``, ``kind``) have the values of the deployment.
        buckets: upper ends of a histogram's buckets.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    documentation: str
    labels: tuple[str, ...] = ()
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    buckets: tuple[float, ...] = ()


_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

REQUEST_SECONDS = Family(
    name="grantd_http_request_duration_seconds",
    kind="histogram",
    documentation="Time from a complete request to its answer; its count is the number of requests.",
    labels=("route", "status"),
    values={"status": ("2xx", "3xx", "4xx", "5xx")},
    buckets=_SECONDS,
)
TOKEN_GRANTS = Family(
    name="grantd_token_requests",
    kind="counter",
    documentation="Token requests by grant type; the outcome is success or the error code of the answer.",
    labels=("grant_type", "outcome"),
    values={
        "outcome": (
            "success",
            "access_denied",
            "invalid_client",
            "invalid_grant",
            "invalid_request",
            "invalid_scope",
            "invalid_target",
            "server_error",
            "temporarily_unavailable",
            "unauthorized_client",
            "unsupported_grant_type",
        )
    },
)
CLIENT_AUTHENTICATION_FAILURES = Family(
    name="grantd_client_authentication_failures",
    kind="counter",
    documentation="Client authentications that failed, by method.",
    labels=("method",),
)
SIGN_INS = Family(
    name="grantd_sign_ins",
    kind="counter",
    documentation="Attempts to sign in.",
    labels=("outcome",),
    values={"outcome": ("success", "failure", "throttled", "unavailable")},
)
REFRESH_REPLAYS = Family(
    name="grantd_refresh_token_replays",
    kind="counter",
    documentation="Refresh tokens that came again after their overlap and ended their family.",
)
CODE_REPLAYS = Family(
    name="grantd_authorization_code_replays",
    kind="counter",
    documentation="Authorization codes that came again and ended their grant.",
)
STORE_GROUP_ROWS = Family(
    name="grantd_store_group_writes",
    kind="histogram",
    documentation="Writes that shared one commit.",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)
STORE_WRITE_SECONDS = Family(
    name="grantd_store_write_duration_seconds",
    kind="histogram",
    documentation="Time from asking for a write to its durable commit.",
    buckets=_SECONDS,
)
STORE_QUEUE = Family(
    name="grantd_store_queue",
    kind="gauge",
    documentation="Writes that wait for the store.",
)
PASSWORD_QUEUE = Family(
    name="grantd_password_queue",
    kind="gauge",
    documentation="Password hashes that run or wait.",
)
KEY_AGE = Family(
    name="grantd_signing_key_age_seconds",
    kind="gauge",
    documentation="Age of the key that signs, counted from its activation.",
    labels=("issuer", "alg"),
    values={"alg": ("ES256", "EdDSA", "RS256")},
)
AUDIT_BACKLOG = Family(
    name="grantd_audit_backlog",
    kind="gauge",
    documentation="Audit events that wait for the store; requests are refused when it is full.",
)
CLEANED_ROWS = Family(
    name="grantd_cleaned_rows",
    kind="counter",
    documentation="Expired rows that the clean-up deleted, by kind of record.",
    labels=("kind",),
)

FAMILIES = (
    REQUEST_SECONDS,
    TOKEN_GRANTS,
    CLIENT_AUTHENTICATION_FAILURES,
    SIGN_INS,
    REFRESH_REPLAYS,
    CODE_REPLAYS,
    STORE_GROUP_ROWS,
    STORE_WRITE_SECONDS,
    STORE_QUEUE,
    PASSWORD_QUEUE,
    KEY_AGE,
    AUDIT_BACKLOG,
    CLEANED_ROWS,
)
"""Every family of the core; features bring their own."""
