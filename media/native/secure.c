#include "secure.h"

#include <stdlib.h>
#include <string.h>

#define INBOX 32
#define ALLOWANCE (INBOX / 2) /* at once, for the peer and for all others together */

Secure *secure_new(void)
{
    Secure *secure = calloc(1, sizeof *secure);
    if (!secure || !ring_open(&secure->inbox, sizeof(Datagram), INBOX)) {
        free(secure);
        return NULL;
    }
    secure->peer_allowance = secure->other_allowance = ALLOWANCE;
    return secure;
}

void secure_free(Secure *secure)
{
    if (!secure)
        return;
    srtp_free(secure->in);
    srtp_free(secure->out);
    ring_close(&secure->inbox);
    free(secure);
}

/* One more every 20 ms is 50 a second. Whoever floods the port uses up what strangers share, and
 * the peer's own checks still get through. */
void secure_begin_frame(Secure *secure)
{
    if (secure->peer_allowance < ALLOWANCE)
        secure->peer_allowance++;
    if (secure->other_allowance < ALLOWANCE)
        secure->other_allowance++;
}

static bool is_from_peer(const Secure *secure, const Address *source)
{
    return secure->has_peer && same_address(source, &secure->peer);
}

static SecureVerdict keep(Secure *secure, const uint8_t *data, size_t size, const Address *source)
{
    uint32_t *allowance =
        is_from_peer(secure, source) ? &secure->peer_allowance : &secure->other_allowance;
    Datagram datagram = {.source = *source, .size = (uint16_t)size};
    if (*allowance == 0)
        return SECURE_REFUSED;
    memcpy(datagram.data, data, size);
    if (!ring_push(&secure->inbox, &datagram))
        return SECURE_REFUSED;
    --*allowance;
    return SECURE_FOR_PYTHON;
}

SecureVerdict secure_take(Secure *secure, uint8_t *data, size_t *size, const Address *source)
{
    if (*size < 2 || *size > PACKET_MAX)
        return SECURE_REFUSED;
    const uint8_t first = data[0], type = data[1] & 0x7F;
    if (first < 4 || (first >= 20 && first < 64)) /* STUN or DTLS, RFC 7983 */
        return keep(secure, data, *size, source);
    if (first < 128 || first >= 192)
        return SECURE_REFUSED;
    if (!is_from_peer(secure, source))
        return SECURE_STRANGER;
    if (!secure->in)
        return SECURE_REFUSED;
    if (type >= 64 && type < 96) /* RFC 5761 section 4 */
        return srtcp_unprotect(secure->in, data, size) ? SECURE_REPORT : SECURE_REFUSED;
    return srtp_unprotect(secure->in, data, size) ? SECURE_SOUND : SECURE_REFUSED;
}

void secure_set_keys(Secure *secure, Srtp *in, Srtp *out)
{
    srtp_free(secure->in);
    srtp_free(secure->out);
    secure->in = in;
    secure->out = out;
}

void secure_set_peer(Secure *secure, const Address *peer)
{
    secure->peer = *peer;
    secure->has_peer = true;
}
