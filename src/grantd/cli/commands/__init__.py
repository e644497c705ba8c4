"""Signatures and help of the commands; light, so that ``grantd --help`` answers at once."""
