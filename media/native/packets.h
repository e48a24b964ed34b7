/* The buffer of packets: keeps what arrives at any time under its timestamp, decodes it when its
 * turn has come, and gives out 20 ms after 20 ms. What is missing then is taken from the packet
 * after it, or made up, which only the codec can do. One thread. */
#ifndef MURIMA_PACKETS_H
#define MURIMA_PACKETS_H

#include "codec.h"
#include "pace.h"

#define PACKETS_HELD 64
#define PACKETS_SIZE 1500 /* bytes of the largest payload */

typedef struct {
    Pace pace;
    uint32_t frame;     /* samples in 20 ms */
    uint32_t unit;      /* timestamp units in a sample */
    struct {
        uint32_t timestamp;
        uint32_t lasts; /* timestamp units; 0: the place is free */
        uint16_t size;
    } place[PACKETS_HELD];
    uint8_t payload[PACKETS_HELD][PACKETS_SIZE];
    int16_t ready[CODEC_SAMPLES_MOST + 2 * CODEC_FRAME_MOST]; /* decoded, and not yet heard */
    uint32_t ready_count;
    uint32_t lost_run;  /* frames made up in a row */
    bool has_sound;     /* something was decoded */
    bool is_quiet;      /* the sender said that it will say nothing for a while */
    uint64_t concealed; /* frames made up */
} Packets;

/* For packets whose timestamps count `clock` units a second, decoded at `rate`. */
void packets_reset(Packets *packets, uint32_t clock, uint32_t rate);

/* The stream is over; what was learnt of the network, and the counts, stay. */
void packets_forget(Packets *packets);

/* Keep a packet; what the codec does not know, or cannot be kept, is passed over. */
void packets_put(Packets *packets, const Codec *codec, uint32_t timestamp, const uint8_t *payload,
                 size_t size);

/* Give out the next 20 ms. `quiet` asks for silence where nothing came, as during a digit. Returns
 * whether most of it is what was sent. */
bool packets_get(Packets *packets, Codec *codec, int16_t *frame, bool quiet);

#endif
