"""How a feature plugs into the server.

A feature is data: a name, the specification behind it, and contributions. Each kind of contribution is a class, and
each class is an extension point; a feature may define further points for other features by defining a class.
"""

from grantd.server.extension.feature import Claim, CompositionError, Contribution, Feature
from grantd.server.extension.registry import Registry

__all__ = ["Claim", "CompositionError", "Contribution", "Feature", "Registry"]
