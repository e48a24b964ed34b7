#include "jitter.h"

#include <stdlib.h>
#include <string.h>

#define MASK (JITTER_RING - 1)
#define SECOND 50                /* frames */
#define FADE 40                  /* samples from concealment back to sound: 5 ms */
#define LOST_MOST 3              /* frames made up before silence */
#define PERIOD_LEAST 32          /* 250 Hz */
#define PERIOD_MOST FRAME        /* 50 Hz */
#define QUIET 600                /* mean magnitude of a frame that may be left out unnoticed */

static void remember(Jitter *jitter, const int16_t *frame)
{
    memmove(jitter->history, jitter->history + FRAME, FRAME * sizeof(int16_t));
    memcpy(jitter->history + FRAME, frame, FRAME * sizeof(int16_t));
}

void jitter_reset(Jitter *jitter)
{
    memset(jitter, 0, sizeof *jitter);
    pace_reset(&jitter->pace, FRAME);
}

void jitter_forget(Jitter *jitter)
{
    const Pace pace = jitter->pace;
    const uint64_t concealed = jitter->concealed;
    jitter_reset(jitter);
    jitter->pace = pace;
    pace_forget(&jitter->pace);
    jitter->concealed = concealed;
}

void jitter_put(Jitter *jitter, uint32_t timestamp, const int16_t *samples, size_t count)
{
    if (count == 0 || count > JITTER_RING / 4)
        return;
    if (pace_arrive(&jitter->pace, timestamp, (uint32_t)count))
        memset(jitter->held, 0, sizeof jitter->held);
    const int32_t early = (int32_t)(timestamp - jitter->pace.play);
    if (early < 0) {
        const size_t gone = (size_t)-early;
        if (gone >= count)
            return;
        timestamp += (uint32_t)gone;
        samples += gone;
        count -= gone;
    }
    const size_t at = timestamp & MASK;
    const size_t first = count < JITTER_RING - at ? count : JITTER_RING - at;
    memcpy(jitter->ring + at, samples, first * sizeof *samples);
    memset(jitter->held + at, 1, first);
    memcpy(jitter->ring, samples + first, (count - first) * sizeof *samples);
    memset(jitter->held, 1, count - first);
}

/* The pitch of what was heard last: the lag at which it resembles itself most. */
static uint32_t find_period(const int16_t *history)
{
    const int16_t *end = history + 2 * FRAME;
    const int length = FRAME / 2;
    double best = 0.0;
    uint32_t period = PERIOD_MOST;
    for (uint32_t lag = PERIOD_LEAST; lag <= PERIOD_MOST; lag++) {
        int64_t product = 0, energy = 1;
        for (int i = 1; i <= length; i += 2) {
            const int64_t now = end[-i], then = end[-i - (int)lag];
            product += now * then;
            energy += then * then;
        }
        const double likeness = product > 0 ? (double)product * (double)product / (double)energy : 0;
        if (likeness > best) {
            best = likeness;
            period = lag;
        }
    }
    return period;
}

/* One frame of the last pitch period over and over, fading by half each frame. */
static void make_up(Jitter *jitter, int16_t *frame)
{
    if (jitter->period == 0) {
        jitter->period = find_period(jitter->history);
        jitter->position = 0;
    }
    const int16_t *source = jitter->history + 2 * FRAME - jitter->period;
    const int from = jitter->lost_run < LOST_MOST ? 256 >> jitter->lost_run : 0;
    const int to = jitter->lost_run + 1 < LOST_MOST ? 256 >> (jitter->lost_run + 1) : 0;
    for (int i = 0; i < FRAME; i++) {
        const int gain = from + (to - from) * i / FRAME;
        frame[i] = (int16_t)(source[jitter->position] * gain / 256);
        if (++jitter->position == jitter->period)
            jitter->position = 0;
    }
}

static bool conceal(Jitter *jitter, int16_t *frame, bool quiet)
{
    if (quiet || jitter->lost_run >= LOST_MOST) {
        memset(frame, 0, FRAME * sizeof *frame);
        memset(jitter->tail, 0, sizeof jitter->tail);
        jitter->period = 0;
    } else {
        make_up(jitter, frame);
        jitter->concealed++;
        const uint32_t position = jitter->position;
        jitter->lost_run++;
        make_up(jitter, jitter->tail);
        jitter->lost_run--;
        jitter->position = position;
    }
    if (jitter->lost_run < UINT32_MAX)
        jitter->lost_run++;
    return jitter->lost_run < SECOND;
}

/* Take FRAME samples out of the ring; false if none of them came. Missing ones are zero. */
static bool take(Jitter *jitter, int16_t *frame)
{
    size_t present = 0;
    for (uint32_t i = 0; i < FRAME; i++) {
        const size_t at = (jitter->pace.play + i) & MASK;
        frame[i] = jitter->held[at] ? jitter->ring[at] : 0;
        present += jitter->held[at];
        jitter->held[at] = 0;
    }
    jitter->pace.play += FRAME;
    return present > FRAME / 2;
}

static bool is_quiet(const int16_t *frame)
{
    int32_t sum = 0;
    for (int i = 0; i < FRAME; i++)
        sum += abs(frame[i]);
    return sum < QUIET * FRAME;
}

/* Leave one frame out: begin as it would have begun, go on as the next one does. */
static bool skip_frame(Jitter *jitter, int16_t *frame)
{
    int16_t left_out[FADE];
    memcpy(left_out, frame, sizeof left_out);
    const bool came = take(jitter, frame);
    for (int i = 0; i < FADE; i++)
        frame[i] = (int16_t)((frame[i] * i + left_out[i] * (FADE - i)) / FADE);
    return came;
}

bool jitter_get(Jitter *jitter, int16_t *frame, bool quiet)
{
    pace_begin_frame(&jitter->pace);
    if (!jitter->pace.running) {
        memset(frame, 0, FRAME * sizeof *frame);
        return false;
    }
    if (pace_inserts(&jitter->pace))
        return conceal(jitter, frame, quiet);
    bool came = take(jitter, frame);
    if (came && jitter->pace.pending_drop > 0 && pace_drops(&jitter->pace, is_quiet(frame)))
        came = skip_frame(jitter, frame);
    if (!came)
        return conceal(jitter, frame, quiet);
    if (jitter->lost_run > 0) {
        for (int i = 0; i < FADE; i++)
            frame[i] = (int16_t)((frame[i] * i + jitter->tail[i] * (FADE - i)) / FADE);
        jitter->lost_run = 0;
        jitter->period = 0;
    }
    remember(jitter, frame);
    return true;
}
