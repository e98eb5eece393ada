"""The text of a leaderboard entry: the 16 fields of the official issue form, filled in.

The board takes entries as GitHub issues of allenai/molmospaces, with the CSV files attached.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from molmospaces_gym.benchmarks.records import one_line
from molmospaces_gym.errors import InvalidSubmission

BOARD_ISSUES = "https://github.com/allenai/molmospaces/issues/new/choose"
NOT_APPLICABLE = "N/A"

UNOFFICIAL = "UNOFFICIAL, not for the MolmoSpaces leaderboard"
"""Stands at the head of everything made from a run that the board has no column for."""


@dataclass(frozen=True)
class FormField:
    """A field of the form; ``key`` is what ``--field key=value`` takes."""

    key: str
    label: str
    optional: bool = False


FORM = (
    FormField("policy", "policy name"),
    FormField("authors", "authors/institution name"),
    FormField("in_domain_data", "MolmoBot or other in-domain data used"),
    FormField("multi_task", "multi-task"),
    FormField("data_type", "data type (real/sim/mix)"),
    FormField("robot_generalist", "robot generalist"),
    FormField("data_opensourced", "data opensourced"),
    FormField("model_opensourced", "model opensourced"),
    FormField("source_link", "source link"),
    FormField("model_type", "model type, e.g. vla, wam, bm, vlm"),
    FormField("embodiment", "embodiment"),
    FormField("action_space", "action space"),
    FormField("params", "no. of params"),
    FormField("data_released", "data released"),
    FormField("chunk_size", "chunk size (if applicable)", optional=True),
    FormField("context_length", "context length (if applicable)", optional=True),
)
"""In the order of ``.github/ISSUE_TEMPLATE/benchmark-entry-template.md``."""


def parse_fields(pairs: Sequence[str]) -> dict[str, str]:
    """``["policy=pi", "params=3B"]`` by key; a label of the form works like its key.

    Raises:
        InvalidSubmission: not KEY=VALUE, a field that the form has not, or one given twice.
    """
    keys = {name: field.key for field in FORM for name in (field.key, field.label)}
    found: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or key not in keys:
            known = ", ".join(field.key for field in FORM)
            raise InvalidSubmission(f"--field expects KEY=VALUE, got {pair!r}; keys: {known}")
        if keys[key] in found:
            raise InvalidSubmission(f"--field {keys[key]} is given twice")
        found[keys[key]] = value
    return found


def complete_fields(given: Mapping[str, str]) -> dict[str, str]:
    """All 16 fields, each one line; what is optional becomes N/A.

    Raises:
        InvalidSubmission: a field has no value; the message names all of them.
    """
    values = {key: one_line(value) for key, value in given.items()}
    missing = [field.key for field in FORM if not field.optional and not values.get(field.key)]
    if missing:
        flags = " ".join(f'--field {key}="..."' for key in missing)
        raise InvalidSubmission(
            f"the form lacks {len(missing)} of its {len(FORM)} fields: {', '.join(missing)}; "
            f"add {flags}"
        )
    return {field.key: values.get(field.key) or NOT_APPLICABLE for field in FORM}


def issue_text(
    fields: Mapping[str, str],
    attached: Sequence[str],
    results: Sequence[Sequence[str]],
    notes: Sequence[str],
    official: bool,
) -> str:
    """The text of the issue in Markdown; its first line is the title.

    Args:
        fields: all 16 by key.
        attached: names of the files to attach.
        results: a header and one row per benchmark.
        notes: how the runs were made, a line each.
        official: whether the leaderboard has columns for the runs.
    """
    title = f"Benchmark Entry [{fields['policy']}]"
    lines = [f"# {title}" if official else f"# {UNOFFICIAL}: {title}", ""]
    if not official:
        lines += [f"**{UNOFFICIAL}.** These figures cannot be compared with its entries.", ""]
    lines += ["Please Provide Results Files:", *(f"- {name}" for name in attached), ""]
    lines += ["Please Answer the following questions:"]
    lines += [f"{field.label}: {fields[field.key]}" for field in FORM]
    lines += ["", *_table(results), "", "How it was run:", *(f"- {note}" for note in notes)]
    return "\n".join(lines) + "\n"


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    header, *body = rows
    return [
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
        for row in (header, ["---"] * len(header), *body)
    ]
