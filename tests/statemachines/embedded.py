"""The state machines once more, on the embedded AWS: another engine, which must agree with moto's.

Each run that a scenario did on moto's engine is done again on MiniStack's Step Functions, with the
functions' answers of moto's run (`script.py`), since it is the machines that are compared here:
the functions themselves run on MiniStack in `tests/stack`. What was seen is an `Execution`, read
from the history as moto's is (`local.aws.histories` makes it complete). The seconds that a Wait or
a retry was given are read from MiniStack's log; they pass at a ten-thousandth of their time. Both
engines show the longest that a retry may wait: MiniStack knows no jitter, moto's is replaced.

Runs go on beside each other in a few accounts, since a function's name does not say of which run
its event is. Nothing is asked outside of this machine, and nothing is left behind.
"""

import io
import json
import socket
import tempfile
import time
import zipfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import boto3
from botocore.config import Config

from local.aws import histories, service
from tests.statemachines import asl
from tests.statemachines.differences import OUTPUT, disagreements
from tests.statemachines.engine import TIMEOUT, Execution, History, _time_text
from tests.statemachines.scenarios import SCENARIOS, story
from tests.statemachines.script import BOOTSTRAP, RUNTIME, TIMEOUT_S, Script, served
from tests.template.translated import ACCOUNT_ID, REGION, functions

ACCOUNTS = tuple(str(int(ACCOUNT_ID) + number) for number in range(4))
WAIT_SCALE = 0.0001
LIMIT_S = 30
_ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/any"
_IDLE_S = 0.03


@dataclass(frozen=True)
class Replay:
    """One run of a scenario on both engines, and what they do not agree in."""

    scenario: str
    moto: Execution
    embedded: Execution
    differences: frozenset[str]  # the known ones that were met

    @property
    def disagreements(self) -> dict[str, str]:
        return disagreements(self.moto, self.embedded)


class Account:
    """One account of the embedded AWS, in which one run at a time is done."""

    def __init__(self, options: service.Options, number: str, scripts: dict[str, Script]) -> None:
        self.number = number
        self._options = options
        self._scripts = scripts
        self._states = self._client("stepfunctions")

    def _client(self, name: str) -> Any:
        return boto3.client(  # type: ignore[call-overload]
            name,
            endpoint_url=self._options.endpoint,
            region_name=REGION,
            aws_access_key_id=self.number,  # MiniStack takes it for the account
            aws_secret_access_key="any",
            config=Config(retries={"max_attempts": 0}),
        )

    def deploy(self, script_at: str) -> None:
        """Create a scripted function for every one that the template has."""
        code, client = _code(), self._client("lambda")
        for verb, properties in functions().items():
            variables = {"SCRIPT": script_at, "SLOT": f"/{self.number}", "VERB": verb}
            client.create_function(
                FunctionName=properties["FunctionName"],
                Runtime="provided.al2023",
                Handler="bootstrap",
                Role=_ROLE,
                Code={"ZipFile": code},
                Timeout=LIMIT_S,
                Environment={"Variables": variables},
            )

    def run(self, scenario: str, moto: Execution, definition: str) -> tuple[Execution, Script]:
        """Do a run again; the seconds of its waits are not known yet."""
        script = self._scripts[self.number] = Script(moto)
        arn = self._states.create_state_machine(
            name=f"{scenario}-{moto.name}",
            definition=definition.replace(ACCOUNT_ID, self.number),
            roleArn=_ROLE,
        )["stateMachineArn"]
        begun = self._states.start_execution(
            stateMachineArn=arn, name=moto.name, input=json.dumps(moto.given)
        )
        script.begin(_time_text(begun["startDate"]))
        execution = begun["executionArn"]
        until = time.monotonic() + LIMIT_S
        while True:
            found = self._states.describe_execution(executionArn=execution)
            if found["status"] != "RUNNING":
                break
            assert time.monotonic() < until, f"{scenario} did not end within {LIMIT_S} s"
            time.sleep(_IDLE_S)
        pages = self._states.get_paginator("get_execution_history").paginate(executionArn=execution)
        history = History([event for page in pages for event in page["events"]])
        error, cause = found.get("error"), found.get("cause")
        output = json.loads(found["output"]) if found.get("output") else None
        if found["status"] == "FAILED" and output == {"Error": error, "Cause": cause}:
            script.differences.add(OUTPUT.what)
            output = None
        ran = replace(
            moto,
            name=execution,
            started=script.started,
            status=found["status"],
            output=script.home(output),
            error=error,
            cause=script.home(cause),
            path=history.path,
            branches=history.branches,
            edges=history.edges,
            waits=[],
            sleeps=[],
            invocations=script.invocations,
            requests=[],
        )
        return ran, script


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _code() -> bytes:
    """The package of a scripted function."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        info = zipfile.ZipInfo("bootstrap")
        info.external_attr = 0o755 << 16
        archive.writestr(info, BOOTSTRAP.format(python=service.PYTHON))
        archive.writestr("runtime.py", RUNTIME)
    return body.getvalue()


def definition_for(moto: Execution) -> str:
    """A run's machine; tasks that timed out in moto's run get a second, to do so really."""
    definition = asl.definition(moto.machine)
    late = {call.verb for call in moto.invocations if call.failure == TIMEOUT}
    for _, state in asl.states(definition):
        if asl.invoked(state) in late:
            state["TimeoutSeconds"] = TIMEOUT_S
    return asl.substituted(moto.machine, definition)


Run = tuple[str, Execution, str]  # a scenario's name, moto's run, a definition


def replay(runs: Iterable[Run]) -> list[Replay]:
    """Do runs again on an embedded AWS of their own."""
    with tempfile.TemporaryDirectory(prefix="soundlake-engines-") as folder, served() as served_at:
        scripts, address = served_at
        options = service.Options(Path(folder), free_port(), REGION, wait_scale=WAIT_SCALE)
        running = service.start(options)
        try:
            accounts: SimpleQueue[Account] = SimpleQueue()
            for number in ACCOUNTS:
                account = Account(options, number, scripts)
                account.deploy(address)
                accounts.put(account)

            def once(run: Run) -> Replay:
                account = accounts.get()
                try:
                    ran, script = account.run(*run)
                finally:
                    accounts.put(account)
                return Replay(run[0], run[1], ran, frozenset(script.differences))

            with ThreadPoolExecutor(len(ACCOUNTS)) as pool:
                done = list(pool.map(once, runs))
        finally:
            service.stop(options.folder, running)
        _note_sleeps({each.embedded.name: each.embedded for each in done}, options.log)
        return done


def _note_sleeps(runs: dict[str, Execution], log: Path) -> None:
    for line in log.read_text(encoding="utf-8").splitlines():
        _, found, text = line.partition(histories.SLEEP + "{")
        said = json.loads("{" + text) if found else {}
        run = runs.get(said.get("execution", ""))
        if run is None:
            continue
        if said["why"] == "wait":
            run.waits.append((said["state"], said["seconds"]))
        else:
            run.sleeps.append(said["seconds"])


@cache
def replays() -> dict[str, list[Replay]]:
    """Every run of every scenario, done once."""
    runs = [(name, run, definition_for(run)) for name in SCENARIOS for run in story(name).runs]
    found: dict[str, list[Replay]] = {name: [] for name in SCENARIOS}
    for each in replay(runs):
        found[each.scenario].append(each)
    return found
