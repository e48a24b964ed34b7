#include "packets.h"

#include <stdlib.h>
#include <string.h>

#define STEPS_A_FRAME 8    /* what is made up is a multiple of 2.5 ms */
#define LOST_MOST 5        /* frames made up before silence */
#define QUIET_MOST 50      /* the same while the sender has nothing to say: its noise goes on */
#define QUIET_PACKET 2     /* bytes: no larger is what says so (DTX) */
#define QUIET_LEVEL 600    /* mean magnitude of a frame that may be left out unnoticed */
#define FADES_A_FRAME 4    /* a frame that was left out fades into the next one within 5 ms */

static void empty(Packets *packets)
{
    memset(packets->place, 0, sizeof packets->place);
    packets->ready_count = packets->lost_run = 0;
    packets->has_sound = packets->is_quiet = false;
}

void packets_reset(Packets *packets, uint32_t clock, uint32_t rate)
{
    pace_reset(&packets->pace, clock / 50);
    packets->frame = rate / 50;
    packets->unit = clock / rate;
    packets->concealed = 0;
    empty(packets);
}

void packets_forget(Packets *packets)
{
    pace_forget(&packets->pace);
    empty(packets);
}

void packets_put(Packets *packets, const Codec *codec, uint32_t timestamp, const uint8_t *payload,
                 size_t size)
{
    const size_t count = codec_count(codec, payload, size);
    if (count == 0 || count > CODEC_SAMPLES_MOST || size > PACKETS_SIZE)
        return;
    const uint32_t lasts = (uint32_t)count * packets->unit;
    if (pace_arrive(&packets->pace, timestamp, lasts)) {
        memset(packets->place, 0, sizeof packets->place);
        packets->ready_count = 0;
    }
    if ((int32_t)(timestamp - packets->pace.play) <= -(int32_t)lasts)
        return;
    int free_place = -1;
    for (int n = 0; n < PACKETS_HELD; n++) {
        if (packets->place[n].lasts == 0)
            free_place = n;
        else if (packets->place[n].timestamp == timestamp)
            return; /* once is enough */
    }
    if (free_place < 0)
        return;
    packets->place[free_place].timestamp = timestamp;
    packets->place[free_place].lasts = lasts;
    packets->place[free_place].size = (uint16_t)size;
    memcpy(packets->payload[free_place], payload, size);
}

/* The first packet that is not over at that time, -1 if there is none; forgets those that are. */
static int find_next(Packets *packets, uint32_t at)
{
    int next = -1;
    int32_t soonest = INT32_MAX;
    for (int n = 0; n < PACKETS_HELD; n++) {
        const uint32_t lasts = packets->place[n].lasts;
        if (lasts == 0)
            continue;
        const int32_t ahead = (int32_t)(packets->place[n].timestamp - at);
        if (ahead <= -(int32_t)lasts) {
            packets->place[n].lasts = 0;
        } else if (ahead < soonest) {
            soonest = ahead;
            next = n;
        }
    }
    return next;
}

/* Decode a packet, of which `skipped` samples are too late, behind what is ready. */
static void decode(Packets *packets, Codec *codec, int n, uint32_t skipped)
{
    const uint16_t size = packets->place[n].size;
    int16_t *to = packets->ready + packets->ready_count;
    const size_t room = sizeof packets->ready / sizeof *to - packets->ready_count;
    const size_t count = codec_decode(codec, packets->payload[n], size, to, room);
    packets->place[n].lasts = 0;
    if (count <= skipped)
        return;
    memmove(to, to + skipped, (count - skipped) * sizeof *to);
    packets->ready_count += (uint32_t)count - skipped;
    packets->has_sound = true;
    packets->is_quiet = size <= QUIET_PACKET;
}

/* Make up `count` samples behind what is ready; from packet `next`, if that is not -1. */
static void make_up(Packets *packets, Codec *codec, int next, uint32_t count, bool quiet)
{
    int16_t *to = packets->ready + packets->ready_count;
    const uint32_t most = packets->is_quiet ? QUIET_MOST : LOST_MOST;
    const uint8_t *payload = next >= 0 ? packets->payload[next] : NULL;
    const size_t size = next >= 0 ? packets->place[next].size : 0;
    const bool heard = packets->has_sound && !quiet && (payload || packets->lost_run < most);
    if (!heard || codec_recover(codec, payload, size, to, count) != count)
        memset(to, 0, count * sizeof *to);
    packets->ready_count += count;
}

/* Bring more samples to where they are ready. Returns how many of them had to be made up. */
static uint32_t go_on(Packets *packets, Codec *codec, bool quiet)
{
    const uint32_t at = packets->pace.play + packets->ready_count * packets->unit;
    const uint32_t step = packets->frame / STEPS_A_FRAME;
    const uint32_t needed = (packets->frame - packets->ready_count + step - 1) / step * step;
    const int next = find_next(packets, at);
    if (next < 0) {
        make_up(packets, codec, -1, needed, quiet);
        return needed;
    }
    const int32_t ahead = (int32_t)(packets->place[next].timestamp - at);
    const uint32_t gap = ahead > 0 ? (uint32_t)ahead / packets->unit / step * step : 0;
    if (gap == 0) {
        decode(packets, codec, next, ahead < 0 ? (uint32_t)-ahead / packets->unit : 0);
        return 0;
    }
    if (gap <= needed) { /* what is missing ends where the packet begins, which may say it again */
        make_up(packets, codec, next, gap, quiet);
        return gap;
    }
    make_up(packets, codec, -1, needed, quiet);
    return needed;
}

static void give_out(Packets *packets, int16_t *frame)
{
    packets->ready_count -= packets->frame;
    memcpy(frame, packets->ready, packets->frame * sizeof *frame);
    memmove(packets->ready, packets->ready + packets->frame,
            packets->ready_count * sizeof *frame);
}

static bool take(Packets *packets, Codec *codec, int16_t *frame, bool quiet)
{
    uint32_t made_up = 0;
    while (packets->ready_count < packets->frame)
        made_up += go_on(packets, codec, quiet);
    give_out(packets, frame);
    packets->pace.play += packets->pace.frame;
    return made_up < packets->frame / 2;
}

static bool is_quiet(const int16_t *frame, uint32_t count)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += (uint32_t)abs(frame[i]);
    return sum < QUIET_LEVEL * count;
}

/* Leave one frame out: begin as it would have begun, go on as the next one does. */
static bool skip_frame(Packets *packets, Codec *codec, int16_t *frame, bool quiet)
{
    const int fade = (int)packets->frame / FADES_A_FRAME;
    int16_t left_out[CODEC_FRAME_MOST / FADES_A_FRAME];
    memcpy(left_out, frame, (size_t)fade * sizeof *frame);
    const bool came = take(packets, codec, frame, quiet);
    for (int i = 0; i < fade; i++)
        frame[i] = (int16_t)((frame[i] * i + left_out[i] * (fade - i)) / fade);
    return came;
}

static void count_lost(Packets *packets, bool quiet)
{
    if (packets->has_sound && !quiet && !packets->is_quiet && packets->lost_run < LOST_MOST)
        packets->concealed++;
    if (packets->lost_run < UINT32_MAX)
        packets->lost_run++;
}

bool packets_get(Packets *packets, Codec *codec, int16_t *frame, bool quiet)
{
    pace_begin_frame(&packets->pace);
    if (!packets->pace.running) {
        memset(frame, 0, packets->frame * sizeof *frame);
        return false;
    }
    if (pace_inserts(&packets->pace)) {
        /* Behind what is ready, for the decoder goes on from there. */
        make_up(packets, codec, -1, packets->frame, quiet);
        give_out(packets, frame);
        count_lost(packets, quiet);
        return false;
    }
    bool came = take(packets, codec, frame, quiet);
    if (came && packets->pace.pending_drop > 0 &&
        pace_drops(&packets->pace, is_quiet(frame, packets->frame)))
        came = skip_frame(packets, codec, frame, quiet);
    if (came)
        packets->lost_run = 0;
    else
        count_lost(packets, quiet);
    return came;
}
