"""``molmospaces-gym view``: watch a policy, in a window or in a video file."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape


def view(
    policy: Annotated[str, typer.Option(help="NAME or NAME:ARGUMENT, see list.")] = "expert",
    env_id: Annotated[str, typer.Option("--id", help="Environment.")] = "molmospaces_gym/Pick-v1",
    benchmark: Annotated[str | None, typer.Option(help="Suite to take the episode from.")] = None,
    scene: Annotated[str | None, typer.Option(help="House name or MJCF file.")] = None,
    episode: Annotated[int, typer.Option(help="Index in the benchmark, else the seed.")] = 0,
    out: Annotated[Path, typer.Option(help="Video file where there is no display.")] = Path(
        "view.mp4"
    ),
    teleop: Annotated[
        bool, typer.Option("--teleop", help="Drive the robot by keyboard instead of a policy.")
    ] = False,
) -> None:
    """Watch a policy: a window where there is a display, a video file elsewhere."""
    from molmospaces_gym.benchmarks.rollout import make_env
    from molmospaces_gym.policies.base import bind_policy, load_policy, policy_env_kwargs

    console = Console()
    player = teleop_policy() if teleop else load_policy(policy)
    where = {"benchmark": benchmark, "scene": scene}
    env = make_env(
        env_id,
        {k: v for k, v in where.items() if v is not None}
        | {"render_mode": "rgb_array", **policy_env_kwargs(player, env_id)},
    )
    options = None if benchmark is None else {"episode": episode}
    try:
        bind_policy(player, env)
        if teleop:
            console.print(escape(key_help(env)), soft_wrap=True)
        if has_display():
            _window(env, player, episode, options)
        else:
            success = _film(env, player, episode, options, out)
            outcome = "success" if success else "no success"
            console.print(escape(f"no display; wrote {out} ({outcome})"), soft_wrap=True)
    finally:
        env.close()


def has_display() -> bool:
    """Whether a window can be opened."""
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def teleop_policy() -> Any:
    """A policy that the viewer's keys drive; raises ``InvalidConfig`` without a display."""
    from molmospaces_gym.errors import InvalidConfig
    from molmospaces_gym.policies.teleop import TeleopPolicy

    if not has_display():
        raise InvalidConfig(
            "--teleop needs a window, and this machine has no display (neither DISPLAY nor "
            "WAYLAND_DISPLAY is set); run it on a desktop, or with ssh -X"
        )
    return TeleopPolicy()


def key_help(env: Any) -> str:
    """One line that lists the keys of an env."""
    from molmospaces_gym.policies.teleop import help_text

    return help_text(env.unwrapped.config.action_mode)


def play(
    env: Any, policy: Any, seed: int, options: dict[str, Any] | None, watch: Callable[[], bool]
) -> bool:
    """Play one episode, calling ``watch`` after reset and each step; it ends when that is False.

    Returns:
        Whether the episode was successful where it ended.
    """
    obs, info = env.reset(seed=seed, options=options)
    policy.reset(info["instruction"], seed)
    state, over = None, False
    while watch() and not over:
        action, state = policy.predict(obs, state, None, True)
        obs, _, terminated, truncated, info = env.step(action)
        over = terminated or truncated
    return bool(info["is_success"])


def _film(env: Any, policy: Any, seed: int, options: dict[str, Any] | None, out: Path) -> bool:
    from molmospaces_gym.benchmarks.pictures import VideoFile

    video = VideoFile(out, env.metadata["render_fps"])

    def watch() -> bool:
        video.append(env.render())
        return True

    try:
        return play(env, policy, seed, options, watch)
    finally:
        video.close()


def _window(env: Any, policy: Any, seed: int, options: dict[str, Any] | None) -> None:
    """Play episodes at the speed of real time until the window is closed."""
    import mujoco.viewer

    from molmospaces_gym.benchmarks.rollout import control_dt

    obs_env = env.unwrapped
    env.reset(seed=seed, options=options)
    model, data = obs_env.scene.model, obs_env.world.data(0)
    keys = getattr(policy, "press", None)
    with mujoco.viewer.launch_passive(model, data, key_callback=keys) as window:

        def watch() -> bool:
            window.sync()
            time.sleep(control_dt(obs_env))
            return bool(window.is_running())

        # The window shows one MjData, so every round plays the same episode again.
        while window.is_running():
            play(env, policy, seed, options, watch)
