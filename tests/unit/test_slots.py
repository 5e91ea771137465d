"""A content is replaced whole, whatever is overwritten half."""

import multiprocessing
import os
import resource

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.slots import HEAD, SlotFile, is_held, load_slots


@pytest.fixture
def path(tmp_path):
    return tmp_path / "folder" / "a.slots"


@given(
    st.lists(st.binary(max_size=40), min_size=1, max_size=6),
    st.integers(0, 39 + HEAD.size),
    st.binary(max_size=60),
)
def test_the_newest_whole_content_is_read_after_any_torn_write(tmp_path_factory, contents, place, garbage):
    path = tmp_path_factory.mktemp("slots") / "a"
    file = SlotFile(path, 40)
    for content in contents:
        file.write(content)
        assert load_slots(path) == content
    half = path.stat().st_size // 2
    older = (len(contents) + 1) % 2 * half  # where the next content would go
    with path.open("rb+") as opened:  # the next write, killed in the midst of it
        opened.seek(older + place)
        opened.write(garbage[: half - place])
    assert load_slots(path) == contents[-1]


def test_a_damaged_content_is_not_read(path):
    file = SlotFile(path, 40)
    file.write(b"one")
    file.write(b"two")
    data = path.read_bytes()
    path.write_bytes(data.replace(b"two", b"twi"))
    assert load_slots(path) == b"one"
    path.write_bytes(data.replace(b"two", b"twi").replace(b"one", b"onE"))
    assert load_slots(path) is None
    path.write_bytes(b"")
    assert load_slots(path) is None


def test_a_content_that_is_too_long_is_refused(path):
    file = SlotFile(path, 3)
    file.write(b"abc")
    with pytest.raises(ValueError, match=r"has room for 3 bytes\. Got 4"):
        file.write(b"abcd")
    assert load_slots(path) == b"abc"


def test_the_lock_ends_with_the_file_and_with_the_process(path):
    file = SlotFile(path, 9)
    file.write(b"1")
    assert file.held and is_held(path)
    file.close()
    file.close()
    assert not file.held and not is_held(path)

    def work():
        SlotFile(path, 9).write(b"2")
        os._exit(0)

    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join()
    assert not is_held(path) and load_slots(path) == b"2"
    file.write(b"3")  # goes on where the other one ended
    assert load_slots(path) == b"3" and is_held(path)


def test_a_folder_that_went_and_cannot_be_remade_loses_neither_lock_nor_descriptor(path, tmp_path):
    file = SlotFile(path, 9)
    file.write(b"1")
    path.parent.rename(tmp_path / "gone")
    path.parent.touch()
    others = []
    for _ in range(3):
        with pytest.raises(OSError):
            file.write(b"2")
        others.append(os.open(os.devnull, os.O_RDONLY))  # must not be closed by the next try
    assert [os.fstat(other).st_size for other in others] == [0, 0, 0]
    assert is_held(tmp_path / "gone" / path.name)
    path.parent.unlink()
    (tmp_path / "gone").rename(path.parent)
    file.write(b"3")
    assert load_slots(path) == b"3"
    for other in others:
        os.close(other)


def test_a_folder_that_went_is_made_anew(path, tmp_path):
    file = SlotFile(path, 9)
    file.write(b"1")
    path.parent.rename(tmp_path / "gone")
    file.write(b"2")
    assert load_slots(path) == b"2" and load_slots(tmp_path / "gone" / path.name) == b"1"
    assert is_held(path) and not is_held(tmp_path / "gone" / path.name)


def test_a_content_changes_where_no_file_may_grow(path):
    file = SlotFile(path, 1000)
    file.write(b"1" * 1000)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, hard))
    try:
        for number in range(3):
            file.write(b"%d" % number * 1000)
            assert load_slots(path) == b"%d" % number * 1000
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
