/* Secure RTP against the vectors of the RFCs, and against whatever may arrive. */
#include "check.h"
#include "srtp.c" /* its session keys have no way out, and the vectors begin with them */

static size_t bytes_of(const char *hex, uint8_t *to)
{
    size_t size = 0;
    for (; *hex; hex++) {
        if (*hex == ' ')
            continue;
        unsigned value;
        sscanf(hex++, "%2x", &value);
        to[size++] = (uint8_t)value;
    }
    return size;
}

static bool is_hex(const uint8_t *data, size_t size, const char *hex)
{
    uint8_t right[PACKET_MAX];
    return bytes_of(hex, right) == size && memcmp(data, right, size) == 0;
}

static const SrtpProfile PROFILES[] = {SRTP_AES128_CM_SHA1_80, SRTP_AEAD_AES_128_GCM,
                                       SRTP_AEAD_AES_256_GCM};

/* RFC 3711 appendix B.3 */
static void keys_are_derived_as_the_rfc_shows(void)
{
    uint8_t master[SRTP_MASTER_MAX], key[94];
    bytes_of("E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6", master);
    Sizes sizes;
    CHECK(sizes_of(SRTP_AES128_CM_SHA1_80, &sizes));
    CHECK(derive(&sizes, master, LABEL_CIPHER, key, 16));
    CHECK(is_hex(key, 16, "C61E7A93744F39EE10734AFE3FF7A087"));
    CHECK(derive(&sizes, master, LABEL_SALT, key, 14));
    CHECK(is_hex(key, 14, "30CBBC08863D8C85D49DB34A9AE1"));
    CHECK(derive(&sizes, master, LABEL_MAC, key, 94));
    CHECK(is_hex(key, 94,
                 "CEBE321F6FF7716B6FD4AB49AF256A15 6D38BAA48F0A0ACF3C34E2359E6CDBCE"
                 "E049646C43D9327AD175578EF7227098 6371C10C9A369AC2F94A8C5FBCDDDC25"
                 "6D6E919A48B610EF17C2041E47403576 6B68642C59BBFC2F34DB60DBDFB2"));
}

/* RFC 3711 appendix B.2 */
static void counter_mode_is_as_the_rfc_shows(void)
{
    const Sizes sizes = {16, SALT_MAX, false};
    uint8_t key[16], iv[16], data[48] = {0};
    bytes_of("2B7E151628AED2A6ABF7158809CF4F3C", key);
    bytes_of("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000", iv);
    Keys keys = {0};
    CHECK(open_cipher(&keys, &sizes, key, true));
    CHECK(run_counter(&keys, iv, data, sizeof data));
    CHECK(is_hex(data, sizeof data,
                 "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB"
                 "41E95B3BB0A2E8DD477901E4FCA894C0"));
    close_keys(&keys);
}

/* The packet that libsrtp checks itself by, for want of one in the RFC. */
static void counter_mode_packet_is_known(void)
{
    uint8_t master[SRTP_MASTER_MAX], data[64];
    bytes_of("E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6", master);
    size_t size = bytes_of("800f1234 decafbad cafebabe abababab abababab abababab abababab", data);
    Srtp *srtp = srtp_new(SRTP_AES128_CM_SHA1_80, master, true);
    CHECK(srtp_protect(srtp, data, &size));
    CHECK(is_hex(data, size, "800f1234 decafbad cafebabe 4e55dc4c e79978d8 8ca4d215 949d2402"
                             "b78d6acc 99ea179b 8dbb"));
    srtp_free(srtp);
}

static Srtp *with_session_keys(SrtpProfile profile, bool outbound)
{
    static const char KEY[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    uint8_t master[SRTP_MASTER_MAX] = {0}, key[32];
    Sizes sizes;
    sizes_of(profile, &sizes);
    Srtp *srtp = srtp_new(profile, master, outbound);
    bytes_of(KEY, key);
    for (Keys *keys = &srtp->rtp; keys <= &srtp->rtcp; keys++) {
        close_keys(keys);
        open_cipher(keys, &sizes, key, outbound);
        bytes_of("517569642070726f2071756f", keys->salt);
    }
    return srtp;
}

/* RFC 7714 section 16 */
static void gcm_packet_is_as_the_rfc_shows(SrtpProfile profile, const char *protected_packet)
{
    static const char PLAIN[] = "8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973"
                                "20646976 69736120 696e2070 61727465 73207472 6573";
    uint8_t data[128];
    size_t size = bytes_of(PLAIN, data);
    Srtp *out = with_session_keys(profile, true), *in = with_session_keys(profile, false);
    /* The first packet of a stream has no index below its own. */
    CHECK(srtp_protect(out, data, &size));
    CHECK(is_hex(data, size, protected_packet));
    CHECK(srtp_unprotect(in, data, &size));
    CHECK(is_hex(data, size, PLAIN));
    srtp_free(out);
    srtp_free(in);
}

/* RFC 7714 section 17 */
static void gcm_report_is_as_the_rfc_shows(SrtpProfile profile, const char *protected_report)
{
    static const char PLAIN[] = "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930"
                                "4c756e61 deadbeef deadbeef deadbeef deadbeef deadbeef";
    uint8_t data[128];
    size_t size = bytes_of(PLAIN, data);
    Srtp *out = with_session_keys(profile, true), *in = with_session_keys(profile, false);
    out->streams[out->stream_count++] =
        (Source){.ssrc = 0x4d617273, .rtcp = {.begun = true, .highest = 0x5d3}};
    CHECK(srtcp_protect(out, data, &size));
    CHECK(is_hex(data, size, protected_report));
    CHECK(srtcp_unprotect(in, data, &size));
    CHECK(is_hex(data, size, PLAIN));
    srtp_free(out);
    srtp_free(in);
}

static void vectors_of_gcm(void)
{
    gcm_packet_is_as_the_rfc_shows(
        SRTP_AEAD_AES_128_GCM,
        "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a"
        "51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce");
    gcm_packet_is_as_the_rfc_shows(
        SRTP_AEAD_AES_256_GCM,
        "8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02"
        "76ffae0f 1ba63799 b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13");
    gcm_report_is_as_the_rfc_shows(
        SRTP_AEAD_AES_128_GCM,
        "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda"
        "4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4");
    gcm_report_is_as_the_rfc_shows(
        SRTP_AEAD_AES_256_GCM,
        "81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50 a2eaa5c1 110555be"
        "8415f658 c61de047 6f1b6fad 1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4");
}

/* --- a pair of ends --- */

typedef struct {
    Srtp *out, *in;
} Ends;

static Ends ends_open(SrtpProfile profile)
{
    uint8_t *master = noise(SRTP_MASTER_MAX);
    const Ends ends = {srtp_new(profile, master, true), srtp_new(profile, master, false)};
    free(master);
    return ends;
}

static void ends_close(Ends *ends)
{
    srtp_free(ends->out);
    srtp_free(ends->in);
}

static size_t protected_packet(Srtp *out, uint8_t *data, uint16_t sequence, uint32_t ssrc)
{
    size_t size = RTP_HEADER + 8;
    memset(data, 0, size);
    rtp_header(data, &(RtpPacket){.sequence = sequence, .ssrc = ssrc});
    return srtp_protect(out, data, &size) ? size : 0;
}

static bool is_taken(Srtp *in, const uint8_t *data, size_t size)
{
    uint8_t copy[PACKET_MAX];
    memcpy(copy, data, size);
    return srtp_unprotect(in, copy, &size);
}

static void nothing_is_sent_twice_under_one_index(SrtpProfile profile)
{
    Ends ends = ends_open(profile);
    uint8_t data[64];
    CHECK(protected_packet(ends.out, data, 10, 1) && !protected_packet(ends.out, data, 10, 1));
    CHECK(!protected_packet(ends.out, data, 9, 1) && protected_packet(ends.out, data, 11, 1));
    ends_close(&ends);
}

static void replays_are_refused_round_the_roll_over(SrtpProfile profile)
{
    Ends ends = ends_open(profile);
    uint8_t data[200][64];
    size_t size[200];
    for (int n = 0; n < 200; n++)
        size[n] = protected_packet(ends.out, data[n], (uint16_t)(65436 + n), 1);
    CHECK(is_taken(ends.in, data[60], size[60]));
    CHECK(is_taken(ends.in, data[0], size[0])); /* within the window of 64 */
    for (int n = 90; n < 130; n++)             /* pairs out of order, over the turn at 100 */
        CHECK(is_taken(ends.in, data[n ^ 1], size[n ^ 1]));
    for (int n = 90; n < 130; n++)
        CHECK(!is_taken(ends.in, data[n], size[n]));
    CHECK(is_taken(ends.in, data[70], size[70])); /* of before the turn */
    CHECK(!is_taken(ends.in, data[65], size[65]) && !is_taken(ends.in, data[1], size[1]));
    CHECK(is_taken(ends.in, data[199], size[199]));
    ends_close(&ends);
}

static void new_ssrc_begins_and_the_old_one_stays_used_up(SrtpProfile profile)
{
    Ends ends = ends_open(profile);
    uint8_t old[64], fresh[64], data[64];
    const size_t old_size = protected_packet(ends.out, old, 40000, 1);
    const size_t fresh_size = protected_packet(ends.out, fresh, 5, 2);
    CHECK(is_taken(ends.in, old, old_size) && is_taken(ends.in, fresh, fresh_size));
    CHECK(!is_taken(ends.in, old, old_size) && !is_taken(ends.in, fresh, fresh_size));
    /* Forged ones begin nothing. */
    for (uint32_t ssrc = 100; ssrc < 200; ssrc++) {
        memcpy(data, fresh, fresh_size);
        wire_write_u32(data + 8, ssrc);
        CHECK(!is_taken(ends.in, data, fresh_size));
    }
    CHECK(ends.in->stream_count == 2);
    for (uint32_t ssrc = 3; ssrc < 100; ssrc++) {
        const size_t size = protected_packet(ends.out, data, 1, ssrc);
        CHECK((size > 0) == (ssrc <= SRTP_STREAMS));
        CHECK(size == 0 || is_taken(ends.in, data, size));
    }
    ends_close(&ends);
}

static void changed_bits_are_noticed(SrtpProfile profile)
{
    Ends ends = ends_open(profile);
    uint8_t data[64], report[64] = {0x80, 201, 0, 1, 0, 0, 0, 9};
    const size_t size = protected_packet(ends.out, data, 7, 1);
    for (size_t bit = 0; bit < size * 8; bit++) {
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK(!is_taken(ends.in, data, size));
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    CHECK(is_taken(ends.in, data, size));
    size_t report_size = 24;
    CHECK(srtcp_protect(ends.out, report, &report_size));
    for (size_t bit = 0; bit <= report_size * 8; bit++) {
        uint8_t copy[64];
        size_t copied = report_size;
        memcpy(copy, report, report_size);
        if (bit < report_size * 8)
            copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK(srtcp_unprotect(ends.in, copy, &copied) == (bit == report_size * 8));
    }
    CHECK(!srtcp_unprotect(ends.in, report, &report_size));
    ends_close(&ends);
}

static void anything_may_arrive(SrtpProfile profile)
{
    Ends ends = ends_open(profile);
    int taken = 0;
    for (int round = 0; round < 30000; round++) {
        size_t size = chance(chance(4) ? 60 : PACKET_MAX + 1);
        uint8_t *data = noise(size + SRTP_ROOM);
        if (size > 1 && chance(4))
            data[0] = (uint8_t)(0x80 | (data[0] & (chance(2) ? 0x0F : 0x3F)));
        if (size > 12)
            wire_write_u32(data + 8, chance(3));
        if (size > 12)
            wire_write_u32(data + 4, chance(3));
        const size_t before = size;
        const bool report = chance(3) == 0;
        const bool sent = report ? srtcp_protect(ends.out, data, &size)
                                 : srtp_protect(ends.out, data, &size);
        CHECK(!sent || (size > before && size <= before + SRTP_ROOM));
        if (sent && chance(2))
            size = chance((uint32_t)size + 1);
        uint8_t *exact = malloc(size ? size : 1); /* to see every byte beyond */
        memcpy(exact, data, size);
        taken += report ? srtcp_unprotect(ends.in, exact, &size)
                        : srtp_unprotect(ends.in, exact, &size);
        free(exact);
        free(data);
    }
    CHECK(taken > 100);
    ends_close(&ends);
}

int main(void)
{
    keys_are_derived_as_the_rfc_shows();
    counter_mode_is_as_the_rfc_shows();
    counter_mode_packet_is_known();
    vectors_of_gcm();
    for (size_t n = 0; n < sizeof PROFILES / sizeof *PROFILES; n++) {
        nothing_is_sent_twice_under_one_index(PROFILES[n]);
        replays_are_refused_round_the_roll_over(PROFILES[n]);
        new_ssrc_begins_and_the_old_one_stays_used_up(PROFILES[n]);
        changed_bits_are_noticed(PROFILES[n]);
        anything_may_arrive(PROFILES[n]);
    }
    uint8_t master[SRTP_MASTER_MAX] = {0};
    CHECK(srtp_master_size((SrtpProfile)2) == 0 && !srtp_new((SrtpProfile)2, master, true));
    return failures ? 1 : 0;
}
