"""Isaac Lab's own way in: every task as a vectorised env that its trainers take.

The entry point ``isaaclab.tasks`` imports this module, which registers one id per task, e.g.
``MolmoSpaces-Pick-Direct``, with the configuration ``gym.make(id, cfg=parse_env_cfg(id, ...))``
needs. It speaks Isaac Lab's language: torch tensors, one flat ``policy`` observation, episodes that
restart in the same step. What moves things is the ``isaac`` backend, the same that
``gym.make("molmospaces_gym/Pick-v1", backend="isaac")`` has.
"""

from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from isaaclab.envs import DirectRLEnv, DirectRLEnvCfg
from isaaclab.scene import InteractiveSceneCfg
from isaaclab.sim import SimulationCfg
from isaaclab.utils import configclass
from isaaclab_newton.physics import NewtonCfg

from molmospaces_gym.registration import TASKS, env_id, register_envs


def task_id(task: str) -> str:
    """The id of a task in Isaac Lab, e.g. ``MolmoSpaces-Pick-Direct``."""
    return f"MolmoSpaces-{task}-Direct"


@configclass
class MolmoSpacesEnvCfg(DirectRLEnvCfg):
    """Isaac Lab's configuration of an env.

    ``make`` holds further arguments of ``gym.make("molmospaces_gym/<Task>-v1", ...)``,
    ``scene.num_envs`` is the number of worlds and ``physics`` the engine (``auto``, ``newton``,
    ``mujoco``, ``physx``). The backend makes a ``sim`` per house itself and does not look at the
    one here; steps and length of an episode are the task's (``control_dt``, ``horizon``).
    """

    task: str = "Pick"
    physics: str = "auto"
    make: dict[str, Any] = {"houses": 1}
    decimation: int = 33
    episode_length_s: float = 20.0
    action_space: int = 8
    observation_space: int = 1
    state_space: int = 0
    sim: SimulationCfg = SimulationCfg(dt=0.002, physics=NewtonCfg())
    scene: InteractiveSceneCfg = InteractiveSceneCfg(num_envs=1, env_spacing=0.0)


class MolmoSpacesIsaacLabEnv(DirectRLEnv):
    """A vectorised env that Isaac Lab's wrappers and trainers take for a ``DirectRLEnv``.

    It is one in interface: the worlds of the ``isaac`` backend simulate, which change the house
    between episodes, so nothing of ``DirectRLEnv`` that builds or steps a scene is used.

    Observations are ``{"policy": (num_envs, n)}``, the numeric observation with its keys in order;
    pictures are left out. Rewards (num_envs,), terminated and truncated bool (num_envs,); tensors
    on the CPU.
    """

    metadata: dict[str, Any] = {"render_modes": [None, "rgb_array"]}

    def __init__(
        self, cfg: MolmoSpacesEnvCfg, render_mode: str | None = None, **_entry_points: str
    ) -> None:
        """``cfg`` of ``parse_env_cfg``; Gymnasium hands on the entry points of the registration."""
        register_envs()
        self.cfg, self.render_mode = cfg, render_mode
        self._is_closed = False
        pictures: dict[str, Any] = {} if render_mode is None else {"render_mode": render_mode}
        self.envs: Any = gym.make_vec(
            env_id(cfg.task),
            num_envs=self.num_envs,
            backend="isaac",
            physics=cfg.physics,
            autoreset_mode="SameStep",
            **pictures,
            **cfg.make,
        )
        single: Any = self.envs.single_observation_space
        self._keys = [name for name, box in single.items() if box.dtype == np.float32]
        low, high = (
            np.concatenate([getattr(single[name], side) for name in self._keys])
            for side in ("low", "high")
        )
        policy = spaces.Box(low, high)
        self.single_observation_space = spaces.Dict({"policy": policy})
        self.observation_space = gym.vector.utils.batch_space(policy, self.num_envs)
        self.single_action_space = self.envs.single_action_space
        self.action_space = self.envs.action_space
        self.metadata = {**self.metadata, "autoreset_mode": gym.vector.AutoresetMode.SAME_STEP}
        self.episode_length_buf = torch.zeros(self.num_envs, dtype=torch.long)
        self.obs_buf: dict[str, torch.Tensor] = {}
        self._seed: int | None = cfg.seed

    @property
    def num_envs(self) -> int:
        """Number of worlds."""
        return int(self.cfg.scene.num_envs)

    @property
    def device(self) -> str:
        """Where the tensors are."""
        return "cpu"

    @property
    def physics_dt(self) -> float:
        """Seconds of a physics step."""
        return float(self._started.scene.model.opt.timestep)

    @property
    def max_episode_length(self) -> int:
        """Steps until the first world's episode is truncated."""
        return int(self._started.horizon)

    @property
    def step_dt(self) -> float:
        """Seconds between two actions."""
        return float(self._started.control_dt)

    @property
    def _started(self) -> Any:
        """The first world's session; trainers ask for times and lengths before any ``reset``."""
        session = self.envs.unwrapped.sessions[0]
        if not session.info:
            self.envs.reset(seed=self._seed)
        return session

    def seed(self, seed: int | None = None) -> int:
        """Seed the next ``reset``, as Isaac Lab's wrappers do; -1 and None leave it unseeded."""
        self._seed = None if seed is None or seed < 0 else seed
        return -1 if seed is None else seed

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """Start episodes in all worlds; the first time without a seed ``cfg.seed`` counts."""
        seed, self._seed = self._seed if seed is None else seed, None
        observation, infos = self.envs.reset(seed=seed, options=options)
        self.episode_length_buf[:] = 0
        return self._policy(observation), infos

    def step(self, action: torch.Tensor) -> tuple[Any, ...]:
        """Step all worlds; those whose episode ends show the first observation of their next."""
        bounded = action.detach().cpu().numpy().astype(np.float32).clip(-1.0, 1.0)
        observation, reward, terminated, truncated, infos = self.envs.step(bounded)
        ended = terminated | truncated
        success = infos["is_success"].astype(np.float32)
        if ended.any():
            success[ended] = infos["final_info"]["is_success"][ended]
        self.episode_length_buf += 1
        self.episode_length_buf[torch.from_numpy(ended)] = 0
        extras = {"log": {"success": float(success.mean())}}
        return (
            self._policy(observation),
            torch.from_numpy(reward.astype(np.float32)),
            torch.from_numpy(terminated.copy()),
            torch.from_numpy(truncated.copy()),
            extras,
        )

    def _policy(self, observation: dict[str, Any]) -> dict[str, torch.Tensor]:
        rows = np.concatenate([observation[name] for name in self._keys], axis=1)
        self.obs_buf = {"policy": torch.from_numpy(rows)}
        return self.obs_buf

    def render(self, recompute: bool = False) -> Any:
        """The picture of the first world, None without a render mode."""
        pictures = self.envs.render()
        return None if pictures is None else pictures[0]

    def close(self) -> None:
        """Release the simulations; safe to call twice."""
        if not self._is_closed:
            self._is_closed = True
            self.envs.close()


def _task_cfg(name: str) -> type:
    @configclass
    class TaskEnvCfg(MolmoSpacesEnvCfg):
        task: str = name

    TaskEnvCfg.__name__ = TaskEnvCfg.__qualname__ = f"{name}EnvCfg"
    return TaskEnvCfg


def register() -> None:
    """Register every task under Isaac Lab's names; a second call does nothing."""
    for task in TASKS:
        if task_id(task) in gym.registry:
            continue
        globals()[f"{task}EnvCfg"] = _task_cfg(task)
        gym.register(
            id=task_id(task),
            entry_point=f"{__name__}:MolmoSpacesIsaacLabEnv",
            disable_env_checker=True,
            kwargs={
                "env_cfg_entry_point": f"{__name__}:{task}EnvCfg",
                "sb3_cfg_entry_point": "molmospaces_gym.integrations:isaac_lab_ppo.yaml",
                "rsl_rl_cfg_entry_point": f"{__name__}_agents:PpoRunnerCfg",
            },
        )


register()
