"""HTML as nested calls: what is not ``Html`` already is escaped, so that nothing is forgotten."""

from html import escape

VOID = frozenset({"br", "col", "img", "input", "meta"})
"""Elements of HTML without an end tag that this package uses."""
Attribute = str | int | float | bool | None


class Html(str):
    """Text that is markup; plain strings are not."""

    __slots__ = ()


def tag(name: str, *children: str | None, **attributes: Attribute) -> Html:
    """One element with ``children``, each markup or text to escape; None is left out.

    Attribute names lose a trailing ``_`` and have ``-`` for ``_``: ``class_``, ``aria_label``.
    True writes the name alone; False and None leave the attribute out.
    """
    head = name + "".join(_attribute(key, value) for key, value in attributes.items())
    if name in VOID:
        return Html(f"<{head}>")
    return Html(f"<{head}>{join(*children)}</{name}>")


def join(*parts: str | None) -> Html:
    """``parts`` one after another, plain text escaped."""
    return Html("".join(_safe(part) for part in parts if part is not None))


def _safe(part: str) -> str:
    return part if isinstance(part, Html) else escape(part)


def _attribute(key: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(_text(value))}"'


def _text(value: str | int | float) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
