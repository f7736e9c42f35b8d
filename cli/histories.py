"""Listening histories among the files that a person gives: found, looked at, and packed as one.

They are looked at as the machine will, so that what is none is refused before it is sent.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from soundlake.importing.called import base
from soundlake.importing.errors import HistoryError
from soundlake.importing.heads import HEAD
from soundlake.importing.packages import Package, recognise
from soundlake.store.uploads import LARGEST_HISTORY, TooLargeError

_ZIP: Final = b"PK\x03\x04"
_PIECE: Final = 8 * 1024 * 1024
# Of zips that are made here: the same files must give the same bytes, and so the same import.
_LONG_AGO: Final = (1980, 1, 1, 0, 0, 0)
_QUICK: Final = 1  # the level of compression


@dataclass(frozen=True)
class History:
    """A package that can be uploaded: `given` are the paths that a person named for it.

    `called` is its name for this person, and `left_out` counts the files of a folder that are no
    history; of a zip they are `package.others`.
    """

    path: Path
    given: tuple[Path, ...]
    sha256: str
    size: int
    package: Package
    called: str
    left_out: int = 0

    @property
    def name(self) -> str:
        """What it is called wherever it is recorded: its own name may be a person's."""
        return self.package.name

    @property
    def own_names(self) -> dict[str, str]:
        """What its files are called for this person, by what they are called elsewhere."""
        files = self.package.files
        times = Counter(base(member.path) for member in files)
        own = {
            member.name: (
                member.path if times[base(member.path)] > 1 else base(member.path) or self.called
            )
            for member in files
        }
        return {name: called for name, called in own.items() if name not in {called, base(called)}}


def of_file(path: Path, package: Package) -> History:
    """Return a file that was looked at, as it will be uploaded; raises HistoryError."""
    return _history(path, (path,), package, path.name)


def of_files(paths: Sequence[Path], made: Path) -> History:
    """Return several files of history as one zip at `made`; raises HistoryError."""
    files = [(path, path.name) for path in paths]
    twice = [name for name, times in Counter(path.name for path in paths).items() if times > 1]
    if twice:
        raise HistoryError(
            f"Two of the files are called {twice[0]!r}: import each one's folder by itself."
        )
    more = len(paths) - 1
    name = f"{paths[0].stem} and {more} more.zip"
    return _history(made, tuple(paths), _packed(files, made, name), name)


def of_folder(folder: Path, made: Path) -> History:
    """Return a folder's files of history as one zip at `made`.

    Raises HistoryError where it has none, and OSError where one of its files cannot be read.
    """
    every = list(_files(folder))
    name = f"{folder.resolve().name or 'folder'}.zip"
    try:
        wanted = _recognised(every, folder.name)
    except HistoryError as error:
        raise HistoryError(
            str(error).replace(" is a zip without ", " is a folder without ")
        ) from error
    files = [(path, inside) for path, inside in every if inside in wanted]
    package = _packed(files, made, name)
    return _history(made, (folder,), package, name, len(every) - len(files))


def _history(
    path: Path, given: tuple[Path, ...], package: Package, called: str, left_out: int = 0
) -> History:
    size = path.stat().st_size
    if size > LARGEST_HISTORY:
        raise HistoryError(
            f"{TooLargeError(size, LARGEST_HISTORY)} Import some of its files at a time."
        )
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return History(path, given, sha256, size, package, called, left_out)


def _files(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every file under a folder that is no zip, in the order of their names, and its place."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path, path.relative_to(folder).as_posix()


def _recognised(files: Iterable[tuple[Path, str]], shown: str) -> set[str]:
    """The places of those files that are history.

    The machine's own rule says it, of a zip of the files' first bytes: one more than it looks at,
    so that it takes none for whole.
    """
    with TemporaryFile() as heads:
        with ZipFile(heads, "w", ZIP_DEFLATED, compresslevel=_QUICK) as archive:
            for path, inside in files:
                with path.open("rb") as file:
                    start = file.read(HEAD + 1)
                if not start.startswith(_ZIP):
                    archive.writestr(inside, start)
        heads.seek(0)
        return {member.path for member in recognise(heads, shown).files}


def _packed(files: Sequence[tuple[Path, str]], made: Path, name: str) -> Package:
    """Write files as a zip, and return what the machine will take it for."""
    with ZipFile(made, "w", ZIP_DEFLATED, compresslevel=_QUICK) as archive:
        for path, inside in files:
            about = ZipInfo(inside, _LONG_AGO)
            about.compress_type, about.compress_level = ZIP_DEFLATED, _QUICK
            about.file_size = path.stat().st_size  # so that a large one gets room for its size
            with path.open("rb") as source, archive.open(about, "w") as target:
                while piece := source.read(_PIECE):
                    target.write(piece)
    with made.open("rb") as file:
        return recognise(file, name)
