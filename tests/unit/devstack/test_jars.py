"""The servers' files: fetched through a real Maven layout on loopback, checked, healed, never half there."""

from __future__ import annotations

import functools
import hashlib
import http.server
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.devstack import jars
from pipeline.devstack.errors import ChecksumError, DevstackError
from pipeline.devstack.jars import Jar, fetch, read_lock
from pipeline.devstack.relock import renew

CONTENTS = {
    "org.example:alpha:1.0:jar": b"alpha" * 1000,
    "org.example:beta:2.1:jar": b"beta" * 2000,
    "org.example.deep:gamma:3.2:tar.gz:all": b"gamma" * 3000,
}


def jar_of(coordinate: str) -> Jar:
    content = CONTENTS[coordinate]
    return Jar("kafka", coordinate, len(content), hashlib.sha256(content).hexdigest())


JARS = [jar_of(coordinate) for coordinate in CONTENTS]


class Repository:
    """A Maven repository on loopback that counts what is asked of it and can misbehave."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []
        self.refuse_next = 0
        for coordinate, content in CONTENTS.items():
            group, artifact, version, *_ = coordinate.split(":")
            path = folder.joinpath(*group.split("."), artifact, version, jar_of(coordinate).file_name)
            path.parent.mkdir(parents=True)
            path.write_bytes(content)

    def path_of(self, jar: Jar) -> Path:
        return next(self.folder.rglob(jar.file_name))

    def asked_for(self, jar: Jar) -> int:
        return sum(path.endswith(jar.file_name) for path in self.asked)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    served = Repository(tmp_path / "repository")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append(self.path)
            if served.refuse_next > 0:
                served.refuse_next -= 1
                self.send_error(503)
            else:
                super().do_GET()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(served.folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    settings = tmp_path / "config"
    settings.mkdir()
    (settings / "jgo.conf").write_text(f"[repositories]\ncentral = http://127.0.0.1:{server.server_port}\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(settings))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


WHOLE = {jar_of(coordinate).file_name: content for coordinate, content in CONTENTS.items()}


def test_fetches_what_is_missing_and_asks_for_nothing_twice(repository: Repository, tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "kafka"

    paths = fetch(JARS, folder)

    assert [path.name for path in paths] == ["alpha-1.0.jar", "beta-2.1.jar", "gamma-3.2-all.tar.gz"]
    assert contents(folder) == WHOLE
    asked = len(repository.asked)
    assert fetch(JARS, folder) == paths
    assert len(repository.asked) == asked


def test_a_damaged_file_in_the_cache_is_fetched_again_and_no_other(repository: Repository, tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "kafka"
    [first, second, third] = fetch(JARS, folder)
    damaged = bytearray(first.read_bytes())
    damaged[100] ^= 1  # the same length: only the hash can tell
    first.write_bytes(damaged)
    third.write_bytes(third.read_bytes()[:-1])

    fetch(JARS, folder)

    assert contents(folder) == WHOLE
    assert [repository.asked_for(jar) for jar in JARS] == [2, 1, 2]
    assert second.exists()


def test_another_content_than_the_locked_one_is_refused_and_not_kept(repository: Repository, tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "kafka"
    wrong = b"another" * 700
    repository.path_of(JARS[1]).write_bytes(wrong)

    with pytest.raises(ChecksumError) as caught:
        fetch(JARS, folder)

    assert JARS[1].coordinate in str(caught.value)
    assert JARS[1].sha256 in str(caught.value)
    assert hashlib.sha256(wrong).hexdigest() in str(caught.value)
    assert JARS[1].file_name not in contents(folder)
    assert not list(folder.glob(".fetching-*"))

    repository.path_of(JARS[1]).write_bytes(CONTENTS[JARS[1].coordinate])
    fetch(JARS, folder)
    assert contents(folder) == WHOLE


def test_what_a_killed_process_left_behind_is_cleared_away(repository: Repository, tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "kafka"
    left = folder / ".fetching-left" / "1" / "org"
    left.mkdir(parents=True)
    (left / "alpha-1.0.jar").write_bytes(b"half")

    fetch(JARS, folder)

    assert contents(folder) == WHOLE


def test_two_that_fetch_at_once_share_one_download(repository: Repository, tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "kafka"
    together = threading.Barrier(2)

    def one(_: int) -> list[Path]:
        together.wait(30)
        return fetch(JARS, folder)

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(one, range(2)))

    assert results[0] == results[1]
    assert contents(folder) == WHOLE
    assert [repository.asked_for(jar) for jar in JARS] == [1, 1, 1]


def test_a_repository_that_is_away_for_a_moment_is_asked_again(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(jars.time, "sleep", pauses.append)
    repository.refuse_next = 2

    fetch(JARS[:1], tmp_path / "cache" / "kafka")

    assert repository.asked_for(JARS[0]) == 3
    assert pauses == [1.0, 2.0]


def test_a_file_that_no_repository_has_is_named(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jars.time, "sleep", lambda _s: None)
    missing = replace(JARS[0], coordinate="org.example:missing:9.9:jar")

    with pytest.raises(DevstackError, match=r"org\.example:missing:9\.9:jar: could not be fetched in 4 tries"):
        fetch([missing], tmp_path / "cache" / "kafka")


def test_progress_counts_up_to_all_bytes(repository: Repository, tmp_path: Path) -> None:
    total = sum(jar.size_bytes for jar in JARS)
    seen: list[tuple[int, int]] = []

    fetch(JARS, tmp_path / "cache" / "kafka", lambda done, of: seen.append((done, of)))

    assert seen == sorted(seen)
    assert seen[-1] == (total, total)


def test_an_error_in_the_progress_callback_breaks_off(repository: Repository, tmp_path: Path) -> None:
    def stop(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    folder = tmp_path / "cache" / "kafka"
    with pytest.raises(KeyboardInterrupt):
        fetch(JARS, folder, stop)

    assert not list(folder.glob(".fetching-*"))
    fetch(JARS, folder)
    assert contents(folder) == WHOLE


def test_the_lock_names_every_file_once_with_its_hash() -> None:
    locked = read_lock()

    assert sum(jar.server == "kafka" for jar in locked) == 46
    assert sum(jar.server == "registry" for jar in locked) == 1
    assert len({jar.coordinate for jar in locked}) == len({jar.file_name for jar in locked}) == len(locked)
    assert all(len(jar.sha256) == 64 and int(jar.sha256, 16) and jar.size_bytes > 0 for jar in locked)


def test_a_line_that_is_none_is_named_with_its_number() -> None:
    with pytest.raises(DevstackError, match=r"jars\.lock line 2: expected .* got 'kafka a:b:1:jar'"):
        read_lock("# servers\nkafka a:b:1:jar\n")


def test_renewing_writes_what_the_repository_has(repository: Repository, tmp_path: Path) -> None:
    lock = tmp_path / "jars.lock"
    lock.write_text("# kept\nkafka org.example:alpha:0.9:jar 1 00\n")

    renew(lock, [("kafka", coordinate) for coordinate in reversed(CONTENTS)])

    assert lock.read_text().startswith("# kept\n")
    assert set(read_lock(lock.read_text())) == set(JARS)
