"""Bring the local lake up: services, deployment, and what its world needs."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC

from rich.console import Console

from cli import deploy, services, world
from cli.target import MACHINES, Target, local_target


@dataclass
class Lake:
    """A local lake that is up; `seconds` is wall time by stage."""

    state: services.Running
    target: Target
    facts: world.Facts
    started: bool
    seconds: dict[str, float] = field(default_factory=dict)


@contextlib.contextmanager
def progress(console: Console, text: str) -> Iterator[Callable[[str], None]]:
    """Show a spinner at a terminal; elsewhere nothing, because a log needs no spinner."""
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status(text) as status:
        yield status.update


def up(plan: services.Plan, console: Console) -> Lake:
    """Make the local lake run and be up to date; services it started end with a failure."""
    began = time.monotonic()
    with progress(console, "starting the services"):
        state, started = services.up(plan, lambda text: console.print(text, soft_wrap=True))
    seconds = {"services": time.monotonic() - began}
    try:
        return _deployed(plan, state, console, started=started, seconds=seconds)
    except BaseException:
        # Also on Ctrl-C: what this command started does not outlive it.
        if started:
            services.down(services.noted())
        raise


def _deployed(
    plan: services.Plan,
    state: services.Running,
    console: Console,
    *,
    started: bool,
    seconds: dict[str, float],
) -> Lake:
    target = local_target(state.endpoint, state.region, state.stack)
    if not deploy.up_to_date(target, state):
        if not deploy.replaceable(target):
            console.print(
                "The last deployment did not finish; deploying anew over the kept objects.",
                soft_wrap=True,
            )
            state = services.restart_without_state(plan, state)
            target = local_target(state.endpoint, state.region, state.stack)
        with progress(console, "building") as show:
            seconds |= deploy.deploy(state, show)
        target = local_target(state.endpoint, state.region, state.stack)
    facts = world.facts(state.spotify)
    world.furnish(target, facts)
    _end_cut_short(target, console, started=started)
    return Lake(state, target, facts, started, seconds)


def _end_cut_short(target: Target, console: Console, *, started: bool) -> None:
    """Mark executions that ended with the services as stopped: nobody goes on with them."""
    if not started:
        return
    for machine, output in MACHINES.items():
        arn = target.output(output)
        running = target.states.list_executions(stateMachineArn=arn, statusFilter="RUNNING")
        for one in running["executions"]:
            target.states.stop_execution(
                executionArn=one["executionArn"],
                error="CutShort",
                cause="The services stopped while it ran; the next run does its work again.",
            )
            when = one["startDate"].astimezone(UTC)
            console.print(
                f"The {machine} run of {when:%H:%M:%S} UTC was cut short when the services "
                "stopped; this run does its work again.",
                soft_wrap=True,
            )
