/* What a leg to a browser has besides a plain one: keys, one peer that ICE found, and datagrams of
 * STUN and DTLS that Python must see. */
#ifndef MURIMA_SECURE_H
#define MURIMA_SECURE_H

#include "ring.h"
#include "srtp.h"
#include "wire.h"

/* One for Python. */
typedef struct {
    Address source;
    uint16_t size;
    uint8_t data[PACKET_MAX];
} Datagram;

typedef struct {
    Srtp *in, *out; /* NULL until the handshake is over */
    Address peer;
    bool has_peer;
    Ring inbox; /* of Datagram: the media thread writes, Python's thread reads */
    uint32_t peer_allowance, other_allowance; /* datagrams that may still go to Python */
} Secure;

typedef enum {
    SECURE_REFUSED,
    SECURE_FOR_PYTHON, /* it waits in the inbox */
    SECURE_STRANGER,   /* SRTP, and not from the peer */
    SECURE_SOUND,      /* now plain RTP, and genuine */
    SECURE_REPORT,     /* now plain RTCP, and genuine */
} SecureVerdict;

Secure *secure_new(void);
void secure_free(Secure *secure);

/* Once a frame, before its datagrams. */
void secure_begin_frame(Secure *secure);
/* Say what a datagram is; SRTP is made plain in place, which changes its size. */
SecureVerdict secure_take(Secure *secure, uint8_t *data, size_t *size, const Address *source);
void secure_set_keys(Secure *secure, Srtp *in, Srtp *out);
void secure_set_peer(Secure *secure, const Address *peer);

/* Whether sound can go to the peer. */
static inline bool secure_is_ready(const Secure *secure)
{
    return secure->has_peer && secure->out;
}

#endif
