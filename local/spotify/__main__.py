"""``python -m local.spotify``: run the local Spotify until SIGTERM or SIGINT.

Exit codes: 0 when asked to stop, 2 when it cannot start (one sentence on stderr).
"""

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from local.spotify.app import EXTENSION, create_app
from local.spotify.charts_csv import charts_world
from local.spotify.clock import Clock, iso_ms, parse_instant
from local.spotify.control import Control
from local.spotify.made_up import made_up_world
from local.spotify.playlists_csv import read_playlists
from local.spotify.server import Server, ServerError
from local.spotify.settings import MODES, Settings
from local.spotify.world import World, WorldError, more_listeners


def main(argv: Sequence[str] | None = None) -> int:
    """Run the service; the exit code."""
    options = _parser().parse_args(argv)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        world = _world(options)
        if options.listeners is not None:
            world.listeners = more_listeners(world.listeners, options.listeners)
        start = parse_instant(options.clock) if options.clock else world.default_clock
        app = create_app(world, _settings(options), clock=Clock(start))
        server = Server(app, host=options.host, port=options.port)
    except (WorldError, ServerError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    server.start()
    control: Control = app.extensions[EXTENSION]
    now = iso_ms(control.clock.now())
    mode = control.settings.mode
    shown = "" if mode == "extended" else f", access {mode}"
    print(f"local Spotify at {server.url}, {world.label}, clock {now}{shown}", flush=True)
    stop.wait()
    server.stop()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local.spotify",
        description="A local service that answers like the Spotify Web API.",
    )
    add = parser.add_argument
    add("--port", type=int, required=True, help="port to serve; 0 picks a free one")
    add("--host", default="127.0.0.1", help="127.0.0.1 (default) or localhost")
    add("--charts", type=Path, help="CSV of real daily charts; without it the world is made up")
    add("--playlists-dir", type=Path, help="folder of the CSV files with the playlist ids")
    add("--seed", type=int, default=1, help="of what is made up (default 1)")
    add("--clock", help="where the clock starts, like 2025-02-18T18:00:00Z")
    add("--listeners", type=int, help="how many there are; without it, three")
    add("--access", choices=MODES, default="extended", help="the app's access mode at Spotify")
    add(
        "--no-client-credentials",
        action="store_true",
        help="refuse an app's own tokens in the development modes",
    )
    add("--daily-quota", type=int, default=0, help="requests per 24 hours; 0 (default) is off")
    add("--rate-limit", type=int, default=0, help="requests per 30 seconds; 0 (default) is off")
    add("--playlist-shape", choices=("tracks", "items"), default="tracks")
    add("--rotate-refresh-tokens", action="store_true", help="each refresh gives a new one")
    return parser


def _world(options: argparse.Namespace) -> World:
    directory: Path | None = options.playlists_dir
    if directory is not None and not directory.is_dir():
        raise WorldError(f"--playlists-dir {directory} is not a folder.")
    if options.charts is not None:
        return charts_world(options.charts, playlists_dir=directory, seed=options.seed)
    if directory is None:
        return made_up_world(options.seed)
    return made_up_world(
        options.seed,
        playlists={
            "daily": read_playlists(directory, "daily"),
            "weekly": read_playlists(directory, "weekly"),
        },
    )


def _settings(options: argparse.Namespace) -> Settings:
    if options.rate_limit < 0:
        raise WorldError(f"--rate-limit {options.rate_limit} is below 0.")
    if options.daily_quota < 0:
        raise WorldError(f"--daily-quota {options.daily_quota} is below 0.")
    return Settings(
        mode=options.access,
        client_credentials=not options.no_client_credentials,
        rotate_refresh_tokens=options.rotate_refresh_tokens,
        playlist_shape=options.playlist_shape,
        daily_quota=options.daily_quota,
        rate_limit=options.rate_limit,
    )


if __name__ == "__main__":
    sys.exit(main())
