"""Vocabulary that every role on the wire shares. Nothing here performs I/O or imports another room."""
