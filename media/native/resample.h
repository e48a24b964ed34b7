/* Between 8000 and 16000 samples a second, a frame of 20 ms at a time, with one low-pass for both
 * directions: flat up to 3.4 kHz, and nothing left of what lies beyond 4 kHz but what is 60 dB lower. */
#ifndef MURIMA_RESAMPLE_H
#define MURIMA_RESAMPLE_H

#include <stdint.h>

#define RESAMPLE_NARROW 160 /* samples in 20 ms */
#define RESAMPLE_WIDE (2 * RESAMPLE_NARROW)
#define RESAMPLE_TAPS 52    /* of the filter, on each of its two phases */

/* What was given last, before what is given now. */
typedef struct {
    float phase[2][RESAMPLE_TAPS - 1 + RESAMPLE_NARROW];
} Halver;

typedef struct {
    float given[RESAMPLE_TAPS - 1 + RESAMPLE_NARROW];
} Doubler;

/* Compute the filter; call once before anything else here. */
void resample_init(void);

void resample_halve(Halver *halver, const int16_t *wide, int16_t *narrow);
void resample_double(Doubler *doubler, const int16_t *narrow, int16_t *wide);

#endif
