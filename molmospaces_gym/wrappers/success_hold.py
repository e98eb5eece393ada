"""``SuccessHold``: success counts only after it has held for several steps in a row."""

from typing import Any

import gymnasium as gym
from gymnasium.utils import RecordConstructorArgs

from molmospaces_gym.errors import InvalidConfig

Step = tuple[Any, Any, bool, bool, dict[str, Any]]


class SuccessHold(gym.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Sets ``info["is_success"]`` once the env's own has been true ``steps`` times in a row.

    The env's momentary value stays in ``info["is_success_now"]``. With ``terminate`` (default) the
    episode ends there; the wrapped env itself must not end on success
    (``terminate_on_success=False``), otherwise success could never hold. The default of 5 steps is
    the official oracle rule for RB-Y1.
    """

    def __init__(self, env: gym.Env[Any, Any], steps: int = 5, terminate: bool = True) -> None:
        RecordConstructorArgs.__init__(self, steps=steps, terminate=terminate)
        gym.Wrapper.__init__(self, env)
        if steps < 1:
            raise InvalidConfig(f"steps must be at least 1, not {steps!r}")
        config = getattr(env.unwrapped, "config", None)
        if steps > 1 and config is not None and config.stops_on_success:
            raise InvalidConfig(
                "SuccessHold needs an env that goes on after success; make it with"
                " terminate_on_success=False"
            )
        self.steps, self.terminate = steps, terminate
        self._held = 0

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        """Start an episode with nothing held."""
        self._held = 0
        observation, info = self.env.reset(**kwargs)
        return observation, {**info, "is_success": False, "is_success_now": info["is_success"]}

    def step(self, action: Any) -> Step:
        """Step and count consecutive successes."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        now = bool(info["is_success"])
        self._held = self._held + 1 if now else 0
        held = self._held >= self.steps
        info = {**info, "is_success": held, "is_success_now": now}
        ends = terminated or (held and self.terminate)
        return observation, reward, ends, truncated and not ends, info
