/* Orders from Python's thread: how they are given, and how the media thread obeys them. */
#include "engine.h"

typedef enum {
    ORDER_ADD_LEG,
    ORDER_STREAM,
    ORDER_WIDE,
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

/* --- what the media thread does --- */

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
    case ORDER_WIDE:
        leg->wide = order->object;
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

/* --- what Python's thread gives --- */

bool orders_open(Ring *commands)
{
    return ring_open(commands, sizeof(Order), 8192);
}

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

bool order_wide(Leg *leg, Wide *wide)
{
    return give(leg->shard, &(Order){.kind = ORDER_WIDE, .leg = leg, .object = wide});
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
