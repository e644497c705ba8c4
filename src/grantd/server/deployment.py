"""A deployment: the issuers of one configuration with what they share, opened and closed together."""

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from os import urandom

from grantd.core.clock import Clock, SystemClock
from grantd.server.accounts.passwords import PasswordHasherPool
from grantd.server.catalogue import FEATURES
from grantd.server.extension import CompositionError, Feature, Registry
from grantd.server.extension.feature_settings import read_feature_settings
from grantd.server.extension.points import (
    AuditEventTypes,
    ClientAuthenticationMethod,
    Document,
    Endpoint,
    GrantType,
)
from grantd.server.extension.registry import select
from grantd.server.issuer import Issuer, Neighbours
from grantd.server.keys.changes import key_events
from grantd.server.keys.keyring import KeyRing
from grantd.server.keys.lifecycle import KeyLifecycle
from grantd.server.keys.sealing import KEY_BYTES, Sealer, load_sealer
from grantd.server.observe.audit import AuditLog
from grantd.server.observe.metrics import Metrics
from grantd.server.settings import IssuerSettings, Settings
from grantd.server.web import JinjaPages, accent_problem
from grantd.storage.open import open_store
from grantd.storage.port import Store


def compose(settings: Settings, issuer: IssuerSettings, features: Iterable[Feature] = FEATURES) -> Registry:
    """Compose the features of one issuer.

    Raises:
        CompositionError: they do not fit together, security rests on one that is missing, or a feature's settings
            or the accent colour are wrong.
    """
    registry = Registry(select(features, wanted=issuer.features, drafts=settings.drafts))
    registry.require()
    read_feature_settings(registry, issuer.feature_settings)
    problem = accent_problem(issuer.accent) if issuer.accent else None
    if problem is not None:
        raise CompositionError(f"the accent of {issuer.issuer} cannot be used: {problem}")
    return registry


def _sealer(settings: Settings) -> Sealer:
    secrets = settings.secrets
    if settings.store.url == "memory:" and not (secrets.sealing_key or secrets.sealing_key_file):
        # Nothing that it seals outlives the process.
        return Sealer(urandom(KEY_BYTES))
    return load_sealer(secrets)


@dataclass(slots=True)
class Deployment:
    """Everything that runs in one process. Make one with ``open_deployment``."""

    settings: Settings
    neighbours: Neighbours
    issuers: tuple[Issuer, ...]
    key_lifecycles: dict[str, KeyLifecycle]

    def issuer(self, identifier: str) -> Issuer:
        """Return an issuer by its identifier.

        Raises:
            KeyError: the configuration has no such issuer.
        """
        for issuer in self.issuers:
            if issuer.identifier == identifier:
                return issuer
        raise KeyError(identifier)

    async def close(self) -> None:
        """Write what waits and release everything."""
        try:
            await self.neighbours.audit.close()
        finally:
            self.neighbours.passwords.close()
            await self.neighbours.store.close()


def make_metrics(settings: Settings, registries: Iterable[Registry]) -> Metrics:
    """Return the metrics with every label value that these features can produce."""
    routes, grants, methods = set[str](), set[str](), set[str]()
    for registry in registries:
        routes |= {e.name for e in registry.of(Endpoint)} | {d.name for d in registry.of(Document)}
        grants |= {grant.name for grant in registry.of(GrantType)}
        methods |= {method.name for method in registry.of(ClientAuthenticationMethod)}
    return Metrics(
        routes={*routes, "static", "health", "unrouted"},
        grant_types=grants,
        authentication_methods=methods,
        issuers={issuer.issuer for issuer in settings.issuers},
        record_kinds={
            "sessions",
            "interactions",
            "grants",
            "families",
            "revoked_tokens",
            "records",
            "audit",
        },
    )


async def open_deployment(
    settings: Settings,
    *,
    clock: Clock | None = None,
    features: Iterable[Feature] = FEATURES,
    store: Store | None = None,
    sealer: Sealer | None = None,
    passwords: PasswordHasherPool | None = None,
) -> Deployment:
    """Open the store, the keys and all issuers.

    Args:
        settings: the checked configuration.
        clock: tells the time; the machine's by default.
        features: the features that may be installed.
        store: an open store instead of the configured one.
        sealer: a sealer instead of the configured key.
        passwords: a hasher pool instead of the default one.

    Raises:
        CompositionError: the features of an issuer do not fit together.
        SealingKeyError: the sealing key is missing, malformed, or readable by others.
        StoreUnavailableError: the database cannot be opened.
    """
    clock = clock or SystemClock()
    available = tuple(features)
    registries = [compose(settings, issuer, available) for issuer in settings.issuers]
    sealer = sealer or _sealer(settings)
    store = store or await open_store(
        settings.store.url, synchronous=settings.store.synchronous, group_size=settings.store.group_size
    )
    extra_types = {name for registry in registries for types in registry.of(AuditEventTypes) for name in types.types}
    audit = AuditLog(
        store,
        clock=clock,
        node=socket.gethostname(),
        flush_seconds=settings.audit.flush_seconds,
        extra_types=extra_types,
    )
    neighbours = Neighbours(
        store=store,
        clock=clock,
        sealer=sealer,
        audit=audit,
        metrics=make_metrics(settings, registries),
        pages=JinjaPages(),
        passwords=passwords or PasswordHasherPool(),
        limits=settings.server.limits,
    )
    issuers, lifecycles = [], {}
    for issuer_settings, registry in zip(settings.issuers, registries, strict=True):
        servers = await store.list_resource_servers(issuer_settings.issuer)
        longest = max([issuer_settings.lifetimes.access_token, *(s.access_token_lifetime or 0 for s in servers)])
        lifecycle = KeyLifecycle(
            issuer_settings.issuer,
            settings=issuer_settings.keys,
            store=store,
            sealer=sealer,
            clock=clock,
            longest_token_lifetime=longest,
        )
        before = await store.list_keys(issuer_settings.issuer)
        records = await lifecycle.ensure_default()
        for event in key_events(issuer_settings.issuer, before, records, now=clock.now()):
            audit.record(event)
        ring = KeyRing(
            issuer_settings.issuer,
            records,
            settings=issuer_settings.keys,
            sealer=sealer,
            clock=clock,
        )
        lifecycles[issuer_settings.issuer] = lifecycle
        issuers.append(
            Issuer(
                settings=issuer_settings,
                registry=registry,
                neighbours=neighbours,
                keys=ring,
                resource_servers=servers,
            )
        )
    return Deployment(settings, neighbours, tuple(issuers), lifecycles)
