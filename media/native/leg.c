/* One party's RTP as it comes: who may send to us, and what is heard of it. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "engine.h"
#include "rtcp.h"

#define PACKETS_A_FRAME 32   /* read at most, so that a flood costs one leg's time only */
#define LEARN_AFTER 4        /* packets in order that make an unsignalled source believable */
#define RELEARN_AFTER 100    /* frames of silence after which the same stream may move: 2 s */
#define COMFORT_NOISE 13
#define DROPOUT_MOST 3000    /* RFC 3550 A.1 */

Leg *leg_new(uint64_t id, int rtp, int rtcp, uint32_t timeout_ms, uint64_t seed)
{
    Leg *leg = calloc(1, sizeof *leg);
    if (!leg)
        return NULL;
    leg->id = id;
    leg->rtp = rtp;
    leg->rtcp = rtcp;
    leg->timeout_frames = timeout_ms / 20;
    leg->out_ssrc = (uint32_t)seed;
    leg->out_timestamp = (uint32_t)(seed >> 16);
    leg->out_sequence = (uint16_t)(seed >> 48) & 0x7FFF;
    leg_plan_report(leg, (uint32_t)(seed >> 40));
    leg->mark = true;
    jitter_reset(&leg->buffer);
    memset(leg->stream.codec_of, -1, sizeof leg->stream.codec_of);
    leg->stream.digit_send_type = leg->stream.digit_receive_type = -1;
    leg->stream.digit_clock = RATE;
    leg->stream.packet_samples = FRAME;
    return leg;
}

void leg_free(Leg *leg)
{
    secure_free(leg->secure);
    wide_free(leg->wide);
    free(leg);
}

bool leg_make_secure(Leg *leg)
{
    leg->secure = secure_new();
    return leg->secure != NULL;
}

bool leg_datagram(Leg *leg, Datagram *datagram)
{
    return leg->secure && ring_pop(&leg->secure->inbox, datagram);
}

/* Whether there is somebody to talk with. */
bool leg_has_party(const Leg *leg)
{
    return leg->secure ? secure_is_ready(leg->secure) : leg->stream.has_remote;
}

/* --- who may send to us --- */

/* Keep the account of the present stream; the next packet begins a new one. */
static void end_stream(Leg *leg)
{
    if (!leg->has_stream)
        return;
    const uint32_t expected = leg->cycles + leg->highest_sequence - leg->base_sequence + 1;
    if (expected > leg->received_of_ssrc)
        leg->lost_before += expected - leg->received_of_ssrc;
    if (leg->hears_wide)
        packets_forget(&leg->wide->packets);
    else
        jitter_forget(&leg->buffer);
    leg->has_stream = false;
}

static void begin_stream(Leg *leg, const RtpPacket *packet)
{
    end_stream(leg);
    leg->has_stream = true;
    leg->ssrc = packet->ssrc;
    leg->base_sequence = leg->highest_sequence = packet->sequence;
    leg->cycles = leg->received_of_ssrc = 0;
    leg->expected_prior = leg->received_prior = 0;
    leg->has_transit = false;
}

static void lock(Leg *leg, const Address *source, bool learned)
{
    leg->source = *source;
    leg->locked = true;
    leg->learned = learned;
    leg->candidate_run = 0;
    STORE(leg->figures.latched, 1);
    const int64_t host =
        source->any.sa_family == AF_INET ? (int64_t)ntohl(source->v4.sin_addr.s_addr) : 0;
    /* Both families keep their port in the same place. */
    shard_tell(leg->shard, EVENT_LATCHED, leg->id, host, ntohs(source->v4.sin_port), NULL);
}

/* Whether this packet is one more of an orderly stream from one unsignalled source. */
static bool is_believable(Leg *leg, const Address *source, const RtpPacket *packet)
{
    const bool follows = leg->candidate_run > 0 && same_address(source, &leg->candidate) &&
                         packet->ssrc == leg->candidate_ssrc &&
                         packet->sequence == (uint16_t)(leg->candidate_sequence + 1);
    leg->candidate = *source;
    leg->candidate_ssrc = packet->ssrc;
    leg->candidate_sequence = packet->sequence;
    leg->candidate_run = follows ? (uint8_t)(leg->candidate_run + 1) : 1;
    return leg->candidate_run >= LEARN_AFTER;
}

static void tell_stranger(Leg *leg)
{
    if (leg->stranger_told)
        return;
    leg->stranger_told = true;
    shard_tell(leg->shard, EVENT_STRANGER, leg->id, 0, 0, NULL);
}

/* Whether the packet's source may be heard. The signalled address always may; another one only
 * before anybody was, or when the very same stream has moved. */
static bool is_admitted(Leg *leg, const Address *source, const RtpPacket *packet)
{
    if (leg->locked && same_address(source, &leg->source))
        return true;
    if (leg->secure) { /* it came from the peer, and nobody else has the keys */
        lock(leg, source, false);
        return true;
    }
    if (!leg->stream.has_remote)
        return false;
    if (same_address(source, &leg->stream.remote) && (!leg->locked || leg->learned)) {
        lock(leg, source, false);
        return true;
    }
    if (leg->locked) {
        const bool moved = leg->silent_frames >= RELEARN_AFTER && packet->ssrc == leg->ssrc;
        if (moved && is_believable(leg, source, packet)) {
            lock(leg, source, leg->learned);
            return true;
        }
        tell_stranger(leg);
        return false;
    }
    if (!is_believable(leg, source, packet))
        return false;
    lock(leg, source, true);
    return true;
}

/* --- what is heard --- */

/* Sequence numbers as RFC 3550 A.1; false for a packet that belongs nowhere. */
static bool count_packet(Leg *leg, const RtpPacket *packet)
{
    if (!leg->has_stream || packet->ssrc != leg->ssrc)
        begin_stream(leg, packet);
    const uint16_t ahead = (uint16_t)(packet->sequence - leg->highest_sequence);
    if (ahead < DROPOUT_MOST) {
        if (packet->sequence < leg->highest_sequence)
            leg->cycles += 1u << 16;
        leg->highest_sequence = packet->sequence;
    } else if (ahead < (uint16_t)-DROPOUT_MOST) {
        begin_stream(leg, packet); /* the sender started anew under its old name */
    }
    leg->received_of_ssrc++;
    return true;
}

/* Timestamp units in a second of what comes. */
static uint32_t heard_clock(const Leg *leg)
{
    return leg->hears_wide ? codec_clock(CODEC_OPUS) : RATE;
}

static void measure_jitter(Leg *leg, const RtpPacket *packet, int64_t arrival_ns)
{
    const uint32_t clock = heard_clock(leg);
    const double transit = (double)arrival_ns * clock / 1e9 - (double)packet->timestamp;
    if (leg->has_transit) {
        double change = transit - leg->transit;
        change = change < 0 ? -change : change;
        if (change < clock) /* a wrapped or restarted timestamp is no jitter */
            leg->jitter += (change - leg->jitter) / 16;
    }
    leg->transit = transit;
    leg->has_transit = true;
}

static void take_digit(Leg *leg, const RtpPacket *packet)
{
    uint8_t event;
    uint16_t duration;
    if (digits_receive(&leg->digits_in, packet->payload, packet->length, packet->timestamp, &event,
                       &duration))
        shard_tell(leg->shard, EVENT_DIGIT, leg->id, event, duration * 1000LL / leg->stream.digit_clock, NULL);
}

/* A party may change between the codecs that were agreed on: other timestamps, another buffer. */
static void note_codec(Leg *leg, int8_t codec)
{
    const bool wide = codec == CODEC_OPUS;
    if (codec < 0 || wide == leg->hears_wide)
        return;
    end_stream(leg);
    leg->hears_wide = wide;
    leg->jitter = 0;
}

static void take_packet(Leg *leg, const RtpPacket *packet, int64_t arrival_ns)
{
    const int8_t codec = leg->stream.codec_of[packet->payload_type];
    note_codec(leg, codec);
    count_packet(leg, packet);
    BUMP(leg->figures.received, 1);
    leg->silent_frames = 0;
    leg->timeout_told = false;
    if (packet->payload_type == leg->stream.digit_receive_type) {
        take_digit(leg, packet);
        return;
    }
    measure_jitter(leg, packet, arrival_ns);
    if (packet->payload_type == COMFORT_NOISE)
        return;
    if (codec == CODEC_OPUS) {
        packets_put(&leg->wide->packets, leg->wide->codec, packet->timestamp, packet->payload,
                    packet->length);
        return;
    }
    int16_t samples[PACKET_MAX];
    g711_decode(codec == CODEC_PCMA ? LAW_A : LAW_MU, packet->payload, samples, packet->length);
    jitter_put(&leg->buffer, packet->timestamp, samples, packet->length);
}

static bool is_expected(const Leg *leg, const RtpPacket *packet)
{
    return leg->stream.codec_of[packet->payload_type] >= 0 ||
           packet->payload_type == leg->stream.digit_receive_type ||
           packet->payload_type == COMFORT_NOISE;
}

int64_t leg_arrival(struct msghdr *message, int64_t now_ns)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS) {
            struct timespec stamp;
            memcpy(&stamp, CMSG_DATA(c), sizeof stamp);
            return stamp.tv_sec * 1000000000LL + stamp.tv_nsec;
        }
    return now_ns;
}

static bool take_sound(Leg *leg, uint8_t *data, size_t size, const Address *source,
                       int64_t arrival_ns)
{
    RtpPacket packet;
    if (!rtp_parse(data, size, &packet) || !is_expected(leg, &packet) ||
        !is_admitted(leg, source, &packet))
        return false;
    if (leg->stream.flow & FLOW_RECEIVE)
        take_packet(leg, &packet, arrival_ns);
    return true;
}

/* False for what is refused. */
static bool take_secured(Leg *leg, uint8_t *data, size_t size, const Address *source,
                         int64_t arrival_ns)
{
    RemoteReport report;
    switch (secure_take(leg->secure, data, &size, source)) {
    case SECURE_FOR_PYTHON:
        shard_tell(leg->shard, EVENT_DATAGRAM, leg->id, 0, 0, NULL);
        return true;
    case SECURE_SOUND:
        return take_sound(leg, data, size, source, arrival_ns);
    case SECURE_REPORT:
        if (rtcp_parse(data, size, leg->out_ssrc, &report))
            leg_take_report(leg, &report, arrival_ns);
        return true; /* browsers send other kinds, too */
    case SECURE_STRANGER:
        tell_stranger(leg);
        break;
    case SECURE_REFUSED:
        break;
    }
    return false;
}

void leg_receive(Leg *leg, int64_t now_ns)
{
    uint8_t data[PACKET_MAX + 1];
    _Alignas(struct cmsghdr) uint8_t control[64];
    Address source;
    if (leg->secure)
        secure_begin_frame(leg->secure);
    for (int n = 0; n < PACKETS_A_FRAME; n++) {
        struct iovec part = {data, sizeof data};
        struct msghdr message = {.msg_name = &source,
                                 .msg_namelen = sizeof source,
                                 .msg_iov = &part,
                                 .msg_iovlen = 1,
                                 .msg_control = control,
                                 .msg_controllen = sizeof control};
        const ssize_t size = recvmsg(leg->rtp, &message, MSG_DONTWAIT);
        if (size < 0) {
            if (errno == ECONNREFUSED || errno == EINTR)
                continue; /* an ICMP error of something we sent */
            break;
        }
        const int64_t came_ns = leg_arrival(&message, now_ns);
        if (!(leg->secure ? take_secured : take_sound)(leg, data, (size_t)size, &source, came_ns))
            BUMP(leg->figures.refused, 1);
    }
}

static void publish_figures(Leg *leg)
{
    const uint32_t expected = leg->cycles + leg->highest_sequence - leg->base_sequence + 1;
    uint64_t lost = leg->lost_before;
    if (leg->has_stream && expected > leg->received_of_ssrc)
        lost += expected - leg->received_of_ssrc;
    STORE(leg->figures.lost, lost);
    uint64_t late = leg->buffer.pace.late, concealed = leg->buffer.concealed;
    if (leg->wide) {
        late += leg->wide->packets.pace.late;
        concealed += leg->wide->packets.concealed;
    }
    const Pace *pace = leg->hears_wide ? &leg->wide->packets.pace : &leg->buffer.pace;
    STORE(leg->figures.late, late);
    STORE(leg->figures.concealed, concealed);
    STORE(leg->figures.jitter_us, (uint64_t)(leg->jitter * 1e6 / heard_clock(leg)));
    STORE(leg->figures.delay_us, pace->delay * 20000ULL / pace->frame);
    STORE(leg->figures.silent_ms, leg->silent_frames * 20ULL);
}

void leg_hear(Leg *leg)
{
    uint8_t event;
    uint16_t duration;
    if (digits_tick(&leg->digits_in, &event, &duration))
        shard_tell(leg->shard, EVENT_DIGIT, leg->id, event, duration * 1000LL / leg->stream.digit_clock, NULL);
    if (leg->stream.flow & FLOW_RECEIVE) {
        if (leg->hears_wide)
            wide_hear(leg->wide, leg->heard, leg->digits_in.active);
        else
            jitter_get(&leg->buffer, leg->heard, leg->digits_in.active);
        if (leg_has_party(leg) && leg->silent_frames < UINT32_MAX)
            leg->silent_frames++;
        if (leg->silent_frames > leg->timeout_frames && !leg->timeout_told) {
            leg->timeout_told = true;
            shard_tell(leg->shard, EVENT_TIMEOUT, leg->id, leg->silent_frames * 20LL, 0, NULL);
        }
    } else {
        memset(leg->heard, 0, sizeof leg->heard);
        if (leg->wide)
            memset(leg->wide->heard, 0, sizeof leg->wide->heard);
        leg->silent_frames = 0;
        end_stream(leg); /* what nobody listens to is neither lost nor kept for later */
    }
    publish_figures(leg);
    if (leg->tap)
        samples_push(leg->tap, leg->heard, FRAME);
}

void leg_set_stream(Leg *leg, const Stream *stream)
{
    const bool moved = !leg->stream.has_remote || !stream->has_remote ||
                       !same_address(&leg->stream.remote, &stream->remote);
    leg->stream = *stream;
    leg->digits_in.clock = codec_clock(stream->send_codec);
    leg->digits_out.scale = (uint16_t)(stream->digit_clock / RATE);
    if (moved && stream->has_remote && !leg->secure) {
        leg->locked = leg->learned = false;
        /* Reports follow the party; where the one before sent its own from is nothing to this one. */
        memset(&leg->report_source, 0, sizeof leg->report_source);
        leg->candidate_run = 0;
        leg->stranger_told = false;
    }
    leg->waiting_count = 0;
    leg->silent_frames = 0;
    leg->timeout_told = false;
    leg->mark = true;
}

void leg_set_peer(Leg *leg, const Address *peer)
{
    if (leg->secure->has_peer && same_address(&leg->secure->peer, peer))
        return;
    secure_set_peer(leg->secure, peer);
    leg->locked = false;
    leg->stranger_told = false;
    leg->silent_frames = 0;
}
