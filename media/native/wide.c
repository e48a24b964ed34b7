#include "wide.h"

#include <stdlib.h>
#include <string.h>

#define BITRATE 32000

static const CodecSettings SETTINGS = {
    .kind = CODEC_OPUS, .rate = WIDE_RATE, .bitrate = BITRATE, .fec = true};

Wide *wide_new(void)
{
    Wide *wide = calloc(1, sizeof *wide);
    if (!wide || !(wide->codec = codec_new(&SETTINGS))) {
        free(wide);
        return NULL;
    }
    packets_reset(&wide->packets, codec_clock(CODEC_OPUS), WIDE_RATE);
    return wide;
}

void wide_free(Wide *wide)
{
    if (!wide)
        return;
    codec_free(wide->codec);
    free(wide);
}

void wide_hear(Wide *wide, int16_t *narrow, bool quiet)
{
    packets_get(&wide->packets, wide->codec, wide->heard, quiet);
    resample_halve(&wide->halver, wide->heard, narrow);
}

void wide_join(Wide *wide, const int16_t *narrow, const int16_t *sound, int16_t *joined)
{
    static const int16_t silence[RESAMPLE_NARROW];
    if (!narrow && !wide->doubling) {
        if (sound)
            memcpy(joined, sound, WIDE_FRAME * sizeof *joined);
        else
            memset(joined, 0, WIDE_FRAME * sizeof *joined);
        return;
    }
    wide->doubling = narrow != NULL;
    resample_double(&wide->doubler, narrow ? narrow : silence, joined);
    for (int i = 0; i < WIDE_FRAME && sound; i++) {
        const int32_t sum = joined[i] + sound[i];
        joined[i] = (int16_t)(sum > INT16_MAX ? INT16_MAX : (sum < INT16_MIN ? INT16_MIN : sum));
    }
}
