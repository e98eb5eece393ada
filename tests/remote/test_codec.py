"""The two dialects of the policy protocol, against the packages that speak them."""

import functools
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from molmospaces_gym.errors import InvalidMessage
from molmospaces_gym.policies.remote.codec import DIALECTS, MSGPACK_NUMPY, OPENPI, pack, unpack

msgpack_numpy = pytest.importorskip("msgpack_numpy")

KEYS = st.text("abz/_", min_size=1, max_size=6)
DTYPES = (
    hnp.boolean_dtypes()
    | hnp.integer_dtypes(endianness="?")
    | hnp.unsigned_integer_dtypes(endianness="?")
    | hnp.floating_dtypes(endianness="?", sizes=(16, 32, 64))
)
ARRAYS = DTYPES.flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, min_side=0, max_side=4))
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=5)
)
NUMPY_SCALARS = st.floats(width=32).map(np.float32) | st.integers(-9, 9).map(np.int16)
VALUES = st.recursive(
    SCALARS | ARRAYS | NUMPY_SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def openpi_pack(item: Any) -> Any:
    """The array hook of openpi's client, written anew from the description of its format."""
    if isinstance(item, np.ndarray):
        raw = np.ascontiguousarray(item).tobytes()
        marks = {b"__ndarray__": True, b"data": raw}
        return marks | {b"dtype": item.dtype.str, b"shape": list(item.shape)}
    if isinstance(item, np.generic):
        return {b"__npgeneric__": True, b"data": item.item(), b"dtype": item.dtype.str}
    raise TypeError(type(item))


def openpi_unpack(found: dict[Any, Any]) -> Any:
    if b"__ndarray__" in found:
        return np.ndarray(tuple(found[b"shape"]), found[b"dtype"], found[b"data"])
    if b"__npgeneric__" in found:
        return np.dtype(found[b"dtype"]).type(found[b"data"])
    return found


OTHERS = {
    OPENPI: (
        functools.partial(msgpack.packb, default=openpi_pack),
        functools.partial(msgpack.unpackb, object_hook=openpi_unpack),
    ),
    MSGPACK_NUMPY: (msgpack_numpy.packb, msgpack_numpy.unpackb),
}


def same(a: Any, b: Any) -> bool:
    """Equal values, arrays with equal types up to byte order and equal bits (NaN included)."""
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray | np.generic):
        kinds = (a.dtype.newbyteorder("="), np.asarray(b).dtype.newbyteorder("="))
        return kinds[0] == kinds[1] and a.shape == np.shape(b) and _equal(a, b)
    return type(a) is type(b) and _equal(a, b)


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, str | bytes) or a is None:
        return bool(a == b)
    return bool(np.array_equal(a, b, equal_nan=np.asarray(a).dtype.kind == "f"))


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(max_examples=40)
@given(value=VALUES)
def test_what_is_packed_comes_back(dialect: str, value: Any) -> None:
    assert same(value, unpack(pack(value, dialect)).value)


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(max_examples=40)
@given(value=VALUES)
def test_the_other_packages_read_and_write_the_same(dialect: str, value: Any) -> None:
    theirs_pack, theirs_unpack = OTHERS[dialect]
    assert same(value, theirs_unpack(pack(value, dialect)))
    assert same(value, unpack(theirs_pack(value)).value)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("keys", [str, lambda key: key.encode()])
def test_the_dialect_is_told_whatever_the_keys(dialect: str, keys: Any) -> None:
    plain = msgpack.unpackb(pack(np.arange(3, dtype=np.float32), dialect), raw=False)
    marks = {keys(k if isinstance(k, str) else k.decode()): v for k, v in plain.items()}
    message = unpack(msgpack.packb({keys("actions"): marks}))
    assert message.dialect == dialect
    np.testing.assert_array_equal(message.value["actions"], [0, 1, 2])


def test_a_message_without_arrays_has_no_dialect() -> None:
    assert unpack(msgpack.packb({"a": [1, 2.5, "x"]})).dialect is None


@pytest.mark.parametrize("dialect", DIALECTS)
def test_arrays_own_their_memory(dialect: str) -> None:
    array = unpack(pack(np.zeros((2, 3), ">f4")[:, ::2], dialect)).value
    array[0, 0] = 1.0
    assert array.dtype == np.dtype("=f4")
    assert array.shape == (2, 2)


def test_pickles_stay_shut(tmp_path: Any) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return (tmp_path.joinpath("opened").touch, ())

    frame = msgpack_numpy.packb({"actions": np.array([Trap()], dtype=object)})
    with pytest.raises(InvalidMessage, match="pickles, which are not opened"):
        unpack(frame)
    assert not (tmp_path / "opened").exists()


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "value",
    [
        np.array([None]),
        np.zeros(2, "f4,i4"),
        np.array(["text"]),
        np.array(["2026-01-01"], "M8[D]"),
        {"a": object()},
        2**64,
        {1, 2},
    ],
)
def test_what_is_no_number_cannot_be_sent(dialect: str, value: Any) -> None:
    with pytest.raises(InvalidMessage, match="a message cannot hold this"):
        pack(value, dialect)


def array_map(**changes: Any) -> dict[str, Any]:
    good = {"nd": True, "type": "<f4", "kind": "", "shape": [2, 3], "data": bytes(24)}
    return {**good, **changes}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (array_map(shape=[2, 4]), "has 32 bytes, but 24 came"),
        (array_map(shape=[2, -3]), "whole numbers >= 0"),
        (array_map(shape=[2.0, 3]), "whole numbers >= 0"),
        (array_map(shape=[True] * 6), "whole numbers >= 0"),
        (array_map(shape=24), "shape must be a list"),
        (array_map(shape=[1] * 40), "shape must be a list"),
        (array_map(shape=[2**62, 2**62]), "but 24 came"),
        (array_map(shape=[0, 2**63], data=b""), "no array has the shape"),
        (array_map(data="text"), "data must be bytes"),
        (array_map(type="|O"), "not one of plain numbers"),
        (array_map(type="f4,i4"), "not one of plain numbers"),
        (array_map(type=[["a", "<f4"]], kind="V"), "of kind 'V'"),
        (array_map(type="<f4", kind="O"), "of kind 'O'"),
        ({"__ndarray__": True, "dtype": "<f4", "shape": [1]}, "data must be bytes"),
        ({"__npgeneric__": True, "dtype": "<i1", "data": 300}, "300 is no int8"),
        ({"__npgeneric__": True, "dtype": "<f4", "data": "x"}, "must be a number"),
        ([array_map(), openpi_pack(np.zeros(1))], "mixes arrays"),
    ],
)
def test_malformed_arrays_are_named(value: Any, message: str) -> None:
    with pytest.raises(InvalidMessage, match=message):
        unpack(msgpack.packb(value))


@given(st.binary(max_size=60))
def test_any_bytes_are_a_message_or_refused(frame: bytes) -> None:
    try:
        unpack(frame)
    except InvalidMessage:
        return


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(max_examples=40)
@given(value=st.dictionaries(KEYS, ARRAYS, min_size=1, max_size=3), data=st.data())
def test_a_frame_cut_short_is_refused(dialect: str, value: Any, data: st.DataObject) -> None:
    frame = pack(value, dialect)
    end = data.draw(st.integers(0, len(frame) - 1))
    with pytest.raises(InvalidMessage):
        unpack(frame[:end])
    with pytest.raises(InvalidMessage):
        unpack(frame + b"\x00")


@pytest.mark.parametrize(
    "frame",
    [
        msgpack.packb(msgpack.ExtType(5, b"x")),
        b"\x91" * 5000,
        b"\x81\x90\x01",
        b"\x81\xc4\x01\xff\x01",
        b"\x82\xa1a\x01\xa1a\x02",
    ],
    ids=["extension", "depth", "list as key", "bytes as key", "double key"],
)
def test_strange_frames_are_refused(frame: bytes) -> None:
    with pytest.raises(InvalidMessage):
        unpack(frame)
