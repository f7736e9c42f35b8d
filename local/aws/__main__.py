"""`python -m local.aws`: run the embedded AWS in the foreground until SIGTERM or Ctrl-C."""

import argparse
import importlib
import os
import sys
import tempfile
from pathlib import Path

from local.aws import certificates, histories, provisioners, repairs, service


def main() -> None:
    """Set MiniStack up from the command line and run it."""
    parser = argparse.ArgumentParser(prog="python -m local.aws", description=__doc__)
    parser.add_argument("--port", type=int, default=4566, help="on 127.0.0.1 (default 4566)")
    parser.add_argument("--folder", type=Path, required=True, help="where its state lives")
    parser.add_argument("--region", default="eu-north-1")
    parser.add_argument("--wait-scale", type=float, default=1.0, help="multiplies every Wait")
    parser.add_argument("--log-level", default="INFO")
    parser.add_argument("--enforced", action="store_true", help="hold roles to policies, by TLS")
    given = parser.parse_args()
    options = service.Options(
        folder=given.folder.absolute(),
        port=given.port,
        region=given.region,
        wait_scale=given.wait_scale,
        log_level=given.log_level,
        enforced=given.enforced,
    )
    for name in ("aws", "s3", "tmp"):
        options.folder.joinpath(name).mkdir(parents=True, exist_ok=True)
    if options.certificate:
        certificates.make(options.certificate)
    # MiniStack reads its settings when it is imported, so they come first.
    os.environ.update(service.settings(options))
    tempfile.tempdir = None
    # Its functions inherit this environment: they must find the shared package in the layer that
    # was deployed, never in this source tree.
    os.environ.pop("PYTHONPATH", None)
    histories.complete()
    repairs.compact_causes()
    repairs.save_answers()
    repairs.read_new_columns_of_old_files()
    repairs.refuse_what_finds_no_room()
    repairs.adopt_buckets()
    repairs.end_when_saved()
    repairs.keep_to_its_port()
    added = provisioners.register()
    print(f"CloudFormation types added: {', '.join(added) or 'none'}", flush=True)
    sys.argv = ["ministack"]
    importlib.import_module("ministack.app").main()


if __name__ == "__main__":
    main()
