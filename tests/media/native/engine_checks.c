/* The whole engine with its threads, as Python drives it; meant for the thread sanitiser. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "engine.h"

#define SHARDS 2
#define PAIRS 2 /* of legs, on each shard */
#define LEGS (SHARDS * PAIRS * 2)
#define ROUNDS 100 /* of 20 ms */
#define KEY_TYPE 101

typedef struct {
    int socket;
    Address address;
} Port;

static Port port_open(void)
{
    Port port = {.socket = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0)};
    socklen_t size = sizeof port.address;
    const int yes = 1;
    setsockopt(port.socket, SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof yes); /* as ours have it */
    port.address.v4 = (struct sockaddr_in){.sin_family = AF_INET,
                                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(port.socket, &port.address.any, sizeof port.address.v4) != 0 ||
        getsockname(port.socket, &port.address.any, &size) != 0)
        abort();
    return port;
}

typedef struct {
    Port rtp, rtcp, phone;
    Leg *leg;
} Party;

typedef struct {
    Engine *engine;
    Party parties[LEGS];
    Bridge *bridges[SHARDS * PAIRS];
    SampleRing *taps[LEGS];
    int files[SHARDS * PAIRS];
    Party browser; /* on a secure leg, without a bridge */
    Srtp *browser_out;
    uint64_t tapped;
    int datagrams, latched;
    int closed, bridges_closed, taps_closed, recorded, keys, played;
} World;

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

static Shard *shard_of(World *world, int party)
{
    return &world->engine->shards[party / (2 * PAIRS)];
}

static void set_stream(Party *party, uint8_t flow)
{
    Stream stream = {.remote = party->phone.address,
                     .has_remote = true,
                     .flow = flow,
                     .digit_send_type = KEY_TYPE,
                     .digit_receive_type = KEY_TYPE,
                     .packet_samples = FRAME};
    memset(stream.codec_of, -1, sizeof stream.codec_of);
    stream.codec_of[0] = CODEC_PCMU;
    stream.digit_clock = RATE;
    CHECK(order_stream(party->leg, &stream));
}

static void add_parties(World *world)
{
    for (int n = 0; n < LEGS; n++) {
        Party *party = &world->parties[n];
        *party = (Party){.rtp = port_open(), .rtcp = port_open(), .phone = port_open()};
        party->leg = leg_new((uint64_t)n + 1, party->rtp.socket, party->rtcp.socket, 30000,
                             (uint64_t)n << 20);
        CHECK(order_add_leg(shard_of(world, n), party->leg, (uint8_t)(n % PHASES)));
        set_stream(party, FLOW_SEND | FLOW_RECEIVE);
    }
}

static void join_pairs(World *world, const char *directory)
{
    for (int n = 0; n < SHARDS * PAIRS; n++) {
        Party *one = &world->parties[2 * n], *two = one + 1;
        const uint8_t phase = (uint8_t)(n % PHASES);
        world->bridges[n] = bridge_new(100 + (uint64_t)n);
        CHECK(order_add_bridge(shard_of(world, 2 * n), world->bridges[n], phase));
        CHECK(order_join(world->bridges[n], one->leg, false) &&
              order_join(world->bridges[n], two->leg, false));
        char path[4096];
        snprintf(path, sizeof path, "%s/%d.wav", directory, n);
        world->files[n] = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
        Recording *recording = recording_new(200 + (uint64_t)n, world->files[n], 2);
        CHECK(order_record(world->engine, shard_of(world, 2 * n), recording, phase, one->leg,
                           two->leg));
    }
    for (int n = 0; n < LEGS; n += 2) {
        world->taps[n] = tap_new(8000);
        CHECK(order_tap(world->parties[n].leg, world->taps[n]));
    }
}

/* --- the secure leg --- */

static void set_keys(World *world)
{
    static const uint8_t master[SRTP_MASTER_MAX];
    CHECK(order_keys(world->browser.leg, srtp_new(SRTP_AEAD_AES_256_GCM, master, false),
                     srtp_new(SRTP_AEAD_AES_256_GCM, master, true)));
}

static void add_browser(World *world)
{
    static const uint8_t master[SRTP_MASTER_MAX];
    world->browser = (Party){.rtp = port_open(), .rtcp = port_open(), .phone = port_open()};
    world->browser.leg = leg_new(99, world->browser.rtp.socket, -1, 30000, 5);
    CHECK(leg_make_secure(world->browser.leg));
    CHECK(order_add_leg(&world->engine->shards[0], world->browser.leg, 0));
    set_stream(&world->browser, FLOW_SEND | FLOW_RECEIVE);
    set_keys(world);
    world->browser_out = srtp_new(SRTP_AEAD_AES_256_GCM, master, true);
    CHECK(order_peer(world->browser.leg, &world->browser.phone.address));
}

static void speak_secured(World *world, int round)
{
    const Party *browser = &world->browser;
    uint8_t data[PACKET_MAX] = {0};
    const struct sockaddr *to = &browser->rtp.address.any;
    sendto(browser->phone.socket, data, 20, 0, to, sizeof browser->rtp.address.v4);
    size_t size = RTP_HEADER + FRAME;
    rtp_header(data, &(RtpPacket){.sequence = (uint16_t)round, .ssrc = 7});
    CHECK(srtp_protect(world->browser_out, data, &size));
    sendto(browser->phone.socket, data, size, 0, to, sizeof browser->rtp.address.v4);
    while (recv(browser->phone.socket, data, sizeof data, MSG_DONTWAIT) >= 0)
        continue;
}

static void read_datagrams(World *world)
{
    Datagram datagram;
    while (leg_datagram(world->browser.leg, &datagram))
        world->datagrams += datagram.size == 20;
}

/* --- the parties, on a thread of their own --- */

static void say(Party *party, int round)
{
    const bool is_key = round % 25 < 4;
    uint8_t data[RTP_HEADER + FRAME];
    const RtpPacket packet = {.payload_type = is_key ? KEY_TYPE : 0,
                              .sequence = (uint16_t)round,
                              .timestamp = (uint32_t)(is_key ? round / 25 * 25 : round) * FRAME,
                              .ssrc = 7};
    memset(data, round, sizeof data);
    rtp_header(data, &packet);
    if (is_key) {
        data[RTP_HEADER] = 5;
        data[RTP_HEADER + 1] = round % 25 == 3 ? 0x80 : 0;
    }
    const size_t size = RTP_HEADER + (is_key ? DIGIT_PAYLOAD : FRAME);
    sendto(party->phone.socket, data, size, 0, &party->rtp.address.any,
           sizeof party->rtp.address.v4);
    static const uint8_t report[] = {0x80, 201, 0, 1, 0, 0, 0, 7};
    sendto(party->phone.socket, report, sizeof report, 0, &party->rtcp.address.any,
           sizeof party->rtcp.address.v4);
    while (recv(party->phone.socket, data, sizeof data, MSG_DONTWAIT) >= 0)
        continue;
}

static void *talk(void *argument)
{
    World *world = argument;
    for (int round = 0; round < ROUNDS; round++) {
        for (int n = 0; n < LEGS; n++)
            say(&world->parties[n], round);
        speak_secured(world, round);
        pause_ms(20);
    }
    return NULL;
}

/* --- what Python's thread does --- */

static void take_events(World *world)
{
    Event event;
    while (engine_event(world->engine, &event)) {
        world->keys += event.kind == EVENT_DIGIT;
        world->played += event.kind == EVENT_PLAYED;
        world->latched += event.kind == EVENT_LATCHED && event.id == 99;
        if (event.kind == EVENT_DATAGRAM)
            read_datagrams(world);
        if (event.kind == EVENT_CLOSED) {
            leg_free(event.object);
            world->closed++;
        } else if (event.kind == EVENT_BRIDGE_CLOSED) {
            free(event.object);
            world->bridges_closed++;
        } else if (event.kind == EVENT_TAP_CLOSED) {
            tap_free(event.object);
            world->taps_closed++;
        } else if (event.kind == EVENT_RECORDED) {
            CHECK(event.b == RECORDING_RUNS && event.a > 0);
            recording_free(event.object);
            world->recorded++;
        }
    }
}

static void look(World *world)
{
    for (int n = 0; n < LEGS; n++) {
        const int16_t *samples;
        uint32_t count;
        while (world->taps[n] && (count = samples_peek(world->taps[n], &samples, 1000)) > 0) {
            for (uint32_t i = 0; i < count; i++)
                world->tapped += samples[i] != 0;
            samples_release(world->taps[n], count);
        }
        const Figures *figures = &world->parties[n].leg->figures;
        CHECK(figures->sent + figures->received + figures->jitter_us < UINT64_MAX);
    }
    for (uint32_t n = 0; n < SHARDS; n++)
        CHECK(world->engine->shards[n].tick_us[0] < UINT32_MAX);
}

/* Everything that may be ordered in a call, some of it in every round. */
static void direct(World *world, int round)
{
    static int16_t prompt[400];
    const int pair = round % (SHARDS * PAIRS);
    Party *one = &world->parties[2 * pair], *two = one + 1;
    Shard *shard = shard_of(world, 2 * pair);
    const uint64_t recording = 200 + (uint64_t)pair;
    CHECK(order_play(one->leg, prompt, 400, 1000 + (uint64_t)round, round % 3 == 0));
    CHECK(order_digit(two->leg, (uint8_t)(round % 16), 800, 400));
    CHECK(order_gain(world->bridges[pair], one->leg, two->leg, (int16_t)(round % 2 ? 128 : UNITY)));
    CHECK(order_pause(shard, recording, round % 8 < 4));
    CHECK(order_hear(shard, recording, two->leg, (uint8_t)(round / 2 % 2), round % 2));
    CHECK(order_hear(shard, recording, one->leg, 1, round % 3 > 0));
    if (round % 5 == 0)
        CHECK(order_stop_playing(one->leg));
    if (round % 10 == 0) {
        CHECK(order_part(world->bridges[pair], two->leg));
        CHECK(order_join(world->bridges[pair], two->leg, round % 2));
        set_stream(two, round % 20 ? FLOW_SEND : FLOW_SEND | FLOW_RECEIVE);
    }
}

static void end_half(World *world)
{
    for (int n = 0; n < SHARDS * PAIRS; n += 2) {
        CHECK(order_stop_recording(shard_of(world, 2 * n), 200 + (uint64_t)n));
        CHECK(order_remove_bridge(world->bridges[n]));
    }
}

static void end_all(World *world)
{
    for (int n = 0; n < LEGS; n++) /* the bridges and recordings left over lose their legs */
        CHECK(order_remove_leg(world->parties[n].leg));
    CHECK(order_remove_leg(world->browser.leg));
    for (int n = 1; n < SHARDS * PAIRS; n += 2)
        CHECK(order_remove_bridge(world->bridges[n]));
    while (world->closed < LEGS + 1 || world->bridges_closed < SHARDS * PAIRS) {
        take_events(world);
        pause_ms(5);
    }
}

int main(int count, char **arguments)
{
    static World world;
    pthread_t talker;
    if (count != 2 || !(world.engine = engine_open(SHARDS, 100, 0)))
        return 2;
    add_parties(&world);
    add_browser(&world);
    join_pairs(&world, arguments[1]);
    if (pthread_create(&talker, NULL, talk, &world) != 0)
        return 2;
    for (int round = 0; round < ROUNDS; round++) {
        direct(&world, round);
        if (round == ROUNDS / 2)
            set_keys(&world); /* the old ones are freed on the media thread */
        look(&world);
        take_events(&world);
        pause_ms(20);
    }
    pthread_join(talker, NULL);
    end_half(&world);
    end_all(&world);
    engine_stop(world.engine);
    take_events(&world);
    CHECK(world.keys > 0 && world.played > 0 && world.tapped > 0);
    CHECK(world.datagrams > 0 && world.latched == 1);
    CHECK(world.taps_closed == LEGS / 2 && world.recorded == SHARDS * PAIRS);
    engine_free(world.engine);
    srtp_free(world.browser_out);
    close(world.browser.rtp.socket);
    close(world.browser.rtcp.socket);
    close(world.browser.phone.socket);
    for (int n = 0; n < LEGS; n++) {
        close(world.parties[n].rtp.socket);
        close(world.parties[n].rtcp.socket);
        close(world.parties[n].phone.socket);
    }
    return failures ? 1 : 0;
}
