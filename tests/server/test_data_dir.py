import os
from pathlib import Path

import pytest

from server.data_dir import DataDir, DataDirInUse, DataDirUnusable


def test_second_server_is_kept_out_until_the_first_is_gone(tmp_path: Path) -> None:
    first, second = DataDir(tmp_path / "data"), DataDir(tmp_path / "data")
    with first.locked(), pytest.raises(DataDirInUse, match="in use by another server"):
        second.locked().__enter__()
    with second.locked():
        assert (tmp_path / "data" / "recordings").is_dir()


def test_data_directory_is_private(tmp_path: Path) -> None:
    with DataDir(tmp_path / "data").locked():
        assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_unusable_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataDirUnusable, match=r"data_dir: .*file/data cannot be used"):
        DataDir(tmp_path / "file" / "data").locked().__enter__()


def test_lock_is_not_inherited_by_children(tmp_path: Path) -> None:
    with DataDir(tmp_path).locked():
        descriptors = [int(d) for d in os.listdir("/proc/self/fd") if _is(int(d), tmp_path)]
        assert descriptors
        assert not any(os.get_inheritable(d) for d in descriptors)


def _is(descriptor: int, folder: Path) -> bool:
    try:
        return Path(f"/proc/self/fd/{descriptor}").readlink() == folder / "lock"
    except OSError:
        return False
