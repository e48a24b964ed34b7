/* G.711: both laws to and from 16-bit linear samples (ITU-T G.711). */
#ifndef MURIMA_G711_H
#define MURIMA_G711_H

#include <stddef.h>
#include <stdint.h>

typedef enum { LAW_MU = 0, LAW_A = 1 } Law;

/* Fill the tables; call once before anything else here. */
void g711_init(void);

void g711_decode(Law law, const uint8_t *from, int16_t *to, size_t count);
void g711_encode(Law law, const int16_t *from, uint8_t *to, size_t count);

/* The code word for silence. */
uint8_t g711_silence(Law law);

#endif
