"""A whole server in process: a clock that can be moved, a store of choice, one tenant with clients, an API, a person."""

import secrets
from base64 import b64encode
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote_plus, urlencode

import msgspec
from tests.support.asgi import Answer, UserAgent
from tests.support.forms import form_of

from grantd.core.clock import ManualClock
from grantd.core.pkce import s256
from grantd.server.accounts.passwords import PasswordHasherPool, PasswordParameters
from grantd.server.app import Server
from grantd.server.catalogue import FEATURES
from grantd.server.clients.authentication import hash_secret
from grantd.server.deployment import Deployment, open_deployment
from grantd.server.extension import Feature
from grantd.server.issuer import Issuer
from grantd.server.keys.sealing import Sealer
from grantd.server.settings import IssuerSettings, KeySettings, Settings
from grantd.storage.memory import MemoryStore
from grantd.storage.migrations import upgrade
from grantd.storage.port import Store
from grantd.storage.records import Client, ClientMetadata, ResourceServer, SecretHash, User
from grantd.storage.sqlite import SqliteStore

ISSUER = "https://login.harbour.example"
TIDES = "https://tides.harbour.example/api"
CRANES = "https://cranes.harbour.example/"
WEB = "fleet-web-7"
WEB_REDIRECT = "https://fleet.example/oauth/return"
CLI = "deck-cli"
CLI_REDIRECT = "http://127.0.0.1/callback"
SPA = "deck-spa"
SPA_REDIRECT = "https://deck.example/cb"
SERVICE = "crane-agent"
RESOURCE_SERVER = "rs-tides"
OTHER_RESOURCE_SERVER = "rs-cranes"
USERNAME = "ana"
PASSWORD = "correct horse battery staple"
VERIFIER = "Xt_CbFSTzBtjXT0W_OsFjstauXZiXfDUHwk2QXT8ToY"
CHALLENGE = s256(VERIFIER)

# The parameters of argon2 are tested elsewhere; here they only have to be quick.
QUICK = PasswordParameters(memory_kib=8, time_cost=1, parallelism=1)


def secret_of(identifier: str) -> str:
    """The secret of every confidential party in the harness."""
    return f"{identifier}-secret-of-at-least-32-characters"


def basic(identifier: str, secret: str | None = None) -> dict[str, str]:
    """HTTP Basic, both halves form-encoded."""
    text = f"{quote_plus(identifier)}:{quote_plus(secret_of(identifier) if secret is None else secret)}"
    return {"authorization": "Basic " + b64encode(text.encode()).decode()}


def clients(issuer: str = ISSUER) -> tuple[Client, ...]:
    """The clients that every test meets."""
    both = ("authorization_code", "refresh_token")
    metadata = {
        WEB: ClientMetadata(
            client_name="Fleet",
            client_uri="https://fleet.example/",
            redirect_uris=(WEB_REDIRECT,),
            grant_types=both,
        ),
        CLI: ClientMetadata(
            client_name="Deck CLI",
            redirect_uris=(CLI_REDIRECT,),
            grant_types=both,
            token_endpoint_auth_method="none",
            application_type="native",
        ),
        SPA: ClientMetadata(
            client_name="Deck",
            redirect_uris=(SPA_REDIRECT,),
            grant_types=both,
            token_endpoint_auth_method="none",
        ),
        SERVICE: ClientMetadata(
            client_name="Crane agent",
            grant_types=("client_credentials",),
            response_types=(),
            token_endpoint_auth_method="client_secret_post",
        ),
    }
    return tuple(
        Client(
            issuer=issuer,
            client_id=client_id,
            metadata=each,
            secrets=()
            if each.token_endpoint_auth_method == "none"
            else (SecretHash(sha256=hash_secret(secret_of(client_id)), created_at=0),),
        )
        for client_id, each in metadata.items()
    )


def resource_servers(issuer: str = ISSUER) -> tuple[ResourceServer, ...]:
    """Two APIs with a scope name in common."""
    return (
        ResourceServer(
            issuer=issuer,
            resource_server_id=RESOURCE_SERVER,
            name="Tides",
            identifiers=(TIDES,),
            scopes={"tides.read": "read the tides", "tides.write": "correct the tides", "status": "see the status"},
            sensitive_scopes=("tides.write",),
            default=True,
            secrets=(SecretHash(sha256=hash_secret(secret_of(RESOURCE_SERVER)), created_at=0),),
        ),
        ResourceServer(
            issuer=issuer,
            resource_server_id=OTHER_RESOURCE_SERVER,
            name="Cranes",
            identifiers=(CRANES,),
            scopes={"cranes.read": "see the cranes", "cranes.lift": "lift containers", "status": "see the status"},
            secrets=(SecretHash(sha256=hash_secret(secret_of(OTHER_RESOURCE_SERVER)), created_at=0),),
        ),
    )


@dataclass
class Harbour:
    """The running server and what tests do with it again and again."""

    server: Server
    deployment: Deployment
    clock: ManualClock
    store: Store
    identifier: str = ISSUER
    user: User = field(default_factory=lambda: User(issuer=ISSUER, user_id="u-51Kd", username=USERNAME))

    @property
    def issuer(self) -> Issuer:
        return self.deployment.issuer(self.identifier)

    def agent(self, address: str = "192.0.2.10", identifier: str | None = None) -> UserAgent:
        """A new user agent (or client) that talks to the issuer's host."""
        issuer = self.deployment.issuer(identifier or self.identifier)
        return UserAgent(self.server.application, issuer.authority, address, issuer.scheme)

    def url(self, name: str) -> str:
        return self.issuer.url(name)

    async def put_client(self, client_id: str, metadata: ClientMetadata, **fields: Any) -> Client:
        """Add or change a client; with a secret unless its method is ``none``."""
        before = await self.store.find_client(self.identifier, client_id)
        kept = (
            ()
            if metadata.token_endpoint_auth_method == "none"
            else (SecretHash(sha256=hash_secret(secret_of(client_id)), created_at=0),)
        )
        client = Client(
            issuer=self.identifier,
            client_id=client_id,
            metadata=metadata,
            version=before.version + 1 if before else 1,
            **{"secrets": kept, **fields},
        )
        assert await self.store.put_client(client)
        self.issuer.forget_clients()
        return client

    async def change_client(self, client_id: str, **metadata: Any) -> Client:
        """Change members of a client's metadata."""
        before = await self.store.find_client(self.identifier, client_id)
        assert before is not None
        return await self.put_client(
            client_id, msgspec.structs.replace(before.metadata, **metadata), origin=before.origin
        )

    async def authorize(self, agent: UserAgent, client_id: str = WEB, *, prefix: str = "", **parameters: Any) -> Answer:
        """Send an authorization request; parameters with ``None`` are left out, lists are repeated."""
        return await agent.get(f"{self.url('authorization')}?{authorization_query(client_id, **parameters)}")

    async def sign_in(
        self, agent: UserAgent, answer: Answer, username: str = USERNAME, password: str = PASSWORD
    ) -> Answer:
        """Fill in the sign-in page that ``answer`` redirects to, and follow to where it leads."""
        page = await agent.get(answer.location)
        assert page.status == 200, page.text
        form = form_of(page.text)
        return await agent.post(form.action, {**form.hidden, "username": username, "password": password})

    async def decide(
        self, agent: UserAgent, answer: Answer, decision: Literal["allow", "deny"] = "allow", refuse: Iterable[str] = ()
    ) -> Answer:
        """Decide on the consent page that ``answer`` redirects to; ``refuse`` unticks scopes."""
        page = await agent.get(answer.location)
        assert page.status == 200, page.text
        form = form_of(page.text)
        fields = [*form.hidden.items(), ("decision", decision)]
        fields += [(name, value) for name, value in form.ticked if value not in set(refuse)]
        return await agent.post(form.action, fields)

    async def code_answer(self, agent: UserAgent, client_id: str = WEB, **parameters: Any) -> Answer:
        """Run an authorization request to its end, whatever pages come in between."""
        answer = await self.authorize(agent, client_id, **parameters)
        for _ in range(4):
            if answer.status != 303 or "/interaction?" not in answer.location:
                return answer
            page = await agent.get(answer.location)
            assert page.status == 200, page.text
            if 'name="password"' in page.text:
                answer = await self.sign_in(agent, answer)
            else:
                answer = await self.decide(agent, answer)
        raise AssertionError("the interaction does not end")

    async def signed_in(self, client_id: str = WEB) -> UserAgent:
        """Return a user agent with a session, whose person has not decided anything yet."""
        agent = self.agent()
        await self.sign_in(agent, await self.authorize(agent, client_id))
        return agent

    async def code(self, agent: UserAgent | None = None, client_id: str = WEB, **parameters: Any) -> str:
        """Return an authorization code."""
        answer = await self.code_answer(agent or self.agent(), client_id, **parameters)
        assert "code" in answer.query, answer.location
        return answer.query["code"]

    async def redeem(self, code: str, client_id: str = WEB, **form: Any) -> Answer:
        """Redeem a code as its client."""
        return await self.token(
            client_id, grant_type="authorization_code", code=code, **{"code_verifier": VERIFIER, **form}
        )

    async def refresh(self, refresh_token: str, client_id: str = WEB, **form: Any) -> Answer:
        return await self.token(client_id, grant_type="refresh_token", refresh_token=refresh_token, **form)

    async def client_credentials(self, client_id: str = SERVICE, **form: Any) -> Answer:
        return await self.token(client_id, grant_type="client_credentials", **{"scope": "cranes.read", **form})

    async def token(self, client_id: str, **form: Any) -> Answer:
        """Send a token request, authenticated as the client is registered."""
        client = await self.store.find_client(self.identifier, client_id)
        assert client is not None
        headers: dict[str, str] = {}
        method = client.metadata.token_endpoint_auth_method
        if method == "client_secret_basic":
            headers = basic(client_id)
        elif method == "client_secret_post":
            form = {"client_id": client_id, "client_secret": secret_of(client_id), **form}
        else:
            form = {"client_id": client_id, **form}
        return await self.agent().post(self.url("token"), pairs(form), headers)

    async def tokens(self, client_id: str = WEB, **parameters: Any) -> dict[str, Any]:
        """Run the whole code flow and return the token response."""
        code = await self.code(client_id=client_id, **parameters)
        answer = await self.redeem(code, client_id)
        assert answer.status == 200, answer.text
        result: dict[str, Any] = answer.json
        return result

    async def introspect(self, token: str, as_: str = RESOURCE_SERVER, **headers: str) -> Any:
        answer = await self.agent().post(self.url("introspection"), {"token": token}, {**basic(as_), **headers})
        assert answer.status == 200, answer.text
        return answer.json

    async def revoke(self, token: str, client_id: str = WEB, **form: Any) -> Answer:
        client = await self.store.find_client(self.identifier, client_id)
        assert client is not None
        public = client.metadata.token_endpoint_auth_method == "none"
        headers = {} if public else basic(client_id)
        fields = {"token": token, **({"client_id": client_id} if public else {}), **form}
        return await self.agent().post(self.url("revocation"), pairs(fields), headers)


def pairs(form: dict[str, Any]) -> list[tuple[str, str]]:
    """Flatten lists into repeated pairs and leave ``None`` out."""
    flat: list[tuple[str, str]] = []
    for name, value in form.items():
        values = value if isinstance(value, list | tuple) else [value]
        flat.extend((name, str(each)) for each in values if each is not None)
    return flat


def authorization_query(client_id: str = WEB, **parameters: Any) -> str:
    """The query of a good authorization request, changed by ``parameters``."""
    redirects = {WEB: WEB_REDIRECT, CLI: CLI_REDIRECT, SPA: SPA_REDIRECT}
    form = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirects.get(client_id),
        "scope": "tides.read",
        "state": "k9Vv-2",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **parameters,
    }
    return urlencode(pairs(form))


@asynccontextmanager
async def harbour(
    kind: Literal["memory", "sqlite"] = "memory",
    *,
    path: Path | None = None,
    features: Iterable[Feature] = FEATURES,
    identifiers: tuple[str, ...] = (ISSUER,),
    drafts: dict[str, str] | None = None,
    **issuer_settings: Any,
) -> AsyncIterator[Harbour]:
    """Start a server; ``drafts`` names versions, ``issuer_settings`` are members of ``IssuerSettings``."""
    clock = ManualClock()
    store: Store
    if kind == "sqlite":
        assert path is not None
        url = f"sqlite:{path / 'grantd.sqlite3'}"
        upgrade(url)
        store = SqliteStore(str(path / "grantd.sqlite3"), synchronous="normal", group_size=64)
    else:
        store = MemoryStore()
    keys = KeySettings(algorithms=("ES256",))
    settings = Settings(
        issuers=tuple(
            IssuerSettings(**{"issuer": identifier, "name": "Harbour", "keys": keys, **issuer_settings})
            for identifier in identifiers
        ),
        drafts=drafts or {},
    )
    passwords = PasswordHasherPool(workers=1, parameters=QUICK)
    user = None
    for identifier in identifiers:
        for client in clients(identifier):
            assert await store.put_client(client)
        for resource_server in resource_servers(identifier):
            assert await store.put_resource_server(resource_server)
        user = User(
            issuer=identifier,
            user_id="u-51Kd" if identifier == ISSUER else f"u-{secrets.token_hex(4)}",
            username=USERNAME,
            name="Ana Ruiz",
            email="ana@harbour.example",
            password_hash=await passwords.hash(PASSWORD),
        )
        assert await store.put_user(user)

    async def opener() -> Deployment:
        return await open_deployment(
            settings, clock=clock, features=features, store=store, sealer=Sealer(bytes(range(32))), passwords=passwords
        )

    server = Server(settings, features=features, opener=opener)
    await server.start()
    try:
        first = await store.find_user_by_name(identifiers[0], USERNAME)
        assert first is not None
        yield Harbour(server, server.deployment, clock, store, identifiers[0], first)
    finally:
        await server.stop()
