/* Opus (RFC 6716) by libopus, behind the codec interface; see codec.h for what each promises. */
#ifndef MURIMA_CODEC_OPUS_H
#define MURIMA_CODEC_OPUS_H

#include "codec.h"

typedef struct OpusCodec OpusCodec;

OpusCodec *opus_codec_new(const CodecSettings *settings);
void opus_codec_free(OpusCodec *opus);
size_t opus_codec_count(const OpusCodec *opus, const uint8_t *payload, size_t length);
size_t opus_codec_decode(OpusCodec *opus, const uint8_t *payload, size_t length, int16_t *samples,
                         size_t most);
size_t opus_codec_recover(OpusCodec *opus, const uint8_t *next, size_t next_length,
                          int16_t *samples, size_t count);
size_t opus_codec_encode(OpusCodec *opus, const int16_t *samples, size_t count, uint8_t *payload,
                         size_t most);
void opus_codec_note_loss(OpusCodec *opus, unsigned percent);

#endif
