"""Rows of ``examples/speed.py``: what houses of several sizes cost."""

import os
import statistics
import subprocess
import sys
import tempfile

import mujoco
from speed_tools import ROUNDS, STEPS, Row, actions, cpu, make

from molmospaces_gym.scenes.generator import HouseConfig, generate_house, write_house
from molmospaces_gym.scenes.homes import HomeConfig, generate_home
from molmospaces_gym.scenes.house import House

HOMES = """
import time
from molmospaces_gym.robots import get_robot
from molmospaces_gym.scenes.compose import get_scene
from molmospaces_gym.scenes.resolve import resolve_house
times = []
for number in range(13):
    started = time.process_time()
    get_scene(resolve_house(f"homes/train/{number}"), get_robot("franka_droid"))
    times.append(1e3 * (time.process_time() - started))
print(sorted(times[2:])[5])
"""


def rate_in(house: House) -> tuple[float, float]:
    """Env steps per CPU second of Pick in a house, and the share of physics in them."""
    with tempfile.TemporaryDirectory() as folder:
        env = make(scene=str(write_house(house, folder)))
        inner, chosen = env.unwrapped, actions(env, STEPS // 2)
        model, twin = inner.scene.model, mujoco.MjData(inner.scene.model)
        rates, shares = [], []
        for _ in range(ROUNDS // 2):
            env.reset(seed=1)
            mujoco.mj_copyData(twin, model, inner.world.data(0))
            steps = physics = 0.0
            for action in chosen:
                steps += cpu(lambda a=action: env.step(a))
                twin.ctrl[:] = inner.world.data(0).ctrl
                physics += cpu(lambda: mujoco.mj_step(model, twin, inner.n_substeps))
            rates.append(len(chosen) / steps)
            shares.append(100 * physics / steps)
        env.close()
    return statistics.median(rates), statistics.median(shares)


def house_rows() -> list[Row]:
    """Rates in rooms with 5, 20 and 60 objects and in a home of six rooms with 60."""
    houses = {
        f"{count} objects, 1 room": generate_house("train", 0, HouseConfig(num_objects=count))
        for count in (5, 20, 60)
    }
    home = HomeConfig(rooms=(6, 6), num_objects=60)
    houses["60 objects, 6 rooms"] = generate_home("train", 0, home)
    rows = []
    for name, house in houses.items():
        rate, share = rate_in(house)
        rows.append((f"Pick, {name}", rate, "/CPU-s", ""))
        rows.append((f"Pick, {name}: physics", share, "%", ""))
    return rows


def navigation_rate() -> float:
    """Env steps of NavigateTo per CPU second, from state, in a home."""
    env = make("molmospaces_gym/NavigateTo-v1")
    chosen = actions(env, 10 * STEPS)
    times = []
    for _ in range(ROUNDS):
        env.reset(seed=1)
        times.append(cpu(lambda: [env.step(action) for action in chosen]))
    env.close()
    return len(chosen) / statistics.median(times)


def home_costs() -> tuple[float, float]:
    """Median ms of a home with 60 objects and its scene: made, and read from the disk cache."""

    def run(folder: str) -> float:
        found = {**os.environ, "MOLMOSPACES_GYM_CACHE": folder}
        command = [sys.executable, "-c", HOMES]
        return float(subprocess.run(command, env=found, capture_output=True, check=True).stdout)

    with tempfile.TemporaryDirectory() as folder:
        made, _ = run(""), run(folder)
        return made, run(folder)
