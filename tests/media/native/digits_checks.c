/* Keys as telephone-events, in and out. */
#include "check.h"
#include "digits.h"

static void key_is_told_once(void)
{
    DigitReceiver receiver = {0};
    uint8_t event = 0, payload[4] = {5, 10, 0, 160};
    uint16_t duration = 0;
    CHECK(!digits_receive(&receiver, payload, 4, 1000, &event, &duration));
    payload[2] = 3; /* 800 + samples */
    payload[1] = 0x8A;
    CHECK(digits_receive(&receiver, payload, 4, 1000, &event, &duration));
    CHECK(event == 5 && duration == 3 * 256 + 160);
    for (int repeat = 0; repeat < 2; repeat++)
        CHECK(!digits_receive(&receiver, payload, 4, 1000, &event, &duration));
    payload[0] = 6;
    payload[1] = 10;
    CHECK(!digits_receive(&receiver, payload, 4, 5000, &event, &duration));
    int told = 0;
    for (int frame = 0; frame < 20; frame++)
        told += digits_tick(&receiver, &event, &duration);
    CHECK(told == 1 && event == 6); /* its end was lost */
}

typedef struct {
    DigitReceiver receiver;
    int told;
    uint8_t event;
    uint16_t duration;
} Listener;

static void hear(Listener *listener, uint8_t key, bool end, uint16_t lasted, uint32_t timestamp)
{
    const uint8_t payload[] = {key, end ? 0x8A : 0x0A, (uint8_t)(lasted >> 8), (uint8_t)lasted};
    listener->told += digits_receive(&listener->receiver, payload, sizeof payload, timestamp,
                                     &listener->event, &listener->duration);
}

static void hear_nothing(Listener *listener, int frames)
{
    for (int n = 0; n < frames; n++)
        listener->told += digits_tick(&listener->receiver, &listener->event, &listener->duration);
}

static void lost_end_is_noticed_by_the_next_key(void)
{
    Listener listener = {0};
    hear(&listener, 1, false, 160, 8000);
    hear(&listener, 1, false, 320, 8000);
    hear(&listener, 2, false, 160, 9000);
    CHECK(listener.told == 1 && listener.event == 1 && listener.duration == 320);
    hear(&listener, 2, true, 480, 9000);
    CHECK(listener.told == 2 && listener.event == 2 && listener.duration == 480);
    hear_nothing(&listener, 20);
    CHECK(listener.told == 2);
}

static void only_ends_that_came_tell_of_both_keys(void)
{
    Listener listener = {0};
    hear(&listener, 1, false, 160, 8000);
    hear(&listener, 2, true, 800, 9000); /* tells of the first; the second waits its turn */
    CHECK(listener.told == 1 && listener.event == 1);
    hear(&listener, 2, true, 800, 9000);
    CHECK(listener.told == 2 && listener.event == 2 && listener.duration == 800);
    hear(&listener, 2, true, 800, 9000);
    hear(&listener, 3, true, 800, 20000); /* one packet is all there is of it */
    CHECK(listener.told == 3 && listener.event == 3);
}

static void ends_may_come_late_and_in_any_order(void)
{
    Listener listener = {0};
    hear(&listener, 1, true, 800, 8000);
    hear(&listener, 2, false, 160, 9600);
    hear(&listener, 1, true, 800, 8000);
    hear(&listener, 1, false, 640, 8000);
    CHECK(listener.told == 1);
    hear(&listener, 2, true, 800, 9600);
    hear(&listener, 2, false, 640, 9600);
    hear_nothing(&listener, 20);
    CHECK(listener.told == 2 && listener.event == 2 && listener.duration == 800);
}

static void same_key_twice_is_two(void)
{
    Listener listener = {0};
    for (uint32_t n = 0; n < 2; n++)
        for (int end = 0; end < 3; end++)
            hear(&listener, 7, true, 800, 8000 + n * 1600);
    CHECK(listener.told == 2);
}

/* Longer than 16 bits can say: it goes on in segments (RFC 4733 section 2.5.1.3). */
static void key_held_for_long_is_told_once(void)
{
    Listener listener = {0};
    const uint32_t start = 0xFFFF8000u; /* it wraps, too */
    hear(&listener, 4, false, 160, start);
    hear(&listener, 4, false, UINT16_MAX, start);
    hear(&listener, 4, false, 160, start + UINT16_MAX);
    hear(&listener, 4, false, UINT16_MAX, start); /* out of order */
    hear(&listener, 4, true, 480, start + UINT16_MAX);
    hear(&listener, 4, true, 480, start + UINT16_MAX);
    hear_nothing(&listener, 20);
    CHECK(listener.told == 1 && listener.event == 4 && listener.duration == UINT16_MAX);
    hear(&listener, 4, true, 480, start + UINT16_MAX + 8000);
    CHECK(listener.told == 2 && listener.duration == 480);
}

static void what_is_no_key_is_passed_over(void)
{
    Listener listener = {0};
    hear(&listener, 16, true, 800, 8000); /* a flash */
    listener.told += digits_receive(&listener.receiver, (const uint8_t[]){1, 0x8A, 0}, 3, 8000,
                                    &listener.event, &listener.duration);
    hear_nothing(&listener, 20);
    CHECK(listener.told == 0);
}

static void key_is_sent_as_the_standard_wants(void)
{
    DigitSender sender = {.tone = 800, .gap = 480};
    CHECK(digits_queue(&sender, 11) && !digits_queue(&sender, 16));
    int packets = 0, firsts = 0, ends = 0, last = 0;
    for (int frame = 0; frame < 30; frame++) {
        DigitPacket packet;
        bool silent;
        if (!digits_next(&sender, &packet, &silent))
            continue;
        packets++;
        firsts += packet.first;
        ends += packet.payload[1] >> 7;
        CHECK(packet.payload[0] == 11);
        const int duration = packet.payload[2] * 256 + packet.payload[3];
        CHECK(duration >= last);
        last = duration;
    }
    CHECK(packets == 7 && firsts == 1 && ends == 3 && last == 800);
}

typedef struct {
    int packets, firsts, ends, last_duration;
} Sent;

static Sent send_for(DigitSender *sender, int frames)
{
    Sent sent = {0};
    DigitPacket packet;
    bool silent;
    for (int frame = 0; frame < frames; frame++) {
        if (!digits_next(sender, &packet, &silent))
            continue;
        CHECK(silent);
        sent.packets++;
        sent.firsts += packet.first;
        sent.ends += packet.payload[1] >> 7;
        sent.last_duration = packet.payload[2] * 256 + packet.payload[3];
    }
    return sent;
}

static void two_keys_are_sent_apart(void)
{
    DigitSender sender = {.tone = 800, .gap = 480};
    digits_queue(&sender, 1);
    digits_queue(&sender, 1);
    const Sent one = send_for(&sender, 7);
    const Sent pause = send_for(&sender, 3);
    const Sent other = send_for(&sender, 7);
    CHECK(one.firsts == 1 && one.ends == 3 && pause.packets == 0);
    CHECK(other.firsts == 1 && other.ends == 3 && send_for(&sender, 20).packets == 0);
}

static void longest_key_stays_within_its_field(void)
{
    DigitSender sender = {.tone = UINT16_MAX, .gap = UINT16_MAX};
    digits_queue(&sender, 9);
    const Sent sent = send_for(&sender, 1000);
    CHECK(sent.firsts == 1 && sent.ends == 3 && sent.last_duration == UINT16_MAX);
    CHECK(sent.packets == 410 + 2);
}

static void queue_refuses_what_it_cannot_hold(void)
{
    DigitSender sender = {.tone = 160, .gap = 160, .head = UINT32_MAX - 5, .tail = UINT32_MAX - 5};
    for (int n = 0; n < DIGIT_QUEUE; n++)
        CHECK(digits_queue(&sender, 1));
    CHECK(!digits_queue(&sender, 1));
    CHECK(send_for(&sender, 1000).firsts == DIGIT_QUEUE);
}

static void dropped_keys_are_forgotten(void)
{
    DigitSender sender = {.tone = 800, .gap = 480};
    digits_queue(&sender, 1);
    digits_queue(&sender, 2);
    send_for(&sender, 3);
    digits_drop(&sender);
    CHECK(send_for(&sender, 100).packets == 0);
    digits_queue(&sender, 3);
    CHECK(send_for(&sender, 100).packets == 7);
}

static void noise_is_read_within_its_bounds(void)
{
    DigitReceiver receiver = {0};
    for (int round = 0; round < 100000; round++) {
        const size_t size = chance(8);
        uint8_t *data = noise(size);
        uint8_t event = 0;
        uint16_t duration;
        if (digits_receive(&receiver, data, size, chance(4) * 8000, &event, &duration))
            CHECK(event <= 15);
        if (chance(3) == 0)
            digits_tick(&receiver, &event, &duration);
        free(data);
    }
}

int main(void)
{
    key_is_told_once();
    key_is_sent_as_the_standard_wants();
    lost_end_is_noticed_by_the_next_key();
    only_ends_that_came_tell_of_both_keys();
    ends_may_come_late_and_in_any_order();
    same_key_twice_is_two();
    key_held_for_long_is_told_once();
    what_is_no_key_is_passed_over();
    two_keys_are_sent_apart();
    longest_key_stays_within_its_field();
    queue_refuses_what_it_cannot_hold();
    dropped_keys_are_forgotten();
    noise_is_read_within_its_bounds();
    return failures ? 1 : 0;
}
