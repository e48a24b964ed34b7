"""Text becomes speech of one level, whatever is in the text and whatever espeak-ng does."""

import asyncio
import os
from pathlib import Path

import numpy as np
import pytest

from media.audio import SAMPLE_RATE, Audio
from media.speech import MAX_TEXT, PromptError, Speaker, clean_text, level_speech
from media.wav import write_wav


def program(folder: Path, script: str) -> str:
    """A stand-in for espeak-ng that does what `script` says."""
    path = folder / "speaks"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def burst(milliseconds: int, amplitude: float) -> Audio:
    time = np.arange(milliseconds * 8) / SAMPLE_RATE
    return np.rint(amplitude * np.sin(2 * np.pi * 500 * time)).astype(np.int16)


async def test_an_utterance_is_speech_of_plausible_length_and_level() -> None:
    audio = await Speaker().speak("Welcome. For sales, press 1. For support, press 2.", "en-gb")
    assert 2.5 < len(audio) / SAMPLE_RATE < 7
    power = np.abs(np.fft.rfft(audio.astype(float))) ** 2
    hertz = np.fft.rfftfreq(len(audio), 1 / SAMPLE_RATE)
    assert power[(hertz > 100) & (hertz < 3_400)].sum() > 0.95 * power.sum()
    assert power[(hertz > 300) & (hertz < 3_400)].sum() > 0.3 * power.sum()
    assert -26 < 20 * np.log10(audio.astype(float).std() / 32_768) < -18
    assert np.abs(audio.astype(np.int32)).max() < 32_767 * 0.8
    # speech comes in syllables: its loudness goes up and down, unlike that of a tone
    loudness = audio[: len(audio) // 400 * 400].reshape(-1, 400).astype(float).std(axis=1)
    assert loudness.std() > 0.4 * loudness.mean()


async def test_different_words_sound_different_and_longer_texts_last_longer() -> None:
    speaker = Speaker()
    short, long = await speaker.speak("one", "en-gb"), await speaker.speak("one thousand", "en-gb")
    assert len(short) < len(long)


async def test_markup_is_not_obeyed() -> None:
    speaker = Speaker()
    pause = await speaker.speak('yes <break time="5s"/> no', "en-gb")
    longest_pause, quiet = 0, 0
    for frame in pause[: len(pause) // 80 * 80].reshape(-1, 80):
        quiet = quiet + 1 if np.abs(frame.astype(np.int32)).max() < 150 else 0
        longest_pause = max(longest_pause, quiet)
    assert longest_pause < 200  # frames of 10 ms


async def test_options_cannot_come_in_with_the_text(tmp_path: Path) -> None:
    target = tmp_path / "written.wav"
    await Speaker().speak(f"-w {target}", "en-gb")
    assert not target.exists()


async def test_a_missing_program_is_named() -> None:
    with pytest.raises(PromptError, match=r"^cannot run no-such-program: No such file"):
        await Speaker(program="no-such-program").speak("hello", "en-gb")


@pytest.mark.parametrize("voice", ["", "-w", "a b", "../en", "en\n", "x" * 50])
async def test_a_voice_that_could_be_something_else_is_refused(voice: str) -> None:
    with pytest.raises(PromptError, match="not the name of a voice"):
        await Speaker().speak("hello", voice)


async def test_an_unknown_voice_is_told_in_one_line() -> None:
    with pytest.raises(PromptError, match=r"voice 'xx': .*does not exist") as caught:
        await Speaker().speak("hello", "xx")
    assert "\n" not in str(caught.value)
    assert caught.value.code == "prompt_failed"


async def test_a_failure_without_a_word_gives_the_exit_code(tmp_path: Path) -> None:
    failing = program(tmp_path, "exit 7")
    with pytest.raises(PromptError, match="exit code 7"):
        await Speaker(program=failing).speak("hello", "en-gb")


async def test_output_that_is_no_sound_is_an_error(tmp_path: Path) -> None:
    talking = program(tmp_path, "echo this is not a WAV")
    with pytest.raises(PromptError, match="made no speech: speech: not a WAV file"):
        await Speaker(program=talking).speak("hello", "en-gb")


async def test_a_program_that_hangs_is_ended(tmp_path: Path) -> None:
    hanging = program(tmp_path, f"echo $$ > {tmp_path}/pid; exec sleep 60")
    with pytest.raises(PromptError, match=r"took more than 0\.3 s"):
        await Speaker(program=hanging, seconds=0.3).speak("hello", "en-gb")
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


async def test_a_caller_who_hangs_up_ends_the_program(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "started")
    hanging = program(tmp_path, f"echo $$ > {tmp_path}/started; exec sleep 60")
    async with asyncio.TaskGroup() as tasks:
        speaking = tasks.create_task(Speaker(program=hanging).speak("hello", "en-gb"))
        process = int(await asyncio.to_thread((tmp_path / "started").read_text))
        speaking.cancel()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


async def test_only_so_many_speak_at_a_time(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", burst(100, 5_000))
    counting = program(
        tmp_path,
        f"cd {tmp_path}; echo + >> log; cat a.wav; echo - >> log",
    )
    speaker = Speaker(program=counting, at_a_time=2)
    await asyncio.gather(*(speaker.speak("hello", "en-gb") for _ in range(6)))
    running = most = 0
    for line in (tmp_path / "log").read_text().split():
        running += 1 if line == "+" else -1
        most = max(most, running)
    assert 1 <= most <= 2


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("  Press  1\tnow.\r\n", "Press 1 now."),
        ("stop\x00\x1b[31m\x07", "stop [31m"),
        ("[[h@l0U]] [[[[x", "[h@l0U]] [x"),
        ("\ud800 \u2028 é", "é"),
        ("\u200b", ""),
        ("", ""),
    ],
)
def test_text_is_one_printable_line(text: str, cleaned: str) -> None:
    assert clean_text(text) == cleaned


def test_a_text_too_long_to_be_a_prompt_is_refused() -> None:
    assert len(clean_text("a" * MAX_TEXT)) == MAX_TEXT
    with pytest.raises(PromptError, match="1001 characters"):
        clean_text("a" * (MAX_TEXT + 1))


def test_silence_around_speech_is_cut_and_pauses_inside_are_kept() -> None:
    still = np.zeros(8_000, dtype=np.int16)
    audio = level_speech(np.concatenate([still, burst(300, 900), still, burst(300, 900), still]))
    assert len(audio) / 8 == pytest.approx(300 + 1_000 + 300 + 80, abs=20)


@pytest.mark.parametrize("amplitude", [200, 3_000, 30_000])
def test_quiet_and_loud_speech_come_out_equally_loud(amplitude: float) -> None:
    audio = level_speech(burst(1_000, amplitude)).astype(float)
    assert 20 * np.log10(audio.std() / 32_768) == pytest.approx(-20, abs=0.3)


def test_a_sharp_peak_holds_the_level_down() -> None:
    audio = burst(1_000, 1_000)
    audio[4_000] = 30_000
    levelled = np.abs(level_speech(audio).astype(np.int32))
    assert levelled.max() == pytest.approx(32_768 * 10 ** (-2 / 20), rel=0.01)


@pytest.mark.parametrize("length", [0, 5, 800])
def test_nothing_to_hear_becomes_a_moment_of_silence(length: int) -> None:
    audio = level_speech(np.zeros(length, dtype=np.int16))
    assert len(audio) == 800
    assert not audio.any()
