/* Both laws of G.711, there and back. */
#include "check.h"
#include "g711.h"

static void every_g711_code_comes_back(void)
{
    for (int law = 0; law < 2; law++)
        for (int code = 0; code < 256; code++) {
            const uint8_t in = (uint8_t)code;
            int16_t sample, again;
            uint8_t out;
            g711_decode((Law)law, &in, &sample, 1);
            g711_encode((Law)law, &sample, &out, 1);
            g711_decode((Law)law, &out, &again, 1);
            CHECK(again == sample);
            CHECK(out == in || (law == LAW_MU && in == 0x7F && out == 0xFF)); /* it has two zeros */
        }
}

static void g711_is_as_near_as_its_steps(void)
{
    for (int law = 0; law < 2; law++)
        for (int sample = -32000; sample <= 32000; sample += 7) {
            const int16_t in = (int16_t)sample;
            uint8_t code;
            int16_t out;
            g711_encode((Law)law, &in, &code, 1);
            g711_decode((Law)law, &code, &out, 1);
            /* the step is a sixteenth of the segment, the least one is 8 or 16 wide */
            CHECK(abs(out - in) <= abs(in) / 16 + 16);
        }
    CHECK(g711_silence(LAW_MU) == 0xFF);
    CHECK(g711_silence(LAW_A) == 0xD5);
}

static void known_g711_values(void)
{
    /* ITU-T G.711: full scale, and the smallest steps */
    const uint8_t codes[] = {0x80, 0x00, 0xFF, 0xFE};
    int16_t samples[4];
    g711_decode(LAW_MU, codes, samples, 4);
    CHECK(samples[0] == 32124 && samples[1] == -32124 && samples[2] == 0 && samples[3] == 8);
    const uint8_t a_codes[] = {0xAA, 0x2A, 0xD5, 0x55};
    g711_decode(LAW_A, a_codes, samples, 4);
    CHECK(samples[0] == 32256 && samples[1] == -32256 && samples[2] == 8 && samples[3] == -8);
}

int main(void)
{
    g711_init();
    every_g711_code_comes_back();
    g711_is_as_near_as_its_steps();
    known_g711_values();
    return failures ? 1 : 0;
}
