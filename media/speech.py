"""Turns text into speech with espeak-ng, run as a process so that a fault costs one prompt only."""

import asyncio
import re
import unicodedata

import numpy as np
from numpy.typing import NDArray

from media.audio import SAMPLE_RATE, Audio, silence
from media.errors import MediaError
from media.wav import WavError, decode_wav

MAX_TEXT = 1_000
"""Characters in one prompt; about a minute and a half of speech."""

PROCESSING_VERSION = 1
"""Counts changes to how the same text would sound; stored speech of another version is not used."""

_WORDS_PER_MINUTE = 155
_SPEECH_LEVEL_DB = -20.0
_PEAK_LIMIT_DB = -2.0
_VOICE = re.compile(r"[A-Za-z][\w+-]{0,39}", re.ASCII)

_FRAME = SAMPLE_RATE // 100
_SILENT_BELOW_PEAK_DB = -45.0
_LEAD_FRAMES, _TAIL_FRAMES = 2, 6
"""Silence left around speech, in 10 ms frames: soft consonants lie below the threshold."""


class PromptError(MediaError):
    """A prompt cannot be played; the message is one line for the administrator."""

    code = "prompt_failed"


class Speaker:
    """Runs espeak-ng, a few at a time, each for a limited time."""

    def __init__(
        self, *, program: str = "espeak-ng", at_a_time: int = 2, seconds: float = 10.0
    ) -> None:
        self._program = program
        self._seconds = seconds
        self._free = asyncio.Semaphore(at_a_time)
        self._voices: list[tuple[str, str]] | None = None

    async def speak(self, text: str, voice: str) -> Audio:
        """`text` as `clean_text` returns it; the audio is trimmed and at one level for all."""
        if not _VOICE.fullmatch(voice):
            raise PromptError(f"{voice!r} is not the name of a voice")
        async with self._free:
            wav = await self._run(text, voice)
        try:
            return await asyncio.to_thread(lambda: level_speech(decode_wav(wav, name="speech")))
        except WavError as error:
            raise PromptError(f"{self._program} made no speech: {error}") from error

    async def voices(self) -> list[tuple[str, str]]:
        """Name for `speak` and for people of every voice, by the latter. Raises PromptError."""
        if self._voices is None:
            async with self._free:
                listed = await self._output(["--voices"], b"", "list of voices")
            self._voices = _listed_voices(listed.decode(errors="replace"))
        return self._voices

    async def _run(self, text: str, voice: str) -> bytes:
        # The text goes in by stdin, so it can neither be taken for an option nor be too long;
        # without -m espeak-ng reads markup aloud instead of obeying it.
        options = ["-v", voice, "-s", str(_WORDS_PER_MINUTE), "-b", "1", "--stdin", "--stdout"]
        return await self._output(options, text.encode(errors="replace"), f"voice {voice!r}")

    async def _output(self, options: list[str], text: bytes, what: str) -> bytes:
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(
                self._program, *options, stdin=pipe, stdout=pipe, stderr=pipe
            )
        except OSError as error:
            raise PromptError(f"cannot run {self._program}: {error.strerror}") from error
        try:
            async with asyncio.timeout(self._seconds):
                wav, complaint = await process.communicate(text)
        except TimeoutError:
            raise PromptError(f"{self._program} took more than {self._seconds:g} s") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            lines = complaint.decode(errors="replace").split("\n")
            why = lines[0].strip()[:200] or f"exit code {process.returncode}"
            raise PromptError(f"{self._program} failed with {what}: {why}")
        return wav


def _listed_voices(table: str) -> list[tuple[str, str]]:
    """What `espeak-ng --voices` prints, below its heading."""
    rows = [line.split() for line in table.splitlines()[1:]]
    # Priority, language, age and gender, name, ...; the language is what -v takes.
    named = {row[1]: row[3].replace("_", " ") for row in rows if len(row) > 4}
    found = [(id, name) for id, name in named.items() if _VOICE.fullmatch(id)]
    return sorted(found, key=lambda voice: voice[1].casefold())


def clean_text(text: str) -> str:
    """One line without control characters and without espeak-ng's own phoneme brackets."""
    if len(text) > MAX_TEXT:
        raise PromptError(f"a prompt of {len(text)} characters is too long, {MAX_TEXT} at most")
    printable = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in text)
    while "[[" in printable:
        printable = printable.replace("[[", "[")
    return " ".join(printable.split())


def level_speech(audio: Audio) -> Audio:
    """Cut silence off both ends and bring what is spoken to the level of all prompts."""
    count = len(audio) // _FRAME
    frames = audio[: count * _FRAME].reshape(count, _FRAME).astype(np.float64)
    loudness = np.sqrt((frames**2).mean(axis=1)) if count else np.zeros(0)
    spoken = np.flatnonzero(loudness > _loudest(loudness) * _ratio(_SILENT_BELOW_PEAK_DB))
    if not len(spoken):
        return silence(100)
    first = max(spoken[0] - _LEAD_FRAMES, 0) * _FRAME
    kept: Audio = audio[first : (spoken[-1] + 1 + _TAIL_FRAMES) * _FRAME]
    rms = float(np.sqrt((loudness[spoken] ** 2).mean()))
    gain = min(
        32_768 * _ratio(_SPEECH_LEVEL_DB) / rms,
        32_768 * _ratio(_PEAK_LIMIT_DB) / float(np.abs(kept.astype(np.int32)).max()),
    )
    levelled: Audio = np.rint(kept * gain).astype(np.int16)
    return levelled


def _loudest(loudness: NDArray[np.float64]) -> float:
    return float(loudness.max(initial=0.0))


def _ratio(decibels: float) -> float:
    return float(10 ** (decibels / 20))
