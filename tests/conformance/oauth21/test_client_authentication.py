"""OA21-002 to OA21-005 and OA21-021 to OA21-034: who calls, and how sure the server is of it."""

from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.support.asgi import Answer
from tests.support.harness import (
    CLI,
    CLI_REDIRECT,
    RESOURCE_SERVER,
    SERVICE,
    SPA,
    WEB,
    WEB_REDIRECT,
    Harbour,
    basic,
    harbour,
    pairs,
    secret_of,
)
from tests.support.outcomes import assert_refused

from grantd.server.clients.authentication import hash_secret
from grantd.server.settings import ClientDefaults, Lifetimes, ThrottleSettings
from grantd.storage.records import ClientMetadata, SecretHash

pytestmark = pytest.mark.anyio

CREDENTIALS_GRANT = {"grant_type": "client_credentials", "scope": "cranes.read"}
POSTED = {"client_id": SERVICE, "client_secret": secret_of(SERVICE)}


async def ask(h: Harbour, form: dict[str, Any], headers: Any = (), *, query: str = "") -> Answer:
    return await h.agent().post(h.url("token") + query, pairs(form), headers)


def assert_error(answer: Answer, error: str, status: int) -> None:
    assert (answer.status, answer.json["error"]) == (status, error), answer.text
    assert "access_token" not in answer.json
    assert answer.header("content-type") == "application/json"
    assert answer.header("cache-control") == "no-store"


# --- The two types of client ---


@pytest.mark.req("OA21-002", "OA21-033")
async def test_a_native_client_without_secret_takes_part_as_public(h: Harbour) -> None:
    tokens = await h.tokens(CLI)
    refreshed = await ask(
        h, {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": CLI}
    )
    assert refreshed.status == 200
    assert (await h.revoke(refreshed.json["refresh_token"], CLI)).status == 200


@pytest.mark.req("OA21-002")
async def test_a_public_client_gets_nothing_that_needs_authentication(h: Harbour) -> None:
    # Client credentials are for confidential clients, however the client is registered.
    await h.change_client(CLI, grant_types=("authorization_code", "refresh_token", "client_credentials"))
    assert_error(await ask(h, {**CREDENTIALS_GRANT, "client_id": CLI}), "unauthorized_client", 400)
    token = (await h.tokens(CLI))["access_token"]
    answer = await h.agent().post(h.url("introspection"), {"token": token, "client_id": CLI})
    assert_error(answer, "invalid_client", 401)


@pytest.mark.req("OA21-003", "OA21-004", "OA21-030")
@pytest.mark.parametrize(
    "method", ["client_secret_basic", "client_secret_post", "private_key_jwt", "tls_client_auth", "unheard_of"]
)
async def test_an_identifier_alone_authenticates_no_confidential_client(h: Harbour, method: str) -> None:
    await h.change_client(SERVICE, token_endpoint_auth_method=method)
    assert_error(await ask(h, {**CREDENTIALS_GRANT, "client_id": SERVICE}), "invalid_client", 400)


@pytest.mark.req("OA21-030")
async def test_every_grant_asks_a_confidential_client_for_its_credentials(h: Harbour) -> None:
    code, refresh_token = await h.code(), (await h.tokens())["refresh_token"]
    named = {"client_id": WEB}
    for form in (
        {"grant_type": "authorization_code", "code": code, "code_verifier": "x" * 43},
        {"grant_type": "refresh_token", "refresh_token": refresh_token},
        CREDENTIALS_GRANT,
    ):
        assert_error(await ask(h, {**form, **named}), "invalid_client", 400)
        assert_error(await ask(h, form), "invalid_client", 400)
    # Nothing was consumed by those who could not prove themselves.
    assert (await h.redeem(code)).status == 200
    assert (await h.refresh(refresh_token)).status == 200


@pytest.mark.req("OA21-005", "OA21-133")
async def test_a_client_that_registered_itself_gets_no_sensitive_scope(h: Harbour) -> None:
    metadata = ClientMetadata(redirect_uris=(WEB_REDIRECT,), grant_types=("authorization_code",))
    agent = await h.signed_in()
    await h.put_client("walk-in", metadata, origin="dynamic")
    good = await h.code_answer(agent, "walk-in", redirect_uri=WEB_REDIRECT, scope="tides.read")
    assert "code" in good.query
    refused = await h.authorize(agent, "walk-in", redirect_uri=WEB_REDIRECT, scope="tides.read tides.write")
    assert_refused(refused, "invalid_scope")
    # The operator may vouch for it.
    await h.change_client("walk-in", allow_sensitive_scopes=True)
    asked = await h.authorize(agent, "walk-in", redirect_uri=WEB_REDIRECT, scope="tides.read tides.write")
    assert asked.location.startswith("/interaction?i=")


# --- Secrets ---


@pytest.mark.req("OA21-021")
async def test_id_and_secret_in_the_body(h: Harbour) -> None:
    assert (await ask(h, {**CREDENTIALS_GRANT, **POSTED})).status == 200


@pytest.mark.req("OA21-021", "OA21-004")
@pytest.mark.parametrize(
    "wrong",
    [
        {"client_secret": secret_of(SERVICE)[:-1]},
        {"client_secret": secret_of(SERVICE) + "x"},
        {"client_secret": secret_of(SERVICE).upper()},
        {"client_secret": secret_of(WEB)},
        {"client_secret": ""},
        {"client_id": WEB},
        {"client_id": "nobody"},
        {"client_id": None},
    ],
)
async def test_wrong_credentials_in_the_body(h: Harbour, wrong: dict[str, str]) -> None:
    assert_error(await ask(h, {**CREDENTIALS_GRANT, **POSTED, **wrong}), "invalid_client", 400)


@pytest.mark.req("OA21-022")
@pytest.mark.parametrize("endpoint", ["token", "revocation", "introspection"])
@pytest.mark.parametrize("also_in_body", [False, True])
async def test_a_secret_in_the_request_uri_is_refused(h: Harbour, endpoint: str, *, also_in_body: bool) -> None:
    form = {**CREDENTIALS_GRANT, "token": "x", **(POSTED if also_in_body else {})}
    query = f"?client_id={SERVICE}&client_secret={secret_of(SERVICE)}"
    answer = await h.agent().post(h.url(endpoint) + query, form)
    assert_error(answer, "invalid_request", 400)


VECTOR_ID, VECTOR_SECRET = "fleet:web/7", "p+4 ß%"
VECTOR_HEADER = "Basic ZmxlZXQlM0F3ZWIlMkY3OnAlMkI0KyVDMyU5RiUyNQ=="


async def put_basic_client(h: Harbour, client_id: str, **metadata: Any) -> None:
    await h.put_client(
        client_id,
        ClientMetadata(grant_types=("client_credentials",), response_types=(), **metadata),
        secrets=(SecretHash(sha256=hash_secret(VECTOR_SECRET), created_at=0),),
    )


@pytest.mark.req("OA21-023")
async def test_http_basic_decodes_both_halves(h: Harbour) -> None:
    await put_basic_client(h, VECTOR_ID)
    for header in (VECTOR_HEADER, VECTOR_HEADER.replace("Basic", "bAsIc")):
        assert (await ask(h, CREDENTIALS_GRANT, {"authorization": header})).status == 200


@pytest.mark.req("OA21-023")
async def test_http_basic_takes_the_raw_form_only_where_the_client_has_the_flag(h: Harbour) -> None:
    raw = {"authorization": "Basic " + b64encode(f"fleet-raw:{VECTOR_SECRET}".encode()).decode()}
    await put_basic_client(h, "fleet-raw")
    assert_error(await ask(h, CREDENTIALS_GRANT, raw), "invalid_client", 401)
    await put_basic_client(h, "fleet-raw", accept_raw_basic_credentials=True)
    assert (await ask(h, CREDENTIALS_GRANT, raw)).status == 200
    # The flag never makes a wrong secret right.
    wrong = {"authorization": "Basic " + b64encode(b"fleet-raw:p+4").decode()}
    assert_error(await ask(h, CREDENTIALS_GRANT, wrong), "invalid_client", 401)


@pytest.mark.req("OA21-023")
@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic " + b64encode(WEB.encode()).decode(),
        "Basic " + b64encode(f"{WEB}:".encode()).decode(),
        "Basic " + b64encode(b":" + secret_of(WEB).encode()).decode(),
        "Basic " + b64encode(b"\xff:\xff").decode(),
        "Basic " + b64encode(b"%ff:%ff").decode(),
        "Basic " + b64encode(f"{WEB}:{secret_of(SERVICE)}".encode()).decode(),
        "Basic " + "QQ==" * 4000,
        "Bearer " + secret_of(WEB),
        "Digest username=x",
        "",
    ],
)
async def test_a_header_that_authenticates_nobody(h: Harbour, header: str) -> None:
    answer = await ask(h, {"grant_type": "client_credentials"}, {"authorization": header})
    # Open point 6: 401 with a challenge whenever the header was used, for an unknown scheme too.
    assert_error(answer, "invalid_client", 401)
    assert answer.header("www-authenticate") == f'Basic realm="{h.identifier}", charset="UTF-8"'


async def test_failures_without_the_header_never_raise_a_password_box(h: Harbour) -> None:
    for form in (CREDENTIALS_GRANT, {**CREDENTIALS_GRANT, **POSTED, "client_secret": "wrong"}):
        answer = await ask(h, form)
        assert_error(answer, "invalid_client", 400)
        assert answer.header("www-authenticate") is None


@pytest.fixture
async def strict() -> AsyncIterator[Harbour]:
    throttle = ThrottleSettings(client_failures=3, client_window=60, sign_in_failures=3, sign_in_window=60)
    async with harbour(throttle=throttle) as running:
        yield running


@pytest.mark.req("OA21-024", "OA21-137")
async def test_guessing_a_secret_is_slowed_down(strict: Harbour) -> None:
    wrong = {**CREDENTIALS_GRANT, **POSTED, "client_secret": "guess"}
    for _ in range(3):
        assert_error(await ask(strict, wrong), "invalid_client", 400)
    # From now on even the right secret has to wait.
    answer = await ask(strict, {**CREDENTIALS_GRANT, **POSTED})
    assert answer.status == 429
    assert 0 < int(answer.header("retry-after") or 0) <= 60
    assert (await strict.agent().post(strict.url("revocation"), {**POSTED, "token": "x"})).status == 429
    # Nobody else is held up by it: another client, the same client elsewhere.
    assert (await strict.tokens(WEB))["access_token"]
    elsewhere = await strict.agent("198.51.100.7").post(strict.url("token"), {**CREDENTIALS_GRANT, **POSTED})
    assert elsewhere.status == 200
    strict.clock.advance(60)
    assert (await ask(strict, {**CREDENTIALS_GRANT, **POSTED})).status == 200


@pytest.mark.req("OA21-024")
async def test_a_resource_server_is_guarded_too(strict: Harbour) -> None:
    for _ in range(3):
        answer = await strict.agent().post(strict.url("introspection"), {"token": "x"}, basic(RESOURCE_SERVER, "guess"))
        assert_error(answer, "invalid_client", 401)
    answer = await strict.agent().post(strict.url("introspection"), {"token": "x"}, basic(RESOURCE_SERVER))
    assert answer.status == 429


# --- One method, the registered one ---

ASSERTION = {
    "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    "client_assertion": "eyJhbGciOiJFUzI1NiJ9.e30.c2lnbmF0dXJl",
}


@pytest.mark.req("OA21-026")
@pytest.mark.parametrize(
    ("client_id", "form", "headers"),
    [
        (WEB, ASSERTION, list(basic(WEB).items())),
        (WEB, {"client_id": WEB, "client_secret": secret_of(WEB)}, list(basic(WEB).items())),
        (WEB, {"client_id": SERVICE, "client_secret": secret_of(SERVICE)}, list(basic(WEB).items())),
        (WEB, {}, [*basic(WEB).items(), *basic(WEB).items()]),
        (SERVICE, POSTED, [("authorization", "Bearer x")]),
        (SERVICE, {**POSTED, **ASSERTION}, []),
    ],
)
async def test_two_methods_in_one_request(
    h: Harbour, client_id: str, form: dict[str, str], headers: list[tuple[str, str]]
) -> None:
    await h.change_client(client_id, grant_types=("client_credentials",))
    assert_error(await ask(h, {**CREDENTIALS_GRANT, **form}, headers), "invalid_request", 400)


@pytest.mark.req("OA21-026")
async def test_an_identifier_that_contradicts_the_credentials(h: Harbour) -> None:
    await h.change_client(WEB, grant_types=("client_credentials",))
    assert (await ask(h, {**CREDENTIALS_GRANT, "client_id": WEB}, basic(WEB))).status == 200
    assert_error(await ask(h, {**CREDENTIALS_GRANT, "client_id": SERVICE}, basic(WEB)), "invalid_request", 400)


@pytest.mark.req("OA21-029")
@pytest.mark.parametrize("registered", ["client_secret_post", "tls_client_auth", "private_key_jwt", "unheard_of"])
async def test_basic_is_refused_where_another_method_is_registered(h: Harbour, registered: str) -> None:
    await h.change_client(SERVICE, token_endpoint_auth_method=registered)
    assert_error(await ask(h, CREDENTIALS_GRANT, basic(SERVICE)), "invalid_client", 401)


@pytest.mark.req("OA21-029")
@pytest.mark.parametrize("registered", ["client_secret_basic", "tls_client_auth", "private_key_jwt", "unheard_of"])
async def test_a_secret_in_the_body_is_refused_where_another_method_is_registered(h: Harbour, registered: str) -> None:
    await h.change_client(SERVICE, token_endpoint_auth_method=registered)
    assert_error(await ask(h, {**CREDENTIALS_GRANT, **POSTED}), "invalid_client", 400)


@pytest.mark.req("OA21-031")
@pytest.mark.parametrize("in_header", [False, True])
async def test_a_public_client_that_sends_a_made_up_secret(h: Harbour, *, in_header: bool) -> None:
    code = await h.code(client_id=CLI)
    form: dict[str, Any] = {"grant_type": "authorization_code", "code": code, "code_verifier": "x" * 43}
    if in_header:
        assert_error(await ask(h, {**form, "client_id": CLI}, basic(CLI, "made-up")), "invalid_client", 401)
    else:
        made_up = {"client_id": CLI, "client_secret": "made-up"}
        assert_error(await ask(h, {**form, **made_up}), "invalid_client", 400)
    assert (await h.redeem(code, CLI)).status == 200


@pytest.mark.req("OA21-031")
@pytest.mark.parametrize("client_id", [CLI, SERVICE])
async def test_credentials_that_no_method_here_can_read(h: Harbour, client_id: str) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": "x", "client_id": client_id, **ASSERTION}
    assert_error(await ask(h, form), "invalid_client", 400)


# --- What follows from the type ---


@pytest.fixture
async def short() -> AsyncIterator[Harbour]:
    lifetimes = Lifetimes(
        refresh_token=1_000, refresh_token_idle=1_000, refresh_token_public=100, refresh_token_public_idle=100
    )
    clients = ClientDefaults(refresh_rotation=False)
    async with harbour(lifetimes=lifetimes, clients=clients) as running:
        yield running


@pytest.mark.req("OA21-032")
@pytest.mark.parametrize(("client_id", "seconds"), [(CLI, 100), (SPA, 100), (WEB, 1_000)])
async def test_the_refresh_token_of_a_public_client_ends_earlier(short: Harbour, client_id: str, seconds: int) -> None:
    refresh_token = (await short.tokens(client_id))["refresh_token"]
    short.clock.advance(seconds - 1)
    answer = await short.refresh(refresh_token, client_id)
    assert answer.status == 200, answer.text
    short.clock.advance(1)
    assert_error(await short.refresh(answer.json["refresh_token"], client_id), "invalid_grant", 400)


@pytest.mark.req("OA21-034", "OA21-146")
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_a_native_client_with_a_shared_secret_lives_by_the_rules_of_public_ones(
    short: Harbour, method: str
) -> None:
    await short.put_client(
        "shared",
        ClientMetadata(
            redirect_uris=(CLI_REDIRECT,),
            grant_types=("authorization_code", "refresh_token"),
            application_type="native",
            token_endpoint_auth_method=method,
        ),
    )
    first = (await short.tokens("shared", redirect_uri=CLI_REDIRECT))["refresh_token"]
    rotated = await short.refresh(first, "shared")
    # Rotation is off for confidential clients here, and still this one rotates.
    assert rotated.json["refresh_token"] != first
    confidential = (await short.tokens(WEB))["refresh_token"]
    assert (await short.refresh(confidential, WEB)).json.get("refresh_token", confidential) == confidential
    short.clock.advance(100)
    assert_error(await short.refresh(rotated.json["refresh_token"], "shared"), "invalid_grant", 400)


@pytest.mark.req("OA21-034")
async def test_a_native_client_with_a_shared_secret_is_asked_again(short: Harbour) -> None:
    await short.change_client(WEB, application_type="native")
    agent = short.agent()
    assert "code" in (await short.code_answer(agent)).query
    assert (await short.authorize(agent)).location.startswith("/interaction?i=")


@pytest.mark.req("OA21-136")
async def test_the_subject_of_a_client_is_no_user(h: Harbour) -> None:
    token = (await h.client_credentials()).json["access_token"]
    seen = await h.introspect(token, "rs-cranes")
    assert seen["sub"] == f"client:{SERVICE}"
    # A client may be called like a user; the subjects still differ.
    await h.put_client(
        h.user.user_id,
        ClientMetadata(
            grant_types=("client_credentials",), response_types=(), token_endpoint_auth_method="client_secret_post"
        ),
    )
    namesake = await h.introspect((await h.client_credentials(h.user.user_id)).json["access_token"], "rs-cranes")
    of_person = await h.introspect((await h.tokens())["access_token"])
    assert of_person["sub"] == h.user.user_id
    assert namesake["sub"] != of_person["sub"]
