"""SQLite file layers for the tests: one that loses power, one that fails on demand."""

import threading
from pathlib import Path

import apsw


class PowerLayer(apsw.VFS):
    """Knows of every file what a disk would hold if power were lost now: the bytes of its last sync."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._mutex = threading.Lock()
        self._durable: dict[str, bytearray] = {}
        self._pending: dict[str, list[tuple[int, bytes | None]]] = {}
        super().__init__(name, "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> "PowerFile":  # noqa: N802 - SQLite's name
        return PowerFile(self, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802, FBT001 - SQLite's name and arguments
        super().xDelete(filename, syncdir)
        with self._mutex:
            self._durable.pop(filename, None)
            self._pending.pop(filename, None)

    def opened(self, path: str) -> None:
        with self._mutex:
            if path not in self._durable:
                self._durable[path] = bytearray(Path(path).read_bytes() if Path(path).exists() else b"")
                self._pending[path] = []

    def note(self, path: str, offset: int, data: bytes | None) -> None:
        """Remember a write, or with ``None`` a truncation, until the next sync."""
        with self._mutex:
            self._pending[path].append((offset, data))

    def synced(self, path: str) -> None:
        with self._mutex:
            image = self._durable[path]
            for offset, data in self._pending[path]:
                if data is None:
                    del image[offset:]
                    continue
                image.extend(bytes(max(0, offset - len(image))))
                image[offset : offset + len(data)] = data
            self._pending[path].clear()

    def lose_power(self, folder: Path) -> None:
        """Write into ``folder`` what the disk would hold."""
        with self._mutex:
            for path, image in self._durable.items():
                (folder / Path(path).name).write_bytes(image)


class PowerFile(apsw.VFSFile):
    def __init__(self, layer: PowerLayer, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self._layer = layer
        self._path = name.filename() if isinstance(name, apsw.URIFilename) else name
        if self._path is not None:
            layer.opened(self._path)
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        super().xWrite(data, offset)
        if self._path is not None:
            self._layer.note(self._path, offset, bytes(data))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802 - SQLite's name
        super().xTruncate(newsize)
        if self._path is not None:
            self._layer.note(self._path, newsize, None)

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        super().xSync(flags)
        if self._path is not None:
            self._layer.synced(self._path)


class FaultLayer(apsw.VFS):
    """Raises ``fault`` at every write, or at every sync, while one is set."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.write_fault: type[apsw.Error] | None = None
        self.sync_fault: type[apsw.Error] | None = None
        self.read_fault: type[apsw.Error] | None = None
        super().__init__(name, "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> "FaultFile":  # noqa: N802 - SQLite's name
        return FaultFile(self, name, flags)


class FaultFile(apsw.VFSFile):
    def __init__(self, layer: FaultLayer, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self._layer = layer
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        if self._layer.write_fault:
            raise self._layer.write_fault
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        if self._layer.sync_fault:
            raise self._layer.sync_fault
        super().xSync(flags)

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802 - SQLite's name
        if self._layer.read_fault:
            raise self._layer.read_fault
        return super().xRead(amount, offset)
