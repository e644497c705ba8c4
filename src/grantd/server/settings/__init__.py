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
from grantd.server.settings.problems import Problem, SettingsError

__all__ = [
    "AuditSettings",
    "ClientDefaults",
    "IssuerSettings",
    "KeySettings",
    "Lifetimes",
    "LimitSettings",
    "LogSettings",
    "MetricsSettings",
    "Problem",
    "SecretSettings",
    "ServerSettings",
    "SessionSettings",
    "Settings",
    "SettingsError",
    "StoreSettings",
    "ThrottleSettings",
]
