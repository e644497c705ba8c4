"""OA21-001 to OA21-018 and OA21-155 at registration: what a client has to be before it may take part."""

from typing import Any

import pytest
from tests.support.harness import Harbour

from grantd.server.clients.registration import ClientMetadataError, check_metadata
from grantd.server.pipeline.refresh import is_public
from grantd.storage.records import Client, ClientMetadata

pytestmark = pytest.mark.anyio

GOOD = "https://fleet.example/oauth/return"


def problems_of(h: Harbour, **members: Any) -> list[str]:
    """Register a client, sound but for ``members``; return what the server finds wrong."""
    metadata = ClientMetadata(**{"redirect_uris": (GOOD,), **members})
    try:
        check_metadata(metadata, h.issuer.registry)
    except ClientMetadataError as error:
        return error.problems
    return []


async def test_a_sound_client_is_registered(h: Harbour) -> None:
    assert problems_of(h) == []


@pytest.mark.req("OA21-001")
async def test_an_authorization_code_client_without_redirect_uris_is_refused(h: Harbour) -> None:
    (problem,) = problems_of(h, redirect_uris=())
    assert problem.startswith("redirect_uris: ")
    assert problems_of(h, redirect_uris=(), grant_types=("client_credentials",), response_types=()) == []


@pytest.mark.req("OA21-001", "OA21-146")
@pytest.mark.parametrize(
    ("method", "application_type", "public"),
    [
        ("none", "web", True),
        ("none", "native", True),
        ("client_secret_basic", "native", True),
        ("client_secret_post", "native", True),
        ("private_key_jwt", "native", False),
        ("client_secret_basic", "web", False),
        ("client_secret_post", "web", False),
    ],
)
async def test_the_type_of_a_client_is_recorded(
    h: Harbour, method: str, application_type: str, *, public: bool
) -> None:
    await h.put_client(
        "some-client",
        ClientMetadata(
            redirect_uris=(GOOD,),
            token_endpoint_auth_method=method,
            application_type=application_type,  # type: ignore[arg-type]  # one of the two literals in the table
        ),
    )
    kept = await h.store.find_client(h.identifier, "some-client")
    assert kept is not None
    assert is_public(kept) is public
    assert kept.metadata.redirect_uris == (GOOD,)


REFUSED = [
    *(
        pytest.param(uri, "web", marks=pytest.mark.req("OA21-006"))
        for uri in (
            "https://a.example",
            "https://a.example*",
            "https://*.a.example/cb",
            "https://a.example/*",
            "https://a.example/cb?*",
            "https://a.example:*/cb",
        )
    ),
    *(
        pytest.param(uri, "web", marks=pytest.mark.req("OA21-007"))
        for uri in ("/cb", "cb", "//a.example/cb", "?x=1", "", "a.example/cb", "https:/cb", "https:cb")
    ),
    *(
        pytest.param(uri, "web", marks=pytest.mark.req("OA21-008"))
        for uri in ("https://a.example/cb#x", "https://a.example/cb#", "https://a.example/cb?t=1#x")
    ),
    *(
        pytest.param(uri, "native", marks=pytest.mark.req("OA21-012"))
        for uri in ("myapp:/cb", "myapp://cb/cb", "app:cb", "x-y+z:/cb")
    ),
    *(
        pytest.param(uri, kind, marks=pytest.mark.req("OA21-018"))
        for uri, kind in (
            ("http://app.example/cb", "web"),
            ("http://app.example/cb", "native"),
            ("http://127.0.0.1/cb", "web"),
            ("http://127.0.0.1.a.example/cb", "native"),
            ("http://192.168.0.1/cb", "native"),
            ("HTTP://app.example/cb", "native"),
            ("ws://app.example/cb", "native"),
        )
    ),
    # Open point 7: names that the response adds.
    *(
        pytest.param(f"https://a.example/cb?{name}=1", "web", marks=pytest.mark.req("OA21-009"))
        for name in (
            "code",
            "state",
            "iss",
            "error",
            "error_description",
            "error_uri",
            "response",
            "id_token",
            "c%6fde",
        )
    ),
    *(
        pytest.param(uri, "native", marks=pytest.mark.req("OA21-128"))
        for uri in (
            "javascript:alert(1)",
            "data:text/html,x",
            "https://user@a.example/cb",
            "https://a.example\\@b.example/cb",
            "https://a.example/cb\r\nx: y",
            "https://a.example/../cb",
            "https://a.example/%2e%2e/cb",
            "https://ä.example/cb",
        )
    ),
]


@pytest.mark.parametrize(("uri", "application_type"), REFUSED)
async def test_a_redirect_uri_is_refused(h: Harbour, uri: str, application_type: str) -> None:
    (problem,) = problems_of(h, redirect_uris=(uri,), application_type=application_type)
    assert problem.startswith("redirect_uris: ")


@pytest.mark.parametrize(
    ("uri", "application_type"),
    [
        pytest.param("https://a.example/cb", "web", marks=pytest.mark.req("OA21-006")),
        pytest.param("https://a.example/cb?t=1", "web", marks=pytest.mark.req("OA21-009")),
        pytest.param("com.example.app:/cb", "native", marks=pytest.mark.req("OA21-012")),
        pytest.param("http://127.0.0.1/cb", "native", marks=pytest.mark.req("OA21-018")),
        pytest.param("http://[::1]:8000/cb", "native", marks=pytest.mark.req("OA21-018")),
        pytest.param("https://app.example/cb", "native", marks=pytest.mark.req("OA21-155")),
    ],
)
async def test_a_redirect_uri_is_accepted(h: Harbour, uri: str, application_type: str) -> None:
    assert problems_of(h, redirect_uris=(uri,), application_type=application_type) == []


@pytest.mark.req("OA21-155")
async def test_a_claimed_https_redirect_uri_leaves_a_native_client_public(h: Harbour) -> None:
    metadata = ClientMetadata(
        redirect_uris=("https://app.example/cb",),
        grant_types=("authorization_code", "refresh_token"),
        application_type="native",
        token_endpoint_auth_method="none",
    )
    check_metadata(metadata, h.issuer.registry)
    client = await h.put_client("claimed", metadata)
    assert is_public(client)
    # It is treated as public on the wire: no credentials asked, consent asked each time.
    agent = h.agent()
    first = await h.code_answer(agent, "claimed", redirect_uri="https://app.example/cb")
    assert (await h.redeem(first.query["code"], "claimed")).status == 200
    again = await h.authorize(agent, "claimed", redirect_uri="https://app.example/cb")
    assert again.location.startswith("/interaction?i=")


@pytest.mark.req("OA21-002")
async def test_a_client_without_credentials_may_not_act_for_itself(h: Harbour) -> None:
    (problem,) = problems_of(h, grant_types=("client_credentials",), token_endpoint_auth_method="none")
    assert problem.startswith("grant_types: client_credentials")


@pytest.mark.req("OA21-003")
async def test_a_client_has_one_authentication_method_and_so_one_type() -> None:
    fields = Client.__struct_fields__ + ClientMetadata.__struct_fields__
    assert [name for name in fields if "auth_method" in name] == ["token_endpoint_auth_method"]


@pytest.mark.parametrize("member", ["grant_types", "response_types", "response_modes"])
async def test_what_no_feature_offers_cannot_be_registered(h: Harbour, member: str) -> None:
    good: tuple[str, ...] = getattr(ClientMetadata(), member)
    for unsafe in ("password", "implicit", "token", "fragment"):
        (problem,) = problems_of(h, **{member: (*good, unsafe)})
        assert problem.startswith(f"{member}: '{unsafe}'")
