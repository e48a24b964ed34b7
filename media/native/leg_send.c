/* What one party hears of us: prompts, the mix, keys, in RTP packets. */
#define _GNU_SOURCE
#include <string.h>
#include <sys/socket.h>

#include "engine.h"

#define OPUS_MOST 480 /* bytes of a packet of ours */

void leg_cut(Leg *leg)
{
    if (!leg->play.samples)
        return;
    shard_tell(leg->shard, EVENT_PLAYED, leg->id, (int64_t)leg->play.id,
               -(int64_t)leg->play.frames - 1, NULL);
    leg->play.samples = NULL;
}

void leg_play(Leg *leg, const Play *play)
{
    leg_cut(leg);
    leg->play = *play;
}

/* The next frame of what plays; the last one is filled up with silence. */
static void next_played(Leg *leg, int16_t *frame)
{
    Play *play = &leg->play;
    size_t filled = 0;
    while (filled < FRAME) {
        const uint64_t left = play->count - play->at;
        const size_t count = left < FRAME - filled ? (size_t)left : FRAME - filled;
        memcpy(frame + filled, play->samples + play->at, count * sizeof *frame);
        filled += count;
        play->at += count;
        if (play->at == play->count) {
            if (!play->loop)
                break;
            play->at = 0;
        }
    }
    memset(frame + filled, 0, (FRAME - filled) * sizeof *frame);
    play->frames++;
    if (!play->loop && play->at == play->count) {
        shard_tell(leg->shard, EVENT_PLAYED, leg->id, (int64_t)play->id, (int64_t)play->frames,
                   NULL);
        play->samples = NULL;
    }
}

/* `data` has SRTP_ROOM bytes behind the packet. */
static void send_packet(Leg *leg, RtpPacket *packet, uint8_t *data)
{
    const Address *to = leg->locked ? &leg->source : &leg->stream.remote;
    if (leg->secure)
        to = &leg->secure->peer;
    packet->ssrc = leg->out_ssrc;
    packet->sequence = leg->out_sequence++;
    rtp_header(data, packet);
    size_t size = RTP_HEADER + packet->length;
    if (leg->secure && !srtp_protect(leg->secure->out, data, &size))
        return;
    if (sendto(leg->rtp, data, size, MSG_DONTWAIT | MSG_NOSIGNAL, &to->any, address_size(to)) < 0)
        return; /* a full buffer or an ICMP error: the packet is lost, as packets are */
    BUMP(leg->figures.sent, 1);
    leg->octets_sent += packet->length;
}

static bool send_digit(Leg *leg)
{
    if (leg->stream.digit_send_type < 0) {
        digits_drop(&leg->digits_out); /* the peer takes none */
        return false;
    }
    DigitPacket digit;
    bool silent;
    const bool some = digits_next(&leg->digits_out, &digit, &silent);
    if (!some)
        return silent;
    if (digit.first)
        leg->digit_timestamp = leg->out_timestamp;
    uint8_t data[RTP_HEADER + DIGIT_PAYLOAD + SRTP_ROOM];
    memcpy(data + RTP_HEADER, digit.payload, DIGIT_PAYLOAD);
    RtpPacket packet = {.payload_type = (uint8_t)leg->stream.digit_send_type,
                        .marker = digit.first,
                        .timestamp = leg->digit_timestamp,
                        .length = DIGIT_PAYLOAD};
    send_packet(leg, &packet, data);
    leg->mark = true;
    return true;
}

static void send_audio(Leg *leg, const int16_t *frame)
{
    if (leg->waiting_count == 0)
        leg->waiting_timestamp = leg->out_timestamp;
    g711_encode(leg->stream.send_codec == CODEC_PCMA ? LAW_A : LAW_MU, frame, leg->waiting + leg->waiting_count, FRAME);
    leg->waiting_count = (uint16_t)(leg->waiting_count + FRAME);
    const uint16_t size = leg->stream.packet_samples;
    uint16_t from = 0;
    for (; leg->waiting_count - from >= size; from = (uint16_t)(from + size)) {
        uint8_t data[RTP_HEADER + 480 + SRTP_ROOM];
        memcpy(data + RTP_HEADER, leg->waiting + from, size);
        RtpPacket packet = {.payload_type = leg->stream.send_type,
                            .marker = leg->mark,
                            .timestamp = leg->waiting_timestamp + from,
                            .length = size};
        send_packet(leg, &packet, data);
        leg->mark = false;
    }
    leg->waiting_count = (uint16_t)(leg->waiting_count - from);
    leg->waiting_timestamp += from;
    memmove(leg->waiting, leg->waiting + from, leg->waiting_count);
}

static void send_wide(Leg *leg, const int16_t *narrow, const int16_t *wide)
{
    int16_t frame[WIDE_FRAME];
    uint8_t data[RTP_HEADER + OPUS_MOST + SRTP_ROOM];
    wide_join(leg->wide, narrow, wide, frame);
    const size_t size =
        codec_encode(leg->wide->codec, frame, WIDE_FRAME, data + RTP_HEADER, OPUS_MOST);
    RtpPacket packet = {.payload_type = leg->stream.send_type,
                        .marker = leg->mark,
                        .timestamp = leg->out_timestamp,
                        .length = size};
    leg->mark = size == 0;
    if (size > 0)
        send_packet(leg, &packet, data);
}

void leg_send(Leg *leg, const int16_t *mixed, const int16_t *wide, int64_t now_ns)
{
    static const int16_t silence[FRAME];
    int16_t played[FRAME];
    if (leg->play.samples) {
        next_played(leg, played);
        mixed = played;
        wide = NULL;
    }
    if (leg_has_party(leg) && leg->stream.flow & FLOW_SEND) {
        if (send_digit(leg))
            leg->waiting_count = 0;
        else if (leg_speaks_wide(leg))
            send_wide(leg, mixed, wide);
        else
            send_audio(leg, mixed ? mixed : silence);
    } else {
        leg->waiting_count = 0;
        leg->mark = true;
    }
    leg->out_timestamp += leg_clock(leg) / 50;
    leg_reports(leg, now_ns);
}
