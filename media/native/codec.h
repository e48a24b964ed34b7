/* How the sound of one leg is coded. A codec keeps the state of both directions of one leg; it
 * belongs to one thread. Frames are of 16-bit samples, at the rate the codec was made for. */
#ifndef MURIMA_CODEC_H
#define MURIMA_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { CODEC_PCMU, CODEC_PCMA, CODEC_OPUS } CodecKind;

#define CODEC_RATE_MOST 48000
#define CODEC_FRAME_MOST (CODEC_RATE_MOST / 50)      /* samples in 20 ms */
#define CODEC_SAMPLES_MOST (CODEC_RATE_MOST * 3 / 25) /* in the longest packet: 120 ms */
#define CODEC_BITRATE_LEAST 6000
#define CODEC_BITRATE_MOST 128000

typedef struct {
    CodecKind kind;
    uint32_t rate;    /* samples a second given and taken: 8000; Opus also 16000, 24000, 48000 */
    uint32_t bitrate; /* of Opus, what we send */
    bool fec;         /* of Opus: let packets say again what the one before them said */
    bool dtx;         /* of Opus: send next to nothing while it is quiet */
} CodecSettings;

typedef struct Codec Codec;

/* NULL for settings that make no sense, or without memory. */
Codec *codec_new(const CodecSettings *settings);
void codec_free(Codec *codec);

/* RTP timestamp units in a second, which for Opus are 48000 at any rate (RFC 7587 section 4.1). */
uint32_t codec_clock(CodecKind kind);

/* How many samples a packet holds; 0 for one that is none of this codec. */
size_t codec_count(const Codec *codec, const uint8_t *payload, size_t length);

/* The samples of a packet, whose number is returned; 0, and none, for a packet that is damaged or
 * holds more than `most`. */
size_t codec_decode(Codec *codec, const uint8_t *payload, size_t length, int16_t *samples,
                    size_t most);

/* Make up `count` samples (a multiple of 2.5 ms, at most 120 ms) of a packet that never came, from
 * the one after it if that is known and says them again, else from what was heard. Returns 0 where
 * the codec cannot: G.711 leaves that to the jitter buffer. */
size_t codec_recover(Codec *codec, const uint8_t *next, size_t next_length, int16_t *samples,
                     size_t count);

/* Code 10, 20, 40 or 60 ms. Returns the size of the payload; 0 when nothing need be sent, or
 * `most` is too small. */
size_t codec_encode(Codec *codec, const int16_t *samples, size_t count, uint8_t *payload,
                    size_t most);

/* Tell how much the party loses, in percent: the more, the more is said again. */
void codec_note_loss(Codec *codec, unsigned percent);

#endif
