/* Rings between exactly one producer and one consumer thread. */
#ifndef MURIMA_RING_H
#define MURIMA_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    uint8_t *items;
    uint32_t size; /* of one item */
    uint32_t count; /* a power of two */
    _Atomic uint32_t written;
    _Atomic uint32_t read;
    _Atomic uint64_t overflows;
} Ring;

static inline bool ring_open(Ring *ring, uint32_t size, uint32_t count)
{
    memset(ring, 0, sizeof *ring);
    ring->size = size;
    ring->count = count;
    ring->items = malloc((size_t)size * count);
    if (ring->items) /* touch it now, so that no page fault hits a media thread */
        memset(ring->items, 0, (size_t)size * count);
    return ring->items != NULL;
}

static inline void ring_close(Ring *ring)
{
    free(ring->items);
    ring->items = NULL;
}

/* How many items wait, as the producer sees it: there may be fewer by now. */
static inline uint32_t ring_used(Ring *ring)
{
    return atomic_load_explicit(&ring->written, memory_order_relaxed) -
           atomic_load_explicit(&ring->read, memory_order_acquire);
}

static inline bool ring_push(Ring *ring, const void *item)
{
    const uint32_t at = atomic_load_explicit(&ring->written, memory_order_relaxed);
    if (at - atomic_load_explicit(&ring->read, memory_order_acquire) == ring->count) {
        atomic_fetch_add_explicit(&ring->overflows, 1, memory_order_relaxed);
        return false;
    }
    memcpy(ring->items + (size_t)(at & (ring->count - 1)) * ring->size, item, ring->size);
    atomic_store_explicit(&ring->written, at + 1, memory_order_release);
    return true;
}

static inline bool ring_pop(Ring *ring, void *item)
{
    const uint32_t at = atomic_load_explicit(&ring->read, memory_order_relaxed);
    if (at == atomic_load_explicit(&ring->written, memory_order_acquire))
        return false;
    memcpy(item, ring->items + (size_t)(at & (ring->count - 1)) * ring->size, ring->size);
    atomic_store_explicit(&ring->read, at + 1, memory_order_release);
    return true;
}

/* Samples between a media thread that never waits and a reader that may be late. */
typedef struct {
    int16_t *samples;
    uint32_t capacity; /* samples, a power of two */
    _Atomic uint64_t written;
    _Atomic uint64_t read;
    _Atomic uint64_t lost; /* samples there was no room for */
} SampleRing;

static inline bool samples_open(SampleRing *ring, uint32_t capacity)
{
    memset(ring, 0, sizeof *ring);
    ring->capacity = capacity;
    ring->samples = malloc(capacity * sizeof(int16_t));
    if (ring->samples)
        memset(ring->samples, 0, capacity * sizeof(int16_t));
    return ring->samples != NULL;
}

static inline void samples_close(SampleRing *ring)
{
    free(ring->samples);
    ring->samples = NULL;
}

/* All or nothing, so that channels never get out of step. */
static inline bool samples_push(SampleRing *ring, const int16_t *from, uint32_t count)
{
    const uint64_t at = atomic_load_explicit(&ring->written, memory_order_relaxed);
    const uint64_t used = at - atomic_load_explicit(&ring->read, memory_order_acquire);
    if (used + count > ring->capacity) {
        atomic_fetch_add_explicit(&ring->lost, count, memory_order_relaxed);
        return false;
    }
    const uint32_t start = (uint32_t)at & (ring->capacity - 1);
    const uint32_t first = count < ring->capacity - start ? count : ring->capacity - start;
    memcpy(ring->samples + start, from, first * sizeof *from);
    memcpy(ring->samples, from + first, (count - first) * sizeof *from);
    atomic_store_explicit(&ring->written, at + count, memory_order_release);
    return true;
}

/* Up to `most` samples in one piece: fewer at the ring's end, so call it until it returns 0. */
static inline uint32_t samples_peek(SampleRing *ring, const int16_t **from, uint32_t most)
{
    const uint64_t at = atomic_load_explicit(&ring->read, memory_order_relaxed);
    const uint64_t used = atomic_load_explicit(&ring->written, memory_order_acquire) - at;
    const uint32_t start = (uint32_t)at & (ring->capacity - 1);
    uint64_t count = used < ring->capacity - start ? used : ring->capacity - start;
    if (count > most)
        count = most;
    *from = ring->samples + start;
    return (uint32_t)count;
}

static inline void samples_release(SampleRing *ring, uint32_t count)
{
    atomic_fetch_add_explicit(&ring->read, count, memory_order_release);
}

#endif
