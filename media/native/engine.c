/* The engine as Python's thread knows it: it makes and frees the objects, and takes their events. */
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "engine.h"

static void recorder_told(void *context, const Recording *recording, bool finished)
{
    Engine *engine = context;
    const Event event = {
        .kind = finished ? EVENT_RECORDED : EVENT_RECORDING_FAILED,
        .id = recording->id,
        .a = (int64_t)recording->bytes,
        .b = recording->fault,
        .object = finished ? (void *)(uintptr_t)recording : NULL,
    };
    ring_push(&engine->recorder_events, &event);
    const uint64_t one = 1;
    (void)!write(engine->wake, &one, sizeof one);
}

Engine *engine_open(uint32_t shards, uint32_t most_legs, uint64_t least_free)
{
    g711_init();
    resample_init();
    Engine *engine = calloc(1, sizeof *engine);
    if (!engine)
        return NULL;
    engine->shards = calloc(shards, sizeof *engine->shards);
    engine->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!engine->shards || engine->wake < 0 ||
        !ring_open(&engine->recorder_events, sizeof(Event), 65536) ||
        !recorder_start(&engine->recorder, least_free, recorder_told, engine))
        return NULL; /* start-up fails as a whole; the process ends */
    for (; engine->shard_count < shards; engine->shard_count++)
        if (!shard_open(&engine->shards[engine->shard_count], most_legs, engine->wake))
            return NULL;
    return engine;
}

void engine_stop(Engine *engine)
{
    for (uint32_t i = 0; i < engine->shard_count; i++)
        shard_stop(&engine->shards[i]);
    recorder_stop(&engine->recorder);
}

void engine_free(Engine *engine)
{
    for (uint32_t i = 0; i < engine->shard_count; i++)
        shard_free(&engine->shards[i]);
    ring_close(&engine->recorder_events);
    close(engine->wake);
    free(engine->shards);
    free(engine);
}

bool engine_event(Engine *engine, Event *event)
{
    for (uint32_t i = 0; i < engine->shard_count; i++)
        if (ring_pop(&engine->shards[i].events, event))
            return true;
    return ring_pop(&engine->recorder_events, event);
}

Bridge *bridge_new(uint64_t id)
{
    Bridge *bridge = calloc(1, sizeof *bridge);
    if (bridge)
        bridge->id = id;
    return bridge;
}

Recording *recording_new(uint64_t id, int fd, uint32_t channels)
{
    Recording *recording = calloc(1, sizeof *recording);
    /* 65536 samples: more than 4 s in stereo. */
    if (!recording || !samples_open(&recording->ring, 65536)) {
        free(recording);
        return NULL;
    }
    recording->id = id;
    recording->fd = fd;
    recording->channels = channels;
    return recording;
}

void recording_free(Recording *recording)
{
    samples_close(&recording->ring);
    free(recording);
}

SampleRing *tap_new(uint32_t samples)
{
    uint32_t capacity = 1024;
    while (capacity < samples)
        capacity *= 2;
    SampleRing *tap = calloc(1, sizeof *tap);
    if (!tap || !samples_open(tap, capacity)) {
        free(tap);
        return NULL;
    }
    return tap;
}

void tap_free(SampleRing *tap)
{
    samples_close(tap);
    free(tap);
}
