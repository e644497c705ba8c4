"""From a seed file to records: everything is judged before anything is written, and nothing is written twice."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from msgspec.structs import replace

from grantd.server.accounts.passwords import PasswordPolicyError, prepare_new_password
from grantd.server.administration.change import brought_secrets
from grantd.server.administration.clients import ClientAdministration
from grantd.server.administration.resource_servers import ResourceServerAdministration
from grantd.server.administration.seed.model import SeedClient, SeedFile, SeedResourceServer, SeedUser
from grantd.server.administration.users import UserAdministration, check_user
from grantd.server.clients.registration import SECRET_METHODS
from grantd.server.issuer import Issuer
from grantd.server.settings import Problem, SettingsError
from grantd.storage.records import Client, ClientMetadata, ResourceServer, SecretHash, User

# RFC 9106 and the encoding of the argon2 reference implementation; costs have bounds, so that no hash stalls sign-in.
_ARGON2 = re.compile(
    r"\$argon2id\$v=19\$m=(?P<m>[1-9][0-9]{0,6}),t=(?P<t>[1-9][0-9]?),p=(?P<p>[1-9][0-9]?)"
    r"\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{16,172}"
)
_MOST_MEMORY_KIB = 1_048_576


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one entry.

    Args:
        kind: ``client``, ``resource_server`` or ``user``.
        issuer: whose it is.
        name: its identifier.
        action: ``created``, ``updated`` or ``unchanged``.
        secret: the secret that was made for it, or empty.
    """

    kind: Literal["client", "resource_server", "user"]
    issuer: str
    name: str
    action: Literal["created", "updated", "unchanged"]
    secret: str = ""


@dataclass(slots=True)
class Plan:
    """A judged seed file; ``apply`` carries it out."""

    resource_servers: list[tuple[ResourceServerAdministration, ResourceServer | None, SeedResourceServer]] = field(
        default_factory=list
    )
    clients: list[tuple[ClientAdministration, Client | None, SeedClient]] = field(default_factory=list)
    users: list[tuple[UserAdministration, User | None, SeedUser]] = field(default_factory=list)


class _Judge:
    """Collects problems with the file's name and the key."""

    def __init__(self, source: str, issuers: Mapping[str, Issuer], default: str) -> None:
        self.problems: list[Problem] = []
        self._source = source
        self._issuers = issuers
        self._default = default
        self._seen: set[tuple[str, str, str]] = set()

    def refuse(self, key: str, wrong: str, right: str) -> None:
        self.problems.append(Problem(key, self._source, wrong, right))

    def refuse_all(self, key: str, sentences: Sequence[str]) -> None:
        for sentence in sentences:
            member, _, rest = sentence.partition(": ")
            if rest and " " not in member:
                self.refuse(f"{key}.{member}", "cannot be so", rest)
            else:
                self.refuse(key, "cannot be so", sentence)

    def issuer(self, key: str, wanted: str) -> Issuer | None:
        identifier = wanted or self._default
        if not identifier:
            self.refuse(f"{key}.issuer", "is missing", f"name one of {', '.join(self._issuers)}")
        elif identifier not in self._issuers:
            self.refuse(f"{key}.issuer", f"is {identifier!r}", f"name one of {', '.join(self._issuers)}")
        return self._issuers.get(identifier)

    def once(self, key: str, kind: str, issuer: str, name: str) -> None:
        if (kind, issuer, name) in self._seen:
            self.refuse(key, f"is the second {kind} {name!r}", "describe each once")
        self._seen.add((kind, issuer, name))


async def prepare(seed: SeedFile, *, source: str, issuers: Mapping[str, Issuer], default: str, actor: str) -> Plan:
    """Judge a seed file against the settings and what the store has.

    Args:
        seed: the file's content.
        source: the file's name, for messages.
        issuers: the deployment's issuers by identifier.
        default: the issuer of entries that name none; empty when there are several.
        actor: who seeds, for the audit log.

    Raises:
        SettingsError: with everything that is wrong; nothing was written.
    """
    judge, plan = _Judge(source, issuers, default), Plan()
    for index, server in enumerate(seed.resource_servers):
        key = f"resource_servers[{index}]"
        issuer = judge.issuer(key, server.issuer)
        if issuer is not None:
            judge.once(key, "resource server", issuer.identifier, server.resource_server_id)
            await _judge_resource_server(judge, plan, key, server, ResourceServerAdministration(issuer, actor))
    for index, client in enumerate(seed.clients):
        key = f"clients[{index}]"
        issuer = judge.issuer(key, client.issuer)
        if issuer is not None:
            judge.once(key, "client", issuer.identifier, client.client_id)
            await _judge_client(judge, plan, key, client, ClientAdministration(issuer, actor))
    for index, user in enumerate(seed.users):
        key = f"users[{index}]"
        issuer = judge.issuer(key, user.issuer)
        if issuer is not None:
            judge.once(key, "user", issuer.identifier, user.username.casefold())
            await _judge_user(judge, plan, key, user, UserAdministration(issuer, actor))
    if judge.problems:
        raise SettingsError(tuple(judge.problems))
    return plan


async def _judge_resource_server(
    judge: _Judge, plan: Plan, key: str, seed: SeedResourceServer, administration: ResourceServerAdministration
) -> None:
    stored = await administration.all()
    planned = [
        _resource_server(one, ResourceServer(issuer="", resource_server_id="", name="", identifiers=()), ())
        for other, _, one in plan.resource_servers
        if other.issuer is administration.issuer
    ]
    names = {one.resource_server_id for one in planned}
    others = [*(one for one in stored if one.resource_server_id not in names), *planned]
    before = next((one for one in stored if one.resource_server_id == seed.resource_server_id), None)
    candidate = _resource_server(
        seed,
        ResourceServer(issuer=administration.issuer.identifier, resource_server_id="", name="", identifiers=()),
        (),
    )
    judge.refuse_all(key, administration.check(candidate, others))
    _judge_secret(judge, f"{key}.secret", seed.secret)
    plan.resource_servers.append((administration, before, seed))


async def _judge_client(
    judge: _Judge, plan: Plan, key: str, seed: SeedClient, administration: ClientAdministration
) -> None:
    issuer = administration.issuer
    before = await issuer.store.find_client(issuer.identifier, seed.client_id)
    judge.refuse_all(key, administration.check(seed.client_id, _metadata(seed)))
    if seed.token_endpoint_auth_method in SECRET_METHODS:
        _judge_secret(judge, f"{key}.client_secret", seed.client_secret)
    elif seed.client_secret:
        judge.refuse(f"{key}.client_secret", f"has no use with {seed.token_endpoint_auth_method!r}", "leave it out")
    plan.clients.append((administration, before, seed))


async def _judge_user(judge: _Judge, plan: Plan, key: str, seed: SeedUser, administration: UserAdministration) -> None:
    issuer = administration.issuer
    before = await issuer.store.find_user_by_name(issuer.identifier, seed.username)
    judge.refuse_all(key, check_user(_user(seed, User(issuer="", user_id="", username=seed.username), "")))
    if seed.password:
        try:
            prepare_new_password(seed.password)
        except PasswordPolicyError as error:
            judge.refuse(f"{key}.password", "cannot be so", str(error))
    if seed.password_hash:
        match = _ARGON2.fullmatch(seed.password_hash)
        if match is None or int(match["m"]) > _MOST_MEMORY_KIB:
            judge.refuse(
                f"{key}.password_hash", "is no argon2id hash", "write it as $argon2id$v=19$m=65536,t=3,p=4$salt$hash"
            )
    plan.users.append((administration, before, seed))


def _judge_secret(judge: _Judge, key: str, secret: str) -> None:
    if secret:
        try:
            brought_secrets((), secret, 0)
        except ValueError as error:
            judge.refuse(key, "cannot be so", str(error))


async def apply(plan: Plan, *, tell: Callable[[Outcome], None]) -> None:
    """Write what a plan has that the store has not.

    Args:
        plan: from ``prepare``.
        tell: called for each entry once it is written.

    Raises:
        AdministrationError: somebody changed the same record at the same moment; what was told is written.
    """
    for servers, before, server in plan.resource_servers:
        tell(await _apply_resource_server(servers, before, server))
    for clients, known, client in plan.clients:
        tell(await _apply_client(clients, known, client))
    for users, person, user in plan.users:
        tell(await _apply_user(users, person, user))


async def _apply_resource_server(
    administration: ResourceServerAdministration, before: ResourceServer | None, seed: SeedResourceServer
) -> Outcome:
    issuer, made = administration.issuer.identifier, ""
    action: Literal["created", "updated", "unchanged"] = "unchanged"
    kept = () if before is None else before.secrets
    secrets = brought_secrets(kept, seed.secret, administration.now) if seed.secret else kept
    if before is None:
        blank = ResourceServer(issuer=issuer, resource_server_id="", name="", identifiers=())
        _, made = await administration.add(_resource_server(seed, blank, secrets))
        action = "created"
    elif (after := _resource_server(seed, before, secrets)) != before:
        await administration.save(before, after)
        action = "updated"
    return Outcome(kind="resource_server", issuer=issuer, name=seed.resource_server_id, action=action, secret=made)


async def _apply_client(administration: ClientAdministration, before: Client | None, seed: SeedClient) -> Outcome:
    issuer, made = administration.issuer.identifier, ""
    action: Literal["created", "updated", "unchanged"] = "unchanged"
    metadata = _metadata(seed)
    if before is None:
        _, made = await administration.add(
            metadata, client_id=seed.client_id, secret=seed.client_secret, status=seed.status
        )
        action = "created"
    else:
        secrets = before.secrets if metadata.token_endpoint_auth_method in SECRET_METHODS else ()
        if seed.client_secret:
            secrets = brought_secrets(secrets, seed.client_secret, administration.now)
        after = replace(before, metadata=metadata, status=seed.status, secrets=secrets)
        if after != before:
            await administration.save(before, after)
            action = "updated"
        if metadata.token_endpoint_auth_method in SECRET_METHODS and not secrets:
            made = await administration.rotate_secret(seed.client_id)
    return Outcome(kind="client", issuer=issuer, name=seed.client_id, action=action, secret=made)


async def _apply_user(administration: UserAdministration, before: User | None, seed: SeedUser) -> Outcome:
    issuer = administration.issuer.identifier
    action: Literal["created", "updated", "unchanged"] = "unchanged"
    hashed = "" if before is None else before.password_hash
    if seed.password_hash:
        hashed = seed.password_hash
    elif seed.password:
        # Hashes are salted: that the password is the same shows only by verifying it.
        same = hashed and (await administration.issuer.passwords.verify(hashed, seed.password)).ok
        hashed = hashed if same else await administration.hash_password(seed.password)
    if before is None:
        await administration.add(_user(seed, User(issuer=issuer, user_id="", username=seed.username), hashed))
        action = "created"
    elif (after := _user(seed, before, hashed)) != before:
        await administration.save(before, after)
        action = "updated"
    return Outcome(kind="user", issuer=issuer, name=seed.username, action=action)


def _metadata(seed: SeedClient) -> ClientMetadata:
    members = {name: getattr(seed, name) for name in ClientMetadata.__struct_fields__}
    if "authorization_code" not in seed.grant_types:
        members["response_types"] = ()
    return ClientMetadata(**members)


def _resource_server(
    seed: SeedResourceServer, before: ResourceServer, secrets: tuple[SecretHash, ...]
) -> ResourceServer:
    return replace(
        before,
        resource_server_id=seed.resource_server_id,
        name=seed.name,
        identifiers=seed.identifiers,
        scopes=seed.scopes,
        sensitive_scopes=seed.sensitive_scopes,
        default=seed.default,
        token_format=seed.token_format,
        access_token_lifetime=seed.access_token_lifetime,
        access_token_signing_alg=seed.access_token_signing_alg,
        status=seed.status,
        secrets=secrets,
        introspection_signed_response_alg=seed.introspection_signed_response_alg,
        introspection_encrypted_response_alg=seed.introspection_encrypted_response_alg,
        introspection_encrypted_response_enc=seed.introspection_encrypted_response_enc,
        jwks=seed.jwks,
    )


def _user(seed: SeedUser, before: User, hashed: str) -> User:
    return replace(
        before, username=seed.username, name=seed.name, email=seed.email, status=seed.status, password_hash=hashed
    )
