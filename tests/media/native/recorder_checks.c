/* Recordings: what the file says, and what it says of itself. */
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "recorder.h"

static void wav_header_says_what_is_there(void)
{
    uint8_t header[WAV_HEADER];
    wav_header(header, 2, 64000);
    CHECK(memcmp(header, "RIFF", 4) == 0 && memcmp(header + 8, "WAVEfmt ", 8) == 0);
    CHECK(header[22] == 2 && header[34] == 16);
    CHECK(header[40] == 0x00 && header[41] == 0xFA && header[42] == 0 && header[43] == 0);
}

typedef struct {
    int failed, finished;
    RecordingFault fault;
    uint64_t bytes;
} Told;

static void told(void *context, const Recording *recording, bool finished)
{
    Told *told = context;
    told->finished += finished;
    told->failed += !finished;
    told->fault = recording->fault;
    told->bytes = recording->bytes;
}

/* What is told of a recording of which `blocks` of 160 samples come before anybody writes. */
static Told record(uint64_t bytes_before, int blocks, uint8_t *header)
{
    static const int16_t sound[160];
    const int fd = memfd_create("recording", 0);
    Recording recording = {.fd = dup(fd), .channels = 1, .bytes = bytes_before};
    samples_open(&recording.ring, 1024);
    recording.closing = true;
    for (int n = 0; n < blocks; n++)
        samples_push(&recording.ring, sound, 160);
    Told result = {0};
    Recorder recorder;
    CHECK(recorder_start(&recorder, 0, told, &result));
    recorder_add(&recorder, &recording);
    recorder_stop(&recorder);
    CHECK(pread(fd, header, WAV_HEADER, 0) == WAV_HEADER);
    close(fd);
    samples_close(&recording.ring);
    return result;
}

static void recording_that_lost_sound_is_not_whole(void)
{
    uint8_t header[WAV_HEADER], expected[WAV_HEADER];
    const Told whole = record(0, 6, header), lossy = record(0, 7, header);
    CHECK(whole.finished == 1 && whole.failed == 0 && whole.fault == RECORDING_RUNS);
    CHECK(lossy.finished == 1 && lossy.failed == 0 && lossy.fault == RECORDING_OVERRUN);
    CHECK(whole.bytes == 6 * 320 && lossy.bytes == 6 * 320); /* what came is there */
    wav_header(expected, 1, 6 * 320);
    CHECK(memcmp(header, expected, WAV_HEADER) == 0);
}

static void recording_ends_where_its_header_does(void)
{
    uint8_t header[WAV_HEADER], expected[WAV_HEADER];
    const uint64_t nearly_all = UINT32_MAX - WAV_HEADER - 100;
    const Told long_one = record(nearly_all, 2, header);
    CHECK(long_one.failed == 1 && long_one.finished == 1);
    CHECK(long_one.fault == RECORDING_TOO_LONG && long_one.bytes == nearly_all);
    wav_header(expected, 1, nearly_all);
    CHECK(memcmp(header, expected, WAV_HEADER) == 0);
}

int main(void)
{
    wav_header_says_what_is_there();
    recording_that_lost_sound_is_not_whole();
    recording_ends_where_its_header_does();
    return failures ? 1 : 0;
}
