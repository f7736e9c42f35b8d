"""A lake of many days in this process: real machines and handlers, the local providers, one clock.

moto is AWS, but for the data bucket, which is kept in memory, and its engine runs the machines. The
functions' own handlers ask the local Spotify's app, which also answers for the providers beside it,
and which counts. All share one clock: a request takes `LATENCY_S`; spacing, waits and retries pass
on it and cost nobody's time. Each function is one process, its invocations follow one another.
"""

import logging
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import requests
import responses
from soundlake import access, observability
from soundlake.accounts import connected
from soundlake.sources.keyless import KeylessApi
from soundlake.sources.web import LONG_WAIT_S, READ_TIMEOUT_S
from soundlake.spotify.client import Spotify
from soundlake.store.lake import Lake as Tables
from soundlake.times import format_time

from local.spotify.app import EXTENSION, create_app
from local.spotify.clock import Clock
from local.spotify.control import Control
from local.spotify.settings import Settings
from local.spotify.world import ChartDef
from local.spotify.world import World as Provided
from tests.figures.memory import MemoryBucket
from tests.statemachines import asl, world
from tests.statemachines.engine import Engine, Execution
from tests.statemachines.fake_spotify import CLIENT_ID, CLIENT_SECRET
from tests.statemachines.world import ACCOUNT, BUCKET, VERBS, World
from tests.template.translated import functions

LATENCY_S = 0.3  # what a request takes
TRIES = 3  # of a capture that is to wait for minutes at most
INTERVAL = 20  # minutes between captures
LIMIT_S = 900  # of this machine's time for a run
SPOTIFY = "spotify"
WRANGLED = "lake/audio_features/"  # what Publish reads with awswrangler
# Where each provider's addresses lie: its name, its host, and a path's beginning there and here.
_MOUNTS = (
    (SPOTIFY, "api.spotify.com", "/v1", "/v1"),
    (SPOTIFY, "accounts.spotify.com", "/", "/"),
    ("reccobeats", "api.reccobeats.com", "/v1", "/reccobeats/v1"),
    ("kworb", "kworb.net", "/spotify", "/kworb/spotify"),
    ("kworb", "kworb.net", "/robots.txt", "/robots.txt"),
    ("musicbrainz", "musicbrainz.org", "/ws/2", "/musicbrainz/ws/2"),
)

Row = dict[str, Any]
Change = Callable[[bytes], bytes]


class Time:
    """The one clock, UTC. It moves only when told to."""

    def __init__(self, now: datetime) -> None:
        self.now = self._begin = now

    def pass_by(self, seconds: float) -> None:
        """Let seconds pass."""
        self.now += timedelta(seconds=seconds)

    def reach(self, at: datetime) -> None:
        """Let time pass until an instant; nothing where that is over."""
        self.now = max(self.now, at)

    def monotonic(self) -> float:
        """Seconds since the beginning."""
        return (self.now - self._begin).total_seconds()


@dataclass(frozen=True)
class Sent:
    """One request as its provider saw it; `blocked` where it had said to wait until later."""

    at: datetime
    provider: str
    endpoint: str
    status: int
    verb: str | None
    blocked: bool


class Providers:
    """The local Spotify and those beside it, in the place of `World`'s fake one.

    `sent` is every request as it came here; what it counts itself is in `control.requests`.
    """

    def __init__(self, provided: Provided, settings: Settings, time: Time) -> None:
        self.time = time
        self.app = create_app(
            provided,
            settings,
            clock=Clock(wall=lambda: time.now),
            monotonic=time.monotonic,
            sleep=time.pass_by,
        )
        self.control: Control = self.app.extensions[EXTENSION]
        self.sent: list[Sent] = []
        self.requests: list[str] = []  # as `World.run` has them
        self.playlists: dict[str, list[Any]] = {}  # of `World`'s charts, which are not these
        self.inside: Callable[[], str | None] = lambda: None
        self.changes: list[tuple[str, Change]] = []  # of bodies, by what their path has
        self._until: dict[str, datetime] = {}

    @property
    def now(self) -> datetime:
        """The clock's time."""
        return self.time.now

    def installed(self) -> responses.RequestsMock:
        """Answers while it is entered; other hosts cannot be reached."""
        mock = responses.RequestsMock(assert_all_requests_are_fired=False)
        web = self.app.test_client()
        for provider, host, there, here in _MOUNTS:
            for method in (responses.GET, responses.POST):
                mock.add_callback(
                    method,
                    re.compile(f"https://{re.escape(host + there)}"),
                    partial(self._answer, web, provider, there, here),
                    content_type=None,
                )
        return mock

    def _answer(
        self, web: Any, provider: str, there: str, here: str, request: requests.PreparedRequest
    ) -> tuple[int, dict[str, str], bytes]:
        url, body = urlsplit(str(request.url)), request.body
        path = here + url.path.removeprefix(there)
        self.time.pass_by(LATENCY_S)
        before = Counter(self._counted())
        asked = self.time.now
        got = web.open(
            path,
            base_url=f"{url.scheme}://{url.netloc}",
            query_string=url.query,
            method=request.method,
            headers=dict(request.headers),
            data=body.encode() if isinstance(body, str) else body,
        )
        (endpoint,) = Counter(self._counted()) - before
        self._note(provider, endpoint, got)
        if self.time.now - asked > timedelta(seconds=READ_TIMEOUT_S):
            raise requests.ReadTimeout(request=request)
        headers = {k: v for k, v in got.headers if k.lower() != "content-length"}
        data = got.get_data()
        for pattern, change in self.changes:
            if re.search(pattern, path) and got.status_code == 200:
                data = change(data)
        return got.status_code, headers, data

    def _counted(self) -> Mapping[str, int]:
        counted: Mapping[str, int] = self.control.requests.summary()["by_endpoint"]
        return counted

    def _note(self, provider: str, endpoint: str, got: Any) -> None:
        now, until = self.time.now, self._until.get(provider)
        blocked = until is not None and now < until
        self.sent.append(Sent(now, provider, endpoint, got.status_code, self.inside(), blocked))
        self.requests.append(endpoint)
        if got.status_code == 429:
            wait = timedelta(seconds=int(got.headers.get("Retry-After", 30)))
            self._until[provider] = max(now + wait, until or now)


class DaysEngine(Engine):
    """Waits and retries pass on the clock; an invocation's time is its function's `Timeout`."""

    def __init__(self, handlers: Any, time: Time) -> None:
        super().__init__(handlers)
        self._time = time
        self._timeouts = {verb: each["Timeout"] for verb, each in functions().items()}

    def _wait(self, env: Any, wait_seconds: int) -> None:
        super()._wait(env, wait_seconds)
        self._time.pass_by(wait_seconds)

    def call(self, verb: str, event: Row) -> Any:
        """Call a handler with what is left of its time by the clock."""
        end = self._time.now + timedelta(seconds=self._timeouts[verb])
        context = SimpleNamespace(
            function_name=f"soundlake-dev-{verb.lower()}",
            memory_limit_in_mb=512,
            invoked_function_arn=f"arn:aws:lambda:::function:{verb}",
            aws_request_id="00000000-0000-0000-0000-000000000000",
            get_remaining_time_in_millis=lambda: int((end - self._time.now).total_seconds() * 1000),
        )
        return self.handlers[verb](event, context)


@dataclass
class Captured:
    """What became of a capture."""

    at: datetime
    status: str
    error: str
    requests: Mapping[str, int]


class DaysLake(World):
    """The lake; `environment` is added to what the template gives every function."""

    def __init__(
        self,
        provided: Provided,
        settings: Settings | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        assert provided.default_clock is not None, "the world begins on a day of its own"
        self.provided = provided
        self.time = Time(provided.default_clock.replace(hour=0))
        chosen = settings or Settings()
        self.providers = Providers(
            provided, _as_client(chosen, CLIENT_ID, CLIENT_SECRET), self.time
        )
        self.providers.inside = lambda: self._inside
        self.spotify = self.providers  # type: ignore[assignment]  # it has what World asks for
        self.engine = DaysEngine({verb: self._handler(verb) for verb in VERBS}, self.time)
        self.bucket = MemoryBucket(BUCKET, lambda: self.time.now, WRANGLED)
        self.captures: list[Captured] = []
        self._underived: Row | None = None
        self._added = dict(environment or {})
        self._made: set[str] = set()

    @contextmanager
    def opened(self) -> Iterator["DaysLake"]:
        """The lake, empty, while the context lasts."""
        given = world._environment() | self._added
        passing = {"sleep": self.time.pass_by, "backoff_s": 0.0}
        with ExitStack() as stack:
            stack.enter_context(patch.object(world, "_environment", lambda: given))
            for made in (Spotify.__init__, KeylessApi.__init__):
                defaults = made.__kwdefaults__ or {}
                known = {name: each for name, each in passing.items() if name in defaults}
                stack.enter_context(patch.dict(defaults, known))
            stack.enter_context(patch.object(access, "Bucket", lambda _name: self.bucket))
            stack.enter_context(_quiet())
            stack.enter_context(super().opened())
            yield self

    @property
    def control(self) -> Control:
        """The local Spotify's."""
        return self.providers.control

    @property
    def tables(self) -> Tables:
        """The lake's tables."""
        return Tables(self.bucket)

    def put(self, key: str, body: bytes | str) -> None:
        """Write an object of the data bucket."""
        self.bucket.put(key, body.encode() if isinstance(body, str) else body, overwrite=True)

    def charts_csv(self, charts: list[ChartDef]) -> None:
        """Put a list of these charts, all switched on."""
        lines = ["chart,country,country_name,cadence,playlist_id,enabled"]
        for one in charts:
            fields = (f"{one.cadence}-{one.country}", one.country, one.country_name, one.cadence)
            lines.append(",".join((*fields, one.playlist_id, "true")))
        self.put("config/charts.csv", "\n".join(lines) + "\n")

    def daily(self, at: datetime) -> Execution:
        """The daily machine as scheduled at an instant, its functions' processes new."""
        self.time.reach(at)
        self.derive()
        self.begin_anew()
        if "daily" not in self._made:
            self.engine.create("daily", asl.substituted("daily"))
            self._made.add("daily")
        given = {"scheduled_time": format_time(at)}
        return self.engine.run("daily", given, f"daily-{at:%Y%m%dT%H%M}", LIMIT_S)

    def capture(self, at: datetime) -> Captured:
        """One capture of the account as scheduled at an instant.

        The first of an hour selects the accounts, and notes what captures need. Derive makes of it
        what it does once the next daily run needs it: it finishes whatever was captured before it
        too. An attempt without a page is recorded at once.
        """
        self.time.reach(at)
        if at.minute < INTERVAL:
            begun = format_time(at)
            given = {"scheduled_time": begun, "interval_minutes": INTERVAL}
            event = {"input": given, "start_time": begun, "now": begun, "round": 0}
            assert self._need("Select", event, "selected")["accounts"] == [ACCOUNT]
        execution = f"capture-{at:%Y%m%dT%H%M}"
        event = {"account": ACCOUNT, "captured_at": format_time(at), "execution": execution}
        found: Row = {"requests": {}}
        for _ in range(TRIES):
            found = self.engine.call("Capture", event | {"requests": found["requests"]})
            wait = found.get("retry_after")
            if wait is None or wait > LONG_WAIT_S:
                break
            self.time.pass_by(wait)
        self._underived = {"execution": execution, "capture": found}
        if found["status"] != "captured":
            self.derive()
        self.captures.append(
            Captured(at, found["status"], found.get("error", ""), found["requests"])
        )
        return self.captures[-1]

    def derive(self) -> None:
        """Derive all that was captured."""
        if self._underived is not None:
            self.engine.call("Derive", self._underived)
            self._underived = None

    def load_files(self, files: Mapping[str, bytes]) -> None:
        """Import chart files by name as the import machine does, but for what the daily run does.

        The daily run verifies and publishes what it finds loaded.
        """
        for name, body in files.items():
            given = self.upload(name, body)
            event = {"input": given, "start_time": format_time(self.time.now)}
            kept = self._need("Import", event, "kept")
            about = {key: kept[key] for key in ("chart", "date", "file_key", "neighbour_keys")}
            self._need("Transform", about, "transformed")
            chart = {"chart": kept["chart"]["chart"], "date": kept["date"], "file": kept["file"]}
            self._need("Load", chart, "loaded")

    def _need(self, verb: str, event: Row, status: str) -> Row:
        found: Row = self.engine.call(verb, event)
        assert found["status"] == status, f"{verb}: {found}"
        return found

    def rows(self, table: str, columns: list[str] | None = None) -> list[Row]:
        """A table's rows now."""
        found: list[Row] = self.tables.read(table, self.tables.keys(table), columns).to_pylist()
        return found

    def _furnish(self, environment: dict[str, str]) -> None:
        super()._furnish(environment)
        self.unprobed()
        listener = self.provided.listeners[0]
        self.secret(self.token_parameter, {"refresh_token": listener.refresh_token})
        table = access.accounts_table()
        before = table.get(ACCOUNT)
        assert before is not None
        now = self.time.now
        assert table.replace(before, connected(ACCOUNT, listener.id, "Made-up", now))
        self.charts_csv(list(self.provided.charts))

    def _finish(self) -> None:
        """Nothing is told of it afterwards."""

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Nobody asks what functions asked of AWS."""
        yield


def _as_client(settings: Settings, client_id: str, secret: str) -> Settings:
    return replace(settings, client_id=client_id, client_secret=secret)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the functions' logs and metrics: thousands of invocations write a line each."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with patch.object(observability, "_count"):
            yield
    finally:
        logging.disable(disabled)
