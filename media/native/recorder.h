/* Writes recordings to files from a thread of its own, so that no disk ever delays audio. */
#ifndef MURIMA_RECORDER_H
#define MURIMA_RECORDER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "ring.h"

#define WAV_HEADER 44

typedef enum {
    RECORDING_RUNS,
    RECORDING_FULL_DISK,
    RECORDING_WRITE_ERROR,
    RECORDING_OVERRUN,  /* the disk was slower than the sound: the file is whole, but has gaps */
    RECORDING_TOO_LONG, /* a WAV file cannot say that it holds more */
} RecordingFault;

typedef struct Recording {
    SampleRing ring;
    int fd;
    uint32_t channels;
    uint64_t id;
    _Atomic bool closing; /* set by the media thread: nothing more will be pushed */
    /* below: the writer's */
    uint64_t bytes;
    RecordingFault fault;
    uint32_t rounds;
    struct Recording *next;
} Recording;

typedef void (*RecordingTold)(void *context, const Recording *recording, bool finished);

typedef struct {
    pthread_t thread;
    pthread_mutex_t lock; /* of `arriving` only; the media thread never takes it */
    Recording *arriving;
    Recording *active;
    _Atomic bool stopping;
    uint64_t least_free; /* bytes; below it recordings stop */
    int wake;            /* eventfd */
    RecordingTold told;
    void *context;
} Recorder;

bool recorder_start(Recorder *recorder, uint64_t least_free, RecordingTold told, void *context);

/* Finishes every recording that is closing, then ends the thread. */
void recorder_stop(Recorder *recorder);

/* Hand over an opened recording; `told(finished = true)` gives it back. */
void recorder_add(Recorder *recorder, Recording *recording);

/* The header of a WAV file that holds `bytes` of sound so far. */
void wav_header(uint8_t *header, uint32_t channels, uint64_t bytes);

#endif
