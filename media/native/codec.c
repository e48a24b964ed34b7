#include "codec.h"

#include <stdlib.h>

#include "codec_opus.h"
#include "g711.h"

#define G711_RATE 8000
#define G711_MOST (G711_RATE * 3 / 25) /* samples in 120 ms */

struct Codec {
    CodecKind kind;
    OpusCodec *opus; /* NULL for G.711, which remembers nothing */
};

Codec *codec_new(const CodecSettings *settings)
{
    const bool is_opus = settings->kind == CODEC_OPUS;
    if (!is_opus && ((settings->kind != CODEC_PCMU && settings->kind != CODEC_PCMA) ||
                     settings->rate != G711_RATE))
        return NULL;
    Codec *codec = calloc(1, sizeof *codec);
    if (!codec)
        return NULL;
    codec->kind = settings->kind;
    if (is_opus && !(codec->opus = opus_codec_new(settings))) {
        free(codec);
        return NULL;
    }
    return codec;
}

void codec_free(Codec *codec)
{
    if (!codec)
        return;
    opus_codec_free(codec->opus);
    free(codec);
}

uint32_t codec_clock(CodecKind kind)
{
    return kind == CODEC_OPUS ? CODEC_RATE_MOST : G711_RATE;
}

static Law law_of(const Codec *codec)
{
    return codec->kind == CODEC_PCMA ? LAW_A : LAW_MU;
}

size_t codec_count(const Codec *codec, const uint8_t *payload, size_t length)
{
    if (codec->opus)
        return opus_codec_count(codec->opus, payload, length);
    return length <= G711_MOST ? length : 0;
}

size_t codec_decode(Codec *codec, const uint8_t *payload, size_t length, int16_t *samples,
                    size_t most)
{
    if (codec->opus)
        return opus_codec_decode(codec->opus, payload, length, samples, most);
    if (length > most || length > G711_MOST)
        return 0;
    g711_decode(law_of(codec), payload, samples, length);
    return length;
}

size_t codec_recover(Codec *codec, const uint8_t *next, size_t next_length, int16_t *samples,
                     size_t count)
{
    if (!codec->opus)
        return 0;
    return opus_codec_recover(codec->opus, next, next_length, samples, count);
}

size_t codec_encode(Codec *codec, const int16_t *samples, size_t count, uint8_t *payload,
                    size_t most)
{
    if (codec->opus)
        return opus_codec_encode(codec->opus, samples, count, payload, most);
    if (count > most)
        return 0;
    g711_encode(law_of(codec), samples, payload, count);
    return count;
}

void codec_note_loss(Codec *codec, unsigned percent)
{
    if (codec->opus)
        opus_codec_note_loss(codec->opus, percent);
}
