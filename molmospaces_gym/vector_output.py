"""What a vector env gives its numbers as: numpy arrays, or torch tensors on a device.

## Memory
What a vector env returns is always a fresh copy of its buffers: nothing that it returned before
changes when it goes on, and nothing done to what it returned changes the env. On the CPU tensors
are made of these copies without another one (``torch.from_numpy``), so tensors and arrays cost the
same; on another device each key is one transfer. The numeric keys of one observation are columns of
one block of memory, which they share without overlap.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from molmospaces_gym.errors import InvalidConfig, MissingPackage, UnknownName

OUTPUTS = ("numpy", "torch")


class Output(Protocol):
    """Turns fresh arrays into what the caller wants."""

    name: str

    def observation(self, observation: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
        """Every key of an observation, of one slot or of all."""
        ...

    def rewards(self, rewards: NDArray[np.float64]) -> Any:
        """Rewards (num_envs,)."""
        ...

    def flags(self, flags: NDArray[np.bool_]) -> Any:
        """Terminations or truncations (num_envs,)."""
        ...


class NumpyOutput:
    """The arrays themselves; rewards are float64."""

    name = "numpy"

    def observation(self, observation: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
        return observation  # type: ignore[return-value]

    def rewards(self, rewards: NDArray[np.float64]) -> Any:
        return rewards

    def flags(self, flags: NDArray[np.bool_]) -> Any:
        return flags


class TorchOutput:
    """Tensors on ``device``; rewards are float32, as torch's own numbers are."""

    name = "torch"

    def __init__(self, device: str = "cpu") -> None:
        try:
            import torch
        except ImportError as error:
            raise MissingPackage(
                'output="torch" needs torch; install it: pip install torch'
            ) from error
        try:
            self.device = torch.device(device)
            torch.empty(0, device=self.device)
        except (RuntimeError, AssertionError) as error:  # torch without CUDA asserts
            reason = str(error).strip().splitlines()[0]
            raise InvalidConfig(
                f"tensors cannot be put on device {device!r}: {reason}; leave device out"
            ) from error
        self._from_numpy = torch.from_numpy

    def observation(self, observation: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
        return {key: self.flags(value) for key, value in observation.items()}

    def rewards(self, rewards: NDArray[np.float64]) -> Any:
        return self.flags(rewards.astype(np.float32))

    def flags(self, flags: NDArray[Any]) -> Any:
        tensor = self._from_numpy(flags)
        return tensor if self.device.type == "cpu" else tensor.to(self.device)


def make_output(name: str, device: str | None, simulator_device: str) -> Output:
    """The output of a vector env; without a ``device`` tensors lie where the simulator has them.

    Raises:
        UnknownName: there is no such output.
        InvalidConfig: torch cannot use the device, or arrays are wanted on one.
        MissingPackage: torch is not installed.
    """
    if name not in OUTPUTS:
        raise UnknownName("output", name, OUTPUTS)
    if name == "torch":
        return TorchOutput(device or simulator_device)
    if device is not None:
        raise InvalidConfig(f'device={device!r} needs output="torch"; arrays are in main memory')
    return NumpyOutput()


def alike(model: Any, values: NDArray[Any]) -> Any:
    """``values`` as a tensor of the kind of ``model`` where that is one, else as they are."""
    if not hasattr(model, "new_tensor"):
        return values
    return model.new_tensor(values)


def as_array(values: Any) -> NDArray[Any]:
    """An array of what may be a tensor, wherever it lies and whether or not it has a gradient."""
    if hasattr(values, "detach"):
        values = values.detach().cpu().numpy()
    return np.asarray(values)
