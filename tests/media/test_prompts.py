"""Prompts are made once, found again, and never read from where they should not be."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from media.audio import SAMPLE_RATE, Audio
from media.music import default_music
from media.prompts import PromptError, PromptStore
from media.speech import Speaker
from media.wav import read_wav, write_wav


class FakeSpeaker(Speaker):
    """Speaks by counting: the nth text is a constant wave of value n, once it is let go on."""

    def __init__(self) -> None:
        super().__init__()
        self.spoken: list[tuple[str, str]] = []
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.fault: Exception | None = None
        self.length = 100

    async def speak(self, text: str, voice: str) -> Audio:
        self.spoken.append((text, voice))
        value = len(self.spoken)
        await self.go_on.wait()
        if self.fault is not None:
            raise self.fault
        return np.full(self.length, value, dtype=np.int16)


@pytest.fixture
def speaker() -> FakeSpeaker:
    return FakeSpeaker()


@pytest.fixture
def make_store(tmp_path: Path, speaker: FakeSpeaker) -> Callable[..., PromptStore]:
    def make(**limits: int) -> PromptStore:
        (tmp_path / "files").mkdir(exist_ok=True)
        return PromptStore(
            tmp_path / "cache",
            files_folder=tmp_path / "files",
            voice="en-gb",
            speaker=speaker,
            **limits,
        )

    return make


@pytest.fixture
def store(make_store: Callable[..., PromptStore]) -> PromptStore:
    return make_store()


def tone(hertz: float, rate: int, seconds: float = 0.5) -> Audio:
    wave = 8_000 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)
    audio: Audio = np.rint(wave).astype(np.int16)
    return audio


async def until(condition: Callable[[], bool]) -> None:
    """Let other tasks run until `condition` holds."""
    for _ in range(10_000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came about")


# speech


async def test_espeak_is_what_speaks_unless_told_otherwise(tmp_path: Path) -> None:
    store = PromptStore(tmp_path / "cache", files_folder=None, voice="en-gb")
    audio = await store.say("Good morning.")
    assert 0.4 < len(audio) / SAMPLE_RATE < 2
    assert np.abs(audio.astype(np.int32)).max() > 3_000


async def test_the_same_text_is_spoken_once(store: PromptStore, speaker: FakeSpeaker) -> None:
    first, second = await store.say("Hello."), await store.say("  Hello. ")
    assert first is second
    assert speaker.spoken == [("Hello.", "en-gb")]


async def test_text_and_voice_both_tell_prompts_apart(
    store: PromptStore, speaker: FakeSpeaker
) -> None:
    audio = [await store.say("Yes"), await store.say("No"), await store.say("Yes", "de")]
    assert [int(one[0]) for one in audio] == [1, 2, 3]
    assert speaker.spoken == [("Yes", "en-gb"), ("No", "en-gb"), ("Yes", "de")]


async def test_speech_outlives_a_restart(
    make_store: Callable[..., PromptStore], speaker: FakeSpeaker
) -> None:
    before = await make_store().say("Hello.")
    after = await make_store().say("Hello.")
    assert np.array_equal(before, after)
    assert len(speaker.spoken) == 1


async def test_many_who_ask_at_once_wait_for_one_synthesis(
    store: PromptStore, speaker: FakeSpeaker
) -> None:
    speaker.go_on.clear()
    async with asyncio.TaskGroup() as tasks:
        asking = [tasks.create_task(store.say("Hello.")) for _ in range(50)]
        await until(lambda: bool(speaker.spoken))
        speaker.go_on.set()
    assert len({id(task.result()) for task in asking}) == 1
    assert len(speaker.spoken) == 1


async def test_when_the_first_hangs_up_another_takes_over(
    store: PromptStore, speaker: FakeSpeaker
) -> None:
    speaker.go_on.clear()
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(store.say("Hello."))
        await until(lambda: len(speaker.spoken) == 1)
        others = [tasks.create_task(store.say("Hello.")) for _ in range(3)]
        await asyncio.sleep(0)
        first.cancel()
        await until(lambda: len(speaker.spoken) == 2)
        speaker.go_on.set()
    assert first.cancelled()
    assert [int(task.result()[0]) for task in others] == [2, 2, 2]


async def test_one_who_only_waited_can_hang_up_alone(
    store: PromptStore, speaker: FakeSpeaker
) -> None:
    speaker.go_on.clear()
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(store.say("Hello."))
        await until(lambda: len(speaker.spoken) == 1)
        second = tasks.create_task(store.say("Hello."))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.sleep(0)
        speaker.go_on.set()
    assert second.cancelled()
    assert int(first.result()[0]) == 1


async def test_a_failure_reaches_everyone_and_is_not_remembered(
    store: PromptStore, speaker: FakeSpeaker
) -> None:
    speaker.go_on.clear()
    speaker.fault = PromptError("no voice today")
    async with asyncio.TaskGroup() as tasks:
        asking = [tasks.create_task(asyncio.wait_for(_outcome(store), 5)) for _ in range(3)]
        await until(lambda: bool(speaker.spoken))
        speaker.go_on.set()
    assert [task.result() for task in asking] == ["no voice today"] * 3
    speaker.fault = None
    assert await _outcome(store) == "spoken"


async def _outcome(store: PromptStore) -> str:
    try:
        await store.say("Hello.")
    except PromptError as error:
        return str(error)
    return "spoken"


async def test_an_unforeseen_fault_is_not_hidden_and_blocks_nobody(
    store: PromptStore, speaker: FakeSpeaker
) -> None:
    speaker.fault = RuntimeError("a bug")
    with pytest.raises(RuntimeError, match="a bug"):
        await store.say("Hello.")
    speaker.fault = None
    assert len(await store.say("Hello.")) == 100


async def test_no_text_is_a_moment_of_silence(store: PromptStore, speaker: FakeSpeaker) -> None:
    audio = await store.say(" \x07\n")
    assert len(audio) == 800
    assert not audio.any()
    assert speaker.spoken == []


async def test_nobody_can_spoil_what_others_will_hear(store: PromptStore) -> None:
    audio = await store.say("Hello.")
    with pytest.raises(ValueError, match="read-only"):
        audio[0] = 5


async def test_memory_keeps_what_was_used_last(
    make_store: Callable[..., PromptStore], speaker: FakeSpeaker, tmp_path: Path
) -> None:
    store = make_store(memory_bytes=2 * 100 * 2)  # two prompts
    a = await store.say("a")
    await store.say("b")
    assert await store.say("a") is a
    await store.say("c")  # b goes, it was not used for longest
    assert await store.say("a") is a
    for path in (tmp_path / "cache").iterdir():
        path.unlink()
    await store.say("b")
    assert [text for text, _ in speaker.spoken] == ["a", "b", "c", "b"]


async def test_disk_keeps_what_was_used_last(
    make_store: Callable[..., PromptStore], speaker: FakeSpeaker, tmp_path: Path
) -> None:
    each = 100 * 2 + 44
    for text in ("a", "b", "c"):
        await make_store().say(text)
    by_value = {int(read_wav(path)[0]): path for path in (tmp_path / "cache").iterdir()}
    for value, path in by_value.items():
        os.utime(path, ns=(value * 10**9, value * 10**9))
    await make_store().say("a")  # found on disk, and from now on the one used last
    await make_store(disk_bytes=2 * each).say("d")
    kept = {int(read_wav(path)[0]) for path in (tmp_path / "cache").iterdir()}
    assert kept == {1, 4}


async def test_a_spoilt_file_on_disk_is_made_anew(
    make_store: Callable[..., PromptStore], speaker: FakeSpeaker, tmp_path: Path
) -> None:
    await make_store().say("Hello.")
    (stored,) = (tmp_path / "cache").iterdir()
    stored.write_bytes(b"RIFF")
    audio = await make_store().say("Hello.")
    assert int(audio[0]) == 2
    assert read_wav(stored).tolist() == audio.tolist()


async def test_a_disk_that_cannot_be_written_costs_the_cache_and_not_the_prompt(
    tmp_path: Path, speaker: FakeSpeaker, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    store = PromptStore(tmp_path / "cache", files_folder=None, voice="en-gb", speaker=speaker)
    assert len(await store.say("Hello.")) == 100
    assert "speech was not stored" in caplog.messages


# files


async def test_a_file_is_heard_at_its_own_pitch(store: PromptStore, tmp_path: Path) -> None:
    (tmp_path / "files" / "sales").mkdir()
    write_wav(tmp_path / "files" / "sales" / "hello.wav", tone(1_000, 44_100), rate=44_100)
    audio = await store.file("sales/hello.wav")
    assert len(audio) == 4_000
    spectrum = np.abs(np.fft.rfft(audio.astype(float)))
    assert spectrum.argmax() * 2 == 1_000
    assert await store.file("sales/hello.wav") is audio


async def test_a_replaced_file_is_heard_at_once(store: PromptStore, tmp_path: Path) -> None:
    path = tmp_path / "files" / "hello.wav"
    write_wav(path, np.full(10, 1, dtype=np.int16))
    assert (await store.file("hello.wav"))[0] == 1
    write_wav(path, np.full(10, 2, dtype=np.int16))
    os.utime(path, ns=(1, 1))
    assert (await store.file("hello.wav"))[0] == 2


@pytest.mark.parametrize(
    "name",
    [
        "../x.wav",
        "sub/../../x.wav",
        "{tmp}/x.wav",
        "link.wav",
        "out/x.wav",
        "nothing.wav",
        "",
        ".",
        "sub",
        "a\x00b.wav",
        "x" * 300,
        "pipe.wav",
    ],
)
async def test_nothing_but_files_of_the_folder_is_read(
    store: PromptStore, tmp_path: Path, name: str
) -> None:
    files = tmp_path / "files"
    write_wav(tmp_path / "x.wav", tone(440, 8_000))
    (files / "sub").mkdir()
    (files / "link.wav").symlink_to(tmp_path / "x.wav")
    (files / "out").symlink_to(tmp_path)
    os.mkfifo(files / "pipe.wav")
    with pytest.raises(PromptError, match="there is no prompt file"):
        await store.file(name.replace("{tmp}", str(tmp_path)))


async def test_a_link_that_stays_in_the_folder_is_followed(
    store: PromptStore, tmp_path: Path
) -> None:
    write_wav(tmp_path / "files" / "winter.wav", tone(440, 8_000))
    (tmp_path / "files" / "greeting.wav").symlink_to("winter.wav")
    assert len(await store.file("greeting.wav")) == 4_000


async def test_a_file_that_is_not_a_wav_is_named(store: PromptStore, tmp_path: Path) -> None:
    (tmp_path / "files" / "song.wav").write_text("la la la")
    with pytest.raises(PromptError, match=r"^song\.wav: not a WAV file"):
        await store.file("song.wav")


async def test_without_a_folder_there_are_no_files(tmp_path: Path) -> None:
    store = PromptStore(tmp_path / "cache", files_folder=None, voice="en-gb")
    with pytest.raises(PromptError, match="no folder"):
        await store.file("hello.wav")


# music


async def test_our_own_music_plays_when_there_is_no_folder(store: PromptStore) -> None:
    audio = await store.music(None)
    assert np.array_equal(audio, default_music())
    assert await store.music(None) is audio


async def test_a_folder_is_played_in_the_order_of_names(store: PromptStore, tmp_path: Path) -> None:
    folder = tmp_path / "music"
    folder.mkdir()
    write_wav(folder / "2.WAV", np.full(20, 2, dtype=np.int16))
    write_wav(folder / "1.wav", np.full(10, 1, dtype=np.int16))
    (folder / "readme.txt").write_text("not music")
    (folder / "empty.wav").mkdir()
    audio = await store.music(folder)
    assert audio[:10].tolist() == [1] * 10
    assert audio[8_010:8_030].tolist() == [2] * 20
    assert len(audio) == 30 + 2 * 8_000
    assert await store.music(folder) is audio


async def test_a_new_piece_in_the_folder_is_noticed(store: PromptStore, tmp_path: Path) -> None:
    write_wav(tmp_path / "1.wav", np.full(10, 1, dtype=np.int16))
    assert len(await store.music(tmp_path)) == 8_010
    write_wav(tmp_path / "2.wav", np.full(10, 2, dtype=np.int16))
    assert len(await store.music(tmp_path)) == 16_020


async def test_a_piece_that_cannot_be_played_is_left_out(
    store: PromptStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "1.wav").write_text("broken")
    write_wav(tmp_path / "2.wav", np.full(10, 2, dtype=np.int16))
    assert (await store.music(tmp_path))[0] == 2
    assert "music file cannot be played" in caplog.messages


@pytest.mark.parametrize("name", ["empty", "missing"])
async def test_a_waiting_caller_hears_music_whatever_the_folder_is(
    store: PromptStore, tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "empty").mkdir()
    assert await store.music(tmp_path / name) is await store.music(None)
    assert "no music can be played, ours is" in caplog.messages


async def test_an_endless_folder_is_cut_off(
    store: PromptStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    quarter = np.zeros(15 * 60 * SAMPLE_RATE, dtype=np.int16)
    for number in range(3):
        write_wav(tmp_path / f"{number}.wav", quarter)
    assert len(await store.music(tmp_path)) == 2 * (len(quarter) + SAMPLE_RATE)
    assert "music folder is too long, the rest is left out" in caplog.messages
