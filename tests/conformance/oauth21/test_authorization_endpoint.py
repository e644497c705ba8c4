"""OA21-035 to OA21-060: the authorization request, and how it is refused."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.support.forms import form_of
from tests.support.harness import (
    CHALLENGE,
    CLI,
    CLI_REDIRECT,
    CRANES,
    SPA,
    SPA_REDIRECT,
    TIDES,
    WEB,
    WEB_REDIRECT,
    Harbour,
    authorization_query,
    harbour,
)
from tests.support.outcomes import assert_asks, assert_error_page, assert_refused

from grantd.core.issuers import check_issuer
from grantd.core.pkce import s256
from grantd.server.settings import ClientDefaults

pytestmark = pytest.mark.anyio


# --- The endpoint ---


@pytest.mark.req("OA21-035")
@pytest.mark.parametrize("issuer", ["https://login.harbour.example", "https://login.harbour.example/tenant-a"])
async def test_the_endpoint_has_no_fragment_and_no_query_to_keep(issuer: str) -> None:
    async with harbour(identifiers=(issuer,)) as h:
        endpoint = h.url("authorization")
        assert endpoint == f"{issuer}/authorize"
        path = urlsplit(issuer).path
        document = (await h.agent().get(f"/.well-known/oauth-authorization-server{path}")).json
        assert document["authorization_endpoint"] == endpoint
        asked = await h.agent().get(f"{endpoint}?{authorization_query()}")
        assert asked.location.startswith(f"{path}/interaction?i=")
    # An operator cannot give it either: it is made from the issuer identifier.
    assert check_issuer(f"{issuer}?tenant=a") is not None
    assert check_issuer(f"{issuer}#a") is not None


@pytest.mark.req("OA21-036")
async def test_get(h: Harbour) -> None:
    answer = await h.code_answer(h.agent())
    assert answer.location.startswith(f"{WEB_REDIRECT}?code=")
    assert (await h.redeem(answer.query["code"])).status == 200


@pytest.mark.req("OA21-037")
async def test_post_has_the_outcome_of_get(h: Harbour) -> None:
    assert_asks(await h.agent().post("/authorize", authorization_query().encode()))
    agent = h.agent()
    await h.code_answer(agent)
    # The decision is remembered, so both answer at once.
    got, posted = await h.authorize(agent), await agent.post("/authorize", authorization_query().encode())
    assert got.status == posted.status == 303
    assert got.query.keys() == posted.query.keys() == {"code", "state", "iss"}
    assert (await h.redeem(posted.query["code"])).status == 200
    bad = authorization_query(scope="no.such")
    assert_refused(await agent.post("/authorize", bad.encode()), "invalid_scope")


@pytest.mark.req("OA21-037")
@pytest.mark.parametrize("query", [authorization_query(), "scope=tides.write", "foo=1"])
async def test_post_with_parameters_in_the_query_too(h: Harbour, query: str) -> None:
    # Open point 8: one source only.
    agent = await h.signed_in()
    assert_error_page(await agent.post(f"/authorize?{query}", authorization_query().encode()))


@pytest.mark.req("OA21-038")
async def test_unknown_parameters_are_ignored(h: Harbour) -> None:
    agent = h.agent()
    answer = await h.code_answer(agent, foo="1", x_y="<b>", iss="https://evil.example", error="x", code="y")
    assert answer.query.keys() == {"code", "state", "iss"}
    assert answer.query["iss"] == h.identifier
    assert answer.query["code"] != "y"
    refused = await h.authorize(agent, foo="1", error="x", scope="no.such")
    assert_refused(refused, "invalid_scope")
    assert "foo" not in refused.query


@pytest.mark.req("OA21-041")
@pytest.mark.parametrize("origin", ["https://deck.example", "https://fleet.example", "https://evil.example", "null"])
async def test_no_cors(h: Harbour, origin: str) -> None:
    agent = h.agent()
    preflight = {"origin": origin, "access-control-request-method": "POST"}
    answers = [
        await agent.request("OPTIONS", "/authorize", headers=preflight),
        await agent.get(f"/authorize?{authorization_query(SPA)}", {"origin": origin}),
        await agent.post("/authorize", authorization_query(SPA).encode(), {"origin": origin}),
    ]
    assert answers[0].status == 405
    for answer in answers:
        assert not [name for name, _ in answer.headers if name.startswith("access-control-")]


@pytest.mark.req("OA21-042")
async def test_nobody_decides_before_signing_in(h: Harbour) -> None:
    agent = h.agent()
    answer = await h.authorize(agent)
    assert_asks(answer)
    page = await agent.get(answer.location)
    form = form_of(page.text)
    assert {"username", "password"} <= set(form.names)
    assert "decision" not in form.names
    # Skipping the form leads back to it.
    skipped = await agent.post(
        form.action, {**form.hidden, "step": "consent", "decision": "allow", "scopes": "tides.read"}
    )
    assert skipped.location == answer.location
    assert {"username", "password"} <= set(form_of((await agent.get(answer.location)).text).names)


@pytest.mark.req("OA21-042")
@pytest.mark.parametrize("value", ["x" * 43, "", "A" * 42, "../../etc/passwd"])
async def test_a_made_up_session_is_none(h: Harbour, value: str) -> None:
    agent = h.agent()
    agent.cookies[h.issuer.cookies.session] = value
    assert_asks(await h.authorize(agent))
    assert_refused(await h.authorize(agent, prompt="none"), "login_required")


@pytest.mark.req("OA21-042")
@pytest.mark.parametrize("why", ["lifetime", "user disabled", "signed out"])
async def test_a_session_that_ended_is_none(h: Harbour, why: str) -> None:
    agent = h.agent()
    await h.code_answer(agent)
    assert "code" in (await h.authorize(agent)).query
    if why == "lifetime":
        h.clock.advance(h.issuer.settings.sessions.idle)
    elif why == "signed out":
        page = await agent.get("/sign-out")
        stolen = dict(agent.cookies)
        await agent.post("/sign-out", form_of(page.text).hidden)
        agent.cookies = stolen
    else:
        user = await h.store.find_user(h.identifier, h.user.user_id)
        assert user is not None
        fields = {name: getattr(user, name) for name in user.__struct_fields__}
        assert await h.store.put_user(type(user)(**{**fields, "status": "disabled", "version": user.version + 1}))
    assert_asks(await h.authorize(agent))
    assert_refused(await h.authorize(agent, prompt="none"), "login_required")


# --- Refusals by redirect ---


def case(changes: dict[str, Any], error: str, *requirements: str, client_id: str = WEB) -> Any:
    name = ",".join(f"{key}={value!s:.40}" for key, value in changes.items())
    return pytest.param(client_id, changes, error, marks=pytest.mark.req(*requirements), id=f"{client_id}-{name}")


INVALID = "invalid_request"
METHODS = ["plain", "S999", "s256", "S256 ", "S512", "none"]
CHALLENGES = [
    CHALLENGE[:42],
    CHALLENGE + "A",
    CHALLENGE[:42] + "+",
    CHALLENGE[:42] + "/",
    CHALLENGE[:42] + "=",
    CHALLENGE + "=",
    CHALLENGE[:42] + "é",
    CHALLENGE[:21] + " " + CHALLENGE[22:],
    "A" * 128,
    "A" * 129,
]
REFUSED = [
    case({"response_type": None}, INVALID, "OA21-043"),
    case({"response_type": ""}, INVALID, "OA21-043"),
    *(
        case({"response_type": value}, "unsupported_response_type", "OA21-043", "OA21-044")
        for value in (
            "token",
            "code token",
            "token code",
            "id_token",
            "none",
            "Code",
            "CODE",
            "code code",
            " code",
            "xyz",
        )
    ),
    case({"response_type": None, "Response_Type": "code"}, INVALID, "OA21-060"),
    case({"code_challenge": None, "Code_Challenge": CHALLENGE}, INVALID, "OA21-060"),
    case({"scope": "Tides.Read"}, "invalid_scope", "OA21-060"),
    *(
        case({"code_challenge": None, "code_challenge_method": method}, INVALID, *ids, client_id=client_id)
        for client_id, ids in ((CLI, ("OA21-046",)), (SPA, ("OA21-046", "OA21-147")), (WEB, ("OA21-047",)))
        for method in (None, "S256")
    ),
    case({"code_challenge": None, "code_challenge_method": None, "nonce": "n-0S6_WzA2Mj"}, INVALID, "OA21-047"),
    case({"code_challenge": "", "code_challenge_method": "S256"}, INVALID, "OA21-047", "OA21-040"),
    *(
        case({"code_challenge_method": "plain", "code_challenge": challenge}, INVALID, "OA21-049", client_id=client_id)
        for client_id in (WEB, CLI, SPA)
        for challenge in (CHALLENGE, "Xt_CbFSTzBtjXT0W_OsFjstauXZiXfDUHwk2QXT8ToY")
    ),
    *(
        case({"code_challenge_method": absent}, INVALID, "OA21-050", client_id=client_id)
        for client_id in (WEB, CLI)
        for absent in (None, "")
    ),
    *(case({"code_challenge_method": method}, INVALID, "OA21-051") for method in METHODS),
    *(case({"code_challenge": challenge}, INVALID, "OA21-052") for challenge in CHALLENGES),
    *(
        case({name: [value, value]}, INVALID, "OA21-039")
        for name, value in (
            ("scope", "tides.read"),
            ("response_type", "code"),
            ("response_mode", "query"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("prompt", "login"),
            ("foo", "1"),
        )
    ),
    case({"scope": ["tides.read", "tides.write"]}, INVALID, "OA21-039"),
    *(
        case({"scope": scope}, "invalid_scope", "OA21-058", "OA21-133")
        for scope in (
            "no.such",
            "tides.read no.such",
            "tides.read  tides.write",
            " tides.read",
            "tides.read ",
            'tides."read"',
            "tides.read\\",
            "tïdes",
            "x" * 4097,
        )
    ),
    case({"response_mode": "fragment"}, INVALID, "OA21-043"),
    case({"response_mode": "form_post.jwt"}, INVALID, "OA21-043"),
    case({"prompt": "none login"}, INVALID, "OA21-043"),
    case({"prompt": "sometimes"}, INVALID, "OA21-043"),
    case({"resource": "https://nowhere.example/"}, "invalid_target", "OA21-039"),
    case({"resource": f"{TIDES}#x"}, "invalid_target", "OA21-039"),
]


@pytest.mark.parametrize(("client_id", "changes", "error"), REFUSED)
async def test_a_request_is_refused_by_redirect(
    h: Harbour, client_id: str, changes: dict[str, Any], error: str
) -> None:
    redirect_uri = {WEB: WEB_REDIRECT, CLI: CLI_REDIRECT, SPA: SPA_REDIRECT}[client_id]
    agent = await h.signed_in()
    answer = await h.authorize(agent, client_id, **changes)
    description = assert_refused(answer, error, redirect_uri=redirect_uri)
    assert description
    # Nothing was written that could become a token.
    assert await h.store.list_grants(h.identifier, by="client", key=client_id) == ()


@pytest.mark.req("OA21-039", "OA21-063")
async def test_a_repeated_state_is_refused_and_not_returned(h: Harbour) -> None:
    agent = await h.signed_in()
    assert_refused(await h.authorize(agent, state=["one", "two"]), INVALID, state=None)


@pytest.mark.req("OA21-051")
@pytest.mark.parametrize("method", METHODS)
async def test_the_description_speaks_of_the_method(h: Harbour, method: str) -> None:
    answer = await h.authorize(await h.signed_in(), code_challenge_method=method)
    description = assert_refused(answer, INVALID)
    assert "code_challenge_method" in description
    assert "S256" in description


@pytest.mark.req("OA21-043", "OA21-029")
async def test_a_client_asks_only_for_what_it_is_registered_for(h: Harbour) -> None:
    agent = await h.signed_in()
    await h.change_client(WEB, grant_types=("refresh_token",))
    assert_refused(await h.authorize(agent), "unauthorized_client")
    await h.change_client(WEB, grant_types=("authorization_code",), response_types=())
    assert_refused(await h.authorize(agent), "unauthorized_client")


@pytest.mark.req("OA21-133")
async def test_a_scope_outside_the_list_of_the_client(h: Harbour) -> None:
    agent = await h.signed_in()
    await h.change_client(WEB, scope="tides.read")
    assert_refused(await h.authorize(agent, scope="tides.read tides.write"), "invalid_scope")
    assert "code" in (await h.code_answer(agent, scope="tides.read")).query


# --- What is accepted ---


@pytest.mark.req("OA21-039")
async def test_resource_may_come_twice(h: Harbour) -> None:
    answer = await h.code_answer(h.agent(), scope="tides.read cranes.read", resource=[TIDES, CRANES])
    tokens = await h.redeem(answer.query["code"])
    assert tokens.status == 200
    assert tokens.json["resource"] == [TIDES, CRANES]


@pytest.mark.req("OA21-045", "OA21-048")
async def test_the_vector_of_the_challenge(h: Harbour) -> None:
    verifier = "Xt_CbFSTzBtjXT0W_OsFjstauXZiXfDUHwk2QXT8ToY"
    challenge = "W6jCRAXvlQ_vh6HMypIqozKqmUaFtXwUhAaOdTKlYKs"
    code = await h.code(code_challenge=challenge, code_challenge_method="S256")
    assert (await h.redeem(code, code_verifier=verifier)).status == 200
    # RFC 7636 appendix B.
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    code = await h.code(code_challenge="E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", code_challenge_method="S256")
    assert (await h.redeem(code, code_verifier=verifier)).status == 200


@pytest.mark.req("OA21-045")
@pytest.mark.parametrize("length", [43, 128])
async def test_verifiers_of_every_allowed_length(h: Harbour, length: int) -> None:
    verifier = ("aZ09-._~" * 16)[:length]
    code = await h.code(code_challenge=s256(verifier))
    assert (await h.redeem(code, code_verifier=verifier)).status == 200


@pytest.mark.req("OA21-040", "OA21-058")
@pytest.mark.parametrize("absent", [None, ""])
async def test_the_default_scope(absent: str | None) -> None:
    async with harbour(clients=ClientDefaults(default_scope="status")) as h:
        code = await h.code(scope=absent)
        assert (await h.redeem(code)).json["scope"] == "status"
        await h.change_client(WEB, default_scope="tides.read")
        code = await h.code(scope=absent)
        assert (await h.redeem(code)).json["scope"] == "tides.read"


@pytest.mark.req("OA21-040", "OA21-058")
@pytest.mark.parametrize("absent", [None, ""])
async def test_no_scope_and_no_default(h: Harbour, absent: str | None) -> None:
    assert_refused(await h.authorize(await h.signed_in(), scope=absent), "invalid_scope")


@pytest.mark.req("OA21-040")
@pytest.mark.parametrize("name", ["state", "prompt", "resource", "response_mode", "foo"])
async def test_an_empty_parameter_is_absent(h: Harbour, name: str) -> None:
    absent: dict[str, Any] = {"state": None, name: ""}
    # Also beside a value of its own, since an absent parameter repeats nothing.
    answer = await h.code_answer(h.agent(), **absent)
    assert answer.query.keys() == {"code", "iss"}
    answer = await h.code_answer(h.agent(), scope=["", "tides.read"])
    assert "code" in answer.query


@pytest.mark.req("OA21-057")
async def test_the_person_may_grant_less(h: Harbour) -> None:
    agent = h.agent()
    answer = await h.sign_in(agent, await h.authorize(agent, scope="tides.read tides.write status"))
    done = await h.decide(agent, answer, refuse=["tides.write"])
    tokens = (await h.redeem(done.query["code"])).json
    assert tokens["scope"] == "tides.read status"
    assert (await h.introspect(tokens["access_token"]))["scope"] == "tides.read status"


@pytest.mark.req("OA21-057")
async def test_the_person_cannot_grant_more_than_was_asked(h: Harbour) -> None:
    agent = h.agent()
    answer = await h.sign_in(agent, await h.authorize(agent, scope="tides.read"))
    form = form_of((await agent.get(answer.location)).text)
    chosen = [("decision", "allow"), ("scopes", "tides.read"), ("scopes", "tides.write"), ("scopes", "no.such")]
    done = await agent.post(form.action, [*form.hidden.items(), *chosen])
    assert (await h.redeem(done.query["code"])).json["scope"] == "tides.read"


@pytest.mark.req("OA21-059")
async def test_the_metadata_names_the_scopes(h: Harbour) -> None:
    document = (await h.agent().get("/.well-known/oauth-authorization-server")).json
    assert set(document["scopes_supported"]) == {"tides.read", "tides.write", "cranes.read", "cranes.lift", "status"}
    for scope in document["scopes_supported"]:
        resource = CRANES if scope.startswith("cranes") else TIDES
        assert_asks(await h.authorize(h.agent(), scope=scope, resource=resource))


@pytest.mark.req("OA21-043")
async def test_the_metadata_names_the_response_types_and_modes(h: Harbour) -> None:
    document = (await h.agent().get("/.well-known/oauth-authorization-server")).json
    assert document["response_types_supported"] == ["code"]
    for mode in document["response_modes_supported"]:
        assert "code" in (await h.code_answer(h.agent(), response_mode=mode)).query
