/* Checks of the codecs: what goes in comes out, what is lost is made up, and packets of strangers
 * are harmless. libopus is not compiled with the sanitisers: pages that nobody may touch stand in
 * for them. */
#define _GNU_SOURCE
#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "codec.h"
#include "g711.h"

#define PACKET 1500
#define FRAMES 100

static const uint32_t RATES[] = {8000, 16000, 24000, 48000};

static Codec *opus(uint32_t rate)
{
    return codec_new(&(CodecSettings){.kind = CODEC_OPUS, .rate = rate, .bitrate = 32000});
}

static void tone(int16_t *samples, size_t count, size_t from, double frequency, uint32_t rate)
{
    for (size_t i = 0; i < count; i++)
        samples[i] = (int16_t)(8000 * sin(2 * M_PI * frequency * (double)(from + i) / rate));
}

/* The share of the sound's power that is at this frequency. */
static double share(const int16_t *samples, size_t count, double frequency, uint32_t rate)
{
    double real = 0, imaginary = 0, power = 1;
    for (size_t i = 0; i < count; i++) {
        const double angle = 2 * M_PI * frequency * (double)i / rate;
        real += samples[i] * cos(angle);
        imaginary += samples[i] * sin(angle);
        power += (double)samples[i] * samples[i];
    }
    return 2 * (real * real + imaginary * imaginary) / ((double)count * power);
}

static double power_of(const int16_t *samples, size_t count)
{
    double power = 0;
    for (size_t i = 0; i < count; i++)
        power += (double)samples[i] * samples[i];
    return power / (double)count;
}

/* Memory whose end is the end of what may be touched. */
typedef struct {
    uint8_t *start, *end;
    size_t mapped;
} Guarded;

static Guarded guarded(size_t most)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t size = (most + page - 1) / page * page;
    uint8_t *start =
        mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED || mprotect(start + size, page, PROT_NONE) != 0)
        abort();
    return (Guarded){start, start + size, size + page};
}

static void settings_without_sense_make_no_codec(void)
{
    const CodecSettings wrong[] = {
        {.kind = CODEC_PCMU, .rate = 16000},
        {.kind = (CodecKind)7, .rate = 8000},
        {.kind = CODEC_OPUS, .rate = 44100, .bitrate = 32000},
        {.kind = CODEC_OPUS, .rate = 0, .bitrate = 32000},
        {.kind = CODEC_OPUS, .rate = 48000, .bitrate = 0},
        {.kind = CODEC_OPUS, .rate = 48000, .bitrate = 4000000000u},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CHECK(codec_new(&wrong[i]) == NULL);
    codec_free(NULL);
    CHECK(codec_clock(CODEC_PCMU) == 8000 && codec_clock(CODEC_PCMA) == 8000);
    CHECK(codec_clock(CODEC_OPUS) == 48000);
}

static void g711_is_what_it_was(void)
{
    for (int kind = CODEC_PCMU; kind <= CODEC_PCMA; kind++) {
        Codec *codec = codec_new(&(CodecSettings){.kind = (CodecKind)kind, .rate = 8000});
        const Law law = kind == CODEC_PCMA ? LAW_A : LAW_MU;
        uint8_t *payload = noise(160), coded[160], expected[160];
        int16_t samples[160], same[160];
        CHECK(codec_count(codec, payload, 160) == 160);
        CHECK(codec_decode(codec, payload, 160, samples, 160) == 160);
        g711_decode(law, payload, same, 160);
        CHECK(memcmp(samples, same, sizeof same) == 0);
        CHECK(codec_encode(codec, samples, 160, coded, 160) == 160);
        g711_encode(law, samples, expected, 160);
        CHECK(memcmp(coded, expected, 160) == 0);
        CHECK(codec_decode(codec, payload, 160, samples, 159) == 0);
        CHECK(codec_encode(codec, samples, 160, coded, 159) == 0);
        CHECK(codec_count(codec, payload, PACKET) == 0);
        CHECK(codec_recover(codec, NULL, 0, samples, 160) == 0);
        codec_note_loss(codec, 10);
        free(payload);
        codec_free(codec);
    }
}

/* One second of a tone; what comes out after a while is that tone, unless the rate has no room. */
static void tone_comes_through(uint32_t rate, double frequency)
{
    Codec *codec = opus(rate);
    const size_t frame = rate / 50;
    int16_t said[CODEC_FRAME_MOST], heard[10 * CODEC_FRAME_MOST];
    uint8_t payload[PACKET];
    size_t kept = 0;
    for (size_t n = 0; n < 50; n++) {
        tone(said, frame, n * frame, frequency, rate);
        const size_t size = codec_encode(codec, said, frame, payload, sizeof payload);
        CHECK(size > 10 && size < 400);
        CHECK(codec_count(codec, payload, size) == frame);
        int16_t *to = n < 40 ? heard : heard + kept;
        CHECK(codec_decode(codec, payload, size, to, frame) == frame);
        kept += n < 40 ? 0 : frame;
    }
    CHECK(share(heard, kept, frequency, rate) > 0.8);
    CHECK(power_of(heard, kept) > 8e6);
    codec_free(codec);
}

static void what_is_said_is_heard(void)
{
    for (size_t i = 0; i < sizeof RATES / sizeof *RATES; i++)
        tone_comes_through(RATES[i], 1000);
    tone_comes_through(16000, 6000); /* more than a telephone knows */
    tone_comes_through(48000, 6000);
}

/* A packet made at one rate is heard at any other. */
static void rates_of_both_ends_are_their_own(void)
{
    for (size_t i = 0; i < sizeof RATES / sizeof *RATES; i++) {
        Codec *from = opus(48000), *to = opus(RATES[i]);
        int16_t said[960], heard[960];
        uint8_t payload[PACKET];
        size_t count = 0;
        for (size_t n = 0; n < 25; n++) {
            tone(said, 960, n * 960, 1000, 48000);
            const size_t size = codec_encode(from, said, 960, payload, sizeof payload);
            count = codec_decode(to, payload, size, heard, 960);
            CHECK(count == RATES[i] / 50);
        }
        CHECK(share(heard, count, 1000, RATES[i]) > 0.8);
        codec_free(from);
        codec_free(to);
    }
}

static void every_length_of_a_packet_is_taken(void)
{
    static const unsigned milliseconds[] = {10, 20, 40, 60};
    Codec *codec = opus(48000);
    int16_t *samples = calloc(CODEC_SAMPLES_MOST, sizeof *samples);
    uint8_t payload[PACKET];
    for (size_t i = 0; i < 4; i++) {
        const size_t count = 48 * milliseconds[i];
        tone(samples, count, 0, 500, 48000);
        const size_t size = codec_encode(codec, samples, count, payload, sizeof payload);
        CHECK(codec_count(codec, payload, size) == count);
        CHECK(codec_decode(codec, payload, size, samples, count - 1) == 0);
        CHECK(codec_decode(codec, payload, size, samples, CODEC_SAMPLES_MOST) == count);
    }
    CHECK(codec_encode(codec, samples, 961, payload, sizeof payload) == 0);
    CHECK(codec_encode(codec, samples, 0, payload, sizeof payload) == 0);
    CHECK(codec_encode(codec, samples, 48 * 30, payload, sizeof payload) == 0);
    CHECK(codec_encode(codec, samples, 960, payload, 0) == 0);
    free(samples);
    codec_free(codec);
}

/* Every fifth packet is lost. Returns how much of what is made up is what was really said. */
static double recovered(bool fec)
{
    Codec *codec = codec_new(
        &(CodecSettings){.kind = CODEC_OPUS, .rate = 16000, .bitrate = 32000, .fec = fec});
    codec_note_loss(codec, 20);
    uint8_t payload[2][PACKET];
    size_t size[2] = {0, 0};
    int16_t said[320], heard[320];
    double good = 0;
    unsigned made = 0;
    for (size_t n = 0; n < FRAMES; n++) {
        /* Another tone each time: from what was before, nobody could guess it. */
        const double frequency = 300 + 100 * (double)(n / 5 % 7);
        tone(said, 320, 0, n % 5 >= 2 ? frequency : 2200 - frequency, 16000);
        const size_t now = n % 2;
        size[now] = codec_encode(codec, said, 320, payload[now], PACKET);
        if (n % 5 == 2 || n < 10) {
            if (n < 10)
                CHECK(codec_decode(codec, payload[now], size[now], heard, 320) == 320);
            continue; /* lost, and made up when the next one is there */
        }
        if (n % 5 == 3) {
            const uint8_t *next = fec ? payload[now] : NULL;
            CHECK(codec_recover(codec, next, size[now], heard, 320) == 320);
            good += share(heard, 320, frequency, 16000);
            made++;
        }
        CHECK(codec_decode(codec, payload[now], size[now], heard, 320) == 320);
    }
    codec_free(codec);
    return good / made;
}

static void what_is_lost_is_said_again_by_the_next_packet(void)
{
    const double without = recovered(false), with = recovered(true);
    CHECK(with > 0.25);
    CHECK(without < 0.02);
}

static void what_is_lost_for_long_fades(void)
{
    Codec *codec = opus(48000);
    int16_t samples[960];
    uint8_t payload[PACKET];
    for (size_t n = 0; n < 20; n++) {
        tone(samples, 960, n * 960, 400, 48000);
        const size_t size = codec_encode(codec, samples, 960, payload, sizeof payload);
        CHECK(codec_decode(codec, payload, size, samples, 960) == 960);
    }
    const double before = power_of(samples, 960);
    CHECK(codec_recover(codec, NULL, 0, samples, 960) == 960);
    CHECK(power_of(samples, 960) > before / 100);
    for (size_t n = 0; n < 50; n++)
        CHECK(codec_recover(codec, NULL, 0, samples, 960) == 960);
    CHECK(power_of(samples, 960) < before / 1000);
    CHECK(codec_recover(codec, NULL, 0, samples, 0) == 0);
    CHECK(codec_recover(codec, NULL, 0, samples, 119) == 0);
    CHECK(codec_recover(codec, NULL, 0, samples, CODEC_SAMPLES_MOST + 120) == 0);
    codec_free(codec);
}

static void silence_costs_next_to_nothing(void)
{
    Codec *codec = codec_new(
        &(CodecSettings){.kind = CODEC_OPUS, .rate = 16000, .bitrate = 24000, .dtx = true});
    int16_t silence[320] = {0};
    uint8_t payload[PACKET];
    unsigned sent = 0;
    for (int n = 0; n < FRAMES; n++)
        sent += codec_encode(codec, silence, 320, payload, sizeof payload) > 0;
    CHECK(sent < FRAMES / 2);
    codec_free(codec);
}

/* Whatever comes: nothing is read behind the packet, nothing written behind the samples. */
static void hostile_packet(Codec *codec, const uint8_t *data, size_t length, const Guarded *in,
                           const Guarded *out, size_t most)
{
    uint8_t *payload = in->end - length;
    memcpy(payload, data, length);
    int16_t *samples = (int16_t *)(void *)out->end - most;
    const size_t count = codec_count(codec, payload, length);
    CHECK(count <= CODEC_SAMPLES_MOST);
    const size_t got = codec_decode(codec, payload, length, samples, most);
    CHECK(got <= most && (got == 0 || got == count));
    const size_t wanted = most / 120 * 120;
    const size_t made = codec_recover(codec, payload, length, samples, wanted);
    CHECK(made == 0 || made == wanted);
}

static void packets_of_strangers_are_harmless(void)
{
    static const size_t rooms[] = {0, 120, 960, CODEC_SAMPLES_MOST};
    const Guarded in = guarded(PACKET), out = guarded(CODEC_SAMPLES_MOST * sizeof(int16_t));
    Codec *codec = opus(48000);
    for (size_t length = 0; length <= PACKET; length++) {
        uint8_t *data = noise(length);
        hostile_packet(codec, data, length, &in, &out, rooms[length % 4]);
        free(data);
    }
    /* Every kind of packet there is, with few bytes, many, and lengths inside that are lies. */
    for (unsigned first = 0; first < 256; first++)
        for (size_t length = 1; length < 40; length++) {
            uint8_t *data = noise(length);
            data[0] = (uint8_t)first;
            if (length > 1 && length % 3 == 0)
                data[1] = (uint8_t)(length % 2 ? 0xFF : 0xBF);
            hostile_packet(codec, data, length, &in, &out, CODEC_SAMPLES_MOST);
            free(data);
        }
    codec_free(codec);
    munmap(in.start, in.mapped);
    munmap(out.start, out.mapped);
}

/* Genuine packets with wrong bits, or cut short. */
static void spoilt_packets_are_harmless(void)
{
    const Guarded in = guarded(PACKET), out = guarded(CODEC_SAMPLES_MOST * sizeof(int16_t));
    Codec *codec = opus(48000);
    int16_t said[960];
    uint8_t payload[PACKET];
    for (size_t n = 0; n < 1000; n++) {
        tone(said, 960, n * 960, 200 + (double)(n % 50) * 60, 48000);
        size_t size = codec_encode(codec, said, 960, payload, sizeof payload);
        for (uint32_t flips = chance(8); flips > 0; flips--)
            payload[chance((uint32_t)size)] ^= (uint8_t)(1u << chance(8));
        if (chance(4) == 0)
            size = chance((uint32_t)size + 1);
        hostile_packet(codec, payload, size, &in, &out, CODEC_SAMPLES_MOST);
    }
    codec_free(codec);
    munmap(in.start, in.mapped);
    munmap(out.start, out.mapped);
}

static void room_of_any_size_is_kept_to(void)
{
    const Guarded out = guarded(PACKET);
    Codec *codec = opus(48000);
    int16_t said[960];
    for (size_t most = 0; most <= 200; most++) {
        tone(said, 960, most * 960, 700, 48000);
        CHECK(codec_encode(codec, said, 960, out.end - most, most) <= most);
    }
    codec_free(codec);
    munmap(out.start, out.mapped);
}

int main(void)
{
    g711_init();
    settings_without_sense_make_no_codec();
    g711_is_what_it_was();
    what_is_said_is_heard();
    rates_of_both_ends_are_their_own();
    every_length_of_a_packet_is_taken();
    what_is_lost_is_said_again_by_the_next_packet();
    what_is_lost_for_long_fades();
    silence_costs_next_to_nothing();
    packets_of_strangers_are_harmless();
    spoilt_packets_are_harmless();
    room_of_any_size_is_kept_to();
    return failures != 0;
}
