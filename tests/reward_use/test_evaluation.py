"""Measuring models on videos of every kind of storage, through the library and the command line."""

import csv
import json
import math

import gymnasium as gym
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from typer.testing import CliRunner

import molmospaces_gym  # noqa: F401
from molmospaces_gym.benchmarks.datagen.engine import datagen
from molmospaces_gym.benchmarks.datagen.video import read_video
from molmospaces_gym.benchmarks.pictures import VideoFile
from molmospaces_gym.cli.main import app, main
from molmospaces_gym.errors import InvalidConfig, InvalidTrajectory, UnknownName
from molmospaces_gym.rewards import watch
from molmospaces_gym.rewards.annotate import annotate
from molmospaces_gym.rewards.calibration import Calibration
from molmospaces_gym.rewards.clips import Clip, open_clips
from molmospaces_gym.rewards.detector import Detector
from molmospaces_gym.rewards.evaluation import (
    evaluate_clips,
    score_prefixes,
    seen_frames,
    summary,
)
from molmospaces_gym.rewards.evaluation_files import save_evaluation, save_fit
from molmospaces_gym.rewards.function import FunctionModel
from molmospaces_gym.rewards.labelling import label_progress
from molmospaces_gym.rewards.metrics import voc
from molmospaces_gym.rewards.progress_table import ProgressTable
from molmospaces_gym.rewards.weights import outcome_weights

RED, BLUE = "make it red", "make it blue"


def told(frames, instruction):
    """P(True) is the share of the instruction's colour in the last frame."""
    channel = {RED: 0, BLUE: 2}[instruction]
    return math.log(max(frames[-1][..., channel].mean() / 255, 1e-4) * 0.999)


def brightening(count, top, channel):
    frames = np.full((count, 16, 16, 3), 10, np.uint8)
    frames[..., channel] = np.linspace(10, top, count).astype(np.uint8)[:, None, None]
    return frames


def clip(name, instruction, top, success, count=9, fps=4.0):
    channel = {RED: 0, BLUE: 2}[instruction]
    frames = brightening(count, top, channel)
    return Clip(name=name, instruction=instruction, fps=fps, success=success, read=lambda: frames)


@pytest.fixture
def clips():
    return [
        clip("a", RED, 250, True),
        clip("b", BLUE, 240, True),
        clip("c", RED, 90, False),
        clip("d", BLUE, 120, False),
    ]


def write_video(path, frames, fps=8.0):
    video = VideoFile(path, fps, None)
    for frame in frames:
        video.append(frame)
    video.close()


@pytest.fixture
def folder(tmp_path):
    """A folder of videos with labels."""
    root = tmp_path / "videos"
    write_video(root / "a.mp4", brightening(17, 250, 0))
    write_video(root / "b.mp4", brightening(9, 240, 2))
    write_video(root / "c.mp4", brightening(12, 60, 0))
    rows = [["file", "instruction", "success"], ["a.mp4", RED, "1"], ["b.mp4", BLUE, "1"]]
    rows += [["c.mp4", RED, "0"]]
    with (root / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return root


def test_the_model_sees_frames_at_its_own_rate_and_the_last_one():
    assert seen_frames(10, 8.0, 2.0).tolist() == [0, 4, 8, 9]
    assert seen_frames(9, 8.0, 2.0).tolist() == [0, 4, 8]
    assert seen_frames(3, 1.0, 2.0).tolist() == [0, 1, 2]
    with pytest.raises(InvalidConfig):
        seen_frames(0, 1.0, 1.0)


def test_prefixes_are_scored_as_if_each_were_alone(pixel_model):
    model = pixel_model(judge=lambda frames, text: -1.0 / len(frames) - frames[-1].mean() / 1e3)
    frames = brightening(40, 200, 0)
    curve = score_prefixes(model, frames, np.arange(0, 40, 2), RED, prefixes=5)
    assert curve.frames == [0, 8, 18, 28, 38]
    for at, score in zip(curve.frames, curve.scores, strict=True):
        session = model.start(RED)
        for frame in frames[: at + 1 : 2]:
            session.push(frame)
        assert session.score() == score
    every = score_prefixes(model, frames, np.arange(0, 40, 2), RED, prefixes=0)
    assert every.frames == list(range(0, 40, 2))


def test_a_good_model_and_a_clock(pixel_model, clips):
    good = summary(evaluate_clips(pixel_model(judge=told), clips))
    assert good["voc"] == pytest.approx(1.0) and good["voc_failures"] == pytest.approx(1.0)
    assert good["static_voc"] == 0.0 and good["static_voc_undefined"] == 2
    assert good["success_auc"] == 1.0 and good["success_auc_interval"][0] < 0.9
    assert good["wrong_auc"] == 1.0 and good["wrong_share"] == 1.0 and good["wrong_margin"] > 2
    assert (good["successes"], good["failures"]) == (2, 2)
    clock = pixel_model(judge=lambda frames, text: -1.0 / len(frames))
    blind = summary(evaluate_clips(clock, clips))
    assert blind["voc"] == pytest.approx(1.0)
    assert blind["static_voc"] == pytest.approx(1.0)  # which gives it away
    assert blind["success_auc"] == 0.5 and blind["wrong_auc"] == 0.5
    assert blind["wrong_margin"] == 0.0


def test_a_model_that_rates_a_whole_episode_is_asked_once(clips):
    class Rater:
        """Brightness, whatever the instruction."""

        name, fps, asked = "rater", 2.0, []

        def start(self, instruction):
            raise AssertionError

        start_batch = start

        def values(self, frames, instruction):
            self.asked.append(len(frames))
            return frames.max((1, 2, 3)) / 255

    rater = Rater()
    found = summary(evaluate_clips(rater, clips, prefixes=3))
    assert rater.asked == [3] * 12  # real, still and wrong of four clips
    assert found["voc"] == pytest.approx(1.0) and found["success_auc"] == 1.0
    assert found["static_voc"] == 0.0 and found["wrong_auc"] == 0.5


def test_what_the_clips_do_not_say_is_none(pixel_model, clips):
    same = [clips[0], clip("e", RED, 200, None)]
    found = summary(evaluate_clips(pixel_model(judge=told), same, still=False))
    for name in ("voc_failures", "static_voc", "success_auc", "wrong_auc", "wrong_margin"):
        assert found[name] is None
    assert found["successes"] == 1 and found["voc"] == pytest.approx(1.0)
    json.dumps(found, allow_nan=False)


def test_wrong_instructions_follow_from_the_seed(pixel_model, clips):
    texts = [RED, BLUE, "c", "d", "e"]
    many = [clip(str(i), RED, 200, True) for i in range(20)]
    many = [Clip(**{**c.__dict__, "instruction": texts[i % 5]}) for i, c in enumerate(many)]
    model = pixel_model(judge=lambda frames, text: -1.0)
    first, again, other = (
        [v.wrong_instruction for v in evaluate_clips(model, many, 3, seed=s)] for s in (0, 0, 1)
    )
    assert first == again != other
    assert all(wrong != c.instruction for wrong, c in zip(first, many, strict=True))


def test_files_of_an_evaluation(pixel_model, clips, tmp_path):
    model = pixel_model(judge=told)
    verdicts = evaluate_clips(model, clips, prefixes=4)
    found = save_evaluation(tmp_path, model, verdicts, {"data": "made up"})
    stored = json.loads((tmp_path / "summary.json").read_text())
    assert stored == found and stored["model"] == "pixels" and stored["data"] == "made up"
    with (tmp_path / "clips.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["clip"] for row in rows] == list("abcd")
    assert rows[0]["success"] == "1" and rows[2]["success"] == "0"
    assert float(rows[0]["voc"]) == 1.0 and rows[0]["static_voc"] == ""
    assert float(rows[0]["final"]) > float(rows[0]["wrong_final"])
    curves = json.loads((tmp_path / "curves.json").read_text())
    assert set(curves["a"]) == {"real", "static", "wrong"}
    assert voc(curves["a"]["real"]["logp_true"]) == pytest.approx(1.0)
    twice = evaluate_clips(model, [clips[0], clips[0]], prefixes=2, still=False, wrong=False)
    save_evaluation(tmp_path / "twice", model, twice, {})
    kept = json.loads((tmp_path / "twice" / "curves.json").read_text())
    assert set(kept) == {"a", "a#2"} and kept["a"] == kept["a#2"]
    detector, calibration = save_fit(tmp_path, verdicts, 0.0)
    assert Detector.parse(tmp_path / "detector.json") == detector
    assert detector.true_positive_rate == 1.0 and detector.auc == 1.0
    assert Calibration.parse(tmp_path / "calibration.json") == calibration
    above = Calibration.parse(tmp_path / "calibration_baseline.json")
    assert above.low == 0.0 and above.high > 0.5


def test_a_folder_of_videos(pixel_model, folder):
    found = open_clips(folder)
    assert [c.instruction for c in found] == [RED, BLUE, RED]
    assert [c.success for c in found] == [True, True, False]
    assert [c.fps for c in found] == [8.0] * 3
    np.testing.assert_array_equal(found[0].read(), brightening(17, 250, 0))
    single = open_clips(folder / "b.mp4", instruction=BLUE, success=True)
    assert single[0].success and single[0].instruction == BLUE
    with pytest.raises(InvalidConfig, match="instruction"):
        open_clips(folder / "b.mp4")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("file,instruction\nnone.mp4,go\n", "no video"),
        ("file,instruction\na.mp4,\n", "instruction"),
        ("file,instruction,success\na.mp4,go,yes\n", "success"),
    ],
)
def test_wrong_labels_are_named(folder, text, error):
    (folder / "labels.csv").write_text(text)
    with pytest.raises(InvalidConfig, match=error):
        open_clips(folder)


def test_what_is_no_data_is_refused(tmp_path):
    with pytest.raises(InvalidConfig, match="no file or folder"):
        open_clips(tmp_path / "nowhere")
    with pytest.raises(InvalidConfig, match="known format"):
        open_clips(tmp_path)
    with pytest.raises(UnknownName, match="format"):
        open_clips(tmp_path, "betamax")
    (tmp_path / "film.mp4").write_bytes(b"no film")
    with pytest.raises(InvalidConfig, match="readable"):
        open_clips(tmp_path / "film.mp4", instruction="go")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two episodes of our own in all formats."""
    out = tmp_path_factory.mktemp("data") / "run"
    options = {"cameras": ("wrist_camera", "exo_camera_1"), "image_size": (64, 48), "houses": 2}
    return datagen("Pick", 2, out, formats=("hdf5", "lerobot", "minari"), **options)


@pytest.mark.parametrize("format", ["hdf5", "lerobot", "minari"])
def test_our_data_sets(made, format):
    found = open_clips(made.datasets[format])
    assert len(found) == 2 and all(c.success for c in found)
    for c in found:
        frames = c.read()
        assert frames.shape == (c.rows + 1, 48, 64, 3)
        assert c.instruction.startswith("pick up") and c.fps == pytest.approx(1 / 0.066, rel=0.01)
    both = open_clips(made.datasets[format], cameras=("exo_camera_1", "wrist_camera"))[0].read()
    np.testing.assert_array_equal(both[:, :, :64], found[0].read())
    with pytest.raises(UnknownName, match="camera"):
        open_clips(made.datasets[format], cameras=("moon",))


def test_a_run_of_datagen_is_found_by_its_folder(made):
    first = open_clips(made.out)
    assert [c.instruction for c in first] == [
        c.instruction for c in open_clips(made.datasets["hdf5"])
    ]


def test_ours_read_as_a_foreign_lerobot_data_set(made, tmp_path):
    import shutil

    root = tmp_path / "foreign"
    shutil.copytree(made.datasets["lerobot"], root)
    (root / "meta" / "molmospaces_gym.json").unlink()
    for own, theirs in zip(open_clips(made.datasets["lerobot"]), open_clips(root), strict=True):
        assert theirs.instruction == own.instruction and theirs.success is None
        np.testing.assert_array_equal(theirs.read(), own.read()[:-1])


def write_v2(root, episodes):
    """A LeRobotDataset v2.1 as it lies on the hub, without its tables of numbers."""
    (root / "meta").mkdir(parents=True)
    pattern = "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4"
    key = "observation.images.front"
    info = {
        "codebase_version": "v2.1", "fps": 8, "chunks_size": 2, "video_path": pattern,
        "features": {key: {"dtype": "video"}, "action": {"dtype": "float32"}},
    }  # fmt: skip
    (root / "meta" / "info.json").write_text(json.dumps(info))
    lines = []
    for index, (frames, instruction) in enumerate(episodes):
        path = pattern.format(episode_chunk=index // 2, video_key=key, episode_index=index)
        write_video(root / path, frames)
        lines.append({"episode_index": index, "tasks": [instruction], "length": len(frames)})
    text = "\n".join(json.dumps(line) for line in lines)
    (root / "meta" / "episodes.jsonl").write_text(text)


def test_manirewardbench_as_we_assume_it(tmp_path):
    good, bad = brightening(8, 250, 0), brightening(6, 40, 0)
    write_v2(tmp_path / "bench" / "lerobot", [(good, RED)] * 3)
    write_v2(tmp_path / "bench" / "lerobot_failed", [(bad, RED)])
    found = open_clips(tmp_path / "bench")
    assert [c.success for c in found] == [True] * 3 + [False]
    assert found[2].name == "lerobot/episode 2" and found[3].name == "lerobot_failed/episode 0"
    np.testing.assert_array_equal(found[2].read(), good)
    np.testing.assert_array_equal(found[3].read(), bad)
    alone = open_clips(tmp_path / "bench" / "lerobot_failed", success=False)
    assert [c.success for c in alone] == [False]
    info = tmp_path / "bench" / "lerobot" / "meta" / "info.json"
    info.write_text(info.read_text().replace("v2.1", "v1.6"))
    with pytest.raises(InvalidTrajectory, match=r"v1\.6"):
        open_clips(tmp_path / "bench" / "lerobot")


def test_labelled_steps_match_the_data_set(pixel_model, made, tmp_path):
    clips = open_clips(made.datasets["lerobot"])
    table = label_progress(pixel_model(), clips, prefixes=5)
    stored = pa.concat_tables(
        [pq.read_table(f) for f in sorted((made.datasets["lerobot"] / "data").rglob("*.parquet"))]
    )
    for name in ("index", "episode_index", "frame_index"):
        assert getattr(table, name).tolist() == stored[name].to_pylist()
    for episode in range(2):
        rows = table.progress[table.episode_index == episode]
        assert rows.min() >= 0 and rows.max() <= 1 and np.ptp(rows) > 0.5
    prob = label_progress(pixel_model(), clips, prefixes=5, scale="prob")
    assert prob.progress.max() < 1e-2  # as the model says: not done at all
    with pytest.raises(InvalidConfig, match="scale"):
        label_progress(pixel_model(), clips, scale="rank")


@pytest.mark.parametrize("signal", ["prob", "logp"])
def test_annotated_pictures_show_frames_and_curve(pixel_model, tmp_path, signal):
    one = clip("a", RED, 250, True)
    verdict = evaluate_clips(pixel_model(judge=told), [one], wrong=False)[0]
    path = annotate(verdict, tmp_path / "strip.png", signal)
    with Image.open(path) as file:
        picture = np.array(file)
    assert picture.shape == (160 + 180, 8 * 160, 3)
    assert picture[80, 8 * 160 - 80, 0] > 240 and picture[80, 80, 0] < 20
    curve = np.argwhere((picture[160:] == (31, 119, 180)).all(-1))
    left, right = curve[curve[:, 1].argmin()], curve[curve[:, 1] == 1271][0]
    assert right[0] < left[0] - 50  # it rises
    film = read_video(annotate(verdict, tmp_path / "film.mp4", signal))
    assert film.shape == (9, 320 + 180, 320, 3)
    drawn = [
        (np.abs(frame[320:].astype(int) - (31, 119, 180)).sum(-1) < 60).sum() for frame in film
    ]
    assert drawn[0] < drawn[4] < drawn[8]
    with pytest.raises(InvalidConfig, match="png"):
        annotate(verdict, tmp_path / "strip.gif")


@pytest.fixture
def cli(monkeypatch, pixel_model):
    """The command line with a model of ours under any name."""
    original = watch.resolve_model
    monkeypatch.setattr(watch, "resolve_model", lambda model: original(pixel_model(judge=told)))
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments):
        result = CliRunner().invoke(app, ["reward", *map(str, arguments)], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    return run


def test_eval_from_the_command_line(cli, folder, tmp_path):
    shown = cli("eval", folder, "--out", tmp_path / "out", "--fit", "0.0")
    assert "3 clips, 2 +, 1 -" in shown and "success_auc" in shown and "100.0 %" in shown
    found = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert found["success_auc"] == 1.0 and found["voc"] == pytest.approx(1.0)
    assert (tmp_path / "out" / "detector.json").is_file()
    cli("eval", folder, "--out", tmp_path / "few", "--clips", "1", "--no-static", "--no-wrong")
    few = json.loads((tmp_path / "few" / "summary.json").read_text())
    assert few["clips"] == 1 and few["static_voc"] is None


def test_annotate_and_progress_from_the_command_line(cli, folder, tmp_path):
    cli("annotate", folder, "--clip", "1", "--out", tmp_path / "b.png")
    with Image.open(tmp_path / "b.png") as picture:
        assert picture.size[1] == 340
    shown = cli("progress", folder, "--out", tmp_path / "p.parquet", "--prefixes", "0")
    assert "38 steps of 3 episodes" in shown
    table = ProgressTable.load(tmp_path / "p.parquet")
    assert table.vlm_name == "pixels" and table.ends.tolist() == [17] * 17 + [26] * 9 + [38] * 12
    assert voc(table.progress[:17]) == pytest.approx(1.0)
    shown = cli(
        "weights", tmp_path / "p.parquet", "--out", tmp_path / "w.parquet", "--kind", "outcome",
        "--setting", "last=3", "--setting", "temperature=0.3",
    )  # fmt: skip
    expected = outcome_weights(table.progress, table.ends, 3, 0.3)
    assert f"{expected.effective:.1f} of 38" in shown
    stored = pq.read_table(tmp_path / "w.parquet")
    np.testing.assert_allclose(stored["weight"].to_numpy(), expected.values)
    assert stored["frame_index"].to_pylist() == table.frame_index.tolist()


def test_the_papers_mode_scores_each_prefix_anew(clips):
    """With the bundled network; a model without that mode says so."""
    from molmospaces_gym.rewards.registry import load_reward_model

    model = load_reward_model("tiny")
    frames = clips[0].read()
    found = evaluate_clips(model, clips[:2], prefixes=4, paper=True)[0]
    assert found.real.frames == [0, 2, 5, 8]
    assert found.real.scores == model.score_paper(frames, RED, 4)
    assert found.still is not None and found.wrong is not None
    assert found.still.scores == model.score_paper(np.repeat(frames[:1], 9, axis=0), RED, 4)
    assert found.wrong.scores == model.score_paper(frames, BLUE, 4)
    with pytest.raises(InvalidConfig, match="no mode of the paper"):
        evaluate_clips(FunctionModel(told), clips, paper=True)


@pytest.mark.parametrize(
    "arguments",
    [
        ["annotate", "VIDEOS", "--clip", "7", "--out", "x.png"],
        ["eval", "nowhere", "--out", "x"],
        ["eval", "VIDEOS", "--out", "x", "--label", "maybe"],
        ["eval", "VIDEOS", "--out", "x", "--clips", "2", "--fit", "0.1"],
    ],
)
def test_mistakes_are_one_line(cli, folder, tmp_path, arguments, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["reward", *[str(folder) if a == "VIDEOS" else a for a in arguments]])
    assert ended.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_a_policy_can_be_judged_from_its_run_videos(pixel_model, tmp_path):
    """What a user does: film episodes, label them, measure."""
    env = gym.make("molmospaces_gym/Pick-v1", houses=1, horizon=6, render_mode="rgb_array",
                   image_size=[32, 32])  # fmt: skip
    _, info = env.reset(seed=0)
    frames = [env.render()]
    for _ in range(6):
        env.step(env.action_space.sample())
        frames.append(env.render())
    env.close()
    write_video(tmp_path / "run.mp4", frames, fps=15)
    found = open_clips(tmp_path / "run.mp4", instruction=info["instruction"], success=False)
    np.testing.assert_array_equal(found[0].read()[-1], frames[-1])
