#include "digits.h"

#include "wire.h"

#define FRAME 160
#define EVENT_MOST 15
#define LOST_AFTER 5 /* frames without a packet of an event that has not ended */
#define CLOCK 8000 /* timestamp units in a second, where nothing else was agreed */
#define SEGMENT UINT16_MAX /* samples; a longer event goes on under a timestamp this much later */
#define END_PACKETS 3
#define VOLUME 10 /* dBm0 below zero */

static bool let_go(DigitReceiver *receiver, uint8_t *event, uint16_t *duration)
{
    if (receiver->told)
        return false;
    receiver->told = true;
    receiver->active = false;
    *event = receiver->event;
    *duration = receiver->duration;
    return true;
}

/* Whether the packet belongs to an event or a segment before the present one. */
static bool is_straggler(const DigitReceiver *receiver, uint8_t event, uint32_t timestamp)
{
    const uint32_t back = receiver->timestamp - timestamp;
    const uint32_t long_ago = receiver->clock ? receiver->clock : CLOCK; /* another stream */
    if (!receiver->active && !receiver->told)
        return false;
    return (back != 0 && back < long_ago) || (back == SEGMENT && event == receiver->event);
}

bool digits_receive(DigitReceiver *receiver, const uint8_t *payload, size_t length,
                    uint32_t timestamp, uint8_t *event, uint16_t *duration)
{
    if (length < DIGIT_PAYLOAD || payload[0] > EVENT_MOST)
        return false;
    const bool end = payload[1] >> 7;
    const uint16_t lasted = wire_read_u16(payload + 2);
    if (is_straggler(receiver, payload[0], timestamp))
        return false;
    bool reported = false;
    if (receiver->active && payload[0] == receiver->event &&
        timestamp - receiver->timestamp == SEGMENT) {
        receiver->timestamp = timestamp; /* the same key, held for longer than 16 bits can say */
        receiver->duration = UINT16_MAX;
    }
    if (!receiver->active && receiver->told && receiver->timestamp == timestamp)
        return false; /* one more packet of an event that is over */
    if (receiver->active && receiver->timestamp != timestamp)
        reported = let_go(receiver, event, duration); /* its end was lost, the next one began */
    if (!receiver->active) {
        receiver->active = true;
        receiver->told = false;
        receiver->timestamp = timestamp;
        receiver->duration = 0;
    }
    receiver->silent = 0;
    receiver->event = payload[0];
    if (lasted > receiver->duration)
        receiver->duration = lasted;
    if (end && !reported)
        return let_go(receiver, event, duration);
    return reported;
}

bool digits_tick(DigitReceiver *receiver, uint8_t *event, uint16_t *duration)
{
    if (!receiver->active || ++receiver->silent <= LOST_AFTER)
        return false;
    return let_go(receiver, event, duration);
}

void digits_drop(DigitSender *sender)
{
    sender->head = sender->tail;
    sender->active = false;
    sender->pause = 0;
}

bool digits_queue(DigitSender *sender, uint8_t event)
{
    if (event > EVENT_MOST || sender->tail - sender->head == DIGIT_QUEUE)
        return false;
    const uint32_t at = sender->tail++ % DIGIT_QUEUE;
    sender->queue[at].event = event;
    sender->queue[at].tone = sender->tone;
    sender->queue[at].gap = sender->gap;
    return true;
}

bool digits_next(DigitSender *sender, DigitPacket *packet, bool *silent)
{
    *silent = sender->active || sender->pause > 0;
    if (sender->pause > 0) {
        sender->pause = sender->pause > FRAME ? (uint16_t)(sender->pause - FRAME) : 0;
        return false;
    }
    if (!sender->active) {
        if (sender->head == sender->tail)
            return false;
        sender->active = true;
        sender->sent = 0;
        sender->ends = 0;
        *silent = true;
    }
    packet->first = sender->sent == 0;
    packet->step = sender->sent;
    const uint32_t at = sender->head % DIGIT_QUEUE;
    if (packet->first || sender->sent < sender->queue[at].tone)
        sender->sent = sender->sent > UINT16_MAX - FRAME ? UINT16_MAX
                                                         : (uint16_t)(sender->sent + FRAME);
    const bool end = sender->sent >= sender->queue[at].tone;
    packet->payload[0] = sender->queue[at].event;
    packet->payload[1] = (uint8_t)((end ? 0x80 : 0) | VOLUME);
    /* At 48000 units a second 16 bits say 1.4 s: a key held for longer says just that. */
    const uint32_t units = sender->sent * (uint32_t)(sender->scale ? sender->scale : 1);
    wire_write_u16(packet->payload + 2, units < UINT16_MAX ? (uint16_t)units : UINT16_MAX);
    if (end && ++sender->ends == END_PACKETS) {
        sender->head++;
        sender->active = false;
        sender->pause = sender->queue[at].gap;
    }
    return true;
}
