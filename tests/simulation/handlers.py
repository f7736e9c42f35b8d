"""The real handlers: Capture and Derive against the local Spotify's own app, in this process.

S3 and Parameter Store are moto's. The local Spotify answers as it does everywhere, errors and
tokens included; only what was heard is taken from the model instead of its own listeners.
"""

import json
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from unittest import mock

import requests
import responses
from moto import mock_aws
from soundlake import observability
from soundlake.spotify.client import Spotify
from soundlake.store import objects, secrets
from soundlake.times import format_time

from local.spotify.app import EXTENSION, create_app
from local.spotify.control import Control
from local.spotify.made_up import made_up_world
from local.spotify.world import Listener, Play, Track, World
from tests.simulation.checks import Lived
from tests.simulation.model import HOUR, Life, Run, moment
from tests.simulation.oddities import as_shown, garbled, odd_uri, readable
from tests.unit.conftest import (
    ENVIRONMENT,
    NOT_SET,
    forget_clients,
    forget_values,
    make_table,
    make_tables,
)
from tests.unit.helpers import ACCOUNT, ACCOUNTS_TABLE, BUCKET, PREFIX, REGION, Row, Zones, invoke

NO_PAGE = {"empty_body", "html", "error_inside"}  # kept, and no page
WAITS = 1  # how often a run that cannot reach Spotify waits and asks again
PLAYED = r"/v1/me/player/recently-played"

# How the local Spotify makes each error, and for how many requests.
_FAULTS: dict[str, tuple[str, int | None]] = {
    "unreachable": ("503", None),
    "error_500": ("500", None),
    "error_500_once": ("500", 1),
    "error_401": ("401", 1),
    "empty_body": ("empty_body", None),
    "html": ("html", None),
    "error_inside": ("error_inside", None),
}


class Shown:
    """The local Spotify's history, with what the model says that this run is shown."""

    def __init__(self, tracks: list[Track]) -> None:
        self._tracks = tracks
        self.page: list[Play] = []
        self._now: tuple[Life, Run] | None = None

    def show(self, life: Life, run: Run) -> None:
        """Show a run its page."""
        self._now = life, run
        self.page = [
            Play(moment(reading), self._tracks[play.track]) for play, reading in life.page(run)
        ]

    def newest(self, _listener: Listener, _now: datetime, count: int) -> list[Play]:
        """As History has it."""
        return self.page[:count]

    def spoil(self, body: bytes) -> bytes:
        """The local Spotify's answer, with the rows that are odd and those that are garbled."""
        if self._now is None or b'"items"' not in body:
            return body
        (life, run), answer = self._now, json.loads(body)
        wrong, page = garbled(life, run), life.page(run)
        rows = enumerate(zip(answer["items"], page, strict=True))
        answer["items"] = [
            as_shown(row, play.track, seconds=run.seconds, how=wrong.get(place))
            for place, (row, (play, _)) in rows
        ]
        return json.dumps(answer).encode()


class Machine:
    """The capture machine's two functions, one after the other, as the state machine calls them."""

    def __init__(self, life: Life, world: World, control: Control, zones: Zones) -> None:
        self._control = control
        self._tracks = sorted(world.catalogue.tracks.values(), key=lambda track: track.id)
        self._shown = Shown(self._tracks)
        control.history = self._shown
        self.zones = zones
        self.lived = Lived(life, self._uri)
        self._held: list[Row] = []
        self._left: Row | None = None  # the last look that was left
        self._seen: tuple[int, str | None] | None = None  # what this hour's last Derive has seen

    def _uri(self, number: int) -> str:
        return odd_uri(f"spotify:track:{self._tracks[number].id}", number)

    def run(self, run: Run) -> None:
        """One run, which may be killed or overtaken after its capture.

        Runs of an hour are the looks of one: what shows what was derived in it is left.
        """
        event = {"execution": run.name, "capture": self._capture(run)}
        if run.killed:
            return
        if run.held:
            self._held.append(event)
            return
        shown = run.at // HOUR, event["capture"].get("shown")
        if shown == self._seen and shown[1] is not None and not self._held:
            self._left = event
            return
        for each in [event, *self._held]:
            result = invoke("derive", each)
        self._seen = shown if result["status"] in {"captured", "empty"} else None
        self._left, self._held = None, []

    def _capture(self, run: Run) -> Row:
        self._control.set_clock(moment(run.at), stopped=True)
        self._control.faults.clear()
        if run.error is not None:
            kind, times = _FAULTS[run.error]
            self._control.fault(path=PLAYED, kind=kind, times=times)
        self._shown.show(self.lived.life, run)
        capture = invoke("capture", capture_event(run, {}))
        for _ in range(WAITS):
            if capture["status"] not in {"rate_limited", "unreachable"}:
                break
            capture = invoke("capture", capture_event(run, capture["requests"]))
        self.lived.requests += capture["requests"].get("me/player/recently-played", 0)
        if capture["status"] == "captured" and run.error not in NO_PAGE:
            self.lived.see(run.state, *readable(self.lived.life, run))
        return capture

    def end(self) -> Lived:
        """Derive what still waits; then what the tables say."""
        for each in [self._left, *self._held]:
            if each is not None:
                invoke("derive", each)
        lived = self.lived
        lived.plays, lived.captures = self._rows("plays"), self._rows("captures")
        lived.gaps = self._rows("gaps")
        lived.days = {row["day"]: row for row in self._rows("account_days")}
        return lived

    def _rows(self, table: str) -> list[Row]:
        lake = self.zones.lake
        rows: list[Row] = lake.read(table, lake.keys(table)).to_pylist()
        return rows


def capture_event(run: Run, before: dict[str, int]) -> Row:
    """What the state machine gives Capture for a run."""
    return {
        "account": ACCOUNT,
        "captured_at": format_time(moment(run.scheduled)),
        "execution": run.name,
        "requests": before,
    }


def live(life: Life) -> Lived:
    """Drive the handlers through a life."""
    world = made_up_world()
    app = create_app(world)
    control: Control = app.extensions[EXTENSION]
    with _aws(world, control) as zones, _spotify(app, control):
        machine = Machine(life, world, control, zones)
        for run in life.runs:
            if not run.refused:
                machine.run(run)
        return machine.end()


@contextmanager
def _aws(world: World, control: Control) -> Iterator[Zones]:
    """The data bucket and the secrets, empty caches before and after."""
    with mock.patch.dict(os.environ, ENVIRONMENT), _quiet():
        for name in NOT_SET:
            os.environ.pop(name, None)
        forget_clients()
        forget_values()
        with mock_aws(config={"core": {"reset_boto3_session": False}}):
            s3 = objects.s3_client()
            s3.create_bucket(
                Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
            )
            settings, ssm = control.settings, secrets._ssm()
            app = {"client_id": settings.client_id, "client_secret": settings.client_secret}
            token = {"refresh_token": world.listeners[0].refresh_token}
            for name, value in (
                (f"{PREFIX}/spotify/app", app),
                (f"{PREFIX}/accounts/{ACCOUNT}/token", token),
            ):
                ssm.put_parameter(Name=name, Value=json.dumps(value), Type="SecureString")
            make_table(ACCOUNTS_TABLE, "account")
            make_tables()
            yield Zones(s3)
        forget_clients()
        forget_values()


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the functions' logs and metrics: thousands of runs write a line each."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with mock.patch.object(observability, "_count"):
            yield
    finally:
        logging.disable(disabled)


@contextmanager
def _spotify(app: Any, control: Control) -> Iterator[None]:
    """Requests to Spotify go to the local one's app; clients share its clock and retry at once."""
    client = app.test_client()

    def answer(request: requests.PreparedRequest) -> tuple[int, dict[str, str], bytes]:
        body = request.body
        got = client.open(
            request.url,
            method=request.method,
            headers=dict(request.headers),
            data=body.encode() if isinstance(body, str) else body,
        )
        headers = {k: v for k, v in got.headers if k.lower() != "content-length"}
        shown, data = control.history, got.get_data()
        if isinstance(shown, Shown) and re.search(PLAYED, str(request.url)):
            data = shown.spoil(data)
        return got.status_code, headers, data

    defaults = Spotify.__init__.__kwdefaults__
    with (
        mock.patch.dict(defaults, {"clock": control.clock.now, "backoff_s": 0.0}),
        responses.RequestsMock(assert_all_requests_are_fired=False) as served,
    ):
        for method in ("GET", "POST"):
            served.add_callback(
                method, re.compile(r"https://[a-z]+\.spotify\.test/"), answer, content_type=None
            )
        yield
