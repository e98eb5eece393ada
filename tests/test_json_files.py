"""Files that are there whole or not at all."""

from pathlib import Path

import pytest

from molmospaces_gym.json_files import replacing, write_atomic


def test_a_file_is_replaced_whole_or_stays_what_it_was(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "a.bin"
    with replacing(file) as stream:
        stream.write(b"old")
        assert not file.exists()
    with pytest.raises(KeyboardInterrupt), replacing(file) as stream:
        stream.write(b"new")
        raise KeyboardInterrupt
    assert file.read_bytes() == b"old"
    write_atomic(file, "new")
    assert file.read_bytes() == b"new"
    assert list(file.parent.iterdir()) == [file]
