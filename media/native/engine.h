/* The media engine: threads that receive, mix and send RTP without ever asking Python.
 *
 * Python's thread is the only one that calls these functions. It makes objects and hands them over
 * by commands; the media thread hands them back by events. In between they belong to the media
 * thread, except for the figures marked atomic, which anybody may read.
 */
#ifndef MURIMA_ENGINE_H
#define MURIMA_ENGINE_H

#include <pthread.h>

#include "codec.h"
#include "digits.h"
#include "g711.h"
#include "jitter.h"
#include "recorder.h"
#include "ring.h"
#include "rtcp.h"
#include "secure.h"
#include "wide.h"
#include "wire.h"

#define PHASES 4
#define TICK_NS 5000000LL
#define BRIDGE_LEGS 32
#define SIDE_LEGS 8
#define UNITY 256 /* gain of 0 dB */
#define TICKS_KEPT 256

typedef enum { FLOW_SEND = 1, FLOW_RECEIVE = 2 } Flow;

/* What RTP a leg sends and takes; set whole, at the start and on every re-INVITE. */
typedef struct {
    Address remote;
    bool has_remote;
    uint8_t flow; /* of Flow */
    uint8_t send_type;
    CodecKind send_codec;
    int8_t codec_of[128]; /* payload type -> CodecKind, or -1 */
    int16_t digit_send_type, digit_receive_type; /* -1: none */
    uint32_t digit_clock;    /* units in a second in which they say how long a key was held */
    uint16_t packet_samples; /* of G.711 in a packet of ours; with Opus it is always 20 ms */
} Stream;

/* Figures of one leg; written by the media thread, read by anybody. */
typedef struct {
    _Atomic uint64_t received, sent, lost, late, refused, concealed;
    _Atomic uint64_t jitter_us, round_trip_us, delay_us;
    _Atomic uint64_t remote_lost_permille;
    _Atomic uint64_t latched;
    _Atomic uint64_t silent_ms;
} Figures;

typedef struct Bridge Bridge;
typedef struct Shard Shard;

typedef struct {
    const int16_t *samples; /* kept alive by Python until PLAYED comes */
    uint64_t count, at, frames;
    uint64_t id;
    bool loop;
} Play;

typedef struct Leg {
    uint64_t id;
    int rtp, rtcp;
    Stream stream;
    Figures figures;
    uint32_t timeout_frames;
    uint8_t phase;
    uint32_t place; /* in its phase's list */
    Bridge *bridge;
    uint8_t member; /* place in the bridge */
    Secure *secure; /* NULL: plain RTP */
    Wide *wide;     /* NULL: it never had Opus */
    bool hears_wide; /* what comes at present is Opus */

    /* receiving */
    Address source, candidate;
    bool locked, learned;
    uint8_t candidate_run;
    uint16_t candidate_sequence;
    uint32_t candidate_ssrc;
    bool stranger_told, timeout_told;
    uint32_t silent_frames; /* since something of the locked source came */
    bool has_stream;
    uint32_t ssrc;
    uint16_t base_sequence, highest_sequence;
    uint32_t cycles, received_of_ssrc;
    uint64_t lost_before; /* of earlier streams */
    uint32_t expected_prior, received_prior;
    double transit, jitter;
    bool has_transit;
    DigitReceiver digits_in;
    Jitter buffer;
    int16_t heard[FRAME]; /* of the present frame */

    /* sending */
    Play play;
    DigitSender digits_out;
    uint32_t digit_timestamp;
    uint32_t out_ssrc, out_timestamp;
    uint16_t out_sequence;
    bool mark;
    uint8_t waiting[480 + FRAME]; /* encoded samples until a packet is full */
    uint16_t waiting_count;
    uint32_t waiting_timestamp;
    uint64_t octets_sent;

    /* RTCP */
    Address report_source;
    uint32_t report_in; /* frames until the next report */
    uint32_t last_sr;
    int64_t last_sr_ns;

    SampleRing *tap;
    Shard *shard;
} Leg;

struct Bridge {
    uint64_t id;
    uint8_t phase;
    uint32_t place;
    uint8_t count;
    Leg *legs[BRIDGE_LEGS];
    int16_t gain[BRIDGE_LEGS][BRIDGE_LEGS]; /* [listener][source] */
    bool plain; /* two legs, each hears the other as it is */
    Shard *shard;
};

/* A recording as the media thread sees it. */
typedef struct {
    Recording *recording;
    Leg *side[2][SIDE_LEGS]; /* heard left and right, together */
    uint8_t side_count[2];
    bool paused;
    uint64_t id;
} Track;

typedef enum {
    EVENT_DIGIT = 1,    /* a: event, b: duration in ms */
    EVENT_LATCHED,      /* a: IPv4 address or 0, b: port */
    EVENT_TIMEOUT,      /* a: ms of silence */
    EVENT_STRANGER,     /* somebody else sends to the leg's port */
    EVENT_PLAYED,       /* a: play id, b: frames sent, negative if it was cut */
    EVENT_CLOSED,       /* the leg is Python's again */
    EVENT_BRIDGE_CLOSED,
    EVENT_TAP_CLOSED,
    EVENT_RECORDED,     /* a: bytes of sound, b: fault */
    EVENT_RECORDING_FAILED,
    EVENT_DATAGRAM, /* a secure leg has some for Python */
} EventKind;

typedef struct {
    uint32_t kind;
    uint64_t id; /* of the leg, bridge or recording */
    int64_t a, b;
    void *object; /* handed back */
} Event;

typedef struct {
    pthread_t thread;
    bool running;
} Worker;

struct Shard {
    Worker worker;
    Ring commands, events;
    int wake; /* eventfd, shared by all shards: events wait */
    int timer;
    _Atomic bool stopping;
    uint32_t most;
    Leg **legs[PHASES];
    Bridge **bridges[PHASES];
    Track *tracks[PHASES];
    uint32_t leg_count[PHASES], bridge_count[PHASES], track_count[PHASES];
    int64_t start_ns;
    uint64_t tick;
    uint64_t random;
    bool events_waiting;
    _Atomic uint64_t overruns, skipped, ticks;
    _Atomic uint32_t tick_us[TICKS_KEPT]; /* processor time the last ticks took */
    _Atomic uint32_t late_us[TICKS_KEPT]; /* how late they began */
};

typedef struct {
    uint32_t shard_count;
    Shard *shards;
    Recorder recorder;
    Ring recorder_events;
    int wake;
} Engine;

Engine *engine_open(uint32_t shards, uint32_t most_legs, uint64_t least_free);
/* End the threads, recordings first finished; events can still be taken. */
void engine_stop(Engine *engine);
void engine_free(Engine *engine);

/* The oldest event of any shard or of the recorder; false when there is none. */
bool engine_event(Engine *engine, Event *event);

Leg *leg_new(uint64_t id, int rtp, int rtcp, uint32_t timeout_ms, uint64_t seed);
void leg_free(Leg *leg);
/* Before the leg is added; false when there is no memory. */
bool leg_make_secure(Leg *leg);
/* The oldest STUN or DTLS datagram of a secure leg; false when there is none. */
bool leg_datagram(Leg *leg, Datagram *datagram);
Bridge *bridge_new(uint64_t id);
Recording *recording_new(uint64_t id, int fd, uint32_t channels);
void recording_free(Recording *recording);
SampleRing *tap_new(uint32_t samples);
void tap_free(SampleRing *tap);

/* Each hands one order to the shard; false when its ring is full. */
bool order_add_leg(Shard *shard, Leg *leg, uint8_t phase);
bool order_stream(Leg *leg, const Stream *stream);
/* Before its first stream with Opus; `wide` is the leg's own if this is true. */
bool order_wide(Leg *leg, Wide *wide);
bool order_remove_leg(Leg *leg);
/* Of a secure leg: keys, which are the leg's own if this is true, and who is heard and sent to. */
bool order_keys(Leg *leg, Srtp *in, Srtp *out);
bool order_peer(Leg *leg, const Address *peer);
bool order_play(Leg *leg, const int16_t *samples, uint64_t count, uint64_t id, bool loop);
bool order_stop_playing(Leg *leg);
bool order_digit(Leg *leg, uint8_t event, uint16_t tone, uint16_t gap);
bool order_tap(Leg *leg, SampleRing *tap); /* NULL takes the present one off */
bool order_add_bridge(Shard *shard, Bridge *bridge, uint8_t phase);
/* A leg that joins silently hears nobody and is not heard until a gain says so. */
bool order_join(Bridge *bridge, Leg *leg, bool silent);
bool order_part(Bridge *bridge, Leg *leg);
bool order_gain(Bridge *bridge, Leg *listener, Leg *source, int16_t gain);
bool order_remove_bridge(Bridge *bridge);
bool order_record(Engine *engine, Shard *shard, Recording *recording, uint8_t phase, Leg *left,
                  Leg *right);
/* Whether the leg is heard on a side of the recording: 0 is left, 1 is right. */
bool order_hear(Shard *shard, uint64_t id, Leg *leg, uint8_t side, bool heard);
bool order_pause(Shard *shard, uint64_t id, bool paused);
bool order_stop_recording(Shard *shard, uint64_t id);

/* --- between the engine's own files --- */

void leg_receive(Leg *leg, int64_t now_ns);
void leg_hear(Leg *leg);
/* What is said to the leg, where anything is, else NULL: 20 ms at 8000 samples a second, and for a
 * leg that is sent Opus also what is there at 16000, which is heard together with it. */
void leg_send(Leg *leg, const int16_t *mixed, const int16_t *wide, int64_t now_ns);
/* Timestamp units in a second of what the leg is sent. */
static inline uint32_t leg_clock(const Leg *leg)
{
    return codec_clock(leg->stream.send_codec);
}
static inline bool leg_speaks_wide(const Leg *leg)
{
    return leg->wide && leg->stream.send_codec == CODEC_OPUS;
}
/* RTCP, after a frame was sent. The first report of ours goes out by chance, not with all others. */
void leg_reports(Leg *leg, int64_t now_ns);
void leg_plan_report(Leg *leg, uint32_t chance);
void leg_take_report(Leg *leg, const RemoteReport *report, int64_t came_ns);
/* Whether there is somebody to talk with. */
bool leg_has_party(const Leg *leg);
/* When the kernel took the packet in, by the wall clock; `now_ns` if it does not say. */
int64_t leg_arrival(struct msghdr *message, int64_t now_ns);
void leg_set_stream(Leg *leg, const Stream *stream);
void leg_set_peer(Leg *leg, const Address *peer);
void leg_play(Leg *leg, const Play *play);
void leg_cut(Leg *leg);
void shard_tell(Shard *shard, EventKind kind, uint64_t id, int64_t a, int64_t b, void *object);
bool shard_open(Shard *shard, uint32_t most, int wake);
void shard_stop(Shard *shard);
void shard_free(Shard *shard);
void shard_run_tick(Shard *shard, uint64_t tick, int64_t now_ns);
bool orders_open(Ring *commands);
void shard_obey(Shard *shard);
int64_t clock_ns(void);

#define BUMP(counter, by)                                                                  \
    atomic_store_explicit(&(counter),                                                      \
                          atomic_load_explicit(&(counter), memory_order_relaxed) + (by),   \
                          memory_order_relaxed)
#define STORE(figure, value) atomic_store_explicit(&(figure), (value), memory_order_relaxed)

#endif
