"""Print the performance table for this machine: every row of the budget, measured here.

    python examples/speed.py            # all rows, about a minute
    python examples/speed.py --json     # the same as JSON

Times are CPU times of this process, medians of interleaved rounds, on a generated house with 20
objects and 6 cabinets. The vector row alone is wall time, since it is about using two cores.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
from importlib.util import find_spec
from typing import Any

import gymnasium as gym
import mujoco
import numpy as np
import speed_isaac
from speed_houses import home_costs, house_rows, navigation_rate
from speed_tools import ID, ROUNDS, STEPS, Row, actions, cpu, make, show

from molmospaces_gym.errors import RendererUnavailable


def step_over_physics(**kwargs: Any) -> tuple[float, float, float]:
    """Ratio of env.step to mj_step on the same states, env steps per CPU second, us per substep."""
    env = make(**kwargs)
    inner = env.unwrapped
    model, count = inner.scene.model, inner.n_substeps
    chosen, commands = actions(env, STEPS), []
    for action in chosen:
        env.step(action)
        commands.append(inner.world.data(0).ctrl.copy())
    twin = mujoco.MjData(model)

    def physics() -> None:
        for command in commands:
            twin.ctrl[:] = command
            mujoco.mj_step(model, twin, count)

    def steps() -> None:
        for action in chosen:
            env.step(action)

    times = []
    for _ in range(ROUNDS):
        env.reset(seed=1)
        mujoco.mj_copyData(twin, model, inner.world.data(0))
        times.append((cpu(steps), cpu(physics)))
    env.close()
    ours, raw = np.array(times).T / STEPS
    ratio, rate, substep = ours / raw, 1 / ours, 1e6 * raw / count
    return float(np.median(ratio)), float(np.median(rate)), float(np.median(substep))


def vector_over_physics(num_envs: int = 32) -> float:
    """Rate of the vector env over the rate of single-threaded mj_step (wall time).

    The fastest of the rounds counts for each step: what else the machine does only adds time.
    """
    envs = gym.make_vec(ID, num_envs=num_envs, houses=1)
    envs.reset(seed=1)
    envs.action_space.seed(0)
    chosen = [0.2 * envs.action_space.sample() for _ in range(20)]
    models = [session.scene.model for session in envs.sessions]
    twins = [(model, mujoco.MjData(model)) for model in models]
    count = envs.sessions[0].n_substeps
    script = []
    for action in chosen:
        envs.step(action)
        script.append([envs.world.ctrl(slot).copy() for slot in range(num_envs)])

    def physics(commands: list[np.ndarray]) -> None:
        for (model, data), command in zip(twins, commands, strict=True):
            data.ctrl[:] = command
            mujoco.mj_step(model, data, count)

    wall = time.perf_counter
    vector, raw = np.full(len(chosen), np.inf), np.full(len(chosen), np.inf)
    for _ in range(ROUNDS):
        envs.reset(seed=1)
        for slot, (model, data) in enumerate(twins):
            mujoco.mj_copyData(data, model, envs.world.data(slot))
        vector = np.minimum(vector, [cpu(lambda a=a: envs.step(a), wall) for a in chosen])
        raw = np.minimum(raw, [cpu(lambda c=c: physics(c), wall) for c in script])
    envs.close()
    return float(raw.sum() / vector.sum())


def torch_over_numpy(num_envs: int = 8, rounds: int = 40) -> float:
    """CPU time of a vector step that gives tensors over one that gives arrays."""
    spent = {}
    envs = {
        output: gym.make_vec(
            ID, num_envs=num_envs, scene="generated/val/0", horizon=10**6, output=output
        )
        for output in ("numpy", "torch")
    }
    for output, env in envs.items():
        env.reset(seed=0)
        spent[output] = np.full(rounds, np.inf)
    still = np.zeros(envs["numpy"].action_space.shape, np.float32)
    for index in range(rounds):
        for _ in range(3):  # in turn, and the least of each: others use the machine too
            for output, env in envs.items():
                spent[output][index] = min(
                    spent[output][index], cpu(lambda env=env: env.step(still))
                )
    for env in envs.values():
        env.close()
    return float(spent["torch"].sum() / spent["numpy"].sum())


def resets() -> tuple[float, float]:
    """Median ms of a reset in the same house and in another one that is compiled already."""
    env = make(houses=2)
    episodes, seed = {}, 0
    while len(episodes) < 2:
        env.reset(seed=seed)
        episodes.setdefault(env.unwrapped.scene.key, env.unwrapped.episode)
        seed += 1
    first, second = episodes.values()
    same, other = [], []
    for _ in range(5 * ROUNDS):
        env.reset(options={"episode": first})
        same.append(cpu(lambda: env.reset(options={"episode": first})))
        other.append(cpu(lambda: env.reset(options={"episode": second})))
    env.close()
    return 1e3 * statistics.median(same), 1e3 * statistics.median(other)


def sampled_reset(**kwargs: Any) -> float:
    """Median ms of a reset that samples a new episode in one house."""
    env = make(**kwargs)
    times = [cpu(env.reset) for _ in range(10 * ROUNDS)]
    env.close()
    return 1e3 * statistics.median(times)


def import_cost() -> tuple[float, float]:
    """CPU of importing the package over that of gymnasium and numpy, and resident MB."""
    # Not ru_maxrss: a child starts with the peak of the process that started it.
    code = (
        "import time; {}; peak = open('/proc/self/status').read().split('VmHWM:')[1].split()[0];"
        "print(time.process_time(), int(peak) / 1024)"
    )

    def run(imports: str) -> tuple[float, float]:
        command = [sys.executable, "-c", code.format(imports)]
        found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        return float(found[0]), float(found[1])

    pairs = [(run("import molmospaces_gym"), run("import gymnasium, numpy")) for _ in range(5)]
    ratio = statistics.median(ours[0] / base[0] for ours, base in pairs)
    return ratio, max(ours[1] for ours, _ in pairs)


def render_ms(renderer: str, modes: tuple[str, ...], side: int = 128) -> float:
    """Median ms of one image from the shoulder camera."""
    env = make(renderer=renderer)
    pose = env.unwrapped.session.camera_pose("exo_camera_1")

    def draw() -> None:
        env.unwrapped.world.render(0, pose, (side, side), modes, renderer)

    draw()
    times = [cpu(lambda: [draw() for _ in range(10)]) / 10 for _ in range(ROUNDS)]
    env.close()
    return 1e3 * statistics.median(times)


def memory_per_step(steps: int = 1500) -> float:
    """KB of resident memory gained per step after warming up, images included."""
    env = make(obs_mode="rgb", image_size=[64, 64], horizon=10**6)
    action = np.zeros(env.action_space.shape, np.float32)
    peaks = []
    for count in (300, steps):
        for _ in range(count):
            env.step(action)
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    env.close()
    return (peaks[1] - peaks[0]) / steps


def table() -> list[Row]:
    """Rows (what, measured, unit, budget)."""
    ratio, rate, substep = step_over_physics()
    same, other = resets()
    import_ratio, import_mb = import_cost()
    made, read = home_costs()
    images = ("rgb", "depth", "segmentation")
    tool = {"action_mode": "ee_delta"}
    kinds = ("lighting", "colors", "dynamics", "cameras", "robot_start")
    everything = {f"randomize_{kind}": True for kind in kinds}
    rows = [
        ("env.step / mj_step, state", ratio, "x", "<= 1.10"),
        ("the same, ee_delta", step_over_physics(**tool)[0], "x", "<= 1.10"),
        ("the same, ee_delta, rby1", step_over_physics(robot="rby1", **tool)[0], "x", "<= 1.10"),
        ("env steps, state, 66 ms", rate, "/CPU-s", ">= 1000"),
        ("physics alone", substep, "us/substep", ""),
        (
            f"32 worlds on {os.cpu_count()} cores / one mj_step",
            vector_over_physics(),
            "x",
            ">= 1.85",
        ),
        ("8 worlds, tensors / arrays", torch_over_numpy(), "x", ""),
        ("reset, same house", same, "ms", "<= 1 + obs"),
        ("reset, other compiled house", other, "ms", "<= 5"),
        ("reset, newly sampled episode", sampled_reset(), "ms", ""),
        ("the same in a home, all drawn", sampled_reset(dataset="homes", **everything), "ms", ""),
        ("home of 3-5 rooms and its scene, made", made, "ms", "<= 150"),
        ("the same from the disk cache", read, "ms", "<= 5"),
        ("import / import gymnasium, numpy", import_ratio, "x", "<= 1.2"),
        ("import, resident", import_mb, "MB", "<= 100"),
        ("raster 128 x 128, rgb + depth + seg", render_ms("raster", images), "ms", "<= 0.67"),
        ("raster 128 x 128, rgb", render_ms("raster", images[:1]), "ms", ""),
        ("memory per step, rgb", memory_per_step(), "KB", "0"),
    ]
    rows += house_rows()
    rows.append(("NavigateTo, state, kinematic base", navigation_rate(), "/CPU-s", ">= 3000"))
    try:
        rows.insert(18, ("gl (fast) 128 x 128, rgb", render_ms("gl", ("rgb",)), "ms", "<= 10"))
    except RendererUnavailable as error:
        print(f"no OpenGL here: {error}", file=sys.stderr)
    if find_spec("sapien") is not None:
        import speed_maniskill

        rows += speed_maniskill.rows()
    return [*rows, *speed_isaac.rows()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    show(table(), parser.parse_args().json)


if __name__ == "__main__":
    main()
