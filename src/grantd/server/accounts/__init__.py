"""People: their passwords, and later every other way to sign in."""
