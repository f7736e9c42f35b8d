"""Write a made-up export: `python -m tests.exports --kind lastfm --rows 9000 --out FOLDER`.

A name that ends in `.zip` becomes a zip as the service hands it out; any other is a folder.
"""

import argparse
from pathlib import Path

from tests.exports import packages, spotify
from tests.exports.lives import life


def main() -> None:
    """Read the arguments, and write."""
    parser = argparse.ArgumentParser(prog="python -m tests.exports", description=__doc__)
    parser.add_argument("--kind", choices=packages.KINDS, default="spotify_extended")
    parser.add_argument("--generation", choices=spotify.GENERATIONS, default="2025")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plain", action="store_true", help="tracks alone, without oddities")
    parser.add_argument("--repeated", type=float, default=0.0, help="the share that stands twice")
    parser.add_argument(
        "--wrong-times", type=float, default=0.0, help="the share with a wrong time"
    )
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    plays = life(
        args.rows,
        args.seed,
        quirks=not args.plain,
        repeated=args.repeated,
        wrong_times=args.wrong_times,
    )
    found = ((path, body) for path, body, _ in packages.files(args.kind, plays, args.generation))
    if args.out.suffix == ".zip":
        packages.zipped(found, args.out)
        return
    for path, body in found:
        target = args.out / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(body)


if __name__ == "__main__":
    main()
