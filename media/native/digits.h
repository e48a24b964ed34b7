/* Keys as RTP telephone-events, both ways (RFC 4733). */
#ifndef MURIMA_DIGITS_H
#define MURIMA_DIGITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIGIT_QUEUE 64
#define DIGIT_PAYLOAD 4

typedef struct {
    bool active;
    bool told; /* the event with this timestamp has been reported */
    uint8_t event;
    uint16_t duration;
    uint32_t timestamp;
    uint32_t silent; /* frames since its last packet */
    uint32_t clock;  /* timestamp units in a second; 0: 8000 */
} DigitReceiver;

/* One packet of an event. Returns true when the key has been let go: then `event` and `duration`
 * (in timestamp units) are set. Repeats of an end are passed over. */
bool digits_receive(DigitReceiver *receiver, const uint8_t *payload, size_t length,
                    uint32_t timestamp, uint8_t *event, uint16_t *duration);

/* Once a frame: an event whose end was lost is over after 100 ms. As above. */
bool digits_tick(DigitReceiver *receiver, uint8_t *event, uint16_t *duration);

typedef struct {
    struct {
        uint8_t event;
        uint16_t tone, gap;
    } queue[DIGIT_QUEUE];
    uint32_t head, tail;
    uint16_t tone, gap; /* samples; of what is queued from now on */
    uint16_t sent;      /* samples of the present event */
    uint16_t pause;     /* samples of gap left */
    uint8_t ends;       /* end packets sent */
    uint16_t scale;     /* timestamp units in a sample; 0: one */
    bool active;
} DigitSender;

/* Give up the present event and what is queued: the peer takes none any more. */
void digits_drop(DigitSender *sender);

/* Queue one event (0-15); false when too many wait. */
bool digits_queue(DigitSender *sender, uint8_t event);

typedef struct {
    bool first;    /* of this event: carries the marker */
    uint16_t step; /* samples since the event began, which its timestamp does not count */
    uint8_t payload[DIGIT_PAYLOAD];
} DigitPacket;

/* Once a frame: what to send instead of audio. `silent` is set while audio must be left out. */
bool digits_next(DigitSender *sender, DigitPacket *packet, bool *silent);

#endif
