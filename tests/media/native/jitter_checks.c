/* The jitter buffer: order, loss, delay, clocks, and whatever may arrive. */
#include <math.h>
#include <string.h>

#include "check.h"
#include "jitter.h"

static void tone_at(int16_t *frame, uint32_t timestamp)
{
    for (uint32_t i = 0; i < FRAME; i++)
        frame[i] = (int16_t)(8000 * sin((timestamp + i) * 2 * M_PI * 200 / RATE));
}

static void order_is_restored(void)
{
    static Jitter jitter;
    jitter_reset(&jitter);
    int16_t in[FRAME], out[FRAME], expected[FRAME];
    const uint32_t order[] = {0, 2, 1, 3, 3, 4};
    for (int i = 0; i < 6; i++) {
        tone_at(in, order[i] * FRAME);
        jitter_put(&jitter, order[i] * FRAME, in, FRAME);
    }
    for (uint32_t n = 0; n < 2; n++)
        jitter_get(&jitter, out, false); /* the delay of the beginning */
    for (uint32_t n = 0; n < 5; n++) {
        CHECK(jitter_get(&jitter, out, false));
        tone_at(expected, n * FRAME);
        if (n > 0) /* the first one fades in */
            CHECK(memcmp(out, expected, sizeof out) == 0);
    }
    CHECK(jitter.pace.late == 0);
}

static void lost_frame_is_made_up_without_a_click(void)
{
    static Jitter jitter;
    jitter_reset(&jitter);
    int16_t in[FRAME], out[FRAME], last = 0;
    int steepest = 0;
    for (uint32_t n = 0; n < 200; n++) {
        tone_at(in, n * FRAME);
        if (n % 20 != 7)
            jitter_put(&jitter, n * FRAME, in, FRAME);
        jitter_get(&jitter, out, false);
        for (int i = 0; i < FRAME && n > 10; i++) {
            if (abs(out[i] - last) > steepest)
                steepest = abs(out[i] - last);
            last = out[i];
        }
        last = out[FRAME - 1];
    }
    CHECK(jitter.concealed >= 9);
    CHECK(steepest < 3000); /* a 200 Hz tone moves 1257 at most from sample to sample */
}

/* On the heap and exact, so that the sanitiser sees a read beyond it. */
static Jitter *heard_so_far(uint32_t frames)
{
    Jitter *jitter = malloc(sizeof *jitter);
    int16_t in[FRAME], out[FRAME];
    jitter_reset(jitter);
    for (uint32_t n = 0; n < frames; n++) {
        tone_at(in, n * FRAME);
        jitter_put(jitter, n * FRAME, in, FRAME);
        jitter_get(jitter, out, false);
    }
    return jitter;
}

static void loss_after_a_key_stays_within_what_was_heard(void)
{
    int16_t out[FRAME];
    Jitter *jitter = heard_so_far(0);
    jitter_put(jitter, 0, (const int16_t[FRAME]){0}, FRAME); /* heard after two frames */
    jitter_get(jitter, out, true); /* a key is held, and then it is not */
    for (int n = 0; n < 4; n++)
        CHECK(jitter_get(jitter, out, false));
    free(jitter);
}

static void made_up_sound_after_a_key_is_of_what_came_last(void)
{
    int16_t in[FRAME], out[FRAME];
    Jitter *jitter = heard_so_far(20); /* a period of 40 samples, and two frames that wait */
    for (int n = 0; n < 3; n++)
        jitter_get(jitter, out, false);
    for (uint32_t n = 30; n < 40; n++) { /* lower now: 100 samples */
        for (uint32_t i = 0; i < FRAME; i++)
            in[i] = (int16_t)(8000 * sin((n * FRAME + i) * 2 * M_PI * 80 / RATE));
        jitter_put(jitter, n * FRAME, in, FRAME);
    }
    while ((int32_t)(jitter->pace.play - 40 * FRAME) < 0)
        jitter_get(jitter, out, false);
    jitter_get(jitter, out, true);
    jitter_get(jitter, out, false);
    CHECK(jitter->period >= 95 && jitter->period <= 105);
    free(jitter);
}

static void burst_after_a_stall_moves_nothing(void)
{
    int16_t in[FRAME] = {0}, out[FRAME];
    Jitter *jitter = heard_so_far(50);
    for (uint32_t n = 50; n < 70; n++)
        jitter_get(jitter, out, false); /* the network has stalled */
    const uint32_t play = jitter->pace.play;
    for (uint32_t n = 50; n < 66; n++)
        jitter_put(jitter, n * FRAME, in, FRAME);
    CHECK(jitter->pace.play == play); /* 16 are too late, and that says nothing about clocks */
    for (uint32_t n = 66; n < 100; n++) {
        jitter_put(jitter, n * FRAME + 2 * FRAME, in, FRAME);
        jitter_get(jitter, out, false);
    }
    CHECK((int32_t)(jitter->pace.play - play) >= 30 * FRAME);
    free(jitter);
}

static void clock_set_back_is_followed(uint32_t packets_a_frame)
{
    int16_t in[FRAME], out[FRAME];
    Jitter *jitter = heard_so_far(100);
    int loudest = 0;
    for (uint32_t n = 75; n < 125; n++) { /* the same party again, half a second earlier */
        tone_at(in, n * FRAME);
        for (uint32_t part = 0; part < packets_a_frame; part++) {
            const uint32_t size = FRAME / packets_a_frame;
            jitter_put(jitter, n * FRAME + part * size, in + part * size, size);
        }
        jitter_get(jitter, out, false);
        for (int i = 0; i < FRAME && n > 100; i++)
            loudest = abs(out[i]) > loudest ? abs(out[i]) : loudest;
    }
    CHECK(loudest > 7000);
    CHECK((int32_t)(125 * FRAME - jitter->pace.play) > 0);
    free(jitter);
}

static void no_timestamp_overflows(void)
{
    const int32_t farthest[] = {INT32_MAX, INT32_MAX - FRAME, INT32_MIN, INT32_MIN + FRAME, -1};
    int16_t in[FRAME] = {0}, out[FRAME];
    for (size_t n = 0; n < sizeof farthest / sizeof *farthest; n++) {
        Jitter *jitter = heard_so_far(10);
        jitter_put(jitter, jitter->pace.play + (uint32_t)farthest[n], in, FRAME);
        jitter_get(jitter, out, false);
        CHECK(jitter->pace.delay >= FRAME && jitter->pace.delay <= JITTER_MAX);
        free(jitter);
    }
}

static void delay_grows_with_lateness_and_stays_bounded(void)
{
    static Jitter jitter;
    jitter_reset(&jitter);
    int16_t in[FRAME], out[FRAME];
    memset(in, 0, sizeof in);
    for (uint32_t n = 0; n < 2000; n++) {
        const uint32_t behind = chance(5); /* packets are 0 to 80 ms late */
        if (n >= behind)
            jitter_put(&jitter, (n - behind) * FRAME, in, FRAME);
        jitter_get(&jitter, out, false);
    }
    CHECK(jitter.pace.delay > JITTER_START && jitter.pace.delay <= JITTER_MAX);
}

static void clock_drift_is_followed(double ppm)
{
    static Jitter jitter;
    jitter_reset(&jitter);
    int16_t in[FRAME] = {0}, out[FRAME];
    double sent = 0;
    uint32_t n = 0;
    for (int frame = 0; frame < 50 * 600; frame++) { /* ten minutes */
        for (sent += 1 + ppm * 1e-6; sent >= 1; sent -= 1, n++)
            jitter_put(&jitter, n * FRAME, in, FRAME);
        jitter_get(&jitter, out, false);
        const int32_t held = (int32_t)(n * FRAME - jitter.pace.play);
        CHECK(frame < 10 || (held > -3 * FRAME && held <= (int32_t)JITTER_MAX + 3 * FRAME));
    }
}

static void anything_may_arrive(void)
{
    static Jitter jitter;
    jitter_reset(&jitter);
    int16_t in[1500], out[FRAME];
    for (int i = 0; i < 1500; i++)
        in[i] = (int16_t)chance(65536);
    uint32_t timestamp = 0;
    for (int round = 0; round < 100000; round++) {
        timestamp += chance(10) ? 160 : chance(1u << 31) * 2;
        jitter_put(&jitter, timestamp, in, chance(1500));
        if (chance(3))
            jitter_get(&jitter, out, chance(2));
        CHECK(jitter.pace.delay >= FRAME && jitter.pace.delay <= JITTER_MAX);
    }
}

int main(void)
{
    order_is_restored();
    lost_frame_is_made_up_without_a_click();
    loss_after_a_key_stays_within_what_was_heard();
    made_up_sound_after_a_key_is_of_what_came_last();
    burst_after_a_stall_moves_nothing();
    clock_set_back_is_followed(1);
    clock_set_back_is_followed(2);
    no_timestamp_overflows();
    delay_grows_with_lateness_and_stays_bounded();
    clock_drift_is_followed(200);
    clock_drift_is_followed(-200);
    anything_may_arrive();
    return failures ? 1 : 0;
}
