/* A secure leg with a real socket and no thread: what goes to Python, who is heard, whatever comes. */
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "engine.h"
#include "peer.h"
#include "rtcp.h"

#define EVENTS 256
#define KEY_TYPE 126

typedef struct {
    Shard shard;
    Peer port, browser, stranger;
    Leg *leg;
    Stream stream;
    Srtp *in, *out; /* the browser's */
    uint16_t sequence;
    int told[EVENT_DATAGRAM + 1];
} World;

static void world_open(World *world)
{
    memset(world, 0, sizeof *world);
    ring_open(&world->shard.events, sizeof(Event), EVENTS);
    world->port = peer_open();
    world->browser = peer_open();
    world->stranger = peer_open();
    world->leg = leg_new(1, world->port.socket, -1, 1000, 0x123456789ABCDEFULL);
    world->leg->shard = &world->shard;
    CHECK(leg_make_secure(world->leg));
    Stream *stream = &world->stream;
    memset(stream->codec_of, -1, sizeof stream->codec_of);
    stream->codec_of[0] = CODEC_PCMU;
    stream->flow = FLOW_SEND | FLOW_RECEIVE;
    stream->digit_send_type = stream->digit_receive_type = KEY_TYPE;
    stream->packet_samples = FRAME;
    stream->digit_clock = RATE;
    leg_set_stream(world->leg, stream);
}

static void set_keys(World *world, SrtpProfile profile)
{
    uint8_t *ours = noise(SRTP_MASTER_MAX), *theirs = noise(SRTP_MASTER_MAX);
    srtp_free(world->in);
    srtp_free(world->out);
    world->in = srtp_new(profile, ours, false);
    world->out = srtp_new(profile, theirs, true);
    secure_set_keys(world->leg->secure, srtp_new(profile, theirs, false),
                    srtp_new(profile, ours, true));
    free(ours);
    free(theirs);
}

static void connect_leg(World *world)
{
    set_keys(world, SRTP_AEAD_AES_256_GCM);
    leg_set_peer(world->leg, &world->browser.address);
}

static void world_close(World *world)
{
    srtp_free(world->in);
    srtp_free(world->out);
    leg_free(world->leg);
    ring_close(&world->shard.events);
    close(world->port.socket);
    close(world->browser.socket);
    close(world->stranger.socket);
}

static void frames(World *world, int count)
{
    static const int16_t silence[FRAME];
    Event event;
    for (int n = 0; n < count; n++) {
        leg_receive(world->leg, 0);
        leg_hear(world->leg);
        leg_send(world->leg, silence, NULL, 0);
        while (ring_pop(&world->shard.events, &event))
            world->told[event.kind]++;
    }
}

static void send_from(World *world, const Peer *from, const uint8_t *data, size_t size)
{
    sendto(from->socket, data, size, 0, &world->port.address.any, sizeof world->port.address.v4);
}

static size_t next_sound(World *world, uint8_t *data)
{
    size_t size = RTP_HEADER + FRAME;
    memset(data, 0x20, size);
    rtp_header(data, &(RtpPacket){.sequence = world->sequence,
                                  .timestamp = world->sequence * (uint32_t)FRAME,
                                  .ssrc = 7});
    world->sequence++;
    CHECK(srtp_protect(world->out, data, &size));
    return size;
}

static void say(World *world, const Peer *from)
{
    uint8_t data[RTP_HEADER + FRAME + SRTP_ROOM];
    send_from(world, from, data, next_sound(world, data));
}

static int for_python(World *world)
{
    Datagram datagram;
    int count = 0;
    while (leg_datagram(world->leg, &datagram))
        count++;
    return count;
}

/* Packets of that payload type which the browser could read, and reports. */
static int heard(World *world, uint8_t payload_type, int *reports)
{
    uint8_t data[PACKET_MAX];
    int count = 0;
    ssize_t got;
    while ((got = recv(world->browser.socket, data, sizeof data, MSG_DONTWAIT)) >= 0) {
        size_t size = (size_t)got;
        RemoteReport report;
        RtpPacket packet;
        if ((data[1] & 0x7F) >= 64 && (data[1] & 0x7F) < 96) {
            CHECK(srtcp_unprotect(world->in, data, &size));
            CHECK(rtcp_parse(data, size, 7, &report));
            ++*reports;
            continue;
        }
        CHECK(srtp_unprotect(world->in, data, &size) && rtp_parse(data, size, &packet));
        count += packet.payload_type == payload_type;
    }
    return count;
}

static void stun_and_dtls_go_to_python_as_they_are(void)
{
    static const uint8_t stun[] = {0, 1, 0, 0, 0x21}, dtls[] = {22, 0xFE, 0xFD}, other[] = {70, 1};
    World world;
    world_open(&world);
    send_from(&world, &world.stranger, stun, sizeof stun);
    send_from(&world, &world.browser, dtls, sizeof dtls);
    send_from(&world, &world.browser, other, sizeof other);
    send_from(&world, &world.browser, other, 0);
    send_from(&world, &world.browser, stun, 1);
    frames(&world, 1);
    CHECK(world.told[EVENT_DATAGRAM] == 2 && world.leg->figures.refused == 3);
    Datagram datagram;
    CHECK(leg_datagram(world.leg, &datagram) && datagram.size == sizeof stun);
    CHECK(memcmp(datagram.data, stun, sizeof stun) == 0);
    CHECK(same_address(&datagram.source, &world.stranger.address));
    CHECK(leg_datagram(world.leg, &datagram) && datagram.data[0] == 22);
    CHECK(!leg_datagram(world.leg, &datagram));
    world_close(&world);
}

static void flood_is_rationed_and_leaves_the_peer_its_share(void)
{
    static const uint8_t stun[20] = {0, 1};
    World world;
    world_open(&world);
    connect_leg(&world);
    int passed = 0;
    for (int frame = 0; frame < 500; frame++) { /* 10 s */
        for (int n = 0; n < 10; n++)
            send_from(&world, &world.stranger, stun, sizeof stun);
        if (frame % 10 == 0)
            send_from(&world, &world.browser, stun, sizeof stun);
        frames(&world, 1);
        passed += for_python(&world);
    }
    CHECK(passed >= 540 && passed <= 600);
    CHECK(world.leg->figures.refused == (uint64_t)(5050 - passed));
    /* Nobody takes them: no more than there is room for. */
    for (int frame = 0; frame < 200; frame++) {
        send_from(&world, &world.browser, stun, sizeof stun);
        frames(&world, 1);
    }
    CHECK(for_python(&world) == 32);
    world_close(&world);
}

static void nothing_is_heard_or_sent_before_there_are_keys_and_a_peer(void)
{
    World world;
    world_open(&world);
    world.stream.remote = world.stranger.address; /* what the description said counts for nothing */
    world.stream.has_remote = true;
    leg_set_stream(world.leg, &world.stream);
    set_keys(&world, SRTP_AEAD_AES_128_GCM);
    say(&world, &world.browser);
    frames(&world, 60);
    CHECK(world.leg->figures.received == 0 && world.leg->figures.refused == 1);
    CHECK(world.leg->figures.sent == 0 && world.told[EVENT_TIMEOUT] == 0);
    leg_set_peer(world.leg, &world.browser.address);
    for (int n = 0; n < 10; n++) {
        say(&world, &world.browser);
        frames(&world, 1);
    }
    int reports = 0;
    CHECK(world.leg->figures.received == 10 && world.told[EVENT_LATCHED] == 1);
    CHECK(heard(&world, 0, &reports) == 10);
    world_close(&world);

    world_open(&world);
    leg_set_peer(world.leg, &world.browser.address);
    uint8_t plain[RTP_HEADER + FRAME] = {0x80};
    send_from(&world, &world.browser, plain, sizeof plain);
    frames(&world, 3);
    CHECK(world.leg->figures.received == 0 && world.leg->figures.refused == 1);
    CHECK(world.leg->figures.sent == 0);
    world_close(&world);
}

static void stranger_is_not_heard_even_with_genuine_packets(void)
{
    World world;
    world_open(&world);
    connect_leg(&world);
    say(&world, &world.browser);
    frames(&world, 1);
    for (int n = 0; n < 120; n++) { /* a moved stream of plain RTP would be followed */
        say(&world, &world.stranger);
        frames(&world, 1);
    }
    CHECK(world.leg->figures.received == 1 && world.leg->figures.refused == 120);
    CHECK(world.told[EVENT_STRANGER] == 1 && world.told[EVENT_TIMEOUT] == 1);
    CHECK(same_address(&world.leg->secure->peer, &world.browser.address));
    int reports = 0;
    CHECK(heard(&world, 0, &reports) == 121);
    /* Only ICE moves it. */
    leg_set_peer(world.leg, &world.stranger.address);
    say(&world, &world.stranger);
    say(&world, &world.browser);
    frames(&world, 1);
    CHECK(world.leg->figures.received == 2 && world.told[EVENT_LATCHED] == 2);
    CHECK(heard(&world, 0, &reports) == 0);
    world_close(&world);
}

static void replayed_and_spoilt_packets_are_refused(void)
{
    uint8_t data[RTP_HEADER + FRAME + SRTP_ROOM];
    World world;
    world_open(&world);
    connect_leg(&world);
    const size_t size = next_sound(&world, data);
    for (int n = 0; n < 3; n++)
        send_from(&world, &world.browser, data, size);
    data[20] ^= 1;
    send_from(&world, &world.browser, data, size);
    frames(&world, 1);
    CHECK(world.leg->figures.received == 1 && world.leg->figures.refused == 3);
    world_close(&world);
}

static void keys_and_reports_go_both_ways(void)
{
    World world;
    world_open(&world);
    connect_leg(&world);
    world.leg->digits_out.tone = 800;
    world.leg->digits_out.gap = 800;
    digits_queue(&world.leg->digits_out, 5);
    uint8_t key[RTP_HEADER + DIGIT_PAYLOAD + SRTP_ROOM] = {0};
    size_t size = RTP_HEADER + DIGIT_PAYLOAD;
    rtp_header(key, &(RtpPacket){.payload_type = KEY_TYPE, .sequence = world.sequence++, .ssrc = 7});
    key[RTP_HEADER] = 9;
    key[RTP_HEADER + 1] = 0x80;
    CHECK(srtp_protect(world.out, key, &size));
    send_from(&world, &world.browser, key, size);
    Report about = {.ssrc = 7, .remote_ssrc = world.leg->out_ssrc, .receiving = true,
                    .fraction_lost = 64};
    uint8_t report[RTCP_MAX + SRTP_ROOM];
    size = rtcp_write(report, &about);
    CHECK(srtcp_protect(world.out, report, &size));
    send_from(&world, &world.browser, report, size);
    int reports = 0, keys = 0;
    for (int n = 0; n < 320; n++) {
        frames(&world, 1);
        keys += heard(&world, KEY_TYPE, &reports);
    }
    CHECK(world.told[EVENT_DIGIT] == 1 && keys == 7 && reports >= 1);
    CHECK(world.leg->figures.remote_lost_permille == 250 && world.leg->figures.refused == 0);
    world_close(&world);
}

static void new_keys_take_the_place_of_the_old(void)
{
    World world;
    world_open(&world);
    connect_leg(&world);
    int reports = 0;
    for (int n = 0; n < 5; n++) {
        set_keys(&world, n % 2 ? SRTP_AES128_CM_SHA1_80 : SRTP_AEAD_AES_128_GCM);
        say(&world, &world.browser);
        frames(&world, 1);
        CHECK(heard(&world, 0, &reports) == 1);
    }
    CHECK(world.leg->figures.received == 5);
    world_close(&world);
}

static void send_anything(World *world)
{
    const size_t size = chance(chance(8) ? 200 : PACKET_MAX + 8);
    uint8_t *data = noise(size + SRTP_ROOM);
    size_t now = size;
    if (size > 0)
        data[0] = (uint8_t)(chance(3) ? 0x80 | chance(0x40) : chance(256));
    if (size > 1)
        data[1] = (uint8_t)(chance(2) ? (uint32_t[]){0, KEY_TYPE, 200, 201}[chance(4)] : chance(256));
    if (size > 12 && chance(4)) {
        wire_write_u16(data + 2, world->sequence++);
        wire_write_u32(data + 8, chance(20) ? 7 : chance(50));
        if (data[1] >= 192 && data[1] < 224)
            (void)!srtcp_protect(world->out, data, &now);
        else
            (void)!srtp_protect(world->out, data, &now);
    }
    send_from(world, chance(10) ? &world->browser : &world->stranger, data, now);
    free(data);
}

static void anything_may_arrive(void)
{
    World world;
    int reports = 0;
    world_open(&world);
    connect_leg(&world);
    for (int round = 0; round < 20000; round++) {
        for (uint32_t n = chance(6); n > 0; n--)
            send_anything(&world);
        if (chance(100) == 0) {
            world.stream.flow = (uint8_t)chance(4);
            leg_set_stream(world.leg, &world.stream);
        }
        if (chance(1000) == 0)
            set_keys(&world, SRTP_AES128_CM_SHA1_80);
        frames(&world, 1);
        heard(&world, 0, &reports);
        if (chance(3) == 0)
            for_python(&world);
    }
    CHECK(world.leg->figures.received > 500 && world.leg->figures.refused > 5000);
    world_close(&world);
}

int main(void)
{
    g711_init();
    stun_and_dtls_go_to_python_as_they_are();
    flood_is_rationed_and_leaves_the_peer_its_share();
    nothing_is_heard_or_sent_before_there_are_keys_and_a_peer();
    stranger_is_not_heard_even_with_genuine_packets();
    replayed_and_spoilt_packets_are_refused();
    keys_and_reports_go_both_ways();
    new_keys_take_the_place_of_the_old();
    anything_may_arrive();
    return failures ? 1 : 0;
}
