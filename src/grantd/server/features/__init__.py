"""One package per specification. Each has a ``FEATURE``: what it is and what it adds."""
