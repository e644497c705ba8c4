"""Seed files: what an issuer is to have, in one TOML file. ``docs/seed-file.md`` describes the format."""

from grantd.server.administration.seed.apply import Outcome, apply, prepare
from grantd.server.administration.seed.model import SeedFile
from grantd.server.administration.seed.read import read_seed

__all__ = ["Outcome", "SeedFile", "apply", "prepare", "read_seed"]
