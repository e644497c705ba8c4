"""Records for the tests of the stores."""

import itertools
from typing import Any

from msgspec.structs import replace

from grantd.storage.port import Store
from grantd.storage.records import (
    AuditEvent,
    Client,
    ClientMetadata,
    Consent,
    FeatureRecord,
    Grant,
    Interaction,
    RefreshFamily,
    ResourceServer,
    SecretHash,
    Session,
    SigningKeyRecord,
    User,
)

ISSUER = "https://issuer.example"
OTHER = "https://other.example"
NOW = 1_800_000_000
CODE = b"c" * 32
_numbers = itertools.count()


def a_client(client_id: str = "app", issuer: str = ISSUER, **changes: Any) -> Client:
    metadata = ClientMetadata(client_name="App", redirect_uris=("https://App.example:8443/cb", "http://127.0.0.1/cb"))
    secrets = (SecretHash(sha256=b"\x00" * 32, created_at=NOW),)
    return replace(Client(issuer=issuer, client_id=client_id, metadata=metadata, secrets=secrets), **changes)


def a_user(user_id: str = "u1", username: str = "Ann", issuer: str = ISSUER, **changes: Any) -> User:
    return replace(User(issuer=issuer, user_id=user_id, username=username, extensions={"x": {"y": [1]}}), **changes)


def a_grant(grant_id: str | None = None, **changes: Any) -> Grant:
    grant = Grant(
        issuer=ISSUER,
        grant_id=grant_id or f"grant-{next(_numbers):06}",
        grant_type="authorization_code",
        client_id="app",
        subject="u1",
        user_id="u1",
        session_id=b"s" * 32,
        scopes=("openid", "a"),
        resources=("https://api.example",),
        authorization_details=({"type": "payment", "amount": 5},),
        acr="pwd",
        amr=("pwd",),
        auth_time=NOW - 5,
        confirmation={"jkt": "k"},
        actor={"sub": "agent"},
        task="t",
        consent={"digest": "d"},
        evidence={"pkce": {"challenge": "c"}},
        redirect_uri="https://app.example/cb",
        redirect_uri_sent=True,
        created_at=NOW,
    )
    return replace(grant, **changes)


def a_pending_grant(grant_id: str | None = None, **changes: Any) -> Grant:
    return a_grant(grant_id, **{"status": "pending", "code_hash": CODE, "code_expires_at": NOW + 60, **changes})


def a_family(grant_id: str, family_id: str | None = None, **changes: Any) -> RefreshFamily:
    family = RefreshFamily(
        issuer=ISSUER,
        family_id=family_id or f"family-{next(_numbers):06}",
        grant_id=grant_id,
        client_id="app",
        rotated_at=NOW,
        idle_expires_at=NOW + 100,
        expires_at=NOW + 1000,
        created_at=NOW,
    )
    return replace(family, **changes)


def a_session(session_id: bytes = b"s" * 32, **changes: Any) -> Session:
    session = Session(
        issuer=ISSUER,
        session_id=session_id,
        user_id="u1",
        auth_time=NOW,
        acr="pwd",
        amr=("pwd", "otp"),
        user_agent="Browser",
        created_at=NOW,
        last_seen_at=NOW,
        expires_at=NOW + 100,
    )
    return replace(session, **changes)


def a_consent(**changes: Any) -> Consent:
    consent = Consent(issuer=ISSUER, user_id="u1", client_id="app", scopes=("a",), resources=("r",), granted_at=NOW)
    return replace(consent, **changes)


def an_interaction(**changes: Any) -> Interaction:
    interaction = Interaction(
        issuer=ISSUER, interaction_id="i1", user_agent_hash=b"h", body=b"\x00\xff", expires_at=NOW + 10
    )
    return replace(interaction, **changes)


def a_resource_server(name: str = "api", *identifiers: str, **changes: Any) -> ResourceServer:
    server = ResourceServer(
        issuer=ISSUER,
        resource_server_id=name,
        name=name,
        identifiers=identifiers or (f"https://{name}.example",),
        scopes={"read": "read things"},
    )
    return replace(server, **changes)


def a_key(kid: str = "k1", **changes: Any) -> SigningKeyRecord:
    key = SigningKeyRecord(
        issuer=ISSUER,
        kid=kid,
        alg="ES256",
        public_jwk={"kty": "EC"},
        sealed_private_key=b"\x01\x02",
        created_at=NOW,
        activate_at=NOW,
    )
    return replace(key, **changes)


def an_event(sequence: int, **changes: Any) -> AuditEvent:
    event = AuditEvent(
        issuer=ISSUER, at=NOW + sequence, type="token.issued", node="n", epoch="e", sequence=sequence, hash=b"\x01" * 32
    )
    return replace(event, **changes)


def a_record(key: str = "k", **changes: Any) -> FeatureRecord:
    return replace(FeatureRecord(issuer=ISSUER, kind="jti", key=key, body=b"\x00b", expires_at=NOW + 10), **changes)


async def furnish(store: Store) -> None:
    """Put in the client and the user whose activity the other records depend on."""
    assert await store.put_client(a_client())
    assert await store.put_user(a_user())
