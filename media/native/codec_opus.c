#include "codec_opus.h"

#include <opus/opus.h>
#include <stdlib.h>

#define COMPLEXITY 5      /* of 10: speech gains little by more, and costs twice as much */
#define LOSS_EXPECTED 5   /* percent, until the party has told */
#define LOSS_MOST 30      /* percent: beyond that, saying things again leaves too little to say */
#define NOT_SENT 2        /* bytes: what the encoder gives when nothing need be said */
#define STEPS_A_SECOND 400 /* what is made up is a multiple of 2.5 ms */
#define MOST_STEPS 48      /* 120 ms */

struct OpusCodec {
    OpusDecoder *decoder;
    OpusEncoder *encoder;
    uint32_t rate;
    bool dtx;
};

static bool is_sensible(const CodecSettings *settings)
{
    const uint32_t rate = settings->rate;
    return (rate == 8000 || rate == 16000 || rate == 24000 || rate == 48000) &&
           settings->bitrate >= CODEC_BITRATE_LEAST && settings->bitrate <= CODEC_BITRATE_MOST;
}

static bool prepare(OpusEncoder *encoder, const CodecSettings *settings)
{
    return opus_encoder_ctl(encoder, OPUS_SET_BITRATE((opus_int32)settings->bitrate)) == OPUS_OK &&
           opus_encoder_ctl(encoder, OPUS_SET_COMPLEXITY(COMPLEXITY)) == OPUS_OK &&
           opus_encoder_ctl(encoder, OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE)) == OPUS_OK &&
           opus_encoder_ctl(encoder, OPUS_SET_INBAND_FEC(settings->fec)) == OPUS_OK &&
           opus_encoder_ctl(encoder, OPUS_SET_PACKET_LOSS_PERC(LOSS_EXPECTED)) == OPUS_OK &&
           opus_encoder_ctl(encoder, OPUS_SET_DTX(settings->dtx)) == OPUS_OK;
}

OpusCodec *opus_codec_new(const CodecSettings *settings)
{
    if (!is_sensible(settings))
        return NULL;
    OpusCodec *opus = calloc(1, sizeof *opus);
    if (!opus)
        return NULL;
    const opus_int32 rate = (opus_int32)settings->rate;
    int error;
    opus->rate = settings->rate;
    opus->dtx = settings->dtx;
    /* One channel: where a packet has two, the decoder mixes them. */
    opus->decoder = opus_decoder_create(rate, 1, &error);
    opus->encoder = opus_encoder_create(rate, 1, OPUS_APPLICATION_VOIP, &error);
    if (!opus->decoder || !opus->encoder || !prepare(opus->encoder, settings)) {
        opus_codec_free(opus);
        return NULL;
    }
    return opus;
}

void opus_codec_free(OpusCodec *opus)
{
    if (!opus)
        return;
    if (opus->decoder)
        opus_decoder_destroy(opus->decoder);
    if (opus->encoder)
        opus_encoder_destroy(opus->encoder);
    free(opus);
}

size_t opus_codec_count(const OpusCodec *opus, const uint8_t *payload, size_t length)
{
    if (length == 0 || length > INT32_MAX)
        return 0;
    const int count =
        opus_packet_get_nb_samples(payload, (opus_int32)length, (opus_int32)opus->rate);
    return count > 0 ? (size_t)count : 0;
}

size_t opus_codec_decode(OpusCodec *opus, const uint8_t *payload, size_t length, int16_t *samples,
                         size_t most)
{
    /* An empty packet would be taken for the wish to have something made up. */
    const size_t expected = opus_codec_count(opus, payload, length);
    if (expected == 0 || expected > most)
        return 0;
    const int count =
        opus_decode(opus->decoder, payload, (opus_int32)length, samples, (int)expected, 0);
    return count > 0 ? (size_t)count : 0;
}

size_t opus_codec_recover(OpusCodec *opus, const uint8_t *next, size_t next_length,
                          int16_t *samples, size_t count)
{
    const size_t step = opus->rate / STEPS_A_SECOND;
    if (count == 0 || count % step != 0 || count / step > MOST_STEPS)
        return 0;
    int made = 0;
    if (next && opus_codec_count(opus, next, next_length) > 0)
        made = opus_decode(opus->decoder, next, (opus_int32)next_length, samples, (int)count, 1);
    if (made != (int)count)
        made = opus_decode(opus->decoder, NULL, 0, samples, (int)count, 0);
    return made == (int)count ? count : 0;
}

size_t opus_codec_encode(OpusCodec *opus, const int16_t *samples, size_t count, uint8_t *payload,
                         size_t most)
{
    const size_t ten_ms = opus->rate / 100;
    if (count != ten_ms && count != 2 * ten_ms && count != 4 * ten_ms && count != 6 * ten_ms)
        return 0;
    const opus_int32 room = most > INT32_MAX ? INT32_MAX : (opus_int32)most;
    const opus_int32 size = opus_encode(opus->encoder, samples, (int)count, payload, room);
    return size > (opus->dtx ? NOT_SENT : 0) ? (size_t)size : 0;
}

void opus_codec_note_loss(OpusCodec *opus, unsigned percent)
{
    const opus_int32 loss = percent < LOSS_MOST ? (opus_int32)percent : LOSS_MOST;
    (void)opus_encoder_ctl(opus->encoder, OPUS_SET_PACKET_LOSS_PERC(loss));
}
