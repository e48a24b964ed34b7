/* RTCP sender and receiver reports (RFC 3550 section 6.4). */
#ifndef MURIMA_RTCP_H
#define MURIMA_RTCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RTCP_MAX 128

typedef struct {
    uint32_t ssrc;        /* of what we send */
    uint32_t remote_ssrc; /* of what we receive */
    bool sending, receiving;
    uint64_t ntp; /* now, in NTP format */
    uint32_t timestamp;
    uint32_t packets_sent, octets_sent;
    uint8_t fraction_lost;
    int32_t cumulative_lost;
    uint32_t highest_sequence;
    uint32_t jitter; /* in timestamp units */
    uint32_t last_sr, delay_since_last_sr;
} Report;

typedef struct {
    bool has_sr;
    uint32_t sr_middle; /* middle 32 bits of the sender's NTP time */
    bool has_block;     /* about what we send */
    uint8_t fraction_lost;
    uint32_t jitter;
    uint32_t last_sr, delay_since_last_sr;
} RemoteReport;

/* Write a compound packet: report, then the source's name. Returns its size. */
size_t rtcp_write(uint8_t *data, const Report *report);

/* The share of packets lost, in 1/256, and how many were lost altogether: repeated packets make it
 * negative, and it stays within 24 bits (RFC 3550 section 6.4.1). */
uint8_t rtcp_fraction(uint32_t expected, uint32_t received);
int32_t rtcp_cumulative(uint32_t expected, uint32_t received);

/* Read a compound packet from the peer about our `ssrc`; false for what is not RTCP. */
bool rtcp_parse(const uint8_t *data, size_t size, uint32_t ssrc, RemoteReport *remote);

#endif
