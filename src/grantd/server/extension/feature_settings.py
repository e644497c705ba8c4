"""Settings of features: checked against the feature's own model before anything listens."""

from collections.abc import Mapping
from typing import Any

import msgspec

from grantd.server.extension.feature import CompositionError
from grantd.server.extension.points import SettingsSection
from grantd.server.extension.registry import Registry


def read_feature_settings(registry: Registry, given: Mapping[str, Mapping[str, Any]]) -> dict[type, Any]:
    """Return the settings of every installed feature that has some, by model; defaults where nothing is given.

    Args:
        registry: the features of one issuer.
        given: ``IssuerSettings.feature_settings``.

    Raises:
        CompositionError: settings of no installed feature, an unknown key, a missing or an ill-typed value.
    """
    sections = {section.feature: section.model for section in registry.of(SettingsSection)}
    unknown = sorted(given.keys() - sections)
    if unknown:
        raise CompositionError(f"feature_settings.{unknown[0]} belongs to no installed feature that has settings")
    return {model: _read(feature, model, given.get(feature, {})) for feature, model in sections.items()}


def _read(feature: str, model: type, given: Mapping[str, Any]) -> Any:
    try:
        # What TOML or JSON gives is converted; a number in quotes is no number.
        return msgspec.convert(dict(given), model)
    except (msgspec.ValidationError, ValueError, TypeError) as error:
        raise CompositionError(f"feature_settings.{feature}: {error}") from None
