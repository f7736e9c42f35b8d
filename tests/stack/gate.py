"""A gate between the functions and the embedded AWS: what happens in the very moment of a write.

While it stands, all that the functions ask of AWS passes through it, and the data bucket they see
is a test's own. At the write of a named object it kills the process that writes, with SIGKILL as a
system does that runs out of memory: when half of the object is sent, or when it is written and the
answer is not there yet. It can also hold a writer until another one has written the same object,
answer in AWS's place, and have something else happen first. So the moment is always the same one,
however fast the machine is.

A request is named by what it does: `PUT lake/tracks/...` of an object in the data bucket,
`SSM PutParameter`, `DynamoDB UpdateItem`. All names that are looked for are regular expressions
that their beginning must match.

All else is real: the deployed functions in their own processes, the machines, S3's conditions.
What goes to a test's bucket is signed anew, by the account's owner: a signature is of one bucket,
and so are a role's policies. What goes elsewhere is passed on as it was signed.
"""

import contextlib
import http.client
import os
import re
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from cli.services import Running
from local.aws import process

RESTING_S = 30
PATIENCE_S = 20  # until a writer that nobody overtakes goes on by itself
_NOT_PASSED_ON = {"connection", "content-length", "date", "server", "transfer-encoding"}

When = Literal["amid", "after"]


@dataclass
class Kill:
    """End a function's process at its `nth` write of an object whose key begins as `key` (a regex).

    `amid`: half of the object was sent; `after`: it was written, and nobody was told so. Of another
    service `key` is the request's name.
    """

    verb: str
    when: When
    key: str
    nth: int = 1
    killed: int = 0  # processes


@dataclass
class Meeting:
    """Two writers of an object whose key begins as `key` (a regex): the first comes too late.

    It is held until the second one's write of the same is done, so what it knew is of before.
    """

    key: str
    first: threading.Lock = field(default_factory=threading.Lock)  # taken once, by the first one
    held: threading.Event = field(default_factory=threading.Event)
    overtaken: threading.Event = field(default_factory=threading.Event)

    @contextlib.contextmanager
    def write(self) -> Iterator[None]:
        if self.first.acquire(blocking=False):
            self.held.set()
            self.overtaken.wait(PATIENCE_S)
            yield
        else:
            yield
            self.overtaken.set()


@dataclass
class Refusal:
    """AWS's error in the place of an answer, to the next `times` requests of a name.

    With `done` what was asked for is done all the same, and only the answer is another one.
    """

    name: str
    status: int
    code: str
    times: int = 1
    done: bool = False
    given: int = 0  # times


@dataclass
class Meanwhile:
    """Something that happens once, before a request of this name is passed on."""

    name: str
    do: Callable[[], object]
    happened: bool = False


class Gate:
    """The gate of one embedded AWS; `bucket` stands for the data bucket while it is set."""

    def __init__(self, state: Running, data_bucket: str) -> None:
        self.bucket = data_bucket
        self.kills: list[Kill] = []
        self.meetings: list[Meeting] = []
        self.refusals: list[Refusal] = []
        self.meanwhile: list[Meanwhile] = []
        self._address = urlsplit(state.endpoint).netloc
        self._tls = state.certificate and ssl.create_default_context(cafile=state.certificate)
        self._owner = S3SigV4Auth(Credentials("test", "test"), "s3", state.region)
        self._workers = state.folder / "tmp", state.stack
        self._data_bucket = data_bucket
        self._lock = threading.Lock()
        gate = self

        class Handler(_Handler):
            def passing(self) -> None:
                gate._pass(self)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @contextlib.contextmanager
    def standing(self) -> Iterator["Gate"]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def workers(self, verb: str) -> list[int]:
        """The processes of a function of this embedded AWS, and of no other."""
        tmp, functions = self._workers
        mark = f"{tmp}/ministack-lambda-{functions}-{verb}-"
        return [
            pid
            for pid, line in process._command_lines()
            if any(word.startswith(mark) for word in line)
        ]

    def _writers(self, verb: str, port: int) -> list[int]:
        """The function's process at the other end of a connection; without /proc, all of them."""
        pids = self.workers(verb)
        if not Path("/proc/self").exists():
            return pids
        here = f":{port:04X}"
        rows = [line.split() for line in Path("/proc/self/net/tcp").read_text().splitlines()[1:]]
        sockets = {f"socket:[{row[9]}]" for row in rows if row[1].endswith(here)}
        return [pid for pid in pids if sockets & _open_by(pid)]

    def _pass(self, one: "_Handler") -> None:
        body = one.rfile.read(int(one.headers.get("Content-Length") or 0))
        path, key = self._own(one.path)
        headers = one.passed_on()
        if path != one.path:
            headers = self._signed(one.command, path, body, headers)
        target = one.headers.get("X-Amz-Target", "")
        name = f"{one.command} {key}" if key else _named(target)
        self._happen(name)
        refusal = self._refused(name)
        if refusal is not None:
            if refusal.done:
                self._forward(one, path, body, headers)
            one.refuse(refusal.status, refusal.code, json=not key)
            return
        written = key if one.command == "PUT" else name if target else ""
        port = one.client_address[1]
        kill, meetings = self._due(written, port) if written else (None, [])
        if kill is None:
            with contextlib.ExitStack() as held:
                for meeting in meetings:
                    held.enter_context(meeting.write())
                answer = self._forward(one, path, body, headers)
            one.answer(*answer)
            return
        if kill.when == "amid":
            self._half(one.command, path, body, headers)
        else:
            self._forward(one, path, body, headers)
        for pid in self._writers(kill.verb, port):
            os.kill(pid, signal.SIGKILL)
            kill.killed += 1
        one.close_connection = True

    def _own(self, path: str) -> tuple[str, str]:
        """The path in the test's own bucket, and the key that it names."""
        there = f"/{self._data_bucket}"
        if not path.startswith(there) or path[len(there) : len(there) + 1] not in {"", "/", "?"}:
            return path, ""
        rest = path[len(there) :]
        return f"/{self.bucket}{rest}", unquote(rest.partition("?")[0]).lstrip("/")

    def _happen(self, name: str) -> None:
        with self._lock:
            due = [
                each for each in self.meanwhile if not each.happened and re.match(each.name, name)
            ]
            for each in due:
                each.happened = True
        for each in due:
            each.do()

    def _refused(self, name: str) -> Refusal | None:
        with self._lock:
            for each in self.refusals:
                if each.given < each.times and re.match(each.name, name):
                    each.given += 1
                    return each
        return None

    def _due(self, key: str, port: int) -> tuple[Kill | None, list[Meeting]]:
        """What is to happen at this write: the first kill that it is for, each once; meetings."""
        with self._lock:
            meetings = [each for each in self.meetings if re.match(each.key, key)]
            for each in self.kills:
                if (
                    each.nth > 0
                    and re.match(each.key, key)
                    and ("/" in key or self._writers(each.verb, port))
                ):
                    each.nth -= 1
                    return (each if each.nth == 0 else None), meetings
        return None, meetings

    def _signed(
        self, command: str, path: str, body: bytes, headers: dict[str, str]
    ) -> dict[str, str]:
        unsigned = {"authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"}
        kept = {name: value for name, value in headers.items() if name.lower() not in unsigned}
        request = AWSRequest(command, f"http://{headers['Host']}{path}", kept, body)
        self._owner.add_auth(request)
        return dict(request.headers.items())

    def _forward(
        self, one: "_Handler", path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[Any, bytes]:
        upstream = one.upstream or self._connection()
        one.upstream = upstream
        # A connection is kept as long as the other one: TLS begins slowly. The embedded AWS ends
        # one that rests for long; it is opened again by itself.
        if time.monotonic() - one.asked > RESTING_S:
            upstream.close()
        try:
            upstream.request(one.command, path, body, headers)
            answer = upstream.getresponse()
            return answer, answer.read()
        except BaseException:
            upstream.close()
            raise
        finally:
            one.asked = time.monotonic()

    def _connection(self) -> http.client.HTTPConnection:
        if self._tls:
            return http.client.HTTPSConnection(self._address, timeout=60, context=self._tls)
        return http.client.HTTPConnection(self._address, timeout=60)

    def _half(self, command: str, path: str, body: bytes, headers: dict[str, str]) -> None:
        """Begin a write and break off, as the system does with a dead process's connection."""
        host, port = self._address.split(":")
        lines = [f"{command} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
        lines += [f"Content-Length: {len(body)}", "", ""]
        with contextlib.ExitStack() as opened:
            upstream = opened.enter_context(socket.create_connection((host, int(port))))
            if self._tls:
                upstream = opened.enter_context(
                    self._tls.wrap_socket(upstream, server_hostname=host)
                )
            upstream.sendall("\r\n".join(lines).encode("latin-1") + body[: len(body) // 2])


def _named(target: str) -> str:
    """`DynamoDB_20120810.UpdateItem` as `DynamoDB UpdateItem`, so `AmazonSSM.GetParameter`."""
    service, _, operation = target.partition(".")
    return f"{service.removeprefix('Amazon').partition('_')[0]} {operation}" if target else ""


def _open_by(pid: int) -> set[str]:
    """What a process has open, as the system names it."""
    found = set()
    for one in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            found.add(str(one.readlink()))
    return found


class _Handler(BaseHTTPRequestHandler):
    """One connection of a function's process."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body in one packet
    disable_nagle_algorithm = True
    upstream: http.client.HTTPConnection | None = None
    asked = 0.0

    def passing(self) -> None:
        raise NotImplementedError

    def do_GET(self) -> None:
        self.passing()

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815 - its base looks for these

    def handle_expect_100(self) -> bool:
        """Tell a writer to go on, at once: it would wait a second for that."""
        goes_on = super().handle_expect_100()
        self.wfile.flush()
        return goes_on

    def passed_on(self) -> dict[str, str]:
        return {
            name: value
            for name, value in self.headers.items()
            if name.lower() not in {"connection", "content-length", "expect"}
        }

    def answer(self, answer: http.client.HTTPResponse, body: bytes) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _NOT_PASSED_ON:
                self.send_header(name, value)
        length = answer.getheader("Content-Length", "0") if self.command == "HEAD" else len(body)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, status: int, code: str, *, json: bool) -> None:
        """Answer with an error, as S3 or one of the services that speak JSON words it."""
        said = "Made up at the gate."
        if json:
            body = f'{{"__type": "{code}", "message": "{said}"}}'
        else:
            body = f"<Error><Code>{code}</Code><Message>{said}</Message></Error>"
        self.send_response_only(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0" if json else "text/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body.encode())

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # whoever asked has ended
            super().handle()

    def finish(self) -> None:
        if self.upstream:
            self.upstream.close()
        with contextlib.suppress(ConnectionError):
            super().finish()

    def log_message(self, *_: Any) -> None:
        """Nothing: a function's request is no news."""
