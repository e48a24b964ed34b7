#include "g711.h"

static int16_t linear_of[2][256];
static uint8_t code_of[2][65536];

static int16_t mu_to_linear(uint8_t code)
{
    const int bits = ~code & 0xFF;
    const int magnitude = (((bits & 0x0F) << 3) + 132) << ((bits & 0x70) >> 4);
    return (int16_t)((bits & 0x80) ? 132 - magnitude : magnitude - 132);
}

static int16_t a_to_linear(uint8_t code)
{
    const int bits = code ^ 0x55;
    const int segment = (bits & 0x70) >> 4;
    int magnitude = ((bits & 0x0F) << 4) + 8;
    if (segment > 0)
        magnitude = (magnitude + 0x100) << (segment - 1);
    return (int16_t)((bits & 0x80) ? magnitude : -magnitude);
}

static uint8_t linear_to_mu(int sample)
{
    const int sign = sample < 0 ? 0x80 : 0;
    int magnitude = sample < 0 ? -sample : sample;
    if (magnitude > 32635)
        magnitude = 32635;
    magnitude += 132;
    int segment = 7;
    for (int mask = 0x4000; segment > 0 && !(magnitude & mask); mask >>= 1)
        segment--;
    return (uint8_t)~(sign | (segment << 4) | ((magnitude >> (segment + 3)) & 0x0F));
}

static uint8_t linear_to_a(int sample)
{
    const int sign = sample < 0 ? 0 : 0x80;
    int magnitude = sample < 0 ? -sample - 1 : sample;
    if (magnitude > 32767)
        magnitude = 32767;
    int segment = 7;
    for (int mask = 0x4000; segment > 0 && !(magnitude & mask); mask >>= 1)
        segment--;
    const int shift = segment == 0 ? 4 : segment + 3;
    return (uint8_t)((sign | (segment << 4) | ((magnitude >> shift) & 0x0F)) ^ 0x55);
}

void g711_init(void)
{
    for (int code = 0; code < 256; code++) {
        linear_of[LAW_MU][code] = mu_to_linear((uint8_t)code);
        linear_of[LAW_A][code] = a_to_linear((uint8_t)code);
    }
    for (int sample = -32768; sample < 32768; sample++) {
        code_of[LAW_MU][(uint16_t)sample] = linear_to_mu(sample);
        code_of[LAW_A][(uint16_t)sample] = linear_to_a(sample);
    }
}

void g711_decode(Law law, const uint8_t *from, int16_t *to, size_t count)
{
    const int16_t *table = linear_of[law];
    for (size_t i = 0; i < count; i++)
        to[i] = table[from[i]];
}

void g711_encode(Law law, const int16_t *from, uint8_t *to, size_t count)
{
    const uint8_t *table = code_of[law];
    for (size_t i = 0; i < count; i++)
        to[i] = table[(uint16_t)from[i]];
}

uint8_t g711_silence(Law law)
{
    return code_of[law][0];
}
