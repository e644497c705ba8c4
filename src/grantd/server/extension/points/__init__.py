"""The extension points of the core.

Each class is a point; a feature contributes instances. Callables named ``build`` run once per issuer at start and
return what the hot path uses.
"""

from grantd.server.extension.points.authorization import (
    AuthorizationCheck,
    AuthorizationResponseParameter,
    RequestSource,
    ResponseMode,
    ResponseType,
    ResponseTypeHandler,
)
from grantd.server.extension.points.clients import (
    ClientAuthenticationMethod,
    ClientAuthenticator,
    ClientMetadataMember,
    ClientResolver,
    Credentials,
    Party,
)
from grantd.server.extension.points.endpoints import Document, Endpoint, Metadata
from grantd.server.extension.points.interaction import (
    ConsentSection,
    InteractionStep,
    Section,
    SessionRule,
    SignIn,
    SignInMethod,
    Step,
)
from grantd.server.extension.points.tokens import (
    AccessTokenFormat,
    Allocator,
    GrantHandler,
    GrantType,
    RedemptionCheck,
    SenderBinding,
    TokenContribution,
    TokenKind,
    TokenProfile,
    TokenResponseHeader,
    TokenResponseMember,
)
from grantd.server.extension.points.upkeep import (
    AuditEventTypes,
    DoctorCheck,
    Ending,
    Finding,
    LifecycleListener,
    PeriodicJob,
    RecordKind,
    SettingsSection,
)

__all__ = [
    "AccessTokenFormat",
    "Allocator",
    "AuditEventTypes",
    "AuthorizationCheck",
    "AuthorizationResponseParameter",
    "ClientAuthenticationMethod",
    "ClientAuthenticator",
    "ClientMetadataMember",
    "ClientResolver",
    "ConsentSection",
    "Credentials",
    "DoctorCheck",
    "Document",
    "Ending",
    "Endpoint",
    "Finding",
    "GrantHandler",
    "GrantType",
    "InteractionStep",
    "LifecycleListener",
    "Metadata",
    "Party",
    "PeriodicJob",
    "RecordKind",
    "RedemptionCheck",
    "RequestSource",
    "ResponseMode",
    "ResponseType",
    "ResponseTypeHandler",
    "Section",
    "SenderBinding",
    "SessionRule",
    "SettingsSection",
    "SignIn",
    "SignInMethod",
    "Step",
    "TokenContribution",
    "TokenKind",
    "TokenProfile",
    "TokenResponseHeader",
    "TokenResponseMember",
]
