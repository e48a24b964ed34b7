/* Between the two rates: what is kept, and what must not be heard. */
#include <math.h>
#include <string.h>

#include "check.h"
#include "resample.h"

#define FRAMES 50
#define SETTLED 2 /* frames */
#define LEVEL 16000.0

static double power_db(double sum, int count)
{
    return 10 * log10(sum / count / (LEVEL * LEVEL / 2) + 1e-12);
}

/* The level of what becomes of a tone at the wide rate. */
static double halved(double frequency)
{
    Halver halver = {0};
    int16_t wide[RESAMPLE_WIDE], narrow[RESAMPLE_NARROW];
    double sum = 0;
    for (int n = 0; n < FRAMES; n++) {
        for (int i = 0; i < RESAMPLE_WIDE; i++)
            wide[i] = (int16_t)lrint(
                LEVEL * sin(2 * M_PI * frequency / 16000 * (n * RESAMPLE_WIDE + i) + 0.3));
        resample_halve(&halver, wide, narrow);
        for (int i = 0; i < RESAMPLE_NARROW && n >= SETTLED; i++)
            sum += (double)narrow[i] * narrow[i];
    }
    return power_db(sum, (FRAMES - SETTLED) * RESAMPLE_NARROW);
}

/* The level of a tone after doubling, and of all that is not that tone. */
static void doubled(double frequency, double *tone_db, double *rest_db)
{
    Doubler doubler = {0};
    int16_t narrow[RESAMPLE_NARROW], wide[RESAMPLE_WIDE];
    double sum = 0, sine = 0, cosine = 0;
    const int count = (FRAMES - SETTLED) * RESAMPLE_WIDE;
    for (int n = 0; n < FRAMES; n++) {
        for (int i = 0; i < RESAMPLE_NARROW; i++)
            narrow[i] = (int16_t)lrint(
                LEVEL * sin(2 * M_PI * frequency / 8000 * (n * RESAMPLE_NARROW + i)));
        resample_double(&doubler, narrow, wide);
        for (int i = 0; i < RESAMPLE_WIDE && n >= SETTLED; i++) {
            const double at = 2 * M_PI * frequency / 16000 * (n * RESAMPLE_WIDE + i);
            sum += (double)wide[i] * wide[i];
            sine += wide[i] * sin(at);
            cosine += wide[i] * cos(at);
        }
    }
    const double tone = 2 * (sine * sine + cosine * cosine) / count; /* its share of `sum` */
    *tone_db = power_db(tone, count);
    *rest_db = power_db(sum > tone ? sum - tone : 0, count);
}

static void speech_passes_unchanged(void)
{
    for (double frequency = 100; frequency <= 3400; frequency += 100) {
        double tone, rest;
        doubled(frequency, &tone, &rest);
        CHECK(fabs(tone) < 0.1);
        CHECK(rest < -55);
        CHECK(fabs(halved(frequency)) < 0.1);
    }
}

static void nothing_folds_into_speech(void)
{
    for (double frequency = 4000; frequency < 8000; frequency += 50)
        CHECK(halved(frequency) < -55);
}

static void loudest_sound_is_cut_and_not_wrapped(void)
{
    Halver halver = {0};
    Doubler doubler = {0};
    int16_t wide[RESAMPLE_WIDE], narrow[RESAMPLE_NARROW];
    for (int n = 0; n < FRAMES; n++) {
        for (int i = 0; i < RESAMPLE_WIDE; i++) /* steps that overshoot */
            wide[i] = (n * RESAMPLE_WIDE + i) / 40 % 2 ? INT16_MAX : INT16_MIN;
        resample_halve(&halver, wide, narrow);
        for (int i = 6; i < 20 && n >= SETTLED; i++)
            CHECK(abs(narrow[i] - narrow[i - 1]) < 65000);
        for (int i = 0; i < RESAMPLE_NARROW; i++)
            narrow[i] = chance(2) ? INT16_MAX : INT16_MIN;
        resample_double(&doubler, narrow, wide);
    }
}

static void silence_is_silent_once_what_was_given_is_over(void)
{
    Doubler doubler = {0};
    int16_t narrow[RESAMPLE_NARROW], wide[RESAMPLE_WIDE];
    for (int i = 0; i < RESAMPLE_NARROW; i++)
        narrow[i] = (int16_t)(chance(65536) - 32768);
    resample_double(&doubler, narrow, wide);
    memset(narrow, 0, sizeof narrow);
    resample_double(&doubler, narrow, wide);
    CHECK(wide[0] != 0 || wide[1] != 0);
    resample_double(&doubler, narrow, wide);
    for (int i = 0; i < RESAMPLE_WIDE; i++)
        CHECK(wide[i] == 0);
}

int main(void)
{
    resample_init();
    speech_passes_unchanged();
    nothing_folds_into_speech();
    loudest_sound_is_cut_and_not_wrapped();
    silence_is_silent_once_what_was_given_is_over();
    return failures ? 1 : 0;
}
