"""What functions answer on another engine: what they answered when moto's engine ran the machine.

A run's `Script` knows every call of moto's run. A function on the other engine is a few lines that
bring their event here by HTTP, and give or raise what the script says of it.
"""

import json
import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.statemachines.differences import as_moto
from tests.statemachines.engine import TIMEOUT, Execution, Invocation

UNFORESEEN = {"errorType": "Unforeseen", "errorMessage": "moto's run did not ask this."}
TIMEOUT_S = 1  # of a task that is to time out on the other engine
_LATE_S = TIMEOUT_S + 0.3

# A runtime of its own (`provided`), since MiniStack loses the class of what a Python function
# raises: every error is a Runtime.HandlerError to the machine, and none can be Lambda's own. It
# prints a line each time, because MiniStack waits 50 ms for one, and asks for events on a new
# connection, because an old one acknowledges the first part of an answer 40 ms late.
BOOTSTRAP = """#!/bin/sh
exec "{python}" -IS "$LAMBDA_TASK_ROOT/runtime.py"
"""
RUNTIME = """import http.client, json, os

at, verb = os.environ["SCRIPT"], os.environ["VERB"]
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
script = http.client.HTTPConnection(at)
while True:
    api.close()
    api.request("GET", "/2018-06-01/runtime/invocation/next")
    got = api.getresponse()
    request, event = got.headers["Lambda-Runtime-Aws-Request-Id"], got.read()
    script.request("POST", os.environ["SLOT"] + "/" + verb, event)
    kind, answer = json.loads(script.getresponse().read())
    print(verb, kind, flush=True)
    path = "/2018-06-01/runtime/invocation/" + request + "/" + kind
    api.request("POST", path, json.dumps(answer))
    api.getresponse().read()
"""


def canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _timeless(event: Any) -> str:
    """An event by which a call is known: the present time that it tells is each engine's own."""
    return canonical({key: event[key] for key in event if key != "now"})


@dataclass
class Script:
    """The calls of one of moto's runs, to be given again; `invocations` is what was asked.

    Events are kept as moto's run would have them: its start time stands for the other engine's
    (`started`, set once that is known), and known differences are taken out (`differences`).
    """

    run: Execution
    started: str = ""
    invocations: list[Invocation] = field(default_factory=list)
    differences: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._begun = threading.Event()
        self._left: dict[tuple[str, str], deque[Invocation]] = defaultdict(deque)
        for call in self.run.invocations:
            self._left[call.verb, _timeless(call.event)].append(call)

    def begin(self, started: str) -> None:
        self.started = started
        self._begun.set()

    def home(self, value: Any) -> Any:
        """A value of the other engine's run as moto's would have it."""
        if isinstance(value, dict):
            return {key: self.home(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.home(each) for each in value]
        if isinstance(value, str):
            return self.run.started if value == self.started else as_moto(value, self.differences)
        return value

    def answer(self, verb: str, event: Any) -> Invocation:
        """What moto's run had of this event, each of equal ones once."""
        assert self._begun.wait(10), "the run's start was not told"
        event = self.home(event)
        with self._lock:
            left = self._left[verb, _timeless(event)]
            call = left.popleft() if left else None
            call = call or Invocation(verb, event, error="unforeseen", failure=UNFORESEEN)
            self.invocations.append(call)
        return call


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_POST(self) -> None:
        _, slot, verb = self.path.split("/")
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        call = self.server.scripts[slot].answer(verb, event)
        if call.failure == TIMEOUT:
            time.sleep(_LATE_S)
        said = ("response", call.result) if call.failure is None else ("error", call.failure)
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.scripts: dict[str, Script] = {}


@contextmanager
def served() -> Iterator[tuple[dict[str, Script], str]]:
    """Serve scripts by slot; where a function finds them."""
    server = _Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.scripts, f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
