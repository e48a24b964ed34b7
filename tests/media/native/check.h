/* What the checks of the engine's parts share: one program per part, its status says whether every
 * check held. */
#ifndef MURIMA_CHECK_H
#define MURIMA_CHECK_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static int failures;

#define CHECK(condition)                                                        \
    do {                                                                        \
        if (!(condition)) {                                                     \
            printf("%s:%d: %s\n", __func__, __LINE__, #condition);              \
            failures++;                                                         \
        }                                                                       \
    } while (0)

/* The same numbers on every run. */
static inline uint32_t chance(uint32_t below)
{
    static uint64_t state = 88172645463325252ULL;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32) % below;
}

/* Random bytes in a piece of exactly their size, so that the sanitiser sees every byte beyond. */
static inline uint8_t *noise(size_t size)
{
    uint8_t *data = malloc(size ? size : 1);
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)chance(256);
    return data;
}

#endif
