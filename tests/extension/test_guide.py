"""The guide is true: its example runs as it stands there, and its tables are those of the points."""

import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import msgspec
import pytest
from tests.support.harness import SERVICE, harbour, pairs, secret_of

from grantd.jose.verify import decode
from grantd.server.catalogue import FEATURES
from grantd.server.extension import CompositionError, Feature

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "adding-a-feature.md"
CLIENT = "sluice"


def example() -> tuple[Feature, str]:
    (source,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), flags=re.DOTALL)
    module = ModuleType("tide_pass")
    sys.modules[module.__name__] = module
    try:
        exec(compile(source, str(GUIDE), "exec"), vars(module))  # noqa: S102 - our own guide
    finally:
        del sys.modules[module.__name__]
    feature, grant_type = module.FEATURE, module.GRANT_TYPE
    assert isinstance(feature, Feature)
    assert isinstance(grant_type, str)
    return feature, grant_type


@pytest.mark.anyio
async def test_the_example_works_over_http() -> None:
    feature, grant_type = example()
    settings = {"tide_pass": {"gate": "west"}}
    async with harbour(features=(*FEATURES, feature), feature_settings=settings) as port:
        service = await port.store.find_client(port.identifier, SERVICE)
        assert service is not None
        await port.put_client(CLIENT, msgspec.structs.replace(service.metadata, grant_types=(grant_type,)))
        metadata = (await port.agent().get("/.well-known/oauth-authorization-server")).json
        assert metadata["tide_gate"] == "west"
        fields = {"client_id": CLIENT, "client_secret": secret_of(CLIENT)}
        given = (await port.agent().post(metadata["tide_pass_endpoint"], pairs(fields))).json
        form = {"grant_type": grant_type, "tide_pass": given["tide_pass"], "scope": "cranes.read"}
        answer = await port.token(CLIENT, **form)
        assert answer.status == 200, answer.text
        assert decode(answer.json["access_token"]).claims["gate"] == "west"
        assert (await port.token(CLIENT, **form)).json["error"] == "invalid_grant"


@pytest.mark.anyio
async def test_the_example_demands_its_setting() -> None:
    feature, _ = example()
    with pytest.raises(CompositionError, match=r"feature_settings\.tide_pass: .*required field `gate`"):
        async with harbour(features=(*FEATURES, feature)):
            pass


def test_the_tables_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/extension_reference.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
