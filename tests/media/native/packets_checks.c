/* The buffer of packets: order, loss, doubles, odd lengths, and whatever may arrive. */
#include <math.h>
#include <string.h>

#include "check.h"
#include "packets.h"

#define CLOCK 48000
#define RATE 16000
#define FRAME 320
#define UNITS 960 /* in 20 ms */
#define TONE 440.0

static Codec *opus(void)
{
    return codec_new(&(CodecSettings){
        .kind = CODEC_OPUS, .rate = RATE, .bitrate = 32000, .fec = true});
}

typedef struct {
    Codec *sender, *receiver;
    Packets *packets; /* on the heap and exact, so that the sanitiser sees what lies beyond */
    uint32_t said;    /* samples */
    uint8_t payload[1500];
    size_t size;
    int16_t out[FRAME];
} Call;

static void call_open(Call *call)
{
    memset(call, 0, sizeof *call);
    call->sender = opus();
    call->receiver = opus();
    codec_note_loss(call->sender, 20);
    call->packets = malloc(sizeof *call->packets);
    packets_reset(call->packets, CLOCK, RATE);
}

static void call_close(Call *call)
{
    codec_free(call->sender);
    codec_free(call->receiver);
    free(call->packets);
}

/* The next so many milliseconds of the tone, coded; returns their timestamp. */
static uint32_t say(Call *call, uint32_t milliseconds)
{
    int16_t in[960];
    const uint32_t from = call->said, count = milliseconds * RATE / 1000;
    for (uint32_t i = 0; i < count; i++)
        in[i] = (int16_t)(8000 * sin((from + i) * 2 * M_PI * TONE / RATE));
    call->said += count;
    call->size = codec_encode(call->sender, in, count, call->payload, sizeof call->payload);
    return from * (CLOCK / RATE);
}

/* 20 ms of something like a voice, which the encoder takes for one. */
static void speak(Call *call)
{
    int16_t in[FRAME];
    for (int i = 0; i < FRAME; i++) {
        const double t = (double)call->said++ / RATE, pitch = 150 * t + 4 * sin(2 * M_PI * 2 * t);
        double sound = 0;
        for (int k = 1; k < 12; k++)
            sound += sin(2 * M_PI * k * pitch) / k;
        in[i] = (int16_t)(6000 * sound * (0.55 + 0.45 * sin(2 * M_PI * 4 * t)));
    }
    call->size = codec_encode(call->sender, in, FRAME, call->payload, sizeof call->payload);
}

static void put(Call *call, uint32_t timestamp)
{
    uint8_t *exact = malloc(call->size);
    memcpy(exact, call->payload, call->size);
    packets_put(call->packets, call->receiver, timestamp, exact, call->size);
    free(exact);
}

static bool get(Call *call)
{
    return packets_get(call->packets, call->receiver, call->out, false);
}

/* The share of a frame that is the tone. */
static double tone_of(const int16_t *frame)
{
    double sum = 1, sine = 0, cosine = 0;
    for (int i = 0; i < FRAME; i++) {
        const double at = i * 2 * M_PI * TONE / RATE;
        sum += (double)frame[i] * frame[i];
        sine += frame[i] * sin(at);
        cosine += frame[i] * cos(at);
    }
    return 2 * (sine * sine + cosine * cosine) / FRAME / sum;
}

static double level(const int16_t *frame)
{
    double sum = 0;
    for (int i = 0; i < FRAME; i++)
        sum += (double)frame[i] * frame[i];
    return sqrt(sum / FRAME);
}

static void packets_of_any_length_are_heard_whole(uint32_t milliseconds)
{
    Call call;
    call_open(&call);
    uint32_t sent = 0;
    for (uint32_t frame = 0; frame < 100; frame++) {
        for (; sent < (frame + 1) * 20; sent += milliseconds)
            put(&call, say(&call, milliseconds));
        const bool came = get(&call);
        if (frame >= 10) {
            CHECK(came);
            CHECK(tone_of(call.out) > 0.9);
        }
    }
    CHECK(call.packets->concealed == 0 && call.packets->pace.late == 0);
    call_close(&call);
}

static void order_is_restored_and_doubles_are_dropped(void)
{
    Call call, plain;
    call_open(&call);
    call_open(&plain);
    for (uint32_t n = 0; n < 100; n += 2) {
        uint8_t first[1500];
        const uint32_t timestamp = say(&call, 20);
        const size_t size = call.size;
        memcpy(first, call.payload, size);
        const uint32_t second = say(&call, 20);
        if (n == 0) { /* the first one that comes says when to begin */
            packets_put(call.packets, call.receiver, timestamp, first, size);
            put(&call, second);
        } else {
            put(&call, second);
            put(&call, second);
            packets_put(call.packets, call.receiver, timestamp, first, size);
            packets_put(call.packets, call.receiver, timestamp, first, size);
        }
        for (int k = 0; k < 2; k++)
            put(&plain, say(&plain, 20));
        for (int k = 0; k < 2; k++) {
            get(&call);
            get(&plain);
            CHECK(memcmp(call.out, plain.out, sizeof call.out) == 0);
        }
    }
    CHECK(call.packets->concealed == 0 && call.packets->pace.late == 0);
    call_close(&call);
    call_close(&plain);
}

/* How far what is heard in place of lost packets is from what was sent, as a share of it. One in ten
 * is lost; `ahead` says whether the packet after it is there in time to say it again. */
static double error_where_lost(bool ahead)
{
    Call call, whole;
    call_open(&call);
    call_open(&whole);
    if (!ahead)
        call.packets->pace.delay = whole.packets->pace.delay = 0;
    const uint32_t behind = ahead ? 2 : 0;
    double wrong = 0, right = 0;
    for (uint32_t n = 0; n < 250; n++) { /* the delay may shrink then */
        speak(&whole);
        put(&whole, n * UNITS);
        speak(&call);
        if (n % 10 != 7)
            put(&call, n * UNITS);
        const bool came = get(&call);
        get(&whole);
        if (n > 20 && (n - behind) % 10 == 7) {
            CHECK(!came);
            for (int i = 0; i < FRAME; i++) {
                wrong += pow(call.out[i] - whole.out[i], 2);
                right += pow(whole.out[i], 2);
            }
        }
    }
    CHECK(call.packets->concealed == 25);
    call_close(&call);
    call_close(&whole);
    return wrong / right;
}

static void lost_packet_is_taken_from_the_next_one_or_made_up(void)
{
    CHECK(error_where_lost(true) < 0.15);
    CHECK(error_where_lost(false) > 0.25);
    CHECK(error_where_lost(false) < 1.2); /* 1 would be silence */
}

static void long_loss_is_silence_and_ends(void)
{
    Call call;
    call_open(&call);
    for (uint32_t n = 0; n < 20; n++) {
        put(&call, say(&call, 20));
        get(&call);
    }
    for (uint32_t n = 0; n < 30; n++) {
        say(&call, 20);
        CHECK(!get(&call) || n < 2);
    }
    CHECK(level(call.out) == 0);
    CHECK(call.packets->concealed == 5);
    for (uint32_t n = 0; n < 10; n++) {
        put(&call, say(&call, 20));
        get(&call);
    }
    CHECK(tone_of(call.out) > 0.9);
    call_close(&call);
}

static void nothing_is_made_up_while_a_key_is_held(void)
{
    Call call;
    call_open(&call);
    for (uint32_t n = 0; n < 20; n++) {
        put(&call, say(&call, 20));
        get(&call);
    }
    for (uint32_t n = 0; n < 10; n++)
        packets_get(call.packets, call.receiver, call.out, true);
    CHECK(level(call.out) == 0 && call.packets->concealed == 0);
    call_close(&call);
}

static void sender_that_falls_silent_leaves_its_noise(void)
{
    static const uint8_t nothing_to_say[] = {0x48}; /* a lone TOC: wideband, 20 ms */
    Call call;
    call_open(&call);
    uint32_t timestamp = 0;
    for (uint32_t n = 0; n < 20; n++) {
        put(&call, timestamp = say(&call, 20));
        get(&call);
    }
    packets_put(call.packets, call.receiver, timestamp + UNITS, nothing_to_say, 1);
    for (uint32_t n = 0; n < 20; n++)
        get(&call);
    CHECK(call.packets->concealed == 0); /* it said so: nothing was lost */
    call_close(&call);
}

static void delay_grows_with_lateness_and_stays_bounded(void)
{
    Call call;
    call_open(&call);
    say(&call, 20);
    for (uint32_t n = 0; n < 2000; n++) {
        const uint32_t behind = chance(5); /* packets are 0 to 80 ms late */
        if (n >= behind)
            put(&call, (n - behind) * UNITS);
        get(&call);
    }
    const uint32_t delay = call.packets->pace.delay;
    CHECK(delay > PACE_START * UNITS && delay <= PACE_MOST * UNITS);
    call_close(&call);
}

static void clock_drift_is_followed(double ppm)
{
    Call call;
    call_open(&call);
    say(&call, 20);
    double sent = 0;
    uint32_t n = 0;
    for (int frame = 0; frame < 50 * 300; frame++) { /* five minutes */
        for (sent += 1 + ppm * 1e-6; sent >= 1; sent -= 1, n++)
            put(&call, n * UNITS);
        get(&call);
        const int32_t held = (int32_t)(n * UNITS - call.packets->pace.play);
        CHECK(frame < 10 || (held > -3 * UNITS && held <= (PACE_MOST + 3) * UNITS));
    }
    call_close(&call);
}

/* Real packets cut, altered and mixed with noise, under timestamps of all kinds. */
static void anything_may_arrive(void)
{
    Call call;
    call_open(&call);
    uint32_t timestamp = 0;
    for (int round = 0; round < 20000; round++) {
        const uint32_t lengths[] = {10, 20, 40, 60};
        if (chance(4) == 0)
            say(&call, lengths[chance(4)]);
        size_t size = chance(8) ? call.size : chance(1600);
        uint8_t *data = noise(size);
        if (size == call.size)
            memcpy(data, call.payload, size);
        if (size > 0 && chance(3) == 0)
            data[chance((uint32_t)size)] = (uint8_t)chance(256);
        if (size > 0 && chance(10) == 0)
            data[0] = (uint8_t)chance(256);
        const uint32_t steps[] = {0, 1, 119, 120, 480, 960, 961, 2880, 5760, 40000};
        timestamp += chance(20) ? steps[chance(10)] : chance(1u << 31) * 2;
        packets_put(call.packets, call.receiver, timestamp, data, size);
        free(data);
        for (uint32_t k = chance(3); k > 0; k--)
            packets_get(call.packets, call.receiver, call.out, chance(8) == 0);
        CHECK(call.packets->pace.delay >= UNITS && call.packets->pace.delay <= PACE_MOST * UNITS);
        if (chance(1000) == 0)
            packets_forget(call.packets);
    }
    call_close(&call);
}

static void more_packets_than_fit_are_passed_over(void)
{
    Call call;
    call_open(&call);
    say(&call, 10);
    for (uint32_t n = 0; n < 3 * PACKETS_HELD; n++)
        put(&call, n * 120); /* each says that it lasts 10 ms, and they overlap */
    for (int n = 0; n < 100; n++)
        get(&call);
    CHECK(call.packets->ready_count < FRAME);
    call_close(&call);
}

int main(void)
{
    packets_of_any_length_are_heard_whole(10);
    packets_of_any_length_are_heard_whole(20);
    packets_of_any_length_are_heard_whole(40);
    packets_of_any_length_are_heard_whole(60);
    order_is_restored_and_doubles_are_dropped();
    lost_packet_is_taken_from_the_next_one_or_made_up();
    long_loss_is_silence_and_ends();
    nothing_is_made_up_while_a_key_is_held();
    sender_that_falls_silent_leaves_its_noise();
    delay_grows_with_lateness_and_stays_bounded();
    clock_drift_is_followed(200);
    clock_drift_is_followed(-200);
    anything_may_arrive();
    more_packets_than_fit_are_passed_over();
    return failures ? 1 : 0;
}
