"""Composition finds conflicts and gaps before anything listens, and says what to change."""

from copy import copy
from typing import Any

import pytest
from tests.support.harness import WEB, harbour

from grantd.core.specification import Specification, Status
from grantd.server.catalogue import FEATURES
from grantd.server.deployment import compose
from grantd.server.extension import CompositionError, Contribution, Feature, Registry
from grantd.server.extension.points import (
    AccessTokenFormat,
    Allocator,
    AuditEventTypes,
    AuthorizationCheck,
    AuthorizationResponseParameter,
    ClientAuthenticationMethod,
    ClientMetadataMember,
    ConsentSection,
    DoctorCheck,
    Document,
    Endpoint,
    GrantType,
    InteractionStep,
    Metadata,
    PeriodicJob,
    RecordKind,
    RedemptionCheck,
    RequestSource,
    ResponseMode,
    ResponseType,
    SettingsSection,
    SignInMethod,
    TokenContribution,
    TokenKind,
    TokenProfile,
    TokenResponseHeader,
    TokenResponseMember,
)
from grantd.server.extension.registry import select
from grantd.server.settings import IssuerSettings, Settings


def never(*_args: object) -> None:
    raise AssertionError("composition calls nothing")


def feature(
    name: str,
    *contributions: Contribution,
    requires: tuple[str, ...] = (),
    status: Status = "house",
    default: bool = True,
) -> Feature:
    return Feature(
        name=name,
        specification=Specification(title=name, number=name, version="-03", status=status, link="https://a.example/"),
        summary=name,
        contributions=contributions,
        requires=requires,
        default=default,
    )


BUILD: Any = never
CASES: dict[str, Contribution] = {
    "grant type": GrantType(name="g", build=BUILD),
    "authorization request parameter": AuthorizationCheck(parameters=frozenset({"p"}), check=BUILD),
    "response type": ResponseType(name="r", build=BUILD),
    "response mode": ResponseMode(name="m", render=BUILD),
    "authorization response parameter": AuthorizationResponseParameter(name="a", value=BUILD),
    "client authentication method": ClientAuthenticationMethod(
        name="c",
        parameters=frozenset(),
        find=BUILD,
        build=BUILD,
    ),
    "client metadata member": ClientMetadataMember(name="x", check=BUILD),
    "endpoint path": Endpoint(name="e", path="/e", methods=frozenset({"GET"}), build=BUILD),
    "endpoint name": Document(name="d", paths=BUILD, build=BUILD),
    "metadata member": Metadata(names=frozenset({"n"}), members=BUILD),
    "interaction step": InteractionStep(name="s", order=1, build=BUILD),
    "sign-in method": SignInMethod(name="s", order=1, build=BUILD),
    "consent section": ConsentSection(name="s", order=1, build=BUILD),
    "token request parameter": RedemptionCheck(parameters=frozenset({"p"}), check=BUILD),
    "token profile": TokenProfile(name="t", typ="t+jwt", claim_names=frozenset()),
    "access token format": AccessTokenFormat(name="f", build=BUILD),
    "claim of access_token": TokenContribution(names=frozenset({"c"}), contribute=BUILD),
    "claim of other": Allocator(names=frozenset({"c"}), build=BUILD, profile="other"),
    "token response member": TokenResponseMember(names=frozenset({"m"}), contribute=BUILD),
    "token response header": TokenResponseHeader(name="h", contribute=BUILD),
    "token kind": TokenKind(name="k", build=BUILD, revoke=BUILD),
    "record kind": RecordKind(kind="k", description="k"),
    "periodic job": PeriodicJob(name="j", seconds=1, run=BUILD),
    "doctor check": DoctorCheck(name="c", run=BUILD),
    "settings section": SettingsSection(feature="s", model=object),
    "audit event type": AuditEventTypes(types={"e": "E."}),
}


@pytest.mark.parametrize("kind", CASES)
def test_two_owners_of_one_name_stop_composition(kind: str) -> None:
    contribution = CASES[kind]
    owned = next(claim for claim in contribution.claims() if claim.kind == kind)
    with pytest.raises(CompositionError) as raised:
        Registry([feature("tug", contribution), feature("pilot", copy(contribution))])
    assert str(raised.value) == (
        f"features 'tug' and 'pilot' both claim the {kind} {owned.name!r}; take one of them out of the list of features"
    )


def test_one_parameter_is_one_name_on_every_road() -> None:
    check = AuthorizationCheck(parameters=frozenset({"request_uri"}), check=BUILD)
    source = RequestSource(parameter="request_uri", build=BUILD)
    with pytest.raises(CompositionError, match="authorization request parameter 'request_uri'"):
        Registry([feature("a", check), feature("b", source)])


@pytest.mark.parametrize(
    ("contribution", "sentence"),
    [
        (
            AuthorizationCheck(parameters=frozenset({"state"}), check=BUILD),
            "feature 'tug' claims the authorization request parameter 'state', which the core owns",
        ),
        (
            TokenResponseMember(names=frozenset({"access_token"}), contribute=BUILD),
            "feature 'tug' claims the token response member 'access_token', which the core owns",
        ),
        (
            RedemptionCheck(parameters=frozenset({"grant_type"}), check=BUILD),
            "feature 'tug' claims the token request parameter 'grant_type', which the core owns",
        ),
        (
            TokenContribution(names=frozenset({"sub"}), contribute=BUILD),
            "features 'jwt_access_token' and 'tug' both claim the claim of access_token 'sub'",
        ),
        (
            TokenContribution(names=frozenset({"cnf"}), contribute=BUILD),
            "features 'jwt_access_token' and 'tug' both claim the claim of access_token 'cnf'",
        ),
        (
            Metadata(names=frozenset({"issuer"}), members=BUILD),
            "features 'server_metadata' and 'tug' both claim the metadata member 'issuer'",
        ),
        (
            Metadata(names=frozenset({"token_endpoint_auth_methods_supported"}), members=BUILD),
            "features 'token_endpoint' and 'tug' both claim the metadata member 'token_endpoint_auth_methods_supported'",
        ),
    ],
)
def test_what_the_server_says_itself_cannot_be_taken_over(contribution: Contribution, sentence: str) -> None:
    with pytest.raises(CompositionError) as raised:
        Registry([*FEATURES, feature("tug", contribution)])
    assert str(raised.value).partition(";")[0] == sentence


def test_a_feature_may_claim_a_name_twice_itself() -> None:
    contribution = TokenContribution(names=frozenset({"c"}), contribute=BUILD)
    registry = Registry([feature("tug", contribution, contribution)])
    assert registry.of(TokenContribution) == (contribution, contribution)


def test_a_missing_requirement_is_named() -> None:
    with pytest.raises(CompositionError, match="feature 'tug' needs 'pilot'; add it to the list of features"):
        Registry([feature("tug", requires=("pilot",))])


def test_two_features_of_one_name_are_refused_and_neither_is_dropped() -> None:
    with pytest.raises(CompositionError, match="two features are called 'pkce'"):
        select([*FEATURES, feature("pkce")], wanted=None, drafts={})
    with pytest.raises(CompositionError, match="two features are called 'tug'"):
        Registry([feature("tug"), feature("tug")])


def test_an_unknown_feature_is_answered_with_those_that_are_known() -> None:
    with pytest.raises(CompositionError, match="unknown feature 'tugg'; known are: pilot, tug"):
        select([feature("tug"), feature("pilot")], wanted=["tugg"], drafts={})
    with pytest.raises(CompositionError, match="unknown feature 'tugg'"):
        select([feature("tug")], wanted=None, drafts={"tugg": "-03"})


def test_a_draft_is_on_only_when_its_version_is_named() -> None:
    tug, draft = feature("tug"), feature("draft", status="draft")
    assert select([tug, draft], wanted=None, drafts={}) == (tug,)
    assert select([tug, draft], wanted=None, drafts={"draft": "-03"}) == (tug, draft)
    assert select([tug, draft], wanted=["tug"], drafts={"draft": "-03"}) == (tug, draft)
    with pytest.raises(CompositionError, match=r"drafts\.draft names version '-02', but this release speaks '-03'"):
        select([tug, draft], wanted=None, drafts={"draft": "-02"})
    with pytest.raises(CompositionError, match=r"'draft' is a draft; switch it on with drafts\.draft = .-03."):
        select([tug, draft], wanted=["tug", "draft"], drafts={})


def test_a_feature_that_is_off_by_default_waits_to_be_listed() -> None:
    tug, pilot = feature("tug"), feature("pilot", default=False)
    assert select([tug, pilot], wanted=None, drafts={}) == (tug,)
    assert select([tug, pilot], wanted=["pilot"], drafts={}) == (pilot,)


def test_contributions_keep_the_order_of_the_list_and_belong_to_their_point_alone() -> None:
    first, second = RecordKind(kind="a", description="a"), RecordKind(kind="b", description="b")
    registry = Registry([feature("tug", first), feature("pilot", second)])
    assert registry.of(RecordKind) == (first, second)
    assert registry.of(PeriodicJob) == ()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("pkce", "feature 'authorization_code' needs 'pkce'; add it to the list of features"),
        ("issuer_identification", "feature 'issuer_identification' may not be taken out: OAuth 2.1 section 4.1.2"),
    ],
)
def test_what_security_rests_on_may_not_be_taken_out(name: str, sentence: str) -> None:
    issuer = IssuerSettings(issuer="https://a.example", features=tuple(f.name for f in FEATURES if f.name != name))
    with pytest.raises(CompositionError, match=sentence):
        compose(Settings(issuers=(issuer,)), issuer)


def test_a_server_without_the_code_flow_needs_no_pkce() -> None:
    names = ("server_metadata", "token_endpoint", "client_credentials", "client_secret", "jwt_access_token")
    issuer = IssuerSettings(issuer="https://a.example", features=names)
    assert compose(Settings(issuers=(issuer,)), issuer).names == set(names)


@pytest.mark.anyio
async def test_without_introspection_the_server_works_and_says_nothing_of_it() -> None:
    names = tuple(f.name for f in FEATURES if f.name not in {"introspection", "jwt_introspection_response"})
    async with harbour(features=tuple(f for f in FEATURES if "introspection" not in f.name)) as port:
        assert port.issuer.registry.names == set(names)
        metadata = await port.agent().get("/.well-known/oauth-authorization-server")
        assert "introspect" not in metadata.text
        assert (await port.agent().post("/introspect", {"token": "x"})).status == 404
        tokens = await port.tokens()
        assert (await port.refresh(tokens["refresh_token"], WEB)).status == 200


@pytest.mark.anyio
async def test_metadata_that_nobody_owns_stops_the_start() -> None:
    liar = feature(
        "tug", Metadata(names=frozenset({"tugs"}), members=lambda _issuer: {"jwks_uri": "https://b.example/"})
    )
    with pytest.raises(CompositionError, match="jwks_uri"):
        async with harbour(features=(*FEATURES, liar)):
            pass


@pytest.mark.anyio
async def test_a_claim_that_its_contribution_did_not_name_never_leaves_the_server() -> None:
    liar = feature(
        "tug", TokenContribution(names=frozenset({"tug"}), contribute=lambda _issuance: {"sub": "the harbour master"})
    )
    async with harbour(features=(*FEATURES, liar)) as port:
        answer = await port.client_credentials()
        assert answer.status == 500
        assert "access_token" not in answer.text


def test_an_accent_that_nobody_could_read_stops_composition() -> None:
    issuer = IssuerSettings(issuer="https://login.example", accent="#fffffe")
    with pytest.raises(CompositionError, match="accent"):
        compose(Settings(issuers=(issuer,)), issuer)
