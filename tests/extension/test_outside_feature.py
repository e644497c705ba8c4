"""A feature from outside the package works end to end: every kind of contribution is seen over HTTP or in the store."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from tests.extension import berth
from tests.support.asgi import Answer
from tests.support.forms import form_of
from tests.support.harness import SERVICE, WEB, Harbour, harbour, pairs, secret_of

from grantd.jose.verify import decode
from grantd.server.catalogue import FEATURES
from grantd.server.extension import CompositionError
from grantd.server.extension.points import DoctorCheck
from grantd.server.upkeep import Upkeep
from grantd.storage.records import FeatureRecord

KIOSK = "quay-kiosk"
SETTINGS = {"berth": {"quays": ["north", "south"]}}
ALL = (*FEATURES, berth.FEATURE)
pytestmark = pytest.mark.anyio


@pytest.fixture
async def port() -> AsyncIterator[Harbour]:
    async with harbour(features=ALL, feature_settings=SETTINGS) as running:
        kiosk = await running.store.find_client(running.identifier, SERVICE)
        assert kiosk is not None
        metadata = msgspec.structs.replace(kiosk.metadata, client_name="Kiosk", grant_types=(berth.GRANT_TYPE,))
        await running.put_client(KIOSK, metadata)
        yield running


async def ticket(port: Harbour, **form: Any) -> Answer:
    fields = {"client_id": KIOSK, "client_secret": secret_of(KIOSK), "quay": "south", **form}
    return await port.agent().post(port.url("berth_ticket"), pairs(fields))


async def redeem(port: Harbour, value: str) -> Answer:
    return await port.token(KIOSK, grant_type=berth.GRANT_TYPE, ticket=value, scope="cranes.read")


def claims(token: str) -> Any:
    return decode(token).claims


async def left(port: Harbour) -> dict[str, str]:
    records = await port.store.list_records(port.identifier, berth.LEFT, now=port.clock.now())
    return {record.key: record.body.decode() for record in records}


async def test_metadata_names_the_endpoint_the_grant_type_and_the_member(port: Harbour) -> None:
    metadata = (await port.agent().get("/.well-known/oauth-authorization-server")).json
    assert metadata["berth_ticket_endpoint"] == "https://login.harbour.example/berth/tickets"
    assert metadata["berth_ticket_endpoint_auth_methods_supported"] == metadata["token_endpoint_auth_methods_supported"]
    assert metadata["berth_quays_supported"] == ["north", "south"]
    assert berth.GRANT_TYPE in metadata["grant_types_supported"]


async def test_the_grant_type_issues_a_token_with_claim_member_and_header(port: Harbour) -> None:
    given = await ticket(port)
    assert given.status == 201, given.text
    assert given.json["expires_in"] == 120
    answer = await redeem(port, given.json["ticket"])
    assert answer.status == 200, answer.text
    assert answer.json["quay"] == "south"
    assert answer.header("harbour") == "open"
    said = claims(answer.json["access_token"])
    assert said["berth"] == {"quay": "south"}
    assert said["sub"] == f"client:{KIOSK}"
    assert (await port.introspect(answer.json["access_token"], "rs-cranes"))["berth"] == {"quay": "south"}


async def test_other_tokens_carry_no_trace_of_it(port: Harbour) -> None:
    answer = await port.client_credentials()
    assert answer.status == 200
    assert "berth" not in claims(answer.json["access_token"])
    assert "quay" not in answer.json


async def test_the_record_is_taken_once_by_many_at_a_time(port: Harbour) -> None:
    value = (await ticket(port)).json["ticket"]
    answers = await asyncio.gather(*(redeem(port, value) for _ in range(20)))
    assert sorted(answer.status for answer in answers) == [200, *[400] * 19]
    assert {answer.json["error"] for answer in answers if answer.status == 400} == {"invalid_grant"}


async def test_the_record_ends_by_itself(port: Harbour) -> None:
    value = (await ticket(port)).json["ticket"]
    port.clock.advance(120)
    assert (await redeem(port, value)).json["error"] == "invalid_grant"


async def test_endpoint_refuses_as_the_server_refuses(port: Harbour) -> None:
    assert (await ticket(port, client_secret="wrong")).json["error"] == "invalid_client"
    assert (await ticket(port, quay="east")).json["error_description"] == "quay is not one of north, south"
    answer = await port.agent().get(port.url("berth_ticket"))
    assert answer.status == 405


async def test_the_consent_section_shows_and_its_decision_reaches_grant_and_token(port: Harbour) -> None:
    agent = port.agent()
    consent = await port.sign_in(agent, await port.authorize(agent, quay="south"))
    page = await agent.get(consent.location)
    assert "moor at the south quay" in page.text
    assert ("berth", "bunker") in form_of(page.text).ticked
    answer = await port.decide(agent, consent, refuse={"bunker"})
    tokens = (await port.redeem(answer.query["code"])).json
    said = claims(tokens["access_token"])
    assert said["berth"] == {"quay": "south", "allowed": ["moor"], "pilot": ""}
    view = await port.store.find_grant(port.identifier, said["jti"].partition(".")[0])
    assert view is not None
    assert view.grant.evidence["berth"]["allowed"] == ["moor"]
    again = (await port.refresh(tokens["refresh_token"])).json
    assert claims(again["access_token"])["berth"]["allowed"] == ["moor"]
    # The decision is remembered beside that of the scopes.
    code = (await port.authorize(agent, quay="south")).query["code"]
    assert claims((await port.redeem(code)).json["access_token"])["berth"]["allowed"] == ["moor"]


async def test_its_check_refuses_before_anybody_is_asked(port: Harbour) -> None:
    agent = port.agent()
    await port.code(agent)
    answer = await port.authorize(agent, quay="east", prompt="none")
    assert answer.query["error"] == "invalid_request"


async def test_its_step_waits_for_somebody_else(port: Harbour) -> None:
    agent = port.agent()
    answer = await port.sign_in(agent, await port.authorize(agent, quay="north", pilot="yes"))
    waiting = await agent.get(answer.location)
    form = form_of(waiting.text)
    assert form.hidden["step"] == "pilot"
    answer = await agent.post(form.action, form.hidden)
    assert form_of((await agent.get(answer.location)).text).hidden["step"] == "pilot"
    interaction = form.action.partition("i=")[2]
    await port.store.insert_record(
        FeatureRecord(issuer=port.identifier, kind=berth.PILOT, key=interaction, body=b"Jo", expires_at=None)
    )
    answer = await agent.post(form.action, form.hidden)
    code = (await port.decide(agent, answer)).query["code"]
    assert claims((await port.redeem(code)).json["access_token"])["berth"]["pilot"] == "Jo"


async def test_silent_requests_hear_the_steps_own_error(port: Harbour) -> None:
    agent = port.agent()
    await port.code(agent)
    answer = await port.authorize(agent, quay="north", pilot="yes", prompt="none")
    assert answer.query["error"] == "interaction_required"


async def test_its_listener_hears_the_cascade_although_another_one_fails(port: Harbour) -> None:
    tokens = await port.tokens(quay="north")
    grant_id = claims(tokens["access_token"])["jti"].partition(".")[0]
    assert (await port.revoke(tokens["refresh_token"])).status == 200
    assert list(await left(port)) == [grant_id]


async def test_its_listener_hears_of_a_single_token(port: Harbour) -> None:
    tokens = await port.tokens()
    assert (await port.revoke(tokens["access_token"], WEB)).status == 200
    assert await left(port) == {claims(tokens["access_token"])["jti"]: "revoked_by_client"}


async def test_its_job_runs_under_a_lease_with_a_fence(port: Harbour) -> None:
    async def fence() -> str:
        record = await port.store.find_record(port.identifier, berth.ROUND, "last", now=port.clock.now())
        assert record is not None
        return record.body.decode()

    one, other = Upkeep(port.deployment), Upkeep(port.deployment)
    assert await one.run_job(port.issuer, berth.JOB)
    assert not await other.run_job(port.issuer, berth.JOB)
    assert await one.run_job(port.issuer, berth.JOB)
    first = await fence()
    port.clock.advance(berth.JOB.seconds + 3600)
    assert await other.run_job(port.issuer, berth.JOB)
    assert int(await fence()) == int(first) + 1


async def test_its_audit_events_and_doctor_check_work(port: Harbour) -> None:
    await redeem(port, (await ticket(port)).json["ticket"])
    await port.deployment.neighbours.audit.flush()
    assert len(await port.store.list_audit(port.identifier, type_prefix="berth.")) == 1
    check = next(check for check in port.issuer.registry.of(DoctorCheck) if check.name == "berth")
    assert [finding.text for finding in await check.run(port.issuer)] == ["2 quays"]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"berth": {"quay": "north"}}, "feature_settings.berth: Object contains unknown field `quay`"),
        (
            {"berth": {"ticket_seconds": "120"}},
            "feature_settings.berth: Expected `int`, got `str` - at `$.ticket_seconds`",
        ),
        ({"berth": {"ticket_seconds": 0}}, "feature_settings.berth: ticket_seconds has to be positive"),
        ({"birth": {}}, "feature_settings.birth belongs to no installed feature that has settings"),
    ],
)
async def test_wrong_settings_stop_the_start(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(CompositionError) as raised:
        async with harbour(features=ALL, feature_settings=settings):
            pass
    assert str(raised.value) == sentence


async def test_taken_out_it_leaves_no_trace() -> None:
    async with harbour() as port:
        metadata = await port.agent().get("/.well-known/oauth-authorization-server")
        assert "berth" not in metadata.text
        assert (await port.agent().post("/berth/tickets", {"quay": "north"})).status == 404
