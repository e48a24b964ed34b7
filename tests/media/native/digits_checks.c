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
    noise_is_read_within_its_bounds();
    return failures ? 1 : 0;
}
