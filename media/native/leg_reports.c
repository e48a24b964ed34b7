/* One party's RTCP: our reports to it, and what its own say. */
#define _GNU_SOURCE
#include <sys/socket.h>
#include <time.h>

#include "engine.h"
#include "rtcp.h"

#define REPORT_FRAMES 250    /* 5 s */
#define REPORT_SPREAD 50
#define REPORT_READ 25       /* frames between looks for reports: 0.5 s */
#define NTP_UNIX 2208988800ULL

/* What a report from the party says, except for what is not about us. */
void leg_take_report(Leg *leg, const RemoteReport *report, int64_t came_ns)
{
    if (report->has_sr) {
        leg->last_sr = report->sr_middle;
        leg->last_sr_ns = came_ns;
    }
    if (!report->has_block)
        return;
    STORE(leg->figures.remote_lost_permille, report->fraction_lost * 1000u / 256u);
    if (leg->wide)
        codec_note_loss(leg->wide->codec, report->fraction_lost * 100u / 256u);
    if (report->last_sr != 0) {
        const uint64_t ntp = (uint64_t)came_ns / 1000000000ULL + NTP_UNIX;
        const uint32_t fraction =
            (uint32_t)(((uint64_t)came_ns % 1000000000ULL << 16) / 1000000000ULL);
        const uint32_t middle = (uint32_t)(ntp << 16) | fraction;
        const int32_t trip = (int32_t)(middle - report->last_sr - report->delay_since_last_sr);
        if (trip >= 0 && trip < 10 << 16)
            STORE(leg->figures.round_trip_us, (uint64_t)trip * 1000000 / 65536 + 1);
    }
}

static void read_reports(Leg *leg, int64_t now_ns)
{
    uint8_t data[PACKET_MAX];
    _Alignas(struct cmsghdr) uint8_t control[64];
    for (int n = 0; n < 4; n++) {
        Address source;
        struct iovec part = {data, sizeof data};
        struct msghdr message = {.msg_name = &source,
                                 .msg_namelen = sizeof source,
                                 .msg_iov = &part,
                                 .msg_iovlen = 1,
                                 .msg_control = control,
                                 .msg_controllen = sizeof control};
        const ssize_t size = recvmsg(leg->rtcp, &message, MSG_DONTWAIT);
        if (size < 0)
            return;
        /* It may have waited half a second; a round trip is measured to when it came. */
        const int64_t came_ns = leg_arrival(&message, now_ns);
        /* The port may be any, the host must be the one we hear: both families keep the address
         * and the port apart, so compare with the ports made equal. */
        Address host = leg->locked ? leg->source : leg->stream.remote;
        host.v4.sin_port = source.v4.sin_port;
        RemoteReport report;
        if (!same_address(&source, &host) ||
            !rtcp_parse(data, (size_t)size, leg->out_ssrc, &report)) {
            BUMP(leg->figures.refused, 1);
            continue;
        }
        leg->report_source = source;
        leg_take_report(leg, &report, came_ns);
    }
}

void leg_plan_report(Leg *leg, uint32_t chance)
{
    leg->report_in = REPORT_FRAMES / 2 + chance % REPORT_SPREAD;
}

/* In 1/65536 s; none if the wall clock was set back in between. */
static uint32_t since(int64_t then_ns, int64_t now_ns)
{
    return now_ns > then_ns ? (uint32_t)((now_ns - then_ns) / 15259) : 0;
}

static void send_report(Leg *leg, int64_t now_ns)
{
    const uint32_t expected = leg->cycles + leg->highest_sequence - leg->base_sequence + 1;
    const uint32_t due = expected - leg->expected_prior;
    const uint32_t got = leg->received_of_ssrc - leg->received_prior;
    const uint64_t seconds = (uint64_t)now_ns / 1000000000ULL + NTP_UNIX;
    const uint64_t fraction = ((uint64_t)now_ns % 1000000000ULL << 32) / 1000000000ULL;
    const uint64_t sent = atomic_load_explicit(&leg->figures.sent, memory_order_relaxed);
    const Report report = {
        .ssrc = leg->out_ssrc,
        .remote_ssrc = leg->ssrc,
        .sending = sent > 0,
        .receiving = leg->has_stream,
        .ntp = seconds << 32 | fraction,
        .timestamp = leg->out_timestamp,
        .packets_sent = (uint32_t)sent,
        .octets_sent = (uint32_t)leg->octets_sent,
        .fraction_lost = rtcp_fraction(due, got),
        .cumulative_lost = rtcp_cumulative(expected, leg->received_of_ssrc),
        .highest_sequence = leg->cycles | leg->highest_sequence,
        .jitter = (uint32_t)leg->jitter,
        .last_sr = leg->last_sr,
        .delay_since_last_sr = leg->last_sr ? since(leg->last_sr_ns, now_ns) : 0,
    };
    leg->expected_prior = expected;
    leg->received_prior = leg->received_of_ssrc;
    uint8_t data[RTCP_MAX + SRTP_ROOM];
    size_t size = rtcp_write(data, &report);
    if (leg->secure) {
        const Address *peer = &leg->secure->peer;
        if (srtcp_protect(leg->secure->out, data, &size))
            (void)!sendto(leg->rtp, data, size, MSG_DONTWAIT | MSG_NOSIGNAL, &peer->any,
                          address_size(peer));
        return;
    }
    Address to = leg->report_source;
    if (to.any.sa_family == 0) {
        to = leg->locked ? leg->source : leg->stream.remote;
        to.v4.sin_port = htons((uint16_t)(ntohs(to.v4.sin_port) + 1));
    }
    (void)!sendto(leg->rtcp, data, size, MSG_DONTWAIT | MSG_NOSIGNAL, &to.any, address_size(&to));
}

void leg_reports(Leg *leg, int64_t now_ns)
{
    if (!leg_has_party(leg))
        return;
    leg->report_in--;
    if (leg->report_in % REPORT_READ == 0) {
        struct timespec wall;
        clock_gettime(CLOCK_REALTIME, &wall);
        now_ns = wall.tv_sec * 1000000000LL + wall.tv_nsec;
        if (!leg->secure)
            read_reports(leg, now_ns);
        if (leg->report_in == 0) {
            send_report(leg, now_ns);
            leg->report_in = REPORT_FRAMES + leg->out_sequence % REPORT_SPREAD;
        }
    }
}
