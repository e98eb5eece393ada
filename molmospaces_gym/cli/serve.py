"""``molmospaces-gym serve``: a policy behind a websocket."""

import signal
import threading
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from molmospaces_gym.cli.evaluate import env_arguments


def serve(
    policy: Annotated[str, typer.Option(help="NAME or NAME:ARGUMENT, see list.")],
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0: all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen at; 0: a free one.")] = 8000,
    dialect: Annotated[
        str, typer.Option(help="Arrays of replies: openpi, msgpack_numpy, or auto as asked.")
    ] = "auto",
    reply: Annotated[
        str,
        typer.Option(help="actions of the env; or joint targets by move group: step, chunk."),
    ] = "actions",
    env_id: Annotated[
        str, typer.Option("--id", help="Environment that the policy plays.")
    ] = "molmospaces_gym/Pick-v1",
    env: Annotated[
        list[str] | None,
        typer.Option(help="Further env argument, KEY=VALUE with a JSON value; repeatable."),
    ] = None,
) -> None:
    """Serve a policy to eval --policy ws://HOST:PORT and other clients until Ctrl-C."""
    from molmospaces_gym.benchmarks.rollout import make_env
    from molmospaces_gym.policies.base import load_policy, policy_env_kwargs
    from molmospaces_gym.policies.remote.server import PolicyServer

    first = load_policy(policy)
    kwargs = {**policy_env_kwargs(first, env_id), **env_arguments(env or [])}
    ready = [first]

    def make_policy() -> Any:
        return ready.pop() if ready else load_policy(policy)

    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    server = PolicyServer(
        make_policy,
        make_env(env_id, kwargs).unwrapped,
        name=policy,
        reply=reply,
        dialect=None if dialect == "auto" else dialect,
        host=host,
        port=port,
        env_kwargs=kwargs,
    )
    console = Console()
    with server:
        console.print(escape(f"serving {policy} at {server.url}"), soft_wrap=True)
        stopped.wait()
    console.print("stopped")
