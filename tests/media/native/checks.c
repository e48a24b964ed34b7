/* Unit tests of the engine's parts that need no thread; run under the sanitisers by pytest. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "digits.h"
#include "g711.h"
#include "jitter.h"
#include "recorder.h"
#include "rtcp.h"
#include "wire.h"

static int failures;

#define CHECK(condition)                                                        \
    do {                                                                        \
        if (!(condition)) {                                                     \
            printf("%s:%d: %s\n", __func__, __LINE__, #condition);              \
            failures++;                                                         \
        }                                                                       \
    } while (0)

static uint64_t state = 88172645463325252ULL;

static uint32_t chance(uint32_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32) % below;
}

static void every_g711_code_comes_back(void)
{
    for (int law = 0; law < 2; law++)
        for (int code = 0; code < 256; code++) {
            const uint8_t in = (uint8_t)code;
            int16_t sample, again;
            uint8_t out;
            g711_decode((Law)law, &in, &sample, 1);
            g711_encode((Law)law, &sample, &out, 1);
            g711_decode((Law)law, &out, &again, 1);
            CHECK(again == sample); /* mu-law has two zeros, so compare what is heard */
        }
}

static void g711_is_as_near_as_its_steps(void)
{
    for (int law = 0; law < 2; law++)
        for (int sample = -32000; sample <= 32000; sample += 7) {
            const int16_t in = (int16_t)sample;
            uint8_t code;
            int16_t out;
            g711_encode((Law)law, &in, &code, 1);
            g711_decode((Law)law, &code, &out, 1);
            /* the step is a sixteenth of the segment, the least one is 8 or 16 wide */
            CHECK(abs(out - in) <= abs(in) / 16 + 16);
        }
    CHECK(g711_silence(LAW_MU) == 0xFF);
    CHECK(g711_silence(LAW_A) == 0xD5);
}

static void known_g711_values(void)
{
    /* ITU-T G.711: full scale, and the smallest steps */
    const uint8_t codes[] = {0x80, 0x00, 0xFF, 0xFE};
    int16_t samples[4];
    g711_decode(LAW_MU, codes, samples, 4);
    CHECK(samples[0] == 32124 && samples[1] == -32124 && samples[2] == 0 && samples[3] == 8);
    const uint8_t a_codes[] = {0xAA, 0x2A, 0xD5, 0x55};
    g711_decode(LAW_A, a_codes, samples, 4);
    CHECK(samples[0] == 32256 && samples[1] == -32256 && samples[2] == 8 && samples[3] == -8);
}

static void rtp_header_comes_back(void)
{
    uint8_t data[RTP_HEADER + 4] = {0};
    const RtpPacket out = {.payload_type = 101, .marker = true, .sequence = 65535,
                           .timestamp = 0xFFFFFFF0u, .ssrc = 0xDEADBEEFu};
    RtpPacket in;
    rtp_header(data, &out);
    CHECK(rtp_parse(data, sizeof data, &in));
    CHECK(in.payload_type == 101 && in.marker && in.sequence == 65535);
    CHECK(in.timestamp == 0xFFFFFFF0u && in.ssrc == 0xDEADBEEFu && in.length == 4);
}

static void malformed_rtp_is_refused(void)
{
    RtpPacket packet;
    uint8_t data[64] = {0x80};
    CHECK(!rtp_parse(data, 11, &packet));
    data[0] = 0x40;
    CHECK(!rtp_parse(data, 20, &packet)); /* version 1 */
    data[0] = 0x8F;
    CHECK(!rtp_parse(data, 20, &packet)); /* 15 sources do not fit */
    data[0] = 0x90;
    data[14] = 0xFF;
    CHECK(!rtp_parse(data, 20, &packet)); /* the extension is longer than the packet */
    data[0] = 0xA0;
    data[19] = 200;
    CHECK(!rtp_parse(data, 20, &packet)); /* more padding than payload */
    data[19] = 0;
    CHECK(!rtp_parse(data, 20, &packet));
    data[19] = 8;
    CHECK(rtp_parse(data, 20, &packet) && packet.length == 0);
}

static void noise_never_reads_outside(void)
{
    for (int round = 0; round < 200000; round++) {
        const size_t size = chance(80);
        uint8_t *data = malloc(size ? size : 1); /* exact, so that the sanitiser sees every byte */
        for (size_t i = 0; i < size; i++)
            data[i] = (uint8_t)chance(256);
        if (size && chance(4))
            data[0] = (uint8_t)(0x80 | (data[0] & 0x3F));
        if (size > 1 && chance(2))
            data[1] = (uint8_t)(200 + chance(3));
        RtpPacket packet;
        RemoteReport report;
        if (rtp_parse(data, size, &packet))
            CHECK(packet.payload >= data && packet.payload + packet.length <= data + size);
        rtcp_parse(data, size, 7, &report);
        DigitReceiver digits = {0};
        uint8_t event;
        uint16_t duration;
        digits_receive(&digits, data, size, 1, &event, &duration);
        free(data);
    }
}

static void report_comes_back(void)
{
    uint8_t data[RTCP_MAX];
    const Report out = {.ssrc = 1, .remote_ssrc = 7, .sending = true, .receiving = true,
                        .ntp = 0x1122334455667788ULL, .fraction_lost = 64, .jitter = 80,
                        .last_sr = 0xAABBCCDDu, .delay_since_last_sr = 65536};
    const size_t size = rtcp_write(data, &out);
    CHECK(size % 4 == 0 && size <= RTCP_MAX);
    RemoteReport in;
    CHECK(rtcp_parse(data, size, 7, &in));
    CHECK(in.has_sr && in.sr_middle == 0x33445566u);
    CHECK(in.has_block && in.fraction_lost == 64 && in.jitter == 80);
    CHECK(in.last_sr == 0xAABBCCDDu && in.delay_since_last_sr == 65536);
    CHECK(rtcp_parse(data, size, 8, &in) && !in.has_block); /* about somebody else */
}

static void key_is_told_once(void)
{
    DigitReceiver receiver = {0};
    uint8_t event = 0, payload[4] = {5, 10, 0, 160};
    uint16_t duration = 0;
    CHECK(!digits_receive(&receiver, payload, 4, 1000, &event, &duration));
    payload[2] = 3; /* 800 + samples */
    payload[1] = 0x8A;
    CHECK(digits_receive(&receiver, payload, 4, 1000, &event, &duration));
    CHECK(event == 5 && duration == 3 * 256 + 160);
    for (int repeat = 0; repeat < 2; repeat++)
        CHECK(!digits_receive(&receiver, payload, 4, 1000, &event, &duration));
    payload[0] = 6;
    payload[1] = 10;
    CHECK(!digits_receive(&receiver, payload, 4, 5000, &event, &duration));
    int told = 0;
    for (int frame = 0; frame < 20; frame++)
        told += digits_tick(&receiver, &event, &duration);
    CHECK(told == 1 && event == 6); /* its end was lost */
}

static void key_is_sent_as_the_standard_wants(void)
{
    DigitSender sender = {.tone = 800, .gap = 480};
    CHECK(digits_queue(&sender, 11) && !digits_queue(&sender, 16));
    int packets = 0, firsts = 0, ends = 0, last = 0;
    for (int frame = 0; frame < 30; frame++) {
        DigitPacket packet;
        bool silent;
        if (!digits_next(&sender, &packet, &silent))
            continue;
        packets++;
        firsts += packet.first;
        ends += packet.payload[1] >> 7;
        CHECK(packet.payload[0] == 11);
        const int duration = packet.payload[2] * 256 + packet.payload[3];
        CHECK(duration >= last);
        last = duration;
    }
    CHECK(packets == 7 && firsts == 1 && ends == 3 && last == 800);
}

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
    CHECK(jitter.late == 0);
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
    while ((int32_t)(jitter->play - 40 * FRAME) < 0)
        jitter_get(jitter, out, false);
    jitter_get(jitter, out, true);
    jitter_get(jitter, out, false);
    CHECK(jitter->period >= 95 && jitter->period <= 105);
    free(jitter);
}

static void no_timestamp_overflows(void)
{
    const int32_t farthest[] = {INT32_MAX, INT32_MAX - FRAME, INT32_MIN, INT32_MIN + FRAME, -1};
    int16_t in[FRAME] = {0}, out[FRAME];
    for (size_t n = 0; n < sizeof farthest / sizeof *farthest; n++) {
        Jitter *jitter = heard_so_far(10);
        jitter_put(jitter, jitter->play + (uint32_t)farthest[n], in, FRAME);
        jitter_get(jitter, out, false);
        CHECK(jitter->delay >= FRAME && jitter->delay <= JITTER_MAX);
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
    CHECK(jitter.delay > JITTER_START && jitter.delay <= JITTER_MAX);
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
        const int32_t held = (int32_t)(n * FRAME - jitter.play);
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
        CHECK(jitter.delay >= FRAME && jitter.delay <= JITTER_MAX);
    }
}

static void wav_header_says_what_is_there(void)
{
    uint8_t header[WAV_HEADER];
    wav_header(header, 2, 64000);
    CHECK(memcmp(header, "RIFF", 4) == 0 && memcmp(header + 8, "WAVEfmt ", 8) == 0);
    CHECK(header[22] == 2 && header[34] == 16);
    CHECK(header[40] == 0x00 && header[41] == 0xFA && header[42] == 0 && header[43] == 0);
}

int main(void)
{
    g711_init();
    every_g711_code_comes_back();
    g711_is_as_near_as_its_steps();
    known_g711_values();
    rtp_header_comes_back();
    malformed_rtp_is_refused();
    noise_never_reads_outside();
    report_comes_back();
    key_is_told_once();
    key_is_sent_as_the_standard_wants();
    order_is_restored();
    lost_frame_is_made_up_without_a_click();
    loss_after_a_key_stays_within_what_was_heard();
    made_up_sound_after_a_key_is_of_what_came_last();
    no_timestamp_overflows();
    delay_grows_with_lateness_and_stays_bounded();
    clock_drift_is_followed(200);
    clock_drift_is_followed(-200);
    anything_may_arrive();
    wav_header_says_what_is_there();
    return failures ? 1 : 0;
}
