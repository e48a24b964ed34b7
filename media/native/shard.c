/* One media thread: obeys orders, then carries one quarter of its legs through 20 ms of sound. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "engine.h"

#define CATCH_UP_TICKS 40 /* 200 ms: beyond that, what was missed is given up */
#define NICENESS (-15)

typedef enum {
    ORDER_ADD_LEG,
    ORDER_STREAM,
    ORDER_KEYS,
    ORDER_PEER,
    ORDER_REMOVE_LEG,
    ORDER_PLAY,
    ORDER_STOP_PLAYING,
    ORDER_DIGIT,
    ORDER_TAP,
    ORDER_ADD_BRIDGE,
    ORDER_JOIN,
    ORDER_PART,
    ORDER_GAIN,
    ORDER_REMOVE_BRIDGE,
    ORDER_RECORD,
    ORDER_HEAR,
    ORDER_PAUSE,
    ORDER_STOP_RECORDING,
} OrderKind;

typedef struct {
    OrderKind kind;
    uint8_t phase;
    Leg *leg, *other;
    Bridge *bridge;
    void *object;
    uint64_t id;
    int64_t number;
    union {
        Stream stream;
        Play play;
        Address peer;
        Srtp *keys[2]; /* in, out */
    } with;
} Order;

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

/* --- lists: an element knows its place, removing swaps the last one in --- */

static void add_leg(Shard *shard, Leg *leg, uint8_t phase)
{
    leg->phase = phase;
    leg->place = shard->leg_count[phase];
    shard->legs[phase][shard->leg_count[phase]++] = leg;
}

static void take_leg(Shard *shard, Leg *leg)
{
    Leg *last = shard->legs[leg->phase][--shard->leg_count[leg->phase]];
    shard->legs[leg->phase][leg->place] = last;
    last->place = leg->place;
}

static void review(Bridge *bridge)
{
    bridge->plain = bridge->count == 2 && bridge->gain[0][1] == UNITY &&
                    bridge->gain[1][0] == UNITY && bridge->gain[0][0] == 0 &&
                    bridge->gain[1][1] == 0;
}

static void join(Shard *shard, Bridge *bridge, Leg *leg, int16_t gain)
{
    if (leg->bridge || bridge->count == BRIDGE_LEGS)
        return;
    const uint8_t at = bridge->count++;
    for (uint8_t i = 0; i < at; i++)
        bridge->gain[i][at] = bridge->gain[at][i] = gain;
    bridge->gain[at][at] = 0;
    bridge->legs[at] = leg;
    leg->bridge = bridge;
    leg->member = at;
    if (leg->phase != bridge->phase) {
        take_leg(shard, leg);
        add_leg(shard, leg, bridge->phase);
    }
    review(bridge);
}

static void part(Leg *leg)
{
    Bridge *bridge = leg->bridge;
    if (!bridge)
        return;
    const uint8_t gone = leg->member, last = (uint8_t)(--bridge->count);
    if (gone != last) {
        bridge->legs[gone] = bridge->legs[last];
        bridge->legs[gone]->member = gone;
        for (uint8_t i = 0; i <= last; i++)
            bridge->gain[gone][i] = bridge->gain[last][i];
        for (uint8_t i = 0; i <= last; i++)
            bridge->gain[i][gone] = bridge->gain[i][last];
    }
    leg->bridge = NULL;
    review(bridge);
}

static Track *find_track(Shard *shard, uint64_t id, uint8_t *phase, uint32_t *place)
{
    for (uint8_t p = 0; p < PHASES; p++)
        for (uint32_t i = 0; i < shard->track_count[p]; i++)
            if (shard->tracks[p][i].id == id) {
                *phase = p;
                *place = i;
                return &shard->tracks[p][i];
            }
    return NULL;
}

static void hear(Track *track, Leg *leg, uint8_t side, bool heard)
{
    Leg **legs = track->side[side];
    uint8_t *count = &track->side_count[side];
    uint8_t at = 0;
    while (at < *count && legs[at] != leg)
        at++;
    if (heard && at == *count && at < SIDE_LEGS)
        legs[(*count)++] = leg;
    else if (!heard && at < *count)
        legs[at] = legs[--*count];
}

static void forget_sides(Shard *shard, Leg *leg)
{
    for (uint8_t p = 0; p < PHASES; p++)
        for (uint32_t i = 0; i < shard->track_count[p]; i++)
            for (uint8_t side = 0; side < 2; side++)
                hear(&shard->tracks[p][i], leg, side, false);
}

/* --- orders --- */

static void remove_leg(Shard *shard, Leg *leg)
{
    leg_cut(leg);
    part(leg);
    forget_sides(shard, leg);
    take_leg(shard, leg);
    if (leg->tap)
        shard_tell(shard, EVENT_TAP_CLOSED, leg->id, 0, 0, leg->tap);
    shard_tell(shard, EVENT_CLOSED, leg->id, 0, 0, leg);
}

static void remove_bridge(Shard *shard, Bridge *bridge)
{
    while (bridge->count > 0)
        part(bridge->legs[bridge->count - 1]);
    Bridge *last = shard->bridges[bridge->phase][--shard->bridge_count[bridge->phase]];
    shard->bridges[bridge->phase][bridge->place] = last;
    last->place = bridge->place;
    shard_tell(shard, EVENT_BRIDGE_CLOSED, bridge->id, 0, 0, bridge);
}

static void obey_recording(Shard *shard, const Order *order)
{
    uint8_t phase;
    uint32_t place;
    Track *track = find_track(shard, order->id, &phase, &place);
    if (!track)
        return;
    if (order->kind == ORDER_HEAR) {
        hear(track, order->leg, (uint8_t)(order->number & 1), order->number >> 1);
    } else if (order->kind == ORDER_PAUSE) {
        track->paused = order->number != 0;
    } else {
        Recording *recording = track->recording;
        *track = shard->tracks[phase][--shard->track_count[phase]];
        atomic_store_explicit(&recording->closing, true, memory_order_release);
    }
}

static void obey_leg(Shard *shard, const Order *order)
{
    Leg *leg = order->leg;
    switch (order->kind) {
    case ORDER_ADD_LEG:
        add_leg(shard, leg, order->phase);
        break;
    case ORDER_STREAM:
        leg_set_stream(leg, &order->with.stream);
        break;
    case ORDER_KEYS:
        secure_set_keys(leg->secure, order->with.keys[0], order->with.keys[1]);
        break;
    case ORDER_PEER:
        leg_set_peer(leg, &order->with.peer);
        break;
    case ORDER_REMOVE_LEG:
        remove_leg(shard, leg);
        break;
    case ORDER_PLAY:
        leg_play(leg, &order->with.play);
        break;
    case ORDER_STOP_PLAYING:
        leg_cut(leg);
        break;
    case ORDER_DIGIT:
        leg->digits_out.tone = (uint16_t)(order->number >> 16);
        leg->digits_out.gap = (uint16_t)order->number;
        digits_queue(&leg->digits_out, (uint8_t)order->id);
        break;
    default:
        if (leg->tap)
            shard_tell(shard, EVENT_TAP_CLOSED, leg->id, 0, 0, leg->tap);
        leg->tap = order->object;
    }
}

static void obey(Shard *shard, const Order *order)
{
    Bridge *bridge = order->bridge;
    switch (order->kind) {
    case ORDER_ADD_BRIDGE:
        bridge->phase = order->phase;
        bridge->place = shard->bridge_count[order->phase];
        shard->bridges[order->phase][shard->bridge_count[order->phase]++] = bridge;
        break;
    case ORDER_JOIN:
        join(shard, bridge, order->leg, (int16_t)order->number);
        break;
    case ORDER_PART:
        if (order->leg->bridge == bridge)
            part(order->leg);
        break;
    case ORDER_GAIN:
        if (order->leg->bridge == bridge && order->other->bridge == bridge) {
            bridge->gain[order->leg->member][order->other->member] = (int16_t)order->number;
            review(bridge);
        }
        break;
    case ORDER_REMOVE_BRIDGE:
        remove_bridge(shard, bridge);
        break;
    case ORDER_RECORD: {
        const uint8_t phase = order->phase;
        Track *track = &shard->tracks[phase][shard->track_count[phase]++];
        *track = (Track){.recording = order->object, .id = order->id};
        if (order->leg)
            hear(track, order->leg, 0, true);
        if (order->other)
            hear(track, order->other, 1, true);
        break;
    }
    case ORDER_HEAR:
    case ORDER_PAUSE:
    case ORDER_STOP_RECORDING:
        obey_recording(shard, order);
        break;
    default:
        obey_leg(shard, order);
    }
}

void shard_obey(Shard *shard)
{
    Order order;
    while (ring_pop(&shard->commands, &order))
        obey(shard, &order);
}

/* --- sound --- */

static const int16_t SILENCE[FRAME];

static void saturate(const int32_t *sum, int16_t *frame)
{
    for (int i = 0; i < FRAME; i++)
        frame[i] = (int16_t)(sum[i] > INT16_MAX ? INT16_MAX
                                                : (sum[i] < INT16_MIN ? INT16_MIN : sum[i]));
}

static void mix(const Bridge *bridge, uint8_t listener, int16_t *frame)
{
    int32_t sum[FRAME] = {0};
    const int16_t *gains = bridge->gain[listener];
    for (uint8_t source = 0; source < bridge->count; source++) {
        const int16_t *heard = bridge->legs[source]->heard;
        const int32_t gain = gains[source];
        if (gain == UNITY)
            for (int i = 0; i < FRAME; i++)
                sum[i] += heard[i];
        else if (gain != 0)
            for (int i = 0; i < FRAME; i++)
                sum[i] += heard[i] * gain / UNITY;
    }
    saturate(sum, frame);
}

static void speak(Shard *shard, uint8_t phase, int64_t now_ns)
{
    int16_t frame[FRAME];
    for (uint32_t i = 0; i < shard->leg_count[phase]; i++) {
        Leg *leg = shard->legs[phase][i];
        const Bridge *bridge = leg->bridge;
        if (!bridge) {
            leg_send(leg, SILENCE, now_ns);
        } else if (bridge->plain) {
            leg_send(leg, bridge->legs[1 - leg->member]->heard, now_ns);
        } else {
            mix(bridge, leg->member, frame);
            leg_send(leg, frame, now_ns);
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
    saturate(sum, mixed);
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

static void note_duration(Shard *shard, int64_t due_ns, int64_t began_ns)
{
    const uint64_t n = atomic_load_explicit(&shard->ticks, memory_order_relaxed) % TICKS_KEPT;
    const int64_t late = began_ns - due_ns;
    STORE(shard->late_us[n], (uint32_t)(late > 0 ? late / 1000 : 0));
    STORE(shard->tick_us[n], (uint32_t)((clock_ns() - began_ns) / 1000));
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
            const int64_t began = clock_ns();
            shard_obey(shard);
            shard_run_tick(shard, shard->tick, began);
            wake_python(shard);
            note_duration(shard, shard->start_ns + (int64_t)(shard->tick + 1) * TICK_NS, began);
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

static bool shard_open(Shard *shard, uint32_t most, int wake)
{
    shard->most = most;
    shard->wake = wake;
    shard->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    if (shard->timer < 0 || !open_lists(shard, most) ||
        !ring_open(&shard->commands, sizeof(Order), 8192) ||
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

static void shard_stop(Shard *shard)
{
    if (shard->worker.running) {
        atomic_store_explicit(&shard->stopping, true, memory_order_release);
        pthread_join(shard->worker.thread, NULL);
    }
}

static void shard_free(Shard *shard)
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

/* --- the engine --- */

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

/* --- orders from Python's thread --- */

static bool give(Shard *shard, const Order *order)
{
    return ring_push(&shard->commands, order);
}

bool order_add_leg(Shard *shard, Leg *leg, uint8_t phase)
{
    leg->shard = shard;
    return give(shard, &(Order){.kind = ORDER_ADD_LEG, .leg = leg, .phase = phase});
}

bool order_stream(Leg *leg, const Stream *stream)
{
    return give(leg->shard, &(Order){.kind = ORDER_STREAM, .leg = leg, .with.stream = *stream});
}

bool order_keys(Leg *leg, Srtp *in, Srtp *out)
{
    return give(leg->shard, &(Order){.kind = ORDER_KEYS, .leg = leg, .with.keys = {in, out}});
}

bool order_peer(Leg *leg, const Address *peer)
{
    return give(leg->shard, &(Order){.kind = ORDER_PEER, .leg = leg, .with.peer = *peer});
}

bool order_remove_leg(Leg *leg)
{
    return give(leg->shard, &(Order){.kind = ORDER_REMOVE_LEG, .leg = leg});
}

bool order_play(Leg *leg, const int16_t *samples, uint64_t count, uint64_t id, bool loop)
{
    const Play play = {.samples = samples, .count = count, .id = id, .loop = loop};
    return give(leg->shard, &(Order){.kind = ORDER_PLAY, .leg = leg, .with.play = play});
}

bool order_stop_playing(Leg *leg)
{
    return give(leg->shard, &(Order){.kind = ORDER_STOP_PLAYING, .leg = leg});
}

bool order_digit(Leg *leg, uint8_t event, uint16_t tone, uint16_t gap)
{
    return give(leg->shard, &(Order){.kind = ORDER_DIGIT,
                                     .leg = leg,
                                     .id = event,
                                     .number = (int64_t)tone << 16 | gap});
}

bool order_tap(Leg *leg, SampleRing *tap)
{
    return give(leg->shard, &(Order){.kind = ORDER_TAP, .leg = leg, .object = tap});
}

bool order_add_bridge(Shard *shard, Bridge *bridge, uint8_t phase)
{
    bridge->shard = shard;
    return give(shard, &(Order){.kind = ORDER_ADD_BRIDGE, .bridge = bridge, .phase = phase});
}

bool order_join(Bridge *bridge, Leg *leg, bool silent)
{
    return give(bridge->shard, &(Order){.kind = ORDER_JOIN,
                                        .bridge = bridge,
                                        .leg = leg,
                                        .number = silent ? 0 : UNITY});
}

bool order_part(Bridge *bridge, Leg *leg)
{
    return give(bridge->shard, &(Order){.kind = ORDER_PART, .bridge = bridge, .leg = leg});
}

bool order_gain(Bridge *bridge, Leg *listener, Leg *source, int16_t gain)
{
    return give(bridge->shard, &(Order){.kind = ORDER_GAIN,
                                        .bridge = bridge,
                                        .leg = listener,
                                        .other = source,
                                        .number = gain});
}

bool order_remove_bridge(Bridge *bridge)
{
    return give(bridge->shard, &(Order){.kind = ORDER_REMOVE_BRIDGE, .bridge = bridge});
}

bool order_record(Engine *engine, Shard *shard, Recording *recording, uint8_t phase, Leg *left,
                  Leg *right)
{
    const bool given = give(shard, &(Order){.kind = ORDER_RECORD,
                                            .object = recording,
                                            .phase = phase,
                                            .id = recording->id,
                                            .leg = left,
                                            .other = right});
    if (given)
        recorder_add(&engine->recorder, recording);
    return given;
}

bool order_hear(Shard *shard, uint64_t id, Leg *leg, uint8_t side, bool heard)
{
    return give(shard, &(Order){.kind = ORDER_HEAR,
                                .id = id,
                                .leg = leg,
                                .number = side | (int64_t)heard << 1});
}

bool order_pause(Shard *shard, uint64_t id, bool paused)
{
    return give(shard, &(Order){.kind = ORDER_PAUSE, .id = id, .number = paused});
}

bool order_stop_recording(Shard *shard, uint64_t id)
{
    return give(shard, &(Order){.kind = ORDER_STOP_RECORDING, .id = id});
}
