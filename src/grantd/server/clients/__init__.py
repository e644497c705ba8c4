"""Clients: finding them, registering them, and believing that a request is theirs."""
