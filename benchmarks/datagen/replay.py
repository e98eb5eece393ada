"""Play a recorded episode again and say how far it comes apart from the recording."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.benchmarks.datagen.recorder import StateReader
from molmospaces_gym.benchmarks.datagen.trajectory import Trajectory
from molmospaces_gym.benchmarks.pictures import VideoFile
from molmospaces_gym.benchmarks.rollout import control_dt, make_env
from molmospaces_gym.episode import EpisodeSpec
from molmospaces_gym.errors import InvalidTrajectory
from molmospaces_gym.registration import TASKS, env_id
from molmospaces_gym.session import Session

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Divergence:
    """How a replay differs from its recording. NaN where the recording does not say.

    Attributes:
        steps: actions played.
        qpos_max, qpos_final: error of the robot's joint positions, largest over all states and at
            the end; rad or m.
        position_max, position_final: that of the objects' positions, m.
        rotation_max, rotation_final: that of their orientations, rad.
        success_recorded, success_replayed: success at the end.
        success_agreement: share of the states in which both say the same.
        first_difference: first state that is not equal bit for bit, or None.
    """

    steps: int
    qpos_max: float
    qpos_final: float
    position_max: float
    position_final: float
    rotation_max: float
    rotation_final: float
    success_recorded: bool
    success_replayed: bool
    success_agreement: float
    first_difference: int | None

    @property
    def exact(self) -> bool:
        """Whether every state was equal bit for bit."""
        return self.first_difference is None


def replay(
    trajectory: Trajectory,
    *,
    episode: EpisodeSpec | Mapping[str, Any] | None = None,
    video: Path | None = None,
    **env_kwargs: Any,
) -> Divergence:
    """Simulate an episode again from its start with its actions.

    Args:
        trajectory: the recording. One without actions of an env is played by its absolute
            commands.
        episode: how it started, where the recording does not say or another start is wanted.
        video: mp4 file for the pictures of the first exterior camera.
        env_kwargs: arguments of the env that win over the recorded ones.

    Raises:
        InvalidTrajectory: there is no start, no action or no such task.
        SceneNotFound: the house is not here.
    """
    start = episode if episode is not None else trajectory.episode
    if start is None:
        raise InvalidTrajectory(
            f"trajectory {trajectory.index} does not say how it started; pass its episode (of an"
            " official file: replay --houses DATASET/SPLIT, or official_start.read_start)"
        )
    if video is not None:
        env_kwargs = {"render_mode": "rgb_array", **env_kwargs}
    env = env_of(trajectory, **env_kwargs)
    film: VideoFile | None = None
    try:
        env.reset(seed=trajectory.seed, options={"episode": start})
        inner: Any = env.unwrapped
        if video is not None:
            film = VideoFile(video, 1.0 / control_dt(inner))
        return _play(env, inner.session, trajectory, film)
    finally:
        if film is not None:
            film.close()
        env.close()


def _play(env: Any, session: Session, trajectory: Trajectory, film: VideoFile | None) -> Divergence:
    reader = StateReader(session)
    rows, success = [reader.read()], [session.state.success]
    for step in range(len(trajectory)):
        if film is not None:
            film.append(env.render())
        env.step(action_of(trajectory, step, session))
        rows.append(reader.read())
        success.append(session.state.success)
    if film is not None:
        film.append(env.render())
    return compare(trajectory, rows, np.array(success), reader.object_names)


def env_of(trajectory: Trajectory, **env_kwargs: Any) -> Any:
    """An env that plays a recording again; ``env_kwargs`` win over the recorded ones.

    Raises:
        InvalidTrajectory: no env plays its task.
    """
    return make_env(env_id_of(trajectory), {**env_kwargs_of(trajectory), **env_kwargs})


def action_of(trajectory: Trajectory, step: int, session: Session) -> NDArray[np.float32]:
    """The action of a step for the env, made of absolute commands where there is none."""
    if trajectory.actions.shape[1]:
        action: NDArray[np.float32] = trajectory.actions[step]
        return action
    command = command_of(trajectory.executed, step, session)
    return session.action_mapper.encode(command, session.ctrl).astype(np.float32)


def command_of(commands: Mapping[str, Array], step: int, session: Session) -> Array:
    """The absolute command (n_actuators,) of a step, in the order of the robot's actuators.

    ``commands`` are those of a trajectory, ``commands`` or ``executed``; a move group that it does
    not name stays as it is commanded.
    """
    command = session.ctrl
    for name, group in session.scene.robot.groups.items():
        if name in commands:
            command[group.control] = commands[name][step]
    return command


def compare(
    trajectory: Trajectory,
    rows: list[dict[str, Any]],
    success: NDArray[np.bool_],
    object_names: tuple[str, ...],
) -> Divergence:
    """Compare replayed states (T + 1 rows of ``StateReader``) with a recording."""
    qpos = np.max(
        [
            np.abs(np.array([row[f"qpos/{name}"] for row in rows]) - recorded).max(axis=1)
            for name, recorded in trajectory.qpos.items()
        ],
        axis=0,
    )
    shift, turn = _object_errors(trajectory, rows, object_names)
    if trajectory.sim_qpos is not None:
        replayed = np.array([row["sim_qpos"] for row in rows])
        same = (replayed == trajectory.sim_qpos).all(axis=1)
    else:
        same = (qpos == 0) & ~(shift > 0)
    same &= success == trajectory.success
    return Divergence(
        steps=len(trajectory),
        qpos_max=float(qpos.max()),
        qpos_final=float(qpos[-1]),
        position_max=float(shift.max()),
        position_final=float(shift[-1]),
        rotation_max=float(turn.max()),
        rotation_final=float(turn[-1]),
        success_recorded=bool(trajectory.success[-1]),
        success_replayed=bool(success[-1]),
        success_agreement=float((success == trajectory.success).mean()),
        first_difference=None if same.all() else int(np.argmin(same)),
    )


def _object_errors(
    trajectory: Trajectory, rows: list[dict[str, Any]], object_names: tuple[str, ...]
) -> tuple[Array, Array]:
    """Largest position (m) and rotation (rad) error over the objects in each state."""
    common = [name for name in trajectory.object_names if name in object_names]
    if not common:
        unknown = np.full(len(rows), np.nan)
        return unknown, unknown
    recorded = trajectory.object_poses[:, [trajectory.object_names.index(n) for n in common]]
    replayed = np.array([row["object_poses"] for row in rows])
    replayed = replayed[:, [object_names.index(name) for name in common]]
    shift = np.linalg.norm(replayed[..., :3] - recorded[..., :3], axis=2)
    # An arc cosine would make 1e-8 rad of a rounding error; a chord does not.
    first, second = replayed[..., 3:], recorded[..., 3:]
    chords = [np.linalg.norm(first - sign * second, axis=2) for sign in (1, -1)]
    turn = 4 * np.arcsin(np.minimum(np.minimum(*chords) / 2, 1.0))
    return shift.max(axis=1), turn.max(axis=1)


def env_id_of(trajectory: Trajectory) -> str:
    """Id of the env that plays the trajectory's task; raises ``InvalidTrajectory``."""
    if trajectory.env_id:
        return trajectory.env_id
    if trajectory.task not in TASKS:
        raise InvalidTrajectory(
            f"trajectory {trajectory.index}: no env plays task {trajectory.task!r};"
            f" known: {', '.join(TASKS)}"
        )
    return env_id(trajectory.task)


def env_kwargs_of(trajectory: Trajectory) -> dict[str, Any]:
    """Arguments of an env in which the trajectory's actions mean what they meant."""
    kwargs: dict[str, Any] = {
        "robot": trajectory.robot,
        "terminate_on_success": False,
        "horizon": max(1, len(trajectory)),
    }
    if not trajectory.actions.shape[1]:
        kwargs |= {"action_mode": "joint_position", "control_dt": trajectory.control_dt}
    return kwargs | dict(trajectory.env_kwargs)
