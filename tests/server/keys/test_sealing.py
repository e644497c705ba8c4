import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantd.jose.encoding import b64u_encode
from grantd.server.keys import Sealer, SealingKeyError, UnsealError, create_sealing_key_file, load_sealer
from grantd.server.settings.model import SecretSettings

OLD, NEW = b"o" * 32, b"n" * 32
SEALER = Sealer(OLD)


def text(key: bytes) -> str:
    return b64u_encode(key).decode()


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), st.binary(max_size=100))
def test_what_is_sealed_opens_with_the_same_context_only(context: str, plaintext: bytes) -> None:
    sealed = SEALER.seal(context, plaintext)
    assert SEALER.open(context, sealed) == plaintext
    assert SEALER.seal(context, plaintext) != sealed
    with pytest.raises(UnsealError):
        SEALER.open(context + "x", sealed)
    with pytest.raises(UnsealError):
        Sealer(NEW).open(context, sealed)


@given(st.integers(0, 60), st.integers(1, 255))
def test_a_changed_octet_is_noticed(position: int, flip: int) -> None:
    sealed = bytearray(SEALER.seal("context", b"secret of some length, 40 octets or so.."))
    sealed[position] ^= flip
    with pytest.raises(UnsealError):
        SEALER.open("context", bytes(sealed))


@given(st.binary(max_size=80))
def test_rubbish_is_refused(sealed: bytes) -> None:
    with pytest.raises(UnsealError):
        SEALER.open("context", sealed)


def test_an_older_master_key_still_opens_and_the_new_one_seals() -> None:
    sealed = SEALER.seal("c", b"x")
    both = Sealer(NEW, version=2, older={1: OLD})
    assert both.versions == (2, 1)
    assert both.open("c", sealed) == b"x"
    fresh = both.seal("c", b"x")
    assert fresh[0] == 2
    with pytest.raises(UnsealError):
        SEALER.open("c", fresh)
    assert both.derive("mac", version=1) == SEALER.derive("mac")
    assert both.derive("mac") == Sealer(NEW, version=2).derive("mac") != SEALER.derive("mac")
    # The version is authenticated: the same key under another number does not open.
    with pytest.raises(UnsealError):
        Sealer(OLD, version=2).open("c", b"\x02" + sealed[1:])


def test_derived_keys_are_independent() -> None:
    keys = {SEALER.derive(context) for context in ("a", "b", "a:b", "")}
    assert len(keys) == 4
    assert len(SEALER.derive("a", 64)) == 64
    assert SEALER.derive("a") == SEALER.derive("a")
    with pytest.raises(KeyError):
        SEALER.derive("a", version=9)


@pytest.mark.parametrize(("master", "version", "older"), [(b"", 1, {}), (b"k" * 31, 1, {}), (OLD, 0, {}), (OLD, 256, {}), (OLD, 1, {1: NEW}), (OLD, 2, {1: b"short"})])  # fmt: skip
def test_master_keys_that_are_refused(master: bytes, version: int, older: dict[int, bytes]) -> None:
    with pytest.raises(SealingKeyError):
        Sealer(master, version=version, older=older)


def test_a_key_file_is_made_once_with_strict_mode_and_loads(tmp_path: Path) -> None:
    path = tmp_path / "sealing.key"
    umask = os.umask(0)
    try:
        create_sealing_key_file(path)
    finally:
        os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o600
    first = path.read_text()
    with pytest.raises(FileExistsError):
        create_sealing_key_file(path)
    assert path.read_text() == first
    sealer = load_sealer(SecretSettings(sealing_key_file=str(path)))
    assert load_sealer(SecretSettings(sealing_key=first.strip())).open("c", sealer.seal("c", b"x")) == b"x"
    create_sealing_key_file(tmp_path / "other.key")
    assert (tmp_path / "other.key").read_text() != first


def test_a_key_file_is_not_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        create_sealing_key_file(tmp_path / "link")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o700, 0o620, 0o666])
def test_a_loose_mode_is_refused_with_the_command_that_mends_it(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "sealing.key"
    path.write_text(text(OLD))
    path.chmod(mode)
    with pytest.raises(SealingKeyError) as caught:
        load_sealer(SecretSettings(sealing_key_file=str(path)))
    assert str(caught.value) == (
        f"secrets.sealing_key_file: {path} has mode {mode:04o}, others may use it; run: chmod 600 {path}"
    )
    path.chmod(0o400)
    assert load_sealer(SecretSettings(sealing_key_file=str(path))).derive("x") == SEALER.derive("x")


def test_files_that_are_none_of_ours_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "sealing.key"
    with pytest.raises(SealingKeyError, match="cannot read"):
        load_sealer(SecretSettings(sealing_key_file=str(path)))
    with pytest.raises(SealingKeyError, match="not a regular file"):
        load_sealer(SecretSettings(sealing_key_file=str(tmp_path)))
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(SealingKeyError, match="not a regular file"):
        load_sealer(SecretSettings(sealing_key_file=str(tmp_path / "pipe")))
    create_sealing_key_file(path)
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(SealingKeyError, match=f"belongs to user id {owner}.*chown {owner + 1}"):
        load_sealer(SecretSettings(sealing_key_file=str(path)))


@pytest.mark.parametrize("content", ["", "\n", "short", "+" * 43, text(OLD)[:-1], text(OLD) + "A", text(b"x" * 33), "é" * 43, text(OLD) + "\nshort", "A" * 2000])  # fmt: skip
def test_contents_that_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "sealing.key"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(SealingKeyError) as caught:
        load_sealer(SecretSettings(sealing_key_file=str(path)))
    assert not content.strip() or content.strip() not in str(caught.value)
    with pytest.raises(SealingKeyError):
        load_sealer(SecretSettings(sealing_key=content))


def test_several_keys_stand_newest_first_and_the_setting_wins_over_the_file() -> None:
    sealed = SEALER.seal("c", b"x")
    sealer = load_sealer(SecretSettings(sealing_key=f"{text(NEW)} {text(OLD)}=", sealing_key_file="/nowhere"))
    assert sealer.versions == (2, 1)
    assert sealer.open("c", sealed) == b"x"
    assert sealer.derive("x") == Sealer(NEW).derive("x")
