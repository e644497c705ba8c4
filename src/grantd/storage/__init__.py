"""Records, the Store port, and its implementations. This room knows records, not flows."""
