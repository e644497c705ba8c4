"""One issuer at run time: its settings, its features, and the neighbours that its rules need."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from grantd.core.clock import Clock
from grantd.core.issuers import endpoint_url, issuer_authority, issuer_path
from grantd.server.accounts.sessions import Cookies
from grantd.server.clients.authentication import ClientAuthentication
from grantd.server.clients.directory import ClientDirectory
from grantd.server.extension import Registry
from grantd.server.extension.feature_settings import read_feature_settings
from grantd.server.extension.points import (
    ClientAuthenticationMethod,
    ClientResolver,
    ConsentSection,
    Document,
    Endpoint,
    Party,
)
from grantd.server.http.messages import Request
from grantd.server.keys.keyring import KeyRing
from grantd.server.keys.sealing import Sealer
from grantd.server.observe.audit import AuditLog
from grantd.server.observe.metrics import Metrics
from grantd.server.pipeline.browser import FormTokens
from grantd.server.pipeline.interaction import Interactions
from grantd.server.pipeline.issuance import AccessTokens, Minter
from grantd.server.pipeline.pages import Brand, Pages
from grantd.server.pipeline.revocation import Cascade
from grantd.server.pipeline.targets import ResourceIndex
from grantd.server.pipeline.tokens import RefreshTokenFormat
from grantd.server.settings import IssuerSettings, LimitSettings
from grantd.server.throttle import Throttle
from grantd.storage.port import Store
from grantd.storage.records import AuditEvent, ResourceServer

if TYPE_CHECKING:
    from grantd.server.accounts.passwords import PasswordHasherPool

T = TypeVar("T")
_REMEMBERED_ORIGINS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """What all issuers of a deployment share."""

    store: Store
    clock: Clock
    sealer: Sealer
    audit: AuditLog
    metrics: Metrics
    pages: Pages
    passwords: "PasswordHasherPool"
    limits: LimitSettings


class Issuer:
    """Everything that a rule may ask for; made once, at start.

    Args:
        settings: the issuer's part of the configuration.
        registry: its features.
        neighbours: what it shares with the other issuers.
        keys: its key ring.
        resource_servers: its resource servers, as loaded.
    """

    def __init__(
        self,
        *,
        settings: IssuerSettings,
        registry: Registry,
        neighbours: Neighbours,
        keys: KeyRing,
        resource_servers: Iterable[ResourceServer],
    ) -> None:
        self.identifier = settings.issuer
        self.settings = settings
        self.registry = registry
        self._feature_settings = read_feature_settings(registry, settings.feature_settings)
        self.keys = keys
        self.store = neighbours.store
        self.clock = neighbours.clock
        self.sealer = neighbours.sealer
        self.audit = neighbours.audit
        self.metrics = neighbours.metrics
        self.pages = neighbours.pages
        self.passwords = neighbours.passwords
        self.limits = neighbours.limits

        self.base_path = issuer_path(self.identifier)
        self.authority = issuer_authority(self.identifier)
        self.scheme = self.identifier.partition("://")[0]
        self.hosts = tuple(dict.fromkeys((self.authority, *settings.hosts)))
        self.origins = frozenset(f"{self.scheme}://{host}".encode() for host in self.hosts)
        self.brand = Brand(
            name=settings.name or self.authority,
            host=self.authority,
            accent=settings.accent,
            logo_path=settings.logo_uri,
            base_path=self.base_path,
        )
        self.cookies = Cookies(self.identifier, secure=self.scheme == "https")
        self.form_tokens = FormTokens(self.sealer.derive(f"form:{self.identifier}"))
        self.refresh_tokens = RefreshTokenFormat(self.sealer.derive(f"refresh-token:{self.identifier}"))
        self.repeatable_fields = frozenset(section.name for section in registry.of(ConsentSection))
        self._origins: OrderedDict[str, bool] = OrderedDict()
        self.load_resource_servers(resource_servers)
        self._urls = self._locate()

        self.clients = ClientDirectory(
            self.identifier, self.store, [(r.accepts, r.build(self)) for r in registry.of(ClientResolver)]
        )
        throttle = settings.throttle
        self.client_authentication = ClientAuthentication(
            self.identifier,
            tuple((method, method.build(self)) for method in registry.of(ClientAuthenticationMethod)),
            Throttle(limit=throttle.client_failures, window=throttle.client_window, clock=self.clock),
            self._tell_client_failure,
        )
        self.minter = Minter(self)
        self.access_tokens = AccessTokens(self, self.minter)
        self.cascade = Cascade(self)
        self.interactions = Interactions(self)

    def load_resource_servers(self, resource_servers: Iterable[ResourceServer]) -> None:
        """Take the resource servers over; called at start and when the store's revision moves."""
        self.resources = ResourceIndex(resource_servers)
        self.resource_servers = {server.resource_server_id: server for server in self.resources.servers}
        self.resource_parties = {
            server.resource_server_id: Party(
                identifier=server.resource_server_id,
                methods=("client_secret_basic", "client_secret_post"),
                secrets=server.secrets,
                raw_basic=True,
            )
            for server in self.resources.servers
        }
        lifetimes = [server.access_token_lifetime or 0 for server in self.resources.servers]
        self.longest_access_token_lifetime = max([self.settings.lifetimes.access_token, *lifetimes])

    def forget_clients(self) -> None:
        """Drop what is cached of clients: the store's clients changed."""
        self.clients.forget()
        self._origins.clear()

    def url(self, name: str) -> str:
        """Return the URL of an endpoint or document by its name."""
        return self._urls[name]

    def feature_settings(self, model: type[T]) -> T:
        """Return the settings of a feature by its model (``SettingsSection.model``), checked, with defaults.

        Raises:
            KeyError: no installed feature has a section of that model.
        """
        settings: T = self._feature_settings[model]
        return settings

    async def is_client_origin(self, origin: str) -> bool:
        """Return whether browser code of a registered client runs at ``origin`` (CORS)."""
        known = self._origins.get(origin)
        if known is None:
            known = await self.store.has_origin(self.identifier, origin)
            self._origins[origin] = known
            if len(self._origins) > _REMEMBERED_ORIGINS:
                self._origins.popitem(last=False)
        return known

    def _locate(self) -> dict[str, str]:
        urls = {endpoint.name: endpoint_url(self.identifier, endpoint.path) for endpoint in self.registry.of(Endpoint)}
        host = f"{self.scheme}://{self.authority}"
        urls.update((document.name, host + document.paths(self)[0]) for document in self.registry.of(Document))
        return urls

    def _tell_client_failure(self, identifier: str, request: Request, reason: str, method: str) -> None:
        self.metrics.client_authentication_failure(method).inc()
        self.audit.record(
            AuditEvent(
                issuer=self.identifier,
                at=self.clock.now(),
                type="client.authentication_failed",
                outcome="failure",
                client_id=identifier[:200],
                correlation_id=request.correlation_id,
                details={"reason": reason, "method": method, "address": request.client_address},
            )
        )
