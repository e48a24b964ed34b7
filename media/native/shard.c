/* One media thread: with each tick it carries one quarter of its legs through 20 ms of sound. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "engine.h"

#define CATCH_UP_TICKS 40 /* 200 ms: beyond that, what was missed is given up */
#define NICENESS (-15)

int64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* Whether packets alone can bring it about, as often as they like. */
static bool is_of_the_network(EventKind kind)
{
    return kind == EVENT_DIGIT || kind == EVENT_LATCHED || kind == EVENT_TIMEOUT ||
           kind == EVENT_STRANGER || kind == EVENT_DATAGRAM;
}

void shard_tell(Shard *shard, EventKind kind, uint64_t id, int64_t a, int64_t b, void *object)
{
    const Event event = {.kind = kind, .id = id, .a = a, .b = b, .object = object};
    /* A flood of keys gets half the ring; what hands an object back must find room. */
    if (is_of_the_network(kind) && ring_used(&shard->events) >= shard->events.count / 2)
        return;
    if (ring_push(&shard->events, &event))
        shard->events_waiting = true;
}

/* --- sound --- */

static const int16_t SILENCE[FRAME];

static inline void saturate(const int32_t *sum, int16_t *frame, int count)
{
    for (int i = 0; i < count; i++)
        frame[i] = (int16_t)(sum[i] > INT16_MAX ? INT16_MAX
                                                : (sum[i] < INT16_MIN ? INT16_MIN : sum[i]));
}

static inline void add(int32_t *sum, const int16_t *heard, int32_t gain, int count)
{
    if (gain == UNITY)
        for (int i = 0; i < count; i++)
            sum[i] += heard[i];
    else if (gain != 0)
        for (int i = 0; i < count; i++)
            sum[i] += heard[i] * gain / UNITY;
}

static void mix(const Bridge *bridge, uint8_t listener, int16_t *frame)
{
    int32_t sum[FRAME] = {0};
    const int16_t *gains = bridge->gain[listener];
    for (uint8_t source = 0; source < bridge->count; source++)
        add(sum, bridge->legs[source]->heard, gains[source], FRAME);
    saturate(sum, frame, FRAME);
}

/* For a leg that is sent Opus: those who speak Opus as they are, the others apart, to be brought to
 * the higher rate together. */
static void speak_wide(const Bridge *bridge, Leg *leg, int64_t now_ns)
{
    int32_t narrow[FRAME] = {0}, wide[WIDE_FRAME] = {0};
    int16_t narrow_frame[FRAME], wide_frame[WIDE_FRAME];
    bool some_narrow = false, some_wide = false;
    const int16_t *gains = bridge->gain[leg->member];
    for (uint8_t source = 0; source < bridge->count; source++) {
        const Leg *other = bridge->legs[source];
        if (gains[source] == 0)
            continue;
        if (other->hears_wide) {
            add(wide, other->wide->heard, gains[source], WIDE_FRAME);
            some_wide = true;
        } else {
            add(narrow, other->heard, gains[source], FRAME);
            some_narrow = true;
        }
    }
    saturate(narrow, narrow_frame, FRAME);
    saturate(wide, wide_frame, WIDE_FRAME);
    leg_send(leg, some_narrow ? narrow_frame : NULL, some_wide ? wide_frame : NULL, now_ns);
}

static void speak(Shard *shard, uint8_t phase, int64_t now_ns)
{
    int16_t frame[FRAME];
    for (uint32_t i = 0; i < shard->leg_count[phase]; i++) {
        Leg *leg = shard->legs[phase][i];
        const Bridge *bridge = leg->bridge;
        if (!bridge) {
            leg_send(leg, NULL, NULL, now_ns);
        } else if (leg_speaks_wide(leg)) {
            speak_wide(bridge, leg, now_ns);
        } else if (bridge->plain) {
            leg_send(leg, bridge->legs[1 - leg->member]->heard, NULL, now_ns);
        } else {
            mix(bridge, leg->member, frame);
            leg_send(leg, frame, NULL, now_ns);
        }
    }
}

/* What is heard on one side; `mixed` has room for it where several legs speak there. */
static const int16_t *side_of(const Track *track, int side, int16_t *mixed)
{
    const uint8_t count = track->side_count[side];
    if (track->paused || count == 0)
        return SILENCE;
    if (count == 1)
        return track->side[side][0]->heard;
    int32_t sum[FRAME] = {0};
    for (uint8_t i = 0; i < count; i++)
        for (int n = 0; n < FRAME; n++)
            sum[n] += track->side[side][i]->heard[n];
    saturate(sum, mixed, FRAME);
    return mixed;
}

static void record(Shard *shard, uint8_t phase)
{
    for (uint32_t i = 0; i < shard->track_count[phase]; i++) {
        const Track *track = &shard->tracks[phase][i];
        int16_t mixed[2][FRAME];
        const int16_t *one = side_of(track, 0, mixed[0]);
        if (track->recording->channels == 1) {
            samples_push(&track->recording->ring, one, FRAME);
            continue;
        }
        const int16_t *two = side_of(track, 1, mixed[1]);
        int16_t both[2 * FRAME];
        for (int n = 0; n < FRAME; n++) {
            both[2 * n] = one[n];
            both[2 * n + 1] = two[n];
        }
        samples_push(&track->recording->ring, both, 2 * FRAME);
    }
}

void shard_run_tick(Shard *shard, uint64_t tick, int64_t now_ns)
{
    const uint8_t phase = (uint8_t)(tick % PHASES);
    for (uint32_t i = 0; i < shard->leg_count[phase]; i++) {
        leg_receive(shard->legs[phase][i], now_ns);
        leg_hear(shard->legs[phase][i]);
    }
    record(shard, phase);
    speak(shard, phase, now_ns);
}

/* --- the thread --- */

static void wake_python(Shard *shard)
{
    if (!shard->events_waiting)
        return;
    const uint64_t one = 1;
    (void)!write(shard->wake, &one, sizeof one);
    shard->events_waiting = false;
}

/* What this thread has used of a processor: what others use meanwhile is no work of ours, and the
 * longer a tick takes, the more of theirs falls into it. */
static int64_t processor_ns(void)
{
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return used.tv_sec * 1000000000LL + used.tv_nsec;
}

static void note_duration(Shard *shard, int64_t due_ns, int64_t began_ns, int64_t used_ns)
{
    const uint64_t n = atomic_load_explicit(&shard->ticks, memory_order_relaxed) % TICKS_KEPT;
    const int64_t late = began_ns - due_ns;
    STORE(shard->late_us[n], (uint32_t)(late > 0 ? late / 1000 : 0));
    STORE(shard->tick_us[n], (uint32_t)(used_ns / 1000));
    BUMP(shard->ticks, 1);
}

static void *run(void *argument)
{
    Shard *shard = argument;
    /* Allowed or not, the engine works; it is only steadier when it is. */
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICENESS);
    while (!atomic_load_explicit(&shard->stopping, memory_order_acquire)) {
        uint64_t due = 0;
        if (read(shard->timer, &due, sizeof due) != sizeof due) {
            if (errno == EINTR)
                continue;
            break;
        }
        if (due > 1)
            BUMP(shard->overruns, 1);
        if (due > CATCH_UP_TICKS) {
            /* Whole rounds, so that every phase keeps its turn; the jitter buffers notice. */
            const uint64_t skipped = (due - CATCH_UP_TICKS) / PHASES * PHASES;
            BUMP(shard->skipped, skipped);
            shard->tick += skipped;
            due -= skipped;
        }
        for (; due > 0; due--, shard->tick++) {
            const int64_t began = clock_ns(), used = processor_ns();
            shard_obey(shard);
            shard_run_tick(shard, shard->tick, began);
            wake_python(shard);
            note_duration(shard, shard->start_ns + (int64_t)(shard->tick + 1) * TICK_NS, began,
                          processor_ns() - used);
        }
    }
    return NULL;
}

static bool open_lists(Shard *shard, uint32_t most)
{
    for (int p = 0; p < PHASES; p++) {
        shard->legs[p] = calloc(most, sizeof *shard->legs[p]);
        shard->bridges[p] = calloc(most, sizeof *shard->bridges[p]);
        shard->tracks[p] = calloc(most, sizeof *shard->tracks[p]);
        if (!shard->legs[p] || !shard->bridges[p] || !shard->tracks[p])
            return false;
    }
    return true;
}

bool shard_open(Shard *shard, uint32_t most, int wake)
{
    shard->most = most;
    shard->wake = wake;
    shard->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    if (shard->timer < 0 || !open_lists(shard, most) ||
        !orders_open(&shard->commands) ||
        !ring_open(&shard->events, sizeof(Event), 65536))
        return false;
    shard->start_ns = clock_ns();
    const int64_t first = shard->start_ns + TICK_NS;
    const struct itimerspec every = {
        .it_interval = {0, TICK_NS},
        .it_value = {first / 1000000000LL, first % 1000000000LL},
    };
    if (timerfd_settime(shard->timer, TFD_TIMER_ABSTIME, &every, NULL) != 0)
        return false;
    shard->worker.running = pthread_create(&shard->worker.thread, NULL, run, shard) == 0;
    return shard->worker.running;
}

void shard_stop(Shard *shard)
{
    if (shard->worker.running) {
        atomic_store_explicit(&shard->stopping, true, memory_order_release);
        pthread_join(shard->worker.thread, NULL);
    }
}

void shard_free(Shard *shard)
{
    if (shard->timer > 0)
        close(shard->timer);
    for (int p = 0; p < PHASES; p++) {
        free(shard->legs[p]);
        free(shard->bridges[p]);
        free(shard->tracks[p]);
    }
    ring_close(&shard->commands);
    ring_close(&shard->events);
}
