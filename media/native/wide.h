/* What a leg with Opus has besides one with G.711: sound at twice the rate. */
#ifndef MURIMA_WIDE_H
#define MURIMA_WIDE_H

#include "packets.h"
#include "resample.h"

#define WIDE_RATE 16000
#define WIDE_FRAME RESAMPLE_WIDE

typedef struct {
    Codec *codec;
    Packets packets;
    Halver halver;   /* of what is heard */
    Doubler doubler; /* of what legs with G.711 and prompts say to this one */
    bool doubling;   /* the doubler has not given out all of it */
    int16_t heard[WIDE_FRAME];
} Wide;

/* NULL without memory. */
Wide *wide_new(void);
void wide_free(Wide *wide);

/* Once a frame: what is heard, at both rates. */
void wide_hear(Wide *wide, int16_t *narrow, bool quiet);

/* What is said to the leg by legs of both rates together; NULL where nobody of that rate speaks. */
void wide_join(Wide *wide, const int16_t *narrow, const int16_t *sound, int16_t *joined);

#endif
