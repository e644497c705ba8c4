"""Settings: one typed tree, filled from one TOML file and the environment, checked with exact messages."""

from grantd.server.settings.model import (
    AuditSettings,
    ClientDefaults,
    IssuerSettings,
    KeySettings,
    Lifetimes,
    LimitSettings,
    LogSettings,
    MetricsSettings,
    SecretSettings,
    ServerSettings,
    SessionSettings,
    Settings,
    StoreSettings,
    ThrottleSettings,
)

__all__ = [
    "AuditSettings",
    "ClientDefaults",
    "IssuerSettings",
    "KeySettings",
    "Lifetimes",
    "LimitSettings",
    "LogSettings",
    "MetricsSettings",
    "SecretSettings",
    "ServerSettings",
    "SessionSettings",
    "Settings",
    "StoreSettings",
    "ThrottleSettings",
]
