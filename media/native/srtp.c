#include "srtp.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "wire.h"

#define WINDOW 64
#define SALT_MAX 14
#define GCM_SALT 12
#define GCM_TAG 16
#define SHA1_TAG 10
#define SHA1_KEY 20
#define RTCP_HEADER 8
#define RTCP_INDEX 4
#define RTCP_ENCRYPTED 0x80000000u
#define MOST_PACKETS ((1ULL << 48) - 1) /* RFC 3711 section 9.2 */
#define MOST_REPORTS ((1ULL << 31) - 1)

enum { LABEL_CIPHER = 0, LABEL_MAC = 1, LABEL_SALT = 2, LABELS = 3 };

/* Which packets of one kind have been seen; an index is never taken or given twice. */
typedef struct {
    bool begun;
    uint64_t highest;
    uint64_t seen; /* bit n: `highest` - n */
} Window;

typedef struct {
    uint32_t ssrc;
    Window rtp, rtcp;
} Source;

/* The session keys of RTP, or of RTCP. */
typedef struct {
    EVP_CIPHER_CTX *cipher;
    EVP_MAC_CTX *mac; /* NULL with GCM */
    uint8_t salt[SALT_MAX];
} Keys;

struct Srtp {
    bool outbound, gcm;
    size_t tag;
    Keys rtp, rtcp;
    /* A stream's state is kept for as long as the key is: were it forgotten, its old packets could
     * be played to us again. A peer that changes its SSRC more often than this is not heard. */
    Source streams[SRTP_STREAMS];
    uint32_t stream_count;
};

typedef struct {
    size_t key, salt;
    bool gcm;
} Sizes;

static bool sizes_of(SrtpProfile profile, Sizes *sizes)
{
    switch (profile) {
    case SRTP_AES128_CM_SHA1_80:
        *sizes = (Sizes){16, SALT_MAX, false};
        return true;
    case SRTP_AEAD_AES_128_GCM:
        *sizes = (Sizes){16, GCM_SALT, true};
        return true;
    case SRTP_AEAD_AES_256_GCM:
        *sizes = (Sizes){32, GCM_SALT, true};
        return true;
    }
    return false;
}

size_t srtp_master_size(SrtpProfile profile)
{
    Sizes sizes;
    return sizes_of(profile, &sizes) ? sizes.key + sizes.salt : 0;
}

/* --- keys --- */

/* RFC 3711 section 4.3: a key is a piece of the key stream that its label begins. A salt of GCM is
 * shorter than the one that this was made for, and filled up with zeros at its end. */
static bool derive(const Sizes *sizes, const uint8_t *master, unsigned label, uint8_t *to,
                   size_t size)
{
    uint8_t counter[16] = {0};
    memcpy(counter, master + sizes->key, sizes->salt);
    counter[7] ^= (uint8_t)label;
    memset(to, 0, size);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int written = 0;
    const bool done =
        context &&
        EVP_EncryptInit_ex2(context, sizes->key == 32 ? EVP_aes_256_ctr() : EVP_aes_128_ctr(),
                            master, counter, NULL) == 1 &&
        EVP_EncryptUpdate(context, to, &written, to, (int)size) == 1;
    EVP_CIPHER_CTX_free(context);
    OPENSSL_cleanse(counter, sizeof counter);
    return done;
}

static bool open_mac(Keys *keys, const uint8_t *key)
{
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
    keys->mac = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
    EVP_MAC_free(hmac);
    char digest[] = "SHA1";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    return keys->mac && EVP_MAC_init(keys->mac, key, SHA1_KEY, parameters) == 1;
}

static bool open_cipher(Keys *keys, const Sizes *sizes, const uint8_t *key, bool outbound)
{
    const EVP_CIPHER *cipher = EVP_aes_128_ctr();
    if (sizes->gcm)
        cipher = sizes->key == 32 ? EVP_aes_256_gcm() : EVP_aes_128_gcm();
    keys->cipher = EVP_CIPHER_CTX_new();
    return keys->cipher && EVP_CipherInit_ex2(keys->cipher, cipher, key, NULL, outbound, NULL) == 1;
}

static bool open_keys(Keys *keys, const Sizes *sizes, const uint8_t *master, unsigned first_label,
                      bool outbound)
{
    uint8_t key[32], mac[SHA1_KEY];
    const bool done =
        derive(sizes, master, first_label + LABEL_CIPHER, key, sizes->key) &&
        derive(sizes, master, first_label + LABEL_SALT, keys->salt, sizes->salt) &&
        open_cipher(keys, sizes, key, outbound) &&
        (sizes->gcm || (derive(sizes, master, first_label + LABEL_MAC, mac, sizeof mac) &&
                        open_mac(keys, mac)));
    OPENSSL_cleanse(key, sizeof key);
    OPENSSL_cleanse(mac, sizeof mac);
    return done;
}

Srtp *srtp_new(SrtpProfile profile, const uint8_t *master, bool outbound)
{
    Sizes sizes;
    if (!sizes_of(profile, &sizes))
        return NULL;
    Srtp *srtp = calloc(1, sizeof *srtp);
    if (!srtp)
        return NULL;
    srtp->outbound = outbound;
    srtp->gcm = sizes.gcm;
    srtp->tag = sizes.gcm ? GCM_TAG : SHA1_TAG;
    if (!open_keys(&srtp->rtp, &sizes, master, 0, outbound) ||
        !open_keys(&srtp->rtcp, &sizes, master, LABELS, outbound)) {
        srtp_free(srtp);
        return NULL;
    }
    return srtp;
}

static void close_keys(Keys *keys)
{
    EVP_CIPHER_CTX_free(keys->cipher);
    EVP_MAC_CTX_free(keys->mac);
}

void srtp_free(Srtp *srtp)
{
    if (!srtp)
        return;
    close_keys(&srtp->rtp);
    close_keys(&srtp->rtcp);
    OPENSSL_cleanse(srtp, sizeof *srtp);
    free(srtp);
}

/* --- which packet it is --- */

static Source *find_stream(Srtp *srtp, uint32_t ssrc)
{
    for (uint32_t n = 0; n < srtp->stream_count; n++)
        if (srtp->streams[n].ssrc == ssrc)
            return &srtp->streams[n];
    return NULL;
}

/* The state of an SSRC not seen before is `fresh`, until a packet of it has proved to be genuine. */
static Source *stream_of(Srtp *srtp, uint32_t ssrc, Source *fresh)
{
    Source *known = find_stream(srtp, ssrc);
    if (known)
        return known;
    *fresh = (Source){.ssrc = ssrc};
    return srtp->stream_count < SRTP_STREAMS ? fresh : NULL;
}

static void keep_stream(Srtp *srtp, const Source *stream, const Source *fresh)
{
    if (stream == fresh)
        srtp->streams[srtp->stream_count++] = *fresh;
}

static bool is_new(const Window *window, uint64_t index)
{
    if (!window->begun || index > window->highest)
        return true;
    const uint64_t behind = window->highest - index;
    return behind < WINDOW && !(window->seen >> behind & 1);
}

static void mark_seen(Window *window, uint64_t index)
{
    if (!window->begun || index > window->highest) {
        const uint64_t ahead = window->begun ? index - window->highest : WINDOW;
        window->seen = (ahead < WINDOW ? window->seen << ahead : 0) | 1;
        window->highest = index;
        window->begun = true;
    } else {
        window->seen |= 1ULL << (window->highest - index);
    }
}

/* The nearest index to the highest one that ends in this sequence number (RFC 3711 section 3.3.1);
 * false for one before the first packet, or beyond what a key may be used for. */
static bool guess_index(const Window *window, uint16_t sequence, uint64_t *index)
{
    if (!window->begun) {
        *index = sequence;
        return true;
    }
    uint64_t turn = window->highest >> 16;
    const int32_t ahead = (int32_t)sequence - (int32_t)(window->highest & 0xFFFF);
    if (ahead > 0x8000) {
        if (turn == 0)
            return false;
        turn--;
    } else if (ahead < -0x8000) {
        turn++;
    }
    *index = turn << 16 | sequence;
    return *index <= MOST_PACKETS;
}

/* --- ciphers --- */

/* Both schemes mix the SSRC and the packet's index into the salt, at different places. */
static void make_iv(const Srtp *srtp, const Keys *keys, uint32_t ssrc, uint64_t index, uint8_t *iv)
{
    memset(iv, 0, 16);
    uint8_t *at = iv + (srtp->gcm ? 2 : 4);
    wire_write_u32(at, ssrc);
    wire_write_u16(at + 4, (uint16_t)(index >> 32));
    wire_write_u32(at + 6, (uint32_t)index);
    for (size_t n = 0; n < (srtp->gcm ? GCM_SALT : SALT_MAX); n++)
        iv[n] ^= keys->salt[n];
}

/* `head` bytes stay readable, and `index_word` is authenticated although it stands elsewhere. */
static bool run_gcm(const Srtp *srtp, const Keys *keys, const uint8_t *iv, uint8_t *data,
                    size_t head, size_t end, const uint8_t *index_word)
{
    EVP_CIPHER_CTX *cipher = keys->cipher;
    uint8_t none[GCM_TAG];
    int written = 0;
    if (EVP_CipherInit_ex2(cipher, NULL, NULL, iv, srtp->outbound, NULL) != 1 ||
        (!srtp->outbound &&
         EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, GCM_TAG, data + end) != 1) ||
        EVP_CipherUpdate(cipher, NULL, &written, data, (int)head) != 1 ||
        (index_word &&
         EVP_CipherUpdate(cipher, NULL, &written, index_word, RTCP_INDEX) != 1) ||
        EVP_CipherUpdate(cipher, data + head, &written, data + head, (int)(end - head)) != 1 ||
        EVP_CipherFinal_ex(cipher, none, &written) != 1)
        return false;
    return !srtp->outbound ||
           EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, GCM_TAG, data + end) == 1;
}

static bool run_counter(const Keys *keys, const uint8_t *iv, uint8_t *data, size_t size)
{
    int written = 0;
    return EVP_CipherInit_ex2(keys->cipher, NULL, NULL, iv, -1, NULL) == 1 &&
           EVP_CipherUpdate(keys->cipher, data, &written, data, (int)size) == 1;
}

/* The tag over the data and four bytes more, if there are any. */
static bool sign(const Keys *keys, const uint8_t *data, size_t size, const uint8_t *more,
                 uint8_t *tag)
{
    uint8_t whole[SHA1_KEY];
    size_t written = 0;
    if (EVP_MAC_init(keys->mac, NULL, 0, NULL) != 1 ||
        EVP_MAC_update(keys->mac, data, size) != 1 ||
        (more && EVP_MAC_update(keys->mac, more, 4) != 1) ||
        EVP_MAC_final(keys->mac, whole, &written, sizeof whole) != 1)
        return false;
    memcpy(tag, whole, SHA1_TAG);
    return true;
}

static bool is_signed(const Keys *keys, const uint8_t *data, size_t size, const uint8_t *more,
                      const uint8_t *tag)
{
    uint8_t right[SHA1_TAG];
    return sign(keys, data, size, more, right) && CRYPTO_memcmp(right, tag, SHA1_TAG) == 0;
}

/* --- RTP --- */

/* Where the payload begins; 0 for what is no RTP. */
static size_t payload_at(const uint8_t *data, size_t size)
{
    if (size < RTP_HEADER || size > PACKET_MAX || data[0] >> 6 != 2)
        return 0;
    size_t at = RTP_HEADER + 4u * (data[0] & 0x0F);
    if (data[0] & 0x10) {
        if (at + 4 > size)
            return 0;
        at += 4 + 4u * wire_read_u16(data + at + 2);
    }
    return at <= size ? at : 0;
}

bool srtp_protect(Srtp *srtp, uint8_t *data, size_t *size)
{
    const size_t head = payload_at(data, *size), end = *size;
    Source fresh, *stream;
    uint64_t index;
    if (!srtp->outbound || head == 0 ||
        !(stream = stream_of(srtp, wire_read_u32(data + 8), &fresh)) ||
        !guess_index(&stream->rtp, wire_read_u16(data + 2), &index))
        return false;
    /* To use an index twice would give the key stream away. */
    if (stream->rtp.begun && index <= stream->rtp.highest)
        return false;
    uint8_t iv[16], turn[4];
    make_iv(srtp, &srtp->rtp, stream->ssrc, index, iv);
    wire_write_u32(turn, (uint32_t)(index >> 16));
    if (srtp->gcm ? !run_gcm(srtp, &srtp->rtp, iv, data, head, end, NULL)
                  : !run_counter(&srtp->rtp, iv, data + head, end - head) ||
                        !sign(&srtp->rtp, data, end, turn, data + end))
        return false;
    mark_seen(&stream->rtp, index);
    keep_stream(srtp, stream, &fresh);
    *size += srtp->tag;
    return true;
}

bool srtp_unprotect(Srtp *srtp, uint8_t *data, size_t *size)
{
    if (srtp->outbound || *size < RTP_HEADER + srtp->tag)
        return false;
    const size_t end = *size - srtp->tag;
    const size_t head = payload_at(data, end);
    Source fresh, *stream;
    uint64_t index;
    if (head == 0 || !(stream = stream_of(srtp, wire_read_u32(data + 8), &fresh)) ||
        !guess_index(&stream->rtp, wire_read_u16(data + 2), &index) || !is_new(&stream->rtp, index))
        return false;
    uint8_t iv[16], turn[4];
    make_iv(srtp, &srtp->rtp, stream->ssrc, index, iv);
    wire_write_u32(turn, (uint32_t)(index >> 16));
    if (srtp->gcm ? !run_gcm(srtp, &srtp->rtp, iv, data, head, end, NULL)
                  : !is_signed(&srtp->rtp, data, end, turn, data + end) ||
                        !run_counter(&srtp->rtp, iv, data + head, end - head))
        return false;
    mark_seen(&stream->rtp, index);
    keep_stream(srtp, stream, &fresh);
    *size = end;
    return true;
}

/* --- RTCP: the index travels with the packet, behind the tag with GCM, before it without --- */

bool srtcp_protect(Srtp *srtp, uint8_t *data, size_t *size)
{
    const size_t end = *size;
    Source fresh, *stream;
    if (!srtp->outbound || end < RTCP_HEADER || end > PACKET_MAX || data[0] >> 6 != 2 ||
        !(stream = stream_of(srtp, wire_read_u32(data + 4), &fresh)))
        return false;
    const uint64_t index = stream->rtcp.begun ? stream->rtcp.highest + 1 : 1;
    if (index > MOST_REPORTS)
        return false;
    uint8_t iv[16], word[RTCP_INDEX];
    make_iv(srtp, &srtp->rtcp, stream->ssrc, index, iv);
    wire_write_u32(word, (uint32_t)index | RTCP_ENCRYPTED);
    if (srtp->gcm) {
        if (!run_gcm(srtp, &srtp->rtcp, iv, data, RTCP_HEADER, end, word))
            return false;
        memcpy(data + end + GCM_TAG, word, sizeof word);
    } else {
        if (!run_counter(&srtp->rtcp, iv, data + RTCP_HEADER, end - RTCP_HEADER))
            return false;
        memcpy(data + end, word, sizeof word);
        if (!sign(&srtp->rtcp, data, end + RTCP_INDEX, NULL, data + end + RTCP_INDEX))
            return false;
    }
    mark_seen(&stream->rtcp, index);
    keep_stream(srtp, stream, &fresh);
    *size = end + RTCP_INDEX + srtp->tag;
    return true;
}

bool srtcp_unprotect(Srtp *srtp, uint8_t *data, size_t *size)
{
    if (srtp->outbound || *size < RTCP_HEADER + RTCP_INDEX + srtp->tag || *size > PACKET_MAX ||
        data[0] >> 6 != 2)
        return false;
    const size_t end = *size - RTCP_INDEX - srtp->tag;
    const uint8_t *word = data + end + (srtp->gcm ? GCM_TAG : 0);
    const uint32_t index = wire_read_u32(word) & ~RTCP_ENCRYPTED;
    Source fresh, *stream;
    /* DTLS-SRTP always encrypts: what is not was not made by our peer. */
    if (!(wire_read_u32(word) & RTCP_ENCRYPTED) ||
        !(stream = stream_of(srtp, wire_read_u32(data + 4), &fresh)) || !is_new(&stream->rtcp, index))
        return false;
    uint8_t iv[16];
    make_iv(srtp, &srtp->rtcp, stream->ssrc, index, iv);
    if (srtp->gcm ? !run_gcm(srtp, &srtp->rtcp, iv, data, RTCP_HEADER, end, word)
                  : !is_signed(&srtp->rtcp, data, end + RTCP_INDEX, NULL,
                               data + end + RTCP_INDEX) ||
                        !run_counter(&srtp->rtcp, iv, data + RTCP_HEADER, end - RTCP_HEADER))
        return false;
    mark_seen(&stream->rtcp, index);
    keep_stream(srtp, stream, &fresh);
    *size = end;
    return true;
}
