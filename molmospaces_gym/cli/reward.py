"""``molmospaces-gym reward``: measure reward models, look at their curves, label data sets."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from molmospaces_gym.errors import InvalidConfig, UnknownName

if TYPE_CHECKING:
    from molmospaces_gym.rewards.base import RewardModel
    from molmospaces_gym.rewards.clips import Clip

app = typer.Typer(
    help="Reward models: measure them, look at their curves, label data sets.",
    no_args_is_help=True,
)
FIGURES = ("voc", "voc_failures", "static_voc", "success_auc", "wrong_auc", "wrong_margin")
LABELS = {"success": True, "failure": False}

Data = Annotated[
    Path, typer.Argument(help="Video, folder with labels.csv, or data set; see docs/topreward.md.")
]
Model = Annotated[str, typer.Option(help="Name or folder of a reward model.")]
Format = Annotated[
    str | None,
    typer.Option(help="videos, hdf5, lerobot, minari or manirewardbench; without it found out."),
]
Cameras = Annotated[
    list[str] | None, typer.Option(help="Camera of a data set; repeat for views side by side.")
]
Instruction = Annotated[str | None, typer.Option(help="Instruction instead of the clips' own.")]


@app.command("eval")
def evaluate(
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder for summary.json, clips.csv, curves.json.")],
    model: Model = "tiny",
    format: Format = None,
    camera: Cameras = None,
    instruction: Instruction = None,
    label: Annotated[
        str | None, typer.Option(help="success or failure: of clips without a label.")
    ] = None,
    clips: Annotated[int | None, typer.Option(help="Only the first so many.")] = None,
    prefixes: Annotated[
        int | None,
        typer.Option(help="Scores per clip; 0: every frame. 15 without, with --fit 0."),
    ] = None,
    paper: Annotated[
        bool, typer.Option("--paper", help="Score each prefix anew, as the paper's code does.")
    ] = False,
    static: Annotated[bool, typer.Option(help="Judge still videos, too.")] = True,
    wrong: Annotated[bool, typer.Option(help="Judge under wrong instructions, too.")] = True,
    fit: Annotated[
        float | None,
        typer.Option(help="Fit detector.json for this false-positive rate, and calibration.json."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the choice of wrong instructions.")] = 0,
) -> None:
    """Measure value order (VOC), static VOC, success AUC and the margin over wrong instructions."""
    from molmospaces_gym.rewards.evaluation import evaluate_clips
    from molmospaces_gym.rewards.evaluation_files import save_evaluation, save_fit
    from molmospaces_gym.rewards.qwen.schedule import PREFIXES

    if label is not None and label not in LABELS:
        raise UnknownName("label", label, list(LABELS))
    console, judge = Console(), _model(model)
    if prefixes is None:  # a detector watches every frame
        prefixes = PREFIXES if fit is None else 0
    success = None if label is None else LABELS[label]
    found = _clips(data, judge, format, camera, instruction, success)[:clips]
    with console.status("the model watches") as status:
        verdicts = evaluate_clips(
            judge,
            found,
            prefixes,
            static,
            wrong,
            seed,
            lambda done, count: status.update(f"the model watches: {done} of {count}"),
            paper,
        )
    settings = {"data": str(data), "prefixes": prefixes, "paper": paper, "seed": seed}
    summary = save_evaluation(out, judge, verdicts, settings)
    if fit is not None:
        detector, _ = save_fit(out, verdicts, fit)
        console.print(
            f"threshold {detector.threshold:.4g}: finds {100 * detector.true_positive_rate:.1f} %"
            f" of the successes at {100 * detector.false_positive_rate:.1f} % false alarms"
        )
    console.print(_table(summary))
    console.print(escape(str(out)), soft_wrap=True, highlight=False)


@app.command("annotate")
def annotate(
    data: Data,
    out: Annotated[Path, typer.Option(help="A .png strip or an .mp4 video.")],
    model: Model = "tiny",
    clip: Annotated[int, typer.Option(help="Which clip, from 0.")] = 0,
    format: Format = None,
    camera: Cameras = None,
    instruction: Instruction = None,
    signal: Annotated[str, typer.Option(help="prob, logp or margin.")] = "prob",
    prefixes: Annotated[int, typer.Option(help="Scores; 0: every frame that is seen.")] = 0,
) -> None:
    """Draw a clip with the model's curve, and that of a still video, below its frames."""
    from molmospaces_gym.rewards.annotate import annotate as draw
    from molmospaces_gym.rewards.evaluation import evaluate_clips

    judge = _model(model)
    found = _clips(data, judge, format, camera, instruction, None)
    if not 0 <= clip < len(found):
        raise InvalidConfig(f"{data} has clips 0 to {len(found) - 1}, not {clip}")
    verdict = evaluate_clips(judge, found[clip : clip + 1], prefixes, wrong=False)[0]
    draw(verdict, out, signal)
    Console().print(escape(str(out)), soft_wrap=True, highlight=False)


@app.command("progress")
def progress(
    data: Data,
    out: Annotated[Path, typer.Option(help="Parquet file.")],
    model: Model = "tiny",
    format: Format = None,
    camera: Cameras = None,
    instruction: Instruction = None,
    prefixes: Annotated[int, typer.Option(help="Scores per episode; 0: every frame.")] = 15,
    scale: Annotated[
        str, typer.Option(help="episode (Eq. 2: each reaches 1) or prob (P(True) as it is).")
    ] = "episode",
) -> None:
    """Label every step of a data set with its progress, in the file that LeRobot reads."""
    from molmospaces_gym.rewards.labelling import label_progress

    judge = _model(model)
    found = _clips(data, judge, format, camera, instruction, None)
    table = label_progress(judge, found, prefixes, scale)
    table.save(out)
    Console().print(f"{len(table)} steps of {len(found)} episodes: {escape(str(out))}")


@app.command("weights")
def weights(
    table: Annotated[Path, typer.Argument(help="Parquet file of progress.")],
    out: Annotated[Path, typer.Option(help="Parquet file with a weight per step.")],
    kind: Annotated[str, typer.Option(help="paper, temperature or outcome.")] = "temperature",
    setting: Annotated[
        list[str] | None,
        typer.Option(help="Of the weighting, KEY=VALUE such as temperature=0.1; repeatable."),
    ] = None,
) -> None:
    """Turn progress into weights of reward-aligned cloning, for train bc --weights."""
    from molmospaces_gym.cli.evaluate import env_arguments
    from molmospaces_gym.rewards.progress_table import ProgressTable
    from molmospaces_gym.rewards.weights import weights_of

    progress = ProgressTable.load(table)
    settings = env_arguments(setting or [], "--setting")
    found = weights_of(kind, progress.progress, progress.ends, **settings)
    progress.save(out, weights=found.values)
    share = f"{found.effective:.1f} of {len(progress)} ({100 * found.share:.1f} %)"
    Console().print(f"effective sample size {share}: {escape(str(out))}", soft_wrap=True)


def _model(name: str) -> "RewardModel":
    from molmospaces_gym.rewards.watch import resolve_model

    return resolve_model(name)


def _clips(
    data: Path,
    model: "RewardModel",
    format: str | None,
    cameras: list[str] | None,
    instruction: str | None,
    success: bool | None,
) -> "list[Clip]":
    from molmospaces_gym.rewards.clips import open_clips

    names: tuple[str, ...] = tuple(cameras or ()) or tuple(getattr(model, "cameras", ()))
    return open_clips(data, format, names, instruction, success)


def _table(summary: dict[str, Any]) -> Table:
    counts = f"{summary['clips']} clips, {summary['successes']} +, {summary['failures']} -"
    table = Table("figure", f"{summary['model']}: {counts}")
    for name in FIGURES:
        value, interval = summary[name], summary.get(f"{name}_interval")
        text = "-" if value is None else f"{value:.3f}"
        if interval is not None:
            text += f" ({interval[0]:.3f} to {interval[1]:.3f})"
        table.add_row(name, text)
    return table
