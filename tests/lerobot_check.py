"""Run by ``test_lerobot_package.py`` under the Python that has ``lerobot``; prints JSON.

Usage: lerobot_check.py DATASET ARRAYS
Loads a dataset with LeRobotDataset, trains a small ACT policy on it for some steps and rolls it out
in the env type ``molmospaces``, all by LeRobot's own functions.
"""

import json
import platform
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from lerobot.configs.parser import load_plugin
from lerobot.datasets.compute_stats import aggregate_stats, get_feature_stats
from lerobot.datasets.lerobot_dataset import LeRobotDataset
from lerobot.envs.factory import make_env, make_env_config, make_env_pre_post_processors
from lerobot.envs.utils import (
    _call_make_env,
    _import_hub_module,
    _normalize_hub_result,
    close_envs,
    preprocess_observation,
)
from lerobot.policies.act.configuration_act import ACTConfig
from lerobot.policies.factory import make_policy, make_pre_post_processors
from lerobot.scripts.lerobot_eval import eval_policy

PLUGIN = "molmospaces_gym.integrations.lerobot_plugin"
TRAINING_STEPS = 3


def facts(dataset):
    """What LeRobot says of the dataset, and one array per column as it gives it to a policy."""
    meta = dataset.meta
    return {
        "frames": len(dataset),
        "episodes": dataset.num_episodes,
        "fps": dataset.fps,
        "tasks": list(meta.tasks.index),
        "lengths": [int(episode["length"]) for episode in meta.episodes],
        "cameras": list(meta.camera_keys),
        "robot": meta.robot_type,
    }


def items(dataset):
    """Every item, stacked: numbers as they are, pictures as uint8 (n, H, W, 3), the words."""
    rows = [dataset[i] for i in range(len(dataset))]
    found = {}
    for key in rows[0]:
        if key == "task":
            found[key] = np.array([row[key] for row in rows])
        elif key in dataset.meta.camera_keys:
            pictures = torch.stack([row[key] for row in rows]) * 255
            found[key] = pictures.round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
        else:
            found[key] = torch.stack([row[key] for row in rows]).numpy()
    return found


def stats_errors(dataset, columns):
    """Difference of each of our statistics from LeRobot's, in units of max - min.

    The largest over all columns; of quantiles the median, since theirs are from histograms and at
    the jump of a flag any value between is right.
    """
    episode = columns["episode_index"]
    parts = []
    for number in range(dataset.num_episodes):
        part = {}
        for key in dataset.meta.stats:
            rows = columns[key][episode == number]
            if key in dataset.meta.camera_keys:
                found = get_feature_stats(rows.transpose(0, 3, 1, 2), (0, 2, 3), True)
                part[key] = {
                    name: value if name == "count" else np.squeeze(value / 255.0, axis=0)
                    for name, value in found.items()
                }
            else:
                part[key] = get_feature_stats(rows.astype(np.float64), 0, rows.ndim == 1)
        parts.append(part)
    theirs, errors = aggregate_stats(parts), {}
    for key, found in theirs.items():
        extent = np.maximum(found["max"] - found["min"], 1e-6)
        for name, value in found.items():
            ours = dataset.meta.stats[key][name]
            assert ours.shape == value.shape, (key, name, ours.shape, value.shape)
            scale = 1.0 if name == "count" else extent
            errors.setdefault(name, []).extend((np.abs(ours - value) / scale).ravel())
    return {n: (np.median if n[0] == "q" else np.max)(found) for n, found in errors.items()}


def train_and_play(root, episode):
    """Losses of ACT on the dataset, and LeRobot's evaluation of it in our env."""
    load_plugin(PLUGIN)
    with open(Path(root) / "meta" / "molmospaces_gym.json") as file:
        settings = json.load(file)
    env_cfg = make_env_config(
        "molmospaces",
        task=settings["task"],
        action_mode=settings["env_kwargs"].get("action_mode"),
        image_size=settings["image_size"],
        cameras=settings["cameras"],
        houses=1,
        episode_length=episode,
    )
    size = 4
    deltas = {"action": [i / env_cfg.fps for i in range(size)]}
    dataset = LeRobotDataset("local/pick", root=root, delta_timestamps=deltas)
    config = ACTConfig(
        chunk_size=size,
        n_action_steps=size,
        dim_model=32,
        n_heads=2,
        dim_feedforward=32,
        n_encoder_layers=1,
        use_vae=False,
        pretrained_backbone_weights=None,
        device="cpu",
        push_to_hub=False,
    )
    policy = make_policy(config, ds_meta=dataset.meta)
    before, after = make_pre_post_processors(config, dataset_stats=dataset.meta.stats)
    optimizer = torch.optim.Adam(policy.parameters(), 1e-4)
    losses = []
    loader = torch.utils.data.DataLoader(dataset, batch_size=4, shuffle=False)
    for _, batch in zip(range(TRAINING_STEPS), loader, strict=False):
        loss, _ = policy.forward(before(batch))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    envs = make_env(env_cfg, n_envs=2, use_async_envs=False)
    (env,) = envs["molmospaces"].values()
    env_before, env_after = make_env_pre_post_processors(env_cfg, config)
    policy.eval()
    with tempfile.TemporaryDirectory() as folder:
        info = eval_policy(
            env,
            policy,
            env_before,
            env_after,
            before,
            after,
            n_episodes=2,
            max_episodes_rendered=1,
            videos_dir=Path(folder),
            start_seed=0,
        )
        videos = len(list(Path(folder).glob("*.mp4")))
    close_envs(envs)
    return {
        "inputs": sorted(config.input_features),
        "outputs": sorted(config.output_features),
        "env_features": sorted(env_cfg.features_map.values()),
        "losses": losses,
        "episodes": info["per_episode"],
        "videos": videos,
    }


def hub_env():
    """What LeRobot makes of the two lines that an EnvHub repository needs."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "env.py"
        file.write_text("from molmospaces_gym.integrations.lerobot_env import make_env\n")
        module = _import_hub_module(str(file), "local/pick")
        made = _normalize_hub_result(_call_make_env(module, 2, False, None))
    ((suite, envs),) = made.items()
    observation, _ = envs[0].reset(seed=[0, 1])
    found = preprocess_observation(observation)
    close_envs(made)
    return {"suite": suite, "shapes": {key: list(value.shape) for key, value in found.items()}}


def main(root, arrays):
    """Print everything; the columns go to the file ``arrays``."""
    torch.set_num_threads(1)
    dataset = LeRobotDataset("local/pick", root=root)
    columns = items(dataset)
    np.savez(arrays, **columns)
    found = {
        "versions": {name: version(name) for name in ("lerobot", "torch", "av")},
        "python": platform.python_version(),
        **facts(dataset),
        "stats": stats_errors(dataset, columns),
        "act": train_and_play(root, episode=6),
        "hub": hub_env(),
    }
    print("RESULT " + json.dumps(found, default=float))


if __name__ == "__main__":
    main(*sys.argv[1:])
