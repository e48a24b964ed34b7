/* The jitter buffer: puts what arrives at any time under its timestamp, and gives out 20 ms after
 * 20 ms. Lost frames are concealed, the delay follows the network. One thread. */
#ifndef MURIMA_JITTER_H
#define MURIMA_JITTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pace.h"

#define RATE 8000
#define FRAME 160                /* samples in 20 ms */
#define JITTER_RING 8192         /* samples that can wait: 1 s */
#define JITTER_START (PACE_START * FRAME)
#define JITTER_MAX (PACE_MOST * FRAME)

typedef struct {
    int16_t ring[JITTER_RING];
    uint8_t held[JITTER_RING]; /* whether the sample of that place has come */
    Pace pace;
    int16_t history[2 * FRAME];/* what was heard last, to conceal with */
    int16_t tail[FRAME];       /* how the concealment would go on, to fade from */
    uint32_t lost_run;         /* frames concealed in a row */
    uint32_t period;           /* pitch of the concealment, samples; 0: nothing is made up now */
    uint32_t position;         /* within the period */
    uint64_t concealed;        /* frames made up */
} Jitter;

void jitter_reset(Jitter *jitter);

/* The stream is over; what was learnt of the network, and the counts, stay. */
void jitter_forget(Jitter *jitter);

/* Put decoded samples at their timestamp. */
void jitter_put(Jitter *jitter, uint32_t timestamp, const int16_t *samples, size_t count);

/* Give out the next FRAME samples. `quiet` asks for silence where nothing came, as during a digit.
 * Returns false when nobody has sent anything for so long that silence is all there is. */
bool jitter_get(Jitter *jitter, int16_t *frame, bool quiet);

#endif
