"""Sketch: a status list whose index is allocated inside issuance (draft-ietf-oauth-status-list).

A node leases a block of indexes by one compare-and-set and hands them out in random order; each token leaves one record
under its ``jti``, which begins with its grant.
"""

import asyncio
import secrets
import zlib
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import msgspec

from grantd.core.specification import Specification
from grantd.server.extension import Feature
from grantd.server.extension.points import (
    Allocator,
    Ending,
    Endpoint,
    LifecycleListener,
    PeriodicJob,
    RecordKind,
    TokenProfile,
)
from grantd.server.http.messages import Request, Response
from grantd.server.http.routes import Handler
from grantd.server.issuer import Issuer
from grantd.server.pipeline.issuance import grant_of
from grantd.server.pipeline.model import Issuance
from grantd.storage.records import FeatureRecord, Lease

CURSOR, ENTRY = "status_cursor", "status_entry"
BLOCK = 64
PROFILE = "status_list"
INVALID = 1


class Entry(msgspec.Struct, frozen=True):
    """What is known of one token."""

    idx: int
    value: int = 0


class Indexes:
    """Hands out indexes from a leased block; what a crash leaves of a block stays unused."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer
        self._block: list[int] = []
        self._lock = asyncio.Lock()

    async def allocate(self, issuance: Issuance) -> Mapping[str, Any]:
        async with self._lock:
            if not self._block:
                self._block = await self._lease()
            idx = self._block.pop(secrets.randbelow(len(self._block)))
        issuer = self._issuer
        await issuer.store.insert_record(
            FeatureRecord(
                issuer=issuer.identifier,
                kind=ENTRY,
                key=issuance.jti,
                body=msgspec.json.encode(Entry(idx)),
                expires_at=issuance.expires_at,
            )
        )
        return {"status": {"status_list": {"idx": idx, "uri": issuer.url("status_list")}}}

    async def _lease(self) -> list[int]:
        store, identifier = self._issuer.store, self._issuer.identifier
        while True:
            before = await store.find_record(identifier, CURSOR, "next", now=self._issuer.clock.now())
            start = int(before.body) if before else 0
            after = FeatureRecord(
                issuer=identifier,
                kind=CURSOR,
                key="next",
                body=str(start + BLOCK).encode(),
                version=before.version + 1 if before else 1,
            )
            if await (store.replace_record(after) if before else store.insert_record(after)):
                return list(range(start, start + BLOCK))


async def entries(issuer: Issuer, after: str = "") -> AsyncIterator[FeatureRecord]:
    """Yield the records of tokens that have not expired, in the order of ``jti``."""
    while True:
        page = await issuer.store.list_records(issuer.identifier, ENTRY, now=issuer.clock.now(), after=after)
        for record in page:
            yield record
        if not page:
            return
        after = page[-1].key


async def invalidate(issuer: Issuer, record: FeatureRecord) -> None:
    entry = msgspec.json.decode(record.body, type=Entry)
    if entry.value != INVALID:
        body = msgspec.json.encode(Entry(entry.idx, INVALID))
        await issuer.store.replace_record(msgspec.structs.replace(record, body=body, version=record.version + 1))


def build_listener(issuer: Issuer) -> Callable[[Ending], Awaitable[None]]:
    async def hear(ending: Ending) -> None:
        for jti in ending.tokens:
            record = await issuer.store.find_record(issuer.identifier, ENTRY, jti, now=issuer.clock.now())
            if record is not None:
                await invalidate(issuer, record)
        for grant_id in ending.grants:
            async for record in entries(issuer, after=grant_id):
                if grant_of(record.key) != grant_id:
                    break
                await invalidate(issuer, record)

    return hear


async def reconcile(issuer: Issuer, _lease: Lease) -> None:
    """Find what a listener missed: a process that died between the store's word and ours."""
    async for record in entries(issuer):
        grant_id = grant_of(record.key)
        state = await issuer.store.token_state(issuer.identifier, grant_id or "", record.key)
        if state.revoked or not state.grant_live:
            await invalidate(issuer, record)


def build_endpoint(issuer: Issuer) -> Handler:
    async def serve(_http: Request) -> Response:
        found = [msgspec.json.decode(record.body, type=Entry) async for record in entries(issuer)]
        bits = bytearray(max((entry.idx // 8 + 1 for entry in found), default=1))
        for entry in found:
            # Section 4.1: from the least significant bit up.
            bits[entry.idx // 8] |= entry.value << entry.idx % 8
        packed = urlsafe_b64encode(zlib.compress(bytes(bits), 9)).rstrip(b"=").decode()
        now = issuer.clock.now()
        token = issuer.minter.mint(
            PROFILE,
            {
                "sub": issuer.url("status_list"),
                "iat": now,
                "exp": now + 3_600,
                "ttl": 60,
                "status_list": {"bits": 1, "lst": packed},
            },
        )
        headers = [(b"content-type", b"application/statuslist+jwt"), (b"cache-control", b"public, max-age=60")]
        return Response(200, headers=headers, body=token.encode())

    return serve


JOB = PeriodicJob(name="status-list", seconds=300, run=reconcile)

FEATURE = Feature(
    name="status_list",
    specification=Specification(
        title="Token Status List",
        number="draft-ietf-oauth-status-list",
        version="-20",
        status="draft",
        link="https://a.example",
    ),
    summary="Revocation that anybody can read without asking for a token.",
    contributions=(
        Allocator(names=frozenset({"status"}), build=lambda issuer: Indexes(issuer).allocate),
        Endpoint(name="status_list", path="/statuslist", methods=frozenset({"GET"}), build=build_endpoint, cors="any"),
        TokenProfile(
            name=PROFILE,
            typ="statuslist+jwt",
            claim_names=frozenset({"sub", "iat", "exp", "ttl", "status_list"}),
            bindable=False,
        ),
        LifecycleListener(name="status_list", build=build_listener),
        JOB,
        RecordKind(kind=CURSOR, description="where the next block of indexes begins"),
        RecordKind(kind=ENTRY, description="index and status of one token"),
    ),
)
