"""``python -m molmospaces_gym.scenes.homes.rest_table`` writes the shipped rest poses anew."""

import json
from pathlib import Path

from molmospaces_gym.scenes.generator.catalog import CATEGORIES
from molmospaces_gym.scenes.homes.rest import SIZES, TABLE, settled


def write_table(path: Path = TABLE) -> None:
    """Settle every stable kind of object in every size of ``SIZES`` and write the poses down."""
    rows = []
    for name in sorted(CATEGORIES):
        poses = [settled(name, step) for step in SIZES]
        if all(pose.stable for pose in poses):
            values = [[round(v, 7) for v in (pose.height, *pose.quat)] for pose in poses]
            rows.append(f"{json.dumps(name)}: {json.dumps(values)}")
    path.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    write_table()
