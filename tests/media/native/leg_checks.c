/* One leg with real sockets and no thread: what it sends after a change, and whatever may arrive. */
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "engine.h"
#include "peer.h"

#define EVENTS 64
#define KEY_TYPE 101

typedef struct {
    Shard shard;
    Peer rtp, rtcp, peer;
    Leg *leg;
    Stream stream;
} World;

static void world_open(World *world)
{
    memset(world, 0, sizeof *world);
    ring_open(&world->shard.events, sizeof(Event), EVENTS);
    world->rtp = peer_open();
    world->rtcp = peer_open();
    world->peer = peer_open();
    world->leg = leg_new(1, world->rtp.socket, world->rtcp.socket, 30000, 0x123456789ABCDEFULL);
    world->leg->shard = &world->shard;
    Stream *stream = &world->stream;
    memset(stream->law_of, -1, sizeof stream->law_of);
    stream->law_of[0] = LAW_MU;
    stream->law_of[8] = LAW_A;
    stream->remote = world->peer.address;
    stream->has_remote = true;
    stream->flow = FLOW_SEND | FLOW_RECEIVE;
    stream->digit_send_type = stream->digit_receive_type = KEY_TYPE;
    stream->packet_samples = FRAME;
    leg_set_stream(world->leg, stream);
}

static void world_close(World *world)
{
    leg_free(world->leg);
    ring_close(&world->shard.events);
    close(world->rtp.socket);
    close(world->rtcp.socket);
    close(world->peer.socket);
}

static void frames(World *world, int count)
{
    static const int16_t silence[FRAME];
    for (int n = 0; n < count; n++) {
        leg_receive(world->leg, 0);
        leg_hear(world->leg);
        leg_send(world->leg, silence, 0);
    }
}

/* Packets of that payload type which have come to the peer. */
static int heard(World *world, uint8_t payload_type)
{
    uint8_t data[PACKET_MAX];
    RtpPacket packet;
    int count = 0;
    ssize_t size;
    while ((size = recv(world->peer.socket, data, sizeof data, MSG_DONTWAIT)) >= 0)
        count += rtp_parse(data, (size_t)size, &packet) && packet.payload_type == payload_type;
    return count;
}

static void keys_end_when_the_peer_takes_none(void)
{
    World world;
    world_open(&world);
    DigitSender *keys = &world.leg->digits_out;
    keys->tone = 1600;
    keys->gap = 800;
    digits_queue(keys, 1);
    digits_queue(keys, 2);
    frames(&world, 3);
    CHECK(heard(&world, KEY_TYPE) == 3);
    world.stream.digit_send_type = -1;
    leg_set_stream(world.leg, &world.stream);
    frames(&world, 3);
    world.stream.digit_send_type = KEY_TYPE;
    leg_set_stream(world.leg, &world.stream);
    frames(&world, 40);
    CHECK(heard(&world, KEY_TYPE) == 0);
    digits_queue(keys, 3);
    frames(&world, 40);
    CHECK(heard(&world, KEY_TYPE) == 12); /* ten of the key, and its end twice more */
    world_close(&world);
}

static void reports_follow_the_party(void)
{
    static const uint8_t report[] = {0x80, 201, 0, 1, 0, 0, 0, 9};
    World world;
    world_open(&world);
    sendto(world.peer.socket, report, sizeof report, 0, &world.rtcp.address.any,
           sizeof world.rtcp.address.v4);
    frames(&world, 50);
    CHECK(same_address(&world.leg->report_source, &world.peer.address));
    const Peer other = peer_open();
    world.stream.remote = other.address;
    leg_set_stream(world.leg, &world.stream);
    CHECK(world.leg->report_source.any.sa_family == 0);
    close(other.socket);
    world_close(&world);
}

static void send_key(World *world, uint16_t sequence, uint32_t timestamp)
{
    uint8_t data[RTP_HEADER + DIGIT_PAYLOAD] = {0};
    const RtpPacket packet = {.payload_type = KEY_TYPE, .sequence = sequence,
                              .timestamp = timestamp, .ssrc = 5};
    rtp_header(data, &packet);
    data[RTP_HEADER + 1] = 0x80;
    sendto(world->peer.socket, data, sizeof data, 0, &world->rtp.address.any,
           sizeof world->rtp.address.v4);
}

static void flood_of_keys_leaves_room_for_what_is_handed_back(void)
{
    World world;
    world_open(&world);
    for (uint16_t n = 0; n < 4 * EVENTS; n++) {
        send_key(&world, n, n * 8000u);
        frames(&world, 1);
    }
    CHECK(world.shard.events.overflows == 0);
    for (int n = 0; n < EVENTS / 2; n++)
        shard_tell(&world.shard, EVENT_CLOSED, 1, 0, 0, NULL);
    Event event;
    int keys = 0, closed = 0;
    while (ring_pop(&world.shard.events, &event)) {
        keys += event.kind == EVENT_DIGIT;
        closed += event.kind == EVENT_CLOSED;
    }
    CHECK(keys > 0 && closed == EVENTS / 2);
    world_close(&world);
}

static void change_stream(World *world)
{
    world->stream.flow = (uint8_t)chance(4);
    world->stream.digit_send_type = chance(2) ? KEY_TYPE : -1;
    world->stream.packet_samples = (uint16_t)(80 + chance(401));
    leg_set_stream(world->leg, &world->stream);
}

/* One packet of a party that means ill but knows the format. */
static void send_anything(World *world, uint16_t *sequence, uint32_t *timestamp)
{
    static const uint8_t types[] = {0, 8, 13, KEY_TYPE, 77};
    const size_t size = RTP_HEADER + chance(chance(8) ? 200 : PACKET_MAX - RTP_HEADER + 8);
    uint8_t *data = noise(size);
    *sequence = (uint16_t)(*sequence + (chance(20) ? 1 : chance(65536)));
    *timestamp += chance(20) ? FRAME : chance(1u << 31) * 2;
    const RtpPacket packet = {.payload_type = types[chance(sizeof types)], .sequence = *sequence,
                              .timestamp = *timestamp, .ssrc = chance(50) ? 5 : chance(3)};
    rtp_header(data, &packet);
    if (chance(10) == 0)
        data[0] = (uint8_t)chance(256);
    const bool report = chance(10) == 0;
    if (report)
        data[1] = (uint8_t)(200 + chance(3));
    const Address *to = report ? &world->rtcp.address : &world->rtp.address;
    sendto(world->peer.socket, data, size, 0, &to->any, sizeof to->v4);
    free(data);
}

static void anything_may_arrive(void)
{
    World world;
    world_open(&world);
    uint16_t sequence = 0;
    uint32_t timestamp = 0;
    for (int round = 0; round < 20000; round++) {
        for (uint32_t n = chance(6); n > 0; n--)
            send_anything(&world, &sequence, &timestamp);
        if (chance(50) == 0)
            change_stream(&world);
        if (chance(20) == 0)
            digits_queue(&world.leg->digits_out, (uint8_t)chance(20));
        frames(&world, 1);
        heard(&world, 0);
        Event event;
        while (ring_pop(&world.shard.events, &event))
            CHECK(event.kind != EVENT_DIGIT || (event.a >= 0 && event.a <= 15));
    }
    CHECK(world.leg->figures.received > 10000);
    world_close(&world);
}

int main(void)
{
    g711_init();
    keys_end_when_the_peer_takes_none();
    reports_follow_the_party();
    flood_of_keys_leaves_room_for_what_is_handed_back();
    anything_may_arrive();
    return failures ? 1 : 0;
}
