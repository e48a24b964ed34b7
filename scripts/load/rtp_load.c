/* RTP load for `scripts/bench media` and `webrtc`: talks to every leg of the engine and times what comes back.
 *
 * Legs 2i and 2i+1 are bridged by the engine, so what is sent to one must come out of the other.
 * Each packet of 20 ms carries its sender, its number and the moment it was sent, written into the
 * audio in such a way that decoding, mixing and encoding of G.711 leave it intact. From that come
 * loss and one-way delay that are exact, and no guess from sequence numbers.
 *
 *   rtp_load --legs N --warm SECONDS --seconds SECONDS [--srtp PROFILE] [--opus 1]
 *
 * stdout: "ports P P ..." (its own, leg i uses the (i mod 8)th), then, after it has read N ports of
 * the engine from stdin, "measuring" and "measured" at the bounds of the window, and at last one
 * line of JSON. With a profile of SRTP, by its number in DTLS-SRTP, each port is followed by two
 * master keys with their salts in hexadecimal: of what goes to the engine, and of what comes back.
 * With Opus nothing can be written into the sound: every leg says the same few seconds of something
 * like a voice, what comes back is only counted, and the delay is not known (-1).
 * One thread, loopback only, no files. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include "codec.h"
#include "srtp.h"

enum {
    SOCKETS = 8,
    BATCH = 64,                 /* packets per sendmmsg and recvmmsg */
    SLOTS = 80,                 /* legs are spread over the 20 ms in steps of 250 us */
    MAX_LEGS = 20000,
    RTP_HEADER = 12,
    FRAME = 160,
    PACKET = RTP_HEADER + FRAME,
    OPUS_TYPE = 111,
    OPUS_RATE = 16000,
    OPUS_BITRATE = 32000,
    OPUS_STEP = 960,            /* timestamp units in 20 ms */
    OPUS_PACKETS = 200,
    HISTOGRAM = 200000,         /* cells of 10 us: up to two seconds */
    NICENESS = -15,
};
#define SLOT_NS 250000LL
#define PACKET_NS (SLOTS * SLOT_NS)
#define SECOND_NS 1000000000LL
#define DRAIN_NS 800000000LL    /* how long to wait for the last packets */

/* A stamp is written as nibbles, one per sample, in the mu-law codes 0x90 to 0x9f. Every mu-law
 * code but 0x7f decodes to a value which encodes to the same code again. */
enum { STAMP_TIME = 16, STAMP_NUMBER = 6, STAMP_LEG = 5, STAMP_CHECK = 2 };
#define STAMP_CODE 0x90

struct histogram {
    uint32_t cell[HISTOGRAM];
    uint64_t count;
    int64_t largest;
};

struct arrival {                /* what the last packet from a leg of the engine was like */
    bool known;
    int64_t at;
    uint32_t timestamp;
};

struct batch {
    struct mmsghdr message[BATCH];
    struct iovec part[BATCH];
    uint8_t packet[BATCH][PACKET + SRTP_ROOM];
    int count;
};

static int legs = 100, warm_s = 2, window_s = 8;
static int sockets[SOCKETS];
static struct sockaddr_in *engine_address;          /* by leg */
static int32_t leg_of_port[65536];                  /* of the engine; -1 for others */
static struct arrival *arrivals;
static uint8_t *seen;                               /* [leg that sent][number of packet] */
static int numbers;                                 /* packets each leg sends */
static struct batch outgoing[SOCKETS];
static uint8_t filler[FRAME];                       /* the audio behind the stamp */
static int profile;                                 /* of SRTP; 0 for plain RTP */
static int opus;                                    /* instead of PCMU */
static struct {
    uint8_t data[FRAME];
    size_t size;
} spoken[OPUS_PACKETS];
static Srtp **to_engine, **from_engine;             /* by leg */

static struct histogram delay, arrival_error;
static uint64_t sent, sent_measured, received, arrived_measured;
static uint64_t duplicates, unreadable, misdirected, foreign, forged, send_errors;
static uint32_t overflowed[SOCKETS];                /* packets the kernel dropped before us */
static int64_t latest_send, longest_gap;
static int64_t measure_from, measure_to;            /* CLOCK_REALTIME, as kernel stamps are */

static int64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * SECOND_NS + t.tv_nsec;
}

static void count_in(struct histogram *h, int64_t ns)
{
    int64_t cell = ns / 10000;
    if (cell < 0)
        cell = 0;
    if (cell >= HISTOGRAM)
        cell = HISTOGRAM - 1;
    h->cell[cell]++;
    h->count++;
    if (ns > h->largest)
        h->largest = ns;
}

/* The value in ms which `share` of all values do not exceed; -1 when there is none. */
static double percentile(const struct histogram *h, double share)
{
    uint64_t below = 0;
    for (int i = 0; i < HISTOGRAM; i++) {
        below += h->cell[i];
        if (h->count && (double)below >= share * (double)h->count)
            return (i + 1) * 0.01;
    }
    return -1;
}

static uint8_t *write_nibbles(uint8_t *to, uint64_t value, int count)
{
    for (int i = 0; i < count; i++, value >>= 4)
        *to++ = STAMP_CODE | (value & 15);
    return to;
}

static const uint8_t *read_nibbles(const uint8_t *from, int count, uint64_t *value, bool *ok)
{
    *value = 0;
    for (int i = 0; i < count; i++) {
        if ((from[i] & 0xf0) != STAMP_CODE)
            *ok = false;
        *value |= (uint64_t)(from[i] & 15) << (4 * i);
    }
    return from + count;
}

/* Tells a stamp from one that was mixed or concealed into another valid one. */
static uint64_t check_of(uint64_t time, uint64_t number, uint64_t leg)
{
    uint64_t mixed = (time ^ number << 17 ^ leg << 41) * 0x9e3779b97f4a7c15ULL;
    return mixed >> 56;
}

/* Something like a voice, which comes and goes. */
static bool speak(void)
{
    Codec *codec = codec_new(&(CodecSettings){
        .kind = CODEC_OPUS, .rate = OPUS_RATE, .bitrate = OPUS_BITRATE, .fec = true});
    for (int n = 0; codec && n < OPUS_PACKETS; n++) {
        int16_t sound[OPUS_RATE / 50];
        for (int i = 0; i < OPUS_RATE / 50; i++) {
            double t = n * 0.02 + (double)i / OPUS_RATE, wave = 0;
            double pitch = 150 * t + 4 * sin(4 * M_PI * t);
            for (int k = 1; k < 12; k++)
                wave += sin(2 * M_PI * k * pitch) / k;
            sound[i] = (int16_t)(6000 * wave * (0.55 + 0.45 * sin(8 * M_PI * t)));
        }
        spoken[n].size = codec_encode(codec, sound, OPUS_RATE / 50, spoken[n].data, FRAME);
        if (spoken[n].size == 0)
            return false;
    }
    return codec != NULL;
}

static size_t write_opus(uint8_t *packet, int leg, uint32_t number)
{
    int at = (int)((number + (uint32_t)leg * 37u) % OPUS_PACKETS);
    uint32_t timestamp = htonl((uint32_t)leg * 7919u + number * OPUS_STEP);
    packet[1] = (uint8_t)((packet[1] & 0x80) | OPUS_TYPE);
    memcpy(packet + 4, &timestamp, 4);
    memcpy(packet + RTP_HEADER, spoken[at].data, spoken[at].size);
    return RTP_HEADER + spoken[at].size;
}

/* Returns its size. */
static size_t write_packet(uint8_t *packet, int leg, uint32_t number)
{
    uint16_t sequence = htons((uint16_t)((uint32_t)leg * 31u + number));
    uint32_t timestamp = htonl((uint32_t)leg * 7919u + number * FRAME);
    uint32_t source = htonl(0x10000u + (uint32_t)leg);
    packet[0] = 0x80;                               /* version 2 */
    packet[1] = number == 0 ? 0x80 : 0;             /* marker on the first; payload type 0, PCMU */
    memcpy(packet + 2, &sequence, 2);
    memcpy(packet + 4, &timestamp, 4);
    memcpy(packet + 8, &source, 4);
    if (opus)
        return write_opus(packet, leg, number);
    memcpy(packet + RTP_HEADER, filler, FRAME);
    uint64_t now = (uint64_t)clock_ns(CLOCK_REALTIME);
    uint8_t *p = packet + RTP_HEADER;
    p = write_nibbles(p, now, STAMP_TIME);
    p = write_nibbles(p, number, STAMP_NUMBER);
    p = write_nibbles(p, (uint64_t)leg, STAMP_LEG);
    write_nibbles(p, check_of(now, number, (uint64_t)leg), STAMP_CHECK);
    return PACKET;
}

static void flush(int s)
{
    struct batch *b = &outgoing[s];
    for (int done = 0; done < b->count;) {
        int n = sendmmsg(sockets[s], b->message + done, (unsigned)(b->count - done), 0);
        if (n > 0) {
            done += n;
        } else if (errno != EINTR && errno != EAGAIN) {
            send_errors++;                          /* such as ECONNREFUSED of an earlier packet */
            done++;
        }
    }
    b->count = 0;
}

static void send_slot(int slot, uint32_t number, int64_t due)
{
    int64_t late = clock_ns(CLOCK_MONOTONIC) - due;
    bool measured = number >= (uint32_t)warm_s * 50;
    if (measured && late > latest_send)
        latest_send = late;
    for (int leg = slot; leg < legs; leg += SLOTS) {
        int s = leg % SOCKETS;
        struct batch *b = &outgoing[s];
        size_t size = write_packet(b->packet[b->count], leg, number);
        sent++;
        sent_measured += measured;
        if (profile && !srtp_protect(to_engine[leg], b->packet[b->count], &size)) {
            send_errors++;
            continue;
        }
        b->part[b->count].iov_len = size;
        b->message[b->count].msg_hdr.msg_name = &engine_address[leg];
        if (++b->count == BATCH)
            flush(s);
    }
    for (int s = 0; s < SOCKETS; s++)
        flush(s);
}

static void take_arrival(int leg, const uint8_t *packet, int64_t at)
{
    struct arrival *last = &arrivals[leg];
    uint32_t timestamp;
    memcpy(&timestamp, packet + 4, 4);
    timestamp = ntohl(timestamp);
    if (last->known && at >= measure_from && at < measure_to) {
        int64_t gap = at - last->at;
        int64_t unit = opus ? PACKET_NS / OPUS_STEP : PACKET_NS / FRAME;
        int64_t error = gap - (int64_t)(int32_t)(timestamp - last->timestamp) * unit;
        count_in(&arrival_error, error < 0 ? -error : error);
        if (gap > longest_gap)
            longest_gap = gap;
    }
    *last = (struct arrival){.known = true, .at = at, .timestamp = timestamp};
}

static void take_stamp(int leg, const uint8_t *audio, int64_t at)
{
    uint64_t time, number, from, check;
    bool ok = true;
    const uint8_t *p = read_nibbles(audio, STAMP_TIME, &time, &ok);
    p = read_nibbles(p, STAMP_NUMBER, &number, &ok);
    p = read_nibbles(p, STAMP_LEG, &from, &ok);
    read_nibbles(p, STAMP_CHECK, &check, &ok);
    if (!ok || check != check_of(time, number, from) || number >= (uint64_t)numbers) {
        unreadable++;                               /* silence or concealment of the engine */
        return;
    }
    if ((int)from != (leg ^ 1)) {
        misdirected++;                              /* audio of another call: must never happen */
        return;
    }
    uint8_t *mark = &seen[from * (uint64_t)numbers + number];
    if (*mark) {
        duplicates++;
        return;
    }
    *mark = 1;
    if (number >= (uint64_t)warm_s * 50) {
        arrived_measured++;
        count_in(&delay, at - (int64_t)time);
    }
}

static int64_t read_control(struct msghdr *header, int s)
{
    int64_t at = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level != SOL_SOCKET)
            continue;
        if (c->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec t;
            memcpy(&t, CMSG_DATA(c), sizeof t);
            at = t.tv_sec * SECOND_NS + t.tv_nsec;
        } else if (c->cmsg_type == SO_RXQ_OVFL) {
            memcpy(&overflowed[s], CMSG_DATA(c), sizeof overflowed[s]);
        }
    }
    return at ? at : clock_ns(CLOCK_REALTIME);
}

/* Whether it is audio of the engine; SRTP is made plain in place. */
static bool is_audio(int leg, uint8_t *data, size_t size)
{
    uint8_t type = data[1] & 0x7f;
    if (leg < 0 || size < RTP_HEADER || (profile && type >= 64 && type < 96)) {
        foreign++;                                  /* RTCP, for one, which shares SRTP's port */
        return false;
    }
    if (profile && !srtp_unprotect(from_engine[leg], data, &size)) {
        forged++;
        return false;
    }
    bool right = opus ? type == OPUS_TYPE : size == PACKET;
    foreign += !right;
    return right;
}

/* Read everything that waits at one socket. */
static void drain(int s)
{
    static struct mmsghdr message[BATCH];
    static struct iovec part[BATCH];
    static struct sockaddr_in from[BATCH];
    static uint8_t data[BATCH][256];
    static _Alignas(struct cmsghdr) uint8_t control[BATCH][128];
    int n;
    do {
        for (int i = 0; i < BATCH; i++) {
            part[i] = (struct iovec){.iov_base = data[i], .iov_len = sizeof data[i]};
            message[i].msg_hdr = (struct msghdr){
                .msg_name = &from[i], .msg_namelen = sizeof from[i],
                .msg_iov = &part[i], .msg_iovlen = 1,
                .msg_control = control[i], .msg_controllen = sizeof control[i],
            };
        }
        n = recvmmsg(sockets[s], message, BATCH, MSG_DONTWAIT, NULL);
        for (int i = 0; i < n; i++) {
            int64_t at = read_control(&message[i].msg_hdr, s);
            int leg = leg_of_port[ntohs(from[i].sin_port)];
            if (!is_audio(leg, data[i], message[i].msg_len))
                continue;
            received++;
            take_arrival(leg, data[i], at);
            if (!opus)
                take_stamp(leg, data[i] + RTP_HEADER, at);
            else if (at >= measure_from && at < measure_to)
                arrived_measured++;
        }
    } while (n == BATCH);
}

static void open_sockets(void)
{
    for (int s = 0; s < SOCKETS; s++) {
        int one = 1, size = 8 << 20;
        struct sockaddr_in a = {.sin_family = AF_INET};
        socklen_t length = sizeof a;
        a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        sockets[s] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (setsockopt(sockets[s], SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size))
            setsockopt(sockets[s], SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
        if (setsockopt(sockets[s], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size))
            setsockopt(sockets[s], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
        setsockopt(sockets[s], SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one);
        setsockopt(sockets[s], SOL_SOCKET, SO_RXQ_OVFL, &one, sizeof one);
        if (bind(sockets[s], (struct sockaddr *)&a, sizeof a) ||
            getsockname(sockets[s], (struct sockaddr *)&a, &length)) {
            perror("rtp_load: bind");
            exit(1);
        }
        printf("%s%d", s ? " " : "ports ", ntohs(a.sin_port));
        for (int i = 0; i < BATCH; i++) {
            struct batch *b = &outgoing[s];
            b->part[i].iov_base = b->packet[i];
            b->message[i].msg_hdr.msg_iov = &b->part[i];
            b->message[i].msg_hdr.msg_iovlen = 1;
            b->message[i].msg_hdr.msg_namelen = sizeof(struct sockaddr_in);
        }
    }
    printf("\n");
    fflush(stdout);
}

/* One direction's SRTP, from its master key and salt on stdin. */
static Srtp *read_master(bool outbound)
{
    uint8_t master[SRTP_MASTER_MAX];
    size_t size = srtp_master_size((SrtpProfile)profile);
    bool ok = scanf(" ") == 0;
    for (size_t i = 0; ok && i < size; i++)
        ok = scanf("%2hhx", &master[i]) == 1;
    Srtp *srtp = ok ? srtp_new((SrtpProfile)profile, master, outbound) : NULL;
    if (!srtp) {
        fprintf(stderr, "rtp_load: expected a master key and salt of %zu bytes\n", size);
        exit(1);
    }
    return srtp;
}

static void read_engine_ports(void)
{
    memset(leg_of_port, -1, sizeof leg_of_port);
    for (int leg = 0; leg < legs; leg++) {
        int port;
        if (scanf("%d", &port) != 1 || port < 1 || port > 65535) {
            fprintf(stderr, "rtp_load: expected %d ports on stdin, got %d\n", legs, leg);
            exit(1);
        }
        engine_address[leg].sin_family = AF_INET;
        engine_address[leg].sin_port = htons((uint16_t)port);
        engine_address[leg].sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        leg_of_port[port] = leg;
        if (profile) {
            to_engine[leg] = read_master(true);
            from_engine[leg] = read_master(false);
        }
    }
}

static void say(const char *line)
{
    puts(line);
    fflush(stdout);
}

static void run(void)
{
    int64_t start = clock_ns(CLOCK_MONOTONIC) + 50000000LL;
    int64_t to_realtime = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
    int64_t from = start + warm_s * SECOND_NS, end = from + window_s * SECOND_NS;
    measure_from = from + to_realtime;
    measure_to = end + to_realtime;
    bool measuring = false, measured = false;
    for (int64_t tick = 0;; tick++) {
        int64_t due = start + tick * SLOT_NS;
        struct timespec until = {.tv_sec = due / SECOND_NS, .tv_nsec = due % SECOND_NS};
        if (clock_ns(CLOCK_MONOTONIC) < due)
            clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
        if (!measuring && due >= from) {
            measuring = true;
            say("measuring");
        }
        if (!measured && due >= end) {
            measured = true;
            say("measured");
        }
        if (due < end)
            send_slot((int)(tick % SLOTS), (uint32_t)(tick / SLOTS), due);
        for (int s = 0; s < SOCKETS; s++)
            drain(s);
        if (due >= end + DRAIN_NS)
            return;
    }
}

static void print_result(void)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    double cpu = (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec)
        + (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) * 1e-6;
    uint64_t overflow = 0;
    for (int s = 0; s < SOCKETS; s++)
        overflow += overflowed[s];
    uint64_t lost = sent_measured > arrived_measured ? sent_measured - arrived_measured : 0;
    printf("{\"sent\": %lu, \"received\": %lu, \"sent_measured\": %lu, \"lost\": %lu, ",
           sent, received, sent_measured, lost);
    printf("\"loss_pct\": %.4f, ", sent_measured ? 100.0 * (double)lost / (double)sent_measured : 0);
    printf("\"delay_ms_p50\": %.2f, \"delay_ms_p99\": %.2f, \"delay_ms_max\": %.2f, ",
           percentile(&delay, 0.5), percentile(&delay, 0.99), (double)delay.largest * 1e-6);
    printf("\"arrival_error_ms_p50\": %.2f, \"arrival_error_ms_p99\": %.2f, ",
           percentile(&arrival_error, 0.5), percentile(&arrival_error, 0.99));
    printf("\"longest_gap_ms\": %.2f, ", (double)longest_gap * 1e-6);
    printf("\"unreadable\": %lu, \"duplicates\": %lu, \"misdirected\": %lu, \"foreign\": %lu, ",
           unreadable, duplicates, misdirected, foreign);
    printf("\"forged\": %lu, ", forged);
    printf("\"generator_send_errors\": %lu, \"generator_overflow\": %lu, ", send_errors, overflow);
    printf("\"generator_late_ms_max\": %.2f, \"generator_cpu_pct\": %.1f}\n",
           (double)latest_send * 1e-6, 100 * cpu / (warm_s + window_s + 0.8));
}

static void read_options(int count, char **argument)
{
    static const struct option options[] = {
        {"legs", required_argument, NULL, 'l'},
        {"warm", required_argument, NULL, 'w'},
        {"seconds", required_argument, NULL, 's'},
        {"srtp", required_argument, NULL, 'p'},
        {"opus", required_argument, NULL, 'o'},
        {NULL, 0, NULL, 0},
    };
    int option;
    while ((option = getopt_long(count, argument, "", options, NULL)) >= 0) {
        int value = option == '?' ? -1 : atoi(optarg);
        if (option == 'l')
            legs = value;
        else if (option == 'w')
            warm_s = value;
        else if (option == 's')
            window_s = value;
        else if (option == 'p')
            profile = value;
        else if (option == 'o')
            opus = value;
        else
            exit(2);
    }
    if (profile && !srtp_master_size((SrtpProfile)profile)) {
        fprintf(stderr, "rtp_load: no such profile of SRTP\n");
        exit(2);
    }
    if (legs < 2 || legs > MAX_LEGS || legs % 2 || warm_s < 0 || warm_s > 60 || window_s < 1 ||
        window_s > 600) {
        fprintf(stderr, "rtp_load: an even number of 2 to %d legs, 0-60 s, 1-600 s\n", MAX_LEGS);
        exit(2);
    }
}

int main(int count, char **argument)
{
    read_options(count, argument);
    prctl(PR_SET_TIMERSLACK, 1000UL);
    prctl(PR_SET_PDEATHSIG, 9UL);                   /* never outlive the bench */
    setpriority(PRIO_PROCESS, 0, NICENESS);         /* allowed or not; as the engine's threads */
    numbers = (warm_s + window_s) * 50;
    engine_address = calloc((size_t)legs, sizeof *engine_address);
    arrivals = calloc((size_t)legs, sizeof *arrivals);
    seen = calloc((size_t)legs * (size_t)numbers, 1);
    to_engine = calloc((size_t)legs, sizeof *to_engine);
    from_engine = calloc((size_t)legs, sizeof *from_engine);
    if (!engine_address || !arrivals || !seen || !to_engine || !from_engine) {
        fprintf(stderr, "rtp_load: not enough memory\n");
        return 1;
    }
    /* Loud, and without a direct current: no jitter buffer may take it for a pause. */
    for (int i = 0; i < FRAME; i++)
        filler[i] = i % 2 ? 0xa0 : 0x20;
    if (opus && !speak()) {
        fprintf(stderr, "rtp_load: no Opus\n");
        return 1;
    }
    open_sockets();
    read_engine_ports();
    run();
    print_result();
    return 0;
}
