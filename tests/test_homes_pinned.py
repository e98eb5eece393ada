"""The generator's homes stay what they are: suites and trained policies rely on them.

A change that is meant raises ``HOMES_VERSION``, which makes every home another one.
"""

import hashlib
import json
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molmospaces_gym.scenes.generator.mjcf import element
from molmospaces_gym.scenes.homes import generate_home
from molmospaces_gym.scenes.homes.home import HOMES_VERSION

PINNED = {
    ("val", 0): "e509b457e5fe395860ee62bf8bc3164916338160f2d6c231f4fbe82aa8d13008",
    ("train", 3): "ce1df94cbb57f7d2781083f01bb342cfbee5bf3c3b300ce0cee52b70007cbaf2",
}
"""sha256 of MJCF and metadata of homes of version 1."""


@pytest.mark.parametrize(("split", "index"), PINNED)
def test_homes_are_unchanged(split: str, index: int) -> None:
    home = generate_home(split, index)
    assert home.mjcf is not None
    found = hashlib.sha256(home.mjcf.encode() + b"\0" + json.dumps(home.metadata).encode())
    pinned = PINNED[split, index]
    assert (HOMES_VERSION, found.hexdigest()) == (1, pinned), "raise HOMES_VERSION and pin anew"


@given(st.text(alphabet="ab &<>\"'\n\r\t"))
def test_attributes_are_quoted_as_xml_asks(text: str) -> None:
    assert element("body", name=f"x{text}") == f"<body name={quoteattr(f'x{text}')}/>"
