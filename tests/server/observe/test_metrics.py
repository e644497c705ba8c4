import subprocess
import sys
from collections.abc import MutableMapping
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from grantd.server.observe.families import FAMILIES, KEY_AGE, REQUEST_SECONDS, SIGN_INS, TOKEN_GRANTS, Family
from grantd.server.observe.metrics import Metrics
from grantd.server.observe.operations_app import OperationsApp


def metrics(**more: Any) -> Metrics:
    return Metrics(
        routes=["token"],
        grant_types=["authorization_code"],
        authentication_methods=["client_secret_basic"],
        issuers=["https://as.example"],
        record_kinds=["sessions"],
        **more,
    )


def samples(subject: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    body, _ = subject.render()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def value(subject: Metrics, name: str, **labels: str) -> float:
    return samples(subject)[name, frozenset(labels.items())]


def test_counts_requests_by_route_and_status() -> None:
    subject = metrics()
    subject.route("token").observe(200, 0.002)
    subject.route("token").observe(204, 0.2)
    subject.route("token").observe(503, 99)
    subject.route("/foreign/path").observe(404, 0.0005)
    name = "grantd_http_request_duration_seconds"
    assert value(subject, f"{name}_count", route="token", status="2xx") == 2
    assert value(subject, f"{name}_sum", route="token", status="2xx") == pytest.approx(0.202)
    assert value(subject, f"{name}_bucket", route="token", status="2xx", le="0.001") == 0
    assert value(subject, f"{name}_bucket", route="token", status="2xx", le="0.0025") == 1
    assert value(subject, f"{name}_bucket", route="token", status="5xx", le="5.0") == 0
    assert value(subject, f"{name}_bucket", route="token", status="5xx", le="+Inf") == 1
    # The upper end of a bucket belongs to it.
    assert value(subject, f"{name}_bucket", route="other", status="4xx", le="0.0005") == 1


def test_counts_what_the_server_does() -> None:
    subject = metrics()
    subject.token_grant("authorization_code", "success").inc()
    subject.token_grant("authorization_code", "success").inc(2)
    subject.client_authentication_failure("client_secret_basic").inc()
    subject.sign_in("failure").inc()
    subject.code_replays.inc()
    subject.refresh_replays.inc()
    subject.cleaned({"sessions": 3, "unheard_of": 2})
    subject.store_group_rows.observe(5)
    subject.watch_audit_backlog(lambda: 7)
    subject.watch_store_queue(lambda: 8)
    subject.watch_password_queue(lambda: 9)
    subject.watch_key_age("https://as.example", "ES256", lambda: 10)
    assert value(subject, "grantd_token_requests_total", grant_type="authorization_code", outcome="success") == 3
    assert value(subject, "grantd_client_authentication_failures_total", method="client_secret_basic") == 1
    assert value(subject, "grantd_sign_ins_total", outcome="failure") == 1
    assert value(subject, "grantd_authorization_code_replays_total") == 1
    assert value(subject, "grantd_refresh_token_replays_total") == 1
    assert value(subject, "grantd_cleaned_rows_total", kind="sessions") == 3
    assert value(subject, "grantd_cleaned_rows_total", kind="other") == 2
    assert value(subject, "grantd_store_group_writes_bucket", le="8.0") == 1
    assert value(subject, "grantd_audit_backlog") == 7
    assert value(subject, "grantd_store_queue") == 8
    assert value(subject, "grantd_password_queue") == 9
    assert value(subject, "grantd_signing_key_age_seconds", issuer="https://as.example", alg="ES256") == 10


def test_foreign_text_never_becomes_a_label() -> None:
    subject = metrics()
    for index in range(50):
        subject.token_grant(f"urn:foreign:{index}", f"error-{index}").inc()
        subject.client_authentication_failure(f"method-{index}").inc()
        subject.route(f"/path/{index}").observe(404, 0.1)
        subject.watch_key_age(f"https://{index}.example", "ES256", lambda: 1)
    text = subject.render()[0].decode()
    assert "foreign" not in text
    assert "method-" not in text
    assert "/path/" not in text
    assert ".example" not in text
    assert value(subject, "grantd_token_requests_total", grant_type="other", outcome="other") == 50


def test_refuses_wrong_use() -> None:
    subject = metrics()
    with pytest.raises(ValueError, match="counter"):
        subject.gauge(SIGN_INS, lambda: 1, outcome="success")
    with pytest.raises(ValueError, match="grant_type, outcome"):
        subject.counter(TOKEN_GRANTS, outcome="success")
    with pytest.raises(ValueError, match="same name"):
        metrics(extra=[KEY_AGE])


def test_a_feature_brings_its_own() -> None:
    family = Family(
        name="grantd_invented", kind="counter", documentation="An invention.", labels=("sort",), values={"sort": ("a",)}
    )
    subject = metrics(extra=[family])
    subject.counter(family, sort="a").inc()
    subject.counter(family, sort="b").inc()
    assert value(subject, "grantd_invented_total", sort="a") == 1
    assert value(subject, "grantd_invented_total", sort="other") == 1


def test_a_broken_gauge_hides_nothing() -> None:
    subject = metrics()
    subject.watch_store_queue(lambda: 1 / 0)
    subject.watch_audit_backlog(lambda: 7)
    assert value(subject, "grantd_audit_backlog") == 7


def test_every_family_is_named_and_explained() -> None:
    for family in FAMILIES:
        assert family.name.startswith("grantd_")
        assert family.documentation.endswith(".")
        assert (family.kind == "histogram") is bool(family.buckets)
        assert list(family.buckets) == sorted(set(family.buckets))
        assert set(family.values) <= set(family.labels)
    assert REQUEST_SECONDS in FAMILIES


@pytest.mark.parametrize("script", ["metrics_reference", "audit_reference"])
def test_the_reference_is_up_to_date(script: str) -> None:
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, f"scripts/{script}.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


async def call(
    app: OperationsApp, path: str, method: str = "GET", accept: bytes = b""
) -> tuple[int, dict[bytes, bytes], bytes]:
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def receive() -> MutableMapping[str, Any]:
        raise AssertionError("the body is never read")

    await app({"type": "http", "path": path, "method": method, "headers": [(b"accept", accept)]}, receive, send)
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]


@pytest.mark.anyio
async def test_serves_metrics_and_health() -> None:
    state = {"store": ""}

    async def store() -> str:
        if state["store"] == "raise":
            raise OSError("password=hunter22")
        return state["store"]

    app = OperationsApp(metrics(), {"store": store})
    status, headers, body = await call(app, "/metrics")
    assert status == 200
    assert headers[b"content-type"].startswith(b"text/plain")
    assert headers[b"content-length"] == str(len(body)).encode()
    assert b"# HELP grantd_sign_ins_total Attempts to sign in." in body
    _, headers, body = await call(app, "/metrics", accept=b"application/openmetrics-text; version=1.0.0")
    assert headers[b"content-type"].startswith(b"application/openmetrics-text")
    assert body.endswith(b"# EOF\n")
    assert (await call(app, "/health/live"))[0] == 200
    assert await call(app, "/health/ready") == (
        200,
        {
            b"content-type": b"application/json",
            b"content-length": b"32",
            b"cache-control": b"no-store",
            b"x-content-type-options": b"nosniff",
        },
        b'{"status":"ready","problems":{}}',
    )
    state["store"] = "locked"
    status, _, body = await call(app, "/health/ready")
    assert (status, body) == (503, b'{"status":"not ready","problems":{"store":"locked"}}')
    state["store"] = "raise"
    status, _, body = await call(app, "/health/ready")
    assert status == 503
    assert b"hunter" not in body
    assert (await call(app, "/health/live"))[0] == 200


@pytest.mark.anyio
async def test_refuses_everything_else() -> None:
    app = OperationsApp(metrics(), {})
    assert (await call(app, "/"))[0] == 404
    assert (await call(app, "/metrics/"))[0] == 404
    status, headers, _ = await call(app, "/metrics", method="POST")
    assert (status, headers[b"allow"]) == (405, b"GET, HEAD")
    status, _, body = await call(app, "/metrics", method="HEAD")
    assert (status, body) == (200, b"")


@pytest.mark.anyio
async def test_takes_part_in_the_lifespan() -> None:
    messages = iter(["lifespan.startup", "lifespan.shutdown"])
    sent: list[str] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": next(messages)}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message["type"])

    await OperationsApp(metrics(), {})({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
