"""The service's state, and the control routes that tests and tools steer it by.

Routes, all JSON; a request that makes no sense gets 400 ``{"error": sentence}``:

* ``GET /_control/world``: label, clock, access mode, client, listeners, charts and counts.
* ``PUT /_control/clock`` ``{"now": instant, "stopped": false}``: move the clock; it then stays on
  that UTC date, or, stopped, at that instant.
* ``GET /_control/plays?listener=ID&after=MS&before=MS``: the whole truth about a listener's plays
  between two instants (both exclusive, Unix ms; by default the last 30 days to the clock),
  oldest first: ``{"plays": [{"played_at", "played_at_ms", "track_id", "context"}]}``.
* ``GET /_control/access``: ``{"mode", "client_credentials", "daily_quota"}``, see `settings`, and
  ``"counted"``, the requests of the last 24 hours, refused ones too, with ``"retry_after"``, the
  seconds until the quota has room again, null where it has. ``PUT`` with any of the three settings
  changes them from the next request on.
* ``POST``/``GET``/``DELETE /_control/faults``: see `faults`.
* ``GET``/``DELETE /_control/requests``: see `counting`. Control requests are not counted.
* ``POST /_control/revocations`` ``{"listener": id}``: end a listener's consent;
  ``DELETE``: everybody's consent anew.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, Response, jsonify, request

from local.spotify.auth import Tokens
from local.spotify.clock import Clock, from_ms, iso_ms, parse_instant, to_ms
from local.spotify.counting import RequestLog
from local.spotify.errors import ControlError
from local.spotify.faults import Faults, parse_fault
from local.spotify.limits import DailyQuota, RateLimit
from local.spotify.listening import History
from local.spotify.settings import MODES, Settings
from local.spotify.world import Listener, Play, World, WorldError

_RECENT = timedelta(days=30)
_MOST = 10**6  # requests a day
_FARTHEST = timedelta(days=400)  # bounds the work of one request


class Control:
    """Everything one running service knows and remembers; safe to use from several threads.

    Raises:
        WorldError: if the clock is on another date than the world's charts are true for.
    """

    def __init__(
        self,
        world: World,
        settings: Settings,
        *,
        clock: Clock | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.world = world
        self.settings = settings  # replaced as a whole
        self._changing = threading.Lock()
        self.clock = clock or Clock(world.default_clock, monotonic=monotonic)
        self.history = History(world)
        self.tokens = Tokens(settings, world.listeners, monotonic)
        self.limit = RateLimit(settings.rate_limit, monotonic)
        self.quota = DailyQuota(self.clock.now)
        self.faults = Faults(sleep=sleep, now=self.clock.now)
        self.requests = RequestLog(settings.log_size)
        _check_date(world, self.clock.now())

    def fault(self, *, path: str, kind: str, **rest: Any) -> str:
        """Set a fault, as ``POST /_control/faults`` does; gives its id."""
        return self.faults.add(parse_fault({"path": path, "kind": kind, **rest}))

    def set_clock(self, now: datetime, *, stopped: bool = False) -> None:
        """Move the clock; `stopped`, it stays there.

        Raises:
            WorldError: if the world's charts are not true on that date.
        """
        _check_date(self.world, now)
        self.clock.set(now, stopped=stopped)

    def set_access(self, /, **changes: Any) -> None:
        """Change settings of `access` while the service runs, as ``PUT /_control/access`` does.

        Raises:
            ControlError: for another setting, or a value that it cannot have; nothing is changed.
        """
        for name, value in changes.items():
            _check_access(name, value)
        with self._changing:
            self.settings = replace(self.settings, **changes)

    def access(self) -> dict[str, Any]:
        """The answer of ``GET /_control/access``."""
        settings = self.settings
        counted, retry_after = self.quota.state(settings.daily_quota)
        return {
            "mode": settings.mode,
            "client_credentials": settings.client_credentials,
            "daily_quota": settings.daily_quota,
            "counted": counted,
            "retry_after": retry_after,
        }

    def describe(self) -> dict[str, Any]:
        """The answer of ``GET /_control/world``; `plays` counts the last 30 days."""
        world, now = self.world, self.clock.now()
        plays = [len(self.history.between(one, now - _RECENT, now)) for one in world.listeners]
        return {
            "label": world.label,
            "made_up": world.made_up,
            "clock": iso_ms(now),
            "access": self.settings.mode,
            "client": {"id": self.settings.client_id, "secret": self.settings.client_secret},
            "listeners": [
                {
                    "id": one.id,
                    "display_name": one.display_name,
                    "refresh_token": self.tokens.refresh_token(one.id),
                    "playlist_id": one.playlist_id,
                }
                for one in world.listeners
            ],
            "charts": [
                {
                    "country": one.country,
                    "country_name": one.country_name,
                    "cadence": one.cadence,
                    "playlist_id": one.playlist_id,
                    "name": one.name,
                }
                for one in world.charts
            ],
            "counts": {
                "tracks": len(world.catalogue.tracks),
                "albums": len(world.catalogue.albums),
                "artists": len(world.catalogue.artists),
                "plays": sum(plays),
            },
        }

    def listener(self, listener_id: str) -> Listener:
        """The listener with this id.

        Raises:
            ControlError: if there is none.
        """
        listener = self.world.listener(listener_id)
        if listener is None:
            raise ControlError(f"There is no listener {listener_id!r}.")
        return listener

    def plays(
        self, listener_id: str, after: datetime | None = None, before: datetime | None = None
    ) -> list[Play]:
        """All plays with after < played_at < before, oldest first, none later than the clock.

        Raises:
            ControlError: for an unknown listener, or if `after` is over 400 days back.
        """
        listener, now = self.listener(listener_id), self.clock.now()
        if after is not None and after < now - _FARTHEST:
            raise ControlError(f"after must be within {_FARTHEST.days} days before the clock.")
        plays = self.history.between(listener, after or now - _RECENT, now)
        return [one for one in plays if before is None or one.played_at < before]


def _check_date(world: World, now: datetime) -> None:
    if not 2000 <= now.year <= 2100:
        raise WorldError(f"The clock cannot be in the year {now.year}, only from 2000 to 2100.")
    if world.fixed_date is not None and now.date() != world.fixed_date:
        raise WorldError(
            f"The charts are those of {world.fixed_date}, so the clock cannot be on {now.date()}."
        )


def _check_access(name: str, value: object) -> None:
    if name == "mode":
        if value not in MODES:
            raise ControlError(f"mode must be one of {', '.join(MODES)}, not {value!r}.")
    elif name == "client_credentials":
        if not isinstance(value, bool):
            raise ControlError(f"client_credentials must be true or false, not {value!r}.")
    elif name == "daily_quota":
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST:
            raise ControlError(
                f"daily_quota must be a whole number from 0 to {_MOST}, not {value!r}."
            )
    else:
        raise ControlError(
            f"Access has no {name!r} to set; it has mode, client_credentials and daily_quota."
        )


def routes(control: Control) -> Blueprint:
    """The control routes of one service."""
    blueprint = Blueprint("control", __name__, url_prefix="/_control")

    @blueprint.errorhandler(ControlError)
    @blueprint.errorhandler(WorldError)
    def refused(error: Exception) -> tuple[Response, int]:
        return jsonify({"error": str(error)}), 400

    _world_routes(blueprint, control)
    _access_routes(blueprint, control)
    _fault_routes(blueprint, control)
    _token_routes(blueprint, control)
    return blueprint


def _world_routes(blueprint: Blueprint, control: Control) -> None:
    @blueprint.get("/world")
    def world() -> Response:
        return jsonify(control.describe())

    @blueprint.put("/clock")
    def set_clock() -> Response:
        try:
            now = parse_instant(_text_field("now"))
        except ValueError as error:
            raise ControlError(f"now: {error}.") from None
        stopped = request.get_json().get("stopped", False)
        if not isinstance(stopped, bool):
            raise ControlError(f"stopped must be true or false, not {stopped!r}.")
        control.set_clock(now, stopped=stopped)
        return jsonify({"clock": iso_ms(control.clock.now())})

    @blueprint.get("/plays")
    def plays() -> Response:
        found = control.plays(
            request.args.get("listener", ""), _instant_arg("after"), _instant_arg("before")
        )
        return jsonify(
            {
                "plays": [
                    {
                        "played_at": iso_ms(one.played_at),
                        "played_at_ms": to_ms(one.played_at),
                        "track_id": one.track.id,
                        "context": one.context,
                    }
                    for one in found
                ]
            }
        )


def _access_routes(blueprint: Blueprint, control: Control) -> None:
    @blueprint.get("/access")
    def access() -> Response:
        return jsonify(control.access())

    @blueprint.put("/access")
    def set_access() -> Response:
        body = request.get_json(silent=True)
        if not isinstance(body, dict):
            raise ControlError("The request is a JSON object of what is to change.")
        control.set_access(**body)
        return jsonify(control.access())


def _fault_routes(blueprint: Blueprint, control: Control) -> None:
    @blueprint.post("/faults")
    def add_fault() -> tuple[Response, int]:
        fault = parse_fault(request.get_json(silent=True))
        return jsonify({"id": control.faults.add(fault)}), 201

    @blueprint.get("/faults")
    def list_faults() -> Response:
        return jsonify({"faults": control.faults.listing()})

    @blueprint.delete("/faults")
    def clear_faults() -> tuple[str, int]:
        control.faults.clear()
        return "", 204

    @blueprint.get("/requests")
    def requests() -> Response:
        return jsonify(control.requests.summary())

    @blueprint.delete("/requests")
    def reset_requests() -> tuple[str, int]:
        control.requests.reset()
        return "", 204


def _token_routes(blueprint: Blueprint, control: Control) -> None:
    @blueprint.post("/revocations")
    def revoke() -> tuple[str, int]:
        control.tokens.revoke(_text_field("listener"))
        return "", 204

    @blueprint.delete("/revocations")
    def restore() -> tuple[str, int]:
        control.tokens.restore()
        return "", 204


def _text_field(name: str) -> str:
    body = request.get_json(silent=True)
    value = body.get(name) if isinstance(body, dict) else None
    if not isinstance(value, str):
        raise ControlError(f"The request is a JSON object with the text {name}.")
    return value


def _instant_arg(name: str) -> datetime | None:
    text = request.args.get(name)
    if text is None:
        return None
    try:
        return from_ms(int(text))
    except (ValueError, OverflowError):
        raise ControlError(f"{name} must be Unix milliseconds, not {text!r}.") from None
