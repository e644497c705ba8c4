"""Changing what an issuer keeps: clients, resource servers, users. Every change is checked, audited, and cascades."""

from grantd.server.administration.clients import ClientAdministration
from grantd.server.administration.refusals import AdministrationError, ConflictError, NotFoundError, RefusedError
from grantd.server.administration.resource_servers import ResourceServerAdministration
from grantd.server.administration.users import UserAdministration

__all__ = [
    "AdministrationError",
    "ClientAdministration",
    "ConflictError",
    "NotFoundError",
    "RefusedError",
    "ResourceServerAdministration",
    "UserAdministration",
]
