/* Rings: order, fullness, the wrap of their counters, and two threads at once. */
#include <pthread.h>
#include <sched.h>

#include "check.h"
#include "ring.h"

#define ITEMS 200000u
#define SAMPLES 400000u
#define NEARLY_WRAPPED (UINT32_MAX - 100)

typedef struct {
    uint32_t number, again;
} Item;

static void ring_gives_back_in_order_and_refuses_when_full(void)
{
    Ring ring;
    Item item;
    CHECK(ring_open(&ring, sizeof item, 8));
    ring.written = ring.read = NEARLY_WRAPPED;
    CHECK(!ring_pop(&ring, &item));
    for (uint32_t round = 0; round < 50; round++) {
        for (uint32_t n = 0; n < 8; n++) {
            CHECK(ring_used(&ring) == n);
            CHECK(ring_push(&ring, &(Item){round, n}));
        }
        CHECK(!ring_push(&ring, &(Item){0, 0}) && ring.overflows == round + 1);
        for (uint32_t n = 0; n < 8; n++)
            CHECK(ring_pop(&ring, &item) && item.number == round && item.again == n);
        CHECK(!ring_pop(&ring, &item));
    }
    ring_close(&ring);
}

static void samples_are_all_taken_or_none(void)
{
    SampleRing ring;
    int16_t in[5], next = 0, expected = 0;
    const int16_t *out;
    CHECK(samples_open(&ring, 16));
    for (int round = 0; round < 100; round++) {
        for (int push = 0; push < 3; push++) {
            for (int i = 0; i < 5; i++)
                in[i] = next++;
            CHECK(samples_push(&ring, in, 5));
        }
        CHECK(!samples_push(&ring, in, 5) && ring.lost == 5u * (uint32_t)(round + 1));
        uint32_t count, taken = 0;
        while ((count = samples_peek(&ring, &out, 7)) > 0) {
            CHECK(count <= 7);
            for (uint32_t i = 0; i < count; i++)
                CHECK(out[i] == expected++);
            samples_release(&ring, count);
            taken += count;
        }
        CHECK(taken == 15);
    }
    samples_close(&ring);
}

static void *push_items(void *argument)
{
    Ring *ring = argument;
    for (uint32_t n = 0; n < ITEMS;) {
        if (ring_push(ring, &(Item){n, ~n}))
            n++;
        else
            sched_yield();
    }
    return NULL;
}

static void items_pass_whole_between_threads(void)
{
    Ring ring;
    Item item;
    pthread_t producer;
    CHECK(ring_open(&ring, sizeof item, 64));
    ring.written = ring.read = NEARLY_WRAPPED;
    CHECK(pthread_create(&producer, NULL, push_items, &ring) == 0);
    uint32_t wrong = 0;
    for (uint32_t n = 0; n < ITEMS;) {
        if (!ring_pop(&ring, &item)) {
            sched_yield();
            continue;
        }
        wrong += item.number != n || item.again != ~n;
        n++;
    }
    pthread_join(producer, NULL);
    CHECK(wrong == 0 && !ring_pop(&ring, &item));
    ring_close(&ring);
}

static void *push_samples(void *argument)
{
    SampleRing *ring = argument;
    int16_t in[160];
    for (uint32_t n = 0; n < SAMPLES;) {
        for (uint32_t i = 0; i < 160; i++)
            in[i] = (int16_t)(n + i);
        if (samples_push(ring, in, 160))
            n += 160;
        else
            sched_yield();
    }
    return NULL;
}

static void samples_pass_whole_between_threads(void)
{
    SampleRing ring;
    const int16_t *out;
    pthread_t producer;
    CHECK(samples_open(&ring, 1024)); /* no multiple of what is pushed: it wraps within */
    CHECK(pthread_create(&producer, NULL, push_samples, &ring) == 0);
    uint32_t wrong = 0;
    for (uint32_t n = 0; n < SAMPLES;) {
        const uint32_t count = samples_peek(&ring, &out, 333);
        if (count == 0)
            sched_yield();
        for (uint32_t i = 0; i < count; i++)
            wrong += out[i] != (int16_t)(n + i);
        samples_release(&ring, count);
        n += count;
    }
    pthread_join(producer, NULL);
    CHECK(wrong == 0);
    samples_close(&ring);
}

int main(void)
{
    ring_gives_back_in_order_and_refuses_when_full();
    samples_are_all_taken_or_none();
    items_pass_whole_between_threads();
    samples_pass_whole_between_threads();
    return failures ? 1 : 0;
}
