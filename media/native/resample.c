#include "resample.h"

#include <math.h>
#include <string.h>

#define KEPT (RESAMPLE_TAPS - 1)
#define LENGTH (2 * RESAMPLE_TAPS)
#define CUTOFF 3700.0 /* Hz: halfway between what is kept and what is taken away */
#define WIDE_RATE 16000.0
#define BETA 5.9 /* of the Kaiser window: 60 dB */

static float filter[2][RESAMPLE_TAPS]; /* tap 2k + p stands at [p][k] */

/* The modified Bessel function of the first kind, of order zero. */
static double bessel(double x)
{
    double sum = 1.0, term = 1.0;
    for (int k = 1; k < 40; k++) {
        term *= (x / 2 / k) * (x / 2 / k);
        sum += term;
    }
    return sum;
}

void resample_init(void)
{
    double taps[LENGTH], sum = 0.0;
    for (int n = 0; n < LENGTH; n++) {
        const double off = n - (LENGTH - 1) / 2.0, inside = 2 * off / (LENGTH - 1);
        const double at = 2 * M_PI * CUTOFF / WIDE_RATE * off; /* never 0: the length is even */
        taps[n] = sin(at) / at * bessel(BETA * sqrt(1 - inside * inside));
        sum += taps[n];
    }
    for (int n = 0; n < LENGTH; n++)
        filter[n & 1][n / 2] = (float)(taps[n] / sum);
}

/* Add to each output what one phase of the filter makes of `given`. The loop over outputs is the
 * inner one because the compiler then works on several of them at once. */
static void convolve(const float *taps, const float *given, float *output)
{
    for (int k = 0; k < RESAMPLE_TAPS; k++) {
        const float tap = taps[k];
        const float *from = given + KEPT - k;
        for (int i = 0; i < RESAMPLE_NARROW; i++)
            output[i] += tap * from[i];
    }
}

static void keep_last(float *given)
{
    memmove(given, given + RESAMPLE_NARROW, KEPT * sizeof *given);
}

static int16_t limited(float sample)
{
    if (sample >= 32767.0f)
        return INT16_MAX;
    if (sample <= -32768.0f)
        return INT16_MIN;
    return (int16_t)lrintf(sample);
}

void resample_halve(Halver *halver, const int16_t *wide, int16_t *narrow)
{
    float output[RESAMPLE_NARROW] = {0};
    for (int i = 0; i < RESAMPLE_NARROW; i++) {
        halver->phase[0][KEPT + i] = wide[2 * i + 1];
        halver->phase[1][KEPT + i] = wide[2 * i];
    }
    for (int p = 0; p < 2; p++) {
        convolve(filter[p], halver->phase[p], output);
        keep_last(halver->phase[p]);
    }
    for (int i = 0; i < RESAMPLE_NARROW; i++)
        narrow[i] = limited(output[i]);
}

void resample_double(Doubler *doubler, const int16_t *narrow, int16_t *wide)
{
    for (int i = 0; i < RESAMPLE_NARROW; i++)
        doubler->given[KEPT + i] = narrow[i];
    for (int p = 0; p < 2; p++) {
        float output[RESAMPLE_NARROW] = {0};
        convolve(filter[p], doubler->given, output);
        for (int i = 0; i < RESAMPLE_NARROW; i++)
            wide[2 * i + p] = limited(2 * output[i]);
    }
    keep_last(doubler->given);
}
