"""Why episodes failed, and what their end looked like."""

from collections import Counter
from collections.abc import Sequence

from molmospaces_gym.benchmarks.report.data import failed, reason, reason_kind
from molmospaces_gym.benchmarks.report.markup import Html, join, tag
from molmospaces_gym.benchmarks.report.media import Card, choose_cards
from molmospaces_gym.benchmarks.report.plots import share_bar, trace_strip
from molmospaces_gym.benchmarks.runs import LoadedRun

REASONS_SHOWN = 12


def failures_section(run: LoadedRun, budget: int) -> Html:
    """Why episodes failed, and a gallery of them with pictures within ``budget`` characters."""
    failures = failed(run.records)
    if not failures:
        text = "No episode failed." if run.records else "No episode was played."
        return tag("section", tag("h2", "Failures"), tag("p", text), id="failures")
    cards = choose_cards(run.path, failures, budget)
    kinds = Counter(map(reason_kind, failures)).most_common()
    rows = [
        tag(
            "tr",
            tag("th", kind, scope="row"),
            tag("td", share_bar(count / len(failures), f"{count} of {len(failures)}")),
            tag("td", str(count), class_="number"),
        )
        for kind, count in kinds[:REASONS_SHOWN]
    ]
    more = f"{len(kinds) - REASONS_SHOWN} rarer reasons are in the table of episodes."
    return tag(
        "section",
        tag("h2", f"Failures ({len(failures)})"),
        tag("table", tag("caption", "Reasons"), tag("tbody", *rows), class_="bars reasons"),
        tag("p", more, class_="note") if len(kinds) > REASONS_SHOWN else None,
        tag("p", _shown(cards, len(failures)), class_="note"),
        tag("div", *[_failure_card(run, card) for card in cards], class_="gallery"),
        id="failures",
    )


def _failure_card(run: LoadedRun, card: Card) -> Html:
    record = card.record
    trace = run.traces.get(record.episode_id, "")
    return tag(
        "article",
        _media(card),
        tag("h3", record.instruction or "(no instruction)"),
        tag("p", reason(record), class_="reason"),
        trace_strip(trace, record.steps) if "1" in trace else None,
        tag("p", f"{record.episode_id}, {record.house}, {record.category}", class_="note"),
        class_="card",
    )


def _media(card: Card) -> Html:
    """The still; a click on it unfolds the clip, also without a script."""
    what = f"{card.record.episode_id}: {card.record.instruction}"
    if card.clip is None and card.still is None:
        return tag("p", "no picture was kept", class_="blank")
    still = None
    if card.still is not None:
        still = tag("img", src=card.still, alt=f"last frame of {what}", loading="lazy")
    if card.clip is None:
        return join(still)
    sign = "\N{BLACK RIGHT-POINTING TRIANGLE} video"
    video = tag(
        "video",
        controls=True,
        muted=True,
        playsinline=True,
        preload="metadata",
        src=card.clip,
        aria_label=f"video of {what}",
    )
    return tag("details", tag("summary", still, tag("span", sign)), video)


def _shown(cards: Sequence[Card], failures: int) -> str:
    clips = sum(card.clip is not None for card in cards)
    stills = sum(card.clip is None and card.still is not None for card in cards)
    bare = len(cards) - clips - stills
    parts = [(clips, "with video"), (stills, "with their last frame"), (bare, "without a picture")]
    text = ", ".join(f"{count} {what}" for count, what in parts if count)
    left = failures - len(cards)
    if not left:
        return f"All {failures} are shown: {text}."
    return (
        f"{len(cards)} of {failures} are shown: {text}. {left} were left out to keep this file "
        "small; kinds of failure take turns, and the table lists every episode."
    )
