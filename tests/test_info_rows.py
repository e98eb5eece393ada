"""Infos of sub-environments as arrays, written row by row."""

import numpy as np

from molmospaces_gym.info_rows import InfoRows


def test_rows_become_arrays_once_the_keys_are_known():
    rows = InfoRows(2)
    infos = [{"a": 1.0, "b": True, "c": "x"}, {"a": 2.0, "b": False, "c": "y"}]
    for slot, info in enumerate(infos):
        rows.write(slot, info)
    assert rows.batch(infos) is None  # the caller batches this one itself
    for slot, info in enumerate(infos):
        rows.write(slot, info)
    found = rows.batch(infos)
    assert found["a"].tolist() == [1.0, 2.0] and found["a"].dtype == np.float64
    assert found["b"].tolist() == [True, False] and found["b"].dtype == np.bool_
    assert found["c"].tolist() == ["x", "y"] and found["c"].dtype == object
    assert found["_a"].tolist() == [True, True]


def test_nothing_returned_is_written_to_later():
    rows, info = InfoRows(1), {"a": 1.0}
    rows.write(0, info)
    rows.batch([info])
    rows.write(0, info)
    first = rows.batch([info])
    rows.write(0, {"a": 5.0})
    assert first["a"].tolist() == [1.0]


def test_a_row_with_other_keys_leaves_batching_to_the_caller_until_it_is_gone():
    rows, info = InfoRows(2), {"a": 1.0}
    for _ in range(2):
        rows.write(0, info)
        rows.write(1, info)
        rows.batch([info, info])
    rows.write(1, {"a": 1.0, "diverged": True})
    assert rows.batch([info, {"a": 1.0, "diverged": True}]) is None
    rows.write(1, {"a": 3.0})
    assert rows.batch([info, {"a": 3.0}])["a"].tolist() == [1.0, 3.0]
