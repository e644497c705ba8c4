"""Questions about what an issuer keeps: keys, resource servers, clients."""

from collections.abc import Iterator

from grantd.cli.keys import moment
from grantd.cli.opening import actor
from grantd.server.administration import ClientAdministration, ResourceServerAdministration
from grantd.server.clients.registration import SECRET_METHODS
from grantd.server.extension.points import Finding
from grantd.server.issuer import Issuer
from grantd.server.keys.keyring import signing_record

_CLOCK_SLACK = 60


def keys(issuer: Issuer) -> Iterator[Finding]:
    """Can every algorithm sign, and when do the keys change?"""
    now, settings = issuer.clock.now(), issuer.settings.keys
    records = issuer.keys.records
    for alg in settings.algorithms:
        subject = f"{issuer.identifier}: {alg} key"
        record = signing_record(records, alg, now)
        if record is None:
            yield Finding(
                level="warning",
                subject=subject,
                text="there is none that may sign",
                remedy="a running server makes one within a minute; or run grantd keys rotate",
            )
            continue
        due = record.activate_at + settings.rotate_seconds
        text = f"{record.kid} signs since {moment(record.activate_at)}, the next one from {moment(due)}"
        if now > due + _CLOCK_SLACK:
            yield Finding(
                level="warning",
                subject=subject,
                text=f"{record.kid} should have been replaced at {moment(due)}",
                remedy="is a server running? It rotates keys by itself; or run grantd keys rotate",
            )
        else:
            yield Finding(level="ok", subject=subject, text=text)
    early = [record.kid for record in records if record.created_at > now + _CLOCK_SLACK]
    if early:
        yield Finding(
            level="error",
            subject=f"{issuer.identifier}: keys",
            text=f"{early[0]} was made in the future: a clock is, or was, wrong",
            remedy="set the clocks of all nodes with NTP",
        )


async def resource_servers(issuer: Issuer) -> list[Finding]:
    """Are there APIs, are they sound, can they introspect, is one the default?"""
    administration = ResourceServerAdministration(issuer, actor())
    servers = await administration.all()
    where = f"{issuer.identifier}: resource servers"
    findings: list[Finding] = []
    for server in servers:
        subject = f"{issuer.identifier}: resource server {server.resource_server_id}"
        findings += [
            Finding(level="warning", subject=subject, text=problem, remedy="correct it with grantd seed")
            for problem in administration.check(server, servers)
        ]
        if not server.secrets and (server.token_format == "opaque" or "introspection" in issuer.registry.names):
            findings.append(
                Finding(
                    level="warning",
                    subject=subject,
                    text="has no credentials, so it cannot introspect"
                    + (", and its tokens are opaque: it can accept none" if server.token_format == "opaque" else ""),
                    remedy=f"run grantd resource rotate-secret {server.resource_server_id}",
                )
            )
    if not servers:
        findings.append(
            Finding(
                level="warning",
                subject=where,
                text="there are none, so no scope exists and no token can be had",
                remedy="run grantd resource add",
            )
        )
    elif issuer.resources.default is None:
        findings.append(
            Finding(
                level="warning",
                subject=where,
                text="none is the default: requests without resource fail unless their scopes point to one API",
                remedy="give one of them default = true in a seed file",
            )
        )
    else:
        default = issuer.resources.default.resource_server_id
        findings.append(Finding(level="ok", subject=where, text=f"{len(servers)}, {default} is the default"))
    return findings


async def clients(issuer: Issuer) -> list[Finding]:
    """Would every client still be let in by today's features?"""
    administration = ClientAdministration(issuer, actor())
    now = issuer.clock.now()
    known = set(issuer.resources.scopes)
    findings: list[Finding] = []
    found = await administration.all()
    for client in found:
        subject = f"{issuer.identifier}: client {client.client_id}"
        problems = administration.check(client.client_id, client.metadata)
        if client.metadata.token_endpoint_auth_method in SECRET_METHODS:
            alive = [s for s in client.secrets if s.expires_at is None or s.expires_at > now]
            if not alive:
                problems.append("it has no secret that is valid; run grantd client rotate-secret")
        unknown = sorted(set(client.metadata.scope.split()) - known)
        if unknown:
            problems.append(f"scope: no resource server has {', '.join(unknown)}")
        default = client.metadata.default_resource
        if default and default not in issuer.resources.by_identifier:
            problems.append(f"default_resource: no resource server has the identifier {default!r}")
        findings += [
            Finding(level="warning", subject=subject, text=problem, remedy="correct it with grantd seed")
            for problem in problems
        ]
    if not findings:
        findings.append(
            Finding(level="ok", subject=f"{issuer.identifier}: clients", text=f"{len(found)}, all of them sound")
        )
    return findings
