"""``grantd check`` and ``grantd doctor``: what is wrong, and what to do."""
