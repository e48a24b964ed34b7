/* One leg with real sockets and no thread: what it sends after a change, and whatever may arrive. */
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "engine.h"
#include "peer.h"

#define EVENTS 64
#define KEY_TYPE 101
#define OPUS_TYPE 111

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
    memset(stream->codec_of, -1, sizeof stream->codec_of);
    stream->codec_of[0] = CODEC_PCMU;
    stream->codec_of[8] = CODEC_PCMA;
    stream->remote = world->peer.address;
    stream->has_remote = true;
    stream->flow = FLOW_SEND | FLOW_RECEIVE;
    stream->digit_send_type = stream->digit_receive_type = KEY_TYPE;
    stream->packet_samples = FRAME;
    stream->digit_clock = RATE;
    leg_set_stream(world->leg, stream);
}

/* The same with a leg that speaks and hears Opus, and G.711 if that comes. */
static void world_open_wide(World *world)
{
    world_open(world);
    world->leg->wide = wide_new();
    world->stream.codec_of[OPUS_TYPE] = CODEC_OPUS;
    world->stream.send_codec = CODEC_OPUS;
    world->stream.send_type = OPUS_TYPE;
    world->stream.digit_clock = 48000;
    leg_set_stream(world->leg, &world->stream);
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
        leg_send(world->leg, silence, NULL, 0);
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

static void opus_counts_48000_units_a_second(void)
{
    World world;
    uint8_t data[PACKET_MAX];
    RtpPacket packet;
    uint32_t last = 0, key = 0;
    int sounds = 0, keys = 0;
    world_open_wide(&world);
    world.leg->digits_out.tone = 480;
    frames(&world, 4);
    digits_queue(&world.leg->digits_out, 7);
    frames(&world, 9);
    for (ssize_t size; (size = recv(world.peer.socket, data, sizeof data, MSG_DONTWAIT)) >= 0;) {
        CHECK(rtp_parse(data, (size_t)size, &packet));
        if (packet.payload_type == KEY_TYPE) {
            CHECK(wire_read_u16(packet.payload + 2) == (keys < 3 ? 960 * (keys + 1) : 2880));
            key = packet.timestamp;
            keys++;
            continue;
        }
        CHECK(packet.payload_type == OPUS_TYPE && packet.length > 0);
        if (sounds > 0)
            CHECK(packet.timestamp - last == (sounds == 4 ? 6 : 1) * 960u);
        CHECK(packet.marker == (sounds == 0 || sounds == 4));
        last = packet.timestamp;
        sounds++;
    }
    CHECK(keys == 5 && sounds == 8);
    CHECK(key == last - 8 * 960u); /* where the sound was left out */
    world_close(&world);
}

typedef struct {
    Codec *codec;
    uint32_t sample;
    uint16_t sequence;
} Singer;

/* 20 ms of a tone, as Opus. */
static void sing(World *world, Singer *singer, double frequency)
{
    int16_t sound[960];
    uint8_t data[PACKET_MAX];
    const RtpPacket packet = {.payload_type = OPUS_TYPE, .sequence = singer->sequence++,
                              .timestamp = singer->sample, .ssrc = 5};
    for (int i = 0; i < 960; i++, singer->sample++)
        sound[i] = (int16_t)(8000 * sin(singer->sample * 2 * M_PI * frequency / 48000));
    rtp_header(data, &packet);
    const size_t size = codec_encode(singer->codec, sound, 960, data + RTP_HEADER, 1000);
    sendto(world->peer.socket, data, RTP_HEADER + size, 0, &world->rtp.address.any,
           sizeof world->rtp.address.v4);
}

static Singer singer_new(void)
{
    const CodecSettings settings = {.kind = CODEC_OPUS, .rate = 48000, .bitrate = 64000};
    return (Singer){.codec = codec_new(&settings)};
}

static double level(const int16_t *samples, int count)
{
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += (double)samples[i] * samples[i];
    return sqrt(sum / count);
}

static void opus_is_heard_at_both_rates(void)
{
    World world;
    Singer singer = singer_new();
    world_open_wide(&world);
    for (int n = 0; n < 100; n++) {
        const double frequency = n < 50 ? 1000 : 5000;
        sing(&world, &singer, frequency);
        frames(&world, 1);
        const double wide = level(world.leg->wide->heard, WIDE_FRAME);
        const double narrow = level(world.leg->heard, FRAME);
        if ((n > 20 && n < 50) || n > 70)
            CHECK(wide > 4000);
        if (n > 20 && n < 50)
            CHECK(narrow > 4000);
        if (n > 70)
            CHECK(narrow < 100); /* higher than the lower rate can say: gone, not folded */
    }
    CHECK(world.leg->figures.lost == 0 && world.leg->figures.late == 0);
    world.stream.flow = FLOW_SEND;
    leg_set_stream(world.leg, &world.stream);
    frames(&world, 1);
    CHECK(level(world.leg->wide->heard, WIDE_FRAME) == 0);
    codec_free(singer.codec);
    world_close(&world);
}

static void codec_may_change_from_packet_to_packet(void)
{
    World world;
    Singer singer = singer_new();
    uint8_t data[RTP_HEADER + FRAME];
    world_open_wide(&world);
    for (int turn = 0; turn < 3; turn++) {
        for (int n = 0; n < 30; n++) {
            sing(&world, &singer, 1000);
            frames(&world, 1);
        }
        CHECK(world.leg->hears_wide && level(world.leg->heard, FRAME) > 4000);
        for (int n = 0; n < 30; n++) {
            const RtpPacket packet = {.sequence = singer.sequence++, .ssrc = 5,
                                      .timestamp = (uint32_t)n * FRAME};
            rtp_header(data, &packet);
            memset(data + RTP_HEADER, 0x20, FRAME);
            sendto(world.peer.socket, data, sizeof data, 0, &world.rtp.address.any,
                   sizeof world.rtp.address.v4);
            frames(&world, 1);
        }
        CHECK(!world.leg->hears_wide && level(world.leg->heard, FRAME) > 4000);
    }
    CHECK(world.leg->figures.received == 180 && world.leg->figures.lost == 0);
    codec_free(singer.codec);
    world_close(&world);
}

static void change_stream(World *world)
{
    world->stream.flow = (uint8_t)chance(4);
    world->stream.digit_send_type = chance(2) ? KEY_TYPE : -1;
    world->stream.packet_samples = (uint16_t)(80 + chance(401));
    if (world->leg->wide)
        world->stream.send_codec = chance(3) ? CODEC_OPUS : CODEC_PCMU;
    leg_set_stream(world->leg, &world->stream);
}

/* One packet of a party that means ill but knows the format. */
static void send_anything(World *world, uint16_t *sequence, uint32_t *timestamp)
{
    static const uint8_t types[] = {0, 8, 13, KEY_TYPE, 77, OPUS_TYPE, OPUS_TYPE, OPUS_TYPE};
    const size_t size = RTP_HEADER + chance(chance(8) ? 200 : PACKET_MAX - RTP_HEADER + 8);
    uint8_t *data = noise(size);
    *sequence = (uint16_t)(*sequence + (chance(20) ? 1 : chance(65536)));
    *timestamp += chance(20) ? FRAME : chance(1u << 31) * 2;
    const RtpPacket packet = {.payload_type = types[chance(sizeof types)], .sequence = *sequence,
                              .timestamp = *timestamp, .ssrc = chance(50) ? 5 : chance(3)};
    rtp_header(data, &packet);
    if (packet.payload_type == OPUS_TYPE && size > RTP_HEADER && chance(4)) /* so far it is one */
        data[RTP_HEADER] = (uint8_t)(chance(32) << 3 | (chance(5) ? 0 : chance(8)));
    if (chance(10) == 0)
        data[0] = (uint8_t)chance(256);
    const bool report = chance(10) == 0;
    if (report)
        data[1] = (uint8_t)(200 + chance(3));
    const Address *to = report ? &world->rtcp.address : &world->rtp.address;
    sendto(world->peer.socket, data, size, 0, &to->any, sizeof to->v4);
    free(data);
}

static void anything_may_arrive(void (*open)(World *))
{
    World world;
    open(&world);
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
    resample_init();
    keys_end_when_the_peer_takes_none();
    reports_follow_the_party();
    flood_of_keys_leaves_room_for_what_is_handed_back();
    opus_counts_48000_units_a_second();
    opus_is_heard_at_both_rates();
    codec_may_change_from_packet_to_packet();
    anything_may_arrive(world_open);
    anything_may_arrive(world_open_wide);
    return failures ? 1 : 0;
}
