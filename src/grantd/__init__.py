"""grantd: the OAuth 2.1 authorization server for people, apps and agents."""

__version__ = "0.1.0"
