"""The rows of ``official_suites``: MS-Bench (4), MB-Bench (7) and the RB-Y1 benchmarks (4)."""

from dataclasses import replace

from molmospaces_gym.official_suites import BENCH_V1, BENCH_V2, OfficialSuite

DROID_CAMERAS = ("exo_camera_1", "wrist_camera")
OMNI_CAMERAS = ("droid_shoulder_light_randomization", "wrist_camera_zed_mini")
RANDOM_CAMERAS = ("randomized_zed2_analogue_1", "wrist_camera_zed_mini")
RBY1_CAMERAS = ("head_camera", "wrist_camera_l", "wrist_camera_r")

MS_DOC, MB_DOC = "molmo_spaces/evaluation/ms-bench.md", "molmo_spaces/evaluation/mb-bench.md"
HORIZONS = "scripts/benchmarks/patch_benchmarks.py"

_FRANKA = {
    "control_dt": "policy_dt_ms = 66 of molmo_spaces/evaluation/configs/evaluation_configs.py",
    "action_mode": "absolute joint positions, the only interface of the franka_droid controllers",
}

_MS = OfficialSuite(
    name="",
    board=None,
    group="MS-Bench",
    task="Pick",
    robot="franka_droid",
    package=BENCH_V1,
    path="",
    data_versions=("20260408",),
    episodes=1000,
    horizon_s=30.0,
    control_dt=0.066,
    cameras=DROID_CAMERAS,
    action_mode="joint_position",
    renderer="classic",
    sources={
        **_FRANKA,
        "path": MS_DOC,
        "data_versions": "issue #80",
        "episodes": "totals of leaderboard entries, such as issue #37",
        "horizon_s": f"{HORIZONS}; for pick, issue #37",
        "cameras": "FrankaDroidCameraSystem: molmo_spaces/policy/learned_policy/pi_policy.py",
        "renderer": MS_DOC,
    },
)
_MB = replace(
    _MS,
    group="MB-Bench",
    package=BENCH_V2,
    data_versions=("20260415",),
    horizon_s=40.0,
    cameras=OMNI_CAMERAS,
    renderer="filament",
    sources={
        **_FRANKA,
        "path": MB_DOC,
        "data_versions": "pull request #27 and issue #80",
        "episodes": "totals of leaderboard entries, such as issues #105 and #138",
        "horizon_s": f"{HORIZONS}; pull request #27 (303 and 606 steps)",
        "cameras": "FrankaOmniPurposeCameraSystem: molmo_spaces/policy/learned_policy/pi_policy.py",
        "renderer": MB_DOC,
    },
)
_RBY1 = replace(
    _MB,
    group="RB-Y1",
    robot="rby1",
    # The path is documented for 20260327; later versions were patched from it.
    data_versions=("20260327", "20260415"),
    episodes=2000,
    control_dt=0.1,
    cameras=RBY1_CAMERAS,
    action_mode=None,
    renderer=None,
    sources={
        "path": "MolmoBot/README.md of github.com/allenai/MolmoBot",
        "data_versions": "MolmoBot/README.md of github.com/allenai/MolmoBot",
        "episodes": "arXiv 2603.16861, RB-Y1 tables",
        "horizon_s": f"{HORIZONS}; the files carry none (issue #9 of allenai/MolmoBot)",
        "control_dt": "policy_dt_ms = 100 of the RB-Y1 configs in molmo_spaces/data_generation",
        "cameras": "RBY1GoProD455CameraSystem: molmo_spaces/configs/camera_configs.py",
        "action_mode": "not published: each checkpoint has its own move groups",
        "renderer": "not published",
    },
)

_HARD = "procthor-objaverse/Franka{0}HardBench/Franka{0}HardBench_{1}_json_benchmark"
_MINI_PICK = (
    "procthor-10k/FrankaPickDroidMiniBench/FrankaPickDroidMiniBench_json_benchmark_20251231"
)

SUITES: tuple[OfficialSuite, ...] = (
    replace(
        _MS,
        name="ms-close-v1",
        board="Close-v1",
        task="Close",
        path="ithor/FrankaCloseDataGenConfig/FrankaCloseDataGenConfig_20260123_json_benchmark",
        episodes=915,
        sources={**_MS.sources, "episodes": "total of the entry of issue #144"},
    ),
    replace(
        _MS,
        name="ms-open-v1",
        board="Open-v1",
        task="Open",
        path="ithor/FrankaOpenDataGenConfig/FrankaOpenDataGenConfig_20260123_json_benchmark",
    ),
    replace(_MS, name="ms-pick-v1.1", board="Pick-v1.1", path=_MINI_PICK),
    replace(
        _MS,
        name="ms-pnp-v1",
        board="PnP-v1",
        task="PickAndPlace",
        path="procthor-10k/FrankaPickandPlaceDroidMiniBench/"
        "FrankaPickandPlaceDroidMiniBench_20260111_json_benchmark",
        horizon_s=45.0,
        sources={
            **_MS.sources,
            "horizon_s": "scripts/benchmarks/patch_run_all.py",
            "cameras": "inferred: those of ms-pick-v1.1",
        },
    ),
    replace(
        _MB,
        name="mb-pick-v1.5",
        board="Pick-v1.5",
        path=_MINI_PICK,
        horizon_s=20.0,
        cameras=DROID_CAMERAS,
        renderer="classic",
        sources={**_MB.sources, "cameras": _MS.sources["cameras"]},
    ),
    replace(
        _MB,
        name="mb-pick-v2-classic",
        board="Pick-v2-classic",
        path=_HARD.format("Pick", "20260206"),
        horizon_s=20.0,
        renderer="classic",
    ),
    replace(
        _MB,
        name="mb-pick-v2-filament",
        board="Pick-v2-filament",
        path=_HARD.format("Pick", "20260206"),
        horizon_s=20.0,
    ),
    replace(
        _MB,
        name="mb-pick-v2-rand-cam",
        board="Pick-v2-rand-cam",
        path=_HARD.format("Pick", "20260206"),
        horizon_s=20.0,
        cameras=RANDOM_CAMERAS,
        sources={**_MB.sources, "cameras": MB_DOC},
    ),
    replace(
        _MB,
        name="mb-pnp-v2",
        board="PnP-v2",
        task="PickAndPlace",
        path=_HARD.format("PickandPlace", "20260206"),
    ),
    replace(
        _MB,
        name="mb-pnp-next-to-v2",
        board="PnP-next-to-v2",
        task="PickAndPlaceNextTo",
        path=_HARD.format("PickandPlaceNextTo", "20260305"),
    ),
    replace(
        _MB,
        name="mb-pnp-color-v2",
        board="PnP-color-v2",
        task="PickAndPlaceColor",
        path=_HARD.format("PickandPlaceColor", "20260304"),
    ),
    replace(
        _RBY1,
        name="rby1-door-opening",
        task="OpenDoor",
        path="procthor-10k/rby1_benchmarks/door_opening_benchmark",
    ),
    replace(
        _RBY1,
        name="rby1-opening",
        task="Open",
        path="ithor/rby1_benchmarks/opening_benchmark",
        horizon_s=30.0,
    ),
    replace(
        _RBY1,
        name="rby1-pick",
        path="procthor-objaverse/rby1_benchmarks/pick_benchmark",
        sources={
            **_RBY1.sources,
            "horizon_s": "task_horizon = 400 of MolmoBot's RB-Y1 pick and place evaluation",
        },
    ),
    replace(
        _RBY1,
        name="rby1-pnp",
        task="PickAndPlace",
        path="procthor-objaverse/rby1_benchmarks/pnp_benchmark",
        episodes=1000,
        sources={
            **_RBY1.sources,
            "horizon_s": "task_horizon = 400 of MolmoBot's RB-Y1 pick and place evaluation",
        },
    ),
)
