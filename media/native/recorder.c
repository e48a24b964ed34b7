#define _GNU_SOURCE
#include "recorder.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define ROUND_MS 100
#define ROUNDS_A_SECOND 10
#define BYTES_MOST (UINT32_MAX - WAV_HEADER) /* a WAV file's own limit: 37 hours in stereo */

static void write_le(uint8_t *p, uint32_t value, int size)
{
    for (int i = 0; i < size; i++)
        p[i] = (uint8_t)(value >> (8 * i));
}

void wav_header(uint8_t *header, uint32_t channels, uint64_t bytes)
{
    const uint32_t rate = 8000, width = 2;
    memcpy(header, "RIFF", 4);
    write_le(header + 4, (uint32_t)(bytes + WAV_HEADER - 8), 4);
    memcpy(header + 8, "WAVEfmt ", 8);
    write_le(header + 16, 16, 4);
    write_le(header + 20, 1, 2);
    write_le(header + 22, channels, 2);
    write_le(header + 24, rate, 4);
    write_le(header + 28, rate * channels * width, 4);
    write_le(header + 32, channels * width, 2);
    write_le(header + 34, 8 * width, 2);
    memcpy(header + 36, "data", 4);
    write_le(header + 40, (uint32_t)bytes, 4);
}

static bool write_all(int fd, const void *data, size_t size, off_t at)
{
    const uint8_t *p = data;
    while (size > 0) {
        const ssize_t written = pwrite(fd, p, size, at);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        p += written;
        at += written;
        size -= (size_t)written;
    }
    return true;
}

static bool write_header(Recording *recording)
{
    uint8_t header[WAV_HEADER];
    wav_header(header, recording->channels, recording->bytes);
    return write_all(recording->fd, header, sizeof header, 0);
}

static bool has_room(const Recorder *recorder, const Recording *recording)
{
    struct statvfs disk;
    if (fstatvfs(recording->fd, &disk) != 0)
        return true; /* nobody knows; writing will tell */
    return (uint64_t)disk.f_bavail * disk.f_frsize >= recorder->least_free;
}

static void fail(Recorder *recorder, Recording *recording, RecordingFault fault)
{
    recording->fault = fault;
    /* What was written stays playable: the header may still fit where the samples did not. */
    (void)write_header(recording);
    recorder->told(recorder->context, recording, false);
}

static void append(Recorder *recorder, Recording *recording, const int16_t *from, uint64_t size)
{
    if (recording->bytes + size > BYTES_MOST)
        fail(recorder, recording, RECORDING_TOO_LONG);
    else if (write_all(recording->fd, from, size, (off_t)(WAV_HEADER + recording->bytes)))
        recording->bytes += size;
    else
        fail(recorder, recording,
             errno == ENOSPC || errno == EDQUOT ? RECORDING_FULL_DISK : RECORDING_WRITE_ERROR);
}

/* Empty the ring into the file; after a fault, into nothing. */
static void drain(Recorder *recorder, Recording *recording)
{
    const int16_t *from;
    uint32_t count;
    while ((count = samples_peek(&recording->ring, &from, UINT32_MAX)) > 0) {
        if (recording->fault == RECORDING_RUNS)
            append(recorder, recording, from, count * sizeof *from);
        samples_release(&recording->ring, count);
    }
}

/* One round for one recording; true when it is finished and was given back. */
static bool serve(Recorder *recorder, Recording *recording)
{
    const bool closing = atomic_load_explicit(&recording->closing, memory_order_acquire);
    if (recording->fault == RECORDING_RUNS && recording->rounds++ % ROUNDS_A_SECOND == 0) {
        if (!has_room(recorder, recording))
            fail(recorder, recording, RECORDING_FULL_DISK);
        else if (!write_header(recording))
            fail(recorder, recording, RECORDING_WRITE_ERROR);
    }
    drain(recorder, recording);
    if (!closing)
        return false;
    if (recording->fault == RECORDING_RUNS && !write_header(recording))
        recording->fault = RECORDING_WRITE_ERROR;
    if (recording->fault == RECORDING_RUNS &&
        atomic_load_explicit(&recording->ring.lost, memory_order_relaxed) > 0)
        recording->fault = RECORDING_OVERRUN;
    close(recording->fd);
    recording->fd = -1;
    recorder->told(recorder->context, recording, true);
    return true;
}

static void take_arrivals(Recorder *recorder)
{
    pthread_mutex_lock(&recorder->lock);
    while (recorder->arriving) {
        Recording *next = recorder->arriving->next;
        recorder->arriving->next = recorder->active;
        recorder->active = recorder->arriving;
        recorder->arriving = next;
    }
    pthread_mutex_unlock(&recorder->lock);
}

static void *run(void *argument)
{
    Recorder *recorder = argument;
    for (;;) {
        const bool stopping = atomic_load_explicit(&recorder->stopping, memory_order_acquire);
        take_arrivals(recorder);
        for (Recording **link = &recorder->active; *link;) {
            Recording *recording = *link, *next = recording->next;
            if (stopping)
                atomic_store_explicit(&recording->closing, true, memory_order_release);
            if (serve(recorder, recording))
                *link = next;
            else
                link = &recording->next;
        }
        if (stopping && !recorder->active)
            return NULL;
        struct pollfd wait = {.fd = recorder->wake, .events = POLLIN};
        poll(&wait, 1, ROUND_MS);
    }
}

bool recorder_start(Recorder *recorder, uint64_t least_free, RecordingTold told, void *context)
{
    memset(recorder, 0, sizeof *recorder);
    recorder->least_free = least_free;
    recorder->told = told;
    recorder->context = context;
    recorder->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (recorder->wake < 0)
        return false;
    pthread_mutex_init(&recorder->lock, NULL);
    return pthread_create(&recorder->thread, NULL, run, recorder) == 0;
}

void recorder_stop(Recorder *recorder)
{
    atomic_store_explicit(&recorder->stopping, true, memory_order_release);
    const uint64_t one = 1;
    (void)!write(recorder->wake, &one, sizeof one);
    pthread_join(recorder->thread, NULL);
    close(recorder->wake);
    pthread_mutex_destroy(&recorder->lock);
}

void recorder_add(Recorder *recorder, Recording *recording)
{
    pthread_mutex_lock(&recorder->lock);
    recording->next = recorder->arriving;
    recorder->arriving = recording;
    pthread_mutex_unlock(&recorder->lock);
}
