/* Secure RTP: one direction of a session (RFC 3711; AES-GCM as RFC 7714 has it). */
#ifndef MURIMA_SRTP_H
#define MURIMA_SRTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The profiles by their numbers in DTLS-SRTP (RFC 5764, RFC 7714). */
typedef enum {
    SRTP_AES128_CM_SHA1_80 = 1,
    SRTP_AEAD_AES_128_GCM = 7,
    SRTP_AEAD_AES_256_GCM = 8,
} SrtpProfile;

#define SRTP_STREAMS 32 /* of different SSRC, in the life of one key */
#define SRTP_ROOM 20    /* what protecting adds, at most: a tag, and the index of RTCP */
#define SRTP_MASTER_MAX 44

typedef struct Srtp Srtp;

/* How long the master key and salt of a profile are together; 0 for a profile we do not speak. */
size_t srtp_master_size(SrtpProfile profile);

/* `master` is the key and then the salt; NULL when there is no memory or no such profile. */
Srtp *srtp_new(SrtpProfile profile, const uint8_t *master, bool outbound);
/* Wipes the keys. */
void srtp_free(Srtp *srtp);

/* Each works in place and sets the new size; protecting needs SRTP_ROOM bytes behind `size`. False
 * for what must not be sent, or not be believed; the data are then of no use. */
bool srtp_protect(Srtp *srtp, uint8_t *data, size_t *size);
bool srtp_unprotect(Srtp *srtp, uint8_t *data, size_t *size);
bool srtcp_protect(Srtp *srtp, uint8_t *data, size_t *size);
bool srtcp_unprotect(Srtp *srtp, uint8_t *data, size_t *size);

#endif
