"""Bring the local lake up: services, deployment, and what its world needs."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from rich.console import Console

from cli import deploy, listeners, services, sources, world
from cli.target import Target, local_target, stack_state


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
    target = local_target(state.endpoint, state.region, state.stack, state.certificate)
    fresh = deploy.choose(state.folder, plan.chosen)
    given = dict(one.split("=", 1) for one in deploy.parameters(state.spotify, state.folder))
    for line in sources.chosen(fresh, given.get("Contact", "none")):
        console.print(line, soft_wrap=True, markup=False, highlight=False)
    exists, intact = stack_state(target)[0] is not None, deploy.whole(target)
    if exists and not intact:
        console.print(
            "The stack is not whole, because the last deployment or the services were cut "
            "short; deploying anew over the kept objects.",
            soft_wrap=True,
        )
        state = services.restart_without_state(plan, state)
    if not intact or not deploy.current(state):
        with progress(console, "building") as show:
            seconds |= deploy.deploy(state, show)
        # What the old target remembers of the stack is of before.
        target = local_target(state.endpoint, state.region, state.stack, state.certificate)
    facts = world.facts(state.spotify)
    world.furnish(target, facts)
    listeners.connect_first(target, facts, state.folder)
    return Lake(state, target, facts, started, seconds)
